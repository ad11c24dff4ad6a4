"""Pictures drawn on the server: the geometry only; the templates draw it, and a table says the same.

Units are CSS pixels: pictures are never scaled, so that their letters stay as large as the page's.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from referrals.models import Bilan
from referrals.pathway import Node, Pathway
from structures.vocabulary import Axis, AxisLevel

LANE = 22
FIRST_LANE = 12
TEXT_GAP = 18
LINE = 19
ROW_GAP = 18
CHARACTERS = 36
"""Letters that fit on one line of a telephone beside one lane."""

FAMILIES = {
    "draft": "neutral",
    "sent": "sent",
    "redirected": "sent",
    "waitlisted": "late",
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
    """One link of the chain, as the `d` of a path."""

    d: str
    kind: str


@dataclass(frozen=True)
class Picture:
    """The chain of a person's fiches."""

    stops: tuple[Stop, ...]
    tracks: tuple[Track, ...]
    height: int
    description: str


def _wrapped(text: str, lines: int, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 12), max_lines=lines, placeholder="…", break_long_words=True)


def _short_dates(node: Node) -> str:
    """« 03/03/2026 – 02/06/2026 »."""
    start = node.began_on.strftime("%d/%m/%Y")
    end = node.closed_on
    if end is not None and end != node.began_on:
        return f"{start} – {end.strftime('%d/%m/%Y')}"
    return start


def draw_pathway(pathway: Pathway) -> Picture:
    """One picture of the chain, from top to bottom: a lane per chain, a stop per fiche."""
    text_x = FIRST_LANE + (pathway.lanes - 1) * LANE + TEXT_GAP
    width = CHARACTERS - (pathway.lanes - 1) * 3
    stops: dict[int, Stop] = {}
    tracks: list[Track] = []
    y = 0
    for node in pathway.nodes:
        top = y
        lines = []
        cursor = top + 16
        for text in _wrapped(node.action, 2, width):
            lines.append(Line(cursor, text, "title"))
            cursor += LINE
        # A protected structure's name already stands as the title.
        who = "" if node.masked else f"{node.sender} → {node.receiver}"
        for text in _wrapped(who, 1, width + 4):
            lines.append(Line(cursor, text, "who"))
            cursor += LINE
        lines.append(Line(cursor, f"{node.state_label} · {_short_dates(node)}", "state"))
        height = cursor + 8 - top
        x = FIRST_LANE + node.lane * LANE
        mark = "closed" if node.is_without_entry else "done" if node.state == "ended" else "open"
        stop = Stop(node, x, top + 11, top, height, text_x, tuple(lines), FAMILIES[node.state], mark)
        stops[id(node)] = stop
        if node.parent is not None:
            tracks.append(
                Track(_path(stops[id(node.parent)], stop), "redirect" if node.link == "Réorientée" else "bilan")
            )
        y = top + height + ROW_GAP
    return Picture(tuple(stops.values()), tuple(tracks), max(y - ROW_GAP, 0), _described(pathway))


def _path(start: Stop, end: Stop) -> str:
    """From below one mark to above the next; changing lane just before the end."""
    y1, y2 = start.y + 9, end.y - 9
    if start.x == end.x:
        return f"M{start.x} {y1}V{y2}"
    bend = max(y2 - 16, y1)
    return f"M{start.x} {y1}V{bend}C{start.x} {y2} {end.x} {bend} {end.x} {y2}"


def _described(pathway: Pathway) -> str:
    """The picture in sentences, for who does not see it."""
    parts = []
    for number, node in enumerate(pathway.nodes, 1):
        link = f" ({node.link.lower()})" if node.link else ""
        parts.append(f"{number}. {node.action}, {node.state_label.lower()}{link}.")
    return " ".join(parts)


LABEL_HEIGHT = 18
AXIS_HEIGHT = 46
SCALE_LEFT = 12
SCALE_STEP = 70


@dataclass(frozen=True)
class Scale:
    """One axis: its label, and where its two marks stand (`None` when not evaluated)."""

    label: str
    y: int
    text_y: int
    before: int | None
    after: int | None
    before_level: int | None
    after_level: int | None

    @property
    def moved(self) -> bool:
        """Whether both marks stand apart, so that a line joins them."""
        return self.before is not None and self.after is not None and self.before != self.after


@dataclass(frozen=True)
class Progress:
    """Levels before and after on the same axes."""

    scales: tuple[Scale, ...]
    ticks: tuple[tuple[int, str], ...]
    left: int
    right: int
    width: int
    height: int
    axis_y: int
    rows: tuple[tuple[str, str, str], ...]
    description: str


def level_words(level: int | None) -> str:
    """« Degré 2 », « Non acquis », « – » when not evaluated."""
    return AxisLevel(level).label if level is not None else "–"


def draw_progress(bilan: Bilan) -> Progress | None:
    """The picture of a bilan's levels, or `None` when no axis was evaluated."""
    found = bilan.progress
    if not found:
        return None
    scales, rows, said = [], [], []
    for row, (axis, before, after) in enumerate(found):
        top = row * AXIS_HEIGHT
        scales.append(
            Scale(
                label=Axis(axis).label,
                text_y=top + LABEL_HEIGHT - 4,
                y=top + LABEL_HEIGHT + 12,
                before=_at(before),
                after=_at(after),
                before_level=before,
                after_level=after,
            )
        )
        rows.append((Axis(axis).label, level_words(before), level_words(after)))
        said.append(f"{Axis(axis).label} : {_change(before, after)}.")
    bottom = len(found) * AXIS_HEIGHT
    right = SCALE_LEFT + SCALE_STEP * 4
    return Progress(
        scales=tuple(scales),
        ticks=tuple((SCALE_LEFT + SCALE_STEP * level, str(level)) for level in range(5)),
        left=SCALE_LEFT,
        right=right,
        width=right + SCALE_LEFT,
        height=bottom + 24,
        axis_y=bottom + 14,
        rows=tuple(rows),
        description=" ".join(said),
    )


def _at(level: int | None) -> int | None:
    return None if level is None else SCALE_LEFT + SCALE_STEP * level


def _change(before: int | None, after: int | None) -> str:
    if before is None:
        return f"{level_words(after).lower()}"
    if after is None:
        return f"{level_words(before).lower()} au départ, non évalué depuis"
    if before == after:
        return f"{level_words(after).lower()}, comme au départ"
    return f"{level_words(before).lower()} au départ, {level_words(after).lower()} ensuite"
