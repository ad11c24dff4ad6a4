"""The question after an exit: whether it is still to be put, by which letter, and what if that cannot be delivered."""

from __future__ import annotations

import datetime as dt
from functools import partial

from referrals import emails, sms
from referrals.followup_words import language_spoken
from referrals.models import FollowUp, FollowUpState, Message, Reminder
from referrals.notifications.addressing import to_person


def question_is_over(reminder: Reminder) -> str:
    """Why the person is no longer to be asked, as a code: answered, or left to a call; empty when they are."""
    check = FollowUp.objects.of_reminder(reminder)
    if check is None:
        return "no_followup"
    if check.state == FollowUpState.TO_CALL:
        return "to_call"
    return "" if check.state in (FollowUpState.PLANNED, FollowUpState.ASKED) else "answered"


def ask_the_person(reminder: Reminder, now: dt.datetime) -> list[Message]:
    """Write to the person by the channel that they said is safe; nothing to post when they are left to a call."""
    check = FollowUp.objects.of_reminder(reminder)
    token = check.begin(now) if check is not None else ""
    if check is None or not token:
        return []
    language = language_spoken(reminder.referral.person.language)
    return to_person(
        partial(emails.six_months, token, now, months=check.months, language=language),
        partial(sms.six_months, token, language),
        reminder,
        now,
    )


def question_given_up(message: Message) -> None:
    """The question could not be delivered: somebody calls."""
    check = FollowUp.objects.of_reminder(message.reminder) if message.reminder is not None else None
    if check is not None:
        check.put_on_call_list()
