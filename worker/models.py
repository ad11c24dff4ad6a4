"""Signs of life: which workers and clocks are there, when each was last seen, what it last did."""

from __future__ import annotations

import datetime as dt
import os
import socket

from django.db import models
from django.db.models import Max
from django.utils import timezone

KEPT_FOR = dt.timedelta(days=1)
"""How long the sign of a process that ended is kept, once another one has begun."""

_PLACE, _NUMBER, _BEGUN = socket.gethostname()[:80], os.getpid(), timezone.now()
"""Who signs: read when the program begins, so that the children which a worker forks sign in its name."""


class HeartbeatKind(models.TextChoices):
    """Who signs."""

    WORKER = "worker", "Worker"
    BEAT = "beat", "Horloge"


class HeartbeatQuerySet(models.QuerySet["Heartbeat", "Heartbeat"]):
    """Questions about many signs of life."""

    def sign(self, kind: HeartbeatKind, now: dt.datetime, *, settled: int = 0, sent: int = 0, failed: int = 0) -> None:
        """This process lives and goes on; what it did is noted when it did something.

        The table stays small: whoever begins sweeps the signs of those that ended long ago. Its own stays, so that
        the last moment at which anything was picked up is known after a stop of any length.
        """
        values: dict[str, object] = {"seen_at": now, "started_at": _BEGUN}
        if settled or sent or failed:
            values |= {"acted_at": now, "settled": settled, "sent": sent, "failed": failed}
        if self.filter(kind=kind, place=_PLACE, number=_NUMBER).update(**values):
            return
        Heartbeat.objects.bulk_create(
            [Heartbeat(kind=kind, place=_PLACE, number=_NUMBER, **values)], ignore_conflicts=True
        )
        self.filter(kind=kind, seen_at__lt=now - KEPT_FOR).delete()

    def last_seen(self, kind: HeartbeatKind) -> dt.datetime | None:
        """When one of that kind was last seen."""
        return self.filter(kind=kind).aggregate(last=Max("seen_at"))["last"]


class Heartbeat(models.Model):
    """The sign of life of one process. `seen_at` moves on while it works: a process that hangs is not seen."""

    kind = models.CharField("nature", max_length=6, choices=HeartbeatKind)
    place = models.CharField("machine", max_length=80)
    number = models.PositiveIntegerField("processus")
    started_at = models.DateTimeField("depuis")
    seen_at = models.DateTimeField("vu le")
    acted_at = models.DateTimeField("a travaillé le", null=True)
    settled = models.PositiveIntegerField("relances traitées", default=0)
    sent = models.PositiveIntegerField("envois partis", default=0)
    failed = models.PositiveIntegerField("envois refusés", default=0)

    objects = HeartbeatQuerySet.as_manager()

    class Meta:
        verbose_name = "signe de vie"
        verbose_name_plural = "signes de vie"
        ordering = ["kind", "-seen_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "place", "number"], name="heartbeat_once_per_process"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.place}/{self.number}"
