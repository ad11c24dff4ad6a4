"""Pages of a list by keyset: the address names the last row seen, never a number of rows to skip.

The cost of a page does not grow with its distance from the start, and rows written meanwhile shift nothing. The
cursor is a row's identifier (the values that order it are read again): no name ever stands in an address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import F, Model, Q, QuerySet
from django.http import QueryDict

M = TypeVar("M", bound=Model)

AFTER, BEFORE = "apres", "avant"
PAGE_SIZE = 40


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows of a list, with the addresses of what comes before and after (empty at the ends)."""

    rows: list[M]
    previous_url: str
    next_url: str


def _beyond(order: Sequence[str], values: Sequence[Any]) -> Q:
    """The rows that come strictly after `values` in `order`; the first key alone lets an index bound the search."""
    found = Q()
    equal = Q()
    for key, value in zip(order, values, strict=True):
        name, comparison = (key[1:], "lt") if key.startswith("-") else (key, "gt")
        found |= equal & Q(**{f"{name}__{comparison}": value})
        equal &= Q(**{name: value})
    first = order[0]
    bound = Q(**{f"{first.lstrip('-')}__{'lte' if first.startswith('-') else 'gte'}": values[0]})
    return bound & found


def _reverse(order: Sequence[str]) -> list[str]:
    return [key[1:] if key.startswith("-") else f"-{key}" for key in order]


def page_of(
    rows: QuerySet[M],
    order: Sequence[str],
    query: QueryDict,
    *,
    cursor: str = "pk",
    size: int = PAGE_SIZE,
) -> Page[M]:
    """The page that the query string asks for.

    `order` names fields or annotations that are never null; the last one is unique. A cursor that is unknown, or of
    a row that the list does not hold, gives the first page.
    """
    backwards = BEFORE in query
    anchor = _anchor(rows, order, query.get(BEFORE if backwards else AFTER, ""), cursor)
    backwards = backwards and anchor is not None
    walked = _reverse(order) if backwards else list(order)
    found = rows.filter(_beyond(walked, anchor)) if anchor else rows
    some = list(found.order_by(*walked)[: size + 1])
    more = len(some) > size
    some = some[:size]
    if backwards:
        some.reverse()
    has_previous, has_next = (more, True) if backwards else (anchor is not None, more)

    def url(name: str, row: M) -> str:
        kept = query.copy()
        for old in (AFTER, BEFORE):
            kept.pop(old, None)
        kept[name] = str(getattr(row, cursor))
        return f"?{kept.urlencode()}"

    return Page(
        some,
        url(BEFORE, some[0]) if has_previous and some else "",
        url(AFTER, some[-1]) if has_next and some else "",
    )


def _anchor(rows: QuerySet[M], order: Sequence[str], value: str, cursor: str) -> tuple[Any, ...] | None:
    if not value:
        return None
    keys = [F(key.lstrip("-")) for key in order]
    try:
        return rows.order_by("pk").filter(**{cursor: value}).values_list(*keys).first()
    except (ValueError, ValidationError):
        return None
