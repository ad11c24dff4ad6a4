"""Reading criteria from an action's data, and refusing what cannot be read, field by field."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from structures.eligibility.criteria import (
    CHOICES,
    COLON,
    NEEDS,
    SCALES,
    AgeCriterion,
    AvailabilityCriterion,
    ChoiceCriterion,
    Criterion,
    ManualCriterion,
    ResidenceCriterion,
    ScaleCriterion,
    StatusCriterion,
)
from structures.eligibility.publics import LABELS as PUBLICS
from structures.eligibility.publics import PublicCriterion
from structures.vocabulary import HalfDay, Status

COMMUNE = re.compile(r"^(\d{2}|2[AB])\d{3}$")
DEPARTMENT = re.compile(r"^(\d{2}|2[AB]|97\d|98\d)$")
ZONE = "zone"
"""Kind of the residence that comes from `zone_eligibilite`: the territory of an action, not its public."""
EPCI = re.compile(r"^\d{9}$")
NATIONWIDE = {"france", "99100"}
"""Codes of `zone_eligibilite` for the whole country."""
STATUSES, HALF_DAYS = frozenset(Status.values), frozenset(HalfDay.values)
LONGEST_NAME = 90
OLDEST = 120
"""No age above this one makes sense (years)."""


@dataclass(frozen=True)
class Fault:
    """A fault in the criteria as given: which entry (from 1; 0 for the whole), which field, and why."""

    row: int
    field: str
    message: str

    def __str__(self) -> str:
        place = f"critère {self.row}" if self.row else "critères"
        if self.field:
            place = f"{place}, champ {self.field}"
        return f"{place}{COLON}{self.message}"


class BadCriteria(ValueError):
    """Criteria that cannot be read; `faults` names each faulty entry and field, in French."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\u00a0; ".join(str(fault) for fault in self.faults))


class _Entry:
    """One entry being read: it hands out typed values and gathers the faults on the way."""

    def __init__(self, row: int, raw: Mapping[str, Any]) -> None:
        self.row = row
        self.raw = raw
        self.read: set[str] = {"kind", "need"}
        self.faults: list[Fault] = []

    def fault(self, name: str, message: str) -> None:
        self.faults.append(Fault(self.row, name, message))

    def get(self, name: str) -> Any:
        self.read.add(name)
        return self.raw.get(name)

    def integer(self, name: str, low: int, high: int) -> int | None:
        value = self.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.fault(name, f"un nombre entier de {low} à {high} est attendu")
            return None
        return value

    def one(self, name: str, known: Collection[Any]) -> Any:
        value = self.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int) or value not in known:
            self.fault(name, f"valeur inconnue ({value!r})")
            return None
        return value

    def many(self, name: str, known: Collection[str] | re.Pattern[str]) -> frozenset[str]:
        values = self.get(name)
        if values is None:
            return frozenset()
        if not isinstance(values, list) or not values:
            self.fault(name, "une liste de valeurs est attendue")
            return frozenset()
        kept = set()
        for value in values:
            fits = known.fullmatch if isinstance(known, re.Pattern) else known.__contains__
            if isinstance(value, str) and fits(value):
                kept.add(value)
            else:
                self.fault(name, f"valeur inconnue ({value!r})")
        return frozenset(kept)

    def text(self, name: str, longest: int) -> str:
        value = self.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or not value.strip() or len(value) > longest:
            self.fault(name, f"un texte de {longest} caractères au plus est attendu")
            return ""
        return value.strip()

    def names(self, name: str, known: re.Pattern[str]) -> tuple[tuple[str, str], ...]:
        """What some codes are called."""
        value = self.get(name)
        if value is None:
            return ()
        sound = isinstance(value, dict) and all(
            known.fullmatch(code) and isinstance(text, str) and 0 < len(text) <= LONGEST_NAME
            for code, text in value.items()
        )
        if not sound:
            self.fault(name, "un nom par code est attendu")
            return ()
        return tuple(sorted(value.items()))

    def flag(self, name: str) -> bool:
        value = self.get(name)
        if value is not None and not isinstance(value, bool):
            self.fault(name, "vrai ou faux est attendu")
            return False
        return bool(value)

    def something(self, *names: str) -> None:
        """Refuse an entry that gives none of these fields: it would admit anybody."""
        if all(self.raw.get(name) is None for name in names):
            self.fault(names[0], "valeur manquante")

    def ordered(self, low: Any, high: Any, rank: Callable[[Any], int]) -> None:
        if low is not None and high is not None and rank(low) > rank(high):
            self.fault("max", "le maximum est inférieur au minimum")


def _age(entry: _Entry, kind: str, need: str) -> Criterion:
    low, high = entry.integer("min", 0, OLDEST), entry.integer("max", 0, OLDEST)
    entry.something("min", "max")
    entry.ordered(low, high, int)
    return AgeCriterion(kind, need, low, high)


