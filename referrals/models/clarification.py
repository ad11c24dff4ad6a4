"""What a receiver asks before deciding, and what the sender answers."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.fields import FreeTextField
from referrals import deadlines
from structures.clocks import Clock

CONTACT_QUESTION = "Nous n’arrivons pas à joindre la personne. Avez-vous un autre moyen ou un meilleur moment ?"
"""What is asked when the person cannot be reached, unless the receiver writes something else."""

LONGEST = 500
"""Characters of a question and of its answer: an exchange, not a file."""


def recall_days(asked_at: dt.datetime, clock: Clock) -> list[dt.date]:
    """The working days, on the sender's clock, on which they are reminded of a question."""
    asked_on = clock.day_of(asked_at)
    return [deadlines.add_working_days(asked_on, days, clock.holidays) for days in deadlines.CLARIFICATION_WORKING_DAYS]


class ClarificationKind(models.TextChoices):
    """What is asked for; it decides how the receiver's clock goes on."""

    QUESTION = "question", "Question"
    CONTACT = "contact", "Demande de contact"


class ClarificationQuerySet(models.QuerySet["Clarification"]):
    """Questions about many clarifications."""

    def open(self) -> ClarificationQuerySet:
        """Those that still await the sender's answer."""
        return self.filter(closed_at__isnull=True)


class Clarification(models.Model):
    """One question on a fiche, and its answer. While it is open, the receiver's clock stands still.

    It closes when it is answered, when the receiver withdraws it, or when the fiche is decided without it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    referral = models.ForeignKey(
        "referrals.Referral", models.CASCADE, related_name="clarifications", verbose_name="fiche"
    )
    kind = models.CharField("type", max_length=8, choices=ClarificationKind)
    question = FreeTextField("question", max_length=LONGEST)
    asked_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="posée par"
    )
    asked_at = models.DateTimeField("posée le")
    answer = FreeTextField("réponse", max_length=LONGEST, blank=True)
    answered_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="réponse de"
    )
    answered_at = models.DateTimeField("répondu le", null=True, blank=True)
    closed_at = models.DateTimeField("close le", null=True, blank=True)

    objects = ClarificationQuerySet.as_manager()

    class Meta:
        verbose_name = "question sur une fiche"
        verbose_name_plural = "questions sur une fiche"
        ordering = ["asked_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["referral"], condition=Q(closed_at__isnull=True), name="clarification_one_open_per_fiche"
            ),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True, answer="")
                | (Q(answered_at__isnull=False, closed_at__isnull=False) & ~Q(answer="")),
                name="clarification_answered_is_closed_and_says_something",
            ),
            models.CheckConstraint(condition=~Q(question=""), name="clarification_asks_something"),
        ]
        indexes = [models.Index(fields=["referral", "asked_at"], name="clarification_by_referral")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} du {self.asked_at:%d/%m/%Y}"

    @property
    def is_open(self) -> bool:
        """Whether the sender's answer is awaited."""
        return self.closed_at is None

    def recall_days(self, clock: Clock) -> list[dt.date]:
        """The working days on which the sender, whose clock that is, is reminded of it."""
        return recall_days(self.asked_at, clock)

    def has_been_waited_for(self, today: dt.date) -> bool:
        """Whether the delay that a contact is owed is over: since it was asked for, or since it was given.

        Never for one that was withdrawn.
        """
        since = self.asked_at if self.is_open else self.answered_at
        if since is None:
            return False
        return deadlines.add_working_days(timezone.localdate(since), deadlines.UNREACHABLE_WORKING_DAYS) <= today
