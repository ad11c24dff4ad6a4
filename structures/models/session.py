"""Dated runs of an action."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction

from accounts.models import User
from structures.models.action import Action
from structures.models.change import ActionChange, ChangeKind
from structures.models.keeping import kept

TOLD = ("code", "starts_on", "ends_on", "timetable", "place", "places", "reserved", "half_day_hours")
"""What the history of an action keeps of a session."""
SHORTEST_HALF_DAY, LONGEST_HALF_DAY = Decimal("0.5"), Decimal(12)
"""Hours."""


class TooFewPlaces(ValueError):
    """Fiches hold more places of a session than its manager leaves. Carries how many."""

    def __init__(self, taken: int) -> None:
        super().__init__(f"{taken} places are taken by fiches")
        self.taken = taken


class SessionQuerySet(models.QuerySet["Session"]):
    """Questions about many sessions."""

    def current(self, day: dt.date) -> SessionQuerySet:
        """The sessions that run on `day` or start later, the first to start first."""
        running_or_coming = models.Q(starts_on__gte=day) | models.Q(ends_on__gte=day)
        return self.filter(running_or_coming).order_by("starts_on", "id")

    def over(self, day: dt.date) -> SessionQuerySet:
        """The sessions that ended before `day`, the last first."""
        ended = models.Q(ends_on__lt=day) | models.Q(ends_on__isnull=True, starts_on__lt=day)
        return self.filter(ended).order_by("-starts_on", "-id")


class Session(models.Model):
    """A dated run of an action, with its places. `reserved` counts places that are not for fiches.

    `taken` counts the fiches that hold a place; the database keeps it, as their states change, and refuses one too
    many.
    """

    action = models.ForeignKey(Action, models.CASCADE, related_name="sessions", verbose_name="action")
    code = models.CharField("code", max_length=40)
    starts_on = models.DateField("début")
    ends_on = models.DateField("fin", null=True, blank=True)
    timetable = models.CharField("horaires", max_length=200, blank=True)
    place = models.CharField("lieu", max_length=200, blank=True)
    places = models.PositiveSmallIntegerField("places", null=True, blank=True)
    reserved = models.PositiveSmallIntegerField("places réservées", default=0)
    half_day_hours = models.DecimalField(
        "heures par demi-journée",
        max_digits=3,
        decimal_places=1,
        null=True,
        blank=True,
        validators=[MinValueValidator(SHORTEST_HALF_DAY), MaxValueValidator(LONGEST_HALF_DAY)],
    )
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
            models.CheckConstraint(
                condition=models.Q(half_day_hours__isnull=True)
                | models.Q(half_day_hours__range=(SHORTEST_HALF_DAY, LONGEST_HALF_DAY)),
                name="session_half_day_lasts_up_to_12_hours",
            ),
        ]
        indexes = [models.Index(fields=["action", "starts_on"], name="session_by_start")]

    def __str__(self) -> str:
        return f"{self.action} · {self.code}"

    @property
    def held(self) -> int:
        """Places that are reserved, or taken by fiches."""
        return self.reserved + self.taken

    @property
    def places_left(self) -> int | None:
        """Places that a fiche could still take; `None` when the number of places is not known."""
        return None if self.places is None else max(self.places - self.held, 0)

    def check_places(self) -> None:
        """Raise `TooFewPlaces` when the places that fiches hold are no longer there."""
        if self.places is not None and self.taken and self.places < self.held:
            raise TooFewPlaces(self.taken)

    def add(self, user: User | None, now: dt.datetime) -> ActionChange:
        """Write a new session, with its line in the history of the action."""
        with transaction.atomic():
            self.save()
            return ActionChange.objects.log(self.action, ChangeKind.SESSION_ADDED, user, now, {}, self.told())

    def change(self, user: User | None, now: dt.datetime, **values: Any) -> ActionChange | None:
        """Change its dates, its place or its places; `None` when nothing changes.

        Raises `TooFewPlaces` when fiches hold more places than would be left for them.
        """
        with transaction.atomic():
            current = Session.objects.select_for_update(of=("self",)).select_related("action").get(pk=self.pk)
            before = current.told()
            for name, value in values.items():
                setattr(current, name, value)
            after = current.told()
            if before == after:
                return None
            # A session that was full before places were counted can still be given another timetable.
            if any(before[name] != after[name] for name in ("places", "reserved")):
                current.check_places()
            current.save(update_fields=list(values))
            return ActionChange.objects.log(current.action, ChangeKind.SESSION_CHANGED, user, now, before, after)

    def remove(self, user: User | None, now: dt.datetime) -> ActionChange:
        """Take it out of the action. The history keeps what brings it back."""
        with transaction.atomic():
            told = self.told()
            self.delete()
            return ActionChange.objects.log(self.action, ChangeKind.SESSION_REMOVED, user, now, told, {})

    def told(self) -> dict[str, Any]:
        """What the history keeps of it."""
        return kept(self, TOLD)
