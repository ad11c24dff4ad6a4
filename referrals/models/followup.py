"""The six-month check: how is the person, half a year after the exit?"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid

from django.db import models, transaction
from django.db.models import Q

from referrals import deadlines
from referrals.models.event import Actor, Event, EventKind
from referrals.models.referral import Referral
from referrals.models.reread import reread


class FollowUpState(models.TextChoices):
    """Where the check stands; unreachable and refused are counted apart."""

    PLANNED = "planned", "Prévu"
    ASKED = "asked", "Question posée"
    TO_CALL = "to_call", "À appeler"
    ANSWERED = "answered", "Réponse reçue"
    UNREACHABLE = "unreachable", "Injoignable"
    REFUSED = "refused", "Ne souhaite pas répondre"


class FollowUpSituation(models.TextChoices):
    """What the person answers, in the words of their page."""

    JOB = "job", "J’ai un emploi"
    TRAINING = "training", "Je suis en formation"
    SEARCHING = "searching", "Je cherche encore"
    HELP = "help", "Autre, ou j’ai besoin d’aide"


def hash_token(token: str) -> str:
    """The only thing kept of a link: SHA-256, in hexadecimal (the token itself holds 256 random bits)."""
    return hashlib.sha256(token.encode()).hexdigest()


class FollowUpQuerySet(models.QuerySet["FollowUp"]):
    """Questions about many checks."""

    def by_token(self, token: str, now: dt.datetime) -> FollowUp | None:
        """The check that a valid link opens, or `None` (unknown, or out of date)."""
        return self.filter(token_hash=hash_token(token), token_expires_at__gt=now).first()

    def to_call(self) -> FollowUpQuerySet:
        """The checks that a colleague must make by telephone."""
        return self.filter(Q(state=FollowUpState.TO_CALL) | Q(wants_call=True, called_back_at__isnull=True))


class FollowUp(models.Model):
    """One check, due six calendar months after one exit."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exit = models.OneToOneField("referrals.Exit", models.CASCADE, related_name="followup", verbose_name="sortie")
    referral = models.OneToOneField(Referral, models.CASCADE, related_name="followup", verbose_name="fiche")
    due_on = models.DateField("prévu le")
    state = models.CharField("état", max_length=12, choices=FollowUpState, default=FollowUpState.PLANNED)
    situation = models.CharField("situation", max_length=10, choices=FollowUpSituation, blank=True)
    wants_call = models.BooleanField("souhaite être rappelé(e)", default=False)
    called_back_at = models.DateTimeField("rappelé(e) le", null=True, blank=True)
    token_hash = models.CharField(max_length=64, blank=True)
    token_expires_at = models.DateTimeField("lien valable jusqu’au", null=True, blank=True)
    asked_at = models.DateTimeField("question posée le", null=True, blank=True)
    answered_at = models.DateTimeField("répondu le", null=True, blank=True)

    objects = FollowUpQuerySet.as_manager()

    class Meta:
        verbose_name = "suivi à six mois"
        verbose_name_plural = "suivis à six mois"
        ordering = ["due_on", "id"]
        constraints = [
            models.UniqueConstraint(fields=["token_hash"], condition=~Q(token_hash=""), name="followup_link_unique"),
            models.CheckConstraint(
                condition=~Q(state=FollowUpState.ANSWERED) | (~Q(situation="") & Q(answered_at__isnull=False)),
                name="followup_answered_has_an_answer",
            ),
        ]
        indexes = [models.Index(fields=["state", "due_on"], name="followup_by_state")]

    def __str__(self) -> str:
        return f"Suivi {self.referral.reference}"

    @property
    def has_news(self) -> bool:
        """Whether the person has answered, or said that they would not."""
        return self.state in (FollowUpState.ANSWERED, FollowUpState.REFUSED)

    def ask(self, actor: Actor, now: dt.datetime) -> str:
        """Open the person's link and return its token, of which only the hash is kept."""
        token = secrets.token_urlsafe(32)
        with transaction.atomic():
            FollowUp.objects.filter(pk=self.pk).update(
                state=FollowUpState.ASKED,
                asked_at=now,
                token_hash=hash_token(token),
                token_expires_at=now + dt.timedelta(days=deadlines.FOLLOWUP_LINK_DAYS),
            )
            reread(self)
            Event.objects.log(EventKind.FOLLOWUP_ASKED, actor, now, referral=self.referral)
        return token

    def put_on_call_list(self) -> None:
        """No safe written channel: a colleague of the accompanying structure calls."""
        FollowUp.objects.filter(pk=self.pk, state__in=[FollowUpState.PLANNED, FollowUpState.ASKED]).update(
            state=FollowUpState.TO_CALL
        )
        reread(self)

    def may_answer(self, now: dt.datetime) -> bool:
        """Whether an answer can be given, or still be changed (seven days)."""
        if self.state != FollowUpState.ANSWERED or self.answered_at is None:
            return True
        return now <= self.answered_at + dt.timedelta(days=deadlines.FOLLOWUP_CHANGE_DAYS)

    def answer(self, actor: Actor, now: dt.datetime, *, situation: str, wants_call: bool = False) -> bool:
        """Keep the person's answer; `False`, and nothing written, once the seven days have passed."""
        if situation not in FollowUpSituation.values:
            raise ValueError(f"{situation!r} is not an answer")
        if not self.may_answer(now):
            return False
        with transaction.atomic():
            FollowUp.objects.filter(pk=self.pk).update(
                state=FollowUpState.ANSWERED,
                situation=situation,
                wants_call=wants_call,
                called_back_at=None if wants_call else self.called_back_at,
                answered_at=self.answered_at or now,
            )
            reread(self)
            Event.objects.log(
                EventKind.FOLLOWUP_ANSWERED,
                actor,
                now,
                referral=self.referral,
                data={"situation": situation, "wants_call": wants_call},
            )
        return True

    def close_without_answer(self, actor: Actor, now: dt.datetime, *, refused: bool) -> bool:
        """After the calls: unreachable, or does not wish to answer. `False` when an answer had come."""
        state = FollowUpState.REFUSED if refused else FollowUpState.UNREACHABLE
        kind = EventKind.FOLLOWUP_REFUSED if refused else EventKind.FOLLOWUP_UNREACHABLE
        with transaction.atomic():
            if not FollowUp.objects.filter(pk=self.pk).exclude(state=FollowUpState.ANSWERED).update(state=state):
                return False
            reread(self)
            Event.objects.log(kind, actor, now, referral=self.referral)
        return True

    def call_back(self, now: dt.datetime) -> None:
        """The person who asked to be called has been called."""
        FollowUp.objects.filter(pk=self.pk).update(called_back_at=now)
        reread(self)
