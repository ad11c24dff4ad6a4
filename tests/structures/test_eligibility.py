"""Structured criteria: each answer, its reason, what would change it, and the laws that always hold."""

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from structures.eligibility import BadCriteria, Profile, evaluate, evaluate_all, parse_criteria, verdict
from structures.vocabulary import (
    HalfDay,
    LearnerPublic,
    Status,
)
from tests.structures.drawn_criteria import COMMUNES, DEPARTMENTS, NEEDS, entries, profiles, several, slot

TODAY = dt.date(2026, 11, 20)
RANK = {"ineligible": 0, "to_check": 1, "eligible": 2}


def answer(profile, kind, need="required", **params):
    (criterion,) = parse_criteria([{"kind": kind, "need": need, **params}])
    return evaluate(criterion, profile, TODAY)


def born(years, days=0):
    return dt.date(TODAY.year - years, TODAY.month, TODAY.day) - dt.timedelta(days=days)


# What is refused


def faults(raw):
    with pytest.raises(BadCriteria) as caught:
        parse_criteria(raw)
    return [(fault.row, fault.field) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("age", [(0, "")]),
        (None, [(0, "")]),
        (["age"], [(1, "")]),
        ([{}], [(1, "need"), (1, "kind")]),
        ([{"kind": "size", "need": "required"}], [(1, "kind")]),
        ([{"kind": ["age"], "need": {}}], [(1, "need"), (1, "kind")]),
        ([{"kind": "age", "need": "required"}], [(1, "min")]),
        ([{"kind": "age", "need": "maybe", "min": 14}], [(1, "need")]),
        ([{"kind": "age", "need": "required", "min": "14"}], [(1, "min")]),
        ([{"kind": "age", "need": "required", "min": True}], [(1, "min")]),
        ([{"kind": "age", "need": "required", "max": 400}], [(1, "max")]),
        ([{"kind": "age", "need": "required", "min": 30, "max": 16}], [(1, "max")]),
        ([{"kind": "age", "need": "required", "min": 16, "maxi": 30}], [(1, "maxi")]),
        ([{"kind": "sex", "need": "required", "value": "femme"}], [(1, "value")]),
        ([{"kind": "sex", "need": "required"}], [(1, "value")]),
        ([{"kind": "status", "need": "required", "any_of": "rsa"}], [(1, "any_of")]),
        ([{"kind": "status", "need": "required", "any_of": []}], [(1, "any_of")]),
        ([{"kind": "status", "need": "required", "any_of": ["rsa", "rich"]}], [(1, "any_of")]),
        ([{"kind": "french_oral", "need": "required", "min": "A3"}], [(1, "min")]),
        ([{"kind": "french_oral", "need": "required", "min": "B2", "max": "A1"}], [(1, "max")]),
        ([{"kind": "anlci", "need": "required", "min": 5}], [(1, "min")]),
        ([{"kind": "residence", "need": "required"}], [(1, "communes")]),
        ([{"kind": "residence", "need": "required", "communes": ["Blois"]}], [(1, "communes")]),
        ([{"kind": "residence", "need": "required", "qpv": "oui"}], [(1, "qpv")]),
        ([{"kind": "residence", "need": "required", "departments": ["41\n"]}], [(1, "departments")]),
        ([{"kind": "availability", "need": "required", "min": 3, "any_of": ["mon_am"]}], [(1, "min")]),
        ([{"kind": "manual", "need": "to_check", "text": "  "}], [(1, "text")]),
        ([{"kind": "manual", "need": "to_check"}], [(1, "text")]),
        ([{"kind": "prescriber", "need": "required", "any_of": ["friend"]}], [(1, "any_of")]),
        (
            [{"kind": "age", "need": "required", "min": 1}, {"kind": "age", "need": "required", "max": "x"}],
            [(2, "max"), (2, "kind")],
        ),
        (
            [{"kind": "age", "need": "required", "min": 1}, {"kind": "age", "need": "required", "max": 9}],
            [(2, "kind")],
        ),
        ([{"kind": "public", "need": "required", "any_of": ["tous-publics"]}], [(1, "any_of")]),
        ([{"kind": "language", "need": "required", "any_of": ["klingon"]}], [(1, "any_of")]),
    ],
)
def test_bad_criteria_are_refused_naming_the_entry_and_the_field(raw, expected):
    assert faults(raw) == expected


