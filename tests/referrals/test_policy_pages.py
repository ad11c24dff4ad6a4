"""The manager's pages of the rules: read, change with what it moves shown first, return to the usual; and the API."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from referrals.models import Reminder, ReminderPolicy
from referrals.models.reminder import ReminderKind, ReminderState
from referrals.models.replanning import set_rule
from referrals.policies import SPECS, PolicyKind, Rule
from structures.models import Structure
from structures.vocabulary import Role
from tests.referrals.stage import Stage, session_of
from tests.territory import a_member, a_structure, an_action

pytestmark = pytest.mark.django_db


def address(kind: str = "unanswered", name: str = "edit", **query: str) -> str:
    args = [] if name == "list" else [kind]
    url = reverse(f"referrals:policy_{name}", args=args)
    return f"{url}?{'&'.join(f'{key}={value}' for key, value in query.items())}" if query else url


def typed(delays: str = "4, 9", **more: str) -> dict[str, str]:
    return {"is_on": "on", "delays": delays, "stop_after": "14"} | more


@pytest.fixture
def stage() -> Stage:
    return Stage()


def recalls(stage: Stage) -> int:
    rows = Reminder.objects.filter(referral=stage.referral, kind=ReminderKind.UNANSWERED)
    return rows.filter(state=ReminderState.PLANNED).count()


def test_a_change_that_moves_fiches_is_shown_before_it_is_saved(stage: Stage) -> None:
    page = stage.manager.post(address(), typed())
    assert page.status_code == 200
    assert "1 fiche en cours suivra" in page.content.decode()
    assert 'value="4, 9"' in page.content.decode()
    assert not ReminderPolicy.objects.exists()
    assert recalls(stage) == 3
    done = stage.manager.post(address(), typed(confirmed="1"), follow=True)
    assert "1 fiche en cours suit le nouveau calendrier" in done.content.decode()
    assert ReminderPolicy.objects.get().delays == [4, 9]
    assert "après 4 et 9 jours ouvrés" in done.content.decode()


def test_a_change_that_moves_nothing_is_saved_at_once(stage: Stage) -> None:
    stage.manager.post(address("interim_bilan"), typed("30"))
    assert ReminderPolicy.objects.get().kind == "interim_bilan"


def test_what_was_typed_is_kept_next_to_what_is_wrong(stage: Stage) -> None:
    page = stage.manager.post(address(), typed("3, trois"))
    assert page.status_code == 422
    assert 'value="3, trois"' in page.content.decode()
    assert "Écrivez seulement des nombres" in page.content.decode()
    assert not ReminderPolicy.objects.exists()


def test_a_rule_that_must_hold_cannot_be_switched_off(stage: Stage) -> None:
    assert "is_on" not in stage.manager.get(address("expiry")).content.decode()
    stage.manager.post(address("expiry"), {"delays": "40", "stop_after": "180", "confirmed": "1"})
    assert ReminderPolicy.objects.get().is_on


def test_the_usual_rule_comes_back_in_one_click(stage: Stage) -> None:
    stage.manager.post(address(), typed(confirmed="1"))
    assert "Revenir au réglage habituel" in stage.manager.get(address()).content.decode()
    stage.manager.post(address(name="reset"))
    assert not ReminderPolicy.objects.exists()
    assert recalls(stage) == 3
    assert "Revenir au réglage habituel" not in stage.manager.get(address()).content.decode()


def test_an_action_has_rules_of_its_own(stage: Stage) -> None:
    slug = stage.action.slug
    page = stage.manager.get(address(name="list", action=slug)).content.decode()
    assert "Atelier de français" in page
    assert SPECS[PolicyKind.CONSENT].asks not in page
    stage.manager.post(address(action=slug), typed(confirmed="1"))
    assert ReminderPolicy.objects.get().action == stage.action
    assert "Suivre la règle de la structure" in stage.manager.get(address(action=slug)).content.decode()


def test_the_rules_of_somebody_elses_action_do_not_exist(stage: Stage) -> None:
    other = an_action(a_structure("Ailleurs encore"))
    for name in ("list", "edit"):
        assert stage.manager.get(address(name=name, action=other.slug)).status_code == 404
    assert stage.manager.get(address("consent", action=stage.action.slug)).status_code == 404
    assert stage.manager.get(address("nothing")).status_code == 404


def test_reading_the_pages_writes_nothing(stage: Stage) -> None:
    before = Reminder.objects.count()
    for kind in PolicyKind.values:
        assert stage.manager.get(address(kind)).status_code == 200
    assert stage.manager.get(address(name="list")).status_code == 200
    assert (Reminder.objects.count(), ReminderPolicy.objects.count()) == (before, 0)


def test_the_list_shows_what_would_leave_for_a_fiche_sent_today(stage: Stage) -> None:
    page = stage.manager.get(address(name="list")).content.decode()
    for words in ("Ce qui partira, et quand", "Fiche sans réponse", "Clôture annoncée", "Question à six mois"):
        assert words in page


def test_the_page_of_a_fiche_lists_what_is_planned_for_it_from_its_rows(stage: Stage) -> None:
    page = stage.at_sender.get(reverse("referrals:referral_detail", args=[stage.referral.reference])).content.decode()
    assert "Ce qui partira, et quand" in page
    assert "Clôture annoncée" in page
    Reminder.objects.all().delete()
    page = stage.at_sender.get(reverse("referrals:referral_detail", args=[stage.referral.reference])).content.decode()
    assert "Ce qui partira, et quand" not in page


# Hours and closings


def hours(**more: Any) -> dict[str, Any]:
    return {"closed_weekdays": ["5", "6"], "letters_from": "08:30", "letters_until": "17:30"} | more


def test_a_manager_sets_the_days_the_hours_and_a_closing_period(stage: Stage) -> None:
    url = reverse("structures:hours_edit")
    first, last = stage.today + dt.timedelta(days=10), stage.today + dt.timedelta(days=20)
    days = {"first_day": first.isoformat(), "last_day": last.isoformat()}
    assert stage.manager.post(url, hours(**days)).status_code == 302
    structure = Structure.objects.get(pk=stage.receiver.pk)
    assert (structure.closed_weekdays, structure.letters_from) == ([5, 6], dt.time(8, 30))
    closing = structure.closings.get()
    assert (closing.first_day, closing.last_day) == (first, last)
    assert stage.manager.post(url, hours(**days)).status_code == 422
    assert stage.manager.post(url, hours(removed=[closing.pk])).status_code == 302
    assert not structure.closings.exists()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"closed_weekdays": list("0123456")}, "closed_weekdays"),
        ({"letters_from": "18:00", "letters_until": "09:00"}, "letters_until"),
        ({"letters_from": "midi"}, "letters_from"),
        ({"first_day": "2030-08-01"}, "last_day"),
        ({"last_day": "2030-08-01"}, "first_day"),
        ({"first_day": "2030-08-31", "last_day": "2030-08-01"}, "last_day"),
        ({"first_day": "2020-08-01", "last_day": "2020-08-31"}, "last_day"),
        ({"first_day": "2030-08-01", "last_day": "2032-08-31"}, "last_day"),
    ],
)
def test_hours_that_cannot_be_are_refused_next_to_the_field(stage: Stage, values: dict[str, Any], field: str) -> None:
    page = stage.manager.post(reverse("structures:hours_edit"), hours(**values))
    assert page.status_code == 422
    assert page.context["form"].errors[field]
    assert Structure.objects.get(pk=stage.receiver.pk).closed_weekdays == []


# The API


@pytest.fixture
def caller(stage: Stage) -> Client:
    return session_of(a_member(stage.receiver, Role.MANAGER))


def put(caller: Client, body: dict[str, Any], kind: str = "unanswered", query: str = "") -> Any:
    url = reverse("api:policy-detail", args=[kind]) + query
    return caller.put(url, body, content_type="application/json")


def test_the_api_reads_sets_and_resets_the_same_rules(stage: Stage, caller: Client) -> None:
    rows = {row["kind"]: row for row in caller.get(reverse("api:policy-list")).json()}
    assert rows["unanswered"]["delays"] == [3, 7, 12]
    assert set(rows) == set(PolicyKind.values)
    body = {"is_on": True, "delays": [4, 9], "stop_after": 14}
    assert put(caller, body).json()["sentence"].endswith("après 4 et 9 jours ouvrés")
    assert recalls(stage) == 2
    assert caller.delete(reverse("api:policy-detail", args=["unanswered"])).status_code == 204
    assert recalls(stage) == 3
    assert put(caller, body, query=f"?action={stage.action.slug}").status_code == 200
    assert ReminderPolicy.objects.get().action == stage.action


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"is_on": True, "delays": [], "stop_after": 14},
        {"is_on": True, "delays": [9, 4], "stop_after": 14},
        {"is_on": True, "delays": [4, 4], "stop_after": 14},
        {"is_on": True, "delays": [99], "stop_after": 14},
        {"is_on": True, "delays": ["x"], "stop_after": 14},
        {"is_on": True, "delays": [4], "stop_after": 0},
    ],
)
def test_the_api_refuses_what_no_structure_may_set(caller: Client, body: dict[str, Any]) -> None:
    answer = put(caller, body)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"]
    assert not ReminderPolicy.objects.exists()


def test_the_api_knows_no_rule_of_another_name_nor_of_another_structure(stage: Stage, caller: Client) -> None:
    body = {"is_on": True, "delays": [4], "stop_after": 14}
    assert put(caller, body, "nothing").status_code == 404
    other = an_action(a_structure("Ailleurs encore"))
    assert put(caller, body, query=f"?action={other.slug}").status_code == 404
    set_rule(stage.sender, None, PolicyKind.UNANSWERED, Rule(PolicyKind.UNANSWERED, True, (20,), 14), stage.now)
    rows = {row["kind"]: row for row in caller.get(reverse("api:policy-list")).json()}
    assert rows["unanswered"]["delays"] == [3, 7, 12]
