"""Exporting the catalogue in data·inclusion v1: what is published, each row valid by the schema.

The rows come from a cursor of the server and leave one at a time. A row that the schema refuses (a name of two letters)
is left out and reported; so are the services of a structure that is left out.

Cells of the CSV are exact: nothing is put before a value that a spreadsheet would take for a formula. The file is data
for programs, an import of it must change nothing, and telephone numbers begin with a plus.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from pydantic import ValidationError as SchemaError

from structures.exchange.faults import SHOWN
from structures.exchange.format import KINDS, SERVICES, STRUCTURES, Fault, Kind, schema_messages
from structures.exchange.reading import SUFFIXES, BadFile, Entry, format_of
from structures.models import Action, Structure

BATCH = 2000
"""Rows that the server sends at once."""


@dataclass
class Export:
    """What an export wrote, by kind; what it left out, by kind; the first faults."""

    written: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    first: list[Fault] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)


class Exporter:
    """The published rows of some sources (of all of them when none is given), as data·inclusion entries."""

    def __init__(self, sources: Collection[str] = ()) -> None:
        self.sources = sources
        self.report = Export()
        self.missing: set[Any] = set()

    def entries(self, kind: Kind) -> Generator[Entry]:
        """The entries of one kind; structures are asked for first, since services depend on them."""
        names = list(kind.fields)
        parent = "structure_id" if kind is SERVICES else "pk"
        columns = [parent, "source", "source_id", "updated_at", *kind.fields.values()]
        if kind is SERVICES:
            columns.append("structure__source_id")
        for key, source, identifier, updated, *values in self._rows(kind).values_list(*columns).iterator(BATCH):
            entry: Entry = {"source": source, "id": identifier}
            if kind is SERVICES:
                entry["structure_id"] = values.pop()
            entry |= {name: _plain(value) for name, value in zip(names, values, strict=True)}
            # What was born here has no date of its own.
            entry["date_maj"] = entry["date_maj"] or timezone.localdate(updated).isoformat()
            if self._is_sound(kind, key, entry):
                self.report.written[kind.name] += 1
                yield entry

    def _rows(self, kind: Kind) -> QuerySet[Any]:
        if kind is SERVICES:
            actions = Action.objects.published().order_by("source", "source_id")
            return actions.filter(source__in=self.sources) if self.sources else actions
        structures = Structure.objects.filter(is_active=True).order_by("source", "source_id")
        if not self.sources:
            return structures
        offered = Action.objects.published().filter(source__in=self.sources)
        return structures.filter(Q(source__in=self.sources) | Q(pk__in=offered.values("structure")))

    def _is_sound(self, kind: Kind, key: Any, entry: Entry) -> bool:
        faults: list[tuple[str, str]] = []
        if kind is SERVICES and key in self.missing:
            faults.append(("structure_id", "sa structure est laissée de côté"))
        else:
            try:
                kind.schema.model_validate(entry)
            except SchemaError as error:
                faults += schema_messages(error)
        if faults:
            if kind is STRUCTURES:
                self.missing.add(key)
            self.report.left_out[kind.name] += 1
            room = SHOWN - len(self.report.first)
            place = f"{kind.name}, {entry['source']}, {entry['id']}"
            self.report.first += [Fault(place, name, message) for name, message in faults][: max(room, 0)]
        return not faults


def _plain(value: Any) -> Any:
    """A value as the format writes it; what is empty is absent."""
    if value in ("", None) or value == []:
        return None
    if isinstance(value, Decimal):
        return float(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value if isinstance(value, int | float | list) else str(value)


def _columns(kind: Kind) -> list[str]:
    own = ["source", "structure_id", "id"] if kind is SERVICES else ["source", "id"]
    return [*own, *kind.fields]


def _line(entry: Entry) -> str:
    return json.dumps({name: value for name, value in entry.items() if value is not None}, ensure_ascii=False)


def _write_lines(out: TextIO, kind: Kind, entries: Iterator[Entry]) -> None:
    for entry in entries:
        out.write(_line(entry) + "\n")


def _write_list(out: TextIO, kind: Kind, entries: Iterator[Entry]) -> None:
    separator = "[\n"
    for entry in entries:
        out.write(separator + _line(entry))
        separator = ",\n"
    out.write("\n]\n" if separator == ",\n" else "[]\n")


def _write_table(out: TextIO, kind: Kind, entries: Iterator[Entry]) -> None:
    names = _columns(kind)
    writer = csv.writer(out)
    writer.writerow(names)
    for entry in entries:
        writer.writerow([_cell(entry.get(name)) for name in names])


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


WRITERS: dict[str, Callable[[TextIO, Kind, Iterator[Entry]], None]] = {
    "json": _write_list,
    "jsonl": _write_lines,
    "csv": _write_table,
}


@contextmanager
def _written(path: Path) -> Iterator[TextIO]:
    """A file that takes its name once it is whole; gzipped when its name says so."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(unfinished.open("wb"))
            # Without a name and a date inside, the same catalogue gives the same file.
            zipped = path.suffix.lower() == ".gz"
            data: Any = stack.enter_context(gzip.GzipFile("", "wb", fileobj=raw, mtime=0)) if zipped else raw
            yield stack.enter_context(io.TextIOWrapper(data, encoding="utf-8", newline=""))
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _one_moment() -> Iterator[None]:
    """Read structures and services as they stand at one moment, unless the caller's own transaction decides."""
    outer = connection.in_atomic_block
    with transaction.atomic():
        if not outer:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def export_catalogue(path: Path, given: str = "", sources: Collection[str] = ()) -> Export:
    """Write what is published: into one JSON document when `path` is a file, else into two files of a folder.

    The folder is created when it is not there; `given` is the format of its files (JSON unless told). Raises `BadFile`.
    """
    exporter = Exporter(sources)
    form = format_of(path)
    try:
        with _one_moment():
            if form and not path.is_dir():
                if form != "json" or given not in {"", "json"}:
                    raise BadFile("structures et services font deux fichiers dans ce format\u00a0: donnez un dossier")
                _export_document(path, exporter)
            elif path.exists() and not path.is_dir():
                raise BadFile(f"{path} n’est pas un dossier")
            else:
                _export_folder(path, given or "json", exporter)
    except OSError as problem:
        raise BadFile(f"impossible d’écrire {problem.filename or path}") from problem
    return exporter.report


def _export_document(path: Path, exporter: Exporter) -> None:
    with _written(path) as out:
        opening = "{"
        for kind in KINDS:
            out.write(f'{opening}"{kind.name}": ')
            with closing(exporter.entries(kind)) as entries:
                _write_list(out, kind, entries)
            opening = ","
        out.write("}\n")
    exporter.report.paths.append(path)


def _export_folder(path: Path, form: str, exporter: Exporter) -> None:
    path.mkdir(parents=True, exist_ok=True)
    suffix = next(suffix for suffix, name in SUFFIXES.items() if name == form)
    for kind in KINDS:
        file = path / f"{kind.name}{suffix}"
        with _written(file) as out, closing(exporter.entries(kind)) as entries:
            WRITERS[form](out, kind, entries)
        exporter.report.paths.append(file)