def test_every_fault_is_named_not_only_the_first():
    assert faults([{"kind": "age", "need": "x", "min": "a"}, {"kind": "diploma", "need": "required"}]) == [
        (1, "need"),
        (1, "min"),
        (2, "any_of"),
    ]


def test_the_refusal_says_in_french_where_and_why():
    good, bad = {"kind": "age", "need": "required", "min": 1}, {"kind": "age", "need": "priority", "max": -1}
    with pytest.raises(BadCriteria) as caught:
        parse_criteria([good, bad])
    assert str(caught.value) == "critère 2, champ max\u00a0: un nombre entier de 0 à 120 est attendu"


# Each kind: unknown, unmet, met


def test_a_public_of_the_national_format_is_met_by_one_fact_and_unmet_only_when_all_are_known():
    wanted = {"any_of": ["femmes", "demandeurs-emploi"]}
    assert answer(Profile(sex="F"), "public", **wanted).reason == (
        "Femmes\u00a0: attendu demandeurs d’emploi ou femmes"
    )
    partly = answer(Profile(sex="M"), "public", **wanted)
    assert (partly.state, partly.change) == (
        "unknown",
        "demander si la personne est concernée\u00a0: demandeurs d’emploi",
    )
    assert answer(Profile(sex="M", statuses_known=True), "public", **wanted).state == "unmet"


def test_what_relais_does_not_record_never_excludes_from_a_public():
    known = Profile(sex="M", birth_date=born(40), statuses_known=True, in_qpv=False)
    for public in ("familles", "personnes-en-situation-de-handicap", "beneficiaires-des-minimas-sociaux"):
        assert answer(known, "public", any_of=[public]).state == "unknown"


def test_the_language_of_the_lesson_and_the_vehicle_are_compared_with_what_is_known():
    assert answer(Profile(), "language", any_of=["ar", "tr"]).reason == (
        "Langue parlée inconnue\u00a0: attendu arabe ou turc"
    )
    assert answer(Profile(language="uk"), "language", any_of=["ar"]).state == "unmet"
    assert answer(Profile(language="ar"), "language", any_of=["ar"]).state == "met"
    assert answer(Profile(has_vehicle=False), "vehicle", any_of=["yes"]).reason == (
        "N’a pas de véhicule\u00a0: attendu dispose d’un véhicule"
    )
    assert answer(Profile(), "vehicle", any_of=["yes"]).state == "unknown"


def test_an_unknown_birth_date_asks_for_it():
    result = answer(Profile(), "age", min=14, max=29)
    assert (result.state, result.reason) == ("unknown", "Date de naissance inconnue\u00a0: de 14 à 29 ans")
    assert result.change == "demander la date de naissance"


def test_too_old_gives_the_age_and_the_rule():
    result = answer(Profile(birth_date=born(34)), "age", min=14, max=29)
    assert (result.state, result.reason, result.change) == (
        "unmet",
        "34 ans\u00a0: réservé aux 14–29 ans",
        "",
    )


def test_too_young_says_from_which_day_it_opens():
    result = answer(Profile(birth_date=dt.date(2011, 3, 3)), "age", min=16)
    assert (result.state, result.reason) == ("unmet", "15 ans\u00a0: réservé aux 16 ans et plus")
    assert result.change == "possible à partir du 3 mars 2027 (16 ans)"


def test_an_age_limit_that_comes_soon_is_announced_while_it_is_still_met():
    result = answer(Profile(birth_date=dt.date(1997, 3, 3)), "age", min=14, max=29)
    assert (result.state, result.change) == ("met", "commencer avant le 3 mars 2027 (30 ans)")


