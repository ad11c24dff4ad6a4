"""The rules of reminders in a real browser: read, change a sentence, see what it moves, go back to the usual."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import expect

from referrals.models import ReminderPolicy
from structures.vocabulary import Role
from tests.browser.soundness import assert_sound
from tests.referrals.stage import Stage, session_of
from tests.territory import a_member

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def manager(page: Any, live_server: Any, settings: Any) -> Iterator[tuple[Any, str, Stage]]:
    """A page of a manager of the structure that received a fiche."""
    settings.DEMO, settings.SECURE_SSL_REDIRECT = True, False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    stage = Stage()
    client = session_of(a_member(stage.receiver, Role.MANAGER, Role.RECEIVER))
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    yield page, live_server.url, stage


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_the_rules_is_sound(manager: tuple[Any, str, Stage], width: int, scheme: str) -> None:
    page, site, stage = manager
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    for path in (
        "/structure/relances/",
        f"/structure/relances/?action={stage.action.slug}",
        "/structure/relances/unanswered/",
        "/structure/relances/acknowledgement/",
        "/structure/horaires/",
        f"/fiches/{stage.referral.reference}/",
    ):
        page.goto(site + path)
        assert_sound(page, path)
    page.get_by_text("Ce qui partira, et quand").click()
    assert_sound(page, "the panel")


def test_a_manager_changes_a_rule_with_the_keyboard_and_comes_back(manager: tuple[Any, str, Stage]) -> None:
    page, site, _ = manager
    page.goto(f"{site}/structure/relances/unanswered/")
    field = page.get_by_label("Une fiche sans réponse")
    field.fill("3, trois")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Écrivez seulement des nombres")
    assert_sound(page, "error")
    expect(field).to_have_value("3, trois")
    field.fill("4 et 9")
    field.press("Enter")
    expect(page.get_by_text("1 fiche en cours suivra")).to_be_visible()
    assert_sound(page, "what moves")
    page.get_by_role("button", name="Confirmer").click()
    expect(page.get_by_text("après 4 et 9 jours ouvrés")).to_be_visible()
    assert ReminderPolicy.objects.get().delays == [4, 9]
    page.goto(f"{site}/structure/relances/unanswered/")
    page.get_by_role("button", name="Revenir au réglage habituel").click()
    expect(page.get_by_text("après 3, 7 et 12 jours ouvrés")).to_be_visible()
    assert not ReminderPolicy.objects.exists()
