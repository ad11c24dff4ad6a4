"""Tables of two entries with both totals, masked as one whole."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from reporting.secrecy import Figure, Ledger

Cell = tuple[str, str]


@dataclass(frozen=True)
class Table:
    """What `components/table.html` draws: the first cell of a row is its heading."""

    caption: str
    columns: list[str]
    rows: list[list[str]]


class Crossing:
    """Numbers by row and by column. Its cells and totals stand in the ledger from the start, hence masked with it."""

    def __init__(self, ledger: Ledger, name: str, whole: Hashable, numbers: Mapping[Cell, int]) -> None:
        self.ledger = ledger
        self.name = name
        self.whole = whole
        self.cells = set(numbers)
        self.row_keys = list(dict.fromkeys(row for row, _ in numbers))
        self.column_keys = list(dict.fromkeys(column for _, column in numbers))
        for row in self.row_keys:
            for column in self.column_keys:
                ledger.put((name, row, column), numbers.get((row, column), 0))
        for row in self.row_keys:
            cells = [(name, row, column) for column in self.column_keys]
            ledger.put((name, "row", row), sum(ledger.number(cell) for cell in cells))
            ledger.total((name, "row", row), cells)
        for column in self.column_keys:
            cells = [(name, row, column) for row in self.row_keys]
            ledger.put((name, "column", column), sum(ledger.number(cell) for cell in cells))
            ledger.total((name, "column", column), cells)
        ledger.total(whole, [(name, "row", row) for row in self.row_keys])
        ledger.total(whole, [(name, "column", column) for column in self.column_keys])

    def people(self, key: Cell, people: int) -> None:
        """Say how many persons stand behind a cell, or behind a total: ("row", row) or ("column", column)."""
        self.ledger.put((self.name, *key), self.ledger.number((self.name, *key)), people)

    def row_total(self, row: str) -> Figure:
        """The total of one row, as it may be shown."""
        return self.ledger.show((self.name, "row", row))

    def table(
        self,
        caption: str,
        heading: str,
        row_labels: Mapping[str, str],
        column_labels: Mapping[str, str],
    ) -> Table:
        """The table, in the order of the labels; rows and columns that hold nothing are left out."""
        rows = [row for row in row_labels if row in self.row_keys]
        columns = [column for column in column_labels if column in self.column_keys]
        lines = [
            [
                row_labels[row],
                *(self.ledger.show((self.name, row, column)).text for column in columns),
                self.row_total(row).text,
            ]
            for row in rows
        ]
        totals = [self.ledger.show((self.name, "column", column)).text for column in columns]
        lines.append(["Total", *totals, self.ledger.show(self.whole).text])
        return Table(caption, [heading, *(column_labels[column] for column in columns), "Total"], lines)
