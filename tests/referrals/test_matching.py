"""Suggestions: what is left out and why, the order and its reasons, places, and what is kept of them."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from referrals.matching import NEAR_MISS, WEIGHTS, SnapshotMatch, profile_of, snapshot, suggest
from referrals.models import Need, Person, Referral
from referrals.states import UnmetReason
from structures.models import Commune, Offer
from structures.vocabulary import ActionShape, Cecrl, NeedTheme, StructureKind
from tests.territory import NOW, TODAY, a_door, a_need, a_person, a_sent, a_session, a_structure, an_action

pytestmark = pytest.mark.django_db
IN_A_WEEK = TODAY + dt.timedelta(days=7)
ADULT = {"kind": "age", "need": "required", "min": 18}
WOMAN = {"kind": "sex", "need": "required", "value": "F"}
BLOIS = {"kind": "residence", "need": "required", "communes": ["41018"]}
FULL_TIME = {"kind": "availability", "need": "required", "min": 10}
MOTIVATED = {"kind": "manual", "need": "to_check", "text": "Motivé(e)"}


@pytest.fixture
def prescriber():
    return a_door(a_structure("Prescripteur", kind=StructureKind.PLIE)).actor


@pytest.fixture
def receiver():
    return a_door(a_structure("Organisme")).actor


def found(prescriber, *themes: str, **facts):
    person = a_person(prescriber, **facts)
    needs = [Need(theme=theme, priority=rank) for rank, theme in enumerate(themes or ["french"], start=1)]
    return suggest(person, needs, prescriber=prescriber.structure, on=TODAY)


def names(matches) -> list[str]:
    return [match.action.name for match in matches]


# What is left out


def test_nothing_is_suggested_without_a_need(prescriber, receiver) -> None:
    an_action(receiver.structure)
    result = suggest(a_person(prescriber), [], prescriber=prescriber.structure, on=TODAY)
    assert (result.matches, result.near_misses) == ([], [])


@pytest.mark.parametrize(
    "values",
    [
        {"is_published": False},
        {"paused_until": IN_A_WEEK},
        {"themes": [NeedTheme.MOBILITY]},
    ],
)
def test_a_withdrawn_a_paused_or_another_action_is_not_suggested(prescriber, receiver, values) -> None:
    an_action(receiver.structure, **values)
    assert found(prescriber).matches == []


def test_an_action_of_a_closed_structure_is_not_suggested(prescriber, receiver) -> None:
    an_action(a_structure(is_active=False))
    assert found(prescriber).considered == []


def test_an_action_comes_back_on_the_day_its_pause_ends(prescriber, receiver) -> None:
    an_action(receiver.structure, "Cours", paused_until=TODAY)
    assert names(found(prescriber).matches) == ["Cours"]


# Near misses


def test_a_near_miss_shows_the_one_or_two_criteria_that_stand_in_the_way(prescriber, receiver) -> None:
    an_action(receiver.structure, "Un obstacle", criteria=[ADULT, WOMAN])
    an_action(receiver.structure, "Deux obstacles", criteria=[WOMAN, BLOIS])
    an_action(receiver.structure, "Trois obstacles", criteria=[WOMAN, BLOIS, FULL_TIME])
    result = found(prescriber, sex="M", commune_code="41269", availability=["mon_am"])
    assert result.matches == []
    assert names(result.near_misses) == ["Un obstacle", "Deux obstacles"]
    assert [len(match.obstacles) for match in result.near_misses] == [1, NEAR_MISS]
    assert result.near_misses[0].obstacles[0].reason == "Homme\u00a0: attendu femme"


def test_what_is_unknown_is_to_be_checked_and_never_an_obstacle(prescriber, receiver) -> None:
    an_action(receiver.structure, criteria=[WOMAN, MOTIVATED])
    (match,) = found(prescriber, sex="").matches
    assert match.verdict == "to_check"
    assert [answer.reason for answer in match.to_check] == ["Sexe non renseigné\u00a0: attendu femme", "Motivé(e)"]


def test_the_territory_of_an_action_counts_as_a_residence(prescriber, receiver) -> None:
    an_action(receiver.structure, "Val-de-Marne", zone_eligibilite=["94"])
    an_action(receiver.structure, "Partout", zone_eligibilite=["france"])
    result = found(prescriber, commune="Blois", commune_code="41018")
    assert names(result.matches) == ["Partout"]
    assert [match.obstacles[0].reason for match in result.near_misses] == ["Blois\u00a0: attendu Val-de-Marne"]


# The order


def test_the_score_is_the_sum_of_its_parts(prescriber, receiver) -> None:
    action = an_action(receiver.structure, criteria=[ADULT, MOTIVATED], confirmed_on=TODAY)
    a_session(action, IN_A_WEEK, places=4)
    (match,) = found(prescriber).matches
    assert dict(match.parts) == {
        "Besoin\u00a0: Apprendre le français": 40,
        "Conditions remplies": 6,
        "Reste à vérifier": -2,
        "4 places": 8,
        "Commence dans le mois": 6,
        "Fiche de l’action à jour": 2,
    }
    assert match.score == sum(points for _, points in match.parts)


def test_the_first_need_weighs_more_than_the_second_and_two_needs_more_than_one(prescriber, receiver) -> None:
    an_action(receiver.structure, "Mobilité", themes=["mobility"])
    an_action(receiver.structure, "Français", themes=["french"])
    an_action(receiver.structure, "Les deux", themes=["mobility", "french"])
    assert names(found(prescriber, "french", "mobility").matches) == ["Les deux", "Français", "Mobilité"]


def test_ties_keep_the_same_order_each_time(prescriber, receiver) -> None:
    for name in ("Cours C", "Cours A", "Cours B", "Cours A"):
        an_action(receiver.structure, name)
    results = [[match.action.pk for match in found(prescriber).matches] for _ in range(3)]
    assert results[0] == results[1] == results[2]
    assert names(found(prescriber).matches) == ["Cours A", "Cours A", "Cours B", "Cours C"]


def test_the_group_of_the_person_s_level_comes_before_the_others(prescriber, receiver) -> None:
    an_action(receiver.structure, "A. Tous niveaux")
    an_action(receiver.structure, "B. Groupe A2", level_in=Cecrl.A2)
    assert names(found(prescriber, french_oral="A2").matches) == ["B. Groupe A2", "A. Tous niveaux"]
    assert names(found(prescriber, french_oral="A1").matches) == ["A. Tous niveaux", "B. Groupe A2"]


def test_another_training_public_comes_after(prescriber, receiver) -> None:
    an_action(receiver.structure, "A. FLE", learner_publics=["fle"])
    an_action(receiver.structure, "B. Alphabétisation", learner_publics=["literacy"])
    assert names(found(prescriber, schooling="never").matches) == ["B. Alphabétisation", "A. FLE"]


@pytest.mark.parametrize(
    ("theme", "known"),
    [("french", {"french_oral": "A1"}), ("basic_skills", {"anlci": 2}), ("mobility", {"french_written": "A2"})],
)
def test_a_positionnement_comes_first_until_the_level_is_known(prescriber, receiver, theme, known) -> None:
    an_action(receiver.structure, "Cours", themes=[theme], criteria=[ADULT], confirmed_on=TODAY)
    an_action(
        receiver.structure,
        "Positionnement",
        shape=ActionShape.POSITIONING,
        themes=[theme],
        scales=["cria"],
    )
    assert names(found(prescriber, theme).matches) == ["Positionnement", "Cours"]
    assert names(found(prescriber, theme, **known).matches) == ["Cours", "Positionnement"]


def test_a_diagnosis_that_does_not_evaluate_french_is_no_positionnement_for_french(prescriber, receiver) -> None:
    an_action(receiver.structure, shape=ActionShape.POSITIONING, scales=["mobility"])
    (match,) = found(prescriber).matches
    assert not any("positionnement" in label for label, _ in match.parts)


def test_a_prescriber_that_is_not_admitted_is_an_obstacle(prescriber, receiver) -> None:
    an_action(receiver.structure, criteria=[{"kind": "prescriber", "need": "required", "any_of": ["pjj"]}])
    (match,) = found(prescriber).near_misses
    assert match.obstacles[0].change == "faire envoyer la fiche par l’une de ces structures"


# Places and dates


def test_reserved_places_and_fiches_that_hold_one_are_taken_off(prescriber, receiver) -> None:
    action = an_action(receiver.structure)
    session = a_session(action, IN_A_WEEK, places=5, reserved=1)
    for verb in ("accept", "waitlist"):
        referral = a_sent(action, prescriber, session=session)
        getattr(referral, verb)(receiver, NOW)
    (match,) = found(prescriber).matches
    assert (match.next_session, match.places_left) == (session, 3)


def test_a_full_session_gives_way_to_the_next_one_that_is_not(prescriber, receiver) -> None:
    action = an_action(receiver.structure)
    a_session(action, IN_A_WEEK, places=3, reserved=3)
    later = a_session(action, IN_A_WEEK + dt.timedelta(days=90), places=3)
    (match,) = found(prescriber).matches
    assert (match.next_session, match.places_left) == (later, 3)


def test_the_database_counts_the_places_taken_whatever_changes_a_fiche(prescriber, receiver) -> None:
    action = an_action(receiver.structure)
    first, second = (a_session(action, IN_A_WEEK, places=2) for _ in range(2))

    def taken() -> tuple[int, int, int]:
        for row in (action, first, second):
            row.refresh_from_db()
        return action.taken, first.taken, second.taken

    fiche = a_sent(action, prescriber, session=first)
    assert taken() == (0, 0, 0)
    fiche.accept(receiver, NOW)
    assert taken() == (0, 1, 0)
    Referral.objects.filter(pk=fiche.pk).update(session=second)
    assert taken() == (0, 0, 1)
    fiche.refresh_from_db()
    fiche.enter(receiver, NOW, on=TODAY)
    assert taken() == (0, 0, 1)
    fiche.end(receiver, NOW)
    assert taken() == (0, 0, 0)
    other = a_sent(action, prescriber)
    other.accept(receiver, NOW)
    assert taken() == (1, 0, 0), "the action's own places are for those without a session"


def test_a_place_that_is_taken_leaves_the_offers_at_once(prescriber, receiver) -> None:
    action = an_action(receiver.structure, themes=["french", "mobility"])
    with Offer.objects.together(on=TODAY):
        session = a_session(action, IN_A_WEEK, places=2)
    a_sent(action, prescriber, session=session).accept(receiver, NOW)
    assert list(Offer.objects.order_by("id").values_list("places_left", flat=True)) == [1, 1]


def test_when_every_session_is_full_the_first_one_is_shown_as_full(prescriber, receiver) -> None:
    action = an_action(receiver.structure)
    first = a_session(action, IN_A_WEEK, places=2, reserved=2)
    a_session(action, IN_A_WEEK + dt.timedelta(days=90), places=2, reserved=2)
    (match,) = found(prescriber).matches
    assert (match.next_session, match.is_full) == (first, True)
    assert ("Complet", -20) in match.parts


def test_places_without_sessions_are_counted_on_the_action(prescriber, receiver) -> None:
    action = an_action(receiver.structure, places=1)
    a_sent(action, prescriber).accept(receiver, NOW)
    (match,) = found(prescriber).matches
    assert match.places_left == 0


def test_only_past_sessions_is_not_an_entry_all_year(prescriber, receiver) -> None:
    action = an_action(receiver.structure)
    a_session(action, TODAY - dt.timedelta(days=60), ends_on=TODAY - dt.timedelta(days=1))
    (match,) = found(prescriber).matches
    assert ("Pas de prochaine date", -10) in match.parts
    assert match.next_session is None


def test_a_running_session_is_shown_when_no_other_is_coming(prescriber, receiver) -> None:
    action = an_action(receiver.structure)
    running = a_session(action, TODAY - dt.timedelta(days=60), ends_on=IN_A_WEEK)
    (match,) = found(prescriber).matches
    assert match.next_session == running


def test_the_match_of_one_action_is_found_wherever_it_ranks(prescriber, receiver) -> None:
    closed, other = (
        an_action(receiver.structure, criteria=[WOMAN, BLOIS, FULL_TIME]),
        an_action(receiver.structure, themes=["mobility"]),
    )
    result = found(prescriber, sex="M", commune_code="41269", availability=["mon_am"])
    match = result.of(closed)
    assert match is not None
    assert match.verdict == "ineligible"
    assert result.of(other) is None


# Distance, and what happened before

TOWNS = {"41018": (47.59, 1.33), "41295": (47.58, 1.37), "41269": (47.79, 1.07), "75056": (48.86, 2.35)}


@pytest.fixture
def map_of_towns():
    for code, (latitude, longitude) in TOWNS.items():
        Commune.objects.create(code=code, name=code, latitude=latitude, longitude=longitude)


@pytest.mark.usefixtures("map_of_towns")
def test_the_nearest_comes_first_and_says_how_far_it_is(prescriber, receiver) -> None:
    for code in ("41269", "41295", "41018"):
        an_action(receiver.structure, code, commune_code=code)
    result = found(prescriber, commune_code="41018")
    assert [(match.action.name, match.distance) for match in result.matches] == [
        ("41018", "À moins d’un kilomètre"),
        ("41295", "À 3\u00a0km"),
        ("41269", "À 30\u00a0km"),
    ]
    assert ("À moins d’un kilomètre", WEIGHTS["very_near"]) in result.matches[0].parts


@pytest.mark.usefixtures("map_of_towns")
def test_an_action_two_hours_away_is_suggested_only_where_it_can_be_followed_at_a_distance(
    prescriber, receiver
) -> None:
    an_action(receiver.structure, "Sur place", commune_code="75056")
    an_action(receiver.structure, "À distance", commune_code="75056", modes_accueil=["a-distance"])
    an_action(
        receiver.structure, "Les deux", commune_code="75056", modes_accueil=["a-distance", "en-presentiel"],
        zone_eligibilite=["france"],
    )  # fmt: skip
    result = found(prescriber, commune_code="41018")
    assert names(result.matches) == ["Les deux", "À distance"]
    assert [match.distance for match in result.matches] == ["", ""]


@pytest.mark.usefixtures("map_of_towns")
def test_where_a_commune_is_not_known_one_looks_around_the_structure_that_asks(receiver) -> None:
    desk = a_door(a_structure(commune_code="41269")).actor
    an_action(receiver.structure, commune_code="41269")
    [near] = found(desk).matches
    assert near.distance == "À moins d’un kilomètre du prescripteur"
    assert (near.distance, WEIGHTS["very_near"]) in near.parts


def settled(prescriber, receiver, action, entered: int, declined: int, *, days: int = 1, **person) -> None:
    """Fiches of two weeks ago, answered after some days."""
    sent = NOW - dt.timedelta(days=14)
    answered = sent + dt.timedelta(days=days)
    for number in range(entered + declined):
        fiche = a_sent(action, prescriber, a_person(prescriber, sent, **person), sent)
        if number < entered:
            fiche.accept(receiver, answered)
            fiche.enter(receiver, answered, on=answered.date())
        else:
            fiche.decline(receiver, answered, reason="not_eligible")


def test_a_structure_that_answers_fast_and_takes_people_like_this_one_comes_first(prescriber, receiver) -> None:
    slow, fast = (an_action(receiver.structure, name, places=90) for name in ("A. Lente", "B. Rapide"))
    settled(prescriber, receiver, slow, 1, 5, days=12)
    settled(prescriber, receiver, fast, 5, 1)
    first, second = found(prescriber).matches
    assert (first.action, first.record.delay_label) == (fast, "Répond d’habitude en un jour")
    assert first.record.entered_label == "8 personnes du même âge sur 10 y sont entrées"
    assert second.record.delay_label == "Répond d’habitude en 12 jours"
    assert (first.score - second.score) == 2 * WEIGHTS["answers_fast"] + 2 * WEIGHTS["most_entered"]


def test_fewer_than_five_fiches_say_nothing_of_an_action(prescriber, receiver) -> None:
    action = an_action(receiver.structure)
    settled(prescriber, receiver, action, 4, 0)
    (match,) = found(prescriber).matches
    assert (match.record.delay_label, match.record.entered_label) == ("", "")


def test_people_of_another_age_stand_in_while_too_few_are_alike(prescriber, receiver) -> None:
    action = an_action(receiver.structure, places=90)
    settled(prescriber, receiver, action, 6, 0, birth_date=dt.date(1960, 1, 1))
    (young,) = found(prescriber, birth_date=dt.date(2006, 1, 1)).matches
    assert young.record.entered_label == "10 personnes sur 10 y sont entrées"


# Why nothing matched


@pytest.mark.parametrize(
    ("actions", "facts", "reason"),
    [
        ([], {}, UnmetReason.NO_OFFER),
        ([{"criteria": [BLOIS]}], {"commune_code": "41269"}, UnmetReason.ZONE),
        ([{"zone_eligibilite": ["94"]}], {"commune_code": "41269"}, UnmetReason.ZONE),
        ([{"criteria": [WOMAN]}], {"sex": "M"}, UnmetReason.NOT_ELIGIBLE),
        (
            [{"criteria": [WOMAN]}, {"criteria": [BLOIS]}],
            {"sex": "M", "commune_code": "41269"},
            UnmetReason.NOT_ELIGIBLE,
        ),
        (
            [{"criteria": [FULL_TIME]}, {"criteria": [WOMAN]}],
            {"sex": "M", "availability": ["mon_am"]},
            UnmetReason.TIMETABLE,
        ),
        ([{"places": 0}], {}, UnmetReason.NO_PLACE),
        ([{"frais": "payant"}], {}, UnmetReason.COST),
        ([{"frais": "payant"}, {"frais": "gratuit"}], {}, ""),
        ([{"criteria": [WOMAN]}], {"sex": ""}, ""),
        ([{"places": 0}, {"places": 2}], {}, ""),
    ],
)
def test_why_a_need_has_no_match(prescriber, receiver, actions, facts, reason) -> None:
    for values in actions:
        an_action(receiver.structure, **values)
    an_action(receiver.structure, themes=["mobility"])
    assert found(prescriber, "french", "mobility", **facts).why_unmatched("french") == reason


# Facts of a person


@pytest.mark.parametrize(
    ("facts", "commune", "in_qpv"),
    [
        ({}, "", None),
        ({"quartier": "nord"}, "41018", True),
        ({"quartier": "centre"}, "41018", False),
        ({"quartier": "nord", "in_qpv": False}, "41018", False),
        ({"quartier": "other"}, "", None),
        ({"quartier": "other", "commune_code": "41018"}, "41018", None),
    ],
)
def test_a_quartier_of_blois_tells_the_commune_and_the_qpv(facts, commune, in_qpv) -> None:
    profile = profile_of(Person(**facts))
    assert (profile.commune_code, profile.in_qpv) == (commune, in_qpv)


def test_no_availability_noted_is_unknown_and_not_never_free() -> None:
    assert profile_of(Person()).availability is None
    assert profile_of(Person(availability=["mon_am"])).availability == {"mon_am"}


def test_the_commune_tells_the_department_and_the_intercommunalite() -> None:
    profile = profile_of(Person(commune_code="41295"))
    assert (profile.department, profile.epci) == ("41", "200030385")


# Cost, and what is kept


@pytest.mark.parametrize("size", [3, 60])
def test_suggestions_cost_the_same_queries_whatever_the_catalogue(prescriber, receiver, size) -> None:
    for number in range(size):
        action = an_action(receiver.structure, criteria=[ADULT, WOMAN] if number % 2 else [])
        a_session(action, IN_A_WEEK, places=5)
    person, need = a_person(prescriber, sex="F"), Need(theme="french", priority=1)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        result = suggest(person, [need], prescriber=prescriber.structure, on=TODAY)
        for match in [*result.matches, *result.near_misses]:
            snapshot(match)
    # The judgement of all offers, then the actions of the short list, their sessions and their record.
    assert len(queries) == 4


def test_a_snapshot_reads_the_same_after_the_action_and_the_person_changed(prescriber, receiver) -> None:
    action = an_action(receiver.structure, "Cours du soir", criteria=[ADULT, WOMAN])
    a_session(action, IN_A_WEEK, code="2026-4", places=6)
    person = a_person(prescriber, sex="F", birth_date=dt.date(1990, 5, 4))
    need = a_need(person, prescriber)
    (match,) = suggest(person, [need], prescriber=prescriber.structure, on=TODAY).matches
    stored = json.loads(json.dumps(snapshot(match)))
    action.name, action.criteria = "Autre nom", []
    action.save()
    kept = SnapshotMatch.from_json(stored)
    assert kept is not None
    assert (kept.action, kept.structure, kept.on) == ("Cours du soir", "Organisme", TODAY)
    assert kept.answers == match.answers
    assert [answer.reason for answer in kept.answers] == [
        "36 ans\u00a0: à partir de 18 ans",
        "Femme\u00a0: attendu femme",
    ]
    assert (kept.score, kept.parts, kept.verdict) == (match.score, match.parts, "eligible")
    assert (kept.session_code, kept.session_starts_on, kept.places_left) == ("2026-4", IN_A_WEEK, 6)


def test_a_fiche_without_a_suggestion_kept_nothing_and_a_future_version_is_refused() -> None:
    assert SnapshotMatch.from_json({}) is None
    with pytest.raises(ValueError, match="99"):
        SnapshotMatch.from_json({"version": 99})
