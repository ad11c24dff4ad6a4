"""Bars drawn on the server: the geometry, in percents of the width and in pixels of height.

Percents let a drawing follow the width of its page without shrinking its words. Patterns, not colours alone, tell
the series apart, so that a drawing stays legible in black and white.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reporting.secrecy import Figure
from reporting.tables import Table

ROW_HEIGHT = 52
BAR_OFFSET = 24
BAR_HEIGHT = 18
MARGIN = 26
"""Pixels kept under the rows for what the target line says."""

PLOT_HEIGHT = 180
PLOT_TOP = 16
LABELS_AT_MOST = 12
"""More months than this, and some go without their name."""


@dataclass(frozen=True)
class Bar:
    """One horizontal bar: its words, what is written of its number, and its length. Masked, it has no length."""

    label: str
    text: str
    ratio: float | None
    strong: bool = False


@dataclass(frozen=True)
class DrawnBar:
    """A bar and its place."""

    label: str
    text: str
    is_masked: bool
    strong: bool
    text_y: int
    bar_y: int
    width: str


@dataclass(frozen=True)
class BarChart:
    """Horizontal bars, one under the other, with at most one vertical line for a target."""

    name: str
    title: str
    description: str
    bars: list[DrawnBar]
    table: Table
    height: int
    target_x: str = ""
    target_label: str = ""
    bar_height: int = BAR_HEIGHT
    kind: str = "bars"


def percents(ratio: float) -> str:
    """A ratio as an SVG length, within the drawing."""
    return f"{max(0.0, min(1.0, ratio)) * 100:.2f}%"


def bar_chart(
    name: str,
    title: str,
    description: str,
    bars: Sequence[Bar],
    table: Table,
    *,
    target: float | None = None,
    target_label: str = "",
) -> BarChart:
    """Place the bars. With a `target`, ratios are drawn as they are; without, the longest bar fills the width."""
    longest = max((bar.ratio for bar in bars if bar.ratio is not None), default=0.0)
    scale = 1.0 if target is not None or not longest else longest
    drawn = [
        DrawnBar(
            label=bar.label,
            text=bar.text,
            is_masked=bar.ratio is None,
            strong=bar.strong,
            text_y=n * ROW_HEIGHT + BAR_OFFSET - 7,
            bar_y=n * ROW_HEIGHT + BAR_OFFSET,
            width=percents((bar.ratio or 0.0) / scale),
        )
        for n, bar in enumerate(bars)
    ]
    height = len(bars) * ROW_HEIGHT + (MARGIN if target is not None else 0)
    return BarChart(
        name=name,
        title=title,
        description=description,
        bars=drawn,
        table=table,
        height=height,
        target_x=percents(target) if target is not None else "",
        target_label=target_label,
    )


@dataclass(frozen=True)
class Column:
    """One column of a month."""

    series: int
    x: str
    y: float
    height: float
    tooltip: str
    is_masked: bool


@dataclass(frozen=True)
class DrawnMonth:
    """A month's columns and its name, which may be left out."""

    label: str
    middle: str
    columns: list[Column]
    always_named: bool


@dataclass(frozen=True)
class ColumnChart:
    """Columns month by month, one beside the other for each series."""

    name: str
    title: str
    description: str
    series: list[str]
    months: list[DrawnMonth]
    table: Table
    width: str
    highest: int
    baseline: int = PLOT_TOP + PLOT_HEIGHT
    height: int = PLOT_TOP + PLOT_HEIGHT + 24
    top: int = PLOT_TOP
    kind: str = "columns"


def column_chart(
    name: str,
    title: str,
    description: str,
    series: Sequence[str],
    months: Sequence[tuple[str, Sequence[Figure]]],
    table: Table,
) -> ColumnChart:
    """Place the columns; the highest fills the height. `months`: each name, with one figure per series."""
    highest = max((figure.n or 0 for _, figures in months for figure in figures), default=0)
    slot = 1 / max(1, len(months))
    column_width = slot * 0.8 / max(1, len(series))
    step = -(-len(months) // LABELS_AT_MOST)
    drawn = []
    for index, (label, figures) in enumerate(months):
        columns = []
        for position, figure in enumerate(figures):
            height = PLOT_HEIGHT * (figure.n or 0) / highest if highest else 0
            columns.append(
                Column(
                    series=position + 1,
                    x=percents(index * slot + slot * 0.1 + position * column_width),
                    y=round(PLOT_TOP + PLOT_HEIGHT - height, 1),
                    height=round(height, 1),
                    tooltip=f"{label}, {series[position].lower()}\u00a0: {figure.text}",
                    is_masked=figure.is_masked,
                )
            )
        is_named = index % step == 0
        drawn.append(
            DrawnMonth(
                label=label if is_named else "",
                middle=percents((index + 0.5) * slot),
                columns=columns,
                always_named=index % (step * 3) == 0,
            )
        )
    return ColumnChart(
        name=name,
        title=title,
        description=description,
        series=list(series),
        months=drawn,
        table=table,
        width=percents(column_width),
        highest=highest,
    )
