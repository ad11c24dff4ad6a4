"""Letters given up: posted again while they are still true, or taken off the list; the journal says who did it."""

from __future__ import annotations

import datetime as dt
import enum
from uuid import UUID

from django.db import transaction

from referrals import freshness, notifications
from referrals.models import Actor, Event, EventKind, Message
from referrals.models.message import AbandonReason


class Replay(enum.Enum):
    """What became of one demand to post a letter again: it leaves, was no longer on the list, no longer says what is
    so, or cannot be written anew."""

    DONE = "done"
    GONE = "gone"
    OUTLIVED = "outlived"
    UNWRITABLE = "unwritable"


def replay(pk: UUID, actor: Actor, now: dt.datetime) -> Replay:
    """Post one dead letter again, with its Message-ID, all its attempts, and a fresh link where it held one."""
    with transaction.atomic():
        letter = _locked(pk)
        if letter is None:
            return Replay.GONE
        if notifications.outlived(letter, now) or freshness.overtaken(letter, now):
            return Replay.OUTLIVED
        rewritten = notifications.rewritten(letter, now) if letter.holds_link else None
        if letter.holds_link and rewritten is None:
            return Replay.UNWRITABLE
        data = _coded(letter)
        letter.replay(now, _not_before(letter, now), rewritten)
        Event.objects.log(EventKind.LETTER_REPLAYED, actor, now, referral=letter.referral, data=data)
    return Replay.DONE


def abandon(pk: UUID, reason: AbandonReason, actor: Actor, now: dt.datetime) -> bool:
    """Take one dead letter off the list; `False` when it was no longer on it."""
    with transaction.atomic():
        letter = _locked(pk)
        if letter is None:
            return False
        data = _coded(letter) | {"reason": reason.value}
        letter.abandon(reason)
        Event.objects.log(EventKind.LETTER_ABANDONED, actor, now, referral=letter.referral, data=data)
    return True


def _locked(pk: UUID) -> Message | None:
    """One dead letter, which nobody else replays or abandons meanwhile."""
    rows = Message.objects.dead().select_related("reminder", "referral").filter(pk=pk)
    return rows.select_for_update(of=("self",)).order_by("pk").first()


def _not_before(letter: Message, now: dt.datetime) -> dt.datetime:
    """At once, or once the person may safely be written to."""
    if letter.is_to_the_person and letter.referral is not None:
        return notifications.quiet_of_person(letter.referral).next_allowed(now)
    return now


def _coded(letter: Message) -> dict[str, str]:
    return {"message": str(letter.pk), "letter": letter.letter, "channel": letter.channel, "code": letter.error}
