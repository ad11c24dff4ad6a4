"""Criteria and people drawn at random, for the laws of eligibility and of the matching."""

import datetime as dt

from hypothesis import strategies as st

from structures.eligibility import Profile
from structures.eligibility.publics import LABELS as PUBLICS
from structures.vocabulary import (
    AnlciDegree,
    Cecrl,
    DigitalLevel,
    Diploma,
    HalfDay,
    Language,
    LearnerPublic,
    Licence,
    Schooling,
    Sex,
    Status,
    StructureKind,
)


def some(values):
    return st.lists(st.sampled_from(list(values)), min_size=1, max_size=3, unique=True)


def span(values):
    """A pair of bounds in order; one of them may be open."""
    ranks = list(values)
    pairs = st.tuples(st.sampled_from(range(len(ranks))), st.sampled_from(range(len(ranks)))).map(sorted)
    return st.tuples(pairs, st.sampled_from(["min", "max", "both"])).map(
        lambda drawn: {
            name: ranks[rank] for name, rank in zip(("min", "max"), drawn[0], strict=True) if drawn[1] in {name, "both"}
        }
    )


COMMUNES, DEPARTMENTS, EPCIS = ["41018", "41269", "94038"], ["41", "94"], ["200030385", "200072072"]
PARAMS = {
    "age": span(range(10, 70)),
    "sex": st.sampled_from(Sex.values).map(lambda value: {"value": value}),
    "residence": st.fixed_dictionaries(
        {"communes": some(COMMUNES)},
        optional={"departments": some(DEPARTMENTS), "epcis": some(EPCIS), "qpv": st.booleans()},
    ),
    "status": some(Status.values).map(lambda values: {"any_of": values}),
    "learner_public": some(LearnerPublic.values).map(lambda values: {"any_of": values}),
    "french_oral": span(Cecrl.values),
    "french_written": span(Cecrl.values),
    "schooling": some(Schooling.values).map(lambda values: {"any_of": values}),
    "anlci": span(AnlciDegree.values),
    "digital": span(DigitalLevel.values),
    "licence": some(Licence.values).map(lambda values: {"any_of": values}),
    "diploma": some(Diploma.values).map(lambda values: {"any_of": values}),
    "availability": some(HalfDay.values).map(lambda values: {"any_of": values, "min": 1}),
    "vehicle": some(["yes", "no"]).map(lambda values: {"any_of": values}),
    "language": some(Language.values).map(lambda values: {"any_of": values}),
    "public": some(PUBLICS).map(lambda values: {"any_of": values}),
    "prescriber": some(StructureKind.values).map(lambda values: {"any_of": values}),
    "manual": st.just({"text": "Motivé(e)"}),
}
NEEDS = ["required", "to_check", "priority"]
entries = st.sampled_from(sorted(PARAMS)).flatmap(
    lambda kind: st.tuples(PARAMS[kind], st.sampled_from(NEEDS)).map(
        lambda drawn: {"kind": kind, "need": drawn[1], **drawn[0]}
    )
)


def slot(entry):
    """What may stand once in an action's criteria: a kind at a level; those that a human judges may be several."""
    return (entry["kind"], entry["need"], entry.get("text", "") if entry["kind"] == "manual" else "")


def several(*, min_size=0, max_size=6):
    """The criteria of an action."""
    return st.lists(entries, min_size=min_size, max_size=max_size, unique_by=slot)


profiles = st.builds(
    Profile,
    birth_date=st.none() | st.dates(dt.date(1945, 1, 1), dt.date(2016, 12, 31)),
    sex=st.sampled_from(["", *Sex.values]),
    commune_code=st.sampled_from(["", *COMMUNES]),
    department=st.sampled_from(["", *DEPARTMENTS]),
    epci=st.sampled_from(["", *EPCIS]),
    in_qpv=st.sampled_from([None, True, False]),
    statuses=st.frozensets(st.sampled_from(Status.values), max_size=3),
    statuses_known=st.booleans(),
    french_oral=st.sampled_from(["", *Cecrl.values]),
    french_written=st.sampled_from(["", *Cecrl.values]),
    schooling=st.sampled_from(["", *Schooling.values]),
    anlci=st.sampled_from([None, *AnlciDegree.values]),
    digital=st.sampled_from(["", *DigitalLevel.values]),
    licence=st.sampled_from(["", *Licence.values]),
    diploma=st.sampled_from(["", *Diploma.values]),
    has_vehicle=st.sampled_from([None, True, False]),
    language=st.sampled_from(["", *Language.values]),
    availability=st.none() | st.frozensets(st.sampled_from(HalfDay.values), max_size=4),
    prescriber_kind=st.sampled_from(["", *StructureKind.values]),
)
