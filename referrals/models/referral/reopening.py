"""Second thoughts: a closed fiche is opened again, a person comes back to the action they had left."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.db import models, transaction
from django.utils import timezone

from referrals import deadlines
from referrals.models.event import Actor, Event
from referrals.models.person import Person
from referrals.models.referral.moving import StaleReferral
from referrals.models.reminder import Reminder, ReminderKind
from referrals.states import Verb, may_move
from structures.models import Structure

if TYPE_CHECKING:
    from referrals.models.referral.row import Referral

CLOSINGS = (ReminderKind.ANSWERED, ReminderKind.CANCELLED, ReminderKind.MISSED, ReminderKind.EXPIRED)
"""The letters that tell how a fiche was closed."""


class Hindrance(models.TextChoices):
    """Why a fiche can no longer be opened again, in the words that are shown."""

    LATE = "late", "Close depuis plus de trois mois, la fiche ne se rouvre plus : préparez-en une nouvelle."
    CONSENT = (
        "consent",
        "L’accord de la personne date de plus de trois mois : il est à redemander, avec une nouvelle fiche.",
    )
    ACTION = "action", "L’action ne prend plus de fiches : celle-ci ne peut pas être rouverte."
    OTHER = "other", "Une autre fiche est déjà en cours pour la même personne et la même action : suivez celle-là."
    NEWS = "news", "La personne a déjà donné de ses nouvelles après sa sortie : préparez une nouvelle fiche."


class CannotReopen(StaleReferral):
    """The fiche stays closed, and `hindrance` says why; nothing was written."""

    def __init__(self, referral: Referral, verb: str, hindrance: Hindrance) -> None:
        super().__init__(referral, verb)
        self.hindrance = hindrance


class Reopening:
    """Reopen, resume."""

    def reopening_hindrance(self: Referral, now: dt.datetime) -> Hindrance | None:
        """What forbids to open again a fiche that closed without an entry, as far as the fiche itself says it."""
        limit = now - dt.timedelta(days=deadlines.REOPEN_DAYS)
        if self.closed_at is None or self.closed_at < limit:
            return Hindrance.LATE
        if self.consent_at is None or self.consent_at < limit:
            return Hindrance.CONSENT
        action, today = self.action, timezone.localdate(now)
        is_open = self.receiver.is_active and action.is_published and not action.is_paused(today)
        return None if is_open else Hindrance.ACTION

    def resuming_hindrance(self: Referral, now: dt.datetime) -> Hindrance | None:
        """What forbids to take up again an action that the person has left."""
        if self.closed_at is None or self.closed_at < now - dt.timedelta(days=deadlines.REOPEN_DAYS):
            return Hindrance.LATE
        return Hindrance.NEWS if any(check.has_news for check in self.followups.all()) else None

    def is_doubled(self: Referral, reader: Structure | None) -> bool:
        """Whether another fiche of the person is under way for the same action, among those that `reader` may see.

        A sender is never told of another prescriber's fiche.
        """
        rows = type(self).objects.open().filter(person=self.person_id, action=self.action_id).exclude(pk=self.pk)
        if reader is None or reader.pk != self.receiver_id:
            rows = rows.filter(sender=self.sender_id)
        return rows.exists()

    def reopen(self: Referral, actor: Actor, now: dt.datetime, *, note: str, version: int | None = None) -> Event:
        """Open again a fiche that closed without an entry: it awaits an answer, as on its first day.

        The clock and its reminders start anew, the other structure is told, and what was said at the closing stays on
        the timeline. Raises `CannotReopen` when it closed too long ago, when the person's consent is too old, when the
        action takes no fiches, or when another fiche is under way for the same action.
        """
        with transaction.atomic():
            # As for a new fiche: two at once for the same person and action must not both be under way.
            Person.objects.select_for_update(of=("self",), no_key=True).get(pk=self.person_id)
            if may_move(Verb.REOPEN, self.state):
                found = self.reopening_hindrance(now)
                if found is None and self.is_doubled(actor.structure):
                    found = Hindrance.OTHER
                if found is not None:
                    raise CannotReopen(self, Verb.REOPEN, found)
            event = self.move(
                Verb.REOPEN,
                actor,
                now,
                version=version,
                reopened_at=now,
                reopening_note=note,
                clock_from=now,
                reason="",
                declined_criteria=[],
                answered_at=None,
                waitlisted_at=None,
                offered_until=None,
                accepted_at=None,
                appointment_at=None,
                appointment_place="",
                appointment_state="",
                closed_at=None,
            )
            Reminder.objects.drop(self, "reopened", now, kinds=CLOSINGS)
            self.await_answer(now, since=now)
            Reminder.objects.plan(self, now, (ReminderKind.REOPENED, now))
        return event

    def resume(self: Referral, actor: Actor, now: dt.datetime, *, note: str, version: int | None = None) -> Event:
        """The person comes back to the action: the exit and its check are withdrawn, a missing bilan is awaited.

        The sender is told. Raises `CannotReopen` when it ended too long ago or when the check was answered, and
        `NoPlaceLeft` when the place was given to somebody else.
        """
        with transaction.atomic():
            if may_move(Verb.RESUME, self.state) and (found := self.resuming_hindrance(now)):
                raise CannotReopen(self, Verb.RESUME, found)
            left = getattr(self, "exit", None)
            data = {"on": left.on.isoformat(), "kind": left.kind} if left is not None else {}
            due = self._bilan_due_again(timezone.localdate(now))
            event = self.move(
                Verb.RESUME,
                actor,
                now,
                version=version,
                data=data,
                reopening_note=note,
                bilan_due_on=due,
                closed_at=None,
            )
            if left is not None and not left.withdraw():
                raise CannotReopen(self, Verb.RESUME, Hindrance.NEWS)
            Reminder.objects.drop(self, "resumed", now, kinds=[ReminderKind.THREE_MONTHS, ReminderKind.SIX_MONTHS])
            if not self.bilans.awaited().exists():
                self._expect_bilan(now)
            self._expect_exit(now)
            Reminder.objects.plan(self, now, (ReminderKind.RESUMED, now))
        return event
