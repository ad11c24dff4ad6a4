"""The list of persons as a table: what the door opens, no formula, a line in the journal."""

from __future__ import annotations

import csv
import io
import tracemalloc
import zipfile
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from python_calamine import CalamineWorkbook

from referrals.models import ConsentHow, ConsentScope, Event, EventKind, Person
from referrals.permissions import Door
from referrals.person_export import exported
from structures.spreadsheet.reading import read_table
from structures.spreadsheet.spilling import FORMULA, TYPES, spill
from structures.vocabulary import NeedTheme, Quartier, Role
from tests.referrals.stage import session_of
from tests.territory import NOW, TODAY, a_door, a_draft, a_need, a_person, a_person_batch, a_structure, an_action


@pytest.fixture
def door(db: None) -> Door:
    return a_door(a_structure("Mission locale"), Role.PRESCRIBER)


def table_of(door: Door, kind: str = "csv", **filters: str) -> list[dict[str, str]]:
    response: Any = session_of(door.user).post(reverse("referrals:person_export", args=[kind]), filters)
    assert response.status_code == 200
    content = b"".join(response.streaming_content)
    if kind == "csv":
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))
    head, *rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    return [dict(zip(map(str, head), map(str, row), strict=True)) for row in rows]


@pytest.mark.parametrize("kind", TYPES)
def test_every_format_says_the_same_and_its_kind_is_recognised(door: Door, kind: str) -> None:
    person = a_person(
        door.actor, first_name="Aïssatou", last_name="Diallo", phone="+33612345678", quartier=Quartier.NORD
    )
    a_need(person, door.actor, NeedTheme.MOBILITY)
    row = table_of(door, kind)[0]
    assert (row["Nom"], row["Prénom"], row["Date de naissance"]) == ("Diallo", "Aïssatou", "04/05/1990")
    assert (row["Téléphone"], row["Besoins"]) == ("06 12 34 56 78", "Mobilité")
    assert row["Quartier"] == Quartier.NORD.label


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("first", FORMULA)
def test_no_cell_is_a_formula(kind: str, first: str) -> None:
    cell = f"{first}HYPERLINK(1)"
    with spill(kind, "Personnes", [["Nom"], [cell]]) as file:
        content = file.read()
    if kind == "csv":
        assert list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))[1] == [f"'{cell}"]
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = b"".join(archive.read(name) for name in archive.namelist())
    assert b"<f>" not in parts
    assert b"table:formula" not in parts
    assert "HYPERLINK(1)" in read_table(content).rows[1].cells[0]


def test_what_a_consent_does_not_open_stays_empty(door: Door) -> None:
    receiver = a_door(a_structure("Accueil"), Role.RECEIVER)
    action = an_action(receiver.structure)
    for scopes in ([], [ConsentScope.CONTACT], [ConsentScope.PROFILE], [ConsentScope.NEEDS]):
        person = a_person(
            door.actor, phone="+33612345678", language="peul", french_oral="A1", last_name="-".join(["P", *scopes])
        )
        a_need(person, door.actor)
        fiche = a_draft(action, door.actor, person)
        fiche.send(door.actor, NOW, consent_how=ConsentHow.ORAL, consent_scope=scopes)
    a_person(door.actor, last_name="Jamais envoyée")
    shown = {
        row["Nom"]: [bool(row[name]) for name in ("Téléphone", "Langue parlée", "Français oral", "Besoins")]
        for row in table_of(receiver)
    }
    assert shown == {
        "P": [False, False, False, False],
        "P-contact": [True, True, False, False],
        "P-profile": [False, False, True, False],
        "P-needs": [False, False, False, True],
    }


def test_a_protected_structure_is_not_named(door: Door) -> None:
    sensitive = a_door(a_structure("CIDFF", is_sensitive=True), Role.PRESCRIBER)
    fiche = a_draft(an_action(door.structure), sensitive.actor)
    fiche.send(sensitive.actor, NOW, consent_how=ConsentHow.ORAL, consent_scope=[])
    assert [row["Enregistrée par"] for row in table_of(door)] == ["Structure protégée"]
    assert [row["Enregistrée par"] for row in table_of(sensitive)] == ["CIDFF"]


def test_the_filters_of_the_list_are_kept_and_journalled_without_a_name(door: Door) -> None:
    mobile = a_person(door.actor, first_name="Awa", last_name="Sow")
    a_need(mobile, door.actor, NeedTheme.MOBILITY)
    a_person(door.actor, first_name="Mariam", last_name="Keïta")
    assert [row["Nom"] for row in table_of(door, besoin="mobility")] == ["Sow"]
    assert [row["Nom"] for row in table_of(door, mots="keita")] == ["Keïta"]
    first, second = Event.objects.filter(kind=EventKind.EXPORTED).order_by("id")
    assert first.data == {"format": "csv", "count": 1, "filters": {"besoin": "mobility"}, "searched": False}
    assert second.data == {"format": "csv", "count": 1, "filters": {}, "searched": True}
    assert first.person is None
    assert first.structure == door.structure


def test_what_is_exported_can_be_imported(door: Door) -> None:
    a_person(door.actor, phone="+33612345678", anlci=2, statuses=["job_seeker"], availability=["mon_am"])
    other = a_door(a_structure("PIMMS"), Role.PRESCRIBER)
    head, row = exported(door, door.persons(), TODAY)
    assert set(a_person_batch(other, [head, row]).mapping) >= {"last_name", "phone", "statuses", "availability"}


def test_an_unknown_format_and_a_get_write_nothing(door: Door) -> None:
    client = session_of(door.user)
    assert client.post(reverse("referrals:person_export", args=["pdf"])).status_code == 404
    assert client.get(reverse("referrals:person_export", args=["csv"])).status_code == 405
    assert not Event.objects.filter(kind=EventKind.EXPORTED).exists()


@pytest.mark.parametrize("kind", TYPES)
def test_memory_does_not_grow_with_the_rows(kind: str) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        spill(kind, "Personnes", (["Une cellule d’une longueur ordinaire"] * 20 for _ in range(count))).close()
        _, found = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return found

    peak(10)
    assert peak(8_000) < 3 * peak(800) + 200_000


def test_two_thousand_persons_cost_few_queries(door: Door) -> None:
    assert door.structure is not None
    Person.objects.bulk_create(
        Person(first_name="Awa", last_name=f"N{n}", recorded_by=door.structure, created_at=NOW, updated_at=NOW)
        for n in range(2_000)
    )
    with CaptureQueriesContext(connection) as queries:
        rows = list(exported(door, door.persons(), TODAY))
    assert len(rows) == 2_001
    assert len(queries) <= 5
