"""The mobility pre-diagnosis: what a prescripteur asks in two minutes, before anybody is oriented."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import asdict, dataclass, fields
from typing import Any

import pgtrigger
from django.db import models, transaction
from django.db.models import Q

from accounts.fields import FreeTextField
from referrals.models.event import Actor, Event, EventKind
from referrals.models.need import ORDINARY, Prediagnosis
from referrals.models.person import FOLLOW_THE_MERGE, MOVES_WITH_THE_FILE, Person
from structures.models import Structure
from structures.vocabulary import Licence, NeedTheme


class Means(models.TextChoices):
    """Whether the person can pay for a licence, a vehicle or a season ticket."""

    YES = "yes", "Oui"
    PART = "part", "En partie"
    NO = "no", "Non"


class BusUse(models.TextChoices):
    """Whether the person takes the bus."""

    ALONE = "alone", "Oui, sans aide"
    HELPED = "helped", "Oui, avec quelqu’un"
    NEVER = "never", "Non"
    NO_LINE = "no_line", "Pas de bus utile"


class BicycleUse(models.TextChoices):
    """Whether the person rides a bicycle."""

    RIDES = "rides", "Oui"
    NO_BICYCLE = "no_bicycle", "Sait en faire, sans vélo"
    CANNOT = "cannot", "Ne sait pas en faire"


class Bearings(models.TextChoices):
    """How far the person finds their way: plans, timetables, a journey never made before."""

    ALONE = "alone", "Prépare sans aide un trajet nouveau"
    KNOWN = "known", "Trajets connus seulement"
    LOST = "lost", "Plans et horaires difficiles"


class SearchZone(models.TextChoices):
    """How far the person looks for a job or a course."""

    QUARTIER = "quartier", "Dans son quartier"
    TOWN = "town", "Dans sa ville"
    AGGLOMERATION = "agglo", "Dans l’agglomération"
    BEYOND = "beyond", "Plus loin"


@dataclass(frozen=True)
class MobilityAnswers:
    """What was answered on one day. Empty text and `None` mean that nobody knows, never "no"."""

    licence: str = ""
    vehicle: bool | None = None
    insured: bool | None = None
    afraid: bool | None = None
    bus: str = ""
    bicycle: str = ""
    bearings: str = ""
    zone: str = ""
    means: str = ""

    @property
    def known(self) -> dict[str, Any]:
        """The questions that were answered, with their answers."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None)}


PRESSED_TWICE = dt.timedelta(minutes=1)
"""Within this delay the same answers from the same author are one reading."""
QUESTIONS = tuple(field.name for field in fields(MobilityAnswers))
"""The names of the answers, in the order of the page."""


class MobilityReadingQuerySet(models.QuerySet["MobilityReading"]):
    """Questions about readings. Start from `Door.mobility_readings()` on screens."""

    def latest_of(self, person: Person) -> MobilityReading | None:
        """The reading that counts: the person's latest, if any."""
        rows = self.filter(person=person).select_related("structure", "author")
        return rows.order_by("-recorded_at", "-id").first()

    def record(
        self, person: Person, answers: MobilityAnswers, actor: Actor, now: dt.datetime, *, note: str = ""
    ) -> MobilityReading:
        """Write one reading, in one transaction with what it brings.

        A licence or a vehicle that was answered becomes that of the person's file; the need « Mobilité » is opened
        unless it stands open. The same said again at once by the same author (a button pressed twice) stays one
        reading: the first is given back. Raises `ValueError` when the actor has no structure, `IntegrityError` when
        nothing was answered, or when a vehicle that does not exist is said to be insured.
        """
        if actor.structure is None:
            raise ValueError("a reading is recorded by a structure")
        with transaction.atomic():
            # Two readings at once: the second finds the first, and the need that it has opened.
            Person.objects.select_for_update().values_list("pk").get(pk=person.pk)
            latest = self.latest_of(person)
            if latest is not None and abs(now - latest.recorded_at) < PRESSED_TWICE:
                said = (latest.answers, latest.note, latest.structure, latest.author)
                if said == (answers, note, actor.structure, actor.user):
                    return latest
            row = self.create(
                person=person,
                structure=actor.structure,
                author=actor.user,
                note=note,
                recorded_at=now,
                **asdict(answers),
            )
            found = {"licence": answers.licence, "has_vehicle": answers.vehicle}
            person.change(actor, now, **{name: value for name, value in found.items() if value not in ("", None)})
            Event.objects.log(EventKind.MOBILITY_READ, actor, now, person=person)
            if not person.needs.open().filter(theme=NeedTheme.MOBILITY).exists():
                Prediagnosis.objects.record(person, {NeedTheme.MOBILITY: ORDINARY}, actor, now)
        return row


