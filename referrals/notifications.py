"""Which reminder makes which letters, to whom; and, when it is due, whether it is still true.

`decide` reads only. `carry_out` writes: it belongs in the transaction that settles the reminder.

A structure is written to at one address: that of the action, else its own. That is what it publishes to be reached,
it survives holidays and departures, and a queue read by several is answered by the first one free; writing to each
member as well would bring every fiche two or three times into the same office. Members of the right role are written
to only where no such address is known. A sender is answered personally: they follow the person; so is the member to
whom the receiver assigned the fiche. While they are away, who stands in is written to, else the structure.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from referrals import deadlines, emails
from referrals.emails import Letter
from referrals.models import (
    Appointment,
    Event,
    EventKind,
    FollowUp,
    FollowUpState,
    Key,
    Link,
    Message,
    Referral,
    Reminder,
)
from referrals.models.event import WORKER
from referrals.models.link import is_awaited
from referrals.models.reminder import ReminderKind, ReminderState
from referrals.states import OPEN, PENDING, WITHOUT_ENTRY, AppointmentState, State, Verb, may_move
from structures.models import Membership, Structure
from structures.vocabulary import Role

STALE_AFTER: dict[ReminderKind, dt.timedelta] = {
    ReminderKind.ANSWERED: dt.timedelta(days=30),
    ReminderKind.CANCELLED: dt.timedelta(days=30),
    ReminderKind.MISSED: dt.timedelta(days=30),
    ReminderKind.EXPIRED: dt.timedelta(days=30),
    ReminderKind.REOPENED: dt.timedelta(days=14),
    ReminderKind.RESUMED: dt.timedelta(days=30),
    ReminderKind.OFFER_PASSED: dt.timedelta(days=30),
    ReminderKind.OFFER_CONFIRMED: dt.timedelta(days=30),
    ReminderKind.BILAN_RETURNED: dt.timedelta(days=60),
    ReminderKind.APPOINTMENT_TOLD: dt.timedelta(days=30),
    ReminderKind.UNANSWERED: dt.timedelta(days=14),
    ReminderKind.ENTRY_TO_CONFIRM: dt.timedelta(days=30),
    ReminderKind.BILAN_DUE: dt.timedelta(days=30),
    ReminderKind.SIX_MONTHS: dt.timedelta(days=90),
    ReminderKind.ASKED: dt.timedelta(days=14),
    ReminderKind.UNCLARIFIED: dt.timedelta(days=14),
    ReminderKind.CLARIFIED: dt.timedelta(days=30),
    ReminderKind.ASSIGNED: dt.timedelta(days=14),
    ReminderKind.LINK: dt.timedelta(days=1),
}
"""How late a reminder may leave after a stop of the workers; later, it is dropped as stale. A fiche not yet announced
to its receiver, an offer that still stands, and an expiry, are due however late; a rendez-vous is recalled until its
hour."""


JOURNALLED = (
    ReminderKind.UNANSWERED,
    ReminderKind.UNCLARIFIED,
    ReminderKind.OFFER_RECALL,
    ReminderKind.ENTRY_TO_CONFIRM,
    ReminderKind.BILAN_DUE,
)
"""Kinds that leave « Relance envoyée » in the journal. The others tell of a verb that already stands in it; the
six-month question leaves its own line."""

RECALLS = (ReminderKind.SENT, ReminderKind.ASKED, ReminderKind.OFFERED, ReminderKind.APPOINTMENT, *JOURNALLED)
"""Kinds that ask for something: a letter kept waiting by a mail server is withdrawn once it has been done."""

ANSWER_LETTERS = {
    State.ACCEPTED: emails.referral_accepted,
    State.ENTERED: emails.referral_accepted,
    State.ENDED: emails.referral_accepted,
    State.WAITLISTED: emails.referral_waitlisted,
    State.DECLINED: emails.referral_declined,
    State.REDIRECTED: emails.referral_redirected,
}


class NoAddress(Exception):
    """Nobody concerned by a reminder can be written to."""


@dataclass(frozen=True)
class Recipient:
    """One address, and the user behind it where there is one."""

    address: str
    user: User | None = None


# Whether it is still true


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
            return _appointment_not_ahead(reminder, now)
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


def untold_of(referral: Referral, now: dt.datetime) -> Appointment | None:
    """The rendez-vous of which something is to be told now: its date, that it is called off, or that nobody came.

    A date that is past by then, or what came of a fiche that has moved on since, is told no more.
    """
    last = referral.appointments.current()
    if last is None or not last.is_untold:
        return None
    if last.was_called_off and last.in_calendars:
        return last if last.at > now else None
    if last.state == AppointmentState.PLANNED and last.at <= now:
        return None
    return last if referral.state == State.ACCEPTED else None


def _appointment_not_ahead(reminder: Reminder, now: dt.datetime) -> str:
    planned = reminder.referral.appointments.planned().first()
    if planned is None:
        return "settled"
    if planned.remind_at != reminder.due_at:
        return "moved"
    return "past" if planned.at <= now else ""


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


# What it makes


def carry_out(reminder: Reminder, now: dt.datetime) -> list[Message]:
    """Do what a due reminder says: the letters to insert, once its verb has been done and journalled.

    Empty when there is nothing to post: an expiry, a place let go, a person who is to be called. Raises `NoAddress`.
    """
    referral = reminder.referral
    kind = ReminderKind(reminder.kind)
    if kind == ReminderKind.EXPIRY:
        if may_move(Verb.EXPIRE, referral.state):
            referral.expire(WORKER, now)
        return []
    if kind == ReminderKind.OFFER_EXPIRY:
        referral.lapse(WORKER, now)
        return []
    if kind == ReminderKind.SIX_MONTHS:
        return _ask_the_person(reminder, now)
    if kind == ReminderKind.APPOINTMENT_TOLD:
        return _tell_appointment(reminder, now)
    if kind == ReminderKind.APPOINTMENT:
        return _remind_of_appointment(reminder, now)
    messages = [
        _address(letter, recipient, reminder, now)
        for letter, recipients in _letters(reminder, kind, now)
        for recipient in recipients
    ]
    if not messages:
        raise NoAddress
    if kind in JOURNALLED:
        data = {"kind": kind.value, "tier": tier_of(reminder), "letters": sorted({one.letter for one in messages})}
        Event.objects.log(EventKind.REMINDED, WORKER, now, referral=referral, data=data)
    return messages


def given_up(message: Message) -> None:
    """A letter could not be delivered at all: a person who cannot be written to is called."""
    if message.referral_id is None:
        return
    if message.letter == emails.six_months.__name__:
        followup = FollowUp.objects.filter(referral_id=message.referral_id).first()
        if followup is not None:
            followup.put_on_call_list()
    elif message.letter in (emails.appointment_told.__name__, emails.appointment_reminder.__name__):
        planned = Appointment.objects.planned().filter(referral_id=message.referral_id).first()
        if planned is not None:
            planned.ask_to_tell()


def _letters(reminder: Reminder, kind: ReminderKind, now: dt.datetime) -> list[tuple[Letter, list[Recipient]]]:
    referral = reminder.referral
    tier = tier_of(reminder) or 0
    today = timezone.localdate(now)
    sender, receiver = partial(sender_of, on=today), partial(receiver_of, on=today)

    def with_link(write: Callable[[Key | None], Letter]) -> list[tuple[Letter, list[Recipient]]]:
        """A letter that is answered from: each address without an account gets a link of its own."""
        return [(write(_key_for(one, referral, now)), [one]) for one in receiver(referral)]

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
        case ReminderKind.ASSIGNED:
            return [(emails.referral_assigned(referral), receiver(referral))]
        case ReminderKind.UNANSWERED:
            letters = with_link(lambda key: emails.referral_unanswered(referral, tier, key))
            if tier == len(deadlines.UNANSWERED_WORKING_DAYS) - 1:
                letters.append((emails.referral_unanswered_sender(referral), sender(referral)))
            return letters
        case ReminderKind.BILAN_DUE:
            letters = with_link(lambda key: emails.bilan_due(referral, tier, key))
            if tier == len(deadlines.BILAN_REMINDER_DAYS) - 1:
                letters.append((emails.bilan_missing(referral), sender(referral)))
            return letters
        case ReminderKind.LINK:
            return with_link(lambda key: emails.new_link(referral, key))
        case _:
            raise ValueError(f"{kind} makes no letter to a structure")


def _key_for(recipient: Recipient, referral: Referral, now: dt.datetime) -> Key | None:
    """A link of their own, unless they have an account in the structure: a member answers in their own name."""
    if recipient.user is not None or referral.sender_id == referral.receiver_id:
        return None
    members = Membership.objects.filter(structure=referral.receiver, is_active=True, user__is_active=True)
    if members.filter(user__email__iexact=recipient.address).exists():
        return None
    return Link.objects.issue(referral, now)


def _was_reopened_by_its_receiver(referral: Referral) -> bool:
    last = referral.events.filter(kind=EventKind.REOPEN).order_by("-at", "-id").first()
    return last is not None and last.structure_id == referral.receiver_id


def _ask_the_person(reminder: Reminder, now: dt.datetime) -> list[Message]:
    """Write to the person by the channel that they said is safe, else put them on the call list."""
    referral = reminder.referral
    followup = FollowUp.objects.get(referral=referral)
    person = referral.person
    if not person.takes_letters:
        followup.put_on_call_list()
        return []
    token = followup.ask(WORKER, now)
    return [_address(emails.six_months(token, now), Recipient(person.email), reminder, now)]


def _tell_appointment(reminder: Reminder, now: dt.datetime) -> list[Message]:
    """Tell both structures, and the person by a letter where that is safe, what now stands of the rendez-vous."""
    referral = reminder.referral
    row = untold_of(referral, now)
    if row is None:
        return []
    row.referral = referral
    change: emails.Change | None = None
    if row.state == AppointmentState.PLANNED:
        change = "moved" if row.in_calendars else "set"
    elif row.was_called_off and row.in_calendars:
        change = "cancelled"
    sender, receiver = sender_of(referral, timezone.localdate(now)), receiver_of(referral, timezone.localdate(now))
    letters: list[tuple[Letter, list[Recipient]]] = []
    if change is None:
        letters.append((emails.appointment_missed(row), sender))
    else:
        if not _told_with_the_answer(row):
            letters.append((emails.appointment_changed(row, change, to_sender=True), sender))
        if referral.state != State.CANCELLED:
            # The letter that cancels a fiche takes its rendez-vous out of the receiver's calendar.
            letters.append((emails.appointment_changed(row, change, to_sender=False), receiver))
        if referral.person.takes_letters:
            letters.append((emails.appointment_told(row, change), [Recipient(referral.person.email)]))
    row.mark_told(now)
    return [_address(letter, one, reminder, now) for letter, recipients in letters for one in recipients]


def _told_with_the_answer(row: Appointment) -> bool:
    """Whether the letter that accepts the fiche, written after the date was set, tells it to the sender."""
    if row.number != 1 or row.state != AppointmentState.PLANNED:
        return False
    answers = Reminder.objects.filter(referral=row.referral, kind=ReminderKind.ANSWERED)
    return answers.filter(
        Q(state=ReminderState.PLANNED) | Q(state=ReminderState.DONE, done_at__gte=row.created_at)
    ).exists()


def _remind_of_appointment(reminder: Reminder, now: dt.datetime) -> list[Message]:
    """Write to the person by the channel that they said is safe; else it stands in a queue that they are to be told."""
    referral = reminder.referral
    row = referral.appointments.planned().get()
    row.referral = referral
    if not row.remind(now):
        return []
    return [_address(emails.appointment_reminder(row), Recipient(referral.person.email), reminder, now)]


def _address(letter: Letter, recipient: Recipient, reminder: Reminder, now: dt.datetime) -> Message:
    return Message(
        letter=letter.name,
        reminder=reminder,
        referral=reminder.referral,
        to_user=recipient.user,
        to=recipient.address,
        subject=letter.subject,
        body_text=letter.body_text,
        body_html=letter.body_html,
        calendar=letter.invitation.text(now, recipient.address) if letter.invitation is not None else "",
        holds_link=letter.holds_link,
        message_id=message_id(reminder, letter.name, recipient.address),
        not_before=now,
        created_at=now,
    )


def message_id(reminder: Reminder, letter: str, address: str) -> str:
    """The Message-ID of one letter of one reminder to one address: always the same, and readable by nobody."""
    return stable_id(reminder.pk, letter, address.lower())


def stable_id(*parts: object) -> str:
    """The Message-ID that these parts make."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:40]
    return f"<{digest}@{settings.MESSAGE_ID_DOMAIN}>"


