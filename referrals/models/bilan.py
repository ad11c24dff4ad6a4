"""Bilans: what the action gives back to the prescripteur and to the person."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import Q

from accounts.fields import FreeTextField
from referrals.models.event import Actor, Event, EventKind
from referrals.models.referral import Referral
from referrals.models.reminder import Reminder, ReminderKind
from referrals.models.reread import reread
from structures.models import Structure
from structures.vocabulary import Axis, Cecrl, NeedTheme


class BilanKind(models.TextChoices):
    """Which moment of the path the bilan closes."""

    POSITIONING = "positioning", "Retour de positionnement"
    INTERMEDIATE = "intermediate", "Bilan intermédiaire"
    FINAL = "final", "Bilan final"


class BilanSource(models.TextChoices):
    """Who filled it in, and from what."""

    RECEIVER = "receiver", "Rendu par la structure"
    OTHERWISE = "otherwise", "Reçu autrement (papier, téléphone), saisi par le prescripteur"


class BilanState(models.TextChoices):
    """A draft is saved while typing; once returned, a bilan no longer changes."""

    DRAFT = "draft", "Brouillon"
    RETURNED = "returned", "Rendu"


class Certificate(models.TextChoices):
    """What a path can be certified by; the first ones are named in the territory's documents."""

    DELF_A1 = "delf_a1", "DELF A1"
    DELF_A2 = "delf_a2", "DELF A2"
    DELF_B1 = "delf_b1", "DELF B1"
    DELF_B2 = "delf_b2", "DELF B2"
    CLEA = "clea", "CléA"
    CFG = "cfg", "CFG"
    TITLE = "title", "Titre professionnel"
    HIGHWAY_CODE = "highway_code", "Code de la route"
    LICENCE = "licence", "Permis B"
    OTHER = "other", "Autre"


class CertificateResult(models.TextChoices):
    """What came of it."""

    OBTAINED = "obtained", "Obtenu"
    FAILED = "failed", "Non obtenu"
    PLANNED = "planned", "Prévu"


class BilanQuerySet(models.QuerySet["Bilan"]):
    """Questions about many bilans."""

    def returned(self) -> BilanQuerySet:
        """The bilans that both structures can read."""
        return self.filter(state=BilanState.RETURNED)

    def start(self, referral: Referral, kind: BilanKind | str, actor: Actor, now: dt.datetime, **values: Any) -> Bilan:
        """Open a draft, or find the one already open for this fiche and kind, by this structure.

        The levels before come from the positionnement or from the person's file.
        """
        source = BilanSource.RECEIVER if actor.structure == referral.receiver else BilanSource.OTHERWISE
        with transaction.atomic():
            Referral.objects.select_for_update().get(pk=referral.pk)
            found = self.filter(referral=referral, kind=kind, state=BilanState.DRAFT, structure=actor.structure).first()
            if found is not None:
                return found
            previous = referral.bilans.returned().order_by("-on", "-created_at").first()
            defaults = {
                "on": now.date(),
                "levels_before": previous.levels_after if previous else {},
                "french_oral_before": referral.person.french_oral,
                "french_written_before": referral.person.french_written,
            }
            return self.create(
                referral=referral,
                kind=kind,
                source=source,
                structure=actor.structure,
                author=actor.user,
                created_at=now,
                **defaults | values,
            )


