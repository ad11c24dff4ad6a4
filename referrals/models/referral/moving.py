"""How a fiche changes its state: by a conditional UPDATE, with its line in the journal."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import Case, DateTimeField, DurationField, ExpressionWrapper, F, Q, Value, When

from referrals.models.clarification import Clarification
from referrals.models.event import Actor, Event, EventKind
from referrals.models.referral.places import ACTION_IS_FULL, SESSION_IS_FULL
from referrals.models.reminder import Reminder, ReminderKind
from referrals.models.reread import reread
from referrals.states import MOVES, PENDING, REASONS, Verb

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
        return self.referral.events.told().select_related("user", "structure").order_by("-at", "-id").first()


class NoPlaceLeft(StaleReferral):
    """Another fiche took the last place first; nothing was written. Carries the fiche as it was."""


def _is_about_places(error: IntegrityError) -> bool:
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None) in (SESSION_IS_FULL, ACTION_IS_FULL)


def resumed(now: dt.datetime) -> Case:
    """The clock of a fiche as it goes on at `now`: moved forward by the length of the pause, if it was paused."""
    pause = ExpressionWrapper(Value(now, DateTimeField()) - F("paused_at"), DurationField())
    later = ExpressionWrapper(F("clock_from") + pause, DateTimeField())
    return Case(When(paused_at__isnull=False, then=later), default=F("clock_from"), output_field=DateTimeField())


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
        when someone acted first or when the verb cannot start from the present state, `NoPlaceLeft` when it takes a
        place and none is left; nothing is then written. What could still be taken back, of the last answer or of the
        last rendez-vous, is settled by any move, unless it is an answer itself.
        """
        move = MOVES[verb]
        with transaction.atomic(savepoint=False):
            decides = bool(move.sources.intersection(PENDING))
            if decides:
                values = {"paused_at": None, "clock_from": resumed(now)} | values
            where = Q(state__in=move.sources)
            changes = {"retractable_until": None, "unsettleable_until": None, "state": move.target} | values
            self._write(verb, where, now, version=version, **changes)
            # Whatever is decided, nobody waits any more for the answer to a question about it.
            if decides and Clarification.objects.open().filter(referral=self).update(closed_at=now):
                Reminder.objects.drop(self, "decided", now, kinds=[ReminderKind.ASKED, ReminderKind.UNCLARIFIED])
            return Event.objects.log(EventKind(verb.value), actor, now, referral=self, data=data)

    def mark(
        self: Referral,
        kind: EventKind,
        actor: Actor,
        now: dt.datetime,
        *,
        where: Q,
        version: int | None = None,
        data: dict[str, Any] | None = None,
        **values: Any,
    ) -> Event:
        """Change what stands beside the state (a pause, who follows), where the fiche is as `where` says.

        As `move` does: a conditional UPDATE with its event, or `StaleReferral` and nothing written.
        """
        with transaction.atomic(savepoint=False):
            self._write(kind, where, now, version=version, **values)
            return Event.objects.log(kind, actor, now, referral=self, data=data)

    def _write(self: Referral, what: str, where: Q, now: dt.datetime, *, version: int | None, **values: Any) -> None:
        rows = type(self).objects.filter(where, pk=self.pk)
        if version is not None:
            rows = rows.filter(version=version)
        try:
            written = rows.update(version=F("version") + 1, updated_at=now, **values)
        except IntegrityError as error:
            if _is_about_places(error):
                raise NoPlaceLeft(self, what) from error
            raise
        if not written:
            raise StaleReferral(type(self).objects.get(pk=self.pk), what)
        reread(self, "session")

    def check_reason(self, verb: Verb, reason: str) -> None:
        """Raise `ValueError` for a reason that the verb does not have."""
        if reason not in REASONS[verb]:
            raise ValueError(f"{reason!r} is not a reason to {verb}")

    def _close(
        self: Referral,
        verb: Verb,
        actor: Actor,
        now: dt.datetime,
        *,
        reason: str,
        note: str,
        data: dict[str, Any] | None = None,
        **values: Any,
    ) -> Event:
        self.check_reason(verb, reason)
        event = self.move(
            verb,
            actor,
            now,
            data={"reason": reason, **(data or {})},
            reason=reason,
            reason_note=note,
            closed_at=now,
            **values,
        )
        Reminder.objects.drop(self, "closed", now)
        return event
