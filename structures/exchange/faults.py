"""The faults of an import: counted, the first ones kept to be shown, all of them written to a file if one is given."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from typing import Any, TextIO

from structures.exchange.format import Fault, Kind

SHOWN = 20
"""Faults that are shown; a file holds the others."""
MOST_NAMES = 50
"""Unknown fields that are named."""
HEADER = ("fichier", "ligne", "id", "champ", "message", "effet")
REFUSED, EMPTIED = "ligne écartée", "champ laissé vide"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would compute: people open this file, a quote before it makes it a text."""


def _cell(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


class FaultLog:
    """What was refused and what was left empty. It holds counts and a few faults, however long the file is.

    `skipped` and `emptied` count rows and values by kind; `tally` counts the faults by kind, field, message and effect;
    `nameless` counts the rows whose identity could not be read. No value of the file is kept but the row's identifier.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self.skipped: Counter[str] = Counter()
        self.emptied: Counter[str] = Counter()
        self.nameless: Counter[str] = Counter()
        self.tally: Counter[tuple[str, str, str, str]] = Counter()
        self.first: list[Fault] = []
        self.unknown: set[str] = set()
        self._writer: Any = csv.writer(out) if out is not None else None
        if self._writer:
            self._writer.writerow(HEADER)

    @property
    def count(self) -> int:
        """Rows left out and values left empty."""
        return self.skipped.total() + self.emptied.total()

    def refuse(self, kind: Kind, number: int, identifier: str, faults: Iterable[tuple[str, str]]) -> None:
        """A row that is left out, with each of its (field, message)."""
        self.skipped[kind.name] += 1
        if not identifier:
            self.nameless[kind.name] += 1
        for name, message in faults:
            self._note(kind, number, identifier, name, message, REFUSED)

    def empty(self, kind: Kind, number: int, identifier: str, faults: Iterable[tuple[str, str]]) -> None:
        """The values of a row that are left empty, as (field, message)."""
        for name, message in faults:
            self.emptied[kind.name] += 1
            self._note(kind, number, identifier, name, message, EMPTIED)

    def ignore(self, names: Iterable[str]) -> None:
        """Fields that data·inclusion does not have."""
        for name in names:
            if len(self.unknown) < MOST_NAMES:
                self.unknown.add(name)

    def _note(self, kind: Kind, number: int, identifier: str, name: str, message: str, effect: str) -> None:
        self.tally[kind.name, name, message, effect] += 1
        if len(self.first) < SHOWN:
            place = f"{kind.name}, ligne {number}" + (f" ({identifier})" if identifier else "")
            self.first.append(Fault(place, name, message))
        if self._writer:
            self._writer.writerow(map(_cell, (kind.name, number, identifier, name, message, effect)))

    def emptied_fields(self, kind: str) -> Counter[str]:
        """How many values of each field of a kind were left empty."""
        found: Counter[str] = Counter()
        for (name, field, _, effect), number in self.tally.items():
            if name == kind and effect == EMPTIED:
                found[field] += number
        return found
