"""The page of suggestions: what fits, what nearly fits, and why."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from referrals.matching.weights import RADII_KM
from referrals.models import Bilan, BilanKind, Person, Referral
from referrals.permissions import Door
from referrals.states import State
from referrals.views.matching import FIRST_MATCHES
from structures.models import Action, Commune, Structure
from structures.vocabulary import NeedTheme, Role
from tests.territory import a_draft, a_member, a_need, a_person, a_sent, a_session, a_structure, an_action


@pytest.fixture
def person(door: Door) -> Person:
    return a_person(door.actor, sex="M")


def url(person: Person) -> str:
    return reverse("referrals:suggestions", args=[person.pk])


def young(receiver: Structure, name: str = "Pour les jeunes") -> Action:
    """An action that a person born in 1990 misses by their age."""
    return an_action(receiver, name, criteria=[{"kind": "age", "need": "required", "min": 16, "max": 25}])


def test_a_stranger_finds_nothing_and_a_receiver_may_not(client: Client, door: Door, person: Person) -> None:
    accueil = a_structure()
    client.force_login(a_member(accueil, Role.RECEIVER))
    assert client.get(url(person)).status_code == 404
    a_sent(an_action(accueil), door.actor, person)
    assert client.get(url(person)).status_code == 403


def test_without_a_need_the_page_says_to_note_one(logged: Client, person: Person) -> None:
    page = logged.get(url(person)).content.decode()
    assert "Aucun besoin ouvert" in page
    assert reverse("referrals:need_create", args=[person.pk]) in page


def test_a_need_without_any_offer_is_said_to_be_unmet(logged: Client, door: Door, person: Person) -> None:
    a_need(person, door.actor, NeedTheme.HOUSING)
    response = logged.get(url(person))
    page = response.content.decode()
    assert "Un besoin reste sans solution" in page
    assert "Aucune action du catalogue ne répond à ce besoin" in page
    assert response.context["cards"] == []


def test_only_the_need_without_an_action_is_said_to_be_unmet(
    logged: Client, door: Door, person: Person, receiver: Structure
) -> None:
    an_action(receiver, "Atelier de français")
    a_need(person, door.actor, NeedTheme.FRENCH)
    a_need(person, door.actor, NeedTheme.HOUSING)
    unmet = logged.get(url(person)).context["unmet"]
    assert [one["need"] for one in unmet] == ["Logement"]


def test_each_suggestion_says_why_and_a_near_miss_what_stands_in_the_way(
    logged: Client, door: Door, person: Person, receiver: Structure
) -> None:
    a_need(person, door.actor)
    fits = an_action(receiver, "Atelier ouvert", criteria=[{"kind": "age", "need": "required", "min": 18}])
    near = young(receiver)
    response = logged.get(url(person))
    page = response.content.decode()
    assert [card["action"] for card in response.context["cards"]] == [fits]
    assert [card["action"] for card in response.context["near"]] == [near]
    assert "criterion-met" in page
    assert "criterion-unmet" in page
    assert "Orienter quand même" in page
    assert "Pourquoi cet ordre" in page


def test_what_stands_in_the_way_is_read_first(logged: Client, door: Door, person: Person, receiver: Structure) -> None:
    a_need(person, door.actor)
    criteria = [
        {"kind": "age", "need": "required", "min": 18},
        {"kind": "digital", "need": "priority", "min": "beginner"},
        {"kind": "sex", "need": "priority", "value": "F"},
    ]
    an_action(receiver, criteria=criteria)
    answers = logged.get(url(person)).context["cards"][0]["answers"]
    assert [answer.state for answer in answers] == ["unmet", "unknown", "met"]


def test_an_action_already_asked_for_shows_its_fiche_instead_of_the_button(
    logged: Client, door: Door, person: Person, receiver: Structure
) -> None:
    a_need(person, door.actor)
    drafted, sent = an_action(receiver, "Un"), an_action(receiver, "Deux")
    draft, fiche = a_draft(drafted, door.actor, person), a_sent(sent, door.actor, person)
    page = logged.get(url(person)).content.decode()
    assert reverse("referrals:referral_send", args=[draft.reference]) in page
    assert f"Fiche {fiche.reference} en cours" in page
    assert reverse("referrals:referral_create", args=[person.pk]) not in page


def test_the_session_proposed_goes_with_the_fiche_unless_it_is_full(
    logged: Client, door: Door, person: Person, receiver: Structure
) -> None:
    a_need(person, door.actor)
    soon = timezone.localdate() + dt.timedelta(days=10)
    free = a_session(an_action(receiver, "Libre"), soon, places=3)
    full = a_session(an_action(receiver, "Plein"), soon, places=2, reserved=2)
    page = logged.get(url(person)).content.decode()
    assert f'name="session" value="{free.pk}"' in page
    assert f'name="session" value="{full.pk}"' not in page
    assert "3 places" in page
    assert "Complet" in page


def test_a_theme_keeps_its_need_and_an_unknown_one_keeps_all(
    logged: Client, door: Door, person: Person, receiver: Structure
) -> None:
    a_need(person, door.actor, NeedTheme.FRENCH)
    a_need(person, door.actor, NeedTheme.MOBILITY)
    an_action(receiver, "Français")
    an_action(receiver, "Mobilité", themes=[NeedTheme.MOBILITY])
    names = {
        theme: {card["action"].name for card in logged.get(url(person), {"besoin": theme}).context["cards"]}
        for theme in ("", "mobility", "n’importe")
    }
    assert names == {"": {"Français", "Mobilité"}, "mobility": {"Mobilité"}, "n’importe": {"Français", "Mobilité"}}


def test_a_long_list_shows_the_first_and_then_all(
    logged: Client, door: Door, person: Person, receiver: Structure
) -> None:
    a_need(person, door.actor)
    for _ in range(FIRST_MATCHES + 3):
        an_action(receiver)
    response = logged.get(url(person))
    assert len(response.context["cards"]) == FIRST_MATCHES
    assert "Tout voir (3 de plus)" in response.content.decode()
    everything = logged.get(url(person) + response.context["all_url"])
    assert len(everything.context["cards"]) == FIRST_MATCHES + 3
    assert "Tout voir" not in everything.content.decode()


def test_at_most_twelve_queries_and_a_hundred_kilobytes_whatever_the_catalogue(
    logged: Client, door: Door, person: Person, receiver: Structure
) -> None:
    a_need(person, door.actor)
    a_need(person, door.actor, NeedTheme.MOBILITY)

    def more(count: int) -> None:
        for _ in range(count):
            action = an_action(receiver, description="Un atelier. " * 40)
            a_session(action, timezone.localdate() + dt.timedelta(days=9), places=5)
            young(receiver)

    more(1)
    logged.get(url(person))
    with CaptureQueriesContext(connection) as few:
        logged.get(url(person))
    more(25)
    with CaptureQueriesContext(connection) as many:
        response = logged.get(url(person))
    assert len(few) == len(many) <= 12
    assert len(response.content) < 100_000


def test_at_most_twelve_queries_even_where_one_looks_further_and_further(
    logged: Client, door: Door, person: Person, receiver: Structure
) -> None:
    Commune.objects.create(code="41018", name="Blois", latitude=47.59, longitude=1.33)
    person.change(door.actor, timezone.now(), commune="Blois", commune_code="41018")
    a_need(person, door.actor)
    a_need(person, door.actor, NeedTheme.MOBILITY)
    action = an_action(receiver, commune_code="41018")
    a_session(action, timezone.localdate() + dt.timedelta(days=9), places=5)
    young(receiver)
    logged.get(url(person))
    with CaptureQueriesContext(connection) as queries:
        response = logged.get(url(person))
    assert sum("structures_offer" in query["sql"] for query in queries) == len(RADII_KM)
    assert len(response.context["cards"]) == 1
    assert len(queries) <= 12


class TestAfterABilan:
    """The next fiche opens from a bilan, with what it recommends."""

    @pytest.fixture
    def bilan(self, door: Door, person: Person, receiver: Structure) -> Bilan:
        now = timezone.now()
        into = Door.of(a_member(receiver)).actor
        fiche = a_sent(an_action(receiver, themes=[NeedTheme.FRENCH]), door.actor, person, now)
        fiche.accept(into, now)
        fiche.enter(into, now, on=timezone.localdate(now))
        bilan = Bilan.objects.start(fiche, BilanKind.FINAL, into, now, recommended=[NeedTheme.DIGITAL])
        assert bilan.hand_in(into, now)
        return bilan

    @pytest.mark.parametrize("value", ["abc", "00000000-0000-4000-8000-000000000000"])
    def test_an_unknown_bilan_is_not_found(self, logged: Client, person: Person, value: str) -> None:
        assert logged.get(url(person), {"bilan": value}).status_code == 404

    def test_the_bilan_of_another_person_is_not_found(self, logged: Client, door: Door, bilan: Bilan) -> None:
        other = a_person(door.actor)
        assert logged.get(url(other), {"bilan": str(bilan.pk)}).status_code == 404

    def test_what_it_recommends_is_suggested_though_nobody_noted_it(
        self, logged: Client, person: Person, bilan: Bilan
    ) -> None:
        advised = an_action(a_structure(), "Numérique", themes=[NeedTheme.DIGITAL])
        response = logged.get(url(person), {"bilan": str(bilan.pk)})
        assert [card["action"] for card in response.context["cards"]] == [advised]
        assert not person.needs.exists(), "a GET writes nothing"
        page = response.content.decode()
        assert re.search(rf'name="bilan" value="{bilan.pk}"', page)


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_word_typed_just_before_the_last_press_leaves_with_the_fiche(
    logged: Client, door: Door, person: Person, receiver: Structure, page: Any
) -> None:
    a_need(person, door.actor)
    an_action(receiver, "Atelier ouvert")
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": logged.cookies[name].value, "domain": "localhost", "path": "/"}])
    warnings: list[str] = []

    def warned(dialog: Any) -> None:
        warnings.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", warned)
    page.goto(url(person))
    page.get_by_role("button", name="Orienter").click()
    page.get_by_label("De vive voix, en entretien").check()
    page.get_by_label("Mot pour la structure").press_sequentially("Disponible le lundi.")
    page.get_by_role("button", name="Envoyer la fiche").click()
    page.get_by_text("Fiche envoyée à Accueil.").wait_for()
    assert warnings == []
    referral = Referral.objects.get()
    assert referral.state == State.SENT
    assert "Disponible le lundi." in referral.motive
