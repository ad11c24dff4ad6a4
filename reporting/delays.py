"""How long an answer takes, in French working days, for those who have it and for those who still wait.

The working days are counted in PostgreSQL, by a calendar that Python makes from `referrals.deadlines` and passes as an
array: one number per day, which grows by one on each working day. The delay between two days is the difference of
their numbers, so that public holidays have one definition for the whole house. What a page needs is the histogram of
the delays: one row per distinct delay, however many fiches there are, which gives both medians exactly.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Func, IntegerField

from referrals.deadlines import is_working_day


@dataclass(frozen=True)
class WorkingCalendar:
    """Every day from `start`, with how many working days have passed since: 0 on the first."""

    start: dt.date
    numbers: tuple[int, ...]

    @classmethod
    def between(cls, start: dt.date, end: dt.date) -> WorkingCalendar:
        """The calendar of the days from `start` to `end`, both included."""
        numbers, passed = [0], 0
        for offset in range(1, (end - start).days + 1):
            passed += is_working_day(start + dt.timedelta(days=offset))
            numbers.append(passed)
        return cls(start, tuple(numbers))


class WorkingDayNumber(Func):
    """The number of a day in a calendar; null outside it."""

    output_field = IntegerField()
    arity = 1

    def __init__(self, day: Any, calendar: WorkingCalendar, **extra: Any) -> None:
        super().__init__(day, **extra)
        self.calendar = calendar

    def as_sql(self, compiler: Any, *args: Any, **extra_context: Any) -> Any:
        """`(array)[day - start + 1]`: PostgreSQL counts from 1, and a date less a date is a number of days."""
        day, params = compiler.compile(self.source_expressions[0])
        return f"(%s::int[])[{day} - %s::date + 1]", [list(self.calendar.numbers), *params, self.calendar.start]


@dataclass(frozen=True)
class Delays:
    """A histogram of delays: working days → how many fiches were answered then, and how many were still without."""

    answered: dict[int, int]
    unanswered: dict[int, int]

    @property
    def median_answered(self) -> float | None:
        """The median of the fiches that have an answer; `None` when none has."""
        return _median(self.answered, {})

    @property
    def median_with_waiting(self) -> float | None:
        """The delay within which half of all the fiches have their answer; `None` when half do not have it yet.

        Kaplan and Meier's estimate: a fiche without an answer is known to take longer than it has waited, so it
        counts among those who wait up to that day, and neither as an answer nor as nothing afterwards.
        """
        return _median(self.answered, self.unanswered)


def _median(answered: dict[int, int], unanswered: dict[int, int]) -> float | None:
    waiting = sum(answered.values()) + sum(unanswered.values())
    still_waiting = 1.0
    half_reached_at: int | None = None
    for days in sorted(answered | unanswered):
        came = answered.get(days, 0)
        if came and half_reached_at is not None:
            # Exactly half had their answer before: the median lies between the two days, as for any even number.
            return (half_reached_at + days) / 2
        if came:
            still_waiting *= 1 - came / waiting
            if still_waiting < 0.5 - 1e-9:
                return float(days)
            if still_waiting <= 0.5 + 1e-9:
                half_reached_at = days
        waiting -= came + unanswered.get(days, 0)
    return None if half_reached_at is None else float(half_reached_at)
