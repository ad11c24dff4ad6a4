"""An import of persons in a real browser, and two files made one: each step for every reader."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import expect

from referrals.models import Person
from tests.browser.soundness import assert_sound
from tests.referrals.stage import Stage
from tests.structures.tables import an_xlsx
from tests.territory import a_person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TABLE: list[list[Any]] = [
    ["Nom", "Prénom", "Naissance", "Où vit-elle ?", "Besoins"],
    ["Keïta", "Mariam", "12/03/1985", "Vineuil", "Mobilité"],
    ["Dialo", "Aissatou", "05/04/1990", "", ""],
    ["Sans prénom", "", "31/02/1990", "", "Danser"],
]


@pytest.fixture
def desk(page: Any, live_server: Any, settings: Any) -> tuple[Any, Stage, list[str]]:
    """A prescriber's page, somebody who is already known, and what the browser complained about."""
    settings.DEMO, settings.SECURE_SSL_REDIRECT = True, False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    stage = Stage()
    a_person(stage.sends, first_name="Aïssatou", last_name="Diallo")
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": stage.at_sender.cookies[name].value, "url": live_server.url}])
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    return page, stage, complaints


def looks_right(page: Any, step: str) -> None:
    assert_sound(page, step)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_a_table_is_uploaded_mapped_decided_imported_and_undone(desk: Any, width: int, scheme: Any) -> None:
    page, _, complaints = desk
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto("/personnes/")
    looks_right(page, "list")
    page.get_by_role("link", name="Importer").click()
    expect(page.get_by_role("button", name="Déposer le fichier")).to_be_visible()
    looks_right(page, "upload")
    table = {"name": "personnes.xlsx", "mimeType": "application/octet-stream", "buffer": an_xlsx(TABLE)}
    page.get_by_label("Fichier").set_input_files(table)
    page.get_by_role("button", name="Déposer le fichier").click()
    page.wait_for_url(re.compile("/colonnes/$"))
    page.get_by_label("D · Où vit-elle ?").select_option(label="Commune")
    looks_right(page, "columns")
    page.get_by_role("button", name="Voir l’aperçu").click()
    expect(page.get_by_text("1 personne à enregistrer, 1 à décider, 1 ligne à corriger")).to_be_visible()
    expect(page.locator(".import-cell")).to_have_text(["B4", "C4", "E4"])
    looks_right(page, "to correct")
    page.get_by_role("link", name="À décider").click()
    page.get_by_role("radio", name="Une autre personne : l’enregistrer").check()
    looks_right(page, "to decide")
    page.get_by_role("button", name="Enregistrer ces choix").click()
    expect(page.get_by_text("2 personnes à enregistrer")).to_be_visible()
    page.get_by_label("Importer sans les lignes à corriger").check()
    page.get_by_role("button", name="Importer 2 personnes").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Import terminé")
    looks_right(page, "result")
    assert Person.objects.standing().filter(last_name__in=["Keïta", "Dialo"]).count() == 2
    page.get_by_role("link", name="Annuler cet import").click()
    looks_right(page, "dialog")
    page.get_by_role("button", name="Annuler tout l’import").click()
    expect(page.get_by_text("2 personnes retirées")).to_be_visible()
    assert not Person.objects.standing().filter(last_name__in=["Keïta", "Dialo"]).exists()
    assert complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_two_files_are_compared_made_one_and_parted(desk: Any, width: int, scheme: Any) -> None:
    page, stage, complaints = desk
    a_person(stage.sends, first_name="Aissatou", last_name="Diallo", language="Peul", phone="+33199000101")
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto("/personnes/")
    page.get_by_role("link", name="Doublons possibles").click()
    expect(page.get_by_role("link", name="Comparer")).to_be_visible()
    looks_right(page, "pairs")
    page.get_by_role("link", name="Comparer").click()
    expect(page.get_by_role("button", name="Réunir les deux fiches")).to_be_visible()
    looks_right(page, "preview")
    page.get_by_role("button", name="Réunir les deux fiches").click()
    expect(page.get_by_text("Cette fiche en réunit deux")).to_be_visible()
    looks_right(page, "merged")
    page.get_by_role("button", name="Séparer").click()
    expect(page.get_by_text("Les deux fiches sont à nouveau séparées.")).to_be_visible()
    looks_right(page, "parted")
    assert Person.objects.standing().filter(last_name="Diallo").count() == 2
    assert complaints == []


def test_the_list_is_downloaded_twice_from_the_same_page(desk: Any) -> None:
    page, _, complaints = desk
    page.goto("/personnes/")
    for kind in ("XLSX", "CSV"):
        with page.expect_download() as download:
            page.get_by_role("button", name=kind).click()
        assert download.value.suggested_filename.endswith(f".{kind.lower()}")
    assert complaints == []
