"""Attendance: who was there, half-day by half-day. The hours and the share of a bilan are summed from it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db import models, transaction
from django.db.models import Count, Q
from django.utils import timezone

from referrals.models.event import Actor, Event, EventKind
from referrals.models.referral import Referral
from referrals.states import State
from structures.models import Action
from structures.vocabulary import HalfDay

ATTENDING = (State.ACCEPTED, State.ENTERED, State.ENDED)
"""The fiches whose person may stand on a sheet: expected, there, or there until they left."""


class Half(models.TextChoices):
    """Half of a day."""

    MORNING = "am", "matin"
    AFTERNOON = "pm", "après-midi"


class Presence(models.TextChoices):
    """What a sheet says of one person for one half-day."""

    PRESENT = "present", "Présent"
    EXCUSED = "excused", "Excusé"
    ABSENT = "absent", "Absent"


@dataclass(frozen=True)
class Attended:
    """What a person's half-days add up to: the hours of one, and how many were attended, excused and missed."""

    half_day_hours: Decimal = Decimal(0)
    present: int = 0
    excused: int = 0
    absent: int = 0

    @property
    def noted(self) -> int:
        """The half-days of which something is known."""
        return self.present + self.excused + self.absent

    @property
    def hours(self) -> int:
        """The hours attended, to the nearest one."""
        return int((self.present * self.half_day_hours).to_integral_value())

    @property
    def rate(self) -> int | None:
        """The share of the noted half-days that were attended, in percent; an excused absence is an absence.

        `None` when nothing was noted.
        """
        return round(100 * self.present / self.noted) if self.noted else None


def half_day_hours_of(referral: Referral) -> Decimal:
    """The hours that one half-day counts for: those of the session, else of the action."""
    own = referral.session.half_day_hours if referral.session is not None else None
    return own if own is not None else referral.action.hours_per_half_day


class AttendanceQuerySet(models.QuerySet["Attendance", "Attendance"]):
    """Questions about many half-days, and the way they are written."""

    def mark(
        self, on: dt.date, half: Half | str, marks: Mapping[Referral, str], actor: Actor, now: dt.datetime
    ) -> None:
        """Write what is known of one half-day for some fiches, in one transaction; an empty mark takes it back.

        Others may write the same sheet at once: only the fiches given are touched, and the last word stands. What
        changes is journalled, as codes. Raises
        `ValueError` for an unknown half or mark, a day to come, and a day on which the person was not expected.
        """
        half = Half(half)
        kept = {referral: Presence(mark) for referral, mark in marks.items() if mark}
        for referral in kept:
            if on > timezone.localdate(now) or not expected_on(referral, on):
                raise ValueError(f"nobody is expected on {on}")
        with transaction.atomic():
            rows = self.filter(referral__in=list(marks), on=on, half=half).order_by()
            before = dict(rows.values_list("referral", "mark"))
            said = {referral: kept[referral].value if referral in kept else "" for referral in marks}
            changed = [
                (referral, {"on": on.isoformat(), "half": half.value, "mark": mark})
                for referral, mark in said.items()
                if mark != before.get(referral.pk, "")
            ]
            Event.objects.log_each(EventKind.ATTENDED, actor, now, changed)
            removed = [referral for referral in marks if referral not in kept]
            self.filter(referral__in=removed, on=on, half=half).delete()
            Attendance.objects.bulk_create(
                [
                    Attendance(referral=referral, on=on, half=half, mark=mark, author=actor.user, noted_at=now)
                    for referral, mark in sorted(kept.items(), key=lambda pair: str(pair[0].pk))
                ],
                update_conflicts=True,
                unique_fields=["referral", "on", "half"],
                update_fields=["mark", "author", "noted_at"],
            )

    def sums(self, referrals: Iterable[Referral]) -> dict[UUID, Attended]:
        """What the half-days of each fiche add up to, by the fiche's identifier. In one query."""
        rows = list(referrals)
        counted = (
            self.filter(referral__in=rows)
            .order_by()
            .values_list("referral")
            .annotate(**{mark.value: Count("pk", filter=Q(mark=mark)) for mark in Presence})
        )
        found = {pk: counts for pk, *counts in counted}
        return {row.pk: Attended(half_day_hours_of(row), *found.get(row.pk, ())) for row in rows}


def half_days(action: Action, day: dt.date) -> list[Half]:
    """The halves of a day on which an action takes place: both, where its timetable is not known."""
    if not action.timetable:
        return list(Half)
    found = [code.split("_") for code in HalfDay.values if code in action.timetable]
    return [Half(half) for weekday, half in found if WEEKDAYS.index(weekday) == day.weekday()]


WEEKDAYS = tuple(dict.fromkeys(code.split("_")[0] for code in HalfDay.values))
"""The days of a timetable's codes, from Monday."""


def expected_on(referral: Referral, day: dt.date) -> bool:
    """Whether the person of a fiche may have been there on a day: neither before the entry nor after the end."""
    if referral.state not in ATTENDING:
        return False
    start = referral.entered_on or (referral.session.starts_on if referral.session is not None else None)
    if start is not None and day < start:
        return False
    return referral.closed_at is None or day <= timezone.localdate(referral.closed_at)


class Attendance(models.Model):
    """One half-day of one person in an action."""

    referral = models.ForeignKey(Referral, models.CASCADE, related_name="attendances", verbose_name="fiche")
    on = models.DateField("jour")
    half = models.CharField("demi-journée", max_length=2, choices=Half)
    mark = models.CharField("présence", max_length=7, choices=Presence)
    author = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="notée par"
    )
    noted_at = models.DateTimeField("notée le")

    objects = AttendanceQuerySet.as_manager()

    class Meta:
        verbose_name = "présence"
        ordering = ["on", "half", "id"]
        constraints = [
            # It begins with the fiche and the day: it also serves the sums of a fiche.
            models.UniqueConstraint(fields=["referral", "on", "half"], name="attendance_once_per_half_day"),
            models.CheckConstraint(condition=Q(half__in=Half.values), name="attendance_half_is_known"),
            models.CheckConstraint(condition=Q(mark__in=Presence.values), name="attendance_mark_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.on:%d/%m/%Y}, {self.get_half_display()} : {self.get_mark_display()}"
