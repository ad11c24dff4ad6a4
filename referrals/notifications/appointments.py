"""What is told of a rendez-vous: to both structures, and to the person where their safe channel is a written one."""

from __future__ import annotations

import datetime as dt
from functools import partial

from django.db.models import Q
from django.utils import timezone

from referrals import emails, sms
from referrals.emails import Letter
from referrals.models import Appointment, Message, Referral, Reminder
from referrals.models.reminder import ReminderKind, ReminderState
from referrals.notifications.addressing import TOO_LATE, addressed, to_person
from referrals.notifications.recipients import Recipient, Staff, quiet_of_person, receiver_of, sender_of
from referrals.states import AppointmentState, State


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


def appointment_not_ahead(reminder: Reminder, now: dt.datetime) -> str:
    """The reason why the person is not reminded of a rendez-vous, as a code; empty while it stands and is ahead."""
    planned = reminder.referral.appointments.planned().first()
    if planned is None:
        return "settled"
    planned.referral = reminder.referral
    if reminder.due_at not in planned.reminder_moments():
        return "moved"
    return "past" if planned.at <= now else ""


def tell_appointment(reminder: Reminder, now: dt.datetime, staff: Staff) -> list[Message]:
    """Tell both structures, and the person in writing where that is safe, what now stands of the rendez-vous."""
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
    today = timezone.localdate(now)
    sender, receiver = sender_of(referral, today, staff), receiver_of(referral, today, staff)
    letters: list[tuple[Letter, list[Recipient]]] = []
    if change is None:
        letters.append((emails.appointment_missed(row), sender))
    else:
        if not _told_with_the_answer(row):
            letters.append((emails.appointment_changed(row, change, to_sender=True), sender))
        if referral.state != State.CANCELLED:
            # The letter that cancels a fiche takes its rendez-vous out of the receiver's calendar.
            letters.append((emails.appointment_changed(row, change, to_sender=False), receiver))
    until = row.at if row.state == AppointmentState.PLANNED else None
    messages = [
        addressed(letter, one, reminder, now, until=until) for letter, recipients in letters for one in recipients
    ]
    if change is not None:
        letter = partial(emails.appointment_told, row, change)
        told = to_person(letter, partial(sms.appointment_told, row, change), reminder, now, until=until)
        messages += told
        if any(one.error == TOO_LATE for one in told):
            row.ask_to_tell()
    row.mark_told(now)
    return messages


def _told_with_the_answer(row: Appointment) -> bool:
    """Whether the letter that accepts the fiche, written after the date was set, tells it to the sender."""
    if row.number != 1 or row.state != AppointmentState.PLANNED:
        return False
    answers = Reminder.objects.filter(referral=row.referral, kind=ReminderKind.ANSWERED)
    return answers.filter(
        Q(state=ReminderState.PLANNED) | Q(state=ReminderState.DONE, done_at__gte=row.created_at)
    ).exists()


def remind_of_appointment(reminder: Reminder, now: dt.datetime) -> list[Message]:
    """Write to the person by the channel that they said is safe; else it stands in a queue that they are to be told."""
    referral = reminder.referral
    row = referral.appointments.planned().get()
    row.referral = referral
    if quiet_of_person(referral).next_allowed(now) >= row.at:
        # Only once it is over may the person be written to: somebody tells them.
        row.ask_to_tell()
        return []
    if not row.remind(now):
        return []
    return to_person(partial(emails.appointment_reminder, row), partial(sms.appointment_reminder, row), reminder, now)
