"""The screens of an import, without a browser: upload, columns, preview, result, files to download."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from python_calamine import CalamineWorkbook

from structures.models import Action, BatchState, ImportBatch
from structures.models.batch import KEPT_FOR
from structures.spreadsheet.columns import COLUMNS
from structures.spreadsheet.reading import read_table
from structures.vocabulary import Role
from tests.structures.tables import a_csv, an_ods, an_xlsx
from tests.territory import NOW, a_batch, a_member, a_structure, an_action

pytestmark = pytest.mark.django_db
LIST = "/actions/gestion/imports/"
TABLE: list[list[Any]] = [
    ["Nom", "Besoins couverts", "Début de session", "Places"],
    ["Atelier", "Mobilité", "12/01/2027", "12"],
    ["Danse", "Danser", "31/02/2027", ""],
]


@pytest.fixture
def structure() -> Any:
    return a_structure("Alire")


@pytest.fixture
def manager(client: Any, structure: Any) -> Any:
    client.force_login(a_member(structure, Role.MANAGER))
    return client


def upload(client: Any, content: bytes, name: str = "actions.xlsx") -> Any:
    return client.post(LIST, {"file": SimpleUploadedFile(name, content)})


def text_of(response: Any) -> str:
    """What the page says, without its tags."""
    body = re.sub(r"(?s)<svg.*?</svg>", "", response.content.decode())
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def run(client: Any, batch: ImportBatch, **more: str) -> Any:
    return client.post(f"{LIST}{batch.pk}/importer/", {"seen": batch.plan().digest(), **more})


# Upload


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "Ce fichier est vide."),
        (b"%PDF-1.7 \x00\x01", "Ce fichier n’est pas un tableau."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "protégé par un mot de passe"),
        (b"Nom;Places\n", "Ce fichier est vide."),
        (b"a;b\n" * 100 + b"x" * (5 * 1024 * 1024), "dépasse 5"),
    ],
)
def test_what_cannot_be_read_is_said_next_to_the_field(manager: Any, content: bytes, sentence: str) -> None:
    response = upload(manager, content)
    assert response.status_code == 422 and sentence in text_of(response)
    assert not ImportBatch.objects.exists()


def test_without_a_file_the_page_asks_for_one(manager: Any) -> None:
    response = manager.post(LIST)
    assert response.status_code == 422 and "Choisissez un fichier." in text_of(response)


@pytest.mark.parametrize("make", [an_xlsx, an_ods, a_csv])
def test_a_table_whose_headings_are_all_known_goes_straight_to_its_preview(manager: Any, make: Any) -> None:
    response = upload(manager, make(TABLE), "pas-le-bon-nom.pdf")
    batch = ImportBatch.objects.get()
    assert response["Location"] == f"{LIST}{batch.pk}/"
    assert batch.file_name == "pas-le-bon-nom.pdf" and [row.number for row in batch.table_rows] == [2, 3]
    page = text_of(manager.get(response["Location"]))
    assert "1 action à ajouter, 1 ligne à corriger" in page
    assert "B3 Besoins couverts « Danser » n’est pas connu" in page.replace("\u00a0", " ").replace("\u202f", " ")
    assert "C3 Début de session « 31/02/2027 » : ce jour n’existe pas" in page.replace("\u00a0", " ")


def test_dates_of_a_workbook_are_dates(manager: Any) -> None:
    upload(manager, an_xlsx([TABLE[0], ["Atelier", "Mobilité", dt.date(2027, 1, 12), 12.0]]))
    batch = ImportBatch.objects.get()
    assert batch.rows == [{"number": 2, "cells": ["Atelier", "Mobilité", "12/01/2027", "12"]}]


def test_the_session_holds_no_cell(manager: Any) -> None:
    upload(manager, a_csv(TABLE))
    manager.get(f"{LIST}{ImportBatch.objects.get().pk}/")
    assert not [value for value in manager.session.values() if "Atelier" in str(value)]


# Columns


def test_unknown_headings_are_asked_about_with_what_stands_below_them(manager: Any) -> None:
    response = upload(manager, a_csv([["Quoi", "Besoins"], ["Atelier", "Mobilité"], ["Cours", "FLE"]]))
    assert response["Location"].endswith("/colonnes/")
    page = text_of(manager.get(response["Location"]))
    assert "A · Quoi" in page and "Atelier · Cours" in page
    again = manager.post(response["Location"], {"column_0": "", "column_1": "themes"})
    assert again.status_code == 422 and "quelle colonne contient le nom" in text_of(again)
    twice = manager.post(response["Location"], {"column_0": "name", "column_1": "name"})
    assert twice.status_code == 422 and "déjà choisi pour la colonne A · Quoi" in text_of(twice)
    assert ImportBatch.objects.get().mapping == {"themes": 1}
    done = manager.post(response["Location"], {"column_0": "name", "column_1": "themes"})
    assert done["Location"] == f"{LIST}{ImportBatch.objects.get().pk}/"
    assert "2 actions à ajouter" in text_of(manager.get(done["Location"]))


def test_a_column_without_heading_is_asked_about_too(manager: Any, structure: Any) -> None:
    batch = a_batch(structure, NOW, [["Nom", "", "", "Remarques"], ["Atelier", "", "Mobilité", ""]])
    page = text_of(manager.get(f"{LIST}{batch.pk}/colonnes/"))
    assert "C · sans titre" in page and "B · sans titre" not in page and "D · Remarques" in page


# Preview and import


def test_the_import_waits_for_the_choice_to_leave_faulty_rows_out(manager: Any, structure: Any) -> None:
    batch = a_batch(structure, NOW, TABLE)
    refused = run(manager, batch)
    assert refused.status_code == 409 and "corrigez-les, ou choisissez" in text_of(refused)
    assert run(manager, batch, partly="on").status_code == 302
    assert [action.name for action in Action.objects.all()] == ["Atelier"]
    page = text_of(manager.get(f"{LIST}{batch.pk}/"))
    assert "1 action ajoutée" in page and "1 ligne à corriger" in page and "Annuler cet import" in page


def test_a_change_is_shown_with_what_was_and_what_will_be(manager: Any, structure: Any) -> None:
    an_action(structure, "Atelier", themes=["mobility"], places=5)
    batch = a_batch(structure, NOW, [["Nom", "Places"], ["atelier", "9"]])
    page = text_of(manager.get(f"{LIST}{batch.pk}/"))
    assert "Places Avant : 5 Après : 9" in page.replace("\u00a0", " ")


def test_a_preview_that_is_out_of_date_is_shown_again(manager: Any, structure: Any) -> None:
    batch = a_batch(structure, NOW, TABLE[:2])
    an_action(structure, "Atelier")
    response = manager.post(f"{LIST}{batch.pk}/importer/", {"seen": "autre"})
    assert response.status_code == 409 and "ont changé depuis cet aperçu" in text_of(response)
    assert "à modifier" in text_of(response)


def test_a_file_that_says_nothing_new_has_nothing_to_import(manager: Any, structure: Any) -> None:
    an_action(structure, "Atelier", themes=["mobility"])
    batch = a_batch(structure, NOW, [["Nom"], ["Atelier"]])
    page = text_of(manager.get(f"{LIST}{batch.pk}/"))
    assert "rien à importer" in page and "Importer 0" not in page


def test_many_rows_come_by_pages_and_by_outcome(manager: Any, structure: Any) -> None:
    rows = [[f"Action {n:03d}", "Mobilité" if n % 2 else "?"] for n in range(120)]
    batch = a_batch(structure, NOW, [["Nom", "Besoins"], *rows])
    first = manager.get(f"{LIST}{batch.pk}/")
    assert "Page 1 sur 3" in text_of(first) and "Action 000" in text_of(first) and len(first.content) < 100_000
    assert "Action 119" in text_of(manager.get(f"{LIST}{batch.pk}/?voir=ajoutees&page=3"))
    assert manager.get(f"{LIST}{batch.pk}/?voir=nulle-part&page=x").status_code == 200


@pytest.mark.parametrize("step", ["importer", "annuler"])
def test_what_is_done_already_leads_to_where_the_import_is(manager: Any, structure: Any, step: str) -> None:
    batch = a_batch(structure, NOW, TABLE[:2])
    seen = batch.plan().digest()
    batch.import_rows(NOW, seen)
    if step == "annuler":
        batch.undo(NOW)
    response = manager.post(f"{LIST}{batch.pk}/{step}/", {"seen": seen}, follow=True)
    assert response.redirect_chain[-1][0] == f"{LIST}{batch.pk}/"
    assert "a déjà terminé cet import" in text_of(response)
    assert manager.get(f"{LIST}{batch.pk}/colonnes/")["Location"] == f"{LIST}{batch.pk}/"


def test_undo_tells_what_it_did(manager: Any, structure: Any) -> None:
    an_action(structure, "Cours", themes=["french"], places=3)
    batch = a_batch(structure, NOW, [["Nom", "Besoins", "Places"], ["Atelier", "Mobilité", "4"], ["Cours", "", "9"]])
    run(manager, batch)
    Action.objects.filter(name="Cours").update(places=50)
    page = text_of(manager.post(f"{LIST}{batch.pk}/annuler/", follow=True))
    assert "Supprimées du catalogue Atelier" in page
    body = manager.get(f"{LIST}{batch.pk}/?voir=ajoutees").content.decode()
    assert "Atelier" in body and 'href="/actions/atelier/"' not in body
    assert "Laissé tel quel, car modifié ou utilisé depuis Cours : Places" in page.replace("\u00a0", " ")
    assert "Annulé" in text_of(manager.get(LIST))


def test_an_old_import_shows_its_result_and_can_no_longer_be_undone(manager: Any, structure: Any) -> None:
    batch = a_batch(structure, NOW, TABLE)
    run(manager, batch, partly="on")
    ImportBatch.objects.forget(NOW + KEPT_FOR + dt.timedelta(days=1))
    page = text_of(manager.get(f"{LIST}{batch.pk}/"))
    assert "ne peut plus être annulé" in page and "Annuler cet import" not in page
    assert manager.get(f"{LIST}{batch.pk}/a-corriger/").status_code == 404
    assert ImportBatch.objects.get().state == BatchState.IMPORTED


def test_what_a_cell_holds_is_shown_as_text_and_never_as_markup(manager: Any, structure: Any) -> None:
    batch = a_batch(structure, NOW, [["Nom", "<b>Besoins"], ["<script>alert(1)</script>", "<img src=x>"]])
    batch.map_columns({"name": 0, "themes": 1})
    for address in ("", "colonnes/"):
        page = manager.get(f"{LIST}{batch.pk}/{address}").content.decode()
        assert "<script>alert" not in page and "<img src" not in page and "<b>Besoins" not in page


# Files to download


def sheets(response: Any) -> dict[str, list[list[Any]]]:
    """The sheets of a downloaded workbook."""
    book = CalamineWorkbook.from_filelike(io.BytesIO(b"".join(response.streaming_content)))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


@pytest.mark.parametrize("kind", ["xlsx", "ods"])
def test_the_model_has_every_heading_and_a_guide(manager: Any, kind: str) -> None:
    response = manager.get(f"{LIST}modele.{kind}")
    assert response["Content-Disposition"] == f'attachment; filename="actions-modele.{kind}"'
    found = sheets(response)
    assert found["Actions"] == [[column.label for column in COLUMNS]]
    assert COLUMNS.guess(found["Actions"][0]) == {column.key: place for place, column in enumerate(COLUMNS)}
    assert [row[0] for row in found["Mode d’emploi"][1:]] == [column.label for column in COLUMNS]


def test_another_format_of_the_model_does_not_exist(manager: Any) -> None:
    assert manager.get(f"{LIST}modele.exe").status_code == 404


@pytest.mark.parametrize("make", [an_xlsx, an_ods, a_csv])
def test_the_rows_to_correct_come_back_as_they_were_and_are_never_formulas(
    manager: Any, structure: Any, make: Any
) -> None:
    evil = ['=HYPERLINK("http://evil.example";"x")', "@SUM(1)", "-1+1\nsuite", "+33"]
    table = [["Nom", "À corriger", "Besoins", "Remarques", "Places"], [evil[0], "ancien", evil[1], evil[2], evil[3]]]
    upload(manager, make(table))
    batch = ImportBatch.objects.get()
    response = manager.get(f"{LIST}{batch.pk}/a-corriger/")
    assert response["Content-Disposition"] == 'attachment; filename="actions-a-corriger.xlsx"'
    content = b"".join(response.streaming_content)
    rows = read_table(content).rows
    assert rows[0].cells == ["À corriger", "Nom", "Besoins", "Remarques", "Places"]
    assert rows[1].cells[1:] == evil
    assert rows[1].cells[0].startswith("Besoins couverts : «") and "Places : «" in rows[1].cells[0]
    parts = b"".join(_parts(content))
    assert b"<f>" not in parts and b"formula" not in parts


def _parts(content: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [archive.read(part) for part in archive.infolist()]


def test_a_corrected_file_comes_back_straight_to_its_preview(manager: Any, structure: Any) -> None:
    upload(manager, a_csv(TABLE))
    content = b"".join(manager.get(f"{LIST}{ImportBatch.objects.get().pk}/a-corriger/").streaming_content)
    response = upload(manager, content)
    assert response["Location"] == f"{LIST}{ImportBatch.objects.latest('id').pk}/"
    page = text_of(manager.get(response["Location"])).replace("\u00a0", " ")
    assert "Ligne 2 Danse" in page and "C2 Besoins couverts « Danser » n’est pas connu" in page


def test_without_a_faulty_row_there_is_nothing_to_correct(manager: Any, structure: Any) -> None:
    batch = a_batch(structure, NOW, TABLE[:2])
    assert manager.get(f"{LIST}{batch.pk}/a-corriger/").status_code == 404
