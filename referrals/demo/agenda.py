"""One order of time for everybody's story, and what the worker would have done meanwhile."""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
from collections.abc import Generator

from django.db.models import F
from django.utils import timezone

from referrals import notifications
from referrals.models import (
    Appointment,
    Event,
    EventKind,
    FollowUp,
    Reminder,
    ReminderKind,
    ReminderPolicy,
)
from referrals.models.event import WORKER
from referrals.models.followup import REMINDER_OF
from referrals.models.reminder import MORNING, ReminderState
from referrals.states import AppointmentState

Story = Generator[dt.datetime, None, None]
"""A story yields the moment of its next step and is resumed when that moment has come."""

LETTERS = (
    ReminderKind.SENT,
    ReminderKind.ACKNOWLEDGED,
    ReminderKind.ANSWERED,
    ReminderKind.MISSED,
    ReminderKind.EXPIRED,
    ReminderKind.REOPENED,
    ReminderKind.RESUMED,
    ReminderKind.OFFERED,
    ReminderKind.OFFER_PASSED,
    ReminderKind.OFFER_CONFIRMED,
    ReminderKind.BILAN_RETURNED,
    ReminderKind.ASKED,
    ReminderKind.CLARIFIED,
    ReminderKind.ASSIGNED,
    ReminderKind.LINK,
    ReminderKind.APPOINTMENT_TOLD,
)
"""Reminders that only post a letter. The others, due at eight in the morning, do something or are looked at again."""


NEVER = (dt.date.min, False)
"""Before the first day: the day reached, and whether its reminders have fallen due."""


class Agenda:
    """Resumes stories in the order of their moments up to `now`; what lies after it has not happened yet.

    Before each step the reminders due by then are settled, up to `worker_stopped_at`: what fell due since is left to
    the real worker.
    """

    def __init__(self, now: dt.datetime, worker_stopped_at: dt.datetime) -> None:
        self.now = now
        self._worker_stopped_at = worker_stopped_at
        self._reached = NEVER
        self._numbers = itertools.count()
        self._waiting: list[tuple[dt.datetime, int, Story]] = []

    def add(self, story: Story) -> None:
        """Take up a story, unless it is over at once."""
        self._resume(story, None)

    def run(self) -> None:
        """Let everything happen up to `now`."""
        while self._waiting and self._waiting[0][0] <= self.now:
            at, _, story = heapq.heappop(self._waiting)
            self._begin_day(at)
            self._resume(story, at)
        self._reached = NEVER
        self._begin_day(self.now)
        self.post_letters(self.now)

    def _resume(self, story: Story, at: dt.datetime | None) -> None:
        following = next(story, None)
        if following is None:
            return
        if at is not None and following < at:
            raise ValueError(f"a story goes back from {at} to {following}")
        heapq.heappush(self._waiting, (following, next(self._numbers), story))

    def post_letters(self, at: dt.datetime) -> None:
        """Settle the reminders that only post a letter, as the worker would have on the minute."""
        due = Reminder.objects.due(min(at, self._worker_stopped_at)).filter(kind__in=LETTERS)
        told = due.order_by().filter(kind=ReminderKind.APPOINTMENT_TOLD).values("referral")
        for row in Appointment.objects.filter(referral__in=told, told_at=None).order_by(
            "referral", "number", "sequence"
        ):
            row.mark_told(at)
        due.order_by().update(state=ReminderState.DONE, done_at=F("due_at"))

    def _begin_day(self, at: dt.datetime) -> None:
        """On the first step of a day, and on the first one after the hour of the reminders, settle what fell due."""
        local = timezone.localtime(at)
        reached = (local.date(), local.time() >= MORNING)
        if reached <= self._reached:
            return
        self._reached = reached
        self.post_letters(at)
        due = Reminder.objects.due(min(at, self._worker_stopped_at)).exclude(kind__in=LETTERS)
        around = ("sender", "receiver", "action", "session", "person")
        rows = list(due.select_related(*[f"referral__{name}" for name in around]))
        ReminderPolicy.objects.attach([row.referral for row in rows])
        for reminder in rows:
            _settle(reminder)


def _settle(reminder: Reminder) -> None:
    # One planned after its own hour (an entry noted on the day when the bilan falls due) leaves when it was planned.
    at, referral = max(reminder.due_at, reminder.planned_at), reminder.referral
    reason = notifications.decide(reminder, at)
    # Conditional: an earlier reminder of the same list may have withdrawn this one.
    if not reminder.settle(at, dropped=reason) or reason:
        return
    if reminder.kind == ReminderKind.EXPIRY:
        referral.expire(WORKER, at)
    elif reminder.kind == ReminderKind.OFFER_EXPIRY:
        referral.lapse(WORKER, at)
    elif reminder.kind in REMINDER_OF.values():
        check = FollowUp.objects.of_reminder(reminder)
        if check is not None:
            check.begin(at)
    elif reminder.kind == ReminderKind.APPOINTMENT:
        planned = referral.appointments.get(state=AppointmentState.PLANNED)
        planned.referral = referral
        planned.remind(at)
    elif reminder.kind in notifications.JOURNALLED:
        data = {"kind": reminder.kind, "tier": notifications.tier_of(reminder)}
        Event.objects.log(EventKind.REMINDED, WORKER, at, referral=referral, data=data)
