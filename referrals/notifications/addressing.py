"""A letter and an address make the row that is posted, with a Message-ID that is always the same."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

from referrals.emails import Letter
from referrals.models import Message, MessageChannel, Notification, Reminder
from referrals.models.message import UNWANTED, MessageState
from referrals.models.reminder import morning_of
from referrals.notifications.recipients import Recipient, quiet_of_person
from referrals.sms import Text
from structures.clocks import METROPOLE, Clock
from structures.quiet import Quiet
from structures.vocabulary import Pace

TOO_LATE = "quiet_hours"
"""Why a letter was set aside: whoever it is for may only be written to once its event is over."""

LATE_AFTER = dt.timedelta(days=1)
"""A letter written so long after its reminder was due (the workers were stopped) is held back with its like."""


def addressed(
    letter: Letter, recipient: Recipient, reminder: Reminder, now: dt.datetime, *, until: dt.datetime | None = None
) -> Message:
    """The row of one letter of a reminder to one address, to be inserted; it leaves when they may be written to.

    With `until`, the moment of what it announces: a letter that could only leave by then is set aside unsent. It leaves
    as its address wishes, at once, with the next digest, or never; what only a letter can do leaves at once.
    """
    message = Message(
        letter=letter.name,
        reminder=reminder,
        referral=reminder.referral,
        to_user=recipient.user,
        to_structure=recipient.structure,
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
    return paced(message, recipient, is_late=now - reminder.due_at > LATE_AFTER)


def paced(message: Message, recipient: Recipient, *, is_late: bool = False) -> Message:
    """The letter held for a digest, or set aside, as its address wishes; as it is where only a letter can do.

    The person is always written to at once.
    """
    if recipient.structure is None or message.holds_link or message.calendar:
        return message
    if recipient.pace == Pace.NONE:
        message.state, message.error = MessageState.CANCELLED, UNWANTED
        message.body_text = message.body_html = ""
    elif recipient.pace == Pace.DAILY:
        morning = next_morning(message.created_at, recipient.quiet.clock)
        message.state, message.not_before = MessageState.HELD, recipient.quiet.next_allowed(morning)
    elif is_late:
        message.state, message.is_late = MessageState.HELD, True
    return message


def next_morning(now: dt.datetime, clock: Clock = METROPOLE) -> dt.datetime:
    """When the next digest leaves: at eight, on the clock of who is written to, today or tomorrow."""
    today = clock.day_of(now)
    morning = morning_of(today, clock)
    return morning if morning > now else morning_of(today + dt.timedelta(days=1), clock)


def notified(messages: Iterable[Message]) -> list[Notification]:
    """What members read in Relais of these letters, whether or not they wish to get them."""
    return [
        Notification(
            user_id=message.to_user_id,
            structure_id=message.to_structure_id,
            referral_id=message.referral_id,
            reminder_id=message.reminder_id,
            letter=message.letter,
            subject=message.subject,
            created_at=message.created_at,
        )
        for message in messages
        if message.to_user_id is not None
        and message.to_structure_id is not None
        and message.referral_id is not None
        and message.reminder_id is not None
    ]


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
