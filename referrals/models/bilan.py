"""Bilans: what the action gives back to the prescripteur and to the person."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.fields import FreeTextField
from referrals.french import day_words
from referrals.models.attendance import Attendance, Attended
from referrals.models.event import Actor, Event, EventKind
from referrals.models.referral import ConsentScope, Referral
from referrals.models.reminder import UNTIL_RETURNED, Reminder, ReminderKind
from referrals.models.reread import reread
from structures.certificates import CERTIFICATES, CertificateResult
from structures.models import Structure
from structures.scales import AXES, french_levels
from structures.vocabulary import Cecrl, NeedTheme


class BilanKind(models.TextChoices):
    """Which moment of the path the bilan closes."""

    POSITIONING = "positioning", "Retour de positionnement"
    INTERMEDIATE = "intermediate", "Bilan intermédiaire"
    FINAL = "final", "Bilan final"


class BilanSource(models.TextChoices):
    """Who filled it in, and from what."""

    RECEIVER = "receiver", "Rendu par la structure"
    OTHERWISE = "otherwise", "Reçu autrement, saisi par le prescripteur"


class BilanState(models.TextChoices):
    """A draft is saved while typing; once returned, a bilan no longer changes."""

    DRAFT = "draft", "Brouillon"
    RETURNED = "returned", "Rendu"


class BilanWay(models.TextChoices):
    """How a bilan that the structure did not write here came to the prescripteur."""

    PAPER = "paper", "Sur papier"
    PHONE = "phone", "Par téléphone"
    MEETING = "meeting", "En réunion"
    MAIL = "mail", "Par e-mail"


FRENCH = ("french_oral", "french_written")


@dataclass(frozen=True)
class Prefilled:
    """What a structure knows before it writes a bilan. `values` are the bilan's own fields.

    `levels_from` is the bilan that the levels at the start come from, if any; the levels in French otherwise come from
    the person's file.
    """

    values: dict[str, Any]
    levels_from: Bilan | None
    attended: Attended


def prefilled_for(referral: Referral, structure: Structure | None) -> Prefilled:
    """What `structure` knows of a fiche before it writes a bilan, as far as the person's consent goes.

    The levels at the start are those at the entry: the first that a bilan of this fiche said, else those reached in
    the bilan that opened it.
    """
    values: dict[str, Any] = {}
    returned = list(referral.bilans.returned().order_by("on", "created_at", "id"))
    own = structure.pk if structure is not None else None
    receives = own == referral.receiver_id
    sees_profile = own == referral.person.recorded_by_id or ConsentScope.PROFILE in referral.consent_scope
    opener = referral.opened_by if sees_profile else None
    levels: dict[str, int] = {}
    for bilan in returned:
        levels = {**bilan.levels_after, **bilan.levels_before, **levels}
    if not returned and opener is not None:
        levels = dict(opener.levels_after)
    values["levels_before"] = levels
    for name in FRENCH:
        said = [getattr(bilan, f"{name}_{moment}") for bilan in returned for moment in ("before", "after")]
        said += [getattr(opener, f"{name}_after")] if opener is not None else []
        said += [getattr(referral.person, name)] if sees_profile else []
        values[f"{name}_before"] = next(filter(None, said), "")
    attended = Attendance.objects.sums([referral])[referral.pk] if receives else Attended()
    if attended.noted:
        values |= {"hours": attended.hours, "attendance": attended.rate}
    last = returned[-1].certificates if returned else []
    values["certificates"] = [row for row in last if row["result"] == CertificateResult.PLANNED]
    return Prefilled(values, returned[0] if returned else opener, attended)


class BilanQuerySet(models.QuerySet["Bilan"]):
    """Questions about many bilans."""

    def returned(self) -> BilanQuerySet:
        """The bilans that both structures can read."""
        return self.filter(state=BilanState.RETURNED)

    def awaited(self) -> BilanQuerySet:
        """Of the returned ones, those that were awaited: the final one, or the return of the positionnement."""
        return self.returned().filter(kind__in=[BilanKind.FINAL, BilanKind.POSITIONING])

    def start(self, referral: Referral, kind: BilanKind | str, actor: Actor, now: dt.datetime, **values: Any) -> Bilan:
        """Open a draft, or find the one already open for this fiche and kind, by this structure.

        It is filled in with what is known: see `prefilled_for`.
        """
        source = BilanSource.RECEIVER if actor.structure == referral.receiver else BilanSource.OTHERWISE
        with transaction.atomic():
            Referral.objects.select_for_update().get(pk=referral.pk)
            found = self.filter(referral=referral, kind=kind, state=BilanState.DRAFT, structure=actor.structure).first()
            if found is not None:
                return found
            defaults = {"on": timezone.localdate(now)} | prefilled_for(referral, actor.structure).values
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
    way = models.CharField("reçu comment", max_length=7, choices=BilanWay, blank=True)
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
            models.CheckConstraint(
                condition=Q(way="") | Q(source="otherwise", way__in=BilanWay.values),
                name="bilan_came_some_way_only_from_elsewhere",
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
                Reminder.objects.drop(self.referral, "returned", now, kinds=UNTIL_RETURNED)
            if self.source == BilanSource.RECEIVER:
                Referral.objects.filter(pk=self.referral_id).update(bilan_received_at=now)
                Reminder.objects.plan(self.referral, now, (ReminderKind.BILAN_RETURNED, now))
        return True

    @property
    def progress(self) -> list[tuple[str, int | None, int | None]]:
        """Each axis evaluated, by its code, with its level before and after (`None` when not evaluated then).

        Levels in French are told once they have been evaluated at the end: those at the start come from the file.
        """
        reached = french_levels(self.french_oral_after, self.french_written_after)
        start = french_levels(self.french_oral_before, self.french_written_before)
        before = self.levels_before | {axis: level for axis, level in start.items() if axis in reached}
        after = self.levels_after | reached
        return [(axis, before.get(axis), after.get(axis)) for axis in AXES if axis in before or axis in after]

    @property
    def certificate_lines(self) -> list[tuple[str, str]]:
        """Each certificate with its result and its day, in words, in the order of the list of certificates.

        `certificates` holds what `structures.certificates.check_certificates` describes.
        """
        order = list(CERTIFICATES)
        rows = sorted(self.certificates, key=lambda row: order.index(row["certificate"]))
        return [(certificate_words(row), result_words(row)) for row in rows]


def certificate_words(entry: dict[str, str]) -> str:
    """« DELF A2 », « Titre professionnel : cuisinier »."""
    label, name = CERTIFICATES[entry["certificate"]].label, entry.get("name", "")
    return f"{label} : {name}" if name else label


def result_words(entry: dict[str, str]) -> str:
    """« Obtenu le 3 juin 2026 », « Prévu »."""
    said = CertificateResult(entry["result"]).label
    return f"{said} le {day_words(dt.date.fromisoformat(entry['on']))}" if "on" in entry else said
