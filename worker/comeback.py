"""The letter to the staff, once letters leave again after a stop: since when, and how much was late.

While nothing leaves, no letter could say so: the health address, the metrics and the banner do.
"""

from __future__ import annotations

import datetime as dt
import logging

from django.conf import settings
from django.urls import reverse

from accounts.models import User
from referrals import emails
from referrals.models import Message
from referrals.notifications import stable_id
from worker.models import Heartbeat, HeartbeatKind
from worker.state import LATE_AFTER, Picture

logger = logging.getLogger(__name__)


def tell_of_stop(now: dt.datetime) -> bool:
    """Write to the staff when nothing was picked up for ten minutes and something is late; tell whether it was so.

    To be asked before this worker signs. The Message-ID comes from the moment of the stop: workers that come back
    together write one letter.
    """
    since = Heartbeat.objects.last_seen(HeartbeatKind.WORKER)
    if since is None or now - since < LATE_AFTER:
        return False
    picture = Picture.take(now)
    if not picture.late and not picture.late_letters:
        return False
    logger.warning("nothing was picked up since %s: %s reminders late", since.isoformat(), picture.late)
    letter = emails.posting_resumed(
        since, now, picture.late, picture.late_letters, settings.SITE_URL + reverse("worker:operation")
    )
    Message.objects.bulk_create(
        [
            Message(
                letter=letter.name,
                to_user=user,
                to=address,
                subject=letter.subject,
                body_text=letter.body_text,
                body_html=letter.body_html,
                message_id=stable_id(letter.name, since.isoformat(), address),
                not_before=now,
                created_at=now,
            )
            for address, user in _staff()
        ],
        ignore_conflicts=True,
    )
    return True


def _staff() -> list[tuple[str, User | None]]:
    """The addresses that the settings give, else those of the superusers."""
    if settings.ALERTS_TO:
        return [(address.lower(), None) for address in settings.ALERTS_TO]
    superusers = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")
    return [(user.email, user) for user in superusers]
