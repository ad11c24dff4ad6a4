"""The receiver's verbs once the fiche is accepted."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.db import transaction

from referrals.models.event import Actor, Event
from referrals.models.reminder import UNTIL_ENDED, Reminder, ReminderKind
from referrals.policies import PolicyKind
from referrals.states import AppointmentState, Verb

if TYPE_CHECKING:
    from referrals.models.referral.row import Referral


class Following:
    """Enter, miss, end."""

    def enter(
        self: Referral,
        actor: Actor,
        now: dt.datetime,
        *,
        on: dt.date,
        bilan_due_on: dt.date | None = None,
        version: int | None = None,
    ) -> Event:
        """The person came and enters the action; the bilan's due date and its reminders are planned."""
        due = bilan_due_on or self._bilan_due(on)
        with transaction.atomic():
            event = self.move(
                Verb.ENTER,
                actor,
                now,
                version=version,
                data={"on": on.isoformat()},
                entered_on=on,
                bilan_due_on=due,
                accepted_at=self.accepted_at or now,
            )
            Reminder.objects.drop(self, "entered", now)
            self.appointments.conclude(self, AppointmentState.CAME, actor, now)
            self._expect_bilan(now)
            self._expect_exit(now)
        return event

    def _expect_bilan(self: Referral, now: dt.datetime) -> None:
        """Plan the reminders of the bilans, where the action returns some."""
        Reminder.objects.plan(self, now, *self.dues_of(PolicyKind.INTERIM_BILAN, PolicyKind.FINAL_BILAN))

    def _expect_exit(self: Referral, now: dt.datetime) -> None:
        """Plan the reminders of the exit, where the action has one."""
        Reminder.objects.plan(self, now, *self.dues_of(PolicyKind.EXIT))

    def miss(
        self: Referral, actor: Actor, now: dt.datetime, *, reason: str, note: str = "", version: int | None = None
    ) -> Event:
        """Accepted, but the person never came; the sender is told."""
        with transaction.atomic():
            event = self._close(Verb.MISS, actor, now, reason=reason, note=note, version=version)
            self.appointments.conclude(self, AppointmentState.ABSENT, actor, now)
            Reminder.objects.plan(self, now, (ReminderKind.MISSED, now))
        return event

    def end(self: Referral, actor: Actor, now: dt.datetime, *, version: int | None = None) -> Event:
        """Close the path in the action. Where the action expects a typed exit, go through `Exit.objects.record`."""
        with transaction.atomic():
            event = self.move(Verb.END, actor, now, version=version, closed_at=now)
            Reminder.objects.drop(self, "ended", now, kinds=UNTIL_ENDED)
        return event
