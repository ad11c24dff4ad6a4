"""Letters that wait for a digest: one letter a day and address carries them all, by reference.

An address gets its digest because it asked for one, or because the workers were stopped and more than `MOST_SINGLE`
late letters would fall on it at once. The Message-ID of a digest is made of its address and day: of two workers, one
writes it.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from referrals import emails, freshness, notifications
from referrals.models import Message, Reminder
from referrals.models.message import MessageQuerySet, MessageState
from structures.clocks import METROPOLE

logger = logging.getLogger(__name__)

MOST_SINGLE = 5
"""Late letters that still leave one by one to one address."""

LONGEST_WAIT = dt.timedelta(minutes=10)
"""How long late letters wait for those that are still to be settled: one that cannot be must not hold up the others."""

ADDRESSES = 200
"""Addresses looked at in one turn."""


def group_letters(clock: Callable[[], dt.datetime]) -> int:
    """Write the digests that are due, and let go what needs none; return how many letters no longer wait."""
    now = clock()
    due = Message.objects.held(now)
    still_settling = Reminder.objects.due(now - notifications.LATE_AFTER).exists()
    if still_settling:
        due = due.exclude(is_late=True, created_at__gt=now - LONGEST_WAIT)
    addresses = due.order_by("to").values_list("to", flat=True).distinct()[:ADDRESSES]
    grouped = 0
    for address in list(addresses):
        try:
            grouped += _group(address, now)
        except SoftTimeLimitExceeded:
            # The time of the task is up: no address is to blame.
            raise
        except Exception:
            # Whatever is wrong with one letter must not hold up the other addresses.
            logger.exception("the digest of one address could not be written")
    return grouped


@transaction.atomic
def _group(address: str, now: dt.datetime) -> int:
    """Group what one address waits for, in one transaction; return how many letters no longer wait.

    One worker at a time: two would each take some of the rows, and only one digest a day leaves.
    """
    if not _is_ours(address):
        return 0
    waiting = Message.objects.held(now).filter(to=address).select_for_update(skip_locked=True, of=("self",))
    rows = list(waiting.select_related("reminder__referral", "referral", "to_user", "to_structure"))
    if len(rows) <= MOST_SINGLE and all(row.is_late for row in rows):
        return _rows(rows).update(state=MessageState.PENDING)
    true = [row for row in rows if not _overtaken(row, now)]
    if not true:
        return len(rows)
    day = timezone.localdate(now)
    letter = emails.digest([(row.subject, _url(row)) for row in true])
    digest = Message(
        letter=letter.name,
        to_user=true[0].to_user if len({row.to_user_id for row in true}) == 1 else None,
        to_structure_id=true[0].to_structure_id if len({row.to_structure_id for row in true}) == 1 else None,
        to=address,
        subject=letter.subject,
        body_text=letter.body_text,
        body_html=letter.body_html,
        message_id=notifications.stable_id("digest", address.lower(), day),
        not_before=now,
        created_at=now,
    )
    Message.objects.bulk_create([digest], ignore_conflicts=True)
    if not Message.objects.filter(pk=digest.pk).exists():
        # The digest of the day has been written: these wait for the next one.
        clock = true[0].to_structure.clock if true[0].to_structure is not None else METROPOLE
        _rows(true).update(not_before=notifications.next_morning(now, clock), is_late=False)
        return len(rows) - len(true)
    _rows(true).update(state=MessageState.GROUPED, digest=digest)
    return len(rows)


def _is_ours(address: str) -> bool:
    """Take the address until the end of the transaction; `False` while another worker has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"digest:{address}"])
        return bool(cursor.fetchone()[0])


def _rows(rows: list[Message]) -> MessageQuerySet:
    return Message.objects.filter(pk__in=[row.pk for row in rows], state=MessageState.HELD)


def _overtaken(row: Message, now: dt.datetime) -> bool:
    """Whether a letter is no longer true; it is then set aside, with its reason."""
    reason = notifications.overtaken(row, now) or freshness.overtaken(row, now)
    if reason:
        _rows([row]).update(state=MessageState.CANCELLED, error=reason)
    return bool(reason)


def _url(row: Message) -> str:
    if row.referral is None:
        return settings.SITE_URL + reverse("structures:own_actions")
    if row.letter == emails.referral_escalated.__name__:
        # Coordinators open no file.
        return settings.SITE_URL + reverse("reporting:dashboard")
    return settings.SITE_URL + reverse("referrals:referral_detail", args=[row.referral.reference])
