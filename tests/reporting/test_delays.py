"""Delays: working days with French public holidays, and medians that do not forget those who still wait."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest

from referrals.deadlines import working_days_between
from reporting.delays import Delays, WorkingCalendar


def delays(*rows: tuple[int, bool, int]) -> Delays:
    """A histogram from (working days, answered or not, how many)."""
    answered, unanswered = Counter[int](), Counter[int]()
    for days, is_answered, n in rows:
        (answered if is_answered else unanswered)[days] += n
    return Delays(answered, unanswered)


def test_nothing_at_all_has_no_median() -> None:
    assert delays().median_answered is None
    assert delays().median_with_waiting is None


def test_only_waiting_fiches_have_no_median() -> None:
    assert delays((4, False, 3)).median_answered is None
    assert delays((4, False, 3)).median_with_waiting is None


@pytest.mark.parametrize(
    ("answered", "median"),
    [([5], 5), ([1, 2], 1.5), ([1, 2, 9], 2), ([0, 0, 4, 6], 2), ([3, 3, 3, 8], 3)],
)
def test_without_anyone_waiting_both_medians_are_the_usual_one(answered: list[int], median: float) -> None:
    found = delays(*((days, True, 1) for days in answered))
    assert found.median_answered == median
    assert found.median_with_waiting == median


def test_waiting_fiches_lengthen_the_median_only_for_those_who_count_them() -> None:
    # Answered after 1, 2 and 3 days; three others still wait after 10.
    found = delays((1, True, 1), (2, True, 1), (3, True, 1), (10, False, 3))
    assert found.median_answered == 2
    assert found.median_with_waiting == 3, "half of the six have their answer on the third day"


def test_a_fiche_sent_this_morning_does_not_shorten_the_median() -> None:
    # Counting what has been waited so far would give 0; each of the two answered took 4 days.
    found = delays((0, False, 5), (4, True, 2))
    assert found.median_with_waiting == 4


def test_more_than_half_still_waiting_has_no_median_yet() -> None:
    assert delays((1, True, 1), (10, False, 2)).median_with_waiting is None


def test_a_fiche_closed_without_an_answer_waited_until_then_and_no_longer() -> None:
    # 4 fiches: answered at 2; withdrawn at 3; answered at 5 and 6. After 2: 3/4; after 5: 3/4 × 1/2 = 3/8.
    assert delays((2, True, 1), (3, False, 1), (5, True, 1), (6, True, 1)).median_with_waiting == 5


def test_the_calendar_agrees_with_the_deadlines_on_every_pair_of_days_around_the_holidays_of_may() -> None:
    first, last = dt.date(2026, 4, 28), dt.date(2026, 5, 30)
    calendar = WorkingCalendar.between(first, last)
    days = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    for i, start in enumerate(days):
        for j, end in enumerate(days[i:], start=i):
            assert calendar.numbers[j] - calendar.numbers[i] == working_days_between(start, end)
