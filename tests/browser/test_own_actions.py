"""« Nos actions » in a real browser: for every reader, and a manager who loosens a rule and sees whom it lets in."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from referrals.permissions import Door
from structures.models import Action
from structures.vocabulary import Role
from tests.browser.soundness import assert_sound
from tests.territory import a_member, a_need, a_person, a_session, a_structure, an_action

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CRITERIA: list[dict[str, Any]] = [
    {"kind": "age", "need": "required", "min": 16, "max": 25},
    {"kind": "residence", "need": "priority", "communes": ["41018"], "qpv": True},
    {"kind": "status", "need": "to_check", "any_of": ["rsa", "job_seeker"]},
    {"kind": "manual", "need": "required", "text": "Motivé(e) pour le jardin"},
]


@pytest.fixture
def manager(page: Any, live_server: Any, settings: Any) -> Iterator[tuple[Any, list[str], Action]]:
    """A page of a manager of one action, and what the browser complained about."""
    settings.DEMO, settings.SECURE_SSL_REDIRECT = True, False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    today = timezone.localdate()
    structure = a_structure("Alire")
    user = a_member(structure, Role.MANAGER, Role.PRESCRIBER, first_name="Zoé", last_name="Lefort")
    action = an_action(structure, "Ateliers de français", slug="cours", criteria=CRITERIA, rhythm="2 jours par semaine")
    old = today - dt.timedelta(days=250)
    an_action(structure, "Jardin partagé", slug="jardin", confirmed_on=old)
    an_action(structure, "Permis B", slug="permis", confirmed_on=today, paused_until=today + dt.timedelta(days=20))
    an_action(structure, "Chorale", slug="chorale", is_published=False)
    a_session(action, today + dt.timedelta(days=20), code="Printemps", places=12, reserved=2, place="3 rue Verte")
    a_session(action, today - dt.timedelta(days=90), ends_on=today - dt.timedelta(days=3), code="Été")
    action.confirm(user, timezone.now(), today)
    action.set_criteria(user, timezone.now(), [*CRITERIA, {"kind": "sex", "need": "priority", "value": "F"}])
    actor = Door.of(user).actor
    awa = a_person(
        actor, timezone.now(), first_name="Awa", last_name="Diallo", birth_date=today.replace(year=1994, day=1)
    )
    a_need(awa, actor)
    client = Client()
    client.force_login(user)
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    yield page, complaints, action


PAGES = (
    "/actions/",
    "/actions/cours/",
    "/actions/gestion/nos-actions/",
    "/actions/gestion/nos-actions/?etat=a-confirmer",
    "/actions/gestion/nouvelle/",
    "/actions/cours/modifier/",
    "/actions/permis/modifier/",
    "/actions/cours/conditions/",
    "/actions/jardin/conditions/",
    "/actions/cours/sessions/nouvelle/",
)


def faults(page: Any, name: str) -> None:
    """Fail on a fault of accessibility, or when the page is wider than the screen."""
    assert_sound(page, name)


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_a_manager_have_no_fault_of_accessibility_with_and_without_errors(
    manager: Any, live_server: Any, width: int, scheme: Any
) -> None:
    page, complaints, _ = manager
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    for address in PAGES:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        faults(page, address)
    assert complaints == []
    for address, button in (
        ("/actions/gestion/nouvelle/", "Créer l’action"),
        ("/actions/cours/sessions/nouvelle/", "Ajouter la session"),
    ):
        page.goto(address)
        page.get_by_role("button", name=button).click()
        expect(page.locator("[data-error-summary]").first).to_be_focused()
        faults(page, f"{address} with errors")
    page.goto("/actions/cours/conditions/")
    page.get_by_label("Âge minimum").fill("90")
    page.get_by_label("Communes").fill("Atlantide")
    page.get_by_role("button", name="Enregistrer les conditions").click()
    expect(page.locator("[data-error-summary]").first).to_be_focused()
    faults(page, "conditions with errors")


def test_a_manager_loosens_an_age_and_sees_whom_it_lets_in_before_saving(manager: Any) -> None:
    page, complaints, action = manager
    page.goto("/actions/cours/conditions/")
    preview = page.locator("#apercu")
    expect(preview).to_contain_text("Rien ne change")
    page.get_by_label("Âge maximum").fill("40")
    expect(preview).to_contain_text("Awa DIALLO")
    expect(preview).to_contain_text("Ce qui l’écartait")
    assert Action.objects.get(pk=action.pk).criteria[0]["max"] == 25
    page.get_by_role("button", name="Enregistrer les conditions").click()
    expect(page.get_by_text("Conditions enregistrées.")).to_be_visible()
    assert Action.objects.get(pk=action.pk).criteria[0]["max"] == 40
    page.get_by_role("button", name="Annuler").click()
    expect(page.get_by_text("C’est annulé.")).to_be_visible()
    assert Action.objects.get(pk=action.pk).criteria[0]["max"] == 25
    assert complaints == []


def test_a_condition_is_added_and_removed_with_the_keyboard_alone(manager: Any) -> None:
    page, complaints, _ = manager
    page.goto("/actions/jardin/conditions/")
    page.get_by_label("Ajouter une condition").select_option("required:age")
    page.get_by_role("button", name="Ajouter").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Niveau")).to_be_focused()
    expect(page.locator("#id_new option[value='required:age']")).to_have_count(0)
    page.get_by_label("Âge minimum").fill("18")
    page.get_by_label("Ajouter une condition").select_option("required:manual")
    page.get_by_role("button", name="Ajouter").click()
    expect(page.get_by_label("Condition", exact=True)).to_be_visible()
    expect(page.get_by_label("Âge minimum")).to_have_value("18")
    page.get_by_role("button", name=re.compile("Retirer la condition : Autre")).press("Enter")
    expect(page.get_by_label("Condition", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Enregistrer les conditions").click()
    expect(page.get_by_text("Conditions enregistrées.")).to_be_visible()
    assert Action.objects.get(slug="jardin").criteria == [{"kind": "age", "need": "required", "min": 18}]
    assert complaints == []


def test_the_enter_key_leads_to_the_preview_and_removes_nothing(manager: Any) -> None:
    page, _, action = manager
    page.goto("/actions/cours/conditions/")
    page.get_by_label("Âge maximum").fill("40")
    page.get_by_label("Âge maximum").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ce que cela change")
    expect(page.get_by_text("De 16 à 40 ans")).to_be_visible()
    assert Action.objects.get(pk=action.pk).criteria[0]["max"] == 25


def test_without_javascript_the_preview_is_the_step_before_saving(manager: Any, browser: Any, live_server: Any) -> None:
    page, _, action = manager
    context = browser.new_context(java_script_enabled=False, base_url=live_server.url)
    context.add_cookies(page.context.cookies())
    plain = context.new_page()
    plain.goto("/actions/cours/conditions/")
    plain.get_by_label("Ajouter une condition").select_option("priority:licence")
    plain.get_by_role("button", name="Ajouter").click()
    plain.get_by_role("group", name="Permis").last.get_by_label("Code obtenu").check(force=True)
    plain.get_by_label("Âge maximum").fill("40")
    plain.get_by_role("button", name="Voir ce que cela change").click()
    expect(plain.get_by_text("Awa DIALLO")).to_be_visible()
    assert Action.objects.get(pk=action.pk).criteria[0]["max"] == 25
    plain.get_by_role("button", name="Modifier encore").click()
    expect(plain.get_by_label("Âge maximum")).to_have_value("40")
    plain.get_by_role("button", name="Voir ce que cela change").click()
    plain.get_by_role("button", name="Enregistrer les conditions").click()
    expect(plain.get_by_text("Conditions enregistrées.")).to_be_visible()
    assert Action.objects.get(pk=action.pk).criteria[0]["max"] == 40
    assert Action.objects.get(pk=action.pk).criteria[-1] == {"kind": "licence", "need": "priority", "any_of": ["code"]}
    context.close()
