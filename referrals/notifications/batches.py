"""What the letters of several reminders look up and write besides themselves, asked of the database once for all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import User
from referrals.models import Event, EventKind, Key, Link, Referral, Reminder
from referrals.models.event import WORKER
from referrals.notifications.recipients import Recipient, Staff, office_of
from structures.models import Membership


class Batch:
    """Reminders that are carried out together. Their links and their lines in the journal are inserted by `write`, in
    the caller's transaction."""

    def __init__(self, reminders: Iterable[Reminder], now: dt.datetime) -> None:
        self._referrals = [reminder.referral for reminder in reminders]
        self._now = now
        self._links: list[Link] = []
        self._lines: list[tuple[Referral, dict[str, Any]]] = []

    def key_for(self, recipient: Recipient, referral: Referral) -> Key | None:
        """A link of their own, unless they have an account in the structure: a member answers in their own name."""
        if recipient.user is not None or referral.sender_id == referral.receiver_id:
            return None
        if (recipient.address.lower(), referral.receiver_id) in self._members:
            return None
        link, key = Link.draw_up(referral, self._now)
        self._links.append(link)
        return key

    def journal(self, referral: Referral, data: dict[str, Any]) -> None:
        """« Relance envoyée »; `data` as for `Event.objects.log`."""
        self._lines.append((referral, data))

    def write(self) -> None:
        """Insert what was gathered."""
        Link.objects.bulk_create(self._links)
        Event.objects.log_each(EventKind.REMINDED, WORKER, self._now, self._lines)

    @cached_property
    def staff(self) -> Staff:
        """The members who follow these fiches, and who of them is at work today."""
        return Staff(self._referrals, timezone.localdate(self._now))

    @cached_property
    def _members(self) -> set[tuple[str, UUID]]:
        """The addresses of receivers that are also a member's, each with the structure."""
        addresses = {office_of(referral).lower() for referral in self._referrals}
        # In two steps, since hardly any structure's address is an account's: the first is a look into an index.
        found = User.objects.annotate(address=Lower("email")).filter(address__in=addresses, is_active=True)
        address_of = dict(found.order_by("pk").values_list("pk", "address"))
        if not address_of:
            return set()
        receivers = {referral.receiver_id for referral in self._referrals}
        places = Membership.objects.filter(user__in=address_of, structure__in=receivers, is_active=True)
        return {(address_of[user], structure) for user, structure in places.order_by().values_list("user", "structure")}
