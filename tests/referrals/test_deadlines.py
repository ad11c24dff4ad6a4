"""Every delay of the path: French working days, calendar months, and their edges."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referrals.deadlines import (
    add_months,
    add_working_days,
    is_working_day,
    working_days_before,
    working_days_between,
)

DAYS = st.dates(dt.date(2020, 1, 1), dt.date(2040, 12, 31))


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (dt.date(2026, 1, 1), "New Year"),
        (dt.date(2026, 4, 6), "Easter Monday"),
        (dt.date(2026, 5, 14), "Ascension"),
        (dt.date(2026, 5, 25), "Whit Monday"),
        (dt.date(2026, 7, 14), "14 July"),
        (dt.date(2026, 11, 11), "11 November"),
        (dt.date(2026, 12, 25), "Christmas"),
        (dt.date(2026, 11, 21), "a Saturday"),
    ],
)
def test_nobody_is_expected_to_answer_on_a_holiday(day: dt.date, name: str) -> None:
    assert not is_working_day(day), name


def test_the_abolition_of_slavery_is_a_holiday_in_reunion_only() -> None:
    assert is_working_day(dt.date(2027, 12, 20))
    assert not is_working_day(dt.date(2027, 12, 20), "974")


def test_three_working_days_after_the_friday_before_a_long_weekend_are_the_following_thursday() -> None:
    assert add_working_days(dt.date(2026, 4, 3), 3) == dt.date(2026, 4, 9)


def test_a_negative_delay_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        add_working_days(dt.date(2026, 1, 5), -1)


@given(day=DAYS, days=st.integers(1, 40))
def test_a_working_day_delay_ends_on_a_working_day_and_counts_back_to_itself(day: dt.date, days: int) -> None:
    end = add_working_days(day, days)
    assert is_working_day(end)
    assert working_days_between(day, end) == days


@given(day=DAYS, days=st.integers(1, 40), back=st.integers(1, 90), zone=st.sampled_from(["", "974"]))
def test_a_delay_is_over_when_it_began_before_its_working_day_of_that_number(
    day: dt.date, days: int, back: int, zone: str
) -> None:
    start = day - dt.timedelta(days=back)
    nth = working_days_before(day, days, zone)[-1]
    assert (start < nth) == (add_working_days(start, days, zone) < day)


@pytest.mark.parametrize(
    ("day", "six_months_later"),
    [
        (dt.date(2026, 8, 31), dt.date(2027, 2, 28)),
        (dt.date(2027, 8, 31), dt.date(2028, 2, 29)),
        (dt.date(2026, 12, 31), dt.date(2027, 6, 30)),
        (dt.date(2026, 3, 15), dt.date(2026, 9, 15)),
    ],
)
def test_six_months_are_calendar_months(day: dt.date, six_months_later: dt.date) -> None:
    assert add_months(day, 6) == six_months_later


@given(day=DAYS, months=st.integers(0, 60))
def test_adding_months_never_jumps_over_a_month(day: dt.date, months: int) -> None:
    later = add_months(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day <= day.day
