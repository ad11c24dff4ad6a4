"""The commission de suivi: its agenda of situations that stand still, what was decided of each, and who does what."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models, transaction
from django.db.models import F, Q

from accounts.fields import FreeCharField, FreeTextField
from referrals.models.event import Actor, Event, EventKind
from referrals.models.referral import Referral
from referrals.models.reread import reread
from referrals.states import State
from structures.models import Structure
from structures.vocabulary import NeedTheme


class CommissionState(models.TextChoices):
    """The agenda follows the fiches until the meeting begins; the minutes no longer change once they are closed."""

    PREPARED = "prepared", "À venir"
    HELD = "held", "En séance"
    CLOSED = "closed", "Compte rendu arrêté"


class ItemKind(models.TextChoices):
    """Why a situation stands on the agenda, in the order of the agenda."""

    UNANSWERED = "unanswered", "Fiches sans réponse"
    WAITING = "waiting", "Attente trop longue"
    NOT_ENTERED = "not_entered", "Acceptées, entrée jamais confirmée"
    BILAN_OVERDUE = "bilan_overdue", "Bilans en retard"
    NOT_CHAINED = "not_chained", "Bilans sans suite"
    NOT_REDIRECTED = "not_redirected", "Closes sans autre orientation"
    FOLLOWUP = "followup", "Suivis à six mois sans réponse"
    UNMET = "unmet", "Besoins non couverts"


@dataclass(frozen=True)
class Situation:
    """What the agenda found: a fiche that stands still since a day, or a theme for which people wait.

    `figures` holds, for a theme, sizes of groups rounded down: `at_least`, and `quartiers` by code.
    """

    kind: ItemKind
    referral: Referral | None = None
    since: dt.date | None = None
    theme: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


class CommissionQuerySet(models.QuerySet["Commission"]):
    """Questions about many commissions, and the preparation of a new one."""

    def prepare(
        self,
        actor: Actor,
        now: dt.datetime,
        *,
        on: dt.date,
        participants: Collection[Structure],
        situations: Iterable[Situation],
    ) -> Commission | None:
        """Convene the commission of the actor's structure on a day, with its agenda; `None` when one is that day.

        Raises `ValueError` when the actor has no structure.
        """
        if actor.structure is None:
            raise ValueError("a commission is convened by a structure")
        with transaction.atomic():
            commission, created = self.get_or_create(
                structure=actor.structure, on=on, defaults={"created_at": now, "refreshed_at": now}
            )
            if not created:
                return None
            commission.participants.set(participants)
            CommissionItem.objects.fill(commission, situations)
            Event.objects.log(EventKind.COMMISSION_PREPARED, actor, now, data={"commission": str(commission.pk)})
        return commission


class Commission(models.Model):
    """One meeting of a coordinating structure with its partners. It holds no name: each reader's door gives those."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    structure = models.ForeignKey(Structure, models.PROTECT, related_name="commissions", verbose_name="coordination")
    on = models.DateField("date")
    state = models.CharField("état", max_length=8, choices=CommissionState, default=CommissionState.PREPARED)
    participants = models.ManyToManyField(
        Structure, blank=True, related_name="commissions_joined", verbose_name="structures participantes"
    )
    created_at = models.DateTimeField("préparée le")
    refreshed_at = models.DateTimeField("ordre du jour établi le")
    held_at = models.DateTimeField("ouverte le", null=True, blank=True)
    closed_at = models.DateTimeField("arrêtée le", null=True, blank=True)

    objects = CommissionQuerySet.as_manager()

    class Meta:
        verbose_name = "commission de suivi"
        verbose_name_plural = "commissions de suivi"
        ordering = ["-on", "id"]
        constraints = [
            models.UniqueConstraint(fields=["structure", "on"], name="commission_once_a_day"),
            models.CheckConstraint(
                condition=Q(state=CommissionState.PREPARED, held_at=None, closed_at=None)
                | Q(state=CommissionState.HELD, held_at__isnull=False, closed_at=None)
                | Q(state=CommissionState.CLOSED, held_at__isnull=False, closed_at__gte=F("held_at")),
                name="commission_dated_as_its_state_says",
            ),
        ]

    def __str__(self) -> str:
        return f"Commission du {self.on:%d/%m/%Y}"

    def stands_in(self, *states: CommissionState) -> bool:
        """Whether the commission is in one of these states, where it stays until the caller's transaction ends."""
        rows = Commission.objects.select_for_update().filter(pk=self.pk, state__in=states)
        return rows.order_by("pk").values_list("pk", flat=True).first() is not None

    def plan(self, *, on: dt.date, participants: Collection[Structure]) -> bool:
        """Change the day and the participants; `False`, and nothing written, once the minutes are closed."""
        with transaction.atomic():
            if not self.stands_in(CommissionState.PREPARED, CommissionState.HELD):
                return False
            Commission.objects.filter(pk=self.pk).update(on=on)
            self.participants.set(participants)
        reread(self)
        return True

    def refresh(self, situations: Iterable[Situation], now: dt.datetime) -> bool:
        """Write the agenda anew; `False`, and nothing written, once the meeting has begun."""
        with transaction.atomic():
            if not self.stands_in(CommissionState.PREPARED):
                return False
            self.items.all().delete()
            CommissionItem.objects.fill(self, situations)
            Commission.objects.filter(pk=self.pk).update(refreshed_at=now)
        reread(self)
        return True

    def hold(self, actor: Actor, now: dt.datetime) -> bool:
        """Begin the meeting: the agenda stands, decisions can be noted. `False` when it had begun."""
        return self._move(
            CommissionState.PREPARED, EventKind.COMMISSION_HELD, actor, now, state=CommissionState.HELD, held_at=now
        )

    def close(self, actor: Actor, now: dt.datetime) -> bool:
        """Close the minutes: decisions no longer change, tasks go on. `False` unless the meeting was on."""
        return self._move(
            CommissionState.HELD, EventKind.COMMISSION_CLOSED, actor, now, state=CommissionState.CLOSED, closed_at=now
        )

    def _move(self, source: CommissionState, kind: EventKind, actor: Actor, now: dt.datetime, **values: Any) -> bool:
        with transaction.atomic():
            if not Commission.objects.filter(pk=self.pk, state=source).update(**values):
                return False
            Event.objects.log(kind, actor, now, data={"commission": str(self.pk)})
        reread(self)
        return True


