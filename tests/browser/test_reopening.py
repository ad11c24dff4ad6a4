"""Second thoughts in a real browser: a fiche or an action opened again, a redirection to needs, a departure.

On each page: wide and narrow, light and dark, with its errors, and by the keyboard alone.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from referrals.models import Person, Referral
from referrals.states import Reason, State
from structures.vocabulary import NeedTheme
from tests.browser.soundness import assert_sound
from tests.referrals.stage import Stage
from tests.territory import a_draft, a_need, a_sent, a_structure, an_action

EVERYWHERE: list[tuple[int, Any]] = [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def stage(settings: Any) -> Stage:
    settings.SECURE_SSL_REDIRECT = False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    return Stage()


@pytest.fixture
def complaints(page: Any) -> Iterator[list[str]]:
    """What the browser complained about."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda line: found.append(line.text) if line.type == "error" else None)
    yield found


def enter(page: Any, live_server: Any, client: Client, path: str) -> None:
    """Open an address as who is logged in there."""
    name = django_settings.SESSION_COOKIE_NAME
    page.context.clear_cookies()
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    page.emulate_media(reduced_motion="reduce")
    page.goto(live_server.url + path)


def check(page: Any) -> None:
    for width, scheme in EVERYWHERE:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        assert_sound(page, (width, scheme))
    page.set_viewport_size({"width": 1280, "height": 800})
    page.emulate_media(color_scheme="light")


def key(page: Any, locator: Any, name: str) -> None:
    """Press a key on something that the keyboard can reach, and that shows it."""
    expect(locator).to_be_visible()
    for _ in range(150):
        page.keyboard.press("Tab")
        if locator.evaluate("node => node === document.activeElement"):
            break
    assert locator.evaluate("node => node === document.activeElement"), "the keyboard does not reach it"
    outline = locator.evaluate("node => getComputedStyle(node).outlineStyle + getComputedStyle(node).boxShadow")
    assert outline != "nonenone", "the focus is not seen"
    page.keyboard.press(name)


def page_of(referral: Referral) -> str:
    return reverse("referrals:referral_detail", args=[referral.reference])


@pytest.mark.parametrize("side", ["at_sender", "at_receiver"])
def test_a_closed_fiche_is_opened_again_by_either_side_in_one_field_and_two_clicks(
    page: Any, live_server: Any, stage: Stage, complaints: list[str], side: str
) -> None:
    stage.referral.decline(
        stage.receives, stage.now - dt.timedelta(days=1), reason=Reason.NO_PLACE, note="Complet jusqu’en mars."
    )
    enter(page, live_server, getattr(stage, side), page_of(stage.referral))
    check(page)
    panel = page.locator("#reopen")
    key(page, panel.locator("summary"), "Enter")
    button = panel.get_by_role("button", name="Rouvrir la fiche")
    key(page, button, "Enter")
    expect(page.get_by_role("alert").first).to_contain_text("Dites en quelques mots ce qui a changé.")
    assert complaints.pop().startswith("Failed to load resource"), "the refusal, as the browser sees it"
    check(page)
    field = panel.get_by_label("Pourquoi la rouvrir")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("Une place s’est libérée.")
    key(page, button, "Enter")
    expect(page.locator(".toast").first).to_contain_text("Fiche rouverte.")
    check(page)
    assert stage.reload().state == State.SENT
    other = stage.at_receiver if side == "at_sender" else stage.at_sender
    enter(page, live_server, other, page_of(stage.referral))
    expect(page.get_by_text("Une place s’est libérée.").first).to_be_visible()
    expect(page.get_by_text("Complet jusqu’en mars.").first).to_be_visible()
    check(page)
    assert complaints == []


def test_a_fiche_that_cannot_be_opened_again_says_why(
    page: Any, live_server: Any, stage: Stage, complaints: list[str]
) -> None:
    stage.referral.decline(stage.receives, stage.now, reason=Reason.NO_PLACE)
    Referral.objects.update(closed_at=stage.now - dt.timedelta(days=120), retractable_until=None)
    enter(page, live_server, stage.at_sender, page_of(stage.referral))
    expect(page.get_by_text("Close depuis plus de trois mois")).to_be_visible()
    expect(page.locator("#reopen")).to_have_count(0)
    check(page)
    assert complaints == []


