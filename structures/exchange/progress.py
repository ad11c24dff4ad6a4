"""How far a long command is, on one line of a terminal."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

WIDTH = 24
EVERY = 0.1
"""Seconds between two states of the line."""


@contextmanager
def progress_line(out: TextIO, label: str, size: int) -> Iterator[Callable[[int], None]]:
    """Yield what is told how much of `size` is done. Where `out` is not a terminal, nothing is written."""
    if not out.isatty():
        yield lambda done: None
        return
    started = shown = time.monotonic()

    def moved(done: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown < EVERY:
            return
        shown = now
        share = min(done / max(size, 1), 1.0)
        rest = (now - started) / share * (1 - share) if share else 0.0
        bar = "#" * int(WIDTH * share)
        line = f"{label} [{bar:.<{WIDTH}}] {share:4.0%}, encore {rest:.0f} s"
        out.write("\r\033[K" + line[: shutil.get_terminal_size().columns - 1])
        out.flush()

    try:
        yield moved
    finally:
        out.write("\r\033[K")
        out.flush()