@pytest.mark.parametrize(
    ("birth_date", "state"),
    [
        (born(30), "unmet"),
        (born(30, days=-1), "met"),
        (born(14), "met"),
        (born(14, days=-1), "unmet"),
    ],
)
def test_age_bounds_include_their_whole_year(birth_date, state):
    assert answer(Profile(birth_date=birth_date), "age", min=14, max=29).state == state


def test_someone_born_on_29_february_changes_age_on_1_march():
    profile = Profile(birth_date=dt.date(2008, 2, 29))
    assert profile.age(dt.date(2026, 2, 28)) == 17
    assert profile.age(dt.date(2026, 3, 1)) == 18
    assert "1er mars 2027" in answer(profile, "age", min=19).change


def test_only_an_upper_age_is_said_in_full_years():
    assert answer(Profile(birth_date=born(26)), "age", max=25).reason == "26 ans\u00a0: réservé aux moins de 26 ans"


def test_a_written_level_that_does_not_fit_proposes_a_positionnement():
    result = answer(Profile(french_written="A2"), "french_written", min="B1")
    assert (result.state, result.reason) == ("unmet", "Écrit A2\u00a0: attendu écrit B1 au moins")
    assert result.change == "écrit A2\u00a0: passer par un positionnement au Cria"


@pytest.mark.parametrize(
    ("level", "state"),
    [("", "unknown"), ("none", "unmet"), ("A1.1", "unmet"), ("A1", "met"), ("A2", "met"), ("B1", "unmet")],
)
def test_levels_follow_the_order_of_the_cecrl(level, state):
    assert answer(Profile(french_oral=level), "french_oral", min="A1", max="A2").state == state


@pytest.mark.parametrize(
    ("profile", "state"),
    [
        (Profile(), "unknown"),
        (Profile(statuses=frozenset({"rsa"})), "met"),
        (Profile(statuses=frozenset({"employee"})), "unknown"),
        (Profile(statuses=frozenset({"employee"}), statuses_known=True), "unmet"),
        (Profile(statuses_known=True), "unmet"),
    ],
)
def test_a_status_is_not_held_only_when_the_situation_is_known(profile, state):
    assert answer(profile, "status", any_of=["rsa", "job_seeker"]).state == state


@pytest.mark.parametrize(
    ("profile", "state"),
    [
        (Profile(), "unknown"),
        (Profile(commune_code="41018"), "unknown"),
        (Profile(in_qpv=True), "unknown"),
        (Profile(in_qpv=False), "unmet"),
        (Profile(commune_code="41269", in_qpv=True), "unmet"),
        (Profile(commune_code="41018", in_qpv=False), "unmet"),
        (Profile(commune_code="41018", in_qpv=True), "met"),
    ],
)
def test_residence_in_a_qpv_needs_both_the_commune_and_the_quartier(profile, state):
    assert answer(profile, "residence", communes=["41018"], qpv=True).state == state


def test_any_of_the_zones_is_enough():
    profile = Profile(commune_code="41047", department="41", epci="200030385")
    assert answer(profile, "residence", communes=["41018"], epcis=["200030385"]).state == "met"
    assert answer(profile, "residence", departments=["94"]).state == "unmet"


@pytest.mark.parametrize(
    ("commune", "epci", "state"),
    [("41047", "200030385", "met"), ("41269", "200030385", "unmet"), ("41269", "200072072", "unknown")],
)
def test_a_commune_tells_its_intercommunalite_where_the_communes_are_listed(commune, epci, state):
    assert answer(Profile(commune_code=commune), "residence", epcis=[epci]).state == state


def test_the_place_is_said_by_its_name():
    profile = Profile(commune_code="41269", commune_name="Vendôme")
    result = answer(profile, "residence", communes=["41018"], label="Blois")
    assert result.reason == "Vendôme\u00a0: attendu Blois"


@pytest.mark.parametrize(
    ("days", "state"),
    [(None, "unknown"), (set(), "unmet"), ({"mon_am"}, "unmet"), ({"mon_am", "tue_am"}, "met")],
)
def test_half_days_are_counted_among_those_listed(days, state):
    profile = Profile(availability=None if days is None else frozenset(days) | {"fri_pm"})
    assert answer(profile, "availability", any_of=["mon_am", "tue_am"], min=2).state == state


