"""What a person needs, and the prescripteur's first reading of it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import models, transaction
from django.db.models import Case, Exists, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce

from accounts.fields import FreeCharField, FreeTextField
from referrals.models.event import Actor, Event, EventKind
from referrals.models.person import FOLLOW_THE_MERGE, Person
from referrals.states import OPEN, UNMET_BY_REASON, State, UnmetReason
from structures.models import Structure
from structures.vocabulary import NeedTheme

FIRST, ORDINARY = 1, 2
"""Priorities of a need: starred, or not."""


class PrediagnosisManager(models.Manager["Prediagnosis"]):
    """Records first readings."""

    def record(
        self,
        person: Person,
        themes: Mapping[str, int],
        actor: Actor,
        now: dt.datetime,
        *,
        note: str = "",
        obstacles: Mapping[str, str] | None = None,
    ) -> Prediagnosis:
        """Write one reading with its needs (`themes`: theme → priority, 1 first); an open need is not doubled."""
        if actor.structure is None:
            raise ValueError("a pre-diagnosis is recorded by a structure")
        with transaction.atomic():
            reading = self.create(
                person=person, structure=actor.structure, author=actor.user, note=note, created_at=now
            )
            held = set(person.needs.filter(closed_at__isnull=True).values_list("theme", flat=True))
            Need.objects.bulk_create(
                Need(
                    person=person,
                    prediagnosis=reading,
                    structure=actor.structure,
                    theme=theme,
                    priority=priority,
                    obstacle=(obstacles or {}).get(theme, ""),
                    created_at=now,
                )
                for theme, priority in themes.items()
                if theme not in held
            )
            Event.objects.log(EventKind.NEEDS_RECORDED, actor, now, person=person, data={"themes": sorted(themes)})
        return reading


class Prediagnosis(models.Model):
    """A prescripteur's reading of a person's needs, on one day."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(Person, models.CASCADE, related_name="prediagnoses", verbose_name="personne")
    structure = models.ForeignKey(Structure, models.PROTECT, related_name="+", verbose_name="structure")
    author = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="auteur"
    )
    note = FreeTextField("note", blank=True)
    created_at = models.DateTimeField("fait le")

    objects = PrediagnosisManager()

    class Meta:
        verbose_name = "pré-diagnostic"
        verbose_name_plural = "pré-diagnostics"
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["person", "-created_at"], name="prediagnosis_by_person")]
        triggers = [FOLLOW_THE_MERGE]

    def __str__(self) -> str:
        return f"Pré-diagnostic du {self.created_at:%d/%m/%Y}"


class NeedQuerySet(models.QuerySet["Need"]):
    """Questions about many needs."""

    def of_standing_files(self) -> NeedQuerySet:
        """All but the needs that a merge found noted twice: those stay with the file that was merged away."""
        return self.filter(person__merged_into=None)

    def open(self) -> NeedQuerySet:
        """Needs that nobody has closed yet."""
        return self.filter(closed_at__isnull=True)

    def with_outcome(self) -> NeedQuerySet:
        """Annotate `outcome`: answered, running, unmet or untried, and `unmet_reason` when unmet.

        A need is *unmet* when no fiche for it is running or led to an entry, and either the last one closed for a
        reason that speaks of the offer (no place, zone, criteria, timetable, cost, no answer), or no action matched
        when it was recorded. It is derived: nobody ever types it in.
        """
        through = Need.referrals.through.objects.filter(need_id=OuterRef("pk"))
        last_closed: Any = (
            through.filter(
                Q(referral__reason__in=[reason.value for reason in UNMET_BY_REASON]) | Q(referral__state=State.EXPIRED)
            )
            .annotate(
                blames=Case(
                    *[
                        When(referral__reason=reason, then=Value(unmet.value))
                        for reason, unmet in UNMET_BY_REASON.items()
                    ],
                    default=Value(UnmetReason.NO_ANSWER.value),
                    output_field=models.CharField(),
                )
            )
            .order_by("-referral__closed_at", "-referral_id")
        )
        # The expressions below are copied wherever their name is used: a subquery used twice is run twice.
        return self.annotate(  # type: ignore[no-redef] # what is added is declared on Need, for those who read it
            answered=Exists(through.filter(referral__state__in=[State.ENTERED, State.ENDED])),
            running=Exists(through.filter(referral__state__in=OPEN)),
            offer_fault=Coalesce(Subquery(last_closed.values("blames")[:1]), "unmatched_reason"),
        ).annotate(
            unmet_reason=Case(
                When(Q(answered=True) | Q(running=True), then=Value("")),
                default=models.F("offer_fault"),
                output_field=models.CharField(),
            ),
            outcome=Case(
                When(answered=True, then=Value("answered")),
                When(running=True, then=Value("running")),
                When(offer_fault__gt="", then=Value("unmet")),
                default=Value("untried"),
                output_field=models.CharField(),
            ),
        )

    def unmet(self) -> NeedQuerySet:
        """Open needs that found no place."""
        return self.open().with_outcome().filter(Q(answered=False, running=False, offer_fault__gt=""))

    def themes(self) -> list[str]:
        """The distinct themes, in one query."""
        return self.aggregate(found=ArrayAgg("theme", distinct=True, default=[]))["found"]


class Need(models.Model):
    """One need of a person, with its priority (1 first) and what stands in the way."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(Person, models.CASCADE, related_name="needs", verbose_name="personne")
    prediagnosis = models.ForeignKey(Prediagnosis, models.CASCADE, related_name="needs", verbose_name="pré-diagnostic")
    structure = models.ForeignKey(Structure, models.PROTECT, related_name="+", verbose_name="noté par")
    theme = models.CharField("besoin", max_length=20, choices=NeedTheme)
    priority = models.PositiveSmallIntegerField("priorité", default=2)
    obstacle = FreeCharField("frein", max_length=200, blank=True)
    unmatched_reason = models.CharField(
        "pourquoi aucune action ne convenait", max_length=12, choices=UnmetReason, blank=True
    )
    created_at = models.DateTimeField("noté le")
    closed_at = models.DateTimeField("clos le", null=True, blank=True)

    objects = NeedQuerySet.as_manager()

    # What `with_outcome()` adds to a row.
    outcome: str
    unmet_reason: str | None

    class Meta:
        verbose_name = "besoin"
        ordering = ["priority", "theme", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(priority__range=(1, 3)), name="need_priority_1_to_3"),
            models.UniqueConstraint(
                fields=["person", "theme"],
                condition=Q(closed_at__isnull=True),
                name="need_open_once_per_theme",
            ),
        ]
        indexes = [models.Index(fields=["theme", "created_at"], name="need_by_theme")]
        triggers = [FOLLOW_THE_MERGE]

    def __str__(self) -> str:
        return self.get_theme_display()

    def close(self, actor: Actor, now: dt.datetime) -> None:
        """Mark the need as no longer standing; it stays in the history. Closing twice changes nothing."""
        with transaction.atomic():
            if Need.objects.filter(pk=self.pk, closed_at__isnull=True).update(closed_at=now):
                self.closed_at = now
                Event.objects.log(EventKind.NEED_CLOSED, actor, now, person=self.person, data={"theme": self.theme})

    def note_match(self, unmatched_reason: str) -> None:
        """Keep what the matching found on the day: empty when an action fits, else why none does."""
        if self.unmatched_reason != unmatched_reason:
            self.unmatched_reason = unmatched_reason
            self.save(update_fields=["unmatched_reason"])
