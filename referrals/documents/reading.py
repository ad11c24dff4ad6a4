"""Reads a page to print into plain data: headings, paragraphs, facts, lists, tables, boxes to sign."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

Runs = list[dict[str, Any]]
"""A line of text in pieces: `{"text": …, "strong": …}`, or `{"break": True}`."""

TEXTS = {"h1", "h2", "h3", "p", "li", "dt", "dd", "caption", "th", "td"}
"""What holds text of its own."""

WRAPPERS = {"main", "header", "section", "div", "blockquote", "span", "em", "time", "a", "abbr", "small"}
"""What holds other things, and whose own look is left to the stylesheet of each medium."""

BLOCKS = {"ul": ("list", "items"), "ol": ("numbered", "items"), "dl": ("facts", "rows"), "table": ("table", "rows")}
"""For each element that is a block of its own: its kind, and where its parts stand."""

STRUCTURES = {*BLOCKS, "thead", "tbody", "tr"}
VOID = {"br", "circle", "path", "line", "rect"}
SPACES = re.compile(r"[ \t\n\r\f]+")
"""The spaces that HTML makes one of; no-break ones stay."""


@dataclass
class Sheet:
    """What a page to print says, in order."""

    title: str = ""
    sender: str = ""
    reference: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)


class _Reader(HTMLParser):
    """Follows the page from its running header to the end of `<main>`; the bar of the desk is left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sheet = Sheet()
        self.place = ""
        self.drawing = 0
        self.strong = 0
        self.signs = False
        self.open: list[str] = []
        self.runs: Runs = []
        self.label: Runs = []
        self.row: list[Runs] = []

    # What the parser calls

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter an element."""
        classes = (dict(attrs).get("class") or "").split()
        if self.drawing or tag == "svg":
            self.drawing += tag not in VOID
        elif self.place == "":
            self._enter(tag, classes)
        elif self.place != "main":
            return
        elif tag == "br":
            self.runs.append({"break": True})
        elif tag == "strong":
            self.strong += 1
        elif tag in TEXTS:
            self._begin(tag)
        elif tag in STRUCTURES:
            self._build(tag, classes)
        elif tag in WRAPPERS:
            if "sign" in classes:
                self.signs = True
                self.sheet.blocks.append({"kind": "sign", "boxes": []})
        else:
            raise ValueError(f"a sheet cannot hold <{tag}>")

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        if self.drawing:
            self.drawing -= 1
        elif self.place in ("sender", "reference"):
            setattr(self.sheet, self.place, _words(self._take()))
            self.place = ""
        elif self.place != "main":
            return
        elif tag == "main":
            self.place = "end"
        elif tag == "strong":
            self.strong -= 1
        elif tag in TEXTS:
            self._end(tag)
        elif tag == "tr":
            self.sheet.blocks[-1]["rows"].append(self.row)
        elif tag == "div" and self.signs:
            self.signs = False

    def handle_data(self, data: str) -> None:
        """Take a piece of text."""
        if self.place in ("", "end") or self.drawing:
            return
        text = SPACES.sub(" ", data)
        if self.place == "main" and not self.open:
            if text.strip():
                raise ValueError("a sheet's text stands in a paragraph")
            return
        self.runs.append({"text": text, "strong": self.strong > 0})

    # What it builds

    def _enter(self, tag: str, classes: list[str]) -> None:
        if tag == "main":
            self.place = "main"
        elif "sheet-sender" in classes:
            self.place = "sender"
        elif "ref" in classes:
            self.place = "reference"

    def _begin(self, tag: str) -> None:
        if tag == "p" and self.open:
            # A paragraph inside an item or a cell goes on in it, on a line of its own.
            if any("text" in run for run in self.runs):
                self.runs.append({"break": True})
        elif self.open:
            raise ValueError(f"a sheet cannot hold <{tag}> inside <{self.open[-1]}>")
        else:
            self.runs = []
        self.open.append(tag)

    def _build(self, tag: str, classes: list[str]) -> None:
        if tag in ("thead", "tbody"):
            return
        if tag == "tr":
            self.row = []
            return
        if self.open:
            raise ValueError(f"a sheet cannot hold <{tag}> inside <{self.open[-1]}>")
        kind, inside = BLOCKS[tag]
        # Lines that begin with a box to tick need no mark of their own.
        self.sheet.blocks.append({"kind": "lines" if "boxes" in classes else kind, inside: []})

    def _end(self, tag: str) -> None:
        self.open.pop()
        if self.open:
            return
        runs = self._take()
        blocks = self.sheet.blocks
        match tag:
            case "h1":
                self.sheet.title = _words(runs)
            case "h2" | "h3":
                blocks.append({"kind": "heading", "level": int(tag[1]), "runs": runs})
            case "p" if self.signs:
                blocks[-1]["boxes"].append(runs)
            case "p":
                blocks.append({"kind": "paragraph", "runs": runs})
            case "li":
                blocks[-1]["items"].append(runs)
            case "dt":
                self.label = runs
            case "dd":
                blocks[-1]["rows"].append([self.label, runs])
                self.label = []
            case "caption":
                blocks[-1]["caption"] = runs
            case "th" | "td":
                self.row.append(runs)

    def _take(self) -> Runs:
        """The pieces gathered, without the spaces that HTML does not show."""
        taken: Runs = []
        for run in self.runs:
            if "text" in run:
                at_start = not taken or "break" in taken[-1] or taken[-1]["text"].endswith(" ")
                run = run | {"text": run["text"].removeprefix(" ") if at_start else run["text"]}
                if not run["text"]:
                    continue
            elif taken and "text" in taken[-1]:
                taken[-1]["text"] = taken[-1]["text"].rstrip(" ")
            taken.append(run)
        while taken and ("break" in taken[-1] or not taken[-1]["text"].rstrip(" ")):
            taken.pop()
        if taken:
            taken[-1]["text"] = taken[-1]["text"].rstrip(" ")
        self.runs = []
        return taken


def _words(runs: Runs) -> str:
    return "".join(run.get("text", " ") for run in runs)


def read_sheet(html: str) -> Sheet:
    """The sheet that a page on `base_print.html` shows.

    Raises `ValueError` when the page holds an element that no sheet has: nothing is left out in silence.
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    if reader.place != "end" or not reader.sheet.title:
        raise ValueError("this page is not a sheet")
    return reader.sheet
