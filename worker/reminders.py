"""First stage: what is due becomes letters, or is dropped with its reason.

A batch is settled together, in few queries. When anything is wrong with one of them, nothing of the batch is written,
and it is settled again one by one, so that the faulty one holds up none of the others.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import prefetch_related_objects

from referrals import notifications
from referrals.models import Message, Notification, Reminder, ReminderPolicy

logger = logging.getLogger(__name__)

BATCH = 30
"""Reminders settled in one transaction: their fiches are locked meanwhile, and a verb on one of them waits some tens of
milliseconds."""


class Settler:
    """Settles due reminders batch by batch; one that fails is passed over until the next wake."""

    def __init__(self, clock: Callable[[], dt.datetime]) -> None:
        self._clock = clock
        self._failed: list[UUID] = []

    def settle_batch(self) -> int:
        """Settle up to `BATCH` due reminders in one transaction; return how many were looked at."""
        now = self._clock()
        try:
            with transaction.atomic():
                rows = _one_per_fiche(self._take(now))
                settle_together(rows, now)
        except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
            # The database is away, or the time of the task is up: no reminder is to blame.
            raise
        except Exception:
            logger.info("a batch of reminders is settled one by one", exc_info=True)
            with transaction.atomic():
                rows = self._take(now)
                for reminder in rows:
                    self._settle_alone(reminder, now)
        return len(rows)

    def _take(self, now: dt.datetime) -> list[Reminder]:
        rows = Reminder.objects.exclude(pk__in=self._failed).take(now, BATCH)
        referrals = [row.referral for row in rows]
        ReminderPolicy.objects.attach(referrals)
        prefetch_related_objects(referrals, "sender__closings", "receiver__closings")
        return rows

    def _settle_alone(self, reminder: Reminder, now: dt.datetime) -> None:
        try:
            # What was settled before it, of the same fiche, may have changed what it says.
            reminder.referral.refresh_from_db()
            settle(reminder, now)
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            # Whatever is wrong with one reminder must not hold up those behind it.
            logger.exception("reminder %s (%s) could not be settled", reminder.pk, reminder.kind)
            self._failed.append(reminder.pk)


def _one_per_fiche(rows: Sequence[Reminder]) -> list[Reminder]:
    """The first of each fiche: what it does may decide on the next, which the next batch takes."""
    seen: dict[UUID, Reminder] = {}
    for row in rows:
        seen.setdefault(row.referral_id, row)
    return list(seen.values())


def settle_together(rows: Sequence[Reminder], now: dt.datetime) -> None:
    """Re-check due reminders, each of another fiche, that the caller's transaction holds; do what they say and write
    their letters."""
    decided: dict[str, list[Reminder]] = defaultdict(list)
    for reminder in rows:
        decided[notifications.decide(reminder, now)].append(reminder)
    # Marked before they are carried out: a fiche that closes withdraws what is still planned for it.
    for reason, some in decided.items():
        Reminder.objects.settle([reminder.pk for reminder in some], now, dropped=reason)
        for reminder in some if reason else ():
            notifications.plan_anew(reminder, now, reason)
    _write(decided[""], now)


def settle(reminder: Reminder, now: dt.datetime) -> list[Message]:
    """Re-check one due reminder, do what it says and write its letters; all of it or nothing.

    Settling comes before the deed and is conditional: of two workers, or of a worker and a verb, one wins.
    """
    with transaction.atomic():
        reason = notifications.decide(reminder, now)
        if not reminder.settle(now, dropped=reason):
            return []
        if reason:
            notifications.plan_anew(reminder, now, reason)
            return []
        return _write([reminder], now)


def _write(rows: Sequence[Reminder], now: dt.datetime) -> list[Message]:
    messages: list[Message] = []
    batch = notifications.Batch(rows, now)
    for reminder in rows:
        try:
            messages += notifications.carry_out(reminder, now, batch)
        except notifications.NoAddress:
            logger.warning("reminder %s (%s): nobody can be written to", reminder.pk, reminder.kind)
            reminder.mark_undeliverable()
    batch.write()
    if notices := notifications.notified(messages):
        Notification.objects.keep(notices)
    # The unique Message-ID is the second lock: the same letter written twice stays one.
    return Message.objects.bulk_create(messages, ignore_conflicts=True)
