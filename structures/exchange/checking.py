"""Checking one row of a file: what data·inclusion's schema refuses, and what our columns cannot hold.

A row that the schema refuses is left out. A value that the schema admits and that a column of ours cannot hold (a
three-digit telephone number, a longer address) is left empty and the rest of the row is kept. Both are reported,
without the value: it may be somebody's name.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any

from data_inclusion.schema import v1
from django.core.exceptions import ValidationError
from django.db import models
from phonenumber_field.modelfields import PhoneNumberField
from pydantic import ValidationError as SchemaError

from structures.exchange.deriving import derive
from structures.exchange.format import OURS, SERVICES, Kind, schema_messages
from structures.exchange.reading import Entry, Unreadable
from structures.fields import read_phone

FORBIDDEN = "caractère interdit"
OUT_OF_BOUNDS = "nombre hors limites"
FARTHEST = {"latitude": 90.0, "longitude": 180.0}
"""Degrees, on each side of zero."""


@dataclass
class Checked:
    """One row after the checks: its identity as far as it can be read, its values when it is sound, and its faults.

    `refused` and `emptied` are (field, message in French); `unknown` are the fields that the format does not have.
    """

    number: int
    source: str = ""
    id: str = ""
    structure_id: str = ""
    values: dict[str, Any] | None = None
    refused: list[tuple[str, str]] = field(default_factory=list)
    emptied: list[tuple[str, str]] = field(default_factory=list)
    unknown: frozenset[str] = frozenset()


def _value(found: Any, given: Any) -> Any:
    """A value that the schema has read: its codes, its date or its number; a text as it was written."""
    if isinstance(found, set | list):
        return sorted({code.value if isinstance(code, Enum) else code for code in found})
    if isinstance(found, Enum):
        return found.value
    # Addresses too are kept as they were written, not as the schema spells them.
    return found if isinstance(found, dt.date | int | float) else given


@lru_cache(maxsize=4096)
def _phone(text: str) -> str:
    """A telephone number as it is stored; empty when it is not one (short numbers, several numbers, words)."""
    number = read_phone(text)
    return number.as_e164 if number else ""


def _fit(column: models.Field[Any, Any], value: Any) -> tuple[Any, str]:
    """The value as our column holds it, or why it cannot, in French."""
    if isinstance(value, list):
        return value, ""
    if isinstance(value, str):
        if "\0" in value:
            return None, FORBIDDEN
        if isinstance(column, PhoneNumberField):
            number = _phone(value)
            return number, "" if number else "numéro de téléphone inconnu"
        if column.max_length and len(value) > column.max_length:
            return None, f"texte trop long ({column.max_length} caractères au plus)"
        if isinstance(column, models.URLField | models.EmailField):
            return _address(column, value)
    elif column.name in FARTHEST:
        good = math.isfinite(value) and abs(value) <= FARTHEST[column.name]
        return (value, "") if good else (None, OUT_OF_BOUNDS)
    elif isinstance(column, models.DecimalField | models.PositiveSmallIntegerField):
        try:
            return column.clean(Decimal(str(value)) if isinstance(value, float) else value, None), ""
        except ValidationError:
            return None, OUT_OF_BOUNDS
    return value, ""


def _address(column: models.Field[Any, Any], value: str) -> tuple[Any, str]:
    try:
        column.run_validators(value)
    except ValidationError:
        return None, "adresse mal formée"
    return value, ""


def _text(entry: Mapping[str, Any], name: str) -> str:
    """A field that names the row, when it does."""
    value = entry.get(name)
    return value if isinstance(value, str) and "\0" not in value and value.isprintable() else ""


def check(kind: Kind, number: int, entry: Entry | Unreadable) -> Checked:
    """Check a row and work out what Relais derives from it."""
    row = Checked(number)
    if isinstance(entry, Unreadable):
        row.refused.append(("", entry.message))
        return row
    row.source, row.id, row.structure_id = (_text(entry, name) for name in ("source", "id", "structure_id"))
    row.unknown = frozenset(map(str, entry.keys() - kind.schema.model_fields.keys()))
    # An empty text or list says nothing, as an absent field does.
    given = {
        name: value
        for name, value in entry.items()
        if value is not None and value != [] and not (isinstance(value, str) and not value.strip())
    }
    try:
        found = kind.schema.model_validate(given)
    except SchemaError as error:
        row.refused += schema_messages(error)
        return row
    row.refused += _identity(kind, row)
    values = _values(kind, given, found, row)
    if not row.refused:
        row.values = values | derive(kind, values)
        if kind is SERVICES and not row.values["themes"]:
            row.values = None
            row.refused.append(("thematiques", "aucune ne correspond à un besoin de Relais"))
    return row


def _identity(kind: Kind, row: Checked) -> Iterable[tuple[str, str]]:
    """What is wrong with the names of the row and of its structure."""
    lengths = {"source": kind.column("source").max_length, "id": kind.column("source_id").max_length}
    if kind is SERVICES:
        lengths["structure_id"] = lengths["id"]
    for name, longest in lengths.items():
        value = getattr(row, name)
        if not value:
            yield name, FORBIDDEN
        elif longest and len(value) > longest:
            yield name, f"texte trop long ({longest} caractères au plus)"
    if row.source == OURS:
        yield "source", "cette source est celle de Relais\u00a0: un fichier ne la change pas"


def _values(kind: Kind, given: Entry, found: v1.Structure | v1.Service, row: Checked) -> dict[str, Any]:
    """Our columns' values; those that a column cannot hold are noted in the row."""
    values = {}
    for theirs, column in kind.columns.items():
        read = getattr(found, theirs)
        value, message = (None, "") if read is None else _fit(column, _value(read, given.get(theirs)))
        if message:
            (row.refused if theirs in kind.required else row.emptied).append((theirs, message))
            value = None
        values[kind.fields[theirs]] = column.get_default() if value is None else value
    return values
