"""What every page counts around its content, in one query."""

from __future__ import annotations

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.models import User
from referrals.models import Notification, Referral
from referrals.models.notification import NotificationQuerySet
from referrals.states import State
from structures.models import Membership, Structure

BELL = "referrals:notification_list"


def _count(rows: QuerySet[Referral] | QuerySet[Notification, Notification], by: str) -> Coalesce:
    counted = rows.order_by().values(by).annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))


def told_to(user: User | None, structure: Structure | None) -> NotificationQuerySet:
    """What was told to a member of a structure."""
    if user is None or structure is None:
        return Notification.objects.none()
    return Notification.objects.filter(user=user, structure=structure)


def memberships_of(user: User) -> QuerySet[Membership]:
    """Where a user works, each with its structure and `unread`: how many notifications they have not read there."""
    unread = Notification.objects.filter(user=user, structure=OuterRef("structure")).unread()
    rows = Membership.objects.filter(user=user, is_active=True, structure__is_active=True)
    return rows.select_related("structure").annotate(unread=_count(unread, "user"))


def counts_of(
    user: User | None, structure: Structure | None, *, answers: bool, unread: int | None = None
) -> dict[str, int]:
    """The notifications that a member has not read and, for those who answer, the fiches that await it.

    Without a query where `unread` is known already and nothing else is to be counted.
    """
    if user is None or structure is None:
        return {}
    columns = {}
    if unread is None:
        columns[BELL] = _count(told_to(user, structure).unread(), "user")
    if answers:
        awaited = Referral.objects.filter(receiver=structure, state=State.SENT, paused_at=None)
        columns["referrals:referral_list"] = _count(awaited, "receiver")
    known = {} if unread is None else {BELL: unread}
    found = Structure.objects.filter(pk=structure.pk).values_list(*columns.values()).first() if columns else None
    return known | dict(zip(columns, found or (), strict=False))