def test_a_condition_for_a_human_is_never_decided_here():
    result = answer(Profile(), "manual", "to_check", text="Motivé(e) par le secteur d’activité")
    assert (result.state, result.change) == ("unknown", "à vérifier avec la personne")


@pytest.mark.parametrize(
    ("kind", "params", "met", "unmet"),
    [
        ("sex", {"value": "F"}, {"sex": "F"}, {"sex": "M"}),
        ("schooling", {"any_of": ["never"]}, {"schooling": "never"}, {"schooling": "france"}),
        ("anlci", {"max": 2}, {"anlci": 2}, {"anlci": 3}),
        ("digital", {"max": "beginner"}, {"digital": "none"}, {"digital": "autonomous"}),
        ("licence", {"any_of": ["none", "code"]}, {"licence": "code"}, {"licence": "b"}),
        ("diploma", {"any_of": ["VI", "V"]}, {"diploma": "VI"}, {"diploma": "IV"}),
        ("prescriber", {"any_of": ["pjj"]}, {"prescriber_kind": "pjj"}, {"prescriber_kind": "plie"}),
        ("learner_public", {"any_of": ["fle"]}, {"schooling": "abroad"}, {"schooling": "never"}),
    ],
)
def test_each_fact_is_unknown_unmet_or_met_and_says_why(kind, params, met, unmet):
    nothing: dict[str, object] = {}
    results = [answer(Profile(**facts), kind, **params) for facts in (nothing, unmet, met)]
    assert [result.state for result in results] == ["unknown", "unmet", "met"]
    assert all("\u00a0: attendu " in result.reason for result in results)
    assert results[0].change


@pytest.mark.parametrize(
    ("schooling", "oral", "public"),
    [
        ("", "A1", ""),
        ("never", "", LearnerPublic.LITERACY),
        ("never", "C1", LearnerPublic.LITERACY),
        ("abroad", "", LearnerPublic.FLE),
        ("abroad", "B2", LearnerPublic.FLE),
        ("abroad", "C1", LearnerPublic.ILLITERACY),
        ("france", "", LearnerPublic.ILLITERACY),
        ("france", "C1", LearnerPublic.ILLITERACY),
        ("france", "A2", LearnerPublic.FLE),
    ],
)
def test_schooling_and_language_tell_the_three_publics_apart(schooling, oral, public):
    assert Profile(schooling=schooling, french_oral=oral).learner_public() == public


@pytest.mark.parametrize(
    ("need", "state", "expected"),
    [
        ("required", "unmet", "ineligible"),
        ("required", "unknown", "to_check"),
        ("required", "met", "eligible"),
        ("to_check", "unmet", "to_check"),
        ("to_check", "unknown", "to_check"),
        ("to_check", "met", "eligible"),
        ("priority", "unmet", "eligible"),
        ("priority", "unknown", "eligible"),
        ("priority", "met", "eligible"),
    ],
)
def test_the_need_of_a_criterion_decides_what_its_answer_weighs(need, state, expected):
    sex = {"unmet": "M", "unknown": "", "met": "F"}[state]
    assert verdict([answer(Profile(sex=sex), "sex", need, value="F")]) == expected


def test_no_criterion_admits_anybody():
    assert verdict([]) == "eligible"


# Laws

law = settings(deadline=None)
"""A law is about answers, not about how busy the machine is."""


def decide(raw, profile):
    return verdict(evaluate_all(parse_criteria(raw), profile, TODAY))


@law
@given(raw=several(), profile=profiles)
def test_the_explanation_and_the_decision_never_disagree(raw, profile):
    answers = evaluate_all(parse_criteria(raw), profile, TODAY)
    decided = verdict(answers)
    obstacles = [item for item in answers if item.level == "required" and item.state == "unmet"]
    required_unknown = [item for item in answers if item.level == "required" and item.state == "unknown"]
    left_to_check = [item for item in answers if item.level == "to_check" and item.state != "met"]
    assert (decided == "ineligible") == bool(obstacles)
    assert (decided == "to_check") == (not obstacles and bool(required_unknown + left_to_check))
    assert all(item.reason for item in answers)
    assert all(item.change for item in answers if item.state == "unknown")


