"""The rules of reminders that structures set otherwise than usual: for themselves, or for one of their actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from referrals.models.reminder import ReminderKind
from referrals.policies import LONGEST_STOP, SPECS, USUAL, PolicyKind, Rule
from structures.models import Action, Structure

if TYPE_CHECKING:
    from referrals.models.referral import Referral

REMINDER_OF: Mapping[PolicyKind, ReminderKind] = {
    PolicyKind.ACKNOWLEDGEMENT: ReminderKind.ACKNOWLEDGED,
    PolicyKind.UNANSWERED: ReminderKind.UNANSWERED,
    PolicyKind.ESCALATION: ReminderKind.ESCALATED,
    PolicyKind.EXPIRY_NOTICE: ReminderKind.EXPIRY_NOTICE,
    PolicyKind.EXPIRY: ReminderKind.EXPIRY,
    PolicyKind.APPOINTMENT: ReminderKind.APPOINTMENT,
    PolicyKind.ENTRY: ReminderKind.ENTRY_TO_CONFIRM,
    PolicyKind.INTERIM_BILAN: ReminderKind.INTERIM_BILAN,
    PolicyKind.FINAL_BILAN: ReminderKind.BILAN_DUE,
    PolicyKind.EXIT: ReminderKind.EXIT_DUE,
    PolicyKind.CONSENT: ReminderKind.CONSENT_ENDING,
    PolicyKind.RETENTION: ReminderKind.RETENTION,
}
"""The reminders of a fiche that a rule plans. The other rules hold for what begins after them."""

POLICY_OF: Mapping[ReminderKind, PolicyKind] = {reminder: policy for policy, reminder in REMINDER_OF.items()}

IN_ORDER = """
IF EXISTS (SELECT FROM unnest(NEW.delays) WITH ORDINALITY a (delay, n)
             JOIN unnest(NEW.delays) WITH ORDINALITY b (delay, n) ON b.n = a.n + 1
            WHERE b.delay <= a.delay) THEN
    RAISE EXCEPTION 'the delays of a rule are in order and differ' USING ERRCODE = 'check_violation',
        CONSTRAINT = 'policy_delays_in_order';
END IF;
IF NEW.action_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM structures_action a WHERE a.id = NEW.action_id AND a.structure_id = NEW.structure_id
) THEN
    RAISE EXCEPTION 'the action belongs to another structure' USING ERRCODE = 'check_violation',
        CONSTRAINT = 'policy_of_an_action_of_its_structure';
END IF;
RETURN NEW;
"""


def _within_bounds() -> Q:
    """For each kind, as many delays as it takes, each within its bounds."""
    return Q(
        *[
            Q(
                kind=kind,
                delays__len__range=(min(spec.most, 1), spec.most),
                delays__contained_by=list(range(spec.low, spec.high + 1)),
            )
            if spec.most
            else Q(kind=kind, delays=[])
            for kind, spec in SPECS.items()
        ],
        _connector=Q.OR,
    )


class Rules:
    """What holds for one fiche, kind by kind."""

    def __init__(self, found: Mapping[PolicyKind, Rule]) -> None:
        self._found = found

    def __getitem__(self, kind: PolicyKind) -> Rule:
        return self._found.get(kind, USUAL[kind])


class PolicyQuerySet(models.QuerySet["ReminderPolicy"]):
    """Questions about many rules."""

    def rules(self, structure: Structure, action: Action | None = None) -> dict[PolicyKind, Rule]:
        """What holds at a structure, or for one of its actions: all kinds, one query."""
        rows = self.filter(structure=structure).filter(Q(action=None) | Q(action=action))
        # The action's own rules come last: they win.
        rows = rows.order_by(F("action").asc(nulls_first=True), "id")
        return dict(USUAL) | {PolicyKind(row.kind): row.rule for row in rows}

    def first_delay(self, kind: PolicyKind) -> Coalesce:
        """The first delay that a receiver's rule gives a fiche, as an expression in a query of fiches."""
        rows = self.filter(kind=kind).order_by()
        of_action = rows.filter(action=OuterRef("action"))
        of_structure = rows.filter(action=None, structure=OuterRef("receiver"))
        # One row at most of each, by their constraints: without a limit, they go by the indexes of these.
        own = [Subquery(found.values("delays__0")) for found in (of_action, of_structure)]
        return Coalesce(*own, Value(USUAL[kind].delays[0]), output_field=models.SmallIntegerField())

    def attach(self, referrals: Iterable[Referral]) -> None:
        """Give each fiche its rules, in one query for all of them."""
        rows = list(referrals)
        parties = {pk for one in rows for pk in (one.sender_id, one.receiver_id)}
        actions = {one.action_id for one in rows}
        by_structure: dict[Any, dict[PolicyKind, Rule]] = {}
        by_action: dict[Any, dict[PolicyKind, Rule]] = {}
        for policy in self.filter(Q(structure__in=parties, action=None) | Q(action__in=actions)).order_by("id"):
            at_large = policy.action_id is None
            own = (
                by_structure.setdefault(policy.structure_id, {})
                if at_large
                else by_action.setdefault(policy.action_id, {})
            )
            own[PolicyKind(policy.kind)] = policy.rule
        for one in rows:
            received = by_structure.get(one.receiver_id, {}) | by_action.get(one.action_id, {})
            sent = by_structure.get(one.sender_id, {})
            sides = {"receiver": received, "sender": sent}
            found = {kind: sides[spec.side][kind] for kind, spec in SPECS.items() if kind in sides[spec.side]}
            one.__dict__["rules"] = Rules(found)


class ReminderPolicy(models.Model):
    """One rule of a structure, or of one of its actions; where there is none, the usual one holds."""

    structure = models.ForeignKey(Structure, models.CASCADE, related_name="policies", verbose_name="structure")
    action = models.ForeignKey(
        Action, models.CASCADE, null=True, blank=True, related_name="policies", verbose_name="action"
    )
    kind = models.CharField("règle", max_length=16, choices=PolicyKind)
    is_on = models.BooleanField("active", default=True)
    delays = ArrayField(models.SmallIntegerField(), verbose_name="délais en jours", default=list, blank=True)
    stop_after = models.PositiveSmallIntegerField("jours de retard au plus")

    objects = PolicyQuerySet.as_manager()

    class Meta:
        verbose_name = "règle de relance"
        verbose_name_plural = "règles de relance"
        ordering = ["structure", "kind", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["structure", "kind"], condition=Q(action=None), name="policy_once_per_structure_and_kind"
            ),
            models.UniqueConstraint(
                fields=["action", "kind"], condition=Q(action__isnull=False), name="policy_once_per_action_and_kind"
            ),
            models.CheckConstraint(condition=_within_bounds(), name="policy_delays_within_bounds"),
            models.CheckConstraint(
                condition=Q(stop_after__range=(1, LONGEST_STOP)), name="policy_stops_within_half_a_year"
            ),
            models.CheckConstraint(
                condition=Q(is_on=True) | ~Q(kind__in=[kind for kind, spec in SPECS.items() if not spec.may_be_off]),
                name="policy_that_must_hold_is_on",
            ),
            models.CheckConstraint(
                condition=Q(action=None) | Q(kind__in=[kind for kind, spec in SPECS.items() if spec.by_action]),
                name="policy_of_an_action_where_it_decides",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="delays_in_order",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=IN_ORDER,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.action or self.structure})"

    @property
    def rule(self) -> Rule:
        """What it says."""
        return Rule(PolicyKind(self.kind), self.is_on, tuple(self.delays), self.stop_after)