def _scale(entry: _Entry, kind: str, need: str) -> Criterion:
    order = SCALES[kind].order
    low, high = entry.one("min", order), entry.one("max", order)
    entry.something("min", "max")
    entry.ordered(low, high, order.index)
    return ScaleCriterion(kind, need, low, high)


def _choice(entry: _Entry, kind: str, need: str) -> Criterion:
    entry.something("any_of")
    return ChoiceCriterion(kind, need, entry.many("any_of", CHOICES[kind].labels))


def _sex(entry: _Entry, kind: str, need: str) -> Criterion:
    entry.something("value")
    value = entry.one("value", CHOICES[kind].labels)
    return ChoiceCriterion(kind, need, frozenset([value] if value else []))


def _status(entry: _Entry, kind: str, need: str) -> Criterion:
    entry.something("any_of")
    return StatusCriterion(kind, need, entry.many("any_of", STATUSES))


def _public(entry: _Entry, kind: str, need: str) -> Criterion:
    entry.something("any_of")
    return PublicCriterion(kind, need, entry.many("any_of", PUBLICS))


def _residence(entry: _Entry, kind: str, need: str) -> Criterion:
    communes = entry.many("communes", COMMUNE)
    departments = entry.many("departments", DEPARTMENT)
    epcis = entry.many("epcis", EPCI)
    qpv, label = entry.flag("qpv"), entry.text("label", 120)
    if not entry.faults and not (communes or departments or epcis or qpv):
        entry.fault("communes", "valeur manquante")
    return ResidenceCriterion(kind, need, communes, departments, epcis, qpv, label, entry.names("names", COMMUNE))


def _availability(entry: _Entry, kind: str, need: str) -> Criterion:
    any_of, least = entry.many("any_of", HALF_DAYS), entry.integer("min", 1, len(HALF_DAYS))
    entry.something("any_of", "min")
    if any_of and least and least > len(any_of):
        entry.fault("min", "plus de demi-journées que celles de la liste")
    return AvailabilityCriterion(kind, need, any_of, least or 1)


def _manual(entry: _Entry, kind: str, need: str) -> Criterion:
    entry.something("text")
    return ManualCriterion(kind, need, entry.text("text", 300))


READERS: dict[str, Callable[[_Entry, str, str], Criterion]] = {
    "age": _age,
    "sex": _sex,
    "residence": _residence,
    "status": _status,
    "public": _public,
    "availability": _availability,
    "manual": _manual,
    **dict.fromkeys(SCALES, _scale),
    **{kind: _choice for kind in CHOICES if kind != "sex"},
}
"""Each kind of criterion and what reads it."""


def zone_criterion(codes: Iterable[str]) -> Criterion | None:
    """The residence that data·inclusion's `zone_eligibilite` asks for; `None` for the whole country or no
    zone.

    Codes that are neither a commune, a department nor an intercommunalité are left out.
    """
    codes = set(codes)
    if not codes or codes & NATIONWIDE:
        return None
    kept = {pattern: frozenset(filter(pattern.fullmatch, codes)) for pattern in (COMMUNE, DEPARTMENT, EPCI)}
    if not any(kept.values()):
        return None
    return ResidenceCriterion(ZONE, "required", kept[COMMUNE], kept[DEPARTMENT], kept[EPCI])


def parse_criteria(raw: Any) -> tuple[Criterion, ...]:
    """Read an action's criteria. Raises `BadCriteria`, naming every faulty entry and field in French.

    Of each kind there is one criterion per level at most (but for those that only a human judges): two would say less
    clearly what one says, or contradict each other.
    """
    if not isinstance(raw, list):
        raise BadCriteria([Fault(0, "", "une liste est attendue")])
    faults: list[Fault] = []
    criteria: list[Criterion] = []
    given: set[tuple[str, str]] = set()
    for row, item in enumerate(raw, start=1):
        if not isinstance(item, dict):
            faults.append(Fault(row, "", "un objet est attendu"))
            continue
        entry = _Entry(row, item)
        kind, need = item.get("kind"), item.get("need")
        if not isinstance(need, str) or need not in NEEDS:
            entry.fault("need", f"valeur inconnue ({need!r})")
        if not isinstance(kind, str) or kind not in READERS:
            entry.fault("kind", f"type de critère inconnu ({kind!r})")
        else:
            criteria.append(READERS[kind](entry, kind, str(need)))
            for name in sorted(set(map(str, item)) - entry.read):
                entry.fault(name, "champ inconnu")
            if kind != "manual" and (kind, str(need)) in given:
                entry.fault("kind", "un critère de ce type est déjà donné, au même niveau\u00a0: complétez-le")
            given.add((kind, str(need)))
        faults += entry.faults
    if faults:
        raise BadCriteria(faults)
    return tuple(criteria)
