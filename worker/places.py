"""Free places are offered to the waiting lists: whatever freed them, a verb, a manager's edit or an import."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded

from referrals.models import Referral, StaleReferral
from referrals.models.event import WORKER
from structures.models import Session

logger = logging.getLogger(__name__)


def offer_places(clock: Callable[[], dt.datetime]) -> int:
    """Offer each free place to the first of its list, until no list has both; return how many were offered.

    Any number of workers is harmless: a fiche is offered a place once, and the database gives a place once.
    """
    offered = 0
    passed_over: list[UUID] = []
    while True:
        now = clock()
        first = list(Referral.objects.to_offer(now).exclude(pk__in=passed_over))
        sessions = Session.objects.in_bulk({row.free_session for row in first if row.free_session is not None})
        for referral in first:
            try:
                referral.offer(WORKER, now, session=sessions.get(referral.free_session), version=referral.version)
                offered += 1
            except StaleReferral:
                # Someone acted on it, or took the place: the next look tells what is left.
                passed_over.append(referral.pk)
            except SoftTimeLimitExceeded:
                # The time of the task is up: no fiche is to blame.
                raise
            except Exception:
                # Whatever is wrong with one fiche must not hold up the other lists.
                logger.exception("fiche %s could not be offered a place", referral.reference)
                passed_over.append(referral.pk)
        if not first:
            return offered
