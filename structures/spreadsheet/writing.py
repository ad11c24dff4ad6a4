"""Tables to download: the model to fill in (XLSX or ODS), and the rows to correct (XLSX).

Every cell is written as a text, never as a formula: what a spreadsheet shows is what was typed, whatever its first
character.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import odswriter
import xlsxwriter

from structures.spreadsheet.headings import TO_CORRECT, Columns
from structures.spreadsheet.plan import Fault
from structures.spreadsheet.reading import Row

TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
}
"""The formats that are written, with their media types."""
WIDE, NARROW = 48, 18
"""Widths of columns, in characters."""
GUIDE_HEADINGS = ("Colonne", "Ce qu’on y met", "Exemple", "Valeurs possibles")

Table = Iterable[Sequence[str]]


def guide(columns: Columns) -> list[Sequence[str]]:
    """What each column of the model expects."""
    rows: list[Sequence[str]] = [GUIDE_HEADINGS]
    for column in columns:
        known = " ; ".join(column.choices.labels.values()) if column.choices else ""
        rows.append((column.label, column.about, column.example, known))
    return rows


def model(kind: str, columns: Columns, sheet: str) -> bytes:
    """The table to fill in: the headings alone, and a second sheet that explains them."""
    sheets: dict[str, Table] = {sheet: [[column.label for column in columns]], "Mode d’emploi": guide(columns)}
    return _xlsx(sheets, lists=columns) if kind == "xlsx" else _ods(sheets)


def to_correct(headings: Sequence[str], rows: Iterable[tuple[Row, Sequence[Fault]]]) -> bytes:
    """The rows as they were uploaded, each after a cell that says what is to be corrected.

    An XLSX whatever was uploaded: the writer of ODS loses the line breaks of a cell.
    """
    # A file that comes back still has its former column of faults.
    places = [place for place, heading in enumerate(headings) if heading != TO_CORRECT]

    def cells_of(row: Row) -> list[str]:
        return [row.cells[place] if place < len(row.cells) else "" for place in places]

    table = [[TO_CORRECT, *(headings[place] for place in places)]]
    table += [[told(faults), *cells_of(row)] for row, faults in rows]
    return _xlsx({"À corriger": table})


def told(faults: Sequence[Fault]) -> str:
    """The faults of a row in one cell."""
    return "\n".join(f"{fault.label or fault.address} : {fault.message}" for fault in faults)


def _xlsx(sheets: dict[str, Table], *, lists: Columns | None = None) -> bytes:
    output = io.BytesIO()
    with xlsxwriter.Workbook(output, {"in_memory": True}) as book:
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        body = book.add_format({"text_wrap": True, "valign": "top"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            for number, cells in enumerate(rows):
                for place, cell in enumerate(cells):
                    if number == 0:
                        wide = cell in {TO_CORRECT, "Nom", "Description", *GUIDE_HEADINGS[1:]}
                        sheet.set_column(place, place, WIDE if wide else NARROW)
                    if cell:
                        sheet.write_string(number, place, cell, head if number == 0 else body)
        if lists:
            _offer_lists(book.worksheets()[0], lists)
    return output.getvalue()


def _offer_lists(sheet: xlsxwriter.worksheet.Worksheet, columns: Columns) -> None:
    """Let the cells that take one value of a list offer it; another one may still be typed."""
    for place, column in enumerate(columns):
        labels = list(column.choices.labels.values()) if column.choices else []
        # Excel keeps at most 255 characters, and a comma would part a label in two.
        if labels and len(",".join(labels)) <= 255 and not any("," in label for label in labels):
            offered = {"validate": "list", "source": labels, "error_type": "information", "show_error": False}
            sheet.data_validation(1, place, columns.most_rows, place, offered)


def _ods(sheets: dict[str, Table]) -> bytes:
    output = io.BytesIO()
    with odswriter.writer(output) as book:
        for name, rows in sheets.items():
            book.new_sheet(name).writerows(rows)
    return output.getvalue()
