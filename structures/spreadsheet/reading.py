"""Reading an uploaded table (XLSX, ODS, CSV), bounded, by what the file is and not by what it is called."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 5000
"""Rows of a table; what stands above the headings does not count."""
MAX_COLUMNS = 60
MAX_CHARACTERS = 10_000_000
MAX_UNPACKED = 200 * 1024 * 1024
"""Bytes that a workbook says its parts take once unpacked. It may lie: `cells` runs under limits."""
ABOVE = 10
"""Rows among which the headings are looked for: a title or two often stand above them."""
READER = Path(__file__).with_name("cells.py")
WAIT = 60
"""Seconds after which a reading is given up, whatever the processor does meanwhile."""

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ODS_TYPE = b"application/vnd.oasis.opendocument.spreadsheet"
NOT_A_TABLE = "Ce fichier n’est pas un tableau. Choisissez un fichier XLSX (Excel), ODS (LibreOffice) ou CSV."
PROBLEMS = {
    "size": "Ce fichier dépasse 5\u00a0Mo. Retirez les images et les feuilles inutiles, ou coupez-le en deux.",
    "rows": "Ce fichier a plus de {most} lignes. Coupez-le en plusieurs fichiers.",
    "columns": "Ce fichier a plus de 60 colonnes. Retirez celles qui ne servent pas ici.",
    "characters": "Ce fichier contient trop de texte. Coupez-le en plusieurs fichiers.",
    "memory": "Ce fichier est trop lourd une fois ouvert : une cellule est peut-être remplie très loin en bas ou à "
    "droite. Copiez vos lignes dans un nouveau fichier.",
    "password": "Ce fichier est protégé par un mot de passe. Retirez la protection, puis déposez-le à nouveau.",
    "old": "Ce fichier est au format .xls, trop ancien. Enregistrez-le au format XLSX ou ODS.",
    "damaged": "Ce fichier est abîmé et ne peut pas être lu. Ouvrez-le, enregistrez-le à nouveau, puis réessayez.",
    "empty": "Ce fichier est vide.",
    "kind": NOT_A_TABLE,
}
"""Why a file cannot be read, in the reader's words."""

CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u2060\ufeff\ufffe\uffff\ud800-\udfff]")
"""Characters that no cell needs and that PostgreSQL or XML refuse."""
NEWLINES = re.compile("\r\n?|[\x85\u2028\u2029]")


class Unreadable(Exception):
    """The file cannot be read; the message is a sentence for the reader, the code a key of `PROBLEMS`."""

    def __init__(self, code: str, most: int = MAX_ROWS) -> None:
        self.code = code
        super().__init__(PROBLEMS[code].replace("{most}", f"{most:,}".replace(",", "\u202f")))


@dataclass(frozen=True)
class Row:
    """A row that is not blank: its number in the file, from 1, and its cells as text, from column A."""

    number: int
    cells: list[str]


@dataclass(frozen=True)
class Table:
    """What was read. `sheet` is empty for a CSV file; `left_out` names the sheets that were not looked at."""

    kind: str
    rows: list[Row]
    sheet: str = ""
    left_out: list[str] = field(default_factory=list)


def tidy(text: str) -> str:
    """A cell without the characters that nobody sees, nor spaces around it."""
    return CONTROLS.sub("", NEWLINES.sub("\n", text)).strip()


def read_table(content: bytes) -> Table:
    """Read the first sheet that holds something. Raises `Unreadable`."""
    if len(content) > MAX_BYTES:
        raise Unreadable("size")
    if content.startswith(ZIP):
        table = _read_workbook(_kind_of_archive(content), content)
    elif content.startswith(OLE):
        # An encrypted XLSX is wrapped in the old container, in a part of this name.
        raise Unreadable("password" if "EncryptedPackage".encode("utf-16-le") in content else "old")
    else:
        table = _read_text(content)
    rows = [Row(row.number, [tidy(cell) for cell in row.cells]) for row in table.rows]
    rows = [row for row in rows if any(row.cells)]
    if not rows:
        raise Unreadable("empty")
    return Table(table.kind, rows, tidy(table.sheet), [tidy(name) for name in table.left_out])


def _kind_of_archive(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {part.filename: part for part in archive.infolist()}
            if sum(part.file_size for part in parts.values()) > MAX_UNPACKED:
                raise Unreadable("memory")
            if "mimetype" in parts and archive.open("mimetype").read(200).strip() == ODS_TYPE:
                manifest = parts.get("META-INF/manifest.xml")
                if manifest and b"encryption-data" in archive.open(manifest).read(MAX_BYTES):
                    raise Unreadable("password")
                return "ods"
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise Unreadable("damaged") from error
    if "xl/workbook.xml" in parts:
        return "xlsx"
    raise Unreadable("kind")


def _read_workbook(kind: str, content: bytes) -> Table:
    limits = {"rows": MAX_ROWS + ABOVE, "columns": MAX_COLUMNS, "characters": MAX_CHARACTERS}
    # Our own reader, with nothing of the user's in its command line: the file goes in by a pipe.
    command = [sys.executable, "-I", str(READER), json.dumps(limits)]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=WAIT, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise Unreadable("memory") from error
    if done.returncode < 0:
        # Killed: by the limit on memory or on time.
        raise Unreadable("memory")
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise Unreadable("damaged") from error
    if "problem" in answer:
        raise Unreadable(answer["problem"])
    rows = [Row(number, cells) for number, cells in answer["rows"]]
    return Table(kind, rows, answer["sheet"], answer["left_out"])


def _decoded(content: bytes) -> str:
    encodings = ["utf-16"] if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        # No text holds these; pictures and other programs' files do.
        if not re.search("[\x00-\x08\x0e-\x1a\x1c-\x1f]", text):
            return text
    raise Unreadable("kind")


def _records(text: str, separator: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator)


def _separator(text: str) -> str:
    """The mark that parts the first line of several cells, which is that of the headings, most."""

    def parts(mark: str) -> int:
        return next((len(cells) for cells in islice(_records(text, mark), ABOVE) if len(cells) > 1), 0)

    return max(";,\t", key=parts)


def _lines(text: str) -> list[Row]:
    rows = []
    for number, cells in enumerate(_records(text, _separator(text)), start=1):
        while cells and not cells[-1].strip():
            cells.pop()
        if not cells:
            continue
        rows.append(Row(number, cells))
        if len(rows) > MAX_ROWS + ABOVE:
            raise Unreadable("rows")
        if len(cells) > MAX_COLUMNS:
            raise Unreadable("columns")
    return rows


def _read_text(content: bytes) -> Table:
    try:
        return Table("csv", _lines(_decoded(content)))
    except csv.Error as error:
        raise Unreadable("damaged") from error
