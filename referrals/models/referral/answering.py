"""The receiver's answers, and how they are taken back for ten minutes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from referrals import deadlines
from referrals.models.event import Actor, Event
from referrals.models.referral.moving import StaleReferral
from referrals.models.reminder import UNTIL_ANSWERED, Reminder, ReminderKind
from referrals.states import RETRACTABLE, AppointmentState, Reason, State, Verb
from structures.eligibility import DeclinedCriterion
from structures.models import Action, Session
from structures.vocabulary import NeedTheme

if TYPE_CHECKING:
    from referrals.models.referral.row import Referral


class Answering:
    """Accept, put on the waiting list, decline, redirect; take the answer back."""

    def _answer(
        self: Referral,
        verb: Verb,
        actor: Actor,
        now: dt.datetime,
        *,
        version: int | None,
        data: dict[str, Any] | None = None,
        **values: Any,
    ) -> Event:
        """Move by one of the four answers; its letter leaves once it can no longer be taken back."""
        # Read under lock: what the journal says of the fiche before the answer is what a retraction restores.
        before = (
            type(self).objects.select_for_update(no_key=True, of=("self",)).only("state", "session").get(pk=self.pk)
        )
        former = {"from": before.state} | ({"session": before.session_id} if before.session_id else {})
        event = self.move(
            verb,
            actor,
            now,
            version=version,
            data=(data or {}) | former,
            retractable_until=now + deadlines.UNDO,
            answered_at=self.answered_at or now,
            **values,
        )
        # An answer that replaces another one before its letter left: only the last one is announced.
        Reminder.objects.drop(self, "superseded", now, kinds=[ReminderKind.ANSWERED])
        Reminder.objects.plan(self, now, (ReminderKind.ANSWERED, now + deadlines.UNDO))
        return event

    def _asked(self: Referral, session: Session | EllipsisType | None) -> Session | None:
        return self.session if isinstance(session, EllipsisType) else session

    def accept(
        self: Referral,
        actor: Actor,
        now: dt.datetime,
        *,
        appointment_at: dt.datetime | None = None,
        appointment_place: str = "",
        appointment_minutes: int = deadlines.APPOINTMENT_MINUTES,
        session: Session | EllipsisType | None = ...,
        note: str = "",
        version: int | None = None,
    ) -> Event:
        """Accept, with a rendez-vous or a session; the sender is told, and the entry is to be confirmed after it.

        `session` left out is the one that the fiche asks for. Raises `NoPlaceLeft` when it is full, or the action.
        """
        with transaction.atomic():
            event = self._answer(
                Verb.ACCEPT,
                actor,
                now,
                version=version,
                data={"at": appointment_at.isoformat() if appointment_at is not None else ""},
                accepted_at=now,
                appointment_at=appointment_at,
                appointment_place=appointment_place,
                appointment_state=AppointmentState.PLANNED if appointment_at is not None else "",
                session=self._asked(session),
                answer_note=note,
            )
            Reminder.objects.drop(self, "answered", now)
            if appointment_at is None:
                self.plan_entry_question(now)
            else:
                self.appointments.arrange(
                    self, actor, now, at=appointment_at, minutes=appointment_minutes, place=appointment_place
                )
        return event

    def waitlist(
        self: Referral,
        actor: Actor,
        now: dt.datetime,
        *,
        session: Session | EllipsisType | None = ...,
        note: str = "",
        version: int | None = None,
    ) -> Event:
        """Put on the waiting list of a session, or of whichever comes when `session` is `None`; the sender is told.

        It has been answered: it no longer expires by itself.
        """
        with transaction.atomic():
            event = self._answer(
                Verb.WAITLIST,
                actor,
                now,
                version=version,
                waitlisted_at=now,
                session=self._asked(session),
                answer_note=note,
            )
            Reminder.objects.drop(self, "waitlisted", now, kinds=[ReminderKind.EXPIRY, ReminderKind.EXPIRY_NOTICE])
            Reminder.objects.drop(self, "answered", now, kinds=UNTIL_ANSWERED)
        return event

    def decline(
        self: Referral,
        actor: Actor,
        now: dt.datetime,
        *,
        reason: str,
        note: str = "",
        criteria: Sequence[DeclinedCriterion] = (),
        version: int | None = None,
    ) -> Event:
        """Decline with a coded reason; the sender is told with what comes next.

        `criteria` are the conditions that the person does not meet, when that is the reason. Raises `ValueError` for
        an unreachable person whose contact nobody asked of the sender, or not long enough ago.
        """
        self.check_reason(Verb.DECLINE, reason)
        if reason == Reason.UNREACHABLE and not self.may_be_declined_as_unreachable(timezone.localdate(now)):
            raise ValueError("a contact is asked of the sender before declining as unreachable")
        with transaction.atomic():
            event = self._answer(
                Verb.DECLINE,
                actor,
                now,
                version=version,
                data={"reason": reason} | ({"criteria": [one["code"] for one in criteria]} if criteria else {}),
                reason=reason,
                reason_note=note,
                declined_criteria=list(criteria),
                closed_at=now,
            )
            Reminder.objects.drop(self, "closed", now)
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

        What the sender had attached goes along. Returns the new fiche, already sent. Raises `ValueError` when the
        action is the same.
        """
        if to.pk == self.action_id:
            raise ValueError("a fiche is redirected to another action")
        with transaction.atomic():
            self._answer(
                Verb.REDIRECT,
                actor,
                now,
                version=version,
                data={"reason": Reason.OTHER_OFFER},
                reason=Reason.OTHER_OFFER,
                answer_note=note,
                closed_at=now,
            )
            Reminder.objects.drop(self, "closed", now)
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
            self.attachments.carry(self, following, sender, now)
            following.send(actor, now, consent_how=self.consent_how, consent_scope=self.consent_scope)
        return following

    def advise(
        self: Referral,
        actor: Actor,
        now: dt.datetime,
        *,
        themes: Iterable[str],
        note: str = "",
        version: int | None = None,
    ) -> Event:
        """Close this fiche because other needs come first, without saying which action answers them.

        The sender looks for it among the suggestions for these `themes`. Raises `ValueError` without any.
        """
        advised = sorted({NeedTheme(theme).value for theme in themes})
        if not advised:
            raise ValueError("a fiche is redirected to an action, or to needs")
        with transaction.atomic():
            event = self._answer(
                Verb.REDIRECT,
                actor,
                now,
                version=version,
                data={"reason": Reason.OTHER_OFFER, "advised": advised},
                reason=Reason.OTHER_OFFER,
                advised=advised,
                answer_note=note,
                closed_at=now,
            )
            Reminder.objects.drop(self, "closed", now)
        return event

    def retract(self: Referral, actor: Actor, now: dt.datetime, *, version: int | None = None) -> Event:
        """Take the last answer back within ten minutes, before its letter leaves: the fiche stands where it stood.

        A fiche that was sent has its clock again, counted from its sending. One that waited is back at its rank; so is
        one that was being offered a place, which goes to the first of the list. The fiche that a redirection opened is
        thrown away unread. Raises `StaleReferral` when the ten minutes are over, or when someone acted since.
        """
        if not self.may_be_retracted(now):
            raise StaleReferral(self, Verb.RETRACT)
        with transaction.atomic():
            given = self.events.filter(kind__in=RETRACTABLE).order_by("-at", "-id")[0]
            waited = given.data["from"] != State.SENT
            restored: dict[str, Any] = {} if waited else {"answered_at": None, "waitlisted_at": None}
            session = Session.objects.filter(pk=given.data.get("session")).first()
            event = self.move(
                Verb.RETRACT_TO_LIST if waited else Verb.RETRACT,
                actor,
                now,
                version=self.version if version is None else version,
                session=session,
                offered_until=None,
                accepted_at=None,
                appointment_at=None,
                appointment_place="",
                appointment_state="",
                answer_note="",
                reason="",
                reason_note="",
                declined_criteria=[],
                advised=[],
                closed_at=None,
                **restored,
            )
            self.appointments.withdraw(self, actor, now)
            kinds = [
                ReminderKind.ANSWERED,
                ReminderKind.ENTRY_TO_CONFIRM,
                ReminderKind.APPOINTMENT,
                ReminderKind.APPOINTMENT_TOLD,
            ]
            Reminder.objects.drop(self, "retracted", now, kinds=kinds)
            if waited:
                Reminder.objects.restore(self, "superseded", given.at)
            else:
                self.await_answer(now, since=given.at)
            if given.kind == Verb.REDIRECT:
                self._throw_away_following(actor, now)
        return event

    def _throw_away_following(self: Referral, actor: Actor, now: dt.datetime) -> None:
        following = type(self).objects.filter(redirected_from=self).first()
        if following is None:
            return
        try:
            following.recall(actor, now)
            following.cancel(actor, now, reason=Reason.MISTAKE)
        except StaleReferral as stale:
            # The other structure has already answered it: there is nothing left to take back.
            raise StaleReferral(self, Verb.RETRACT) from stale
