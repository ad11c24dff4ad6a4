"""An import in a real browser: uploaded, mapped, looked at, imported, undone; for every reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import expect

from structures.models import Action, Structure
from structures.vocabulary import Role
from tests.browser.soundness import assert_sound
from tests.structures.tables import an_xlsx
from tests.territory import NOW, a_batch, a_member, a_structure, an_action

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TABLE: list[list[Any]] = [
    ["Intitulé", "Besoins", "Quand", "Places", "Âge minimum"],
    ["Atelier de français", "Apprendre le français", "12 janvier 2027", 12, 16],
    ["Permis", "Mobilité", "", 8, ""],
    ["Danse contemporaine et expression corporelle", "Danser", "31/02/2027", "beaucoup", 18],
]


@pytest.fixture
def desk(page: Any, live_server: Any, settings: Any) -> Iterator[tuple[Any, Structure, list[str]]]:
    """A manager's page, their structure with one action, and what the browser complained about."""
    settings.DEMO, settings.SECURE_SSL_REDIRECT = True, False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    structure = a_structure("Alire")
    an_action(structure, "Permis", themes=["mobility"], places=5)
    client = Client()
    client.force_login(a_member(structure, Role.MANAGER))
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    yield page, structure, complaints


def a_file(name: str, content: bytes) -> dict[str, Any]:
    """A file as the browser picks it."""
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def test_a_table_is_uploaded_mapped_looked_at_imported_and_undone(desk: Any) -> None:
    page, structure, complaints = desk
    page.goto("/actions/")
    page.get_by_role("link", name="Importer des actions").click()
    page.get_by_label("Fichier").set_input_files(a_file("actions.xlsx", an_xlsx(TABLE)))
    page.get_by_role("button", name="Déposer le fichier").click()
    page.wait_for_url(re.compile("/colonnes/$"))
    expect(page.get_by_label("A · Intitulé")).to_have_value("name")
    page.get_by_label("C · Quand").select_option(label="Début de session")
    page.get_by_role("button", name="Voir l’aperçu").click()
    expect(page.get_by_text("1 action à ajouter, 1 à modifier, 1 ligne à corriger")).to_be_visible()
    expect(page.locator(".import-cell")).to_have_text(["B4", "C4", "D4"])
    with page.expect_download() as download:
        page.get_by_role("link", name="Télécharger les lignes à corriger").click()
    assert download.value.suggested_filename == "actions-a-corriger.xlsx"
    page.get_by_label("Importer les autres lignes sans celle qui est à corriger").check()
    page.get_by_role("button", name="Importer 2 actions").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Import terminé")
    assert set(Action.objects.filter(structure=structure).values_list("name", "places")) == {
        ("Atelier de français", 12), ("Permis", 8),
    }  # fmt: skip
    page.get_by_role("link", name="Annuler cet import").click()
    page.get_by_role("button", name="Annuler tout l’import").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Import annulé")
    assert list(Action.objects.filter(structure=structure).values_list("name", "places")) == [("Permis", 5)]
    assert complaints == []


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_step_has_a_fault_of_accessibility(desk: Any, width: int, scheme: Any) -> None:
    page, structure, complaints = desk
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    batch = a_batch(structure, NOW, [[str(cell) for cell in row] for row in TABLE])
    batch.map_columns({"name": 0, "themes": 1, "starts_on": 2, "places": 3, "age_min": 4})
    done = a_batch(structure, NOW, [["Nom", "Besoins"], ["Accueil", "Droits"], ["Faux", ""]])
    done.import_rows(NOW, done.plan().digest(), partly=True)
    undone = a_batch(structure, NOW, [["Nom", "Besoins", "Places"], ["Ronde", "Droits", "3"], ["Permis", "", "7"]])
    undone.import_rows(NOW, undone.plan().digest())
    Action.objects.filter(name="Permis").update(places=50)
    undone.undo(NOW)

    def looks_right(step: str) -> None:
        assert_sound(page, step)

    addresses = ["", f"{batch.pk}/colonnes/", f"{batch.pk}/", f"{batch.pk}/?voir=ajoutees"]
    addresses += [f"{batch.pk}/?voir=modifiees", f"{done.pk}/", f"{done.pk}/?voir=ajoutees", f"{undone.pk}/"]
    for address in addresses:
        page.goto(f"/actions/gestion/imports/{address}")
        looks_right(address)
    page.goto(f"/actions/gestion/imports/{done.pk}/")
    page.get_by_role("link", name="Annuler cet import").click()
    looks_right("dialog")
    assert complaints == []
    page.goto("/actions/gestion/imports/")
    page.get_by_label("Fichier").set_input_files(a_file("actions.csv", b"%PDF-1.7\x00"))
    page.get_by_role("button", name="Déposer le fichier").click()
    expect(page.get_by_text("Ce fichier n’est pas un tableau.").first).to_be_visible()
    looks_right("upload refused")
    page.goto(f"/actions/gestion/imports/{batch.pk}/colonnes/")
    page.get_by_label("B · Besoins").select_option(label="Nom")
    page.get_by_role("button", name="Voir l’aperçu").click()
    expect(page.get_by_text("est déjà choisi pour la colonne A · Intitulé").first).to_be_visible()
    looks_right("columns refused")
