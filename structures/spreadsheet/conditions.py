"""What a row says of whom the action is for, worked into the criteria that the action already has.

Only what the row says is touched. An existing criterion of the same kind keeps its level; a new one is required, but
for the publics, which are to be checked with the person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from structures.eligibility import NEEDS, BadCriteria, parse_criteria
from structures.spreadsheet.values import FIRST, YES
from structures.vocabulary import Cecrl, Sex

Criteria = list[dict[str, Any]]

COLUMNS_OF = {
    "age": ("age_min", "age_max"),
    "sex": ("women",),
    "french_oral": ("french_oral",),
    "public": ("publics",),
    "status": ("statuses",),
    "residence": ("qpv",),
}
"""Each kind of criterion and the columns that speak of it."""
EMPTY = {"kind", "need", "label"}
"""What an entry may have and still ask for nothing."""


def merged(stored: Iterable[Mapping[str, Any]], said: Mapping[str, Any]) -> Criteria:
    """The criteria of an action once its row is read; `said` holds the values of the cells that are not blank."""
    criteria: Criteria = [dict(entry) for entry in stored]
    if "age_min" in said:
        _entry(criteria, "age")["min"] = said["age_min"]
    if "age_max" in said:
        _entry(criteria, "age")["max"] = said["age_max"]
    if "french_oral" in said:
        _entry(criteria, "french_oral")["min"] = said["french_oral"] if said["french_oral"] != Cecrl.NONE else None
    if "statuses" in said:
        _entry(criteria, "status")["any_of"] = list(said["statuses"])
    if "publics" in said:
        chosen = [] if "tous-publics" in said["publics"] else list(said["publics"])
        _entry(criteria, "public", otherwise="to_check")["any_of"] = chosen
    if "women" in said:
        _wish(criteria, "sex", said["women"], "value", Sex.WOMAN.value)
    if "qpv" in said:
        _wish(criteria, "residence", said["qpv"], "qpv", True)
    return [_bare(entry) for entry in criteria if any(entry[name] not in (None, []) for name in set(entry) - EMPTY)]


def _bare(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if value is not None}


def _entry(criteria: Criteria, kind: str, need: str = "", otherwise: str = "required") -> dict[str, Any]:
    """The entry of a kind (and of a level, when one is given), added where there is none."""
    for entry in criteria:
        if entry.get("kind") == kind and need in ("", entry.get("need")):
            return entry
    criteria.append({"kind": kind, "need": need or otherwise})
    return criteria[-1]


def _wish(criteria: Criteria, kind: str, wish: str, name: str, value: Any) -> None:
    """Ask for a value as a requirement or as a priority, or no longer at all; it stands at one level only."""
    level = {YES: "required", FIRST: "priority"}.get(wish)
    for entry in criteria:
        if entry.get("kind") == kind and entry.get("need") != level and entry.get(name) == value:
            del entry[name]
            entry.pop("label", None)
    if level:
        entry = _entry(criteria, kind, level)
        if entry.get(name) != value:
            entry.pop("label", None)
        entry[name] = value


def faults(criteria: Criteria, said: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What makes the criteria unreadable: the column at fault among those that the row fills (or none), and why."""
    try:
        parse_criteria(criteria)
    except BadCriteria as error:
        found = []
        for fault in error.faults:
            kind = str(criteria[fault.row - 1].get("kind")) if fault.row else ""
            column = next((key for key in reversed(COLUMNS_OF.get(kind, ())) if key in said), "")
            found.append((column, f"{fault.message[0].upper()}{fault.message[1:]}."))
        return found
    return []


def sentences(criteria: Any) -> str:
    """The criteria in words; what cannot be read any more is left out."""
    try:
        return " ; ".join(f"{criterion.sentence()} ({NEEDS[criterion.need]})" for criterion in parse_criteria(criteria))
    except BadCriteria:
        return ""
