"""Questions before deciding: the receiver asks, the clock stands still, the sender answers."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from referrals.models.clarification import Clarification, ClarificationKind
from referrals.models.event import Actor, Event, EventKind
from referrals.models.referral.moving import StaleReferral, resumed
from referrals.models.reminder import UNTIL_ANSWERED, Reminder, ReminderKind, morning_of
from referrals.states import PENDING, State

if TYPE_CHECKING:
    from referrals.models.referral.row import Referral

ASKED_AS = {ClarificationKind.QUESTION: EventKind.ASKED, ClarificationKind.CONTACT: EventKind.CONTACT_ASKED}
"""How the journal says what was asked for."""


class Asking:
    """Ask, answer, withdraw."""

    def ask(
        self: Referral,
        actor: Actor,
        now: dt.datetime,
        *,
        question: str,
        kind: str = ClarificationKind.QUESTION,
        version: int | None = None,
    ) -> Clarification:
        """Ask the sender something before deciding; the clock stops, and the sender is told and reminded.

        Raises `StaleReferral` when the fiche is decided or another question is open.
        """
        asked = ASKED_AS[ClarificationKind(kind)]
        with transaction.atomic():
            where = Q(state__in=PENDING, paused_at__isnull=True)
            self.mark(asked, actor, now, where=where, version=version, paused_at=now)
            clarification = Clarification.objects.create(
                referral=self, kind=kind, question=question, asked_by=actor.user, asked_at=now
            )
            Reminder.objects.drop(self, "paused", now, kinds=UNTIL_ANSWERED)
            clock = self.sender.clock
            recalls = [(ReminderKind.UNCLARIFIED, morning_of(day, clock)) for day in clarification.recall_days(clock)]
            Reminder.objects.plan(self, now, (ReminderKind.ASKED, now), *recalls)
        return clarification

    def clarify(
        self: Referral,
        actor: Actor,
        now: dt.datetime,
        *,
        answer: str,
        contact: dict[str, Any] | None = None,
        version: int | None = None,
    ) -> Clarification:
        """Answer the open question; `contact` corrects the person's coordinates. The receiver is told.

        The clock goes on from where it stood; when a contact was asked for, it starts again.
        """
        with transaction.atomic():
            clarification = self._open_clarification(EventKind.CLARIFIED)
            if contact:
                self.person.change(actor, now, **contact)
            restart = clarification.kind == ClarificationKind.CONTACT
            self._resume(EventKind.CLARIFIED, actor, now, version=version, restart=restart)
            clarification.answer, clarification.answered_by = answer, actor.user
            clarification.answered_at = clarification.closed_at = now
            clarification.save(update_fields=["answer", "answered_by", "answered_at", "closed_at"])
            Reminder.objects.drop(self, "answered", now, kinds=[ReminderKind.ASKED, ReminderKind.UNCLARIFIED])
            Reminder.objects.plan(self, now, (ReminderKind.CLARIFIED, now))
        return clarification

    def unask(self: Referral, actor: Actor, now: dt.datetime, *, version: int | None = None) -> Event:
        """Withdraw the open question: the clock goes on from where it stood."""
        with transaction.atomic():
            clarification = self._open_clarification(EventKind.UNASKED)
            event = self._resume(EventKind.UNASKED, actor, now, version=version)
            clarification.closed_at = now
            clarification.save(update_fields=["closed_at"])
            Reminder.objects.drop(self, "withdrawn", now, kinds=[ReminderKind.ASKED, ReminderKind.UNCLARIFIED])
        return event

    def may_be_declined_as_unreachable(self: Referral, today: dt.date) -> bool:
        """Whether a contact was asked of the sender, and the person still cannot be reached after the delay."""
        asked = self.clarifications.filter(kind=ClarificationKind.CONTACT)
        return any(one.has_been_waited_for(today) for one in asked)

    def _open_clarification(self: Referral, what: str) -> Clarification:
        """The open question, of a fiche that is locked first, as every verb does. Raises `StaleReferral`."""
        type(self).objects.select_for_update(of=("self",), no_key=True).get(pk=self.pk)
        clarification = self.clarifications.open().first()
        if clarification is None:
            raise StaleReferral(type(self).objects.get(pk=self.pk), what)
        return clarification

    def _resume(
        self: Referral,
        kind: EventKind,
        actor: Actor,
        now: dt.datetime,
        *,
        version: int | None,
        restart: bool = False,
    ) -> Event:
        """Let the clock run again, and plan anew what is due when nobody answers."""
        clock_from = now if restart else resumed(now)
        where = Q(paused_at__isnull=False)
        event = self.mark(kind, actor, now, where=where, version=version, clock_from=clock_from, paused_at=None)
        if self.state == State.SENT:
            self.await_answer(now, since=now)
        return event
