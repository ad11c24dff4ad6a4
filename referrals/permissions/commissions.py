"""Who may see a commission, which of its situations, and under which words."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q
from django.http import Http404

from referrals.models import Commission, CommissionItem, CommissionTask, ItemKind
from referrals.models.commission import CommissionItemQuerySet, CommissionQuerySet, CommissionTaskQuerySet
from referrals.permissions.door import Door

JOINED = Commission.participants.through


def may_convene(door: Door) -> bool:
    """Whether one prepares commissions: for those who see the territory, in the name of their structure."""
    return door.sees_territory and door.link is None


def commissions_of(door: Door) -> CommissionQuerySet:
    """The commissions that one's structure convenes, for its coordinators; for who opens files, those that it takes
    part in and those that gave it something to do."""
    if door.structure is None or door.link is not None:
        return Commission.objects.none()
    seen = Q(pk__in=())
    if door.sees_territory:
        seen |= Q(structure=door.structure)
    if door.opens_files:
        seen |= Q(Exists(JOINED.objects.filter(commission=OuterRef("pk"), structure=door.structure)))
        seen |= Q(Exists(CommissionTask.objects.filter(item__commission=OuterRef("pk"), structure=door.structure)))
    return Commission.objects.filter(seen)


def commission_of(door: Door, pk: UUID | str) -> Commission:
    """One commission. Raises `Http404` for a stranger's."""
    found = commissions_of(door).select_related("structure").filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def runs(door: Door, commission: Commission) -> bool:
    """Whether one keeps this commission's minutes: its structure's coordinators, nobody else."""
    return may_convene(door) and door.structure is not None and commission.structure_id == door.structure.pk


def require_to_run(door: Door, commission: Commission) -> None:
    """Raise `PermissionDenied` (403) unless one keeps this commission's minutes."""
    if not runs(door, commission):
        raise PermissionDenied


def items_of(door: Door, commission: Commission) -> CommissionItemQuerySet:
    """The situations of a commission that one may read: all, for who keeps the minutes; for a participant, those of
    the fiches that their door opens, and the unmet needs, which are about nobody."""
    rows = CommissionItem.objects.filter(commission=commission)
    if runs(door, commission):
        return rows
    return rows.filter(Q(kind=ItemKind.UNMET) | Q(referral__in=door.referrals().order_by()))


def item_of(door: Door, commission: Commission, pk: UUID | str) -> CommissionItem:
    """One situation. Raises `Http404` where one may not read it."""
    found = items_of(door, commission).with_everything().filter(pk=pk).first()
    if found is None:
        raise Http404
    found.commission = commission
    return found


def opened_by(door: Door, items: list[CommissionItem]) -> set[UUID]:
    """The fiches of these situations that one's door opens: only these are told by name, in one query."""
    wanted = [item.referral_id for item in items if item.referral_id is not None]
    return set(door.referrals().order_by().filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()


def tasks_of(door: Door) -> CommissionTaskQuerySet:
    """What commissions gave one's structure to do."""
    if door.structure is None or door.link is not None:
        return CommissionTask.objects.none()
    return CommissionTask.objects.filter(structure=door.structure).select_related(
        "item__commission__structure", "item__referral__person", "structure"
    )


def task_of(door: Door, pk: int) -> CommissionTask:
    """One task of one's structure. Raises `Http404` for a stranger's."""
    found = tasks_of(door).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found
