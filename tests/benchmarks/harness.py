"""What every benchmark shares: a progress bar, percentiles, a table for people and one JSON line for machines.

A benchmark is a module with `main(argv)` that ends with `report(...)`, and with
`if __name__ == "__main__": main(sys.argv[1:])`. It is run by `bin/bench NAME`, which starts the servers;
`prepare()` migrates their empty database. Keys of the JSON object end in their unit (`p95_ms`, `queries_count`);
`ratio` is what is compared within the same run.
"""

import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command
from django.db import connection

UNITS = ("_ms", "_s", "_count", "_bytes", "_mb", "_per_s", "per_second", "_percent", "ratio")
COUNTED = {
    "due",
    "kills",
    "cuts",
    "restarts",
    "sent",
    "lost",
    "astray",
    "duplicates",
    "window",
    "refused",
    "unanswered",
}
"""Figures that are counts of what they are named after."""


def prepare() -> None:
    """Set Django up and bring the empty database to the current schema."""
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)


def progress(items: Iterable[Any], label: str) -> Iterator[Any]:
    """Yield the items while a bar on the terminal moves (elsewhere, a line every tenth of the way)."""
    rows = list(items)
    count = len(rows)
    live = sys.stderr.isatty()
    started = shown = time.monotonic()
    tenth = -1
    for done, item in enumerate(rows, start=1):
        yield item
        now = time.monotonic()
        if live and (now - shown > 0.1 or done == count):
            shown = now
            filled = 24 * done // max(count, 1)
            rest = (now - started) / done * (count - done)
            line = f"{label} [{'#' * filled}{'.' * (24 - filled)}] {done}/{count}, {rest:.0f} s left"
            sys.stderr.write("\r\033[K" + line[: shutil.get_terminal_size().columns - 1])
        elif not live and 10 * done // max(count, 1) > tenth:
            tenth = 10 * done // max(count, 1)
            sys.stderr.write(f"{label}: {done}/{count}\n")
        sys.stderr.flush()
    if live:
        sys.stderr.write("\r\033[K")


def percentile(values: Sequence[float], rank: float) -> float:
    """The value below which `rank` percent of the values stand, interpolated. Raises ValueError without values."""
    if not values:
        raise ValueError("no value was measured")
    ordered = sorted(values)
    place = (len(ordered) - 1) * rank / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        postgres = cursor.fetchone()[0]
        cursor.execute("SHOW fsync")
        fsync = cursor.fetchone()[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu_count": len(os.sched_getaffinity(0)),
        "cpu_model": model,
        "memory_mb": memory // 1_000_000,
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "django": django.get_version(),
        "postgres": postgres,
        "fsync": fsync,
    }


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Lay rows out in columns: text to the left, figures to the right."""
    cells = [[f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(headers, *cells, strict=True)]
    lines = [[*headers], ["-" * width for width in widths], *cells]
    numeric = [bool(rows) and all(isinstance(row[index], int | float) for row in rows) for index in range(len(headers))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    )


def report(name: str, headers: Sequence[str], rows: Sequence[Sequence[Any]], figures: dict[str, Any]) -> None:
    """Print the table, then, as the last line, the JSON object. Raises ValueError for a figure without a unit."""
    for key, value in figures.items():
        if isinstance(value, int | float) and key not in COUNTED and not key.endswith(UNITS):
            raise ValueError(f"{key} must end with its unit: {', '.join(UNITS)}")
    print(table(headers, rows))
    print()
    print(json.dumps({"benchmark": name, **figures, "machine": machine()}, ensure_ascii=False), flush=True)
