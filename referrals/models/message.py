"""Letters to post. A letter is written in the transaction that settles its reminder; the worker posts it."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import models
from django.db.models import Q

from accounts.models import User
from referrals.models.referral import Referral
from referrals.models.reminder import Reminder


class MessageState(models.TextChoices):
    """Where a letter stands."""

    PENDING = "pending", "À envoyer"
    SENDING = "sending", "En cours d’envoi"
    SENT = "sent", "Envoyée"
    FAILED = "failed", "Refusée"
    CANCELLED = "cancelled", "Sans objet"


class MessageQuerySet(models.QuerySet["Message"]):
    """Questions about many letters."""

    def to_post(self, now: dt.datetime) -> MessageQuerySet:
        """Pending letters whose moment has come, oldest first."""
        return self.filter(state=MessageState.PENDING, not_before__lte=now).order_by("not_before", "id")


class Message(models.Model):
    """One letter to one address. `letter` names its function in `referrals.emails`.

    `message_id` derives from the reminder and the address, so that a letter resent after a crash carries the same
    one and the receiving server can tell. A body that holds a signed link is blanked once the letter has left.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    letter = models.CharField("lettre", max_length=40)
    reminder = models.ForeignKey(
        Reminder, models.CASCADE, null=True, blank=True, related_name="messages", verbose_name="relance"
    )
    referral = models.ForeignKey(
        Referral, models.CASCADE, null=True, blank=True, related_name="messages", verbose_name="fiche"
    )
    to_user = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="à")
    to = models.EmailField("adresse")
    subject = models.CharField("objet", max_length=200)
    body_text = models.TextField("texte", blank=True)
    body_html = models.TextField("texte mis en forme", blank=True)
    holds_link = models.BooleanField("contient un lien personnel", default=False)
    message_id = models.CharField("identifiant", max_length=120, unique=True)
    state = models.CharField("état", max_length=10, choices=MessageState, default=MessageState.PENDING)
    not_before = models.DateTimeField("pas avant")
    created_at = models.DateTimeField("écrite le")
    claimed_by = models.CharField("prise par", max_length=80, blank=True)
    claimed_at = models.DateTimeField("prise le", null=True, blank=True)
    sent_at = models.DateTimeField("envoyée le", null=True, blank=True)
    attempts = models.PositiveSmallIntegerField("essais", default=0)
    error = models.CharField("dernier refus", max_length=200, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = "lettre"
        ordering = ["not_before", "id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state=MessageState.SENT) | Q(sent_at__isnull=False),
                name="message_sent_has_a_date",
            ),
            models.CheckConstraint(
                condition=~Q(state=MessageState.SENDING) | ~Q(claimed_by=""),
                name="message_sending_is_claimed",
            ),
        ]
        indexes = [
            models.Index(fields=["not_before", "id"], condition=Q(state=MessageState.PENDING), name="message_to_post"),
            models.Index(fields=["claimed_by"], condition=Q(state=MessageState.SENDING), name="message_claimed"),
            models.Index(fields=["referral", "created_at"], name="message_by_referral"),
        ]

    def __str__(self) -> str:
        return f"{self.letter} · {self.get_state_display()}"
