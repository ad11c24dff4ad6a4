"""The boxes that facts lie in: an indicator is the sum of its parts, and a condition is read as the database does."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Q

from reporting import indicators as what
from reporting.boxes import BOXES_OF, EXIT_BOXES, meets
from reporting.indicators import TOTALS, Indicator


def test_a_lookup_that_python_does_not_know_is_refused() -> None:
    with pytest.raises(KeyError):
        meets(Q(kind__startswith="c"), {"kind": "cdi"})
    with pytest.raises(KeyError):
        meets(Q(other="x"), {"kind": "cdi"})


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        (Q(state="asked"), True),
        (~Q(state="asked"), False),
        (Q(state__in=["planned", "asked"]) & Q(asked_by=""), False),
        (Q(state="planned") | Q(asked_by="sms"), True),
        (Q(asked_at__isnull=True) | ~(Q(state="asked") & ~Q(asked_by="email")), False),
    ],
)
def test_a_condition_is_read_as_the_database_reads_it(condition: Q, met: bool) -> None:
    row: dict[str, Any] = {"state": "asked", "asked_by": "sms", "asked_at": "sms"}
    assert meets(condition, row) is met


@pytest.mark.parametrize(("whole", "parts"), TOTALS, ids=lambda one: one.name if isinstance(one, Indicator) else "")
def test_the_boxes_of_a_whole_are_those_of_its_parts_and_no_box_is_counted_twice(
    whole: Indicator, parts: list[Indicator]
) -> None:
    boxes = [box for part in parts for box in BOXES_OF[part.name]]
    assert len(boxes) == len(set(boxes))
    assert frozenset(boxes) == BOXES_OF[whole.name]


def test_every_kind_of_exit_lies_in_a_box_of_its_own() -> None:
    assert BOXES_OF[what.EXITS.name] == frozenset(EXIT_BOXES)
