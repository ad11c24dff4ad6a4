"""The communes, each with a point: how far an action is, and in which intercommunalité one lives."""

from __future__ import annotations

import re

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Exists, F, OuterRef

from structures.text import Plain, plain

WITH_DEPARTMENT = re.compile(r"(.*?)\s*\(\s*(\d\d|2[ab]|9[78]\d)\s*\)\s*", re.IGNORECASE | re.DOTALL)
"""A name followed by its département, which tells it from its namesakes: « Saint-Aubin (39) »."""
POSTAL_CODE = re.compile(r"[0-9]{5}")


def _written(name: str) -> str:
    """A regular expression of a plain name, whatever stands between its words; nothing of it is left to be escaped."""
    return "^" + "[^a-z0-9]+".join(re.findall("[a-z0-9]+", plain(name)))


class CommuneQuerySet(models.QuerySet["Commune", "Commune"]):
    """Questions about many communes."""

    def largest_first(self) -> CommuneQuerySet:
        """In the order in which they are offered."""
        return self.order_by(F("population").desc(nulls_last=True), "name", "code")

    def meant_by(self, typed: str) -> CommuneQuerySet:
        """The communes that a writing may mean: a name (with its département or not), a postal or an INSEE code."""
        typed = typed.strip()
        if POSTAL_CODE.fullmatch(typed):
            return self.filter(models.Q(postal_codes__contains=[typed]) | models.Q(code=typed)).largest_first()
        told = WITH_DEPARTMENT.fullmatch(typed)
        name, department = (told[1], told[2].upper()) if told else (typed, "")
        rows = self.alias(plain_name=Plain("name")).filter(code__startswith=department)
        pattern = f"{_written(name)}[^a-z0-9]*$"
        return rows.filter(models.Q(plain_name__regex=pattern) | models.Q(code=typed.upper())).largest_first()

    def beginning(self, typed: str) -> CommuneQuerySet:
        """The communes that one may be typing: by the beginning of a name, or a postal code.

        Annotates `has_namesake`: whether another commune is written alike.
        """
        typed = typed.strip()
        rows = self.alias(plain_name=Plain("name"))
        if POSTAL_CODE.fullmatch(typed):
            rows = rows.filter(postal_codes__contains=[typed])
        else:
            # A mark that is no letter begins no name.
            rows = rows.filter(plain_name__regex=_written(typed)) if _written(typed) != "^" else rows.none()
        return rows.with_namesakes().largest_first()

    def with_namesakes(self) -> CommuneQuerySet:
        """Annotates `has_namesake`: whether another commune is written alike."""
        others = Commune.objects.alias(plain_name=Plain("name")).exclude(code=OuterRef("code"))
        alike = others.filter(plain_name=Plain(OuterRef("name")))
        return self.annotate(has_namesake=Exists(alike))


class Commune(models.Model):
    """A commune of the Code officiel géographique and the point from which distances to it are counted.

    The point is its centre, in degrees (WGS 84). A catalogue brings the communes of its territory
    (`load_catalogue`), `load_communes` those of the whole country.
    """

    code = models.CharField("code (INSEE)", max_length=5, primary_key=True)
    name = models.CharField("nom", max_length=80)
    epci = models.CharField("intercommunalité (SIREN)", max_length=9, blank=True)
    latitude = models.FloatField("latitude")
    longitude = models.FloatField("longitude")
    population = models.PositiveIntegerField("population", null=True, blank=True)
    postal_codes = ArrayField(models.CharField(max_length=5), verbose_name="codes postaux", default=list, blank=True)

    objects = CommuneQuerySet.as_manager()

    class Meta:
        verbose_name = "commune"
        ordering = ["name", "code"]
        constraints = [
            models.CheckConstraint(condition=models.Q(latitude__range=(-90, 90)), name="commune_latitude_in_degrees"),
            models.CheckConstraint(
                condition=models.Q(longitude__range=(-180, 180)), name="commune_longitude_in_degrees"
            ),
        ]
        indexes = [
            models.Index(Plain("name"), "code", name="commune_by_plain_name"),
            GinIndex(fields=["postal_codes"], name="commune_by_postal_code"),
        ]

    def __str__(self) -> str:
        return self.name
