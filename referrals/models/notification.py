"""What members read in Relais itself of what was written to them: a reference and what happened, nothing else."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from accounts.models import User
from referrals.models.referral import Referral
from referrals.models.reminder import Reminder
from structures.models import Structure

if TYPE_CHECKING:
    from collections.abc import Iterable


KEPT = dt.timedelta(days=180)
"""How long they can be read: the journal of the fiche keeps what happened."""


class NotificationQuerySet(models.QuerySet["Notification", "Notification"]):
    """Questions about many notifications. Start from `Door.notifications()` on screens."""

    def unread(self) -> NotificationQuerySet:
        """Those that nobody has opened."""
        return self.filter(read_at=None)

    def mark_read(self, now: dt.datetime) -> int:
        """Read them all; return how many were not."""
        return self.unread().update(read_at=now)

    def forget(self, now: dt.datetime) -> int:
        """Remove those that are older than `KEPT`, read or not; return how many."""
        count, _ = self.filter(created_at__lt=now - KEPT).delete()
        return count

    def keep(self, rows: Iterable[Notification]) -> None:
        """Insert what is not there yet: the same thing is told once."""
        Notification.objects.bulk_create(rows, ignore_conflicts=True)


class Notification(models.Model):
    """One thing told to one member. Its letter, if they get letters, is a `Message` of its own.

    It is never posted, so it stands in a table of its own: those who post do not walk past it. `subject` is the
    letter's, which holds a reference at most.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="notifications", verbose_name="à")
    structure = models.ForeignKey(Structure, models.CASCADE, related_name="+", verbose_name="structure")
    referral = models.ForeignKey(Referral, models.CASCADE, related_name="+", verbose_name="fiche")
    reminder = models.ForeignKey(Reminder, models.CASCADE, related_name="+", verbose_name="relance")
    letter = models.CharField("lettre", max_length=40)
    subject = models.CharField("objet", max_length=200)
    created_at = models.DateTimeField("écrite le")
    read_at = models.DateTimeField("lue le", null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        verbose_name = "notification"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "reminder", "letter"], name="notification_once_per_reminder"),
        ]
        indexes = [
            models.Index(fields=["user", "structure", "created_at", "id"], name="notification_by_user"),
            models.Index(fields=["user", "structure"], condition=Q(read_at=None), name="notification_unread"),
        ]

    def __str__(self) -> str:
        return self.subject
