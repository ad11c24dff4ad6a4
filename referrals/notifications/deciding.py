"""Whether a due reminder, or a letter that waits to be posted, is still true. Reads only."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from referrals import deadlines
from referrals.models import FollowUp, FollowUpState, Message, Referral, Reminder
from referrals.models.link import is_awaited
from referrals.models.reminder import ReminderKind, ReminderState
from referrals.notifications.appointments import appointment_not_ahead, untold_of
from referrals.notifications.kinds import ANSWER_LETTERS, RECALLS, STALE_AFTER
from referrals.states import OPEN, PENDING, WITHOUT_ENTRY, State


def decide(reminder: Reminder, now: dt.datetime) -> str:
    """The reason why a due reminder is dropped, as a code; empty when it is to be carried out."""
    kind = ReminderKind(reminder.kind)
    stale_after = STALE_AFTER.get(kind)
    if _is_superseded(reminder, now):
        return "superseded"
    if stale_after is not None and now - reminder.due_at > stale_after:
        return "stale"
    return _no_longer_true(reminder, kind, now)


def overtaken(message: Message, now: dt.datetime) -> str:
    """The reason why a letter that waits to be posted is withdrawn, as a code; empty when it is still true."""
    reminder = message.reminder
    if reminder is None:
        return ""
    if reminder.kind == ReminderKind.APPOINTMENT_TOLD:
        # What stood then has been told; a later telling says what stands now.
        later = Reminder.objects.filter(referral=reminder.referral, kind=reminder.kind, due_at__gt=reminder.due_at)
        return "superseded" if later.exists() else ""
    if ReminderKind(reminder.kind) not in RECALLS:
        return ""
    return _no_longer_true(reminder, ReminderKind(reminder.kind), now)


def _no_longer_true(reminder: Reminder, kind: ReminderKind, now: dt.datetime) -> str:
    referral = reminder.referral
    state = State(referral.state)
    match kind:
        case ReminderKind.SENT:
            return _not_awaited(referral)
        case ReminderKind.UNANSWERED:
            return _not_awaited(referral) or ("moved" if tier_of(reminder) is None else "")
        case ReminderKind.EXPIRY:
            if referral.clock_from is None or now < referral.clock_from + dt.timedelta(days=deadlines.EXPIRY_DAYS - 1):
                return "moved"
            return _not_awaited(referral)
        case ReminderKind.ASKED:
            return "" if referral.paused_at is not None else "closed"
        case ReminderKind.UNCLARIFIED:
            return "moved" if tier_of(reminder) is None else ""
        case ReminderKind.CLARIFIED:
            return "" if state in PENDING else "overtaken"
        case ReminderKind.ASSIGNED:
            return "" if referral.assigned_to is not None and state in OPEN else "moved"
        case ReminderKind.ANSWERED:
            return "" if state in ANSWER_LETTERS else "overtaken"
        case ReminderKind.OFFERED | ReminderKind.OFFER_RECALL | ReminderKind.OFFER_EXPIRY:
            return _offer_is_over(reminder, now)
        case ReminderKind.OFFER_PASSED | ReminderKind.OFFER_CONFIRMED:
            return ""
        case ReminderKind.REOPENED:
            return "" if state in PENDING else "overtaken"
        case ReminderKind.RESUMED:
            return "" if state == State.ENTERED else "overtaken"
        case ReminderKind.CANCELLED:
            return "" if _was_known(referral) else "never_announced"
        case ReminderKind.MISSED:
            return "" if state == State.MISSED else "overtaken"
        case ReminderKind.EXPIRED:
            return "" if state == State.EXPIRED else "overtaken"
        case ReminderKind.BILAN_RETURNED:
            return "" if referral.bilans.returned().exists() else "overtaken"
        case ReminderKind.ENTRY_TO_CONFIRM:
            return _entry_not_awaited(referral, timezone.localdate(now))
        case ReminderKind.APPOINTMENT_TOLD:
            return "" if untold_of(referral, now) is not None else "overtaken"
        case ReminderKind.APPOINTMENT:
            return appointment_not_ahead(reminder, now)
        case ReminderKind.BILAN_DUE:
            return _bilan_not_awaited(reminder)
        case ReminderKind.SIX_MONTHS:
            followup = FollowUp.objects.filter(referral=referral).first()
            if followup is None:
                return "no_followup"
            return "" if followup.state == FollowUpState.PLANNED else "answered"
        case ReminderKind.LINK:
            return "" if is_awaited(referral, now) else "closed"


def _not_awaited(referral: Referral) -> str:
    state = State(referral.state)
    if state == State.SENT:
        return "paused" if referral.paused_at is not None else ""
    if state == State.DRAFT:
        return "recalled"
    return "closed" if state in (State.CANCELLED, State.EXPIRED) else "answered"


def _offer_is_over(reminder: Reminder, now: dt.datetime) -> str:
    """Whether the place is no longer to be confirmed; its expiry is due at its hour, the letters before it."""
    referral = reminder.referral
    if referral.state != State.OFFERED or referral.offered_until is None:
        return "closed" if referral.state in WITHOUT_ENTRY else "settled"
    over = now >= referral.offered_until
    if reminder.kind == ReminderKind.OFFER_EXPIRY:
        return "" if over else "moved"
    return "over" if over else ""


def _entry_not_awaited(referral: Referral, today: dt.date) -> str:
    if referral.state != State.ACCEPTED:
        return "entered" if referral.state in (State.ENTERED, State.ENDED) else "closed"
    expected = referral.expected_on
    return "moved" if expected is None or expected > today else ""


def _bilan_not_awaited(reminder: Reminder) -> str:
    referral = reminder.referral
    if referral.state not in (State.ENTERED, State.ENDED):
        return "closed"
    if referral.bilans.awaited().exists():
        return "returned"
    return "moved" if tier_of(reminder) is None else ""


def _was_known(referral: Referral) -> bool:
    """Whether the receiver heard of the fiche: its letter left, it was answered, something was asked about it, or it
    was opened again."""
    announced = Reminder.objects.filter(referral=referral, kind=ReminderKind.SENT, state=ReminderState.DONE)
    touched = referral.answered_at is not None or referral.reopened_at is not None
    return touched or announced.exists() or referral.clarifications.exists()


def _is_superseded(reminder: Reminder, now: dt.datetime) -> bool:
    """Whether a later one of the same kind is due too: after a stop of the workers, only the last one is sent."""
    later = Reminder.objects.due(now).filter(referral=reminder.referral, kind=reminder.kind)
    return later.filter(due_at__gt=reminder.due_at).exists()


def tier_of(reminder: Reminder) -> int | None:
    """Which of its series a reminder is, from 0; `None` when the date that it counted from has changed."""
    referral = reminder.referral
    day = timezone.localdate(reminder.due_at)
    days: list[dt.date] = []
    if reminder.kind == ReminderKind.UNANSWERED and referral.clock_from is not None:
        since = timezone.localdate(referral.clock_from)
        days = [deadlines.add_working_days(since, n) for n in deadlines.UNANSWERED_WORKING_DAYS]
    elif reminder.kind == ReminderKind.UNCLARIFIED and referral.paused_at is not None:
        asked_on = timezone.localdate(referral.paused_at)
        days = [deadlines.add_working_days(asked_on, n) for n in deadlines.CLARIFICATION_WORKING_DAYS]
    elif reminder.kind == ReminderKind.BILAN_DUE and referral.bilan_due_on is not None:
        days = [referral.bilan_due_on + dt.timedelta(days=n) for n in deadlines.BILAN_REMINDER_DAYS]
    return days.index(day) if day in days else None
