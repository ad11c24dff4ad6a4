"""Whether a due reminder, or a letter that waits to be posted, is still true. Reads only."""

from __future__ import annotations

import datetime as dt

from referrals.models import BilanKind, Message, Referral, Reminder, SessionReport
from referrals.models.clarification import recall_days
from referrals.models.link import is_awaited
from referrals.models.policy import POLICY_OF
from referrals.models.reminder import ReminderKind, ReminderState, morning_of
from referrals.notifications.appointments import appointment_not_ahead, untold_of
from referrals.notifications.followups import question_is_over
from referrals.notifications.kinds import ANSWER_LETTERS, RECALLS, STALE_AFTER
from referrals.policies import SPECS, PolicyKind
from referrals.states import OPEN, PENDING, WITHOUT_ENTRY, State
from structures.clocks import Clock


def decide(reminder: Reminder, now: dt.datetime) -> str:
    """The reason why a due reminder is dropped, as a code; empty when it is to be carried out."""
    kind = ReminderKind(reminder.kind)
    if _is_superseded(reminder, now):
        return "superseded"
    stale_after = stops_after(reminder)
    if stale_after is not None and now - reminder.due_at > stale_after:
        return "stale"
    return _no_longer_true(reminder, kind, now)


def stops_after(reminder: Reminder) -> dt.timedelta | None:
    """How late a reminder may still leave; `None` for what stops with its fiche or at an hour of its own."""
    kind = ReminderKind(reminder.kind)
    if kind == ReminderKind.EXPIRY:
        return None
    if (policy := POLICY_OF.get(kind)) is not None:
        return dt.timedelta(days=reminder.referral.rules[policy].stop_after)
    return STALE_AFTER.get(kind)


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


def outlived(message: Message, now: dt.datetime) -> str:
    """The reason why a letter that was given up is not posted again, as a code; empty when it still says what is so.

    Stricter than `overtaken`: days may have passed, and somebody has the choice to tell it otherwise.
    """
    reminder = message.reminder
    if reminder is None:
        return ""
    if reason := overtaken(message, now):
        return reason
    stale_after = stops_after(reminder)
    if stale_after is not None and now - reminder.due_at > stale_after:
        return "stale"
    kind = ReminderKind(reminder.kind)
    if kind == ReminderKind.APPOINTMENT_TOLD:
        at = reminder.referral.appointment_at
        return "over" if at is not None and at <= now else ""
    return _no_longer_true(reminder, kind, now)


def _no_longer_true(reminder: Reminder, kind: ReminderKind, now: dt.datetime) -> str:
    referral = reminder.referral
    state = State(referral.state)
    match kind:
        case ReminderKind.SENT:
            return _not_awaited(referral) or _closes(referral, now)
        case ReminderKind.ACKNOWLEDGED:
            switched_off = not referral.rules[PolicyKind.ACKNOWLEDGEMENT].is_on
            return _not_awaited(referral) or ("moved" if switched_off else "") or _closes(referral, now)
        case ReminderKind.UNANSWERED | ReminderKind.ESCALATED | ReminderKind.EXPIRY_NOTICE:
            return _not_awaited(referral) or _moved(reminder) or _closes(referral, now)
        case ReminderKind.EXPIRY:
            closes_on = referral.closes_on()
            early = closes_on is None or referral.clock.day_of(now) < closes_on
            return _not_awaited(referral) or ("moved" if early else "")
        case ReminderKind.ASKED:
            return "" if referral.paused_at is not None else "closed"
        case ReminderKind.UNCLARIFIED:
            return _moved(reminder)
        case ReminderKind.CLARIFIED:
            return "" if state in PENDING else "overtaken"
        case ReminderKind.ASSIGNED:
            return "" if referral.assigned_to_id is not None and state in OPEN else "moved"
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
        case ReminderKind.REPORT_PUBLISHED:
            published = SessionReport.objects.published().filter(session=referral.session_id)
            return "" if referral.entered_on is not None and published.exists() else "overtaken"
        case ReminderKind.ENTRY_TO_CONFIRM:
            return _entry_not_awaited(referral, now)
        case ReminderKind.APPOINTMENT_TOLD:
            return "" if untold_of(referral, now) is not None else "overtaken"
        case ReminderKind.APPOINTMENT:
            return appointment_not_ahead(reminder, now)
        case ReminderKind.INTERIM_BILAN:
            return _interim_bilan_not_awaited(reminder, now)
        case ReminderKind.BILAN_DUE:
            return _bilan_not_awaited(reminder)
        case ReminderKind.EXIT_DUE:
            return "closed" if state != State.ENTERED else _moved(reminder)
        case ReminderKind.CONSENT_ENDING:
            ends_on = referral.consent_ends_on()
            return "closed" if state not in OPEN else _moved(reminder) or _past(ends_on, referral.sender.clock, now)
        case ReminderKind.RETENTION:
            return _retention_is_not_near(referral)
        case ReminderKind.THREE_MONTHS | ReminderKind.SIX_MONTHS:
            return question_is_over(reminder)
        case ReminderKind.LINK:
            return "" if is_awaited(referral, now) else "closed"


