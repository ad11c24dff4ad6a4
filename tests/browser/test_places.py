"""Several fiches answered at once and the place that is offered, in a real browser."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from referrals.models import Referral
from referrals.states import State
from structures.models import Session
from tests.browser.soundness import assert_sound
from tests.referrals.stage import Stage
from tests.territory import a_person, a_sent, a_session

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RECEIVED = f"{reverse('referrals:referral_list')}?onglet=recues"
NAMES = (("Awa", "Sow"), ("Karim", "Diallo"), ("Marie-Angélique", "de La Rochefoucauld-Saint-Aignan"))
EVERYWHERE = [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")]


@pytest.fixture
def stage(settings: Any) -> Stage:
    """A receiver with fiches to answer, and a session of three places."""
    settings.DEMO, settings.SECURE_SSL_REDIRECT = True, False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    stage = Stage()
    for number, (first, last) in enumerate(NAMES):
        person = a_person(stage.sends, stage.now, first_name=first, last_name=last)
        a_sent(stage.action, stage.sends, person, stage.now - dt.timedelta(days=2, hours=number))
    a_session(stage.action, stage.today + dt.timedelta(days=20), places=3, timetable="mardi matin")
    return stage


@pytest.fixture
def complaints(page: Any) -> Iterator[list[str]]:
    """What the browser complained about."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda line: found.append(line.text) if line.type == "error" else None)
    yield found


def enter(context: Any, client: Client, url: str) -> None:
    name = django_settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])


def is_sound(page: Any) -> None:
    assert_sound(page)


@pytest.mark.parametrize(("width", "scheme"), EVERYWHERE)
def test_four_are_accepted_for_three_places_with_the_keyboard_alone(
    page: Any, live_server: Any, stage: Stage, complaints: list[str], width: int, scheme: Any
) -> None:
    enter(page.context, stage.at_receiver, live_server.url)
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(RECEIVED)
    bar = page.get_by_role("button", name="Répondre aux fiches cochées")
    expect(bar).to_be_hidden()
    for box in page.get_by_role("checkbox", name="Cocher la fiche").all():
        box.focus()
        page.keyboard.press("Space")
    expect(bar).to_be_in_viewport(ratio=1)
    is_sound(page)
    bar.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Répondre à 4 fiches")
    is_sound(page)
    page.get_by_label("Session").first.select_option(str(Session.objects.get().pk))
    page.get_by_role("button", name="Accepter les 4 fiches").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/reponses/")
    expect(page.get_by_text("3 fiches acceptées")).to_be_visible()
    is_sound(page)
    page.get_by_role("button", name="Mettre en liste d’attente").click()
    expect(page.get_by_text("1 fiche mise en liste d’attente")).to_be_visible()
    page.get_by_role("button", name="Tout annuler").click()
    expect(page.get_by_text("Réponses annulées")).to_be_visible()
    assert Referral.objects.filter(state=State.ACCEPTED).count() == 3
    assert complaints == []


def test_without_a_script_they_are_answered_too(browser: Any, live_server: Any, stage: Stage) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    enter(context, stage.at_receiver, live_server.url)
    page = context.new_page()
    page.goto(RECEIVED)
    for box in page.get_by_role("checkbox", name="Cocher la fiche").all():
        box.check()
    page.get_by_role("button", name="Répondre aux fiches cochées").click()
    page.locator("#decline > summary").click()
    page.get_by_role("radio", name="Plus de place").check()
    page.get_by_role("button", name="Décliner les 4 fiches").click()
    expect(page.get_by_text("4 fiches déclinées").first).to_be_visible()
    context.close()
    assert Referral.objects.filter(state=State.DECLINED).count() == 4


@pytest.mark.parametrize(("width", "scheme"), EVERYWHERE)
def test_the_sender_confirms_an_offered_place_from_the_home_page(
    page: Any, live_server: Any, stage: Stage, complaints: list[str], width: int, scheme: Any
) -> None:
    stage.referral.waitlist(stage.receives, stage.now)
    stage.referral.offer(stage.receives, stage.now, session=Session.objects.get())
    enter(page.context, stage.at_sender, live_server.url)
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto("/")
    page.get_by_role("link", name="Confirmer").click()
    expect(page.get_by_role("button", name="Confirmer la place")).to_be_visible()
    is_sound(page)
    page.get_by_role("button", name="Confirmer la place").click()
    expect(page.get_by_text("Place confirmée.")).to_be_visible()
    is_sound(page)
    assert stage.reload().state == State.ACCEPTED
    assert complaints == []
