"""A short, stable code for one condition of an action, so that a fiche can say which one was not met."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TypedDict

from structures.eligibility.criteria import Criterion

OTHER_CRITERION = "other"
"""The code of a condition that the catalogue does not write."""


class DeclinedCriterion(TypedDict):
    """A condition that a person does not meet: its code, and its sentence as it stood on the day."""

    code: str
    sentence: str


def code_of(criterion: Criterion) -> str:
    """« age-1f0c9a2b »: its family, and a digest of its sentence. A condition that is rewritten gets another code."""
    return f"{criterion.kind}-{hashlib.sha256(criterion.sentence().encode()).hexdigest()[:8]}"


def closing(criteria: Iterable[Criterion]) -> list[DeclinedCriterion]:
    """The conditions that can close an action to somebody, each once, in the action's order."""
    found = {code_of(one): one.sentence() for one in criteria if one.need != "priority"}
    return [{"code": code, "sentence": sentence} for code, sentence in found.items()]
