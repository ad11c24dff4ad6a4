"""Pictures drawn on the server: the geometry only; the templates draw it, and a table says the same.

Units are CSS pixels: pictures are never scaled, so that their letters stay as large as the page's.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from referrals.french import lower_first
from referrals.models import Bilan
from referrals.pathway import REDIRECTED, Node, Pathway
from structures.vocabulary import Axis, AxisLevel

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
