"""The clock, which signs that it lives: without it, nobody could tell a dead clock from dead workers."""

from __future__ import annotations

import logging
import time
from typing import Any

from celery.beat import PersistentScheduler
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone

from worker.models import Heartbeat, HeartbeatKind

logger = logging.getLogger(__name__)

SIGN_SECONDS = 5.0
"""How often at most it signs."""


class SigningScheduler(PersistentScheduler):
    """Celery's scheduler. A database that is away never stops the clock: it goes on waking, and signs later."""

    _signed_at = float("-inf")

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Wake what is due, then sign; return in how many seconds to look again."""
        wait = super().tick(*args, **kwargs)
        if time.monotonic() - self._signed_at >= SIGN_SECONDS:
            self._sign()
        return wait

    def _sign(self) -> None:
        try:
            close_old_connections()
            Heartbeat.objects.sign(HeartbeatKind.BEAT, timezone.now())
            self._signed_at = time.monotonic()
        except (DatabaseError, InterfaceError):
            logger.warning("the clock could not sign: the database is away")
