"""Pictures drawn on the server: the geometry only; the templates draw it, and a table says the same.

Units are CSS pixels: pictures are never scaled, so that their letters stay as large as the page's.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from referrals.french import lower_first
from referrals.models import Bilan
from referrals.pathway import REDIRECTED, Node, Pathway
from structures.scales import AXES, SCALES, Scale, level_of

LANE = 22
FIRST_LANE = 12
TEXT_GAP = 18
LINE = 19
ROW_GAP = 18
BEND = 20
"""How far above its mark a line leaves for another lane: less than the gap between two rows and the mark's place."""
NARROW = 328
"""What a telephone leaves for the picture."""
TITLE_LETTER, LETTER = 9.0, 8.1
"""The width of a letter of the titles and of the other lines, on average, in the widest fallback font."""
FEWEST = 16
"""Letters of a line, however many lanes there are."""

FAMILIES = {
    "draft": "neutral",
    "sent": "sent",
    "redirected": "sent",
    "waitlisted": "late",
    "offered": "accepted",
    "accepted": "accepted",
    "entered": "accepted",
    "ended": "bilan",
    "declined": "declined",
    "cancelled": "declined",
    "missed": "declined",
    "expired": "declined",
}
"""The colour family of a state, the same as its pill's."""


@dataclass(frozen=True)
class Line:
    """One line of text: `kind` is title, who or state."""

    y: int
    text: str
    kind: str


@dataclass(frozen=True)
class Stop:
    """One fiche of the picture."""

    node: Node
    x: int
    y: int
    top: int
    height: int
    text_x: int
    lines: tuple[Line, ...]
    family: str
    mark: str
    """open, done or closed: a ring, a full disc, a cross; never the colour alone."""


@dataclass(frozen=True)
class Track:
    """One line between two fiches, as the `d` of a path. `kind` is bilan, redirect or apart: never the colour alone."""

    d: str
    kind: str


@dataclass(frozen=True)
class Picture:
    """The chain of a person's fiches."""

    stops: tuple[Stop, ...]
    tracks: tuple[Track, ...]
    legend: tuple[tuple[str, str], ...]
    height: int
    description: str


def _wrapped(text: str, lines: int, width: int) -> list[str]:
    return textwrap.wrap(text, width, max_lines=lines, placeholder="…", break_long_words=True)


def _short_dates(node: Node) -> str:
    """« 03/03/2026 – 02/06/2026 »."""
    start = node.began_on.strftime("%d/%m/%Y")
    end = node.closed_on
    if end is not None and end != node.began_on:
        return f"{start} – {end.strftime('%d/%m/%Y')}"
    return start


LEGEND = {
    "bilan": "Suite d’un bilan",
    "redirect": "Réorientée",
    "apart": "Ouverte à part, sans bilan ni réorientation",
}
"""What each kind of line says, in the order of the legend."""


def draw_pathway(pathway: Pathway) -> Picture:
    """One picture of the chain, from top to bottom: a lane per chain, a stop per fiche, a line to all but the first."""
    text_x = FIRST_LANE + (pathway.lanes - 1) * LANE + TEXT_GAP
    stops: dict[int, Stop] = {}
    tracks: list[Track] = []
    last_of_lane: dict[int, Stop] = {}
    y = 0
    for node in pathway.nodes:
        top = y
        lines = []
        cursor = top + 16
        for text, kind in _lines(node, NARROW - text_x):
            lines.append(Line(cursor, text, kind))
            cursor += LINE
        height = cursor + 8 - top
        x = FIRST_LANE + node.lane * LANE
        mark = "closed" if node.is_without_entry else "done" if node.state == "ended" else "open"
        stop = Stop(node, x, top + 11, top, height, text_x, tuple(lines), FAMILIES[node.state], mark)
        if node.parent is not None:
            kind = "redirect" if node.link == REDIRECTED else "bilan"
            tracks.append(Track(_path(stops[id(node.parent)], stop), kind))
        elif node.lane:
            # The lanes before it are all in use at this height: it leaves the nearest line when it was opened.
            tracks.append(Track(_branch(x - LANE, stop), "apart"))
        elif stops:
            tracks.append(Track(_path(last_of_lane[0], stop), "apart"))
        stops[id(node)] = last_of_lane[node.lane] = stop
        y = top + height + ROW_GAP
    kinds = {track.kind for track in tracks}
    legend = tuple((kind, words) for kind, words in LEGEND.items() if kind in kinds)
    return Picture(tuple(stops.values()), tuple(tracks), legend, max(y - ROW_GAP, 0), _described(pathway))


def _lines(node: Node, width: float) -> list[tuple[str, str]]:
    """What stands beside a stop, wrapped to `width`: the action, who sent whom, the state with its dates."""
    letters, title_letters = (max(int(width / letter), FEWEST) for letter in (LETTER, TITLE_LETTER))
    # A protected structure's name already stands as the title.
    who = "" if node.masked else f"{node.sender} → {node.receiver}"
    dates = _short_dates(node)
    state = f"{node.state_label} · {dates}"
    states = [state] if len(state) <= letters else [*_wrapped(node.state_label, 2, letters), dates]
    return [
        *((text, "title") for text in _wrapped(node.action, 3, title_letters)),
        *((text, "who") for text in _wrapped(who, 2, letters)),
        *((text, "state") for text in states),
    ]


