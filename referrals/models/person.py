"""The person accompanied."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import TrigramWordSimilarity
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, FilteredRelation, Value
from django.db.models.functions import Concat
from django.utils import timezone
from phonenumber_field.modelfields import PhoneNumberField

from accounts.fields import FreeCharField, PlainCharField
from referrals.models.event import Actor, Event, EventKind
from referrals.models.known import RECORDED
from structures.models import Structure
from structures.text import ALIKE, LEAST_ALIKE, Plain, plain
from structures.vocabulary import (
    AnlciDegree,
    Cecrl,
    DigitalLevel,
    Diploma,
    HalfDay,
    Licence,
    Quartier,
    Schooling,
    Sex,
    Status,
)

EARLIEST_BIRTH = dt.date(1900, 1, 1)


def plausible_birth_date(value: dt.date) -> None:
    """Refuse a birth date before 1900 or in the future: a slip of the keyboard."""
    if not EARLIEST_BIRTH <= value <= timezone.localdate():
        raise ValidationError("Vérifiez la date de naissance : elle va de 1900 à aujourd’hui.")


class ContactChannel(models.TextChoices):
    """The channel that the person says is safe; nobody is written to by another one."""

    SMS = "sms", "SMS"
    CALL = "call", "Appel téléphonique"
    EMAIL = "email", "E-mail"
    PRESCRIBER = "prescriber", "Par son prescripteur seulement"


class PersonQuerySet(models.QuerySet["Person"]):
    """Questions about many persons. Always start from `Door.persons()`: it decides which rows one may see."""

    def known_to(self, structure: Structure | None) -> PersonQuerySet:
        """The persons whom a structure recorded, or about whom it was sent a fiche: what the names are searched in."""
        link = FilteredRelation("known", condition=models.Q(known__structure=structure))
        return self.alias(link=link).filter(link__pk__isnull=False)

    def matching(self, words: str) -> PersonQuerySet:
        """Of `known_to`, those whose name resembles `words`, best first; accents, case and small typos are forgiven."""
        needle = plain(words)
        if not needle:
            return self
        close = models.Q(link__search_name__trigram_word_similar=needle, likeness__gte=ALIKE)
        return (
            self.annotate(likeness=TrigramWordSimilarity(needle, "search_name"))
            .filter(models.Q(link__search_name__contains=needle) | close)
            .order_by(F("likeness").desc(), "last_name", "first_name", "id")
        )

    def resembling(self, first_name: str, last_name: str, birth_date: dt.date | None) -> PersonQuerySet:
        """Of `known_to`, those likely to be the same: close names in any order, or close enough with the same birth
        date."""
        needle = plain(f"{first_name} {last_name}")
        if len(needle) < 3:
            return self.none()
        likeness = TrigramWordSimilarity(needle, "search_name")
        close = models.Q(likeness__gte=0.75)
        indexed = models.Q(link__search_name__trigram_word_similar=needle)
        if birth_date is not None:
            close |= models.Q(likeness__gte=LEAST_ALIKE, birth_date=birth_date)
        return self.annotate(likeness=likeness).filter(close & indexed).order_by(F("likeness").desc(), "id")

    def by_name(self) -> PersonQuerySet:
        """In the order of a French index: É with E, whatever the case."""
        return self.order_by(Plain("last_name"), Plain("first_name"), "id")


class Person(models.Model):
    """A person, recorded once by one structure. No NIR and no health detail, in any field.

    Empty or null means "not known": the matching asks for it instead of guessing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    first_name = PlainCharField("prénom", max_length=80)
    last_name = PlainCharField("nom", max_length=80)
    birth_date = models.DateField("date de naissance", null=True, blank=True, validators=[plausible_birth_date])
    sex = models.CharField("sexe", max_length=1, choices=Sex, blank=True)
    phone = PhoneNumberField("téléphone", blank=True)
    email = models.EmailField("adresse e-mail", blank=True)
    contact_channel = models.CharField(
        "moyen de contact sûr", max_length=10, choices=ContactChannel, default=ContactChannel.PRESCRIBER
    )
    may_leave_message = models.BooleanField("peut-on laisser un message vocal ?", default=False)
    contact_note = FreeCharField("précisions sur le contact", max_length=120, blank=True)
    language = PlainCharField("langue parlée", max_length=60, blank=True)
    needs_interpreter = models.BooleanField("interprète souhaité", default=False)

    commune = PlainCharField("commune", max_length=80, blank=True)
    commune_code = models.CharField("code commune (INSEE)", max_length=5, blank=True)
    quartier = models.CharField("quartier", max_length=20, choices=Quartier, blank=True)
    in_qpv = models.BooleanField("habite un quartier prioritaire", null=True, blank=True)

    french_oral = models.CharField("français oral", max_length=5, choices=Cecrl, blank=True)
    french_written = models.CharField("français écrit", max_length=5, choices=Cecrl, blank=True)
    schooling = models.CharField("scolarité", max_length=8, choices=Schooling, blank=True)
    anlci = models.PositiveSmallIntegerField("degré ANLCI", choices=AnlciDegree, null=True, blank=True)
    digital = models.CharField("numérique", max_length=12, choices=DigitalLevel, blank=True)
    licence = models.CharField("permis", max_length=4, choices=Licence, blank=True)
    has_vehicle = models.BooleanField("dispose d’un véhicule", null=True, blank=True)
    diploma = models.CharField("diplôme", max_length=3, choices=Diploma, blank=True)
    statuses = ArrayField(
        models.CharField(max_length=20, choices=Status), verbose_name="situation", default=list, blank=True
    )
    statuses_known = models.BooleanField("situation vérifiée", default=False)
    availability = ArrayField(
        models.CharField(max_length=6, choices=HalfDay),
        verbose_name="disponibilités",
        default=list,
        blank=True,
    )

    recorded_by = models.ForeignKey(
        Structure, models.PROTECT, related_name="recorded_persons", verbose_name="enregistrée par"
    )
    created_at = models.DateTimeField("enregistrée le")
    updated_at = models.DateTimeField("modifiée le")
    search_name = models.GeneratedField(
        expression=Plain(Concat("first_name", Value(" "), "last_name", output_field=models.TextField())),
        output_field=models.TextField(),
        db_persist=True,
    )

    objects = PersonQuerySet.as_manager()

    class Meta:
        verbose_name = "personne"
        ordering = ["last_name", "first_name", "id"]
        indexes = [
            GinIndex(OpClass(F("search_name"), name="gin_trgm_ops"), name="person_by_name_trigram"),
            models.Index("recorded_by", Plain("last_name"), Plain("first_name"), "id", name="person_by_name"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(birth_date__isnull=True) | models.Q(birth_date__gte=EARLIEST_BIRTH),
                name="person_born_after_1900",
            ),
            models.CheckConstraint(
                condition=models.Q(anlci__isnull=True) | models.Q(anlci__range=(1, 4)),
                name="person_anlci_degree_1_to_4",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="known_to_its_structure",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("first_name", "last_name", "recorded_by_id"),
                func=RECORDED,
            )
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        """First name, then the family name in capitals, as the field's documents write it."""
        return f"{self.first_name} {self.last_name.upper()}"

    def age(self, on: dt.date) -> int | None:
        """Age in whole years on a day; `None` when the birth date is not known."""
        if self.birth_date is None:
            return None
        return on.year - self.birth_date.year - ((on.month, on.day) < (self.birth_date.month, self.birth_date.day))

    @property
    def place(self) -> str:
        """Where the person lives, as precisely as is known: the quartier, else the commune."""
        return self.get_quartier_display() if self.quartier else self.commune

    @property
    def takes_letters(self) -> bool:
        """Whether a letter is the safe way to reach the person; else somebody must tell them."""
        return self.contact_channel == ContactChannel.EMAIL and bool(self.email)

    def record(self, actor: Actor, now: dt.datetime) -> Person:
        """Write a new person, recorded by the actor's structure."""
        if actor.structure is None:
            raise ValueError("a person is recorded by a structure")
        self.recorded_by = actor.structure
        self.created_at = self.updated_at = now
        with transaction.atomic():
            self.save(force_insert=True)
            Event.objects.log(EventKind.PERSON_RECORDED, actor, now, person=self)
        return self

    def change(self, actor: Actor, now: dt.datetime, **values: Any) -> list[str]:
        """Write the values that differ; the names of the fields changed are journalled, never their contents."""
        changed = [name for name, value in values.items() if getattr(self, name) != value]
        if changed:
            for name in changed:
                setattr(self, name, values[name])
            self.updated_at = now
            with transaction.atomic():
                self.save(update_fields=[*changed, "updated_at"])
                Event.objects.log(EventKind.PERSON_CHANGED, actor, now, person=self, data={"fields": changed})
        return changed
