"""Scales: the axes on which a person is placed, before and after. Each is a file beside this one: data, no code.

A file says the scale's `code` and `name`, the document it comes from (`source`), its place in lists (`rank`), the
needs for which it is usual, where an action names no scale (`usual_for`), the needs whose groups are made by level and
whose level it finds (`tells`), its `axes`, and its `levels` from the lowest to the highest. A level is stored as its
place in that order, 0 for the first. The code of an axis belongs to one scale alone: levels are stored by it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from structures.vocabulary import CECRL_ORDER, NeedTheme

CECRL = "cecrl"
"""The scale of the levels in French. They stand in columns of their own, which the matching reads."""

LONGEST_CODE = 24
LONGEST_MARK = 12
"""Letters of the words that stand under a picture and on a chip."""


class BadScale(Exception):
    """A file that says no scale; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Level:
    """One level: `mark` is short, for chips and pictures; `plain` is said to the person."""

    value: int
    mark: str
    label: str
    plain: str


@dataclass(frozen=True)
class Axis:
    """One axis: `label` for professionals, `plain` for the person."""

    code: str
    label: str
    plain: str
    scale: str


@dataclass(frozen=True)
class Scale:
    """One scale, as its file says it."""

    code: str
    name: str
    source: str
    rank: int
    usual_for: tuple[NeedTheme, ...]
    tells: tuple[NeedTheme, ...]
    axes: tuple[Axis, ...]
    levels: tuple[Level, ...]


def read_scale(text: str, name: str) -> Scale:
    """One scale from the text of its file. Raises `BadScale`."""
    try:
        raw = json.loads(text)
        code = raw["code"]
        axes = tuple(Axis(scale=code, **_words(axis, "code", "label", "plain")) for axis in raw["axes"])
        levels = tuple(
            Level(value=value, **_words(level, "mark", "label", "plain")) for value, level in enumerate(raw["levels"])
        )
        scale = Scale(
            rank=int(raw["rank"]),
            usual_for=tuple(map(NeedTheme, raw["usual_for"])),
            tells=tuple(map(NeedTheme, raw["tells"])),
            axes=axes,
            levels=levels,
            **_words(raw, "code", "name", "source"),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadScale(f"{name}: {error!r}") from error
    if not axes or len(levels) < 2:
        raise BadScale(f"{name}: a scale has an axis and two levels at least")
    if any(len(one) > LONGEST_CODE for one in (code, *(axis.code for axis in axes))):
        raise BadScale(f"{name}: a code has {LONGEST_CODE} letters at most")
    if any(len(level.mark) > LONGEST_MARK for level in levels):
        raise BadScale(f"{name}: a mark has {LONGEST_MARK} letters at most")
    return scale


def _words(raw: Mapping[str, Any], *names: str) -> dict[str, str]:
    """The texts of an object. Raises `KeyError` for one that is missing, `ValueError` for one that is empty."""
    found = {name: raw[name] for name in names}
    for name, value in found.items():
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{name} is no text")
    return found


def in_order(scales: Iterable[Scale]) -> dict[str, Scale]:
    """Scales by their code, in the order of lists. Raises `BadScale` when a code or an axis is not one scale's own."""
    found: dict[str, Scale] = {}
    owners: dict[str, str] = {}
    for scale in sorted(scales, key=lambda one: (one.rank, one.code)):
        if scale.code in found:
            raise BadScale(f"{scale.code}: two scales have this code")
        found[scale.code] = scale
        for axis in scale.axes:
            if axis.code in owners:
                raise BadScale(f"{scale.code}: the axis {axis.code} is that of {owners[axis.code]} already")
            owners[axis.code] = scale.code
    return found


SCALES: Mapping[str, Scale] = in_order(
    read_scale(path.read_text(encoding="utf-8"), path.name) for path in sorted(Path(__file__).parent.glob("*.json"))
)
"""The scales by their code, in the order of lists."""

AXES: Mapping[str, Axis] = {axis.code: axis for scale in SCALES.values() for axis in scale.axes}
"""The axes of all the scales by their code, in the same order."""

TOLD = frozenset(theme for scale in SCALES.values() for theme in scale.tells)
"""The needs whose groups are made by level: a positionnement answers them only on a scale that tells the level."""


def scale_choices() -> list[tuple[str, str]]:
    """The scales as the choices of a field."""
    return [(scale.code, scale.name) for scale in SCALES.values()]


def levels_of(axis: str) -> tuple[Level, ...]:
    """The levels of an axis, the lowest first. Raises `KeyError` for an unknown axis."""
    return SCALES[AXES[axis].scale].levels


def level_of(axis: str, value: int) -> Level:
    """A level on an axis. Raises `KeyError` or `IndexError` for one that is not there."""
    return levels_of(axis)[value]


def check_levels(levels: object) -> dict[str, int]:
    """Levels by axis, as they are stored. Raises `ValueError` unless each is a level on a known axis.

    The levels in French stand in columns of their own, and are refused here.
    """
    if not isinstance(levels, dict):
        raise ValueError("levels are an object")
    for axis, value in levels.items():
        known = axis in AXES and AXES[axis].scale != CECRL
        if not known or type(value) is not int or not 0 <= value < len(levels_of(axis)):
            raise ValueError(f"{axis}={value} is not a level on a known axis")
    return levels


def french_levels(oral: str, written: str) -> dict[str, int]:
    """The levels in French, kept in columns, as levels on the axes of their scale."""
    found = {"french_oral": oral, "french_written": written}
    return {axis: CECRL_ORDER.index(level) for axis, level in found.items() if level}


def scales_for(chosen: Iterable[str], themes: Iterable[str]) -> list[Scale]:
    """The scales an action uses: those it chose, else those that are usual for its needs."""
    codes, needs = set(chosen), set(themes)
    return [scale for scale in SCALES.values() if (scale.code in codes if codes else needs & set(scale.usual_for))]


def axes_of(scales: Iterable[Scale], known: Collection[str] = ()) -> list[Axis]:
    """The axes of some scales, and those on which a level is known already; without those of the levels in French."""
    used = {scale.code for scale in scales}
    return [axis for axis in AXES.values() if axis.scale != CECRL and (axis.scale in used or axis.code in known)]
