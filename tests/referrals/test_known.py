"""Which structure sees which person: rows that PostgreSQL keeps by itself, whatever writes the others."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection

from referrals.models import Known, Person, Referral
from referrals.permissions import Door
from structures.models import Structure
from structures.text import LEAST_ALIKE
from tests.territory import NOW, a_door, a_draft, a_person, a_sent, a_structure, an_action

pytestmark = pytest.mark.django_db
SOON = NOW + dt.timedelta(minutes=5)


@pytest.fixture
def sender() -> Door:
    return a_door(a_structure("Envoi"))


@pytest.fixture
def receiver() -> Door:
    return a_door(a_structure("Accueil"))


@pytest.fixture
def person(sender: Door) -> Person:
    return a_person(sender.actor, first_name="Awa", last_name="Diallo")


def knowing(person: Person) -> set[Structure]:
    return {row.structure for row in Known.objects.filter(person=person).select_related("structure")}


def test_a_draft_makes_nobody_known(sender: Door, receiver: Door, person: Person) -> None:
    a_draft(an_action(receiver.structure), sender.actor, person)
    assert knowing(person) == {sender.structure}
    assert not receiver.persons().exists()


def test_a_fiche_taken_back_is_forgotten_unless_another_one_was_sent(
    sender: Door, receiver: Door, person: Person
) -> None:
    first = a_sent(an_action(receiver.structure), sender.actor, person)
    second = a_sent(an_action(receiver.structure), sender.actor, person)
    first.recall(sender.actor, SOON)
    assert receiver.persons().get() == person
    second.recall(sender.actor, SOON)
    assert knowing(person) == {sender.structure}


def test_who_recorded_a_person_knows_them_even_when_a_fiche_to_them_is_taken_back(sender: Door, receiver: Door) -> None:
    ours = a_person(receiver.actor)
    a_sent(an_action(receiver.structure), sender.actor, ours).recall(sender.actor, SOON)
    assert knowing(ours) == {receiver.structure}


def test_a_fiche_that_is_deleted_or_moved_by_hand_takes_the_acquaintance_along(
    sender: Door, receiver: Door, person: Person
) -> None:
    other = a_person(sender.actor)
    fiche = a_sent(an_action(receiver.structure), sender.actor, person)
    Referral.objects.filter(pk=fiche.pk).update(person=other)
    assert receiver.persons().get() == other
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE referrals_event DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM referrals_event WHERE referral_id = %s", [fiche.pk])
    Referral.objects.get(pk=fiche.pk).delete()
    assert not receiver.persons().exists()


def test_a_person_handed_over_is_known_to_the_new_structure_only(sender: Door, receiver: Door, person: Person) -> None:
    Person.objects.filter(pk=person.pk).update(recorded_by=receiver.structure)
    assert knowing(person) == {receiver.structure}


def test_a_name_that_is_corrected_is_found_at_once_and_the_former_one_no_longer(
    sender: Door, receiver: Door, person: Person
) -> None:
    a_sent(an_action(receiver.structure), sender.actor, person)
    person.change(sender.actor, SOON, last_name="Ndiaye")
    for door in (sender, receiver):
        assert door.persons().matching("ndiaye").get() == person
        assert not door.persons().matching("diallo").exists()


@pytest.mark.parametrize("words", ["diallo awa", "Dialo", "DIALLÔ", "wa dia"])
def test_names_are_found_in_any_order_with_accents_and_typos(sender: Door, person: Person, words: str) -> None:
    assert sender.persons().matching(words).get() == person


def test_a_name_known_elsewhere_is_not_found(sender: Door, receiver: Door, person: Person) -> None:
    assert not receiver.persons().matching("Awa Diallo").exists()
    assert not receiver.persons().resembling("Awa", "Diallo", person.birth_date).exists()


def test_the_index_looks_for_all_that_the_rules_may_accept() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW pg_trgm.word_similarity_threshold")
        assert float(cursor.fetchone()[0]) == LEAST_ALIKE
