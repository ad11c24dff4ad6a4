"""Noting needs, and closing them."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from referrals.models import ConsentHow, ConsentScope, Event, EventKind, Need, Person
from referrals.permissions import Door
from structures.vocabulary import NeedTheme, Role
from tests.territory import NOW, a_draft, a_member, a_need, a_person, a_structure, an_action


@pytest.fixture
def door(db: None) -> Door:
    return Door.of(a_member(a_structure("Envoi"), Role.PRESCRIBER))


@pytest.fixture
def person(door: Door) -> Person:
    return a_person(door.actor)


@pytest.fixture
def logged(client: Client, door: Door) -> Client:
    assert door.user is not None
    client.force_login(door.user)
    return client


def url(person: Person) -> str:
    return reverse("referrals:need_create", args=[person.pk])


def close_url(need: Need) -> str:
    return reverse("referrals:need_close", args=[need.person_id, need.pk])


def test_a_stranger_finds_neither_the_person_nor_the_need(client: Client, door: Door, person: Person) -> None:
    need = a_need(person, door.actor)
    client.force_login(a_member(a_structure(), Role.PRESCRIBER))
    assert client.get(url(person)).status_code == 404
    assert client.post(close_url(need)).status_code == 404


def test_a_receiver_without_the_prescriber_role_may_not_note_needs(client: Client, door: Door, person: Person) -> None:
    receiver = a_structure("Accueil")
    need = a_need(person, door.actor)
    fiche = a_draft(an_action(receiver), door.actor, person, needs=[need])
    fiche.send(door.actor, NOW, consent_how=ConsentHow.ORAL, consent_scope=[ConsentScope.NEEDS])
    client.force_login(a_member(receiver, Role.RECEIVER))
    assert client.get(url(person)).status_code == 403
    assert client.post(close_url(need)).status_code == 403


def test_a_need_that_was_not_shared_cannot_be_closed(client: Client, door: Door, person: Person) -> None:
    receiver = a_structure("Accueil")
    need = a_need(person, door.actor)
    fiche = a_draft(an_action(receiver), door.actor, person, needs=[need])
    fiche.send(door.actor, NOW, consent_how=ConsentHow.ORAL, consent_scope=[])
    client.force_login(a_member(receiver, Role.PRESCRIBER))
    assert client.post(close_url(need)).status_code == 404


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Choisissez au moins un besoin"),
        ({"needs": ["unknown"]}, "unknown"),
        ({"needs": ["housing"], "note": "Suivi pour une dépression."}, "pas son état de santé"),
        ({"needs": ["housing"], "obstacle": "1850578006084"}, "numéro de sécurité sociale"),
    ],
)
def test_faults_are_told_and_nothing_is_written(
    logged: Client, person: Person, data: dict[str, str], words: str
) -> None:
    response = logged.post(url(person), data)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not person.needs.exists()


def test_a_need_that_stands_open_is_shown_and_not_offered_again(logged: Client, door: Door, person: Person) -> None:
    a_need(person, door.actor, NeedTheme.HOUSING)
    page = logged.get(url(person)).content.decode()
    assert "Besoins déjà notés" in page
    assert 'value="housing"' not in page
    assert logged.post(url(person), {"needs": ["housing"]}).status_code == 422


def test_more_needs_lead_to_the_suggestions(logged: Client, person: Person) -> None:
    response = logged.post(url(person), {"needs": ["french", "housing"], "urgent": ["housing"], "note": "Point fait."})
    assert response["Location"] == reverse("referrals:suggestions", args=[person.pk])
    assert dict(person.needs.values_list("theme", "priority")) == {"french": 2, "housing": 1}
    assert set(person.needs.values_list("unmatched_reason", flat=True)) == {"no_offer"}


def test_a_need_is_closed_once_by_a_post_and_can_be_noted_again(logged: Client, door: Door, person: Person) -> None:
    need = a_need(person, door.actor, NeedTheme.HOUSING)
    assert logged.get(close_url(need)).status_code == 405
    for _ in range(2):
        assert logged.post(close_url(need)).status_code == 302
    need.refresh_from_db()
    assert need.closed_at is not None
    assert Event.objects.filter(kind=EventKind.NEED_CLOSED).count() == 1
    logged.post(url(person), {"needs": ["housing"]})
    assert person.needs.open().get().theme == NeedTheme.HOUSING


def test_with_every_need_noted_nothing_is_left_to_offer(logged: Client, door: Door, person: Person) -> None:
    for theme in NeedTheme:
        a_need(person, door.actor, theme)
    assert "Tous les besoins sont déjà notés" in logged.get(url(person)).content.decode()
