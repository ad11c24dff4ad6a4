"""The figures as a table: line by line for one's own fiches, masked as on the page for the territory."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from python_calamine import CalamineWorkbook

from referrals.states import Reason
from reporting.facts import fold_all
from reporting.scope import View
from structures.models import Structure
from structures.spreadsheet.spilling import TYPES
from tests.reporting.conftest import NOW, Field, at
from tests.territory import an_action

Read = Callable[..., list[list[str]]]


@pytest.fixture
def table(field: Field, client: Client) -> Read:
    """The rows of a file, as a member of one of the structures gets it for 2026."""

    def read(structure: Structure, kind: str = "csv", **query: str) -> list[list[str]]:
        client.force_login(field.user(structure))
        asked = {"du": "2026-01-01", "au": "2026-12-31"} | query
        response: Any = client.get(reverse("reporting:export", args=[kind]), asked)
        assert response.status_code == 200
        assert response["Content-Type"] == TYPES[kind]
        assert f".{kind}" in response["Content-Disposition"]
        content = b"".join(response.streaming_content)
        if kind == "csv":
            return list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))
        return [
            [str(cell) for cell in row]
            for row in CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
        ]

    return read


def test_another_format_is_not_found(field: Field, client: Client) -> None:
    client.force_login(field.user(field.mission))
    assert client.get("/statistiques/export.pdf").status_code == 404


@pytest.mark.parametrize("kind", TYPES)
def test_a_wrong_filter_gives_the_form_and_no_file(field: Field, client: Client, kind: str) -> None:
    client.force_login(field.user(field.mission))
    asked = {"du": "2026-03-01", "au": "2026-01-01"}
    assert client.get(reverse("reporting:export", args=[kind]), asked).status_code == 422


@pytest.mark.parametrize("kind", TYPES)
def test_ones_own_fiches_are_told_line_by_line_and_no_person_is_named(field: Field, table: Read, kind: str) -> None:
    answered = field.sent(at(3, 2), first_name="Aïssatou", last_name="Diallo")
    answered.decline(field.receiver, at(3, 4), reason=Reason.NO_PLACE)
    fold_all(NOW)
    waiting = field.sent(at(3, 9), action=an_action(field.alire, "Atelier"))  # not counted yet
    field.sent(at(3, 9), by=field.pimms)
    found = table(field.mission, kind, vue=View.SENT)
    assert found[1:] == [
        [answered.reference, "02/03/2026", "Mission locale", "Alire", "FLI", Reason.NO_PLACE.label, "2"],
        [waiting.reference, "09/03/2026", "Mission locale", "Alire", "Atelier", "En attente d’une réponse", ""],
    ]
    assert [len(row) for row in found] == [len(found[0])] * 3
    assert len(table(field.alire, kind, vue=View.RECEIVED)) == 4


@pytest.mark.parametrize("kind", TYPES)
def test_the_territory_gets_no_line_per_fiche_and_small_groups_stay_masked(
    field: Field, table: Read, kind: str
) -> None:
    fiches = [field.sent(at(3, 2)) for _ in range(9)]
    for fiche in fiches[:2]:
        fiche.decline(field.receiver, at(3, 4), reason=Reason.NO_PLACE)
    cells = [cell for row in table(field.ville, kind) for cell in row]
    assert not any(fiche.reference in cell for fiche in fiches for cell in cells)
    sent = next(row for row in table(field.ville, kind) if row[:1] == ["Fiches envoyées"])
    assert sent[1] in ("9", "9.0")
    declined = next(row for row in table(field.ville, kind) if row[:1] == ["Déclinées"])
    assert declined[1] == "<\u00a05"


def test_no_cell_is_a_formula(field: Field, table: Read) -> None:
    field.sent(at(3, 2), action=an_action(field.alire, "=HYPERLINK(1)"))
    assert table(field.mission, "csv")[1][4] == "'=HYPERLINK(1)"
    assert table(field.mission, "xlsx")[1][4] == "=HYPERLINK(1)"
