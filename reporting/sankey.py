"""A Sankey drawn on the server: columns of nodes, and bands between them as wide as what flows.

The geometry only, in the units of the drawing; words and patterns tell the bands apart, never their colour alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

NODE_WIDTH = 12
TALL = 420
"""Height of everything that flows, were it in one node."""
GAP = 12
SLOT = 24
"""Height that a node takes at least, so that its words do not meet the next one's."""
MARGIN = 10
LETTERS = 30
"""A longer name is cut in the drawing; its tooltip and the table have it whole."""


@dataclass(frozen=True)
class Node:
    """Something that flows in and out: `text` is its number in words, `tone` its pattern, `href` what it leads to."""

    key: Hashable
    label: str
    text: str
    tone: str = ""
    href: str = ""


@dataclass(frozen=True)
class Flow:
    """So much from one node to another; `tooltip` says it in words."""

    source: Hashable
    target: Hashable
    value: int
    tooltip: str
    tone: str = ""


@dataclass(frozen=True)
class Column:
    """Nodes one under the other. Their words stand before them (`end`) or after them (`start`).

    A column `below` stands under the others: what is gathered on the way passes there.
    """

    x: int
    nodes: Sequence[Node]
    anchor: str = "start"
    below: bool = False
    letters: int = LETTERS


@dataclass(frozen=True)
class DrawnNode:
    """A node and its place, as SVG writes it."""

    node: Node
    short: str
    x: str
    y: str
    height: str
    text_x: str
    text_y: str
    anchor: str
    value: int


@dataclass(frozen=True)
class DrawnBand:
    """A flow and its outline."""

    flow: Flow
    path: str


@dataclass(frozen=True)
class Sankey:
    """What the template draws."""

    nodes: list[DrawnNode]
    bands: list[DrawnBand]
    width: int
    height: int


def units(length: float) -> str:
    """A length as SVG reads it, whatever the language of the page."""
    return f"{length:.1f}"


def value_of(key: Hashable, flows: Sequence[Flow]) -> int:
    """What a node holds: what flows in or what flows out, whichever is more."""
    into = sum(flow.value for flow in flows if flow.target == key)
    out = sum(flow.value for flow in flows if flow.source == key)
    return max(into, out)


def _tops(column: Column, heights: dict[Hashable, float], tallest: float) -> dict[Hashable, float]:
    """Where each node of a column begins: columns are centred on the tallest, or stand below it."""
    slots = [max(heights[node.key], SLOT) for node in column.nodes]
    whole = sum(slots) + GAP * (len(slots) - 1)
    y = MARGIN + (tallest + GAP if column.below else (tallest - whole) / 2)
    tops: dict[Hashable, float] = {}
    for node, slot in zip(column.nodes, slots, strict=True):
        tops[node.key] = y + (slot - heights[node.key]) / 2
        y += slot + GAP
    return tops


def _height(column: Column, heights: dict[Hashable, float]) -> float:
    return sum(max(heights[node.key], SLOT) + GAP for node in column.nodes) - GAP


def _outline(x0: float, y0: float, x1: float, y1: float, height: float) -> str:
    """A band from a point to another, of one height all along, as a closed path."""
    middle = units((x0 + x1) / 2)
    a, b, c, d = units(x0), units(x1), units(y0), units(y1)
    low, end = units(y0 + height), units(y1 + height)
    return f"M{a},{c}C{middle},{c} {middle},{d} {b},{d}V{end}C{middle},{end} {middle},{low} {a},{low}Z"


def lay_out(columns: Sequence[Column], flows: Sequence[Flow], width: int) -> Sankey:
    """Place the nodes and the bands. What flows keeps its scale everywhere: a band is as wide where it ends."""
    columns = [column for column in columns if column.nodes]
    values = {node.key: value_of(node.key, flows) for column in columns for node in column.nodes}
    whole = max((sum(values[node.key] for node in column.nodes) for column in columns), default=0) or 1
    heights: dict[Hashable, float] = {key: value * TALL / whole for key, value in values.items()}
    tallest = max((_height(column, heights) for column in columns if not column.below), default=0.0)
    tops: dict[Hashable, float] = {}
    places: dict[Hashable, int] = {}
    for column in columns:
        tops |= _tops(column, heights, tallest)
        places |= {node.key: column.x for node in column.nodes}
    leaves: dict[Hashable, float] = defaultdict(float)
    arrives: dict[Hashable, float] = defaultdict(float)
    bands = []
    starts: dict[int, float] = {}
    for place in sorted(range(len(flows)), key=lambda n: tops[flows[n].target]):
        starts[place] = tops[flows[place].source] + leaves[flows[place].source]
        leaves[flows[place].source] += flows[place].value * TALL / whole
    for place in sorted(range(len(flows)), key=lambda n: tops[flows[n].source]):
        flow = flows[place]
        height = flow.value * TALL / whole
        x0, x1 = places[flow.source] + NODE_WIDTH, places[flow.target]
        y1 = tops[flow.target] + arrives[flow.target]
        arrives[flow.target] += height
        bands.append(DrawnBand(flow, _outline(x0, starts[place], x1, y1, height)))
    nodes = [
        _drawn(node, column, tops[node.key], heights[node.key], values[node.key])
        for column in columns
        for node in column.nodes
    ]
    lowest = max((tops[key] + max(heights[key], SLOT) for key in tops), default=0.0)
    return Sankey(nodes, bands, width, round(lowest + 2 * MARGIN))


def _drawn(node: Node, column: Column, top: float, height: float, value: int) -> DrawnNode:
    before, letters = column.anchor == "end", column.letters
    return DrawnNode(
        node=node,
        short=node.label if len(node.label) <= letters else f"{node.label[: letters - 1].rstrip()}…",
        x=units(column.x),
        y=units(top),
        height=units(max(height, 1.0)),
        text_x=units(column.x - 8 if before else column.x + NODE_WIDTH + 8),
        text_y=units(top + height / 2),
        anchor=column.anchor,
        value=value,
    )
