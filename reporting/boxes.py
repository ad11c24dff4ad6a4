"""The boxes that facts lie in, each by its number: an indicator is the sum of some of them.

A number is written in the facts: it keeps its meaning for good, and new ones go at the end. Where several answers are
kept of one row (a six-month check), its number says them all, and the conditions of `reporting.indicators` say which
numbers an indicator adds up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from django.db.models import Q

from referrals.models.exit import CLASS_OF, ExitKind
from referrals.models.followup import FollowUpChannel, FollowUpSituation, FollowUpState
from referrals.states import REASONS, Verb
from reporting.indicators import (
    ABANDONED_WAIT,
    BILANS,
    BILANS_BY_RECEIVER,
    BILANS_MISSING,
    BILANS_OTHERWISE,
    CANCELLED_LATE,
    CHECKS,
    CHECKS_ANSWERED,
    DECLINED_FOR,
    ENTERED,
    EXIT_FIGURES,
    EXPECTED,
    FICHES,
    MISSED,
    OFFERED,
    REDIRECTED,
    SILENT,
    TOTALS,
    WAITING,
    WAITLISTED,
    WITHDRAWN,
    Indicator,
)
from reporting.models import Subject

FICHE_BOXES: dict[int, Indicator] = {
    1: WITHDRAWN,
    2: WAITING,
    3: SILENT,
    4: WAITLISTED,
    5: OFFERED,
    6: REDIRECTED,
    7: ABANDONED_WAIT,
    8: ENTERED,
    9: MISSED,
    10: EXPECTED,
    11: CANCELLED_LATE,
} | {20 + place: DECLINED_FOR[reason] for place, reason in enumerate(REASONS[Verb.DECLINE])}
BILAN_BOXES: dict[int, Indicator] = {1: BILANS_MISSING, 2: BILANS_OTHERWISE, 3: BILANS_BY_RECEIVER}
EXIT_BOXES: dict[int, ExitKind] = dict(enumerate(ExitKind, start=1))

CHECK_DIGITS: dict[str, tuple[int, tuple[str, ...]]] = {
    "state": (1_000, tuple(FollowUpState.values)),
    "situation": (100, tuple(FollowUpSituation.values)),
    "asked_by": (10, tuple(FollowUpChannel.values)),
    "answered_by": (1, tuple(FollowUpChannel.values)),
}
"""A check's box: the place of each of these in its closed list (from 1; 0 when it is empty), times its weight."""

SITUATIONS = CHECK_DIGITS["situation"][1]

SUBJECTS: dict[Subject, list[Indicator]] = {
    Subject.FICHE: FICHES,
    Subject.BILAN: BILANS,
    Subject.EXIT: EXIT_FIGURES,
    Subject.CHECK: CHECKS,
}
"""The indicators that count each kind of fact."""


def meets(condition: Q, row: Mapping[str, Any]) -> bool:
    """Whether a row, given by its fields, meets a condition: with the lookups of the indicators, and no others.

    Raises `KeyError` for another lookup, or for a field that the row does not give.
    """
    children: list[Any] = list(condition.children)
    found = [meets(one, row) if isinstance(one, Q) else _meets(one, row) for one in children]
    met = all(found) if condition.connector == Q.AND else any(found)
    return met != condition.negated


def _meets(child: tuple[str, Any], row: Mapping[str, Any]) -> bool:
    path, wanted = child
    field, _, lookup = path.partition("__")
    match lookup:
        case "":
            return bool(row[field] == wanted)
        case "in":
            return row[field] in wanted
        case "isnull":
            return (row[field] is None) == wanted
    raise KeyError(path)


def _check_rows() -> Iterator[tuple[int, dict[str, Any]]]:
    """Every check that the constraints of its table let in, as far as its box tells it."""
    answers = ["", *FollowUpChannel.values]
    in_writing = ["", FollowUpChannel.EMAIL.value, FollowUpChannel.SMS.value]
    for state, situation, asked, answered in product(FollowUpState.values, ["", *SITUATIONS], in_writing, answers):
        has_answer = state == FollowUpState.ANSWERED
        by_link = answered and answered != FollowUpChannel.CALL
        if bool(answered) != has_answer or (has_answer and not situation) or (by_link and answered != asked):
            continue
        row = {"state": state, "situation": situation, "asked_by": asked, "answered_by": answered}
        box = sum(
            weight * (values.index(row[name]) + 1) for name, (weight, values) in CHECK_DIGITS.items() if row[name]
        )
        yield box, row | {"pk": box, "asked_at": asked or None}


def _boxes() -> dict[str, frozenset[int]]:
    """The boxes of each indicator, by its name: its own, or those of its parts, or those that meet its condition."""
    found: dict[str, frozenset[int]] = {}
    for numbered in (FICHE_BOXES, BILAN_BOXES):
        found |= {one.name: frozenset([number]) for number, one in numbered.items()}
    exits = {box: {"pk": box, "kind": kind, "exit_class": CLASS_OF[kind]} for box, kind in EXIT_BOXES.items()}
    for figures, rows in ((EXIT_FIGURES, exits), (CHECKS, dict(_check_rows()))):
        for one in figures:
            found[one.name] = frozenset(box for box, row in rows.items() if meets(one.counts, row))
    for whole, parts in reversed(TOTALS):
        if whole.name not in found:
            found[whole.name] = frozenset().union(*(found[part.name] for part in parts))
    return found


BOXES_OF = _boxes()
"""Which boxes an indicator adds up."""

ANSWERED_CHECKS = sorted(BOXES_OF[CHECKS_ANSWERED.name])
"""The boxes of the checks that have an answer."""
