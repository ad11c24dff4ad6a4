"""Points, distances and the cells of the map in which actions are looked up. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass

KM_PER_DEGREE = 111.195
"""Length of a degree of a great circle of the Earth (mean radius 6,371 km)."""
CELLS_PER_DEGREE = 10
"""The map is cut into cells of a tenth of a degree: 11 km from south to north, about 7.5 km from west to east."""
ROW = 1 << 12
"""More cells than stand side by side around the globe (360 × 10): a cell's number is row × ROW + column."""


@dataclass(frozen=True)
class Point:
    """A place in degrees (WGS 84)."""

    latitude: float
    longitude: float

    @property
    def narrowing(self) -> float:
        """How much shorter a degree from west to east is here than from south to north."""
        return math.cos(math.radians(self.latitude))


def distance_km(here: Point, there: Point) -> float:
    """Kilometres as the crow flies, exact to a thousandth within 100 km (plane projection at `here`)."""
    north = there.latitude - here.latitude
    east = (there.longitude - here.longitude) * here.narrowing
    return KM_PER_DEGREE * math.sqrt(north * north + east * east)


def cell_of(point: Point) -> int:
    """The number of the cell in which a point lies: a positive integer."""
    row = math.floor((point.latitude + 90) * CELLS_PER_DEGREE)
    column = math.floor((point.longitude + 180) * CELLS_PER_DEGREE)
    return row * ROW + column + 1


def cells_within(point: Point, km: float) -> list[int]:
    """The cells that hold every place at most `km` from a point (and some beyond)."""
    up = km / KM_PER_DEGREE
    across = up / max(point.narrowing, 0.01)
    rows = range(
        math.floor((point.latitude - up + 90) * CELLS_PER_DEGREE),
        math.floor((point.latitude + up + 90) * CELLS_PER_DEGREE) + 1,
    )
    columns = range(
        math.floor((point.longitude - across + 180) * CELLS_PER_DEGREE),
        math.floor((point.longitude + across + 180) * CELLS_PER_DEGREE) + 1,
    )
    return [row * ROW + column + 1 for row in rows for column in columns]


EVERYWHERE = 0
"""The area of what is not tied to a place."""


def area_of_code(code: str) -> int:
    """The area of a commune, département or intercommunalité by its code: a negative integer.

    A code is read in base 36: 2A004 and 2A are two numbers like the others, and no two codes share one, as codes of
    different lengths never start alike but for a zero, which the length then tells.
    """
    return -(int(code, 36) * 16 + len(code))
