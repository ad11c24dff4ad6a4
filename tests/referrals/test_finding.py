"""Finding anything by a few words: only what the door shows, never a name in an address."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from referrals.finding import find, references
from referrals.models import Referral
from referrals.permissions import Door
from structures.models import Action
from structures.vocabulary import Role
from tests.referrals.stage import session_of
from tests.territory import a_door, a_person, a_sent, a_structure, an_action

ADDRESS = reverse("referrals:find_anything")


@pytest.fixture
def door(db: None) -> Door:
    return a_door(a_structure("Mission locale"), Role.PRESCRIBER)


@pytest.fixture
def fiche(door: Door) -> Referral:
    person = a_person(door.actor, first_name="Awa", last_name="Diallo")
    sent = a_sent(an_action(a_structure("Alire"), "Atelier de français"), door.actor, person)
    Referral.objects.filter(pk=sent.pk).update(reference="R-7K2M4Q")
    sent.refresh_from_db()
    return sent


def labels(door: Door, words: str) -> dict[str, list[str]]:
    return {group.key: [one.label for one in group.results] for group in find(door, words)}


@pytest.mark.parametrize(
    "words", ["R-7K2M4Q", "r-7k2m4q", "7k2m4q", " 7K2 M4Q ", "R7K2M4Q", "r-7k2", "7K2M", "R-7K2M40", "OK2M4Q", "7k2mlq"]
)
def test_a_fiche_is_found_by_its_reference_however_it_is_typed(door: Door, fiche: Referral, words: str) -> None:
    assert labels(door, words)["fiches"] == ["R-7K2M4Q"]


@pytest.mark.parametrize("words", ["R-7K", "7K2M4R", "R-7K2M4Q9", "atelier", "R-00000Q", "R-7K0", "R-é%_'"])
def test_other_words_find_no_fiche(door: Door, fiche: Referral, words: str) -> None:
    assert "fiches" not in labels(door, words)


def test_a_reference_that_begins_with_the_letter_r_is_whole() -> None:
    assert references("RABCDE") == references("R-RABCDE")
    assert references("RABCD") == references("R-RABCD")


@pytest.mark.parametrize("words", ["diallo", "DIALO", "awa", "Dïallo Awa"])
def test_a_person_is_found_by_their_name(door: Door, fiche: Referral, words: str) -> None:
    assert labels(door, words) == {"personnes": ["Awa DIALLO"]}


def test_actions_and_structures_are_found_by_their_names(door: Door, fiche: Referral) -> None:
    assert labels(door, "atelier de francais") == {"actions": ["Atelier de français"]}
    assert labels(door, "Alyre") == {}
    assert labels(door, "alire") == {"structures": ["Alire"]}
    Action.objects.update(is_published=False)
    assert labels(door, "atelier de francais") == {}


def test_nobody_finds_a_person_or_a_fiche_of_a_sensitive_structure(door: Door, fiche: Referral) -> None:
    sensitive = a_door(a_structure("CIDFF", is_sensitive=True), Role.PRESCRIBER, Role.RECEIVER)
    hidden = a_person(sensitive.actor, first_name="Mariam", last_name="Keïta")
    sent = a_sent(an_action(a_structure()), sensitive.actor, hidden)
    for words in ("Mariam Keïta", sent.reference):
        assert labels(door, words) == {}
        assert labels(sensitive, words)
    assert labels(sensitive, "diallo") == {}


def test_a_coordinator_finds_actions_but_nobody(door: Door, fiche: Referral) -> None:
    ville = a_door(a_structure("Ville"), Role.COORDINATOR)
    assert labels(ville, "diallo") == labels(ville, "7K2M4Q") == {}
    assert labels(ville, "atelier de français")


def test_words_in_the_address_are_not_read_and_too_few_are_told(door: Door, fiche: Referral) -> None:
    client = session_of(door.user)
    page = client.get(ADDRESS, {"mots": "diallo"})
    assert page.context["groups"] == []
    assert "diallo" not in page.content.decode()
    response = client.post(ADDRESS, {"mots": "a"})
    assert response.status_code == 422
    assert "au moins deux lettres" in response.content.decode()
    assert "Rien de tel" in client.post(ADDRESS, {"mots": "Zzyzx"}).content.decode()


def test_a_page_without_javascript_shows_links_and_the_dialog_a_list_of_options(door: Door, fiche: Referral) -> None:
    client: Any = session_of(door.user)
    link = reverse("referrals:person_detail", args=[fiche.person_id])
    whole = client.post(ADDRESS, {"mots": "diallo"}).content.decode()
    piece = client.post(ADDRESS, {"mots": "diallo"}, headers={"HX-Request": "true"}).content.decode()
    assert f'href="{link}"' in whole
    assert 'role="option"' not in whole
    assert f'href="{link}"' in piece
    assert 'role="option"' in piece
    assert "<html" not in piece


def test_it_costs_as_many_queries_for_one_result_as_for_many(door: Door) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            find(door, "sow")
        return len(queries)

    def write(count: int) -> None:
        for _ in range(count):
            a_sent(an_action(a_structure("Sow"), "Sow"), door.actor, a_person(door.actor, last_name="Sow"))

    write(1)
    one = cost()
    write(6)
    assert cost() == one
    assert all(len(group.results) == 5 for group in find(door, "sow"))


SEARCHED = {"referrals_known", "referrals_person", "referrals_referral", "structures_action", "structures_structure"}
WALK = re.compile(r"(?:Seq Scan|Index(?: Only)? Scan(?: Backward)? using \S+) on (\w+)")


def read_whole(search: Callable[[], object]) -> set[str]:
    """The tables for whose condition a search has no index.

    Told to look up nothing but conditions in indexes, PostgreSQL walks along a table, or along an index of it, only
    where nothing else answers.
    """
    with CaptureQueriesContext(connection) as queries:
        search()
    found = set()
    with connection.cursor() as cursor:
        for way in ("seqscan", "indexscan", "indexonlyscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        for query in queries:
            cursor.execute(f"EXPLAIN {query['sql']}")
            found |= {table for (line,) in cursor.fetchall() for table in WALK.findall(line)}
    return found & SEARCHED


def test_every_search_is_answered_by_an_index(door: Door, fiche: Referral) -> None:
    for words in ("diallo", "7K2M4Q", "R-7K2", "atelier de français"):
        assert read_whole(partial(find, door, words)) == set()
    assert read_whole(lambda: list(door.persons().matching("diallo")[:41])) == set()


def test_the_search_of_the_list_costs_as_many_queries_for_one_person_as_for_many(door: Door) -> None:
    client = session_of(door.user)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.post(reverse("referrals:person_list"), {"mots": "sow"})
        return len(queries)

    a_person(door.actor, last_name="Sow")
    cost()
    one = cost()
    for _ in range(12):
        a_sent(an_action(a_structure()), door.actor, a_person(door.actor, last_name="Sow"))
    assert cost() == one
