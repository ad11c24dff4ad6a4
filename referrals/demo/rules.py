"""Two structures that set their reminders otherwise than usual, and one that closes in August."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from referrals.models.replanning import set_rule
from referrals.policies import USUAL, PolicyKind, Rule
from structures.models import Structure


def _usual(kind: PolicyKind, *delays: int) -> Rule:
    return Rule(kind, True, delays or USUAL[kind].delays, USUAL[kind].stop_after)


RULES: Mapping[str, tuple[Rule, ...]] = {
    "cria-41": (_usual(PolicyKind.ACKNOWLEDGEMENT), _usual(PolicyKind.UNANSWERED, 2, 5, 10)),
    "alire": (
        _usual(PolicyKind.ACKNOWLEDGEMENT),
        _usual(PolicyKind.INTERIM_BILAN),
        _usual(PolicyKind.THREE_MONTHS),
    ),
}
"""What each of them set, by the end of its identifier."""

CLOSED_IN_AUGUST = "cidff-41"


def set_rules(structures: Mapping[str, Structure], now: dt.datetime) -> None:
    """Write their rules before anything is told, so that every story follows them."""
    for key, rules in RULES.items():
        for rule in rules:
            set_rule(structures[key], None, rule.kind, rule, now)
    closed = structures[CLOSED_IN_AUGUST]
    august = now.year if now.month < 9 else now.year + 1
    closed.closings.create(first_day=dt.date(august, 8, 1), last_day=dt.date(august, 8, 31))