class MobilityReading(models.Model):
    """One pre-diagnosis of a person's mobility. Its answers never change: a new reading is a new row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(Person, models.CASCADE, related_name="mobility_readings", verbose_name="personne")
    structure = models.ForeignKey(Structure, models.PROTECT, related_name="+", verbose_name="structure")
    author = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="auteur"
    )
    licence = models.CharField("permis et code", max_length=4, choices=Licence, blank=True)
    vehicle = models.BooleanField("a un véhicule qui roule", null=True, blank=True)
    insured = models.BooleanField("ce véhicule est assuré", null=True, blank=True)
    afraid = models.BooleanField("a peur de conduire", null=True, blank=True)
    bus = models.CharField("prend le bus", max_length=7, choices=BusUse, blank=True)
    bicycle = models.CharField("fait du vélo", max_length=10, choices=BicycleUse, blank=True)
    bearings = models.CharField("trouve son chemin", max_length=5, choices=Bearings, blank=True)
    zone = models.CharField("cherche un emploi ou une formation", max_length=8, choices=SearchZone, blank=True)
    means = models.CharField("peut payer", max_length=4, choices=Means, blank=True)
    note = FreeTextField("précisions", max_length=1000, blank=True)
    recorded_at = models.DateTimeField("fait le")

    objects = MobilityReadingQuerySet.as_manager()

    class Meta:
        verbose_name = "pré-diagnostic mobilité"
        verbose_name_plural = "pré-diagnostics mobilité"
        ordering = ["-recorded_at", "-id"]
        indexes = [models.Index(fields=["person", "-recorded_at", "-id"], name="mobility_reading_by_person")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(insured=True) | Q(vehicle__isnull=True) | Q(vehicle=True),
                name="mobility_reading_insures_a_vehicle",
            ),
            models.CheckConstraint(
                condition=Q(licence__gt="")
                | Q(vehicle__isnull=False)
                | Q(insured__isnull=False)
                | Q(afraid__isnull=False)
                | Q(bus__gt="")
                | Q(bicycle__gt="")
                | Q(bearings__gt="")
                | Q(zone__gt="")
                | Q(means__gt=""),
                name="mobility_reading_answers_something",
            ),
            models.CheckConstraint(
                condition=Q(licence__in=["", *Licence.values])
                & Q(bus__in=["", *BusUse.values])
                & Q(bicycle__in=["", *BicycleUse.values])
                & Q(bearings__in=["", *Bearings.values])
                & Q(zone__in=["", *SearchZone.values])
                & Q(means__in=["", *Means.values]),
                name="mobility_reading_answers_are_listed",
            ),
        ]
        # The author and the note may be blanked when a file is closed, and a reading follows the file that a merge
        # keeps; the rest stands as it was answered.
        triggers = [
            pgtrigger.Protect(name="answers_never_change", operation=pgtrigger.UpdateOf("recorded_at", *QUESTIONS)),
            FOLLOW_THE_MERGE,
            MOVES_WITH_THE_FILE,
        ]

    def __str__(self) -> str:
        return f"Pré-diagnostic mobilité du {self.recorded_at:%d/%m/%Y}"

    @property
    def answers(self) -> MobilityAnswers:
        """What was answered."""
        return MobilityAnswers(**{name: getattr(self, name) for name in QUESTIONS})
