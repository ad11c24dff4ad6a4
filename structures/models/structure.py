"""The organisations of the territory."""

from __future__ import annotations

import uuid

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from phonenumber_field.modelfields import PhoneNumberField

from structures.fields import WebAddressField
from structures.text import Plain
from structures.vocabulary import StructureKind


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
    is_active = models.BooleanField("active", default=True)
    created_at = models.DateTimeField("créée le", auto_now_add=True)
    updated_at = models.DateTimeField("modifiée le", auto_now=True)

    class Meta:
        verbose_name = "structure"
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "source_id"], name="structure_unique_in_its_source"),
        ]
        indexes = [
            models.Index(fields=["kind", "name"], name="structure_by_kind"),
            GinIndex(OpClass(Plain("name"), name="gin_trgm_ops"), name="structure_name_trigrams"),
        ]

    def __str__(self) -> str:
        return self.short_name or self.name
