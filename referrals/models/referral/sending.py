"""The sender's verbs, and the worker's when nobody answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import transaction

from referrals import deadlines
from referrals.models.event import Actor, Event
from referrals.models.referral.consent import ConsentHow
from referrals.models.referral.moving import StaleReferral
from referrals.models.referral.scheduling import UNTIL_ANSWERED
from referrals.models.reminder import Reminder, ReminderKind
from referrals.models.reread import reread
from referrals.policies import PolicyKind
from referrals.states import AppointmentState, State, Verb

if TYPE_CHECKING:
    from referrals.models.referral.row import Referral


class Sending:
    """Write, send, take back, cancel, expire."""

    def rewrite(self: Referral, now: dt.datetime, **values: Any) -> bool:
        """Save what is being typed in a draft; `False`, and nothing written, once it is no longer one."""
        rows = type(self).objects.filter(pk=self.pk, state=State.DRAFT)
        if not rows.update(updated_at=now, **values):
            return False
        reread(self, "session")
        return True

    def send(
        self: Referral,
        actor: Actor,
        now: dt.datetime,
        *,
        consent_how: str,
        consent_scope: Iterable[str],
        version: int | None = None,
    ) -> Event:
        """Send the fiche with the person's consent; plan its letter, its reminders and its expiry."""
        if consent_how not in ConsentHow.values:
            raise ValueError("a fiche is sent with the person's consent only")
        with transaction.atomic():
            event = self.move(
                Verb.SEND,
                actor,
                now,
                version=version,
                consent_how=consent_how,
                consent_at=now,
                consent_scope=sorted(set(consent_scope)),
                sent_at=now,
                clock_from=now,
            )
            self.await_answer(now, since=now)
        return event

    def await_answer(self: Referral, now: dt.datetime, *, since: dt.datetime) -> None:
        """Plan the letter, the recalls and the expiry of a fiche that was sent: those that come after `since`.

        The letter counts from the sending, the recalls and the expiry from the clock.
        """
        assert self.sent_at is not None  # by the constraints on a fiche that was sent
        dues = [
            (ReminderKind.SENT, self.sent_at + deadlines.UNDO),
            *self.dues_of(PolicyKind.ACKNOWLEDGEMENT, *UNTIL_ANSWERED, PolicyKind.CONSENT, PolicyKind.RETENTION),
        ]
        Reminder.objects.plan(self, now, *[(kind, due_at) for kind, due_at in dues if due_at > since])

    def recall(self: Referral, actor: Actor, now: dt.datetime, *, version: int | None = None) -> Event:
        """Take the sending back within ten minutes, before the letter leaves. Raises `StaleReferral` after that."""
        if not self.is_newly_sent(now):
            raise StaleReferral(self, Verb.RECALL)
        with transaction.atomic():
            blank: dict[str, Any] = {"sent_at": None, "clock_from": None, "consent_at": None, "consent_how": ""}
            event = self.move(Verb.RECALL, actor, now, version=version, **blank)
            Reminder.objects.drop(self, "recalled", now)
        return event

    def cancel(
        self: Referral, actor: Actor, now: dt.datetime, *, reason: str, note: str = "", version: int | None = None
    ) -> Event:
        """Cancel a fiche that has not led to an entry. The receiver is told when it had been sent."""
        with transaction.atomic():
            # A draft thrown away hangs on nothing any more: what it came from may lead to another fiche.
            loose: dict[str, Any] = {"redirected_from": None} if self.sent_at is None else {}
            event = self._close(Verb.CANCEL, actor, now, reason=reason, note=note, version=version, **loose)
            self.appointments.conclude(self, AppointmentState.CANCELLED, actor, now)
            if self.sent_at is not None:
                Reminder.objects.plan(self, now, (ReminderKind.CANCELLED, now))
            else:
                # A draft thrown away is read by nobody any more: what was attached to it goes with it.
                self.attachments.erase()
        return event

    def expire(self: Referral, actor: Actor, now: dt.datetime) -> Event:
        """Close a fiche that was never answered; both structures are told."""
        with transaction.atomic():
            event = self.move(Verb.EXPIRE, actor, now, closed_at=now)
            Reminder.objects.drop(self, "expired", now)
            Reminder.objects.plan(self, now, (ReminderKind.EXPIRED, now))
        return event
