"""The communes, each with a point: how far an action is, and in which intercommunalité one lives."""

from __future__ import annotations

from django.db import models

from structures.text import Plain


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

    class Meta:
        verbose_name = "commune"
        ordering = ["name", "code"]
        constraints = [
            models.CheckConstraint(condition=models.Q(latitude__range=(-90, 90)), name="commune_latitude_in_degrees"),
            models.CheckConstraint(
                condition=models.Q(longitude__range=(-180, 180)), name="commune_longitude_in_degrees"
            ),
        ]
        indexes = [models.Index(Plain("name"), "code", name="commune_by_plain_name")]

    def __str__(self) -> str:
        return self.name