class CommissionItemQuerySet(models.QuerySet["CommissionItem"]):
    """Questions about many situations, and the writing of an agenda."""

    def fill(self, commission: Commission, situations: Iterable[Situation]) -> None:
        """Write the situations of an agenda, in their order."""
        CommissionItem.objects.bulk_create(
            CommissionItem(
                commission=commission,
                kind=found.kind,
                referral=found.referral,
                theme=found.theme,
                since=found.since,
                step=found.referral.state if found.referral is not None else "",
                figures=dict(found.figures),
                position=position,
            )
            for position, found in enumerate(situations, start=1)
        )

    def with_everything(self) -> CommissionItemQuerySet:
        """What a page shows of each situation, without a query per row."""
        return self.select_related(
            "decided_by", "referral__person", "referral__action", "referral__sender", "referral__receiver"
        ).prefetch_related(models.Prefetch("tasks", CommissionTask.objects.select_related("structure", "done_by")))


class CommissionItem(models.Model):
    """One situation of the agenda as it stood: `step` and `since` do not follow the fiche once the meeting began.

    `version` grows with each decision noted: two people who write at once never overwrite each other.
    """

    # Random: the order of a row in the agenda would tell why it stands there.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    commission = models.ForeignKey(Commission, models.CASCADE, related_name="items", verbose_name="commission")
    kind = models.CharField("motif", max_length=14, choices=ItemKind)
    referral = models.ForeignKey(
        Referral, models.CASCADE, null=True, blank=True, related_name="+", verbose_name="fiche"
    )
    theme = models.CharField("besoin", max_length=20, choices=NeedTheme, blank=True)
    since = models.DateField("depuis le", null=True, blank=True)
    step = models.CharField("étape", max_length=10, choices=State, blank=True)
    figures = models.JSONField("nombres", default=dict, blank=True)
    position = models.PositiveSmallIntegerField("rang")
    version = models.PositiveIntegerField("version", default=0)
    decision = FreeTextField("décision", blank=True)
    decided_at = models.DateTimeField("décidé le", null=True, blank=True)
    decided_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="noté par"
    )

    objects = CommissionItemQuerySet.as_manager()

    class Meta:
        verbose_name = "situation"
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=ItemKind.UNMET, referral=None, since=None, figures__at_least__gte=5) & ~Q(theme="")
                | ~Q(kind=ItemKind.UNMET) & Q(theme="", referral__isnull=False, since__isnull=False),
                name="item_is_a_fiche_or_a_need_of_five_people",
            ),
            models.CheckConstraint(
                condition=Q(decision="") | Q(decided_at__isnull=False), name="item_decided_on_a_date"
            ),
            models.UniqueConstraint(fields=["commission", "kind", "referral"], name="item_once_per_fiche_and_reason"),
            models.UniqueConstraint(fields=["commission", "theme"], condition=~Q(theme=""), name="item_once_per_theme"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.position})"

    def decide(self, decision: str, actor: Actor, now: dt.datetime, *, seen: int) -> bool:
        """Note what is decided, from the version that the page showed.

        `False`, and nothing written, when somebody noted something since, or outside the meeting. The journal has one
        line for each situation that was decided, whatever was corrected in it afterwards.
        """
        with transaction.atomic():
            if not self.commission.stands_in(CommissionState.HELD):
                return False
            values = {"decision": decision, "decided_at": now, "decided_by": actor.user, "version": F("version") + 1}
            first = self.decided_at is None
            if not CommissionItem.objects.filter(pk=self.pk, version=seen).update(**values):
                return False
            if first:
                data = {"commission": str(self.commission_id), "kind": self.kind}
                Event.objects.log(EventKind.DECIDED, actor, now, referral=self.referral, data=data)
        reread(self, "decided_by")
        return True

    def give(
        self, structure: Structure, actor: Actor, now: dt.datetime, *, what: str, due_on: dt.date
    ) -> CommissionTask | None:
        """Give a structure something to do by a day; `None`, and nothing written, outside the meeting."""
        with transaction.atomic():
            if not self.commission.stands_in(CommissionState.HELD):
                return None
            task = self.tasks.create(structure=structure, what=what, due_on=due_on, created_at=now)
            data = {"commission": str(self.commission_id), "task": task.pk, "due": due_on.isoformat()}
            Event.objects.log(EventKind.TASK_GIVEN, actor, now, referral=self.referral, data=data)
        return task


