"""In a real browser: a question before deciding, its answer, and the condition that a refusal names."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import User
from referrals.models import Clarification, Referral
from referrals.states import State
from tests.browser.soundness import assert_sound
from tests.referrals.stage import Stage

VARIANTS: list[tuple[int, Any]] = [(1280, "light"), (360, "dark")]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def enter_as(page: Any, live_server: Any, user: User, path: str) -> None:
    """Open an address as this user."""
    client = Client()
    client.force_login(user)
    page.context.clear_cookies()
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
    page.goto(live_server.url + path)


def check(page: Any) -> None:
    """No axe violation, wide and light as narrow and dark; nothing wider than the screen."""
    for width, scheme in VARIANTS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert_sound(page)
    page.set_viewport_size({"width": 1280, "height": 800})


def test_a_question_is_asked_in_one_field_and_two_clicks_and_answered_in_one_of_each(
    page: Any, live_server: Any
) -> None:
    stage = Stage()
    path = reverse("referrals:referral_detail", args=[stage.referral.reference])
    enter_as(page, live_server, stage.trainer, path)
    page.locator("#question > summary").click()
    page.get_by_label("Votre question").first.fill("A-t-elle le permis ?")
    page.locator("#question").get_by_role("button", name="Envoyer").click()
    expect(page.get_by_text("Le délai est arrêté jusqu’à sa réponse.")).to_be_visible()
    expect(page.locator(".pill", has_text="En pause")).to_be_visible()
    check(page)
    enter_as(page, live_server, stage.prescriber, "/")
    expect(page.get_by_role("heading", name=re.compile("Questions qui attendent votre réponse"))).to_be_visible()
    page.get_by_role("link", name=re.compile("^Répondre")).first.click()
    expect(page.get_by_text("En pause : la question attend votre réponse.")).to_be_visible()
    check(page)
    page.get_by_label("Votre réponse").fill("Oui, depuis mars.")
    page.get_by_role("button", name=re.compile("^Répondre à")).click()
    expect(page.get_by_text("Le délai court de nouveau.")).to_be_visible()
    assert Clarification.objects.get().answer == "Oui, depuis mars."


def test_the_conditions_are_asked_for_once_that_reason_is_chosen(page: Any, live_server: Any) -> None:
    stage = Stage(criteria=[{"kind": "age", "need": "required", "min": 16, "max": 25}])
    path = reverse("referrals:referral_detail", args=[stage.referral.reference])
    enter_as(page, live_server, stage.trainer, f"{path}?repondre=decline")
    conditions = page.get_by_role("group", name="Quelle condition n’est pas remplie ?")
    expect(conditions).to_be_hidden()
    page.get_by_label("Ne remplit pas les critères").check()
    expect(conditions).to_be_visible()
    check(page)
    conditions.locator("label").first.click()
    page.get_by_role("button", name="Décliner la fiche").click()
    expect(page.get_by_text("Fiche déclinée.")).to_be_visible()
    referral = Referral.objects.get()
    assert (referral.state, len(referral.declined_criteria)) == (State.DECLINED, 1)


def test_the_pages_of_a_team_hold_on_any_screen(page: Any, live_server: Any) -> None:
    stage = Stage()
    enter_as(page, live_server, stage.trainer, f"{reverse('referrals:referral_list')}?onglet=recues")
    page.locator(".queue-tick").first.click()
    expect(page.get_by_role("button", name="Les confier")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Les confier").click()
    expect(page.get_by_label("Confier à")).to_be_visible()
    check(page)
    page.get_by_label("Confier à").select_option(str(stage.trainer))
    page.get_by_role("button", name="Confier", exact=True).click()
    expect(page.get_by_text("1 fiche confiée à Paul Roux.")).to_be_visible()
    page.goto(live_server.url + reverse("structures:absence_list"))
    check(page)
    page.get_by_role("link", name=re.compile("Noter une absence")).first.click()
    expect(page.get_by_label(re.compile("^Du"))).to_be_visible()
    check(page)
