"""What a change of criteria would do: exact for the manager's own persons, told in bands for the territory."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from referrals import previews
from referrals.models import Need, Person
from referrals.permissions import Door
from referrals.previews import BANDS, band, preview, shift_of
from structures.eligibility import BadCriteria, evaluate_all, parse_criteria, verdict
from structures.models import Action
from structures.vocabulary import NeedTheme, Role, StructureKind
from tests.structures.drawn_criteria import profiles, several
from tests.territory import TODAY, a_door, a_member, a_need, a_person, a_sent, a_structure, an_action

YOUNG: dict[str, Any] = {"kind": "age", "need": "required", "min": 16, "max": 25}
WIDER = {**YOUNG, "max": 40}


def born(age: int) -> dt.date:
    return TODAY.replace(year=TODAY.year - age, month=1, day=1)


# Bands


def test_no_band_tells_one_person_from_none() -> None:
    assert {band(count) for count in range(5)} == {"moins de 5"}
    assert [band(count) for count in (5, 9, 10, 19, 4_999, 5_000, 10**6)] == [
        "de 5 à 9", "de 5 à 9", "de 10 à 19", "de 10 à 19", "de 2000 à 4999", "5000 ou plus", "5000 ou plus",
    ]  # fmt: skip


@given(st.integers(0, 20_000))
def test_every_band_holds_at_least_five_counts(count: int) -> None:
    low = max((start for start in BANDS if start <= count), default=0)
    assert {band(low + step) for step in range(5)} == {band(count)}


# One person


@settings(max_examples=150, deadline=None)
@given(several(), several(), profiles)
def test_the_preview_and_the_decision_never_disagree(stored: Any, edited: Any, profile: Any) -> None:
    before, after = parse_criteria(stored), parse_criteria(edited)
    shift = shift_of(before, after, [profile], TODAY)
    was, becomes = (verdict(evaluate_all(rules, profile, TODAY)) != "ineligible" for rules in (before, after))
    assert (shift[0] if shift else None) == {(False, True): "gained", (True, False): "lost"}.get((was, becomes))
    if shift:
        assert shift[1], "a change without its condition"


@settings(max_examples=100, deadline=None)
@given(several(), profiles)
def test_taking_conditions_away_loses_nobody_and_the_same_conditions_move_nobody(stored: Any, profile: Any) -> None:
    rules = parse_criteria(stored)
    assert shift_of(rules, rules[::-1], [profile], TODAY) is None
    fewer = shift_of(rules, rules[1:], [profile], TODAY)
    assert fewer is None or fewer[0] == "gained"


# Many persons


@pytest.fixture
def door(db: None) -> Door:
    return a_door(a_structure("Alire"), Role.MANAGER, Role.PRESCRIBER)


@pytest.fixture
def action(door: Door) -> Action:
    return an_action(door.structure, slug="cours", criteria=[YOUNG])


def a_person_in_need(door: Door, age: int, theme: NeedTheme = NeedTheme.FRENCH, **values: Any) -> Person:
    person = a_person(door.actor, birth_date=born(age), **values)
    a_need(person, door.actor, theme)
    return person


def named(part: previews.Part) -> set[str]:
    return {shift.person.last_name for shift in part.named}


def test_only_open_needs_that_the_action_covers_are_compared(door, action) -> None:
    for last_name, theme in (("Ouvert", NeedTheme.FRENCH), ("Autre", NeedTheme.HOUSING), ("Clos", NeedTheme.FRENCH)):
        a_person_in_need(door, 30, theme, last_name=last_name)
    for need in Need.objects.filter(person__last_name="Clos"):
        need.close(door.actor, timezone.now())
    found = preview(action, [WIDER], door, TODAY)
    assert (named(found.gained), found.gained.count, found.lost.count, found.read) == ({"Ouvert"}, 1, 0, 1)


def test_those_who_gain_and_those_who_lose_are_told_apart_with_the_condition(door, action) -> None:
    a_person_in_need(door, 30, last_name="Entre")
    a_person_in_need(door, 17, last_name="Sort")
    a_person_in_need(door, 22, last_name="Reste")
    a_person_in_need(door, 50, last_name="Dehors")
    found = preview(action, [{**YOUNG, "min": 18, "max": 40}], door, TODAY)
    assert (named(found.gained), named(found.lost)) == ({"Entre"}, {"Sort"})
    assert found.gained.named[0].conditions == ("De 16 à 25 ans",)
    assert found.lost.named[0].conditions == ("De 18 à 40 ans",)


def test_a_person_with_two_needs_is_counted_once(door) -> None:
    action = an_action(door.structure, criteria=[YOUNG], themes=[NeedTheme.FRENCH, NeedTheme.DIGITAL])
    a_need(a_person_in_need(door, 30), door.actor, NeedTheme.DIGITAL)
    found = preview(action, [WIDER], door, TODAY)
    assert (found.gained.count, found.gained.own, found.read) == (1, 1, 2)


def test_who_noted_the_need_is_the_prescriber_that_the_condition_speaks_of(door) -> None:
    action = an_action(door.structure)
    for kind in (StructureKind.ASSOCIATION, StructureKind.COORDINATION):
        a_person_in_need(a_door(a_structure(kind=kind)), 30)
    only = [{"kind": "prescriber", "need": "required", "any_of": ["association"]}]
    assert preview(action, only, door, TODAY).lost.count == 1


def test_strangers_are_counted_and_never_named(door, action) -> None:
    other = a_door(a_structure("Ailleurs"))
    for _ in range(6):
        a_person_in_need(other, 30, last_name="Secret")
    found = preview(action, [WIDER], door, TODAY)
    assert (found.gained.band, found.gained.own, found.gained.named) == ("de 5 à 9", 0, [])


@pytest.mark.parametrize("hides", [["contact", "profile"], ["contact", "needs"], ["needs", "profile"], []])
def test_a_person_whose_consent_hides_what_a_condition_may_ask_is_not_named(door, action, hides) -> None:
    other = a_door(a_structure("Prescripteur"))
    shown, hidden = (a_person_in_need(other, 30, last_name=name) for name in ("Montre", "Cache"))
    for person, scope in ((shown, ["needs", "profile", "contact"]), (hidden, hides)):
        referral = a_sent(action, other.actor, person)
        type(referral).objects.filter(pk=referral.pk).update(consent_scope=scope)
    found = preview(action, [WIDER], door, TODAY)
    assert named(found.gained) == {"Montre"}
    assert found.gained.count == 2


def test_the_same_conditions_in_another_order_read_nothing(door) -> None:
    rules = [YOUNG, {"kind": "sex", "need": "priority", "value": "F"}]
    action = an_action(door.structure, criteria=rules)
    found = preview(action, rules[::-1], door, TODAY)
    assert (found.is_same, found.read) == (True, 0)


def test_conditions_that_cannot_be_read_have_no_preview(door, action) -> None:
    with pytest.raises(BadCriteria):
        preview(action, [{"kind": "age"}], door, TODAY)


def test_reading_and_naming_are_bounded(door, action, monkeypatch) -> None:
    monkeypatch.setattr(previews, "MOST_READ", 5)
    monkeypatch.setattr(previews, "MOST_NAMED", 2)
    for _ in range(7):
        a_person_in_need(door, 30)
    found = preview(action, [WIDER], door, TODAY)
    assert (found.read, found.is_cut, len(found.gained.named), found.gained.unnamed) == (5, True, 2, 3)


def test_a_preview_is_one_query_for_3_and_for_60_persons(door, action) -> None:
    for count in (3, 57):
        for _ in range(count):
            a_person_in_need(door, 30)
        with CaptureQueriesContext(connection) as queries:
            preview(action, [WIDER], door, TODAY)
        # A cursor on the server is declared, read and closed: one statement of ours.
        assert len([query for query in queries if "referrals_need" in query["sql"]]) == 1


# The page


@pytest.fixture
def manager(door: Door) -> Client:
    client = Client()
    assert door.user is not None
    client.force_login(door.user)
    return client


ADDRESS = "/actions/cours/conditions/apercu/"
LINE = {"line": "0:age", "0-need": "required", "0-min": "16", "0-max": "40"}
PIECE = {"HX-Request": "true"}


def text_of(answer: Any) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))).replace("\u00a0", " ")


def test_the_piece_of_page_tells_bands_names_and_conditions_and_writes_nothing(manager, door, action) -> None:
    a_person_in_need(door, 30, first_name="Awa", last_name="Diallo")
    answer = manager.post(ADDRESS, LINE, headers=PIECE)
    text = text_of(answer)
    for expected in ("Moins de 5 sur le territoire", "Awa DIALLO", "Ce qui l’écartait : De 16 à 25 ans"):
        assert expected in text
    assert "<html" not in answer.content.decode()
    assert Action.objects.get().criteria == [YOUNG]


def test_the_piece_of_page_waits_for_an_unfinished_condition(manager, action) -> None:
    answer = manager.post(ADDRESS, LINE | {"0-min": "douze"}, headers=PIECE)
    assert answer.status_code == 200
    assert "incomplète" in text_of(answer)


def test_without_javascript_it_is_a_step_that_carries_what_was_typed(manager, door, action) -> None:
    a_person_in_need(door, 30, first_name="Awa", last_name="Diallo")
    answer = manager.post(ADDRESS, LINE | {"seen": action.updated_at.isoformat()})
    assert "Awa DIALLO" in text_of(answer)
    assert "De 16 à 40 ans" in text_of(answer)
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', answer.content.decode()))
    sent = {name: unescape(value) for name, value in hidden.items() if name != "csrfmiddlewaretoken"}
    assert manager.post("/actions/cours/conditions/", sent).status_code == 302
    assert Action.objects.get().criteria == [WIDER]


def test_without_javascript_a_fault_leads_back_to_the_sentences(manager, action) -> None:
    answer = manager.post(ADDRESS, LINE | {"0-min": "50"})
    assert answer.status_code == 422
    assert "inférieur au minimum" in text_of(answer)


def test_a_preview_is_never_asked_by_a_link(manager, action) -> None:
    assert manager.get(ADDRESS).status_code == 405


def test_a_manager_of_another_structure_does_not_learn_that_the_action_is_there(action) -> None:
    stranger = Client()
    stranger.force_login(a_member(a_structure(), Role.MANAGER))
    assert stranger.post(ADDRESS, LINE).status_code == 404
    assert Action.objects.get().criteria == [YOUNG]
