"""What Relais works out of a national row: the needs covered, the shape, the criteria, the kind of structure.

An import may replace a derived value only while it is still what the stored national fields give. So nothing marks
what a structure chose itself: `derive` is asked again of the stored row, and a value that differs from its answer is
theirs.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

from structures.eligibility import BadCriteria, parse_criteria
from structures.exchange.format import SERVICES, STRUCTURES, Kind
from structures.exchange.themes import kind_of, shape_of, themes_of
from structures.models.action import TOUS_PUBLICS
from structures.text import plain

LONGEST = 300
"""Characters of a criterion that only a human judges."""
QUOTED = {
    "publics_precisions": "Publics",
    "conditions_acces": "Conditions d’accès",
    "frais_precisions": "Frais",
}
"""The fields that say in words what the format does not structure, and how each is announced."""
SAYS_NOTHING = frozenset(
    {
        "", "aucun", "aucune", "aucune condition", "aucune condition d'acces", "aucuns frais", "aucun frais", "gratuit",
        "gratuite", "libre", "neant", "non", "non concerne", "non renseigne", "n/a", "na", "pas de condition",
        "pas de condition particuliere", "pas de conditions", "ras", "sans", "sans condition", "sans conditions",
        "sans objet", "service gratuit", "tous", "tous public", "tous publics", "tout public", "tout le monde",
    }
)  # fmt: skip
"""What producers write when there is nothing to say, in plain text and without punctuation around it."""
SHORT = 50
"""Characters that a text which says nothing does not exceed, its punctuation included."""
AROUND = string.punctuation + string.whitespace + "«»“”–—…·•"


def quote(lead: str, text: str) -> str:
    """« lead : « text » » in at most 300 characters, cut at a word; empty when the text says nothing."""
    words = " ".join(text.split())
    if len(words) <= SHORT and plain(words).strip(AROUND) in SAYS_NOTHING:
        return ""
    before, after = f"{lead}\u00a0: «\u00a0", "\u00a0»"
    room = LONGEST - len(before) - len(after)
    if len(words) > room:
        whole = words[:room].rpartition(" ")[0]
        # A first word longer than the room is cut where the room ends.
        words = (whole.rstrip(" ,;:") or words[: room - 1]) + "…"
    return before + words + after


def criteria_of(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The criteria that an action's national fields say: its publics, and its free texts as they are, to be checked.

    `zone_eligibilite` is not among them: `Action.conditions()` answers it.
    """
    criteria: list[dict[str, Any]] = []
    publics = sorted(set(values["publics"]))
    if publics and TOUS_PUBLICS not in publics:
        criteria.append({"kind": "public", "need": "required", "any_of": publics})
    said: set[str] = set()
    for name, lead in QUOTED.items():
        text = quote(lead, values[name])
        if text and values[name] not in said:
            said.add(values[name])
            criteria.append({"kind": "manual", "need": "to_check", "text": text})
    return criteria


def derive(kind: Kind, values: Mapping[str, Any]) -> dict[str, Any]:
    """Our derived fields, from a row's national fields under our names (`BASIS` lists those that are read)."""
    if kind is STRUCTURES:
        return {"kind": kind_of(values["networks"])}
    return {
        "themes": themes_of(values["thematiques"]),
        "shape": shape_of(values["type"]),
        "criteria": criteria_of(values),
    }


BASIS = {
    STRUCTURES.name: ("networks",),
    SERVICES.name: ("thematiques", "type", "publics", *QUOTED),
}
"""Our columns that `derive` reads, by kind."""


def same(field: str, one: Any, other: Any) -> bool:
    """Whether two values of a derived field mean the same: the order of needs or of a criterion's codes does not."""
    if one == other or field not in {"themes", "criteria"}:
        return bool(one == other)
    if field == "themes":
        return set(one) == set(other)
    try:
        return parse_criteria(one) == parse_criteria(other)
    except BadCriteria:
        return False
