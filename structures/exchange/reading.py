"""Reading files of data·inclusion row by row: JSON, JSON lines or CSV, gzipped or not, as long as they are."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import ijson

from structures.exchange.format import KINDS, SERVICES, STRUCTURES, Kind

SUFFIXES = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
FORMATS = ("json", "jsonl", "csv")
GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
SEPARATORS = ",;\t"
CODES = re.compile(r"[^\s\[\]{}()'\",;|]+")
"""The codes of a list in a cell, however it is written: `["a", "b"]`, `['a', 'b']`, `{a,b}` or `a, b`."""

Entry = dict[str, Any]


class BadFile(Exception):
    """A file that cannot be read to its end; the message says which and why, in French."""


@dataclass(frozen=True)
class Unreadable:
    """A row that is not an object of the format, and why, in French."""

    message: str


@dataclass(frozen=True)
class Part:
    """The rows of one kind in one file. `prefix` says where a JSON document holds them (ijson's notation)."""

    kind: Kind
    path: Path
    format: str
    prefix: str = "item"


def _opened(raw: BinaryIO) -> BinaryIO:
    """The bytes of the file, without gzip around them and without a mark of their order before them."""
    zipped = raw.read(2) == GZIP
    raw.seek(0)
    data: Any = gzip.GzipFile(fileobj=raw) if zipped else raw
    if data.read(3) != BOM:
        data.seek(0)
    return data


def _json(data: BinaryIO, part: Part) -> Iterator[tuple[int, Entry | Unreadable]]:
    for number, entry in enumerate(ijson.items(data, part.prefix, use_float=True), start=1):
        yield number, entry if isinstance(entry, dict) else Unreadable("un objet est attendu")


def _lines(data: BinaryIO, part: Part) -> Iterator[tuple[int, Entry | Unreadable]]:
    for number, line in enumerate(data, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            yield number, Unreadable("ce n’est pas du JSON valide")
        else:
            yield number, entry if isinstance(entry, dict) else Unreadable("un objet est attendu")


def _table(data: BinaryIO, part: Part) -> Iterator[tuple[int, Entry | Unreadable]]:
    text = io.TextIOWrapper(data, encoding="utf-8", newline="")
    first = text.readline()
    separator = max(SEPARATORS, key=first.count)
    # Strict: a file that was cut inside a cell is refused.
    rows = csv.reader(itertools.chain([first], text), delimiter=separator, strict=True)
    names = [name.strip() for name in next(rows, [])]
    missing = sorted(part.kind.required - set(names))
    if missing:
        raise BadFile(f"colonnes manquantes pour des {part.kind.name}\u00a0: {', '.join(missing)}")
    if len(set(names)) < len(names):
        raise BadFile("deux colonnes ont le même nom")
    lists = part.kind.lists
    for number, cells in enumerate(rows, start=2):
        if not cells:
            continue
        if len(cells) != len(names):
            yield number, Unreadable(f"{len(cells)} cellules au lieu de {len(names)}")
            continue
        pairs = zip(names, cells, strict=True)
        yield number, {name: CODES.findall(cell) if name in lists else cell for name, cell in pairs}


READERS: dict[str, Callable[[BinaryIO, Part], Iterator[tuple[int, Entry | Unreadable]]]] = {
    "json": _json,
    "jsonl": _lines,
    "csv": _table,
}


def read(part: Part, moved: Callable[[int], None] | None = None) -> Iterator[tuple[int, Entry | Unreadable]]:
    """Each row with its number, one at a time: its rank in JSON, its line elsewhere (in CSV, as a spreadsheet counts).

    `moved` is told how many bytes of the file have been read. Raises `BadFile` where the file cannot be read on.
    """
    try:
        with part.path.open("rb") as raw:
            for number, entry in READERS[part.format](_opened(raw), part):
                yield number, entry
                if moved is not None:
                    moved(raw.tell())
    except BadFile as problem:
        raise BadFile(f"{part.path.name}\u00a0: {problem}") from problem
    except FileNotFoundError as problem:
        raise BadFile(f"fichier introuvable\u00a0: {part.path}") from problem
    except ijson.JSONError as problem:
        raise BadFile(f"{part.path.name}\u00a0: ce n’est pas du JSON valide, ou le fichier est incomplet") from problem
    except UnicodeDecodeError as problem:
        raise BadFile(f"{part.path.name}\u00a0: le texte n’est pas en UTF-8") from problem
    except csv.Error as problem:
        raise BadFile(f"{part.path.name}\u00a0: tableau mal formé, ou fichier incomplet") from problem
    except (OSError, EOFError, zlib.error) as problem:
        raise BadFile(f"{part.path.name}\u00a0: fichier illisible") from problem


def format_of(path: Path) -> str:
    """The format that a file's name announces, `.gz` set aside; empty when it announces none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    return SUFFIXES.get(suffixes[-1], "") if suffixes else ""


def _is_object(path: Path) -> bool:
    """Whether a JSON document is an object, with the lists under their names, and not a list."""
    try:
        with path.open("rb") as raw:
            data = _opened(raw)
            while char := data.read(1):
                if not char.isspace():
                    return char == b"{"
    except FileNotFoundError as problem:
        raise BadFile(f"fichier introuvable\u00a0: {path}") from problem
    except (OSError, EOFError, zlib.error) as problem:
        raise BadFile(f"{path.name}\u00a0: fichier illisible") from problem
    return False


def _holds_services(part: Part) -> bool:
    """Whether the first readable row of a list belongs to a structure, as services do."""
    for _, entry in itertools.islice(read(part), 20):
        if isinstance(entry, dict):
            return "structure_id" in entry
    return False


def _in_folder(folder: Path, given: str) -> list[Part]:
    """The file of structures and the file of services of a folder. Raises `BadFile` when there are several of one."""
    parts = []
    for kind in KINDS:
        found = sorted(
            path
            for path in folder.iterdir()
            if path.name.startswith(kind.name) and format_of(path) and given in {"", format_of(path)}
        )
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise BadFile(f"plusieurs fichiers de {kind.name} dans {folder}\u00a0: {names}. Donnez leur chemin")
        parts += [Part(kind, path, format_of(path)) for path in found]
    if not parts:
        raise BadFile(f"ni structures.* ni services.* dans {folder}")
    return parts


def locate(path: Path, services: Path | None = None, given: str = "") -> list[Part]:
    """What to read, structures first.

    `path` is a folder (`structures*.json`, `services*.csv`…), a JSON object that holds both lists, or one list: of
    services when its rows say their structure, else of structures. `services` is the other list. `given` is a format
    that overrules the files' names. Raises `BadFile`.
    """
    if path.is_dir():
        if services is not None:
            raise BadFile("un dossier contient déjà les services\u00a0: donnez le fichier des structures")
        return _in_folder(path, given)
    parts = []
    for file, kind in ((path, STRUCTURES), (services, SERVICES)):
        if file is None:
            continue
        form = given or format_of(file)
        if not form:
            raise BadFile(f"format inconnu\u00a0: {file.name} (attendu\u00a0: {', '.join(FORMATS)})")
        if form == "json" and _is_object(file):
            kinds = KINDS if services is None else (kind,)
            parts += [Part(each, file, form, f"{each.name}.item") for each in kinds]
        else:
            parts.append(Part(kind, file, form))
    if len(parts) == 1 and _holds_services(parts[0]):
        return [Part(SERVICES, parts[0].path, parts[0].format)]
    return parts
