"""The typed exit from an action."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import models, transaction
from django.db.models import Q

from accounts.fields import FreeTextField
from referrals.models.event import Actor
from referrals.models.followup import FollowUp
from referrals.models.referral import Referral


class ExitClass(models.TextChoices):
    """The classes of the State's grid for the SIAE, kept for every action."""

    DURABLE = "durable", "Emploi durable"
    TRANSITION = "transition", "Emploi de transition"
    POSITIVE = "positive", "Sortie positive"
    OTHER = "other", "Autre sortie"
    WITHDRAWN = "withdrawn", "Retrait (neutralisé)"


class ExitKind(models.TextChoices):
    """What the person left for."""

    CDI = "cdi", "CDI"
    CDD_LONG = "cdd_long", "CDD de plus de 6 mois"
    BUSINESS = "business", "Création d’activité"
    CDD_SHORT = "cdd_short", "CDD de 6 mois ou moins, intérim"
    CDDI = "cddi", "CDDI, contrat d’insertion"
    TRAINING = "training", "Formation qualifiante"
    APPRENTICESHIP = "apprenticeship", "Apprentissage, alternance"
    OTHER_TRAINING = "other_training", "Autre formation, suite de parcours"
    CIVIC_SERVICE = "civic_service", "Service civique, service national"
    VOLUNTEERING = "volunteering", "Bénévolat"
    CERTIFICATE = "certificate", "Objectif atteint (diplôme, permis, autonomie)"
    SEARCHING = "searching", "En recherche d’emploi"
    INACTIVE = "inactive", "Sans activité"
    ABANDONED = "abandoned", "Abandon"
    MOVED = "moved", "Déménagement"
    PREVENTED = "prevented", "Empêchement de longue durée"
    DECEASED = "deceased", "Décès"


CLASS_OF: dict[ExitKind, ExitClass] = {
    ExitKind.CDI: ExitClass.DURABLE,
    ExitKind.CDD_LONG: ExitClass.DURABLE,
    ExitKind.BUSINESS: ExitClass.DURABLE,
    ExitKind.CDD_SHORT: ExitClass.TRANSITION,
    ExitKind.CDDI: ExitClass.TRANSITION,
    ExitKind.TRAINING: ExitClass.POSITIVE,
    ExitKind.APPRENTICESHIP: ExitClass.POSITIVE,
    ExitKind.OTHER_TRAINING: ExitClass.POSITIVE,
    ExitKind.CIVIC_SERVICE: ExitClass.POSITIVE,
    ExitKind.VOLUNTEERING: ExitClass.POSITIVE,
    ExitKind.CERTIFICATE: ExitClass.POSITIVE,
    ExitKind.SEARCHING: ExitClass.OTHER,
    ExitKind.INACTIVE: ExitClass.OTHER,
    ExitKind.ABANDONED: ExitClass.OTHER,
    ExitKind.MOVED: ExitClass.WITHDRAWN,
    ExitKind.PREVENTED: ExitClass.WITHDRAWN,
    ExitKind.DECEASED: ExitClass.WITHDRAWN,
}
"""The class follows from the kind: nobody has to know the grid."""

DYNAMIC = (ExitKind.CDI, ExitKind.CDD_LONG, ExitKind.TRAINING, ExitKind.APPRENTICESHIP)
"""The exits that the State's two-thirds target counts: qualifying training (an apprenticeship is one), CDD of more
than six months, CDI (source: the Confluences document)."""


class ExitQuerySet(models.QuerySet["Exit"]):
    """Questions about many exits."""

    def counted(self) -> ExitQuerySet:
        """Exits that enter a share: the neutralised ones are left out."""
        return self.exclude(exit_class=ExitClass.WITHDRAWN)

    def dynamic(self) -> ExitQuerySet:
        """Exits that the two-thirds target counts."""
        return self.filter(kind__in=DYNAMIC)

    def record(
        self,
        referral: Referral,
        actor: Actor,
        now: dt.datetime,
        *,
        on: dt.date,
        kind: ExitKind | str,
        note: str = "",
        version: int | None = None,
    ) -> Exit:
        """End the fiche with its typed exit, and plan the checks that follow. Raises `StaleReferral`."""
        kind = ExitKind(kind)
        if referral.entered_on is not None and on < referral.entered_on:
            raise ValueError("an exit does not come before the entry")
        with transaction.atomic():
            referral.end(actor, now, version=version)
            row = self.create(referral=referral, on=on, kind=kind, exit_class=CLASS_OF[kind], note=note, created_at=now)
            if kind != ExitKind.DECEASED:
                FollowUp.objects.plan(row.pk, referral, on, now)
        return row


class Exit(models.Model):
    """How a person left an action."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    referral = models.OneToOneField(Referral, models.CASCADE, related_name="exit", verbose_name="fiche")
    on = models.DateField("date de sortie")
    kind = models.CharField("sortie vers", max_length=16, choices=ExitKind)
    exit_class = models.CharField("classe", max_length=10, choices=ExitClass)
    note = FreeTextField("précision", blank=True)
    created_at = models.DateTimeField("enregistrée le")

    objects = ExitQuerySet.as_manager()

    class Meta:
        verbose_name = "sortie"
        ordering = ["-on", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    *[Q(kind=kind, exit_class=exit_class) for kind, exit_class in CLASS_OF.items()],
                    _connector=Q.OR,
                ),
                name="exit_class_follows_from_its_kind",
            ),
        ]
        indexes = [models.Index(fields=["on"], name="exit_by_day")]

    def __str__(self) -> str:
        return self.get_kind_display()

    def withdraw(self) -> bool:
        """Take the exit back with its checks, in the caller's transaction.

        `False`, and nothing removed, when the person has already answered one.
        """
        checks = list(FollowUp.objects.select_for_update().filter(exit=self).order_by("months"))
        if any(check.has_news for check in checks):
            return False
        self.delete()
        return True

    @property
    def is_dynamic(self) -> bool:
        """Whether the two-thirds target counts it."""
        return self.kind in DYNAMIC
