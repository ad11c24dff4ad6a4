"""The figures as a file: the fiches of one's own structure line by line, or the tables of the territory as shown.

Who sees no names gets no lines either: a line per fiche would give away every group that the page masks.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from reporting.boxes import FICHE_BOXES
from reporting.dashboard import Dashboard
from reporting.models import Wait
from reporting.reading import Reading
from reporting.scope import Scope
from structures.spreadsheet.spilling import plain_cell, spill

HEADINGS = (
    *("Référence", "Envoyée le", "Prescripteur", "Structure d’accueil", "Action", "Où elle en est"),
    "Réponse en jours ouvrés",
)


class _Line:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def fiche_rows(scope: Scope) -> Iterator[Sequence[str]]:
    """One row per fiche of the scope, without any name of a person, read some at a time."""
    yield HEADINGS
    for reference, day, sender, receiver, action, box, wait, days in Reading(scope).fiche_lines():
        where = FICHE_BOXES[box].label if box in FICHE_BOXES else ""
        yield (
            reference,
            f"{day:%d/%m/%Y}",
            sender,
            receiver,
            action,
            where,
            str(days) if wait == Wait.ANSWERED else "",
        )


def table_rows(scope: Scope) -> Iterator[Sequence[str]]:
    """Every figure and every table of the page, masked as it is there."""
    for section in Dashboard(scope).sections():
        yield (section.title,)
        for tile in section.tiles:
            yield (tile.label, f"{tile.value} {tile.unit}".strip(), tile.denominator)
        for table in [*(chart.table for chart in section.charts), *section.tables]:
            yield (table.caption,)
            yield table.columns
            yield from table.rows
        yield ()


def rows_of(scope: Scope) -> Iterable[Sequence[str]]:
    """What a file of the scope holds."""
    return table_rows(scope) if scope.masks else fiche_rows(scope)


def file_of(scope: Scope, kind: str) -> IO[bytes]:
    """The rows as a file of a kind of `structures.spreadsheet.spilling.TYPES`: memory does not grow with it."""
    return spill(kind, "Statistiques" if scope.masks else "Fiches", rows_of(scope))


def csv_lines(scope: Scope) -> Iterator[str]:
    """A CSV file line by line, sent while it is read. The mark at its start tells Excel that it is UTF-8."""
    writer = csv.writer(_Line(), delimiter=";")
    yield "\ufeff"
    for row in rows_of(scope):
        yield writer.writerow([plain_cell(cell) for cell in row])