def _path(start: Stop, end: Stop) -> str:
    """From below one mark to above the next; changing lane just before the end."""
    y1, y2 = start.y + 9, end.y - 9
    if start.x == end.x:
        return f"M{start.x} {y1}V{y2}"
    bend = max(y2 - BEND, y1)
    return f"M{start.x} {y1}V{bend}C{start.x} {y2} {end.x} {bend} {end.x} {y2}"


def _branch(x: int, end: Stop) -> str:
    """From a line that passes at `x` to above the mark."""
    y = end.y - 9
    return f"M{x} {y - BEND}C{x} {y} {end.x} {y - BEND} {end.x} {y}"


def _described(pathway: Pathway) -> str:
    """The picture in sentences, for who does not see it."""
    parts = []
    for node in pathway.nodes:
        origin = f" ({lower_first(node.origin)})" if node.origin else ""
        parts.append(f"{node.number}. {node.action}, {node.state_label.lower()}{origin}.")
    return " ".join(parts)


LABEL_HEIGHT = 18
AXIS_HEIGHT = 46
NAME_HEIGHT = 28
TICKS_HEIGHT = 24
PLOT_LEFT, PLOT_WIDTH = 12, 280
SHORT_MARK = 3
"""Letters that fit beside the end of a scale, centred on it."""


@dataclass(frozen=True)
class Tick:
    """One level under a scale: long words stay inside the picture at both ends."""

    x: int
    mark: str
    text_x: int
    anchor: str


@dataclass(frozen=True)
class Row:
    """One axis: its label, and where its two marks stand (`None` when not evaluated)."""

    label: str
    y: int
    text_y: int
    before: int | None
    after: int | None

    @property
    def moved(self) -> bool:
        """Whether both marks stand apart, so that a line joins them."""
        return self.before is not None and self.after is not None and self.before != self.after


@dataclass(frozen=True)
class Plot:
    """The axes of one scale over its levels; the name only where there are several scales."""

    name: str
    name_y: int
    top: int
    ticks_y: int
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]

    @property
    def bottom(self) -> int:
        """Where the lines of the levels stop."""
        return self.ticks_y - 14


@dataclass(frozen=True)
class Progress:
    """Levels before and after on the same axes."""

    plots: tuple[Plot, ...]
    left: int
    right: int
    width: int
    height: int
    table: tuple[tuple[str, str, str], ...]
    description: str


def level_words(axis: str, level: int | None) -> str:
    """« Degré 2 », « Non acquis », « – » when not evaluated."""
    return level_of(axis, level).label if level is not None else "–"


def level_lines(bilan: Bilan) -> tuple[tuple[str, str, str], ...]:
    """The same as a table: each axis evaluated, with its levels before and after in words."""
    return tuple(
        (AXES[axis].label, level_words(axis, before), level_words(axis, after))
        for axis, before, after in bilan.progress
    )


def draw_progress(bilan: Bilan) -> Progress | None:
    """The picture of a bilan's levels, or `None` when no axis was evaluated."""
    found = bilan.progress
    if not found:
        return None
    by_scale: dict[str, list[tuple[str, int | None, int | None]]] = {}
    for one in found:
        by_scale.setdefault(AXES[one[0]].scale, []).append(one)
    plots = []
    y = 0
    for code, axes in by_scale.items():
        plot = _plot(SCALES[code], axes, y, named=len(by_scale) > 1)
        plots.append(plot)
        y = plot.ticks_y + TICKS_HEIGHT
    right = PLOT_LEFT + PLOT_WIDTH
    return Progress(
        plots=tuple(plots),
        left=PLOT_LEFT,
        right=right,
        width=right + PLOT_LEFT,
        height=plots[-1].ticks_y + 10,
        table=level_lines(bilan),
        description=" ".join(f"{AXES[axis].label} : {_change(axis, before, after)}." for axis, before, after in found),
    )


def _plot(scale: Scale, axes: Sequence[tuple[str, int | None, int | None]], y: int, *, named: bool) -> Plot:
    top = y + (NAME_HEIGHT if named else 0)
    step = PLOT_WIDTH / (len(scale.levels) - 1)

    def at(level: int | None) -> int | None:
        return None if level is None else PLOT_LEFT + round(step * level)

    rows = tuple(
        Row(
            label=AXES[axis].label,
            text_y=top + number * AXIS_HEIGHT + LABEL_HEIGHT - 4,
            y=top + number * AXIS_HEIGHT + LABEL_HEIGHT + 12,
            before=at(before),
            after=at(after),
        )
        for number, (axis, before, after) in enumerate(axes)
    )
    ends = {0: (0, "start"), len(scale.levels) - 1: (PLOT_WIDTH + 2 * PLOT_LEFT, "end")}
    ticks = []
    for level in scale.levels:
        x = PLOT_LEFT + round(step * level.value)
        beside = ends.get(level.value) if len(level.mark) > SHORT_MARK else None
        ticks.append(Tick(x, level.mark, *(beside or (x, "middle"))))
    return Plot(
        name=scale.name if named else "",
        name_y=y + 16,
        top=top + LABEL_HEIGHT,
        ticks_y=top + len(axes) * AXIS_HEIGHT + 14,
        rows=rows,
        ticks=tuple(ticks),
    )


def _change(axis: str, before: int | None, after: int | None) -> str:
    start, end = (lower_first(level_words(axis, level)) for level in (before, after))
    if before is None:
        return end
    if after is None:
        return f"{start} au départ, non évalué depuis"
    return f"{end}, comme au départ" if before == after else f"{start} au départ, {end} ensuite"
