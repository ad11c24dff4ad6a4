"""Who an action is for: structured criteria, and their answers for one person. Pure functions, no database.

Criteria are data on an action (`Action.criteria`): a list of entries such as
`{"kind": "age", "need": "required", "min": 16, "max": 25}`. `parse_criteria` turns the list into
`Criterion`s, and `evaluate` answers each for a `Profile`: met, unmet or *unknown*, with the reason in
French, the value compared, and what would change it. `verdict` reads nothing but those answers: what is
decided is what is shown.

A criterion's `need` says what an answer weighs:
- `required`: unmet, it closes the action; unknown, it is to be checked;
- `to_check`: never closes the action; unless it is met, it is to be checked with the person;
- `priority`: only ranks; it neither opens nor closes anything.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Literal

from structures.eligibility.codes import OTHER_CRITERION, DeclinedCriterion, closing
from structures.eligibility.criteria import NEEDS, Answer, Criterion
from structures.eligibility.parsing import ZONE, BadCriteria, Fault, parse_criteria, zone_criterion
from structures.eligibility.profile import Profile

Verdict = Literal["eligible", "to_check", "ineligible"]

__all__ = [
    "NEEDS",
    "OTHER_CRITERION",
    "ZONE",
    "Answer",
    "BadCriteria",
    "Criterion",
    "DeclinedCriterion",
    "Fault",
    "Profile",
    "Verdict",
    "closing",
    "evaluate",
    "evaluate_all",
    "parse_criteria",
    "verdict",
    "zone_criterion",
]


def evaluate(criterion: Criterion, profile: Profile, on: dt.date) -> Answer:
    """Answer one criterion for one person on that day."""
    state, reason, change = criterion.look(profile, on)
    return Answer(criterion.kind, criterion.need, state, reason, change)


def evaluate_all(criteria: Iterable[Criterion], profile: Profile, on: dt.date) -> tuple[Answer, ...]:
    """Answer each criterion, in the action's order."""
    return tuple(evaluate(criterion, profile, on) for criterion in criteria)


def verdict(answers: Iterable[Answer]) -> Verdict:
    """Decide from the answers alone: closed by an unmet requirement, else to be checked, else open."""
    answers = tuple(answers)
    if any(answer.blocks for answer in answers):
        return "ineligible"
    return "to_check" if any(answer.to_check for answer in answers) else "eligible"
