"""Makes an accessible PDF of a sheet: tagged, PDF/UA-1, in French, its fonts embedded, without any network.

The fonts are those that the typesetter brings (Libertinus Serif; DejaVu Sans Mono for what the first one lacks, such
as Arabic): the same on every machine. `glyphs.txt` lists the characters that they can draw; the standard forbids the
others.
"""

from __future__ import annotations

import functools
import json
import re
import threading
import unicodedata
from pathlib import Path

import typst

from referrals.documents.reading import Runs, Sheet

FOLDER = Path(__file__).parent
MISSING = "\N{REPLACEMENT CHARACTER}"
"""Stands for a character that no font here can draw."""

NOTE = f"{MISSING} : un caractère que ce document ne peut pas écrire. Il se lit dans Relais."

_turn = threading.Lock()
"""The compiler serves one thread at a time, which also bounds what sheets take of a process: one core."""


@functools.cache
def _compiler() -> typst.Compiler:
    # Without the system's fonts: a sheet must not depend on the machine.
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
    return typst.Compiler(input=str(FOLDER / "sheet.typ"), root=str(FOLDER), font_paths=fonts)


@functools.cache
def _undrawable() -> re.Pattern[str]:
    ranges = [line.split("-") for line in (FOLDER / "glyphs.txt").read_text().split()]
    drawn = "".join(f"\\U{int(first, 16):08x}-\\U{int(last, 16):08x}" for first, last in ranges)
    return re.compile(f"[^{drawn}]")


def drawable(text: str) -> str:
    """The text in composed form, with `MISSING` in the place of each character that cannot be drawn."""
    return _undrawable().sub(MISSING, unicodedata.normalize("NFC", text))


def _drawable_runs(runs: Runs) -> Runs:
    return [run | {"text": drawable(run["text"])} if "text" in run else run for run in runs]


def _data(sheet: Sheet) -> str:
    blocks = []
    for block in sheet.blocks:
        found = dict(block)
        for name in ("runs", "caption"):
            if name in block:
                found[name] = _drawable_runs(block[name])
        for name in ("items", "boxes"):
            if name in block:
                found[name] = [_drawable_runs(runs) for runs in block[name]]
        if "rows" in block:
            found["rows"] = [[_drawable_runs(runs) for runs in row] for row in block["rows"]]
        blocks.append(found)
    if MISSING in json.dumps(blocks, ensure_ascii=False):
        blocks.append({"kind": "paragraph", "runs": [{"text": NOTE, "strong": False}]})
    return json.dumps(
        {
            "title": drawable(sheet.title),
            "name": " ".join(part for part in (sheet.title, sheet.reference) if part),
            "sender": drawable(sheet.sender),
            "reference": sheet.reference,
            "blocks": blocks,
        }
    )


def typeset(sheet: Sheet) -> bytes:
    """The PDF of a sheet. Its title is the sheet's and its reference: no name stands in the file's metadata."""
    data = _data(sheet)
    with _turn:
        made = _compiler().compile(format="pdf", sys_inputs={"sheet": data}, pdf_standards=["ua-1"])
    assert isinstance(made, bytes)  # One document, and no file to write it to.
    return made
