"""What a due reminder makes: its verb, its line in the journal, and the letters to insert."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial

from django.utils import timezone

from referrals import deadlines, emails
from referrals.emails import Letter
from referrals.models import Appointment, Event, EventKind, Key, Message, Referral, Reminder
from referrals.models.event import WORKER
from referrals.models.policy import POLICY_OF
from referrals.models.reminder import ReminderKind, morning_of
from referrals.notifications.addressing import addressed
from referrals.notifications.appointments import remind_of_appointment, tell_appointment
from referrals.notifications.batches import Batch
from referrals.notifications.deciding import tier_of
from referrals.notifications.followups import ask_the_person, question_given_up
from referrals.notifications.kinds import ANSWER_LETTERS, JOURNALLED
from referrals.notifications.recipients import (
    Recipient,
    coordinators_of,
    receiver_of,
    sender_of,
    senders_in_session,
)
from referrals.policies import PolicyKind
from referrals.states import State, Verb, may_move


class NoAddress(Exception):
    """Nobody concerned by a reminder can be written to."""


def carry_out(reminder: Reminder, now: dt.datetime, batch: Batch | None = None) -> list[Message]:
    """Do what a due reminder says: the letters to insert, once its verb has been done and journalled.

    Within a `batch`, the links of the letters and the line of the reminder in the journal are left for it to write.
    Empty when there is nothing to post: an expiry, a place let go, a person who is to be called. Raises `NoAddress`.
    """
    if batch is not None:
        return _carry_out(reminder, now, batch)
    alone = Batch([reminder], now)
    messages = _carry_out(reminder, now, alone)
    alone.write()
    return messages


def _carry_out(reminder: Reminder, now: dt.datetime, batch: Batch) -> list[Message]:
    referral = reminder.referral
    kind = ReminderKind(reminder.kind)
    if kind == ReminderKind.EXPIRY:
        if may_move(Verb.EXPIRE, referral.state):
            referral.expire(WORKER, now)
        return []
    if kind == ReminderKind.OFFER_EXPIRY:
        referral.lapse(WORKER, now)
        return []
    if kind == ReminderKind.RETENTION and _was_touched(reminder, now):
        return []
    if kind in (ReminderKind.THREE_MONTHS, ReminderKind.SIX_MONTHS):
        return ask_the_person(reminder, now)
    if kind == ReminderKind.APPOINTMENT_TOLD:
        return tell_appointment(reminder, now, batch.staff)
    if kind == ReminderKind.APPOINTMENT:
        return remind_of_appointment(reminder, now)
    until = referral.offered_until if kind in (ReminderKind.OFFERED, ReminderKind.OFFER_RECALL) else None
    messages = [
        addressed(letter, recipient, reminder, now, until=until)
        for letter, recipients in _letters(reminder, kind, now, batch)
        for recipient in recipients
    ]
    if not messages:
        raise NoAddress
    if kind in JOURNALLED:
        data = {"kind": kind.value, "tier": tier_of(reminder), "letters": sorted({one.letter for one in messages})}
        batch.journal(referral, data)
    return messages


def rewritten(message: Message, now: dt.datetime) -> Message | None:
    """The same letter to the same address, written anew with a link of its own: the former one is not kept.

    `None` when it cannot be: its address is no longer the one to write to, or a colleague calls the person instead.
    In the caller's transaction.
    """
    reminder = message.reminder
    if reminder is None or message.is_to_the_person:
        return None
    alone = Batch([reminder], now)
    fresh = [
        addressed(letter, recipient, reminder, now)
        for letter, recipients in _letters(reminder, ReminderKind(reminder.kind), now, alone)
        for recipient in recipients
    ]
    alone.write()
    return next((one for one in fresh if one.message_id == message.message_id), None)


def _letters(
    reminder: Reminder, kind: ReminderKind, now: dt.datetime, batch: Batch
) -> list[tuple[Letter, list[Recipient]]]:
    referral = reminder.referral
    tier = tier_of(reminder) or 0
    today = timezone.localdate(now)
    sender = partial(sender_of, on=today, staff=batch.staff)
    receiver = partial(receiver_of, on=today, staff=batch.staff)

    def with_link(write: Callable[[Key | None], Letter]) -> list[tuple[Letter, list[Recipient]]]:
        """A letter that is answered from: each address without an account gets a link of its own."""
        return [(write(batch.key_for(one, referral)), [one]) for one in receiver(referral)]

    match kind:
        case ReminderKind.SENT:
            return with_link(lambda key: emails.referral_received(referral, key))
        case ReminderKind.ANSWERED:
            return [(ANSWER_LETTERS[State(referral.state)](referral), sender(referral))]
        case ReminderKind.OFFERED | ReminderKind.OFFER_RECALL:
            return [(emails.place_offered(referral, again=kind == ReminderKind.OFFER_RECALL), sender(referral))]
        case ReminderKind.OFFER_PASSED:
            return [
                (emails.place_passed_sender(referral), sender(referral)),
                *with_link(lambda key: emails.place_passed_receiver(referral, key)),
            ]
        case ReminderKind.OFFER_CONFIRMED:
            return with_link(lambda key: emails.place_confirmed(referral, key))
        case ReminderKind.REOPENED:
            if _was_reopened_by_its_receiver(referral):
                return [(emails.referral_reopened_sender(referral), sender(referral))]
            return with_link(lambda key: emails.referral_reopened_receiver(referral, key))
        case ReminderKind.RESUMED:
            return [(emails.referral_resumed(referral), sender(referral))]
        case ReminderKind.CANCELLED:
            return [(emails.referral_cancelled(referral), receiver(referral))]
        case ReminderKind.MISSED:
            return [(emails.referral_missed(referral), sender(referral))]
        case ReminderKind.EXPIRED:
            return [
                (emails.referral_expired_sender(referral), sender(referral)),
                *with_link(lambda key: emails.referral_expired_receiver(referral, key)),
            ]
        case ReminderKind.BILAN_RETURNED:
            return [(emails.bilan_returned(referral), sender(referral))]
        case ReminderKind.REPORT_PUBLISHED:
            return [(emails.report_published(referral), senders_in_session(referral, today))]
        case ReminderKind.ENTRY_TO_CONFIRM:
            return with_link(lambda key: emails.entry_to_confirm(referral, key))
        case ReminderKind.ASKED:
            return [(emails.question_asked(referral), sender(referral))]
        case ReminderKind.UNCLARIFIED:
            letters = [(emails.question_waiting(referral, tier), sender(referral))]
            if tier == len(deadlines.CLARIFICATION_WORKING_DAYS) - 1:
                letters += with_link(lambda key: emails.question_unanswered(referral, key))
            return letters
        case ReminderKind.CLARIFIED:
            return with_link(lambda key: emails.question_answered(referral, key))
        case ReminderKind.ACKNOWLEDGED:
            return [(emails.referral_acknowledged(referral), sender(referral))]
        case ReminderKind.ESCALATED:
            return [(emails.referral_escalated(referral), coordinators_of(referral))]
        case ReminderKind.EXPIRY_NOTICE:
            return [
                (emails.referral_expiring_sender(referral), sender(referral)),
                *with_link(lambda key: emails.referral_expiring_receiver(referral, key)),
            ]
        case ReminderKind.INTERIM_BILAN:
            return with_link(lambda key: emails.interim_bilan_due(referral, key))
        case ReminderKind.EXIT_DUE:
            return with_link(lambda key: emails.exit_due(referral, key))
        case ReminderKind.CONSENT_ENDING:
            return [(emails.consent_ending(referral), sender(referral))]
        case ReminderKind.RETENTION:
            return [(emails.retention_near(referral), sender(referral))]
        case ReminderKind.ASSIGNED:
            return [(emails.referral_assigned(referral), receiver(referral))]
        case ReminderKind.UNANSWERED:
            letters = with_link(lambda key: emails.referral_unanswered(referral, tier, key))
            if tier == referral.rules[PolicyKind.UNANSWERED].last_tier:
                letters.append((emails.referral_unanswered_sender(referral), sender(referral)))
            return letters
        case ReminderKind.BILAN_DUE:
            letters = with_link(lambda key: emails.bilan_due(referral, tier, key))
            if tier == referral.rules[PolicyKind.FINAL_BILAN].last_tier:
                letters.append((emails.bilan_missing(referral), sender(referral)))
            return letters
        case ReminderKind.LINK:
            return with_link(lambda key: emails.new_link(referral, key))
        case _:
            raise ValueError(f"{kind} makes no letter to a structure")


def _was_touched(reminder: Reminder, now: dt.datetime) -> bool:
    """Whether something happened to the person's file since this was planned: it is then planned from that act on."""
    referral = reminder.referral
    acts = Event.objects.about(referral.person).exclude(kind=EventKind.REMINDED)
    last = acts.order_by("-at", "-id").first()
    if last is None:
        return False
    clock = referral.sender.clock
    later = [day for day in referral.retention_days(last.at) if day > clock.day_of(now)]
    Reminder.objects.plan(referral, now, *[(ReminderKind.RETENTION, morning_of(day, clock)) for day in later])
    return bool(later)


def _was_reopened_by_its_receiver(referral: Referral) -> bool:
    last = referral.events.filter(kind=EventKind.REOPEN).order_by("-at", "-id").first()
    return last is not None and last.structure_id == referral.receiver_id


def plan_anew(reminder: Reminder, now: dt.datetime, reason: str) -> None:
    """After a reminder that its rule no longer gives, plan those to come that it does give.

    Often they are there already. They are not when a verb read the rule while another one was being written.
    """
    policy = POLICY_OF.get(ReminderKind(reminder.kind))
    if reason == "moved" and policy is not None:
        dues = reminder.referral.dues_of(policy)
        Reminder.objects.plan(reminder.referral, now, *[(kind, due_at) for kind, due_at in dues if due_at > now])


def given_up(message: Message) -> None:
    """A letter could not be delivered at all: a person who cannot be written to is called."""
    if message.referral_id is None:
        return
    if message.letter == emails.six_months.__name__:
        question_given_up(message)
    elif message.letter in (emails.appointment_told.__name__, emails.appointment_reminder.__name__):
        planned = Appointment.objects.planned().filter(referral_id=message.referral_id).first()
        if planned is not None:
            planned.ask_to_tell()