class Bilan(models.Model):
    """One structured bilan. Levels before and after stand on the same axes, so that progress can be drawn."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    referral = models.ForeignKey(Referral, models.CASCADE, related_name="bilans", verbose_name="fiche")
    kind = models.CharField("type de bilan", max_length=12, choices=BilanKind)
    source = models.CharField("origine", max_length=9, choices=BilanSource)
    state = models.CharField("état", max_length=8, choices=BilanState, default=BilanState.DRAFT)
    structure = models.ForeignKey(Structure, models.PROTECT, related_name="+", verbose_name="rendu par")
    author = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="auteur"
    )
    on = models.DateField("date du bilan")
    levels_before = models.JSONField("niveaux au départ", default=dict, blank=True)
    levels_after = models.JSONField("niveaux atteints", default=dict, blank=True)
    french_oral_before = models.CharField("français oral au départ", max_length=5, choices=Cecrl, blank=True)
    french_oral_after = models.CharField("français oral atteint", max_length=5, choices=Cecrl, blank=True)
    french_written_before = models.CharField("français écrit au départ", max_length=5, choices=Cecrl, blank=True)
    french_written_after = models.CharField("français écrit atteint", max_length=5, choices=Cecrl, blank=True)
    hours = models.PositiveSmallIntegerField("heures suivies", null=True, blank=True)
    attendance = models.PositiveSmallIntegerField("assiduité (%)", null=True, blank=True)
    certificates = models.JSONField("certifications", default=list, blank=True)
    obstacles_left = ArrayField(
        models.CharField(max_length=20, choices=NeedTheme),
        verbose_name="freins qui restent",
        default=list,
        blank=True,
    )
    recommended = ArrayField(
        models.CharField(max_length=20, choices=NeedTheme),
        verbose_name="suite conseillée",
        default=list,
        blank=True,
    )
    summary = FreeTextField("ce que la personne a acquis", blank=True)
    private_notes = FreeTextField("notes entre professionnels", blank=True)
    created_at = models.DateTimeField("commencé le")
    returned_at = models.DateTimeField("rendu le", null=True, blank=True)

    objects = BilanQuerySet.as_manager()

    class Meta:
        verbose_name = "bilan"
        ordering = ["on", "created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["referral"],
                condition=Q(kind="final", state="returned"),
                name="bilan_final_returned_once",
            ),
            models.UniqueConstraint(
                fields=["referral", "kind", "structure"], condition=Q(state="draft"), name="bilan_draft_once"
            ),
            models.CheckConstraint(
                condition=Q(state="draft") | Q(returned_at__isnull=False), name="bilan_returned_has_a_date"
            ),
            models.CheckConstraint(
                condition=Q(attendance__isnull=True) | Q(attendance__range=(0, 100)),
                name="bilan_attendance_is_a_share",
            ),
        ]
        indexes = [models.Index(fields=["referral", "on"], name="bilan_by_referral")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.referral.reference}"

    def write(self, **values: Any) -> bool:
        """Save the draft's values; `False`, and nothing written, once the bilan has been returned."""
        rows = Bilan.objects.filter(pk=self.pk, state=BilanState.DRAFT)
        if not rows.update(**values):
            return False
        reread(self)
        return True

    def hand_in(self, actor: Actor, now: dt.datetime) -> bool:
        """Return the bilan: it no longer changes, the other structure is told, its reminders stop.

        The levels reached become those of the person's file (repositioning). `False` when it had been returned.
        """
        with transaction.atomic():
            if not Bilan.objects.filter(pk=self.pk, state=BilanState.DRAFT).update(
                state=BilanState.RETURNED, returned_at=now
            ):
                return False
            reread(self)
            found = {"french_oral": self.french_oral_after, "french_written": self.french_written_after}
            self.referral.person.change(actor, now, **{name: value for name, value in found.items() if value})
            Event.objects.log(
                EventKind.BILAN_RETURNED,
                actor,
                now,
                referral=self.referral,
                data={"bilan": str(self.pk), "kind": self.kind, "source": self.source},
            )
            if self.kind in (BilanKind.FINAL, BilanKind.POSITIONING):
                Reminder.objects.drop(self.referral, "returned", now, kinds=[ReminderKind.BILAN_DUE])
            if self.source == BilanSource.RECEIVER:
                Referral.objects.filter(pk=self.referral_id).update(bilan_received_at=now)
                Reminder.objects.plan(self.referral, now, (ReminderKind.BILAN_RETURNED, now))
        return True

    @property
    def progress(self) -> list[tuple[Axis, int | None, int | None]]:
        """Each axis evaluated, with its level before and after (`None` when not evaluated then)."""
        axes = [axis for axis in Axis if axis in self.levels_before or axis in self.levels_after]
        return [(axis, self.levels_before.get(axis), self.levels_after.get(axis)) for axis in axes]

    @property
    def certificate_lines(self) -> list[tuple[str, str]]:
        """Each certificate with its result, in words, in the order of `Certificate`.

        `certificates` holds entries such as `{"certificate": "delf_a2", "result": "obtained"}`.
        """
        found = {entry["certificate"]: entry["result"] for entry in self.certificates}
        return [(one.label, CertificateResult(found[one]).label) for one in Certificate if one in found]
