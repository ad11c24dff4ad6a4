"""Letters that come back after a mail server had taken them: delivery status notifications (RFC 3464)."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.message import Message as AnyMessage

from django.db import transaction

from accounts.models import AccountLetter
from referrals import notifications
from referrals.models import FailingAddress, Message

STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


class NotABounce(ValueError):
    """What was given is no delivery status notification of one of our letters."""


@dataclass(frozen=True)
class Bounce:
    """What a notification says: of which letter, whether it was given up, and the code (RFC 3463)."""

    message_id: str
    is_final: bool
    code: str


def read_bounce(raw: bytes) -> Bounce:
    """Read a delivery status notification. Raises `NotABounce`; its words repeat nothing of the letter."""
    letter = email.message_from_bytes(raw, policy=email.policy.default)
    if letter.get_content_type() != "multipart/report":
        raise NotABounce("not a multipart/report")
    status = _part(letter, "message/delivery-status")
    if status is None:
        raise NotABounce("without a delivery status")
    original = _part(letter, "message/rfc822") or _part(letter, "text/rfc822-headers")
    if original is None:
        raise NotABounce("without the letter that came back")
    message_id = str(_headers(original)["Message-ID"] or "").strip()
    if not re.fullmatch(r"<[^<>\s]{1,118}>", message_id):
        raise NotABounce("without the Message-ID of the letter")
    groups = [group for group in status.iter_parts() if group["Action"]] if isinstance(status, EmailMessage) else []
    if not groups:
        raise NotABounce("without an action")
    failed = [group for group in groups if str(group["Action"]).strip().lower() == "failed"]
    found = STATUS.match(str((failed or groups)[0]["Status"] or "").strip())
    return Bounce(message_id, bool(failed), found[0] if found else "")


def take_in(raw: bytes, now: dt.datetime) -> bool:
    """Note a bounce: the letter has failed, its address is shown as failing, a person is called.

    `False` when it changes nothing: a letter that is only delayed, or a bounce that was noted. Raises `NotABounce`.
    """
    bounce = read_bounce(raw)
    messages = Message.objects.filter(message_id=bounce.message_id).select_related("referral__person")
    letter = messages.first() or AccountLetter.objects.named(bounce.message_id)
    if letter is None:
        raise NotABounce("of no letter that is known here")
    if not bounce.is_final:
        return False
    with transaction.atomic():
        if not letter.bounce(bounce.code):
            return False
        FailingAddress.objects.note(letter, bounce.code, now, bounced=True)
        if isinstance(letter, Message):
            notifications.given_up(letter)
    return True


def _part(letter: AnyMessage, kind: str) -> AnyMessage | None:
    return next((part for part in letter.walk() if part.get_content_type() == kind), None)


def _headers(part: AnyMessage) -> AnyMessage:
    """The headers of the letter that came back, whole or in part."""
    for inside in part.walk():
        if inside is not part and inside["Message-ID"]:
            return inside
    raw = part.get_payload(decode=True)
    return email.message_from_bytes(raw if isinstance(raw, bytes) else b"", policy=email.policy.default)