def _not_awaited(referral: Referral) -> str:
    state = State(referral.state)
    if state == State.SENT:
        return "paused" if referral.paused_at is not None else ""
    if state == State.DRAFT:
        return "recalled"
    return "closed" if state in (State.CANCELLED, State.EXPIRED) else "answered"


def _closes(referral: Referral, now: dt.datetime) -> str:
    """Whether the fiche closes without an answer now: after a stop of the workers, none is asked for any more."""
    closes_on = referral.closes_on()
    return "past" if closes_on is not None and now >= morning_of(closes_on, referral.clock) else ""


def _offer_is_over(reminder: Reminder, now: dt.datetime) -> str:
    """Whether the place is no longer to be confirmed; its expiry is due at its hour, the letters before it."""
    referral = reminder.referral
    if referral.state != State.OFFERED or referral.offered_until is None:
        return "closed" if referral.state in WITHOUT_ENTRY else "settled"
    over = now >= referral.offered_until
    if reminder.kind == ReminderKind.OFFER_EXPIRY:
        return "" if over else "moved"
    return "over" if over else ""


def _moved(reminder: Reminder) -> str:
    """Whether its series no longer has this day: what it counted from, or its rule, has changed."""
    return "moved" if tier_of(reminder) is None else ""


def _past(day: dt.date | None, clock: Clock, now: dt.datetime) -> str:
    """Whether the event that was to be announced is over: nothing is announced after its day."""
    return "past" if day is None or clock.day_of(now) > day else ""


def _retention_is_not_near(referral: Referral) -> str:
    """One notice per person and sender: the last fiche that they sent carries it."""
    if referral.state == State.DRAFT:
        return "recalled"
    if not referral.rules[PolicyKind.RETENTION].is_on:
        # Closed fiches are not planned anew when a rule changes.
        return "moved"
    if referral.person.withdrawn_at is not None or referral.person.merged_into_id is not None:
        return "closed"
    others = Referral.objects.sent().filter(person=referral.person_id, sender=referral.sender_id)
    return "superseded" if others.filter(sent_at__gt=referral.sent_at).exists() else ""


def _entry_not_awaited(referral: Referral, now: dt.datetime) -> str:
    if referral.state != State.ACCEPTED:
        return "entered" if referral.state in (State.ENTERED, State.ENDED) else "closed"
    expected = referral.expected_on
    return "moved" if expected is None or expected > referral.clock.day_of(now) else ""


def _bilan_not_awaited(reminder: Reminder) -> str:
    referral = reminder.referral
    if referral.state not in (State.ENTERED, State.ENDED):
        return "closed"
    if referral.bilans.awaited().exists():
        return "returned"
    return _moved(reminder)


def _interim_bilan_not_awaited(reminder: Reminder, now: dt.datetime) -> str:
    referral = reminder.referral
    if referral.state != State.ENTERED:
        return "closed"
    if referral.bilan_due_on is not None and referral.clock.day_of(now) >= referral.bilan_due_on:
        return "past"
    if referral.bilans.returned().exclude(kind=BilanKind.POSITIONING).exists():
        return "returned"
    return _moved(reminder)


def _was_known(referral: Referral) -> bool:
    """Whether the receiver heard of the fiche: its letter left, it was answered, something was asked about it, or it
    was opened again."""
    announced = Reminder.objects.filter(referral=referral, kind=ReminderKind.SENT, state=ReminderState.DONE)
    touched = referral.answered_at is not None or referral.reopened_at is not None
    return touched or announced.exists() or referral.clarifications.exists()


def _is_superseded(reminder: Reminder, now: dt.datetime) -> bool:
    """Whether a later one of the same kind is due too: after a stop of the workers, only the last one is sent."""
    if "is_superseded" in vars(reminder):
        return reminder.is_superseded
    later = Reminder.objects.due(now).filter(referral=reminder.referral, kind=reminder.kind)
    return later.filter(due_at__gt=reminder.due_at).exists()


def tier_of(reminder: Reminder) -> int | None:
    """Which of its series a reminder is, from 0; `None` when the series no longer has it."""
    referral, kind = reminder.referral, ReminderKind(reminder.kind)
    clock, days = referral.clock, []
    if kind == ReminderKind.UNCLARIFIED and referral.paused_at is not None:
        clock = referral.sender.clock
        days = recall_days(referral.paused_at, clock)
    elif (policy := POLICY_OF.get(kind)) is not None:
        clock = referral.sender.clock if SPECS[policy].side == "sender" else clock
        days = referral.days_of(policy)
    day = clock.day_of(reminder.due_at)
    return days.index(day) if day in days else None
