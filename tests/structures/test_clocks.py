"""The hour and the holidays of each place, and when a structure may be written to."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referrals.deadlines import add_months, add_working_days, is_working_day
from referrals.models.reminder import morning_of
from structures.clocks import CLOCKS, METROPOLE, Clock, clock_of
from structures.quiet import Quiet, overlap

DAYS = st.dates(dt.date(2020, 1, 1), dt.date(2040, 12, 31))
PLACES = st.sampled_from([METROPOLE, *CLOCKS.values()])
HOURS = st.times(dt.time(0, 0), dt.time(23, 59))


@pytest.mark.parametrize(
    ("commune_code", "postal_code", "clock"),
    [
        ("", "", METROPOLE),
        ("41018", "41000", METROPOLE),
        ("", "41000", METROPOLE),
        ("2A004", "20000", METROPOLE),
        ("57463", "57000", Clock(holidays="57")),
        ("67482", "67000", Clock(holidays="6AE")),
        ("", "68100", Clock(holidays="6AE")),
        ("97105", "97100", Clock("America/Guadeloupe", "971")),
        ("97209", "97200", Clock("America/Martinique", "972")),
        ("97302", "97300", Clock("America/Cayenne", "973")),
        ("97411", "97400", Clock("Indian/Reunion", "974")),
        ("97502", "97500", Clock("America/Miquelon", "PM")),
        ("97608", "97600", Clock("Indian/Mayotte", "976")),
        ("97701", "97133", Clock("America/St_Barthelemy", "BL")),
        ("", "97133", Clock("America/St_Barthelemy", "BL")),
        ("97123", "97133", Clock("America/St_Barthelemy", "BL")),
        ("97801", "97150", Clock("America/Marigot", "MF")),
        ("", "97150", Clock("America/Marigot", "MF")),
        ("98611", "98600", Clock("Pacific/Wallis", "WF")),
        ("98735", "98714", Clock("Pacific/Tahiti", "PF")),
        ("98818", "98800", Clock("Pacific/Noumea", "NC")),
        # A commune of the Ain whose postal code is its neighbour's.
        ("01033", "68000", METROPOLE),
    ],
)
def test_a_place_lives_by_its_own_clock(commune_code: str, postal_code: str, clock: Clock) -> None:
    assert clock_of(commune_code, postal_code) == clock


@pytest.mark.parametrize(
    ("day", "subdivision"),
    [
        (dt.date(2026, 4, 3), "57"),
        (dt.date(2026, 12, 26), "6AE"),
        (dt.date(2025, 5, 22), "972"),
        (dt.date(2025, 5, 27), "971"),
        (dt.date(2025, 6, 10), "973"),
        (dt.date(2027, 12, 20), "974"),
        (dt.date(2026, 4, 27), "976"),
        (dt.date(2026, 9, 24), "NC"),
    ],
)
def test_a_local_holiday_is_one_there_only(day: dt.date, subdivision: str) -> None:
    assert not is_working_day(day, subdivision)
    assert day.weekday() > 4 or is_working_day(day)


@pytest.mark.parametrize(
    ("day", "utc"),
    [("2026-03-28", 7), ("2026-03-29", 6), ("2026-10-24", 6), ("2026-10-25", 7)],
)
def test_eight_o_clock_stays_eight_o_clock_when_the_hour_changes(day: str, utc: int) -> None:
    assert morning_of(dt.date.fromisoformat(day)) == dt.datetime.fromisoformat(f"{day}T{utc:02d}:00+00:00")


def test_an_hour_that_the_change_of_the_hour_leaves_out_is_the_one_after_it() -> None:
    found = METROPOLE.moment(dt.date(2026, 3, 29), dt.time(2, 30))
    assert (found.hour, found.minute) == (3, 30)


@given(DAYS, PLACES, HOURS)
def test_a_moment_of_a_day_is_that_day_there(day: dt.date, clock: Clock, time: dt.time) -> None:
    assert clock.day_of(clock.moment(day, time)) == day


@given(DAYS, PLACES)
def test_reminders_become_due_at_eight_in_every_zone(day: dt.date, clock: Clock) -> None:
    local = morning_of(day, clock).astimezone(clock.zone)
    assert (local.date(), local.hour, local.minute) == (day, 8, 0)


@given(DAYS, PLACES, st.integers(1, 40))
def test_a_delay_ends_on_a_working_day_of_the_place_after_as_many(day: dt.date, clock: Clock, days: int) -> None:
    end = add_working_days(day, days, clock.holidays)
    assert is_working_day(end, clock.holidays)
    between = [day + dt.timedelta(days=n) for n in range(1, (end - day).days + 1)]
    assert sum(is_working_day(one, clock.holidays) for one in between) == days


@given(DAYS, st.integers(0, 36))
def test_months_later_is_the_same_day_or_the_last_of_a_shorter_month(day: dt.date, months: int) -> None:
    found = add_months(day, months)
    assert (found.year * 12 + found.month) - (day.year * 12 + day.month) == months
    assert found.day == day.day or (found.day < day.day and (found + dt.timedelta(days=1)).day == 1)


def test_half_a_year_after_the_last_of_august_is_the_last_of_february() -> None:
    assert add_months(dt.date(2026, 8, 31), 6) == dt.date(2027, 2, 28)
    assert add_months(dt.date(2027, 8, 31), 6) == dt.date(2028, 2, 29)


# Quiet days and hours

MOMENTS = st.datetimes(dt.datetime(2025, 1, 1), dt.datetime(2030, 12, 31), timezones=st.just(dt.UTC))


@st.composite
def quiets(draw: st.DrawFn) -> Quiet:
    hours = draw(st.lists(HOURS, max_size=2, unique=True))
    ordered = sorted(hours)
    opens = ordered[0] if ordered else None
    closes = ordered[1] if len(ordered) == 2 else None
    starts = draw(st.lists(st.dates(dt.date(2025, 1, 1), dt.date(2030, 1, 1)), max_size=3))
    lengths = draw(st.lists(st.integers(0, 60), min_size=len(starts), max_size=len(starts)))
    periods = tuple((first, first + dt.timedelta(days=n)) for first, n in zip(starts, lengths, strict=True))
    weekdays = frozenset(draw(st.lists(st.integers(0, 6), max_size=6, unique=True)))
    return Quiet(draw(PLACES), weekdays, periods, opens, closes)


@given(quiets(), MOMENTS)
def test_a_letter_waits_for_the_next_open_moment_and_no_longer(quiet: Quiet, moment: dt.datetime) -> None:
    found = quiet.next_allowed(moment)
    assert found >= moment
    assert quiet.allows(found)
    assert quiet.next_allowed(found) == found
    if found > moment:
        assert not quiet.allows(moment)
        middle = moment + (found - moment) / 2
        assert not quiet.allows(middle) or quiet.next_allowed(middle) == middle
        # Nothing open lies between: an open hour of an earlier day would have been taken.
        day, last = quiet.clock.day_of(moment), quiet.clock.day_of(found)
        while day < last:
            opening = quiet.clock.moment(day, quiet.opens or dt.time.min)
            assert quiet.is_closed_on(day) or opening <= moment
            day += dt.timedelta(days=1)


def test_a_letter_ready_at_night_leaves_at_the_opening() -> None:
    quiet = Quiet(opens=dt.time(9), closes=dt.time(17), weekdays=frozenset({5, 6}))
    friday_evening = dt.datetime(2026, 11, 20, 18, 0, tzinfo=METROPOLE.zone)
    assert quiet.next_allowed(friday_evening) == dt.datetime(2026, 11, 23, 9, 0, tzinfo=METROPOLE.zone)
    assert not quiet.allows(dt.datetime(2026, 11, 20, 17, 0, tzinfo=METROPOLE.zone))
    assert quiet.allows(dt.datetime(2026, 11, 20, 9, 0, tzinfo=METROPOLE.zone))


def test_a_letter_of_august_waits_for_the_return() -> None:
    quiet = Quiet(periods=((dt.date(2026, 8, 1), dt.date(2026, 8, 31)),))
    assert quiet.next_allowed(dt.datetime(2026, 8, 1, 9, 0, tzinfo=dt.UTC)) == dt.datetime(
        2026, 9, 1, 0, 0, tzinfo=METROPOLE.zone
    )


def test_two_periods_that_share_a_day_are_told_apart_from_two_that_follow() -> None:
    first, second, third = dt.date(2026, 8, 1), dt.date(2026, 8, 15), dt.date(2026, 8, 31)
    assert overlap([(second, third), (first, second)])
    assert not overlap([(first, second), (second + dt.timedelta(days=1), third)])