# To whom


def receiver_of(referral: Referral, on: dt.date) -> list[Recipient]:
    """Who answers the fiche: the member it is assigned to, else the structure.

    The structure is written to at the action's address, else its own, else its members'.
    """
    if found := member_at_work(referral.assigned_to, referral.receiver, on):
        return [Recipient(found.email, found)]
    address = referral.action.email or referral.receiver.email
    return [Recipient(address)] if address else members_of(referral.receiver, Role.RECEIVER)


def sender_of(referral: Referral, on: dt.date) -> list[Recipient]:
    """Who follows the fiche: the member who sent it while they belong to the structure, else the structure."""
    structure = referral.sender
    if found := member_at_work(referral.sender_member, structure, on):
        return [Recipient(found.email, found)]
    return [Recipient(structure.email)] if structure.email else members_of(structure, Role.PRESCRIBER)


def member_at_work(user: User | None, structure: Structure, on: dt.date) -> User | None:
    """The member to write to on a day: themselves, or who stands in for them while they are away.

    `None` when they left the structure, and when nobody at work stands in.
    """
    if user is None:
        return None
    rows = Membership.objects.at_work().select_related("user", "covered_by__user")
    place = rows.filter(user=user, structure=structure).first()
    if place is not None and place.is_absent(on):
        place = place.covered_by
    if place is None or place.is_absent(on) or not (place.is_active and place.user.is_active):
        return None
    return place.user


def members_of(structure: Structure, role: Role) -> list[Recipient]:
    """The members who hold a role, each by their own address."""
    rows = Membership.objects.filter(structure=structure, is_active=True, user__is_active=True, roles__contains=[role])
    return [Recipient(row.user.email, row.user) for row in rows.select_related("user").order_by("user__email")]
