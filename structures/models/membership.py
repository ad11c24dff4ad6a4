"""Who works where, as what, and who stands in for whom."""

from __future__ import annotations

import datetime as dt

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from structures.models.structure import Structure
from structures.vocabulary import Pace, Role


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Questions about many memberships."""

    def at_work(self) -> MembershipQuerySet:
        """Active memberships of active users."""
        return self.filter(is_active=True, user__is_active=True)

    def absent_on(self, day: dt.date) -> MembershipQuerySet:
        """Those who are away on a day."""
        return self.filter(absent_from__lte=day, absent_until__gte=day)

    def by_name(self) -> MembershipQuerySet:
        """With their users, in the order of the names."""
        return self.select_related("user").order_by("user__last_name", "user__first_name", "id")


class Membership(models.Model):
    """A user's place in a structure. One user may belong to several, and hold several roles in each.

    While they are away (`absent_from` to `absent_until`, both included), `covered_by` reads their letters and queues;
    why they are away is written nowhere.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships", verbose_name="membre"
    )
    structure = models.ForeignKey(Structure, models.CASCADE, related_name="memberships", verbose_name="structure")
    roles = ArrayField(models.CharField(max_length=12, choices=Role), verbose_name="rôles")
    is_active = models.BooleanField("actif", default=True)
    created_at = models.DateTimeField("créé le", auto_now_add=True)
    absent_from = models.DateField("absent(e) du", null=True, blank=True)
    absent_until = models.DateField("absent(e) jusqu’au", null=True, blank=True)
    covered_by = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="covers", verbose_name="remplacé(e) par"
    )

    letters = models.CharField("lettres reçues", max_length=9, choices=Pace, default=Pace.IMMEDIATE)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = "appartenance"
        verbose_name_plural = "appartenances"
        ordering = ["structure__name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "structure"], name="membership_once_per_structure"),
            models.CheckConstraint(
                condition=Q(roles__contained_by=Role.values) & Q(roles__len__gt=0),
                name="membership_has_known_roles",
            ),
            models.CheckConstraint(
                condition=Q(absent_from__isnull=True, absent_until__isnull=True)
                | Q(absent_from__isnull=False, absent_until__isnull=False, absent_until__gte=models.F("absent_from")),
                name="membership_comes_back_after_leaving",
            ),
            models.CheckConstraint(
                condition=Q(covered_by__isnull=True) | (Q(absent_from__isnull=False) & ~Q(covered_by=models.F("id"))),
                name="membership_is_covered_by_another_while_absent",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="cover_works_in_the_same_structure",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("covered_by_id", "structure_id"),
                condition=pgtrigger.Condition("NEW.covered_by_id IS NOT NULL"),
                func="""
                    IF NOT EXISTS (SELECT FROM structures_membership m
                                    WHERE m.id = NEW.covered_by_id AND m.structure_id = NEW.structure_id) THEN
                        RAISE EXCEPTION 'the cover works in another structure' USING ERRCODE = 'check_violation',
                            CONSTRAINT = 'membership_is_covered_in_its_structure';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.structure}"

    def is_absent(self, on: dt.date) -> bool:
        """Whether they are away on a day."""
        return (
            self.absent_from is not None
            and self.absent_until is not None
            and (self.absent_from <= on <= self.absent_until)
        )

    def leave(self, absent_from: dt.date, absent_until: dt.date, covered_by: Membership | None) -> None:
        """Be away from one day to another, both included, with a colleague who stands in, or nobody."""
        self._write(absent_from=absent_from, absent_until=absent_until, covered_by=covered_by)

    def come_back(self) -> None:
        """No longer be away; twice changes nothing."""
        self._write(absent_from=None, absent_until=None, covered_by=None)

    def choose_letters(self, pace: Pace | str) -> None:
        """Get letters at once, once a day, or never."""
        self._write(letters=Pace(pace))

    def _write(self, **values: object) -> None:
        for name, value in values.items():
            setattr(self, name, value)
        self.save(update_fields=list(values))
