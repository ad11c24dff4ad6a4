"""First stage: what is due becomes letters, or is dropped with its reason."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from uuid import UUID

from django.db import transaction
from django.db.models import prefetch_related_objects

from referrals import notifications
from referrals.models import Message, Notification, Reminder, ReminderPolicy

logger = logging.getLogger(__name__)

BATCH = 20
"""Reminders settled in one transaction: their fiches are locked meanwhile, so that a verb waits some milliseconds."""


class Settler:
    """Settles due reminders batch by batch; one that fails is passed over until the next wake."""

    def __init__(self, clock: Callable[[], dt.datetime]) -> None:
        self._clock = clock
        self._failed: list[UUID] = []

    def settle_batch(self) -> int:
        """Settle up to `BATCH` due reminders in one transaction; return how many were looked at."""
        now = self._clock()
        with transaction.atomic():
            rows = Reminder.objects.exclude(pk__in=self._failed).take(now, BATCH)
            referrals = [row.referral for row in rows]
            ReminderPolicy.objects.attach(referrals)
            prefetch_related_objects(referrals, "sender__closings", "receiver__closings")
            for reminder in rows:
                try:
                    settle(reminder, now)
                except Exception:
                    # Whatever is wrong with one reminder must not hold up those behind it.
                    logger.exception("reminder %s (%s) could not be settled", reminder.pk, reminder.kind)
                    self._failed.append(reminder.pk)
        return len(rows)


def settle(reminder: Reminder, now: dt.datetime) -> list[Message]:
    """Re-check one due reminder, do what it says and write its letters; all of it or nothing.

    Settling comes before the deed and is conditional: of two workers, or of a worker and a verb, one wins.
    """
    try:
        with transaction.atomic():
            reason = notifications.decide(reminder, now)
            if not reminder.settle(now, dropped=reason):
                return []
            if reason:
                notifications.plan_anew(reminder, now, reason)
                return []
            messages = notifications.carry_out(reminder, now)
            if notices := notifications.notified(messages):
                Notification.objects.keep(notices)
            # The unique Message-ID is the second lock: the same letter written twice stays one.
            return Message.objects.bulk_create(messages, ignore_conflicts=True)
    except notifications.NoAddress:
        logger.warning("reminder %s (%s): nobody can be written to", reminder.pk, reminder.kind)
        reminder.settle(now, dropped="no_address")
        return []
