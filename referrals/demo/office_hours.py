"""When people work: from nine to half past five, on French working days."""

from __future__ import annotations

import datetime as dt
import random

from django.utils import timezone

from referrals.deadlines import add_working_days, is_working_day

OPENING = dt.time(9, 0)
CLOSING = dt.time(17, 30)
MINUTES_OPEN = 8 * 60 + 30


def local(day: dt.date, time: dt.time) -> dt.datetime:
    """A moment of local time."""
    return timezone.make_aware(dt.datetime.combine(day, time))


def working_day(day: dt.date) -> dt.date:
    """The day itself when it is a working day, else the next one."""
    return add_working_days(day - dt.timedelta(days=1), 1)


def last_working_day(day: dt.date) -> dt.date:
    """The day itself when it is a working day, else the one before."""
    while not is_working_day(day):
        day -= dt.timedelta(days=1)
    return day


def working_days_before(day: dt.date, days: int) -> dt.date:
    """The working day that comes `days` working days before."""
    day = last_working_day(day)
    for _ in range(days):
        day = last_working_day(day - dt.timedelta(days=1))
    return day


def some_time(dice: random.Random, day: dt.date) -> dt.datetime:
    """Some minute of the office hours of a day, or of the next working day."""
    return local(working_day(day), OPENING) + dt.timedelta(minutes=dice.randrange(MINUTES_OPEN))


def later(dice: random.Random, at: dt.datetime, working_days: int) -> dt.datetime:
    """So many working days after a moment; none: later on the same day, or the next morning after closing time."""
    if working_days > 0:
        return some_time(dice, add_working_days(timezone.localdate(at), working_days))
    soon = at + dt.timedelta(minutes=dice.randint(12, 55))
    day = timezone.localdate(soon)
    if is_working_day(day) and OPENING <= timezone.localtime(soon).time() <= CLOSING:
        return soon
    return some_time(dice, day + dt.timedelta(days=1))


def not_before(dice: random.Random, at: dt.datetime, day: dt.date) -> dt.datetime:
    """Some working moment of that day or just after, and after `at` whatever happens."""
    wanted = some_time(dice, day)
    return wanted if wanted > at else later(dice, at, 0)


def meeting_time(dice: random.Random, day: dt.date) -> dt.datetime:
    """A rendez-vous on the hour or the half-hour."""
    return local(working_day(day), dt.time(dice.choice((9, 10, 11, 14, 15, 16)), dice.choice((0, 30))))
