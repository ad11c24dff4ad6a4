"""Letters to post, made in one line."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

from referrals.models import Message, MessageChannel
from tests.territory import NOW

_numbers = itertools.count(1)


def a_letter(to: str = "", now: dt.datetime = NOW, **values: Any) -> Message:
    """One letter that is due."""
    n = next(_numbers)
    defaults: dict[str, Any] = {
        "letter": "referral_received",
        "to": to or f"accueil{n}@example.org",
        "subject": "Fiche R-7K2M4Q\u00a0: réponse attendue",
        "body_text": "Bonjour,\n",
        "body_html": "<p>Bonjour,</p>\n",
        "message_id": f"<lettre{n}@localhost>",
        "not_before": now,
        "created_at": now,
    }
    return Message.objects.create(**defaults | values)


def a_text(to: str = "", now: dt.datetime = NOW, **values: Any) -> Message:
    """One text message that is due; those made first leave first."""
    n = next(_numbers)
    number = to or f"+336399{n:05d}"
    defaults = {
        "channel": MessageChannel.SMS,
        "subject": "",
        "body_text": "Bonjour",
        "body_html": "",
        "not_before": now - dt.timedelta(hours=1) + dt.timedelta(milliseconds=n),
    }
    return a_letter(number, now, **defaults | values)


def letters(count: int, now: dt.datetime = NOW) -> list[Message]:
    """Many letters that are due."""
    return [a_letter(now=now) for _ in range(count)]
