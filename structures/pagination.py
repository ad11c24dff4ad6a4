"""Pages of a long list by the place of a row, not by its number: as quick at the end as at the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.db.models import Model, Q, QuerySet

SALT = "structures.pagination"


@dataclass(frozen=True)
class Page:
    """Some rows of a list, with the cursors of what comes before and after; an empty cursor is the end."""

    rows: list[Any]
    previous: str
    next: str


def _beyond(keys: Sequence[str], values: Sequence[Any], backwards: bool) -> Q:
    """The rows that come after these values in the order of the keys (or before, when backwards)."""
    beyond, equal = Q(), Q()
    for key, value in zip(keys, values, strict=True):
        name = key.removeprefix("-")
        falls = key.startswith("-") != backwards
        beyond |= equal & Q(**{f"{name}__{'lt' if falls else 'gt'}": value})
        equal &= Q(**{name: value})
    return beyond


def _cursor(row: Model, keys: Sequence[str], direction: str) -> str:
    return signing.dumps([direction, [getattr(row, key.removeprefix("-")) for key in keys]], salt=SALT, compress=True)


def page_of(rows: QuerySet[Any], keys: Sequence[str], cursor: str, size: int) -> Page:
    """The page at a cursor, in the order of `keys` (names of columns or annotations, the last one unique).

    One query. A cursor that is not ours, or that belongs to another order, gives the first page.
    """
    backwards = False
    values: list[Any] = []
    if cursor:
        try:
            direction, values = signing.loads(cursor, salt=SALT)
            backwards = direction == "before"
        except signing.BadSignature:
            values = []
        if len(values) != len(keys):
            backwards, values = False, []
    if values:
        rows = rows.filter(_beyond(keys, values, backwards))
    order = [key.removeprefix("-") if key.startswith("-") else f"-{key}" for key in keys] if backwards else list(keys)
    found = list(rows.order_by(*order)[: size + 1])
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    has_previous = more if backwards else bool(values)
    has_next = True if backwards else more
    return Page(
        rows=found,
        previous=_cursor(found[0], keys, "before") if found and has_previous else "",
        next=_cursor(found[-1], keys, "after") if found and has_next else "",
    )
