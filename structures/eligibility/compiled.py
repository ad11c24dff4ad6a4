"""Criteria and profiles as numbers, so that PostgreSQL can judge many actions for one person in one pass.

The rules stand in `structures.eligibility.criteria` and nowhere else; this module only writes them as bits. Of each
kind there is one criterion at a level (`parse_criteria` holds it), so a level of an action is one row of columns:

- a fact that holds one value of a closed list (sex, French, licence…) is one bit per value in a *word*; a criterion
  becomes the bits of the values that it refuses, and the person's value is unmet when its bit is among them;
- situations, publics and half-days are sets: a criterion becomes the set that it accepts;
- ages are two bounds, and a residence the list of its places.

`columns` writes an action's criteria, `parameters` a person's facts, and `unmet_sql` and `unknown_sql` count the
answers of a level (the others are met). A test holds that they agree with `evaluate_all` on criteria and people drawn
at random.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterable
from typing import Any

from structures.eligibility.criteria import (
    CHOICES,
    SCALES,
    AgeCriterion,
    AvailabilityCriterion,
    ChoiceCriterion,
    Criterion,
    Fact,
    ManualCriterion,
    ResidenceCriterion,
    ScaleCriterion,
    StatusCriterion,
)
from structures.eligibility.parsing import ZONE
from structures.eligibility.profile import Profile
from structures.eligibility.publics import LABELS as PUBLICS
from structures.eligibility.publics import PublicCriterion, belongs
from structures.territory import EPCI_COMMUNES, epci_of
from structures.vocabulary import HalfDay, Status

LEVELS = ("required", "priority", "to_check")
WORD_BITS = 62
"""Bits of a word: a PostgreSQL bigint without its sign."""

FACTS: dict[str, Fact] = {**SCALES, **CHOICES}
VALUES: dict[str, tuple[Any, ...]] = {kind: fact.order or tuple(fact.labels) for kind, fact in FACTS.items()}
"""Kinds whose fact holds one value, with those values."""

HALF_DAYS, STATUSES, PUBLIC_CODES = tuple(HalfDay.values), tuple(Status.values), tuple(PUBLICS)
ANY_HALF_DAY = (1 << len(HALF_DAYS)) - 1

COMMUNE_LISTED, DEPARTMENT_LISTED, EPCI_LISTED, EPCI_UNLISTED, IS_ZONE = 1, 2, 4, 8, 16
"""What a residence lists: communes, departments, intercommunalités all of whose communes are known here, or not all;
and whether it is the action's territory rather than its public."""


def _places_of_bits() -> dict[str, tuple[int, int]]:
    """For each kind of one value: its word, and the first of its bits there."""
    places, word, used = {}, 0, 0
    for kind, values in VALUES.items():
        if used + len(values) > WORD_BITS:
            word, used = word + 1, 0
        places[kind] = (word, used)
        used += len(values)
    return places


PLACES = _places_of_bits()
WORDS = 1 + max(word for word, _ in PLACES.values())
ASKED = {kind: 1 << rank for rank, kind in enumerate([*VALUES, "age", "availability"])}
"""Kinds that are unknown for one reason only, the fact itself: one bit each, on both sides."""

LAYOUT = zlib.crc32(repr((VALUES, PLACES, ASKED, HALF_DAYS, STATUSES, PUBLIC_CODES)).encode()) & 0x7FFFFFFF
"""Changes with the vocabulary: rows written with another layout cannot be read, and are written again."""


def column_names(level: str) -> list[str]:
    """The columns of a level, in the order of the table."""
    names = ["count", "asked", *(f"refused_{word}" for word in range(WORDS))]
    names += ["age_min", "age_max", "statuses", "publics", "half_days", "half_days_min", "manual"]
    return [f"{level}_{name}" for name in [*names, "places", "places_kind", "qpv"]]


def _bits(values: Iterable[Any], order: tuple[Any, ...]) -> int:
    return sum(1 << order.index(value) for value in set(values))


def _accepts(criterion: ScaleCriterion | ChoiceCriterion, value: Any) -> bool:
    if isinstance(criterion, ChoiceCriterion):
        return value in criterion.any_of
    rank = VALUES[criterion.kind].index
    above = criterion.minimum is None or rank(value) >= rank(criterion.minimum)
    return above and (criterion.maximum is None or rank(value) <= rank(criterion.maximum))


