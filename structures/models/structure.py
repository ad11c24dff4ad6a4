"""The organisations of the territory."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from phonenumber_field.modelfields import PhoneNumberField

from structures.clocks import Clock, clock_of
from structures.fields import WebAddressField
from structures.quiet import Quiet
from structures.text import Plain
from structures.vocabulary import Pace, StructureKind


class Weekday(models.IntegerChoices):
    """A day of the week, as `date.weekday()` numbers them."""

    MONDAY = 0, "lundi"
    TUESDAY = 1, "mardi"
    WEDNESDAY = 2, "mercredi"
    THURSDAY = 3, "jeudi"
    FRIDAY = 4, "vendredi"
    SATURDAY = 5, "samedi"
    SUNDAY = 6, "dimanche"


class Structure(models.Model):
    """An organisation: it sends fiches, receives them, or steers the territory; often several of these.

    The fields up to `reseaux_porteurs` are those of data·inclusion v1; (source, source_id) is its identity there.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.CharField("source", max_length=60, default="relais")
    source_id = models.CharField("identifiant dans la source", max_length=200)
    name = models.CharField("nom", max_length=150)
    short_name = models.CharField("nom court", max_length=40, blank=True)
    kind = models.CharField("type", max_length=20, choices=StructureKind, default=StructureKind.ASSOCIATION)
    description = models.TextField("description", blank=True)
    siret = models.CharField("SIRET", max_length=14, blank=True)
    address = models.CharField("adresse", max_length=200, blank=True)
    address_extra = models.CharField("complément d’adresse", max_length=200, blank=True)
    postal_code = models.CharField("code postal", max_length=5, blank=True)
    commune = models.CharField("commune", max_length=80, blank=True)
    commune_code = models.CharField("code commune (INSEE)", max_length=5, blank=True)
    latitude = models.FloatField("latitude", null=True, blank=True)
    longitude = models.FloatField("longitude", null=True, blank=True)
    phone = PhoneNumberField("téléphone", blank=True)
    email = models.EmailField("adresse e-mail", blank=True)
    website = WebAddressField("site web", blank=True)
    opening_hours = models.CharField("horaires (format OpenStreetMap)", max_length=200, blank=True)
    networks = models.JSONField("réseaux porteurs", default=list, blank=True)
    accessibility_link = WebAddressField("accessibilité du lieu", max_length=500, blank=True)
    source_link = WebAddressField("lien vers la source", max_length=500, blank=True)
    source_updated_on = models.DateField("mise à jour dans la source", null=True, blank=True)

    is_prescriber = models.BooleanField("prescrit des fiches", default=False)
    is_sensitive = models.BooleanField(
        "structure protégée",
        default=False,
        help_text="Son nom et ses actions sont masqués dans les parcours vus par d’autres structures.",
    )
    closed_weekdays = ArrayField(
        models.PositiveSmallIntegerField(choices=Weekday), verbose_name="jours sans courrier", default=list, blank=True
    )
    letters_from = models.TimeField("courrier à partir de", null=True, blank=True)
    letters_until = models.TimeField("courrier jusqu’à", null=True, blank=True)
    is_active = models.BooleanField("active", default=True)
    letters = models.CharField("lettres à la structure", max_length=9, choices=Pace, default=Pace.IMMEDIATE)
    created_at = models.DateTimeField("créée le", auto_now_add=True)
    updated_at = models.DateTimeField("modifiée le", auto_now=True)

    class Meta:
        verbose_name = "structure"
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "source_id"], name="structure_unique_in_its_source"),
            models.CheckConstraint(
                condition=Q(closed_weekdays__contained_by=list(Weekday.values))
                & ~Q(closed_weekdays__contains=list(Weekday.values)),
                name="structure_open_one_day_a_week",
            ),
            models.CheckConstraint(
                condition=Q(letters_from=None) | Q(letters_until=None) | Q(letters_until__gt=F("letters_from")),
                name="structure_opens_before_it_closes",
            ),
        ]
        indexes = [
            models.Index(fields=["kind", "name"], name="structure_by_kind"),
            GinIndex(OpClass(Plain("name"), name="gin_trgm_ops"), name="structure_name_trigrams"),
            models.Index(Plain("short_name"), name="structure_by_short_name"),
        ]

    def __str__(self) -> str:
        return self.short_name or self.name

    @property
    def clock(self) -> Clock:
        """Its time zone and public holidays, by the place where it is."""
        return clock_of(self.commune_code, self.postal_code)

    @property
    def quiet(self) -> Quiet:
        """When it is not to be written to. Reads `closings`: prefetch them where many structures are asked."""
        return Quiet(
            clock=self.clock,
            weekdays=frozenset(self.closed_weekdays),
            periods=tuple((closing.first_day, closing.last_day) for closing in self.closings.all()),
            opens=self.letters_from,
            closes=self.letters_until,
        )

    def choose_letters(self, pace: Pace | str, email: str) -> None:
        """Have what is written to the structure come at once, once a day or never, at this address."""
        self.letters, self.email = Pace(pace), email
        self.save(update_fields=["letters", "email", "updated_at"])


class Closing(models.Model):
    """A period during which a structure is closed: its letters wait for its return."""

    structure = models.ForeignKey(Structure, models.CASCADE, related_name="closings", verbose_name="structure")
    first_day = models.DateField("du")
    last_day = models.DateField("au")

    class Meta:
        verbose_name = "fermeture"
        ordering = ["first_day", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="closing_ends_after_it_begins"),
            models.UniqueConstraint(fields=["structure", "first_day"], name="closing_begins_once_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.structure} ({self.first_day:%d/%m/%Y})"