def test_an_action_that_ended_is_taken_up_again(
    page: Any, live_server: Any, stage: Stage, complaints: list[str]
) -> None:
    stage.enter().leave()
    enter(page, live_server, stage.at_receiver, page_of(stage.referral))
    check(page)
    panel = page.locator("#resume")
    panel.locator("summary").click()
    panel.get_by_label("Pourquoi ce retour").fill("Le contrat n’a pas commencé.")
    panel.get_by_role("button", name="Noter le retour dans l’action").click()
    expect(page.locator(".toast").first).to_contain_text("Retour dans l’action noté.")
    check(page)
    assert stage.reload().state == State.ENTERED
    enter(page, live_server, stage.at_sender, page_of(stage.referral))
    expect(page.get_by_text("Le contrat n’a pas commencé.").first).to_be_visible()
    check(page)
    assert complaints == []


def test_a_redirection_to_needs_leads_its_sender_to_the_suggestions_in_one_click(
    page: Any, live_server: Any, stage: Stage, complaints: list[str]
) -> None:
    an_action(a_structure("Médiathèque"), "Ateliers numériques", themes=[NeedTheme.DIGITAL])
    enter(page, live_server, stage.at_receiver, page_of(stage.referral) + "?repondre=redirect")
    panel = page.locator("#redirect")
    panel.get_by_role("radio", name="Je ne sais pas vers quelle action").check()
    for box in panel.get_by_role("checkbox").all():
        box.uncheck(force=True)
    button = panel.get_by_role("button", name="Réorienter la fiche")
    key(page, button, "Enter")
    expect(page.get_by_role("alert").first).to_contain_text("Choisissez au moins un besoin")
    assert complaints.pop().startswith("Failed to load resource"), "the refusal, as the browser sees it"
    check(page)
    need = panel.get_by_role("checkbox", name=NeedTheme.DIGITAL.label)
    key(page, need, "Space")
    key(page, button, "Enter")
    expect(page.locator(".toast").first).to_contain_text("Fiche réorientée sans action précise.")
    check(page)
    enter(page, live_server, stage.at_sender, page_of(stage.referral))
    check(page)
    page.get_by_role("link", name="Voir les suggestions pour ces besoins").click()
    expect(page.get_by_text("Ateliers numériques").first).to_be_visible()
    check(page)
    page.get_by_role("button", name=re.compile("^Orienter")).first.click()
    expect(page.get_by_role("button", name=re.compile("^Envoyer"))).to_be_visible()
    following = Referral.objects.get(redirected_from=stage.referral)
    assert [need.theme for need in following.needs.all()] == [NeedTheme.DIGITAL]
    check(page)
    assert complaints == []


def test_a_departure_shows_what_it_closes_then_closes_it_and_the_mark_can_be_taken_away(
    page: Any, live_server: Any, stage: Stage, complaints: list[str]
) -> None:
    a_draft(an_action(stage.receiver, "Permis B"), stage.sends, stage.person, stage.now)
    entered = a_sent(an_action(stage.receiver, "Chantier"), stage.sends, stage.person, stage.now)
    entered.accept(stage.receives, stage.now)
    entered.enter(stage.receives, stage.now, on=stage.today)
    a_need(stage.person, stage.sends, NeedTheme.MOBILITY)
    enter(page, live_server, stage.at_sender, reverse("referrals:person_detail", args=[stage.person.pk]))
    check(page)
    key(page, page.get_by_role("link", name="Départ du territoire"), "Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Départ du territoire")
    for words in ("Atelier de français", "Permis B", "Chantier", NeedTheme.MOBILITY.label):
        expect(page.get_by_text(words).first).to_be_visible()
    check(page)
    button = page.get_by_role("button", name="Noter le départ")
    page.get_by_label("Partie le").fill((stage.today + dt.timedelta(days=2)).isoformat())
    page.get_by_label("Vers quelle commune").fill("Orléans")
    key(page, button, "Enter")
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(page.get_by_role("alert")).to_contain_text("Cette date est à venir")
    assert complaints.pop().startswith("Failed to load resource"), "the refusal, as the browser sees it"
    expect(page.get_by_label("Vers quelle commune")).to_have_value("Orléans")
    check(page)
    page.get_by_label("Partie le").fill(stage.today.isoformat())
    key(page, button, "Enter")
    expect(page.locator(".toast").first).to_contain_text("Départ noté.")
    expect(page.get_by_text("A quitté le territoire").first).to_be_visible()
    check(page)
    assert stage.reload().state == State.CANCELLED
    enter(page, live_server, stage.at_receiver, page_of(stage.referral))
    check(page)
    enter(page, live_server, stage.at_sender, reverse("referrals:person_detail", args=[stage.person.pk]))
    key(page, page.get_by_role("button", name="Retour sur le territoire"), "Enter")
    expect(page.locator(".toast").first).to_contain_text("Retour noté.")
    expect(page.get_by_text("A quitté le territoire")).to_have_count(0)
    check(page)
    assert Person.objects.get(pk=stage.person.pk).moved_on is None
    assert complaints == []