class CommissionTaskQuerySet(models.QuerySet["CommissionTask"]):
    """Questions about many tasks."""

    def open(self) -> CommissionTaskQuerySet:
        """Those that are still to be done."""
        return self.filter(done_at=None)


class CommissionTask(models.Model):
    """What a structure is to do after a commission, until one of its members ticks it."""

    item = models.ForeignKey(CommissionItem, models.CASCADE, related_name="tasks", verbose_name="situation")
    structure = models.ForeignKey(
        Structure, models.PROTECT, related_name="commission_tasks", verbose_name="structure chargée"
    )
    what = FreeCharField("à faire", max_length=200)
    due_on = models.DateField("pour le")
    created_at = models.DateTimeField("confiée le")
    done_at = models.DateTimeField("faite le", null=True, blank=True)
    done_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="faite par"
    )

    objects = CommissionTaskQuerySet.as_manager()

    class Meta:
        verbose_name = "tâche"
        ordering = ["due_on", "id"]
        constraints = [
            models.CheckConstraint(condition=~Q(what=""), name="task_says_what"),
        ]
        indexes = [
            models.Index(fields=["structure", "due_on", "id"], condition=Q(done_at=None), name="task_to_do"),
        ]

    def __str__(self) -> str:
        return self.what

    def tick(self, actor: Actor, now: dt.datetime) -> bool:
        """It is done; `False` when somebody had ticked it."""
        return self._mark(EventKind.TASK_DONE, actor, now, was_done=False, done_at=now, done_by=actor.user)

    def untick(self, actor: Actor, now: dt.datetime) -> bool:
        """It was ticked by mistake; `False` when it was not."""
        return self._mark(EventKind.TASK_UNDONE, actor, now, was_done=True, done_at=None, done_by=None)

    def _mark(self, kind: EventKind, actor: Actor, now: dt.datetime, *, was_done: bool, **values: Any) -> bool:
        with transaction.atomic():
            if not CommissionTask.objects.filter(pk=self.pk, done_at__isnull=not was_done).update(**values):
                return False
            data = {"commission": str(self.item.commission_id), "task": self.pk}
            Event.objects.log(kind, actor, now, referral=self.item.referral, data=data)
        reread(self, "done_by")
        return True
