"""The bilan collectif of a session: counted from the individual rows, with a comment, read once it is published."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db import models, transaction
from django.db.models import Prefetch, Q

from accounts.fields import FreeTextField
from referrals.models.attendance import Attendance
from referrals.models.bilan import Bilan
from referrals.models.event import Actor, Event, EventKind
from referrals.models.referral import Referral
from referrals.models.reminder import Reminder, ReminderKind
from referrals.models.reread import reread
from structures.models import Session
from structures.scales import AXES


class ReportState(models.TextChoices):
    """A draft is its structure's; once published, a report no longer changes."""

    DRAFT = "draft", "Brouillon"
    PUBLISHED = "published", "Publié"


class SessionReportQuerySet(models.QuerySet["SessionReport"]):
    """Questions about many reports."""

    def published(self) -> SessionReportQuerySet:
        """Those that prescripteurs and funders can read."""
        return self.filter(state=ReportState.PUBLISHED)

    def write(self, session: Session, comment: str, actor: Actor, now: dt.datetime) -> bool:
        """Save the comment, in the report's draft if there is one; `False`, and nothing written, once published."""
        with transaction.atomic():
            row, created = self.get_or_create(
                session=session, defaults={"comment": comment, "author": actor.user, "created_at": now}
            )
            if created:
                return True
            drafts = self.filter(pk=row.pk, state=ReportState.DRAFT)
            return bool(drafts.update(comment=comment, author=actor.user))


def participants(session: Session) -> list[Referral]:
    """The fiches of those who entered the session, one per person (the last), with what they are counted from."""
    returned = Bilan.objects.returned().order_by("on", "created_at", "id")
    rows = (
        Referral.objects.filter(session=session, entered_on__isnull=False)
        .select_related("session", "action", "person", "sender", "exit")
        .prefetch_related(Prefetch("bilans", returned, to_attr="bilans_returned"))
        .order_by("entered_on", "created_at", "id")
    )
    return list({row.person_id: row for row in rows}.values())


def count(session: Session) -> dict[str, Any]:
    """The figures of a session, by code: plain numbers of persons, that JSON can hold. No name stands in them.

    Progress, obstacles and certificates come from the last bilan that was returned for each participant.
    """
    rows = participants(session)
    sums = Attendance.objects.sums(rows).values()
    held = Attendance.objects.filter(referral__in=rows).order_by().values("on", "half").distinct().count()
    returned: list[list[Bilan]] = [getattr(row, "bilans_returned") for row in rows]  # noqa: B009 (an annotation)
    last = [bilans[-1] for bilans in returned if bilans]
    present, noted = sum(one.present for one in sums), sum(one.noted for one in sums)
    return {
        "participants": len(rows),
        "senders": dict(Counter(str(row.sender_id) for row in rows)),
        "attendance": {
            "half_days": held,
            "hours": sum(one.hours for one in sums),
            "rate": round(100 * present / noted) if noted else None,
        },
        "bilans": len(last),
        "axes": _axes(last),
        "certificates": _certificates(last),
        "exits": dict(Counter(row.exit.exit_class for row in rows if hasattr(row, "exit"))),
        "obstacles": dict(Counter(theme for bilan in last for theme in set(bilan.obstacles_left))),
    }


def _axes(bilans: Iterable[Bilan]) -> dict[str, dict[str, int]]:
    """For each axis on which someone was placed at both ends: how many rose, stayed and fell."""
    found: dict[str, Counter[str]] = {}
    for bilan in bilans:
        for axis, before, after in bilan.progress:
            if before is not None and after is not None:
                way = "rose" if after > before else "fell" if after < before else "same"
                found.setdefault(axis, Counter())[way] += 1
    return {axis: dict(found[axis]) for axis in AXES if axis in found}


def _certificates(bilans: Iterable[Bilan]) -> dict[str, dict[str, int]]:
    """For each certificate, how many persons have each result; the best of those of one code counts for a person."""
    found: dict[str, Counter[str]] = {}
    for bilan in bilans:
        best: dict[str, str] = {}
        for entry in bilan.certificates:
            code, result = entry["certificate"], entry["result"]
            best[code] = min(best.get(code, result), result, key=RESULTS.index)
        for code, result in best.items():
            found.setdefault(code, Counter())[result] += 1
    return {code: dict(counts) for code, counts in found.items()}


RESULTS = ("obtained", "planned", "failed")
"""The results of a certificate, the best first."""


class SessionReport(models.Model):
    """The report of one session. `figures` (see `count`) are kept as they stood when it was published."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.OneToOneField(Session, models.CASCADE, related_name="report", verbose_name="session")
    state = models.CharField("état", max_length=9, choices=ReportState, default=ReportState.DRAFT)
    author = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="auteur"
    )
    comment = FreeTextField("ce qu’il faut retenir", blank=True)
    figures = models.JSONField("chiffres", null=True, blank=True)
    created_at = models.DateTimeField("commencé le")
    published_at = models.DateTimeField("publié le", null=True, blank=True)

    objects = SessionReportQuerySet.as_manager()

    class Meta:
        verbose_name = "bilan collectif"
        verbose_name_plural = "bilans collectifs"
        ordering = ["-published_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state=ReportState.DRAFT) | Q(published_at__isnull=False, figures__isnull=False),
                name="session_report_published_with_its_figures",
            ),
        ]
        indexes = [models.Index(fields=["-published_at", "id"], name="session_report_by_publication")]

    def __str__(self) -> str:
        return f"Bilan collectif · {self.session}"

    def publish(self, actor: Actor, now: dt.datetime) -> bool:
        """Publish the report with its figures of this moment; `False` when it was published already.

        The prescripteurs of its participants are told: one reminder for each structure, whoever follows them there.
        """
        with transaction.atomic():
            values = {"state": ReportState.PUBLISHED, "published_at": now, "figures": count(self.session)}
            if not SessionReport.objects.filter(pk=self.pk, state=ReportState.DRAFT).update(**values):
                return False
            reread(self)
            Event.objects.log(EventKind.REPORT_PUBLISHED, actor, now, data={"session": self.session_id})
            others = {row.sender_id: row for row in participants(self.session) if row.sender_id != row.receiver_id}
            for row in others.values():
                Reminder.objects.plan(row, now, (ReminderKind.REPORT_PUBLISHED, now))
        return True
