"""What a gateway lets through: so many letters a minute from all workers together, and none while it asks for peace."""

from __future__ import annotations

import datetime as dt

from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Greatest

from referrals.models.message import MessageChannel

AHEAD = dt.timedelta(seconds=15)
"""How much of the rate may be used at once: more than the time between two wakes of the workers."""


class GatewayQuerySet(models.QuerySet["Gateway", "Gateway"]):
    """The questions that posters ask before they claim a letter."""

    def held(self, now: dt.datetime) -> set[str]:
        """The channels whose gateway has asked to be left in peace at that moment."""
        return set(self.filter(held_until__gt=now).order_by().values_list("channel", flat=True))

    def hold(self, channel: MessageChannel, until: dt.datetime) -> None:
        """Leave the gateway in peace until then; of two such demands, the longer one holds."""
        Gateway.objects.bulk_create([Gateway(channel=channel)], ignore_conflicts=True)
        self.filter(channel=channel).update(held_until=Greatest(F("held_until"), Value(until)))

    def take(self, channel: MessageChannel, now: dt.datetime, per_minute: int) -> bool:
        """Take one letter's share of the rate, in the caller's transaction; `False` when it is used up for now."""
        share = dt.timedelta(minutes=1) / per_minute
        rows = self.filter(channel=channel)
        free = rows.filter(next_at__lte=now + AHEAD) | rows.filter(next_at__isnull=True)
        taken = {"next_at": Greatest(F("next_at"), Value(now)) + Value(share)}
        if free.update(**taken):
            return True
        if rows.exists():
            return False
        Gateway.objects.bulk_create([Gateway(channel=channel)], ignore_conflicts=True)
        return bool(free.update(**taken))


class Gateway(models.Model):
    """One row per channel that was throttled or held; `next_at` runs ahead of the clock by what was taken."""

    channel = models.CharField("canal", max_length=5, choices=MessageChannel, primary_key=True)
    next_at = models.DateTimeField("débit pris jusqu’au", null=True)
    held_until = models.DateTimeField("en pause jusqu’au", null=True)

    objects = GatewayQuerySet.as_manager()

    class Meta:
        verbose_name = "passerelle"
        ordering = ["channel"]

    def __str__(self) -> str:
        return self.get_channel_display()