def _places_kind(criterion: ResidenceCriterion) -> int:
    kind = COMMUNE_LISTED if criterion.communes else 0
    kind |= DEPARTMENT_LISTED if criterion.departments else 0
    if criterion.epcis:
        kind |= EPCI_LISTED if criterion.epcis <= set(EPCI_COMMUNES) else EPCI_UNLISTED
    return kind | (IS_ZONE if criterion.kind == ZONE else 0)


def columns(criteria: Iterable[Criterion]) -> dict[str, Any]:
    """An action's criteria as the columns of each level; a column of a level without criteria is `None` or 0."""
    found: dict[str, Any] = {}
    for level in LEVELS:
        found |= dict.fromkeys(column_names(level))
        for name in ("count", "asked", "manual", *(f"refused_{word}" for word in range(WORDS))):
            found[f"{level}_{name}"] = 0
    for criterion in criteria:
        level = criterion.need
        found[f"{level}_count"] += 1
        found[f"{level}_asked"] |= ASKED.get(criterion.kind, 0)
        match criterion:
            case ScaleCriterion() | ChoiceCriterion():
                word, first = PLACES[criterion.kind]
                refused = [value for value in VALUES[criterion.kind] if not _accepts(criterion, value)]
                found[f"{level}_refused_{word}"] |= _bits(refused, VALUES[criterion.kind]) << first
            case AgeCriterion():
                found |= {f"{level}_age_min": criterion.minimum, f"{level}_age_max": criterion.maximum}
            case StatusCriterion():
                found[f"{level}_statuses"] = _bits(criterion.any_of, STATUSES)
            case PublicCriterion():
                found[f"{level}_publics"] = _bits(criterion.any_of, PUBLIC_CODES)
            case AvailabilityCriterion():
                found[f"{level}_half_days"] = _bits(criterion.any_of, HALF_DAYS) or ANY_HALF_DAY
                found[f"{level}_half_days_min"] = criterion.minimum
            case ResidenceCriterion():
                places = [*criterion.communes, *criterion.departments, *criterion.epcis]
                found[f"{level}_places"] = sorted(places)
                found[f"{level}_places_kind"] = _places_kind(criterion)
                found[f"{level}_qpv"] = criterion.qpv
            case ManualCriterion():
                found[f"{level}_manual"] += 1
    return found


def _undecidable(profile: Profile) -> int:
    """The lists of a residence that cannot be read for this person."""
    epci = profile.epci or epci_of(profile.commune_code)
    found = 0 if profile.commune_code else COMMUNE_LISTED
    found |= 0 if profile.department else DEPARTMENT_LISTED
    if not epci:
        found |= EPCI_UNLISTED | (0 if profile.commune_code else EPCI_LISTED)
    return found


def parameters(profile: Profile, on: dt.date) -> dict[str, Any]:
    """A person's facts on a day, by the names that the SQL below gives them."""
    words, unknown = [0] * WORDS, 0
    for kind, fact in FACTS.items():
        value = fact.read(profile)
        if value in {None, ""}:
            unknown |= ASKED[kind]
        else:
            word, first = PLACES[kind]
            words[word] |= 1 << (first + VALUES[kind].index(value))
    age = profile.age(on)
    unknown |= ASKED["age"] if age is None else 0
    unknown |= ASKED["availability"] if profile.availability is None else 0
    told = {code: belongs(code, profile, on) for code in PUBLIC_CODES}
    codes = [profile.commune_code, profile.department, profile.epci or epci_of(profile.commune_code)]
    return {
        **{f"word_{word}": bits for word, bits in enumerate(words)},
        "unknown": unknown,
        "age": age,
        "statuses": _bits(profile.statuses, STATUSES),
        "statuses_known": profile.statuses_known,
        "publics": _bits((code for code, answer in told.items() if answer), PUBLIC_CODES),
        "publics_untold": _bits((code for code, answer in told.items() if answer is None), PUBLIC_CODES),
        "half_days": _bits(profile.availability or (), HALF_DAYS),
        "places": [code for code in codes if code],
        "undecidable": _undecidable(profile),
        "in_qpv": profile.in_qpv,
    }


