"""A letter and an address make the row that is posted, with a Message-ID that is always the same."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

from django.conf import settings

from referrals.emails import Letter
from referrals.models import Message, MessageChannel, Reminder
from referrals.models.message import MessageState
from referrals.notifications.recipients import Recipient, quiet_of_person
from referrals.sms import Text
from structures.quiet import Quiet

TOO_LATE = "quiet_hours"
"""Why a letter was set aside: whoever it is for may only be written to once its event is over."""


def addressed(
    letter: Letter, recipient: Recipient, reminder: Reminder, now: dt.datetime, *, until: dt.datetime | None = None
) -> Message:
    """The row of one letter of a reminder to one address, to be inserted; it leaves when they may be written to.

    With `until`, the moment of what it announces: a letter that could only leave by then is set aside unsent.
    """
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
        created_at=now,
        **_when(recipient.quiet, now, until),
    )


def _when(quiet: Quiet, now: dt.datetime, until: dt.datetime | None) -> dict[str, Any]:
    """When it leaves, or why it never does."""
    not_before = quiet.next_allowed(now)
    if until is None or not_before == now or not_before < until:
        return {"not_before": not_before}
    return {"not_before": not_before, "state": MessageState.CANCELLED, "error": TOO_LATE}


def to_person(
    letter: Callable[[], Letter],
    text: Callable[[], Text],
    reminder: Reminder,
    now: dt.datetime,
    *,
    until: dt.datetime | None = None,
) -> list[Message]:
    """The row of what is written to the person, by the channel that they said is safe; none when it is no written one.

    Only the one that leaves is drawn up; it leaves, or is set aside, as `addressed` says.
    """
    person, quiet = reminder.referral.person, quiet_of_person(reminder.referral)
    if person.takes_letters:
        recipient = Recipient(person.email, quiet=quiet)
        return [addressed(letter(), recipient, reminder, now, until=until)]
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
            created_at=now,
            **_when(quiet, now, until),
        )
    ]


def message_id(reminder: Reminder, letter: str, address: str) -> str:
    """The Message-ID of one letter of one reminder to one address: always the same, and readable by nobody."""
    return stable_id(reminder.pk, letter, address.lower())


def stable_id(*parts: object) -> str:
    """The Message-ID that these parts make."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:40]
    return f"<{digest}@{settings.MESSAGE_ID_DOMAIN}>"
