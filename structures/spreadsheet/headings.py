"""The columns that a table may have, and how they are recognised by their headings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from structures.spreadsheet.reading import ABOVE, MAX_ROWS, Row, Unreadable
from structures.spreadsheet.values import Choices, Reader
from structures.text import plain

TO_CORRECT = "À corriger"
"""Heading of the column that tells the faults, in the file of the rows to correct."""
ALIKE = 0.8
"""Likeness (difflib, 0 to 1) from which a heading is taken for a known one with a typo."""


@dataclass(frozen=True)
class Column:
    """One column: its heading in the model file, what goes into it, and the other headings people give it."""

    key: str
    label: str
    about: str
    example: str
    read: Reader
    others: tuple[str, ...] = ()
    choices: Choices | None = None


def _bare(heading: str) -> str:
    """A heading as it is compared: letters and digits, without accents, nor the small words between."""
    words = re.sub(r"[^a-z0-9°]+", " ", plain(heading)).split()
    return " ".join(word for word in words if word not in {"de", "du", "des", "la", "le", "les", "d", "l"}) or "".join(
        words
    )


class Columns:
    """The columns of one kind of table, in the order of its model file; a table holds at most `most_rows` of them."""

    def __init__(self, columns: Iterable[Column], most_rows: int = MAX_ROWS) -> None:
        self.columns = tuple(columns)
        self.most_rows = most_rows
        self.by_key = {column.key: column for column in self.columns}
        self.known: dict[str, str] = {}
        for column in self.columns:
            self.known.setdefault(_bare(column.label), column.key)
        for column in self.columns:
            for other in column.others:
                self.known.setdefault(_bare(other), column.key)

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def _likeness(self, heading: str) -> dict[str, float]:
        """How much a heading looks like each column (0 to 1), for those that it may be."""
        bare = _bare(heading)[:80]
        if not bare or bare == _bare(TO_CORRECT):
            return {}
        if bare in self.known:
            return {self.known[bare]: 1.0}
        found: dict[str, float] = {}
        for known, key in self.known.items():
            # Two or three letters resemble too many others.
            if len(known) > 3 and len(bare) > 3:
                likeness = SequenceMatcher(None, bare, known, autojunk=False).ratio()
                if likeness >= ALIKE:
                    found[key] = max(found.get(key, 0), likeness)
        return found

    def guess(self, headings: Sequence[str]) -> dict[str, int]:
        """Which column of the table holds what, by key: the best likeness first, each at most once."""
        candidates = [
            (-likeness, place, key)
            for place, heading in enumerate(headings)
            for key, likeness in self._likeness(heading).items()
        ]
        mapping: dict[str, int] = {}
        for _, place, key in sorted(candidates):
            if key not in mapping and place not in mapping.values():
                mapping[key] = place
        return {column.key: mapping[column.key] for column in self if column.key in mapping}

    def split(self, rows: Sequence[Row]) -> tuple[Row, list[Row]]:
        """The row of the headings, which is the one of the first ten that says most, and the rows below it.

        Raises `Unreadable` when nothing stands below, or too much.
        """
        head = max(rows[:ABOVE], key=lambda row: (len(self.guess(row.cells)), -row.number))
        below = [row for row in rows if row.number > head.number]
        if not below:
            raise Unreadable("empty")
        if len(below) > self.most_rows:
            raise Unreadable("rows", self.most_rows)
        return head, below

    def sound_mapping(self, mapping: Mapping[str, int], width: int) -> Mapping[str, int]:
        """The same, without what is not a column of ours or of a table of this width."""
        return {key: place for key, place in mapping.items() if key in self.by_key and 0 <= place < width}


def letter(place: int) -> str:
    """The name of a column by its place from 0: A, B… Z, AA."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def unused(headings: Sequence[str], mapping: Mapping[str, int]) -> list[str]:
    """The headings that nothing is read from, but for the one that we wrote ourselves."""
    taken = set(mapping.values())
    return [heading for place, heading in enumerate(headings) if place not in taken and heading not in ("", TO_CORRECT)]
