"""A rule changes, and what is already planned for open fiches follows it, in the same transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.db import transaction
from django.db.models import Exists, OuterRef

from referrals.models.bilan import Bilan
from referrals.models.policy import REMINDER_OF, ReminderPolicy
from referrals.models.referral import Referral
from referrals.models.referral.rows import ReferralQuerySet
from referrals.models.reminder import Reminder
from referrals.policies import SPECS, PolicyKind, Rule
from referrals.states import OPEN
from structures.models import Action, Structure

FOLLOWS: Mapping[PolicyKind, tuple[PolicyKind, ...]] = {
    PolicyKind.EXPIRY: (PolicyKind.EXPIRY, PolicyKind.EXPIRY_NOTICE),
}
"""What is planned anew besides the rule's own reminders."""

BILANS = (PolicyKind.INTERIM_BILAN, PolicyKind.FINAL_BILAN)

BATCH = 500
"""Open fiches planned anew by one statement."""


def set_rule(structure: Structure, action: Action | None, kind: PolicyKind, rule: Rule | None, now: dt.datetime) -> int:
    """Set a rule, or with `None` return to what holds above it. Returns how many open fiches are planned anew.

    Letters that were due by then stay as they were planned; so does a place already offered.
    """
    with transaction.atomic():
        # Two managers at once: the second waits at the row, or at its unique key, then plans by what stands.
        own = ReminderPolicy.objects.filter(structure=structure, action=action, kind=kind)
        if rule is None:
            own.delete()
        else:
            values = {"is_on": rule.is_on, "delays": list(rule.delays), "stop_after": rule.stop_after}
            ReminderPolicy.objects.update_or_create(structure=structure, action=action, kind=kind, defaults=values)
        return _replan(touched_by(structure, action, kind), FOLLOWS.get(kind, (kind,)), now)


def rehearse_rule(
    structure: Structure, action: Action | None, kind: PolicyKind, rule: Rule | None, now: dt.datetime
) -> int:
    """How many open fiches `set_rule` would plan anew: done, counted, and taken back."""
    with transaction.atomic():
        count = set_rule(structure, action, kind, rule, now)
        transaction.set_rollback(True)
    return count


def touched_by(structure: Structure, action: Action | None, kind: PolicyKind) -> ReferralQuerySet:
    """The open fiches for which a rule of that structure, or of that action, may hold."""
    rows = Referral.objects.filter(state__in=OPEN)
    if SPECS[kind].side == "sender":
        return rows.filter(sender=structure)
    # Those of an action with a rule of its own are looked at too, and stay as they are.
    return rows.filter(action=action) if action is not None else rows.filter(receiver=structure)


def _replan(referrals: ReferralQuerySet, kinds: tuple[PolicyKind, ...], now: dt.datetime) -> int:
    kinds = tuple(kind for kind in kinds if kind in REMINDER_OF)
    if not kinds:
        return 0
    if kinds[0] in BILANS:
        referrals = referrals.exclude(Exists(Bilan.objects.awaited().filter(referral=OuterRef("pk"))))
    changed, batch = 0, referrals.order_by("pk")
    # Locked as a verb locks it: its reminders are then ours alone.
    batch = batch.select_for_update(of=("self",), no_key=True)
    batch = batch.select_related("sender", "receiver", "action", "session").prefetch_related("appointments")
    rows = list(batch[:BATCH])
    while rows:
        ReminderPolicy.objects.attach(rows)
        wanted = {row.pk: row.dues_of(*kinds) for row in rows}
        changed += Reminder.objects.replan(wanted, [REMINDER_OF[kind] for kind in kinds], now)
        rows = list(batch.filter(pk__gt=rows[-1].pk)[:BATCH])
    return changed
