"""Who follows a fiche, on each side."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from accounts.models import User
from referrals.models.event import Actor, Event, EventKind
from referrals.models.reminder import Reminder, ReminderKind
from referrals.states import OPEN, WITHOUT_ENTRY
from structures.models import Membership, Structure
from structures.vocabulary import Role

if TYPE_CHECKING:
    from referrals.models.referral.row import Referral


class Assigning:
    """Assign to a colleague, pass to a colleague."""

    def assign(self: Referral, actor: Actor, now: dt.datetime, *, to: User | None, version: int | None = None) -> Event:
        """Entrust the fiche to a member of the receiver, who is told unless they took it themselves; or to nobody.

        Raises `ValueError` for someone who does not answer fiches there, `StaleReferral` once it is closed.
        """
        _check_member(to, self.receiver, Role.RECEIVER)
        with transaction.atomic():
            where = Q(state__in=OPEN)
            event = self.mark(
                EventKind.ASSIGNED,
                actor,
                now,
                where=where,
                version=version,
                data={"to": to.pk if to else None},
                assigned_to=to,
            )
            self.assigned_to = to
            Reminder.objects.drop(self, "moved", now, kinds=[ReminderKind.ASSIGNED])
            if to is not None and to != actor.user:
                Reminder.objects.plan(self, now, (ReminderKind.ASSIGNED, now))
        return event

    def hand_over(self: Referral, actor: Actor, now: dt.datetime, *, to: User, version: int | None = None) -> Event:
        """Pass what the sender follows to another member of theirs.

        Raises `ValueError` for someone who does not send fiches there, `StaleReferral` once nobody entered and it is
        closed.
        """
        _check_member(to, self.sender, Role.PRESCRIBER)
        where = ~Q(state__in=WITHOUT_ENTRY)
        values: dict[str, Any] = {"data": {"to": to.pk}, "sender_member": to}
        event = self.mark(EventKind.HANDED_OVER, actor, now, where=where, version=version, **values)
        self.sender_member = to
        return event


def _check_member(user: User | None, structure: Structure, role: Role) -> None:
    if user is None:
        return
    known = Membership.objects.at_work().filter(user=user, structure=structure, roles__contains=[role])
    if not known.exists():
        raise ValueError("a fiche is entrusted to a member of the structure")
