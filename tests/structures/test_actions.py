"""The catalogue browsed without a person: search, filters, pages, and the page of an action."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from structures.catalogue import load_catalogue
from structures.models import Action, Commune
from tests.structures.test_catalogue import BLOIS
from tests.territory import a_member, a_session, a_structure, an_action

pytestmark = pytest.mark.django_db
LIST = "/actions/"


@pytest.fixture
def member(client):
    """Someone logged in, of any structure."""
    user = a_member(a_structure("Mission locale"))
    client.force_login(user)
    return client


def listed(client, **asked) -> list[str]:
    """The names of the actions on the page, in their order."""
    page = client.get(LIST, asked)
    assert page.status_code == 200
    return [unescape(name) for name in re.findall(r'<h2><a href="/actions/[^"]+">([^<]+)</a>', page.content.decode())]


# Doors


@pytest.mark.parametrize("address", [LIST, "/actions/cours/", "/actions/cours/imprimer/"])
def test_a_visitor_must_log_in(client, address) -> None:
    an_action(a_structure(), slug="cours")
    answer = client.get(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("address", [LIST, "/actions/cours/", "/actions/cours/imprimer/"])
def test_the_catalogue_is_only_read(member, address) -> None:
    an_action(a_structure(), slug="cours")
    assert member.post(address).status_code == 405


@pytest.mark.parametrize("values", [{"is_published": False}, {"structure": None}])
def test_an_action_that_is_withdrawn_or_whose_structure_is_closed_is_not_found(member, values) -> None:
    structure = a_structure(is_active="structure" not in values)
    an_action(structure, "Retirée", slug="cours", is_published=values.get("is_published", True))
    assert member.get("/actions/cours/").status_code == 404
    assert member.get("/actions/cours/imprimer/").status_code == 404
    assert listed(member) == []


# Place and dates


@pytest.fixture
def towns():
    for code, name, latitude, longitude in (
        ("41018", "Blois", 47.59, 1.33),
        ("41269", "Vendôme", 47.79, 1.07),
        ("37261", "Tours", 47.39, 0.69),
    ):
        Commune.objects.create(code=code, name=name, latitude=latitude, longitude=longitude)


@pytest.mark.usefixtures("towns")
def test_around_a_commune_stand_the_actions_near_it_and_those_that_serve_it_from_afar(member) -> None:
    structure = a_structure()
    an_action(structure, "À Blois", commune_code="41018")
    an_action(structure, "À Tours", commune_code="37261")
    an_action(structure, "À distance", commune_code="37261", modes_accueil=["a-distance"], zone_eligibilite=["41"])
    an_action(structure, "Ailleurs à distance", modes_accueil=["a-distance"], zone_eligibilite=["37"])
    an_action(structure, "Sans adresse")
    for words in ("Blois", "blois", "41018"):
        assert sorted(listed(member, commune=words)) == ["Sans adresse", "À Blois", "À distance"], words
    assert sorted(listed(member, commune="Vendome")) == ["Sans adresse", "À Blois", "À distance"]


@pytest.mark.usefixtures("towns")
def test_a_commune_that_is_not_known_is_said_beside_the_field_and_narrows_nothing(member) -> None:
    an_action(a_structure(), "À Blois", commune_code="41018")
    page = member.get(LIST, {"commune": "Bloi"}).content.decode()
    assert "Cette commune n’est pas connue ici\u00a0: vérifiez son nom." in unescape(page)
    assert 'value="Bloi"' in page
    assert listed(member, commune="Bloi") == ["À Blois"]


def test_the_next_session_can_be_asked_to_start_soon(member) -> None:
    today, structure = timezone.localdate(), a_structure()
    for name, days in (("Bientôt", 10), ("Plus tard", 60), ("L’an prochain", 200), ("Passée", -10)):
        a_session(an_action(structure, name), today + dt.timedelta(days=days))
    an_action(structure, "Sans session")
    assert listed(member, start="mois") == ["Bientôt"]
    assert listed(member, start="trimestre") == ["Bientôt", "Plus tard"]


# Search


def test_a_search_that_nothing_resembles_finds_nothing(member) -> None:
    an_action(a_structure(), "Permis B")
    for words in ("xylophone", "%", "_", "permis xylophone"):
        assert listed(member, q=words) == [], words


def test_search_forgives_accents_capitals_and_typos(member) -> None:
    load_catalogue(BLOIS)
    for words, first in {
        "permis": "Permis B",
        "PERMIS B": "Permis B",
        "permi b": "Permis B",
        "fransais": "Français langue d’intégration",
        "pimms": "PIMMS, France Services",
        "coching": "Coaching et estime de soi",
        "maraichage bio": "Jardin de Cocagne",
        "boutik'ecole": "Boutik’école",
        "begon": "Ateliers sociolinguistiques, niveau",
        "diagnostique mobilite": "Diagnostic mobilité",
    }.items():
        names = listed(member, q=words)
        assert names[:1], words
        assert names[0].startswith(first), (words, names)


def test_an_empty_search_lists_all_by_name_without_regard_to_accents(member) -> None:
    for name in ("Zoé", "Éveil", "atelier", "Fiche", "École"):
        an_action(a_structure(), name)
    assert listed(member, q="  ") == ["atelier", "École", "Éveil", "Fiche", "Zoé"]


def test_the_empty_answer_says_what_to_do(member) -> None:
    assert "retirez un filtre" in member.get(LIST, {"q": "xylophone"}).content.decode()


# Filters


def test_filters_narrow_the_list(member) -> None:
    structure = a_structure()
    an_action(structure, "Pour femmes", publics=["femmes"], themes=["rights"])
    an_action(structure, "Pour tous", publics=["tous-publics"], themes=["rights", "french"])
    an_action(structure, "Groupe A2", publics=["jeunes"], level_in="A2")
    assert listed(member, theme="rights") == ["Pour femmes", "Pour tous"]
    assert listed(member, public="femmes") == ["Pour femmes", "Pour tous"]
    assert listed(member, level="A2") == ["Groupe A2"]
    assert listed(member, theme="french", public="jeunes") == ["Groupe A2", "Pour tous"]


def test_an_unknown_filter_is_said_and_narrows_nothing(member) -> None:
    an_action(a_structure(), "Cours")
    page = member.get(LIST, {"theme": "cooking", "q": "cours"})
    assert "n’en fait pas partie" in page.content.decode()
    assert listed(member, theme="cooking", q="cours") == ["Cours"]


def test_only_actions_that_someone_can_still_enter(member) -> None:
    today = timezone.localdate()
    soon = today + dt.timedelta(days=10)
    structure = a_structure()
    a_session(an_action(structure, "À venir"), soon, places=5)
    a_session(an_action(structure, "Complète"), soon, places=5, reserved=5)
    a_session(an_action(structure, "Passée"), today - dt.timedelta(days=10))
    an_action(structure, "En pause", paused_until=soon)
    an_action(structure, "Toute l’année")
    both = an_action(structure, "Complète puis ouverte")
    a_session(both, soon, places=1, reserved=1)
    a_session(both, soon + dt.timedelta(days=30), places=1)
    assert listed(member, places="on") == ["À venir", "Complète puis ouverte", "Toute l’année"]


# Pages


def found(pattern: str, body: str) -> str:
    """The address, or the part of one, that the pattern captures in a page."""
    match = re.search(pattern, body)
    assert match, pattern
    return unescape(match.group(1))


def walk(client, link: str, **asked) -> list[list[str]]:
    """The names on each page, following « Suivants » or « Précédents »."""
    pages, address = [], LIST + "?" + "&".join(f"{name}={value}" for name, value in asked.items())
    while address:
        body = client.get(address).content.decode()
        pages.append([unescape(name) for name in re.findall(r'<h2><a href="[^"]+">([^<]+)</a>', body)])
        onward = re.search(rf'rel="{link}" href="([^"]+)"', body)
        address = unescape(onward.group(1)) if onward else ""
    return pages


def test_each_action_stands_on_exactly_one_page_in_both_directions(member) -> None:
    structure = a_structure()
    for number in range(45):
        an_action(structure, f"Cours {number % 9:02d}", publics=["jeunes"])
    forward = walk(member, "next")
    assert [len(page) for page in forward] == [20, 20, 5]
    everything = [name for page in forward for name in page]
    assert everything == sorted(everything)
    body = member.get(LIST).content.decode()
    second = found(r'rel="next" href="([^"]+)"', body)
    third = found(r'rel="next" href="([^"]+)"', member.get(second).content.decode())
    back = found(r'rel="prev" href="([^"]+)"', member.get(third).content.decode())
    assert member.get(back).context["actions"] == member.get(second).context["actions"]
    home = found(r'rel="prev" href="([^"]+)"', member.get(back).content.decode())
    first = member.get(home)
    assert first.context["actions"] == member.get(LIST).context["actions"]
    assert first.context["previous_url"] == ""


def test_the_next_page_keeps_the_search_and_the_filters(member) -> None:
    structure = a_structure()
    for number in range(25):
        an_action(structure, f"Cours {number:02d}", themes=["rights"])
        an_action(structure, f"Cours de français {number:02d}")
    pages = walk(member, "next", q="cours", theme="rights")
    assert [len(page) for page in pages] == [20, 5]
    assert len({name for page in pages for name in page}) == 25


@pytest.mark.parametrize("cursor", ["x", "WyJh", "after:1"])
def test_a_cursor_that_is_not_ours_gives_the_first_page(member, cursor) -> None:
    an_action(a_structure(), "Cours")
    assert listed(member, page=cursor) == ["Cours"]


def test_a_cursor_of_another_order_gives_the_first_page(member) -> None:
    structure = a_structure()
    for number in range(25):
        an_action(structure, f"Cours {number:02d}")
    cursor = found(r"page=([^\"&]+)", member.get(LIST).content.decode())
    assert listed(member, q="cours", page=cursor)[0] == "Cours 00"


@pytest.mark.parametrize("asked", [{}, {"q": "cours"}, {"theme": "french", "places": "on"}])
def test_the_list_costs_the_same_queries_for_3_and_for_60_actions(member, asked) -> None:
    costs = []
    listed(member)
    for count in (3, 57):
        for number in range(count):
            a_session(an_action(a_structure(), f"Cours {count}-{number}"), timezone.localdate())
        with CaptureQueriesContext(connection) as queries:
            listed(member, **asked)
        costs.append(len(queries))
    assert costs[0] == costs[1]


# One action


def page_text(client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))).replace("\u00a0", " ")


@pytest.mark.parametrize("address", ["/actions/alie-chantier-ecole/", "/actions/alie-chantier-ecole/imprimer/"])
def test_the_page_gives_the_facts_the_criteria_and_how_to_refer(member, address) -> None:
    load_catalogue(BLOIS)
    text = page_text(member, address)
    for expected in (
        "Chantier école (ACI)",
        "6 à 12 mois, CDDI au SMIC",
        "Obligatoire",
        "Diplôme : sans diplôme (niveau VI) ou CAP, BEP (niveau V)",
        "À vérifier avec la personne",
        "Motivé(e) pour la méthode proposée et pour le secteur d’activité",
        "Par les prescripteurs du territoire de projet",
        "alie@example.org",
    ):
        assert expected in text


def test_an_unconditional_welcome_says_so(member) -> None:
    an_action(a_structure(), slug="cours")
    assert "Ouvert à toute personne, sans condition." in page_text(member, "/actions/cours/")


def test_a_paused_action_says_until_when(member) -> None:
    until = timezone.localdate() + dt.timedelta(days=10)
    an_action(a_structure(), slug="cours", paused_until=until)
    assert "Complet jusqu’au" in page_text(member, "/actions/cours/")
    assert "Complet jusqu’au" in page_text(member, LIST)


def test_an_action_that_nobody_confirmed_lately_says_so(member) -> None:
    today = timezone.localdate()
    an_action(a_structure(), slug="vieux", confirmed_on=today - dt.timedelta(days=200))
    an_action(a_structure(), slug="frais", confirmed_on=today)
    assert "à confirmer auprès de la structure" in page_text(member, "/actions/vieux/")
    assert "Vérifiée le" in page_text(member, "/actions/frais/")


def test_past_sessions_are_not_shown_and_the_next_ones_are(member) -> None:
    today = timezone.localdate()
    action = an_action(a_structure(), slug="cours")
    a_session(action, today - dt.timedelta(days=90), ends_on=today - dt.timedelta(days=1), code="Passée")
    a_session(action, today - dt.timedelta(days=90), ends_on=today, code="En cours")
    a_session(action, today + dt.timedelta(days=9), code="À venir", places=0)
    text = page_text(member, "/actions/cours/")
    assert "Passée" not in text
    assert text.index("En cours") < text.index("À venir")


def test_what_a_manager_wrote_is_shown_as_text_and_never_as_markup(member) -> None:
    an_action(a_structure("<b>S</b>"), "<script>alert(1)</script>", slug="cours", description="<img src=x onerror=y>")
    for address in (LIST, "/actions/cours/", "/actions/cours/imprimer/"):
        body = member.get(address).content.decode()
        assert "<script>alert" not in body
        assert "<img src=x" not in body
        assert "<b>S</b>" not in body


def test_every_page_of_the_real_catalogue_opens(member) -> None:
    load_catalogue(BLOIS)
    for action in Action.objects.all():
        assert member.get(f"/actions/{action.slug}/").status_code == 200
