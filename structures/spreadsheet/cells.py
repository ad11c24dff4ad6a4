"""The cells of a workbook as text. A program of its own: `reading` runs it under limits and talks to it by pipes.

A workbook of some kilobytes can ask for gigabytes (a lone cell in the last row of the last column, a compressed sheet
of zeroes), and the reader then ends its whole process. Here that process is this one, not the web server's.
Its argument: the limits, as JSON. Standard input: the file. Standard output: one JSON object, with `problem`, or with
`sheet`, `left_out` and `rows`.
"""

import datetime as dt
import io
import json
import resource
import sys
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

MEMORY = 768 * 1024 * 1024
"""Bytes of address space."""
SECONDS = 20
"""Seconds of processor time."""


def as_text(value: Any) -> str:
    """A cell as a French reader sees it: « 12/01/2027 », « 12,5 », « oui »."""
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{value:.10g}".replace(".", ",")
    if isinstance(value, dt.datetime):
        return f"{value:%d/%m/%Y}" if value.time() == dt.time() else f"{value:%d/%m/%Y %H:%M}"
    if isinstance(value, dt.date):
        return f"{value:%d/%m/%Y}"
    if isinstance(value, dt.time):
        return f"{value:%H:%M}"
    return str(value)


def read(content: bytes, limits: dict[str, int]) -> dict[str, Any]:
    """The first visible sheet that holds something: its rows that are not blank, each with its number."""
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
    visible = [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
    ]
    for position, name in enumerate(visible):
        rows, characters = [], 0
        sheet = workbook.get_sheet_by_name(name)
        indent = [""] * (sheet.start[1] if sheet.start else 0)
        for number, row in enumerate(sheet.iter_rows(), start=1):
            cells = [as_text(value) for value in row]
            while cells and not cells[-1].strip():
                cells.pop()
            if not cells:
                continue
            cells = indent + cells
            characters += sum(map(len, cells))
            rows.append([number, cells])
            for problem, size in (("rows", len(rows)), ("columns", len(cells)), ("characters", characters)):
                if size > limits[problem]:
                    return {"problem": problem}
        if rows:
            return {"sheet": name, "left_out": visible[position + 1 :], "rows": rows}
    return {"problem": "empty"}


def main() -> None:
    """Read standard input under limits, and answer."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = read(sys.stdin.buffer.read(), json.loads(sys.argv[1]))
    except PasswordError:
        answer = {"problem": "password"}
    except MemoryError:
        answer = {"problem": "memory"}
    except (CalamineError, OverflowError, ValueError):
        answer = {"problem": "damaged"}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
