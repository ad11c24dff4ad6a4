"""The receiver's answers."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.db import transaction

from referrals import deadlines
from referrals.models.event import Actor, Event
from referrals.models.reminder import Reminder, ReminderKind, morning_of
from referrals.states import Reason, Verb
from structures.models import Action, Session

if TYPE_CHECKING:
    from referrals.models.referral.row import Referral


class Answering:
    """Accept, put on the waiting list, decline, redirect."""

    def _answer_values(self: Referral, now: dt.datetime) -> dict[str, Any]:
        return {"answered_at": self.answered_at or now}

    def accept(
        self: Referral,
        actor: Actor,
        now: dt.datetime,
        *,
        appointment_at: dt.datetime | None = None,
        appointment_place: str = "",
        session: Session | None = None,
        note: str = "",
        version: int | None = None,
    ) -> Event:
        """Accept, with a rendez-vous or a session; the sender is told, and the entry is to be confirmed after it."""
        with transaction.atomic():
            event = self.move(
                Verb.ACCEPT,
                actor,
                now,
                version=version,
                accepted_at=now,
                appointment_at=appointment_at,
                appointment_place=appointment_place,
                session=session or self.session,
                answer_note=note,
                **self._answer_values(now),
            )
            Reminder.objects.drop(self, "answered", now)
            dues = [(ReminderKind.ANSWERED, now)]
            if self.expected_on is not None:
                day = deadlines.add_working_days(self.expected_on, deadlines.ENTRY_WORKING_DAYS)
                dues.append((ReminderKind.ENTRY_TO_CONFIRM, morning_of(day)))
            Reminder.objects.plan(self, now, *dues)
        return event

    def waitlist(
        self: Referral, actor: Actor, now: dt.datetime, *, note: str = "", version: int | None = None
    ) -> Event:
        """Put on the waiting list; the sender is told. It has been answered: it no longer expires by itself."""
        with transaction.atomic():
            event = self.move(Verb.WAITLIST, actor, now, version=version, answer_note=note, **self._answer_values(now))
            Reminder.objects.drop(self, "answered", now, kinds=[ReminderKind.SENT, ReminderKind.UNANSWERED])
            Reminder.objects.drop(self, "waitlisted", now, kinds=[ReminderKind.EXPIRY])
            Reminder.objects.plan(self, now, (ReminderKind.ANSWERED, now))
        return event

    def decline(
        self: Referral, actor: Actor, now: dt.datetime, *, reason: str, note: str = "", version: int | None = None
    ) -> Event:
        """Decline with a coded reason; the sender is told with what comes next."""
        with transaction.atomic():
            event = self._close(
                Verb.DECLINE,
                actor,
                now,
                reason=reason,
                note=note,
                version=version,
                **self._answer_values(now),
            )
            Reminder.objects.plan(self, now, (ReminderKind.ANSWERED, now))
        return event

    def redirect(
        self: Referral,
        actor: Actor,
        now: dt.datetime,
        *,
        to: Action,
        matched: dict[str, Any] | None = None,
        note: str = "",
        version: int | None = None,
    ) -> Referral:
        """Close this fiche and open one to a better action, from the same sender, under the same consent.

        Returns the new fiche, already sent. Raises `ValueError` when the action is the same.
        """
        if to.pk == self.action_id:
            raise ValueError("a fiche is redirected to another action")
        with transaction.atomic():
            self.move(
                Verb.REDIRECT,
                actor,
                now,
                version=version,
                data={"reason": Reason.OTHER_OFFER},
                reason=Reason.OTHER_OFFER,
                answer_note=note,
                closed_at=now,
                **self._answer_values(now),
            )
            Reminder.objects.drop(self, "closed", now)
            Reminder.objects.plan(self, now, (ReminderKind.ANSWERED, now))
            sender = Actor(user=self.sender_member, structure=self.sender, origin=actor.origin)
            following = type(self).objects.draft(
                self.person,
                to,
                sender,
                now,
                needs=self.needs.all(),
                motive=self.motive,
                matched=matched,
                redirected_from=self,
            )
            following.send(actor, now, consent_how=self.consent_how, consent_scope=self.consent_scope)
        return following
