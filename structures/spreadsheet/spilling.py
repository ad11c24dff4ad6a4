"""A long table written row by row to a file that nobody else sees: memory does not grow with the number of rows.

Every cell is a text, never a formula. A CSV file has no types: a cell that a spreadsheet would take for a formula
begins there with an apostrophe, as the OWASP advises.
"""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import IO

import xlsxwriter

from structures.spreadsheet.reading import CONTROLS, ODS_TYPE

Rows = Iterable[Sequence[str]]
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters by which a spreadsheet knows a formula."""
TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ods": ODS_TYPE.decode(),
    "csv": "text/csv; charset=utf-8",
}
"""The formats that are written, with their media types."""

_MANIFEST = f"""<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">
<manifest:file-entry manifest:full-path="/" manifest:version="1.2" manifest:media-type="{ODS_TYPE.decode()}"/>
<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>
</manifest:manifest>"""
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2">
<office:body><office:spreadsheet><table:table table:name={name}>"""
_TAIL = "</table:table></office:spreadsheet></office:body></office:document-content>"


def plain_cell(cell: str) -> str:
    """A cell of a CSV file that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _csv(file: IO[bytes], name: str, rows: Rows) -> None:
    # The mark at the start tells Excel that accents are in UTF-8.
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, delimiter=";")
    for row in rows:
        writer.writerow([plain_cell(cell) for cell in row])
    text.detach()


def _xlsx(file: IO[bytes], name: str, rows: Rows) -> None:
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        for number, row in enumerate(rows):
            for place, cell in enumerate(row):
                if cell:
                    sheet.write_string(number, place, cell, None if number else bold)


def _ods(file: IO[bytes], name: str, rows: Rows) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        # First and as it is: this is how the format is recognised.
        archive.writestr("mimetype", ODS_TYPE, zipfile.ZIP_STORED)
        archive.writestr("META-INF/manifest.xml", _MANIFEST)
        with archive.open("content.xml", "w", force_zip64=True) as content:
            content.write(_HEAD.format(name=f'"{escape(name)}"').encode())
            for row in rows:
                content.write(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>".encode())
            content.write(_TAIL.encode())


def _ods_cell(cell: str) -> str:
    if not cell:
        return "<table:table-cell/>"
    lines = "".join(f"<text:p>{escape(line, quote=False)}</text:p>" for line in CONTROLS.sub("", cell).split("\n"))
    return f'<table:table-cell office:value-type="string">{lines}</table:table-cell>'


WRITERS: dict[str, Callable[[IO[bytes], str, Rows], None]] = {"xlsx": _xlsx, "ods": _ods, "csv": _csv}


def spill(kind: str, name: str, rows: Rows) -> IO[bytes]:
    """The rows (headings first) as a file of one sheet `name`, open at its start; it is gone once closed."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the response closes it)
    WRITERS[kind](file, name, rows)
    file.seek(0)
    return file
