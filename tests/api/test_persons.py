"""Tables of persons, duplicates and merges over the API: the same forms, the same door, the same refusals."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from referrals.models import Event, EventKind, Origin, Person, PersonBatch, PersonMerge
from tests.api.conftest import ApiTown
from tests.referrals.stage import session_of
from tests.structures.tables import a_csv
from tests.territory import a_person

TABLE = [
    ["Nom", "Prénom", "Né(e) le", "Niveau oral", "Besoins"],
    ["Diallo", "Aïssatou", "04/05/1990", "A1", "Mobilité"],
    ["Keïta", "Mariam", "31/02/1990", "Z9", ""],
]


def call(town: ApiTown, path: str, body: Any = None, code: int = 200, who: str = "sender") -> Any:
    response: Any = town[who].post(f"/api/v1/{path}", body if body is not None else {}, format="json")
    assert response.status_code == code, response.content.decode()
    if code >= 400:
        assert response["Content-Type"] == "application/problem+json"
    return response.json() if response.content else None


def upload(town: ApiTown, content: bytes, code: int = 201) -> Any:
    file = SimpleUploadedFile("personnes.csv", content)
    response: Any = town["sender"].post("/api/v1/person-imports/", {"file": file}, format="multipart")
    assert response.status_code == code, response.content.decode()
    return response.json()


def pointers(problem: Any) -> set[str]:
    return {error["pointer"] for error in problem["errors"]}


# Export


def test_an_export_is_the_file_of_the_page_and_is_journalled(town: ApiTown) -> None:
    sender = town.doors["sender"]
    a_person(sender.actor, first_name="=1+1", last_name="Formule")
    response: Any = town["sender"].post("/api/v1/persons/export/", {"format": "csv", "words": "formule"})
    content = b"".join(response.streaming_content)
    page: Any = session_of(sender.user).post(reverse("referrals:person_export", args=["csv"]), {"mots": "formule"})
    assert content == b"".join(page.streaming_content)
    [row] = csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter=";")
    assert row["Prénom"] == "'=1+1"
    first, second = Event.objects.filter(kind=EventKind.EXPORTED).order_by("id")
    assert first.data == second.data == {"format": "csv", "count": 1, "filters": {}, "searched": True}
    assert (first.origin, first.structure) == (Origin.API, sender.structure)


def test_an_export_keeps_the_filters_and_refuses_what_it_does_not_know(town: ApiTown) -> None:
    a_person(town.doors["sender"].actor, last_name="Sans besoin")
    body = {"format": "csv", "need": town.need.theme, "progress": "no_referral", "whose": "structure"}
    response: Any = town["sender"].post("/api/v1/persons/export/", body)
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig")), delimiter=";"))
    assert [row["Nom"] for row in rows] == [town.person.last_name]
    problem = call(town, "persons/export/", {"format": "pdf", "need": "lune", "progress": "x", "whose": "y"}, 400)
    assert pointers(problem) == {"/format", "/need", "/progress", "/whose"}
    assert Event.objects.filter(kind=EventKind.EXPORTED).count() == 1


# Import


def test_a_table_is_previewed_with_each_fault_at_its_cell_and_nothing_is_recorded(town: ApiTown) -> None:
    before = Person.objects.count()
    told = upload(town, a_csv(TABLE))
    assert told["state"] == "uploaded"
    assert told["preview"]["counts"] == {"added": 1, "refused": 1}
    good, bad = told["preview"]["rows"]
    assert (good["name"], good["outcome"], good["faults"]) == ("Aïssatou DIALLO", "added", [])
    assert [(fault["cell"], fault["column"]) for fault in bad["faults"]] == [
        ("C3", "birth_date"),
        ("D3", "french_oral"),
    ]
    assert Person.objects.count() == before


def test_a_file_that_is_no_table_is_refused_in_words(town: ApiTown) -> None:
    problem = upload(town, b"\x89PNG\r\n\x1a\n\x00\x00", 400)
    assert pointers(problem) == {"/file"}
    assert not PersonBatch.objects.exists()


def test_columns_are_chosen_once_each_and_the_names_are_needed(town: ApiTown) -> None:
    path = f"person-imports/{upload(town, a_csv([['A', 'B'], ['Diallo', 'Awa']]))['id']}/columns/"
    assert pointers(call(town, path, {"mapping": {"last_name": 0, "shoe_size": 1}}, 400)) == {"/mapping/shoe_size"}
    assert pointers(call(town, path, {"mapping": {"last_name": 0, "first_name": 0}}, 400)) == {"/mapping"}
    assert pointers(call(town, path, {"mapping": {"last_name": 0}}, 400)) == {"/non_field_errors"}
    told = call(town, path, {"mapping": {"last_name": 0, "first_name": 1}})
    assert told["preview"]["counts"] == {"added": 1}


def test_a_likely_person_is_proposed_decided_completed_and_the_whole_taken_back(town: ApiTown) -> None:
    known = a_person(town.doors["sender"].actor, first_name="Aissatou", last_name="Dialo")
    told = upload(town, a_csv([*TABLE[:2], ["Roux", "Paul", "", "", ""]]))
    path = f"person-imports/{told['id']}/"
    assert told["preview"]["rows"][0]["likely"] == [
        {"id": str(known.pk), "first_name": "Aissatou", "last_name": "Dialo", "birth_date": "1990-05-04"}
    ]
    seen = told["preview"]["seen"]
    assert call(town, f"{path}apply/", {"seen": seen}, 409)["cause"] == "refused"
    refused = call(
        town, f"{path}choose/", [{"row": 3, "choice": "new"}, {"row": 2, "choice": str(town.person.pk)}], 400
    )
    assert pointers(refused) == {"/0/row", "/1/choice"}
    told = call(town, f"{path}choose/", [{"row": 2, "choice": str(known.pk)}])
    assert call(town, f"{path}apply/", {"seen": seen}, 409)["cause"] == "persons"
    done = call(town, f"{path}apply/", {"seen": told["preview"]["seen"]})
    assert (done["state"], done["preview"], done["may_be_undone"]) == ("imported", None, True)
    assert done["persons"]["completed"] == [str(known.pk)]
    known.refresh_from_db()
    assert known.french_oral == "A1"
    assert {need.unmatched_reason for need in known.needs.all()} == {"no_offer"}
    assert call(town, f"{path}apply/", {"seen": seen}, 409)["cause"] == "state"
    undone = call(town, f"{path}undo/")
    assert (undone["state"], undone["persons"]["restored"]) == ("undone", [str(known.pk)])
    known.refresh_from_db()
    assert known.french_oral == ""
    assert not Person.objects.filter(last_name="Roux").exists()


def test_the_table_of_another_structure_does_not_exist(town: ApiTown) -> None:
    path = f"person-imports/{upload(town, a_csv(TABLE))['id']}/"
    for verb in ("columns/", "choose/", "apply/", "undo/"):
        call(town, f"{path}{verb}", code=404, who="stranger")
    assert town["stranger"].get("/api/v1/person-imports/").json()["results"] == []


# Duplicates and merges


def twins(town: ApiTown) -> tuple[Person, Person]:
    actor = town.doors["sender"].actor
    keep = a_person(actor, first_name="Awa", last_name="Double", birth_date=None, french_oral="A1")
    lose = a_person(actor, first_name="Awa", last_name="Doublé", french_oral="A2", moved_on=dt.date(2026, 11, 3))
    return keep, lose


def test_duplicates_are_told_to_who_recorded_both_and_dismissed_once(town: ApiTown) -> None:
    keep, lose = twins(town)
    [pair] = town["sender"].get("/api/v1/duplicates/").json()["results"]
    assert {pair["first"]["id"], pair["second"]["id"]} == {str(keep.pk), str(lose.pk)}
    assert town["stranger"].get("/api/v1/duplicates/").json()["results"] == []
    call(town, f"duplicates/{pair['id']}/dismiss/", code=404, who="stranger")
    call(town, f"duplicates/{pair['id']}/dismiss/", code=204)
    assert town["sender"].get("/api/v1/duplicates/").json()["results"] == []


def test_a_merge_is_previewed_chosen_done_and_undone(town: ApiTown) -> None:
    keep, lose = twins(town)
    pair = {"keep": str(keep.pk), "lose": str(lose.pk)}
    preview = call(town, "merges/preview/", pair)
    assert {one["field"]: one["proposed"] for one in preview["differences"]} == {
        "first_name": "keep", "birth_date": "lose", "moved_on": "lose", "french_oral": "keep",
    }  # fmt: skip
    assert not PersonMerge.objects.exists()
    body = pair | {"seen": preview["seen"], "choices": {"french_oral": "lose"}}
    merge = call(town, "merges/", body, 201)
    keep.refresh_from_db()
    assert (keep.birth_date, keep.french_oral, keep.moved_on) == (lose.birth_date, "A2", dt.date(2026, 11, 3))
    gone = town["sender"].get(f"/api/v1/persons/{lose.pk}/")
    assert (gone.status_code, gone.json()["kept"]) == (404, str(keep.pk))
    assert "kept" not in town["stranger"].get(f"/api/v1/persons/{lose.pk}/").json()
    call(town, f"merges/{merge['id']}/undo/", code=404, who="stranger")
    assert call(town, f"merges/{merge['id']}/undo/")["undone_at"]
    keep.refresh_from_db()
    assert (keep.birth_date, keep.french_oral, keep.moved_on) == (None, "A1", None)
    assert call(town, f"merges/{merge['id']}/undo/", code=409)["cause"] == "state"


def test_what_cannot_be_merged_is_told_and_nothing_is_written(town: ApiTown) -> None:
    keep, lose = twins(town)
    pair = {"keep": str(keep.pk), "lose": str(lose.pk)}
    seen = call(town, "merges/preview/", pair)["seen"]
    assert call(town, "merges/preview/", {"keep": pair["keep"], "lose": pair["keep"]}, 409)["cause"] == "same"
    assert pointers(call(town, "merges/", pair | {"seen": seen, "choices": {"sex": "lose"}}, 400)) == {"/choices/sex"}
    lose.change(town.doors["sender"].actor, lose.updated_at + dt.timedelta(seconds=1), phone="+33199000101")
    assert call(town, "merges/", pair | {"seen": seen}, 409)["cause"] == "changed"
    Person.objects.filter(pk=lose.pk).update(contact_channel="sms")
    seen = call(town, "merges/preview/", pair)["seen"]
    choices = {"contact_channel": "lose", "phone": "keep"}
    assert pointers(call(town, "merges/", pair | {"seen": seen, "choices": choices}, 400)) == {"/phone"}
    assert not PersonMerge.objects.exists()


def test_needs_noted_over_the_api_are_matched_as_on_the_page(town: ApiTown) -> None:
    call(town, f"persons/{town.person.pk}/needs/", [{"theme": "housing"}], 201)
    assert town.person.needs.get(theme="housing").unmatched_reason == "no_offer"