def _ones(bits: str, width: int) -> str:
    """How many bits are set. Most often none is, and counting costs ten times what comparing does."""
    return f"CASE WHEN ({bits}) = 0 THEN 0 ELSE bit_count(({bits})::bit({width})) END"


def _counted(cases: Iterable[str]) -> str:
    return " + ".join(f"({case})::int" for case in cases)


def _zone_sql(level: str) -> tuple[str, str]:
    """Whether the person lives outside the places listed, and whether that cannot be told."""
    listed = f"{level}_places_kind & 15"
    inside = f"({listed}) = 0 OR {level}_places && %(places)s"
    undecided = f"({listed} & %(undecidable)s) <> 0"
    return f"NOT ({inside}) AND NOT {undecided}", f"NOT ({inside}) AND {undecided}"


def _residence_sql(level: str) -> tuple[str, str]:
    """Whether a residence is unmet, and whether it is unknown: outside the places, or outside a QPV where one is
    asked for."""
    outside, untold = _zone_sql(level)
    given = f"{level}_places_kind IS NOT NULL"
    out_of_qpv = f"{level}_qpv AND %(in_qpv)s IS FALSE"
    qpv_untold = f"{level}_qpv AND %(in_qpv)s IS NULL"
    unmet = f"{given} AND (({outside}) OR ({out_of_qpv}))"
    unknown = f"{given} AND NOT ({outside}) AND NOT ({out_of_qpv}) AND (({untold}) OR ({qpv_untold}))"
    return unmet, unknown


def residence_unmet_sql(level: str) -> str:
    """A condition: the residence asked for at this level is unmet."""
    return f"COALESCE({_residence_sql(level)[0]}, FALSE)"


def residence_unknown_sql(level: str) -> str:
    """A condition: whether the residence asked for at this level is met cannot be told."""
    return f"COALESCE({_residence_sql(level)[1]}, FALSE)"


def availability_unmet_sql(level: str) -> str:
    """A condition: the person is not free when this level asks for it."""
    free = _ones(f"{level}_half_days & %(half_days)s", len(HALF_DAYS))
    known = f"(%(unknown)s & {ASKED['availability']}) = 0"
    return f"COALESCE({known} AND ({free}) < {level}_half_days_min, FALSE)"


def unmet_sql(level: str) -> str:
    """An expression: how many criteria of the level are unmet."""
    refused = " + ".join(
        f"({one})" for one in (_ones(f"{level}_refused_{word} & %(word_{word})s", 64) for word in range(WORDS))
    )
    status = f"{level}_statuses IS NOT NULL AND ({level}_statuses & %(statuses)s) = 0 AND %(statuses_known)s"
    public = f"{level}_publics IS NOT NULL AND ({level}_publics & (%(publics)s | %(publics_untold)s)) = 0"
    others = [
        f"COALESCE(%(age)s < {level}_age_min, FALSE) OR COALESCE(%(age)s > {level}_age_max, FALSE)",
        status,
        public,
        availability_unmet_sql(level),
        residence_unmet_sql(level),
    ]
    return f"CASE WHEN {level}_count = 0 THEN 0 ELSE {refused} + {_counted(others)} END"


def unknown_sql(level: str) -> str:
    """An expression: how many criteria of the level cannot be answered yet."""
    status = f"{level}_statuses IS NOT NULL AND ({level}_statuses & %(statuses)s) = 0 AND NOT %(statuses_known)s"
    public = f"{level}_publics IS NOT NULL AND ({level}_publics & %(publics)s) = 0"
    public += f" AND ({level}_publics & %(publics_untold)s) <> 0"
    asked = _ones(f"{level}_asked & %(unknown)s", 32)
    others = _counted([status, public, residence_unknown_sql(level)])
    return f"CASE WHEN {level}_count = 0 THEN 0 ELSE {level}_manual + ({asked}) + {others} END"


def is_zone_sql(level: str) -> str:
    """A condition: the residence of this level is the action's territory, not a choice among people."""
    return f"COALESCE(({level}_places_kind & {IS_ZONE}) <> 0, FALSE)"
