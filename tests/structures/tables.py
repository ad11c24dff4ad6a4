"""Real files of tests: workbooks and CSV, made on the spot."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from typing import Any

import odswriter
import xlsxwriter

Table = Sequence[Sequence[Any]]


def an_xlsx(*sheets: Table, hidden: Sequence[int] = ()) -> bytes:
    """A workbook whose dates are dates."""
    output = io.BytesIO()
    options = {"in_memory": True, "default_date_format": "dd/mm/yyyy", "strings_to_formulas": False}
    with xlsxwriter.Workbook(output, options) as book:
        for number, rows in enumerate(sheets):
            sheet = book.add_worksheet()
            for line, cells in enumerate(rows):
                sheet.write_row(line, 0, cells)
            if number in hidden:
                sheet.hide()
            else:
                sheet.activate()
    return output.getvalue()


def an_ods(*sheets: Table) -> bytes:
    """The same for LibreOffice."""
    output = io.BytesIO()
    with odswriter.writer(output) as book:
        for number, rows in enumerate(sheets, start=1):
            book.new_sheet(f"Feuille{number}").writerows(rows)
    return output.getvalue()


def a_csv(rows: Table, *, separator: str = ";", encoding: str = "utf-8-sig") -> bytes:
    """A text file as spreadsheets export them."""
    output = io.StringIO()
    csv.writer(output, delimiter=separator).writerows(rows)
    return output.getvalue().encode(encoding)


def repacked(content: bytes, parts: dict[str, bytes]) -> bytes:
    """The same archive with some of its parts replaced, or added."""
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            if part.filename not in parts:
                new.writestr(part, old.read(part.filename))
        for name, data in parts.items():
            new.writestr(name, data)
    return output.getvalue()
