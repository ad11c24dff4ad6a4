"""The API performs the same verbs through the same door as the screens."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from referrals.models import Event, Origin, Person, Referral
from structures.models import Membership
from structures.vocabulary import ActionShape, Role
from tests.api.conftest import ApiTown
from tests.territory import a_member, a_person, a_sent, a_structure, an_action

SENDING = {"consent_how": "oral", "consent_scope": ["contact", "profile", "needs"]}
TODAY = dt.date.today().isoformat()


def post(client: APIClient, path: str, body: Any = None, code: int = 200) -> Any:
    response = client.post(f"/api/v1/{path}", body or {})
    assert response.status_code == code, response.content.decode()
    return response.json()


def get(client: APIClient, path: str, code: int = 200, headers: dict[str, str] | None = None) -> Any:
    response = client.get(f"/api/v1/{path}", headers=headers or {})
    assert response.status_code == code, response.content.decode()
    return response.json()


def a_fiche(town: ApiTown, *, sent: bool = True) -> str:
    body = {"person": str(town.person.pk), "action": town.action.slug}
    reference = post(town["sender"], "referrals/", body, 201)["reference"]
    if sent:
        post(town["sender"], f"referrals/{reference}/send/", SENDING)
    return reference


# Refusals first


LISTS = ("structures/", "actions/", "persons/", "referrals/", "bilans/", "followups/", "me/", "schema/")


@pytest.mark.parametrize("path", LISTS)
def test_nobody_reads_anything_without_a_token(town: ApiTown, path: str) -> None:
    response = town["anonymous"].get(f"/api/v1/{path}")
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"].startswith("Token")


@pytest.mark.parametrize("path", ["persons/", "referrals/", "bilans/", "followups/"])
def test_a_coordinator_opens_no_file(town: ApiTown, path: str) -> None:
    assert get(town["coordinator"], path, 403)["status"] == 403


def test_a_stranger_meets_404_everywhere(town: ApiTown) -> None:
    reference = a_fiche(town)
    stranger = town["stranger"]
    for path in (f"persons/{town.person.pk}/", f"persons/{town.person.pk}/suggestions/", f"referrals/{reference}/"):
        body = get(stranger, path, 404)
        assert body["title"] == "Introuvable"
    post(stranger, f"referrals/{reference}/accept/", code=404)
    post(stranger, f"needs/{town.need.pk}/close/", code=404)
    assert get(stranger, "persons/")["results"] == []
    assert get(stranger, "referrals/")["results"] == []


def test_the_wrong_side_meets_403(town: ApiTown) -> None:
    reference = a_fiche(town)
    post(town["sender"], f"referrals/{reference}/accept/", code=403)
    post(town["receiver"], f"referrals/{reference}/cancel/", {"reason": "mistake"}, 403)


def test_a_structure_that_is_not_ones_own_cannot_be_chosen(town: ApiTown) -> None:
    header = {"Relais-Structure": str(town.structure("sender").pk)}
    assert get(town["stranger"], "persons/", headers=header)["results"] == []
    user = town.doors["stranger"].user
    assert user is not None
    Membership.objects.create(user=user, structure=town.structure("sender"), roles=[Role.PRESCRIBER])
    assert len(get(town["stranger"], "persons/", headers=header)["results"]) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"last_name": "Essai"}, "/first_name"),
        ({"first_name": "Awa", "last_name": "Essai", "birth_date": "31/02/1990"}, "/birth_date"),
        ({"first_name": "Awa", "last_name": "Essai", "phone": "12"}, "/phone"),
        ({"first_name": "Awa", "last_name": "2 90 05 41 018 042 71"}, "/last_name"),
        ({"first_name": "Awa", "last_name": "Essai", "needs": [{"theme": "lune"}]}, "/needs/0/theme"),
        ({"first_name": "Awa", "last_name": "Essai", "needs": [{"theme": "french"}, {"theme": "french"}]}, "/needs"),
    ],
)
def test_a_bad_person_is_refused_whole_and_each_fault_is_named(
    town: ApiTown, body: dict[str, Any], pointer: str
) -> None:
    before = Person.objects.count()
    answer = post(town["sender"], "persons/", body, 400)
    assert answer["title"] == "Demande incorrecte"
    assert pointer in {error["pointer"] for error in answer["errors"]}
    assert Person.objects.count() == before


def test_a_second_answer_meets_409_and_learns_what_the_first_one_did(town: ApiTown) -> None:
    reference = a_fiche(town)
    version = get(town["receiver"], f"referrals/{reference}/")["version"]
    post(town["receiver"], f"referrals/{reference}/waitlist/", {"version": version})
    told = post(town["receiver"], f"referrals/{reference}/accept/", {"version": version}, 409)
    assert told["state"] == "waitlisted"
    assert told["last_event"]["kind"] == "waitlist"


def test_a_fiche_is_not_sent_without_consent(town: ApiTown) -> None:
    reference = a_fiche(town, sent=False)
    answer = post(town["sender"], f"referrals/{reference}/send/", {"consent_scope": []}, 400)
    assert {error["pointer"] for error in answer["errors"]} == {"/consent_how"}
    assert Referral.objects.get(reference=reference).state == "draft"


def test_a_fiche_redirected_to_its_own_action_is_refused(town: ApiTown) -> None:
    reference = a_fiche(town)
    post(town["receiver"], f"referrals/{reference}/redirect/", {"to": town.action.slug}, 400)
    post(town["receiver"], f"referrals/{reference}/redirect/", {"to": "nulle-part"}, 400)


# The path


def test_the_whole_path_runs_over_the_api(town: ApiTown) -> None:
    body = {
        "first_name": "Lina",
        "last_name": "Exemple",
        "birth_date": "1994-02-03",
        "needs": [{"theme": "french", "priority": 1}],
    }
    person = post(town["sender"], "persons/", body, 201)
    found = post(town["sender"], "persons/search/", {"words": "exempel lina"})
    assert [row["id"] for row in found] == [person["id"]]
    suggestions = get(town["sender"], f"persons/{person['id']}/suggestions/")
    assert town.action.slug in [match["action"] for match in suggestions["matches"]]
    fiche = post(town["sender"], "referrals/", {"person": person["id"], "action": town.action.slug}, 201)
    reference = fiche["reference"]
    assert fiche["matched"], "the snapshot of what matched is kept"
    assert fiche["can"] == ["attach", "cancel", "edit", "hand_over", "send"]
    assert get(town["receiver"], f"referrals/{reference}/", 404)
    post(town["sender"], f"referrals/{reference}/send/", SENDING)
    assert [row["reference"] for row in get(town["receiver"], "referrals/?direction=received&state=sent")["results"]]
    post(
        town["receiver"],
        f"referrals/{reference}/accept/",
        {"appointment_at": "2026-12-01T10:00:00+01:00", "appointment_place": "Accueil"},
    )
    post(town["receiver"], f"referrals/{reference}/enter/", {"on": TODAY})
    bilan = post(town["receiver"], "bilans/", {"referral": reference, "kind": "final"}, 201)
    for wrong in (
        {"levels_after": {"oral": 5}},
        {"levels_after": {"french_oral": 2}},
        {"certificates": [{"certificate": "delf_a2", "result": "sold"}]},
        {"certificates": [{"certificate": "title", "result": "planned", "name": "1 85 05 78 006 084 36"}]},
        {"way": "paper"},
    ):
        assert town["receiver"].patch(f"/api/v1/bilans/{bilan['id']}/", wrong).status_code == 400, wrong
    otherwise = post(town["sender"], "bilans/", {"referral": reference, "kind": "intermediate"}, 201)
    unsaid = post(town["sender"], f"bilans/{otherwise['id']}/return/", {}, 400)
    assert {error["pointer"] for error in unsaid["errors"]} == {"/way"}
    assert town["sender"].patch(f"/api/v1/bilans/{otherwise['id']}/", {"way": "phone"}).status_code == 200
    post(town["sender"], f"bilans/{otherwise['id']}/return/")
    levels = {"levels_after": {"oral": 2, "written": 1}, "french_oral_after": "A2", "hours": 40}
    response = town["receiver"].patch(f"/api/v1/bilans/{bilan['id']}/", levels)
    assert response.status_code == 200
    assert get(town["sender"], f"bilans/{bilan['id']}/", 404), "a draft is its author's"
    post(town["receiver"], f"bilans/{bilan['id']}/return/")
    assert get(town["sender"], f"bilans/{bilan['id']}/")["levels_after"] == {"oral": 2, "written": 1}
    assert get(town["sender"], f"persons/{person['id']}/")["french_oral"] == "A2", "the bilan repositions the person"
    ended = post(town["receiver"], f"referrals/{reference}/exit/", {"on": TODAY, "kind": "cdi"})
    assert ended["exit"]["is_dynamic"] is True
    check = get(town["sender"], "followups/")["results"][0]
    record = f"followups/{check['id']}/record/"
    assert post(town["sender"], record, {"outcome": "no_answer"})["calls"] == 1
    answer = {"outcome": "answered", "situation": "job", "since": TODAY, "note": "CDD de huit mois", "wants_call": True}
    post(town["sender"], record, answer | {"note": "1 85 05 78 006 084 36"}, 400)
    post(town["sender"], record, answer | {"since": "2999-01-01"}, 400)
    recorded = post(town["sender"], record, answer)
    assert (recorded["situation"], recorded["answered_by"], recorded["wants_call"]) == ("job", "call", True)
    post(town["sender"], record, {"outcome": "moved"}, 400)
    assert post(town["sender"], record, {"outcome": "called_back"})["called_back_at"]
    following = {"person": person["id"], "action": town.action.slug, "opened_by": bilan["id"]}
    post(town["sender"], "referrals/", following | {"opened_after": check["id"]}, 400)
    after = {"person": person["id"], "action": town.action.slug, "opened_after": check["id"]}
    assert post(town["sender"], "referrals/", after, 201)["opened_after"] == check["id"]
    assert post(town["sender"], "referrals/", following, 201)["opened_by"] == bilan["id"]
    assert set(Event.objects.values_list("origin", flat=True)) - {Origin.WEB} == {Origin.API}


def test_a_positionnement_is_recorded_once_and_returns_its_bilan(town: ApiTown) -> None:
    town.action.shape = ActionShape.POSITIONING
    town.action.save()
    reference = a_fiche(town)
    post(town["receiver"], f"referrals/{reference}/accept/")
    result = {"on": TODAY, "levels": {"oral": 1}, "french_oral": "A1", "recommended": ["french"]}
    post(town["receiver"], f"referrals/{reference}/position/", result | {"levels": {"lune": 1}}, 400)
    positioned = post(town["receiver"], f"referrals/{reference}/position/", result)
    assert positioned["positioning"]["french_oral"] == "A1"
    post(town["receiver"], f"referrals/{reference}/position/", result, 400)
    assert get(town["sender"], "bilans/?kind=positioning")["results"][0]["referral"] == reference
    assert post(town["receiver"], f"referrals/{reference}/end/")["state"] == "ended"


def test_the_receiver_reads_only_what_the_consent_opens(town: ApiTown) -> None:
    reference = a_fiche(town, sent=False)
    post(town["sender"], f"referrals/{reference}/send/", {"consent_how": "oral", "consent_scope": ["profile"]})
    read = get(town["receiver"], f"persons/{town.person.pk}/")
    assert "french_oral" in read
    assert "phone" not in read
    assert get(town["receiver"], f"persons/{town.person.pk}/needs/") == []
    assert "phone" in get(town["sender"], f"persons/{town.person.pk}/")


def test_only_the_recording_structure_corrects_a_file(town: ApiTown) -> None:
    a_fiche(town)
    path = f"/api/v1/persons/{town.person.pk}/"
    assert town["receiver"].patch(path, {"commune": "Blois"}).status_code == 403
    assert town["sender"].patch(path, {"commune": "Blois"}).json()["commune"] == "Blois"


@pytest.mark.parametrize("path", ["persons/", "referrals/", "actions/", "structures/"])
def test_a_list_costs_the_same_queries_for_ten_rows_as_for_one(town: ApiTown, path: str) -> None:
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            get(town["receiver"], path)
        return len(queries)

    a_sent(town.action, town.doors["sender"].actor)
    one = cost()
    for _ in range(9):
        a_sent(an_action(town.structure("receiver")), town.doors["sender"].actor, a_person(town.doors["sender"].actor))
        a_structure()
    assert cost() == one


def test_a_token_is_created_by_command_for_an_active_user_only(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    user = a_member(a_structure())
    call_command("create_api_token", user.email, "--days", "7")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {capsys.readouterr().out.strip()}")
    assert get(client, "me/")["email"] == user.email
    user.is_active = False
    user.save()
    get(client, "me/", 401)
    with pytest.raises(CommandError):
        call_command("create_api_token", user.email)
    with pytest.raises(CommandError):
        call_command("create_api_token", "personne@example.org", "--days", "400")


def test_the_documentation_is_served_from_here_alone(town: ApiTown, client: Any) -> None:
    client.force_login(town.doors["sender"].user)
    page = client.get("/api/v1/docs/")
    assert page.status_code == 200
    html = page.content.decode()
    assert "http://" not in html.replace("http://testserver", "")
    assert "https://" not in html
    assert "<style" not in html
    assert "<script>" not in html
