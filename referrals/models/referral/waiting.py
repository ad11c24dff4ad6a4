"""The waiting list: a place is offered to the first, confirmed, or passed on."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.db import transaction

from referrals import deadlines
from referrals.models.event import Actor, Event, EventKind
from referrals.models.reminder import Reminder, ReminderKind, morning_of
from referrals.policies import PolicyKind, Rule
from referrals.states import Verb
from structures.clocks import Clock
from structures.models import Session

if TYPE_CHECKING:
    from referrals.models.referral.row import Referral


def offered_until(now: dt.datetime, session: Session | None, rule: Rule, clock: Clock) -> dt.datetime:
    """When an offer made now lapses: some working days later in the evening, and before the session begins."""
    (day,) = rule.days_from(clock.day_of(now), clock)
    evening = clock.moment(day, deadlines.OFFER_HOUR)
    return evening if session is None else min(evening, morning_of(session.starts_on, clock))


class Waiting:
    """Offer a place, confirm it, let it go."""

    def offer(
        self: Referral, actor: Actor, now: dt.datetime, *, session: Session | None = None, version: int | None = None
    ) -> Event:
        """Offer a place, of that session where one is given: it is held until it is confirmed, passed on, or lapses.

        The sender is told, and once more half-way. Raises `NoPlaceLeft` when none is left, and `ValueError` when the
        session begins before an answer could come.
        """
        until = offered_until(now, session, self.rules[PolicyKind.OFFER], self.clock)
        if until <= now:
            raise ValueError("a place is offered before its session begins")
        with transaction.atomic():
            # What the fiche asked for is what it waits for again, should the place be let go.
            asked = {"session": self.session_id} if self.session_id else {}
            event = self.move(Verb.OFFER, actor, now, version=version, data=asked, session=session, offered_until=until)
            # What was answered before is overtaken by the offer itself.
            Reminder.objects.drop(self, "offered", now, kinds=[ReminderKind.ANSWERED])
            Reminder.objects.plan(
                self,
                now,
                (ReminderKind.OFFERED, now),
                (ReminderKind.OFFER_RECALL, now + (until - now) / 2),
                (ReminderKind.OFFER_EXPIRY, until),
            )
        return event

    def confirm(self: Referral, actor: Actor, now: dt.datetime, *, version: int | None = None) -> Event:
        """Take the place that is offered; the other structure is told, and the entry is to be confirmed after it."""
        with transaction.atomic():
            event = self.move(Verb.CONFIRM, actor, now, version=version, accepted_at=now)
            Reminder.objects.drop(self, "confirmed", now)
            by_receiver = actor.structure is not None and actor.structure.pk == self.receiver_id
            Reminder.objects.plan(
                self, now, (ReminderKind.ANSWERED if by_receiver else ReminderKind.OFFER_CONFIRMED, now)
            )
            self.plan_entry_question(now)
        return event

    def lapse(self: Referral, actor: Actor, now: dt.datetime, *, version: int | None = None) -> Event:
        """Let the offered place go to the next one: the fiche waits again, at the end of the list; both are told."""
        with transaction.atomic():
            offer = self.events.filter(kind=EventKind.OFFER).order_by("-at", "-id").first()
            asked = Session.objects.filter(pk=offer.data.get("session")).first() if offer is not None else None
            event = self.move(Verb.LAPSE, actor, now, version=version, session=asked, waitlisted_at=now)
            Reminder.objects.drop(self, "lapsed", now)
            Reminder.objects.plan(self, now, (ReminderKind.OFFER_PASSED, now))
        return event
