"""Every delay of the path. Days are French working days where the name says so (public holidays included).

Those that a structure may set otherwise are only the usual ones: see `policies`.
"""

from __future__ import annotations

import calendar
import datetime as dt
from functools import lru_cache

import holidays

UNANSWERED_WORKING_DAYS = (3, 7, 12)
"""Working days that the clock has run at which an unanswered fiche is recalled to its receiver; late from the first."""

ESCALATION_WORKING_DAYS = (15,)
"""Working days that the clock has run at which the coordination is told of an unanswered fiche (our choice)."""

EXPIRY_DAYS = 30
"""Calendar days that the clock has run at which a fiche without an answer is closed by itself."""

EXPIRY_NOTICE_DAYS = 5
"""Calendar days before that closing at which both structures are told of it (our choice)."""

CONSENT_MONTHS = 24
"""Calendar months after which the person's consent is asked again. The law sets no term; two years, as for
`RETENTION_MONTHS`, is our choice."""

CONSENT_NOTICE_DAYS = 30
"""Calendar days before that term at which the sender is told."""

RETENTION_MONTHS = 24
"""Calendar months without any act after which a person's file is to be archived: two years from the last contact
(CNIL, référentiel des durées de conservation du secteur social et médico-social)."""

RETENTION_NOTICE_DAYS = 30
"""Calendar days before that at which the sender is told."""

CLARIFICATION_WORKING_DAYS = (2, 5)
"""Working days after a question at which its sender is reminded of it; at the last, who asked is told to go on."""

UNREACHABLE_WORKING_DAYS = 5
"""Working days to wait, once a contact was asked for or given, before a fiche may be declined as unreachable."""

UNDO = dt.timedelta(minutes=10)
"""How long a sending or an answer can be taken back, before its letter leaves."""

REOPEN_DAYS = 92
"""Calendar days after its closing during which a fiche can be opened again, under a consent that is no older."""

OFFER_WORKING_DAYS = 2
"""Working days within which the place that a waiting list offers is to be confirmed, until six in the evening."""

OFFER_HOUR = dt.time(18, 0)
"""The local time at which a place that nobody confirmed goes to the next one."""

OFFER_AGAIN_DAYS = 14
"""Calendar days during which a fiche that let a place go is offered no other one by itself."""

ENTRY_WORKING_DAYS = 1
"""Working days after the rendez-vous at which the receiver is asked whether the person came."""

APPOINTMENT_MINUTES = 60
"""How long a rendez-vous lasts when nobody said."""

APPOINTMENT_REMINDER_DAYS = 2
"""Calendar days before the rendez-vous at which the person is reminded of it."""

SHORT_NOTICE = dt.timedelta(hours=36)
"""A rendez-vous made less than this ahead brings no reminder: its own letter has just been read."""

POSITIONING_RETURN_WORKING_DAYS = 10
"""Working days after the interview within which the return of a positionnement is due."""

BILAN_REMINDER_DAYS = (0, 3, 10)
"""Calendar days after the due date at which a missing bilan is recalled."""

INTERIM_BILAN_DAYS = 45
"""Calendar days after the entry at which an intermediate bilan is asked for, where it is (our choice)."""

EXIT_DAYS = (7,)
"""Calendar days after the end of the action at which an exit that nobody noted is asked for (our choice)."""

BILAN_DEFAULT_DAYS = 91
"""Calendar days to the final bilan of an action whose duration is unknown (three months)."""

FOLLOWUP_MONTHS = 6
"""Calendar months after the exit at which the person is asked how they are (contrat de ville, CIDFF)."""

MOBILITY_MONTHS = 6
"""Calendar months after which a mobility pre-diagnosis is asked again."""

FOLLOWUP_ASKS = 2
"""How often the question is put in writing before somebody calls."""

FOLLOWUP_AGAIN_DAYS = 7
"""Calendar days without an answer after which the question is put again, then left to a call."""

FOLLOWUP_CALLS = 3
"""Calls that nobody took after which the person may be noted as unreachable."""

FOLLOWUP_LINK_DAYS = 30
"""How long the person's signed link stays valid."""

FOLLOWUP_CHANGE_DAYS = 7
"""How long an answer to a check after the exit can be changed by the person."""

LINK_DAYS = 30
"""How many calendar days the link of a letter to a structure stays valid; see `LinkQuerySet.live`."""

LINK_PAUSE = dt.timedelta(minutes=10)
"""The least time between two letters with a new link, for one fiche."""


@lru_cache(maxsize=32)
def _holidays(year: int, subdivision: str) -> holidays.HolidayBase:
    return holidays.country_holidays("FR", subdiv=subdivision or None, years=year)


def is_working_day(day: dt.date, subdivision: str = "") -> bool:
    """Whether `day` is neither a week-end nor a public holiday of France, or of the subdivision given."""
    return day.weekday() < 5 and day not in _holidays(day.year, subdivision)


def add_working_days(day: dt.date, days: int, subdivision: str = "") -> dt.date:
    """The working day that comes `days` working days after `day`. Raises `ValueError` when `days` is negative."""
    if days < 0:
        raise ValueError("days must not be negative")
    left = days
    while left:
        day += dt.timedelta(days=1)
        if is_working_day(day, subdivision):
            left -= 1
    return day


def working_days_before(day: dt.date, count: int, subdivision: str = "") -> list[dt.date]:
    """The last `count` working days before `day`, the latest first.

    A delay of n working days that began before the nth of them is over before `day`; one that began on it is not.
    """
    found: list[dt.date] = []
    while len(found) < count:
        day -= dt.timedelta(days=1)
        if is_working_day(day, subdivision):
            found.append(day)
    return found


def working_days_between(start: dt.date, end: dt.date, subdivision: str = "") -> int:
    """How many working days lie after `start`, up to and including `end`; 0 when `end` is not after `start`."""
    return sum(is_working_day(start + dt.timedelta(days=n), subdivision) for n in range(1, (end - start).days + 1))


def add_months(day: dt.date, months: int) -> dt.date:
    """The same day `months` calendar months later; the last day of a shorter month (31 August → 28 February)."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
