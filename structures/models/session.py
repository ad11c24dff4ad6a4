"""Dated runs of an action."""

from __future__ import annotations

import datetime as dt

from django.db import models

from structures.models.action import Action


class SessionQuerySet(models.QuerySet["Session"]):
    """Questions about many sessions."""

    def current(self, day: dt.date) -> SessionQuerySet:
        """The sessions that run on `day` or start later, the first to start first."""
        running_or_coming = models.Q(starts_on__gte=day) | models.Q(ends_on__gte=day)
        return self.filter(running_or_coming).order_by("starts_on", "id")


class Session(models.Model):
    """A dated run of an action, with its places. `reserved` counts places that are not for fiches.

    `taken` counts the fiches that hold a place; the database keeps it, as their states change.
    """

    action = models.ForeignKey(Action, models.CASCADE, related_name="sessions", verbose_name="action")
    code = models.CharField("code", max_length=40)
    starts_on = models.DateField("début")
    ends_on = models.DateField("fin", null=True, blank=True)
    timetable = models.CharField("horaires", max_length=200, blank=True)
    place = models.CharField("lieu", max_length=200, blank=True)
    places = models.PositiveSmallIntegerField("places", null=True, blank=True)
    reserved = models.PositiveSmallIntegerField("places réservées", default=0)
    taken = models.PositiveSmallIntegerField("places prises par des fiches", default=0, editable=False)

    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = "session"
        ordering = ["starts_on", "id"]
        constraints = [
            models.UniqueConstraint(fields=["action", "code"], name="session_code_unique_in_its_action"),
            models.CheckConstraint(
                condition=models.Q(ends_on__isnull=True) | models.Q(ends_on__gte=models.F("starts_on")),
                name="session_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=models.Q(places__isnull=True) | models.Q(reserved__lte=models.F("places")),
                name="session_reserves_at_most_its_places",
            ),
        ]
        indexes = [models.Index(fields=["action", "starts_on"], name="session_by_start")]

    def __str__(self) -> str:
        return f"{self.action} · {self.code}"

    @property
    def places_left(self) -> int | None:
        """Places that a fiche could still take; `None` when the number of places is not known."""
        return None if self.places is None else max(self.places - self.reserved - self.taken, 0)
