"""How a fiche changes its state: by a conditional UPDATE, with its line in the journal."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F

from referrals.models.event import Actor, Event, EventKind
from referrals.models.reminder import Reminder
from referrals.models.reread import reread
from referrals.states import MOVES, REASONS, Verb

if TYPE_CHECKING:
    from referrals.models.referral.row import Referral


class StaleReferral(Exception):
    """Someone acted first, or the verb does not start from this state. Carries the fiche as it now stands."""

    def __init__(self, referral: Referral, verb: str) -> None:
        super().__init__(f"{verb} cannot start from {referral.state}")
        self.referral = referral
        self.verb = verb

    @property
    def last_event(self) -> Event | None:
        """The last line of the fiche's journal, to tell the second person what the first one did."""
        return self.referral.events.select_related("user", "structure").order_by("-at", "-id").first()


class Moving:
    """What every verb of a fiche goes through."""

    def move(
        self: Referral,
        verb: Verb,
        actor: Actor,
        now: dt.datetime,
        *,
        version: int | None = None,
        data: dict[str, Any] | None = None,
        **values: Any,
    ) -> Event:
        """Change the state by a conditional UPDATE and write the event, in the verb's transaction.

        `version` is the one that the user's page showed; left out, only the state decides. Raises `StaleReferral`
        when someone acted first or when the verb cannot start from the present state; nothing is then written.
        """
        move = MOVES[verb]
        with transaction.atomic(savepoint=False):
            rows = type(self).objects.filter(pk=self.pk, state__in=move.sources)
            if version is not None:
                rows = rows.filter(version=version)
            if not rows.update(state=move.target, version=F("version") + 1, updated_at=now, **values):
                raise StaleReferral(type(self).objects.get(pk=self.pk), verb)
            reread(self, "session")
            return Event.objects.log(EventKind(verb.value), actor, now, referral=self, data=data)

    def _close(
        self: Referral, verb: Verb, actor: Actor, now: dt.datetime, *, reason: str, note: str, **values: Any
    ) -> Event:
        if reason not in REASONS[verb]:
            raise ValueError(f"{reason!r} is not a reason to {verb}")
        event = self.move(
            verb,
            actor,
            now,
            data={"reason": reason},
            reason=reason,
            reason_note=note,
            closed_at=now,
            **values,
        )
        Reminder.objects.drop(self, "closed", now)
        return event