@law
@given(data=st.data(), raw=several(), profile=profiles)
def test_the_order_of_the_criteria_does_not_matter(data, raw, profile):
    assert decide(data.draw(st.permutations(raw)), profile) == decide(raw, profile)


@law
@given(raw=several(max_size=5), extra=entries, profile=profiles)
def test_adding_a_met_criterion_never_lowers_the_verdict(raw, extra, profile):
    (criterion,) = parse_criteria([extra])
    if evaluate(criterion, profile, TODAY).state == "met" and slot(extra) not in map(slot, raw):
        assert RANK[decide([*raw, extra], profile)] >= RANK[decide(raw, profile)]


def loosened(draw, entry):
    """The same criterion, admitting at least as many people."""
    looser = dict(entry)
    if entry["kind"] == "age":
        looser |= {"min": entry["min"] - draw(st.integers(0, 9))} if "min" in entry else {}
        looser |= {"max": entry["max"] + draw(st.integers(0, 9))} if "max" in entry else {}
    elif "min" in entry and "max" in entry and entry["kind"] != "availability":
        del looser[draw(st.sampled_from(["min", "max"]))]
    elif entry["kind"] == "status":
        looser["any_of"] = sorted({*entry["any_of"], draw(st.sampled_from(Status.values))})
    elif entry["kind"] == "availability":
        looser["any_of"] = sorted({*entry["any_of"], draw(st.sampled_from(HalfDay.values))})
    elif entry["kind"] == "residence":
        looser["communes"] = sorted({*entry["communes"], draw(st.sampled_from(COMMUNES))})
        looser["departments"] = sorted({*entry.get("departments", []), draw(st.sampled_from(DEPARTMENTS))})
        looser.pop("qpv", None)
    looser["need"] = draw(st.sampled_from(NEEDS[NEEDS.index(entry["need"]) :]))
    return looser


@law
@given(data=st.data(), raw=several(min_size=1, max_size=5), profile=profiles)
def test_loosening_a_criterion_never_loses_a_person(data, raw, profile):
    looser = [loosened(data.draw, raw[0]), *raw[1:]]
    if slot(looser[0]) in map(slot, raw[1:]):
        looser[0]["need"] = raw[0]["need"]
    assert RANK[decide(looser, profile)] >= RANK[decide(raw, profile)]


@law
@given(entry=entries, profile=profiles)
def test_only_what_is_not_known_is_unknown(entry, profile):
    (criterion,) = parse_criteria([entry])
    full = replace(
        profile,
        birth_date=profile.birth_date or dt.date(1990, 1, 1),
        sex=profile.sex or "F",
        commune_code=profile.commune_code or "41018",
        department=profile.department or "41",
        epci=profile.epci or "200030385",
        in_qpv=bool(profile.in_qpv),
        statuses_known=True,
        french_oral=profile.french_oral or "A1",
        french_written=profile.french_written or "A1",
        schooling=profile.schooling or "abroad",
        anlci=profile.anlci or 1,
        digital=profile.digital or "none",
        licence=profile.licence or "none",
        diploma=profile.diploma or "VI",
        has_vehicle=bool(profile.has_vehicle),
        language=profile.language or "ar",
        availability=profile.availability or frozenset(),
        prescriber_kind=profile.prescriber_kind or "plie",
    )
    # What only a human judges, and publics of which Relais records nothing, stay open.
    if entry["kind"] != "public":
        assert (evaluate(criterion, full, TODAY).state == "unknown") == (entry["kind"] == "manual")


@law
@given(entry=entries)
def test_each_criterion_says_itself_as_a_sentence(entry):
    (criterion,) = parse_criteria([entry])
    assert criterion.sentence()[0].isupper()
