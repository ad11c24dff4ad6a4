"""A letter and an address make the row that is posted, with a Message-ID that is always the same."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable

from django.conf import settings

from referrals.emails import Letter
from referrals.models import Message, MessageChannel, Reminder
from referrals.notifications.recipients import Recipient
from referrals.sms import Text


def addressed(letter: Letter, recipient: Recipient, reminder: Reminder, now: dt.datetime) -> Message:
    """The row of one letter of a reminder to one address, to be inserted."""
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


def to_person(
    letter: Callable[[], Letter], text: Callable[[], Text], reminder: Reminder, now: dt.datetime
) -> list[Message]:
    """The row of what is written to the person, by the channel that they said is safe; none when it is no written one.

    Only the one that leaves is drawn up.
    """
    person = reminder.referral.person
    if person.takes_letters:
        return [addressed(letter(), Recipient(person.email), reminder, now)]
    if not person.takes_texts:
        return []
    written, number = text(), person.phone.as_e164
    return [
        Message(
            letter=written.name,
            channel=MessageChannel.SMS,
            reminder=reminder,
            referral=reminder.referral,
            to=number,
            body_text=written.body,
            holds_link=written.holds_link,
            message_id=message_id(reminder, written.name, number),
            not_before=now,
            created_at=now,
        )
    ]


def message_id(reminder: Reminder, letter: str, address: str) -> str:
    """The Message-ID of one letter of one reminder to one address: always the same, and readable by nobody."""
    return stable_id(reminder.pk, letter, address.lower())


def stable_id(*parts: object) -> str:
    """The Message-ID that these parts make."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:40]
    return f"<{digest}@{settings.MESSAGE_ID_DOMAIN}>"
