"""The rendez-vous in a real browser: the day's list, its taps, and the dates set, within the steps allowed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import expect

from referrals.states import AppointmentState
from tests.browser.test_main_path import Visitor
from tests.referrals.stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def stage() -> Stage:
    """Accepted, with a rendez-vous that begins now."""
    stage = Stage()
    stage.referral.accept(
        stage.receives, stage.now, appointment_at=stage.now, appointment_place="3 rue Verte, 41000 Blois"
    )
    return stage


@pytest.fixture
def trainer(stage: Stage, page: Any) -> Visitor:
    """The receiver's trainer, in front of the home page."""
    name = settings.SESSION_COOKIE_NAME
    value = stage.at_receiver.cookies[name].value
    page.context.add_cookies([{"name": name, "value": value, "domain": "localhost", "path": "/"}])
    page.emulate_media(reduced_motion="reduce")
    page.goto("/")
    return Visitor(page)


def test_the_rendez_vous_of_the_day_is_settled_in_one_tap(stage: Stage, trainer: Visitor) -> None:
    expect(trainer.page.get_by_role("heading", name="Rendez-vous d’aujourd’hui")).to_be_visible()
    trainer.check_accessibility()
    trainer.begin()
    trainer.press("Venue")
    expect(trainer.page.locator(".toast").first).to_contain_text("la personne est venue")
    trainer.within(typed=0, clicked=1)
    assert stage.reload().appointment_state == AppointmentState.CAME
    trainer.begin()
    trainer.press("La personne entre dans l’action")
    expect(trainer.page.locator(".toast").first).to_contain_text("Entrée confirmée")
    trainer.within(typed=0, clicked=1)
    assert trainer.complaints == []


def test_another_date_takes_one_field_and_one_click_and_its_errors_can_be_read(stage: Stage, trainer: Visitor) -> None:
    trainer.press("Absente")
    form = trainer.page.locator("#meet")
    expect(form).to_have_attribute("open", "")
    trainer.check_accessibility()
    trainer.press("Fixer le rendez-vous")
    expect(trainer.page.get_by_role("alert").first).to_contain_text("Un point à corriger")
    trainer.check_accessibility()
    trainer.begin()
    trainer.type("Jour et heure", f"{timezone.localtime() + dt.timedelta(days=3):%Y-%m-%dT%H:%M}")
    trainer.press("Fixer le rendez-vous")
    expect(trainer.page.locator(".toast").first).to_contain_text("Rendez-vous fixé")
    trainer.within(typed=1, clicked=1)
    trainer.check_accessibility()
    assert stage.reload().appointment_state == AppointmentState.PLANNED


def test_a_wrong_tap_is_taken_back_from_the_message_or_later_from_the_page(stage: Stage, trainer: Visitor) -> None:
    toast = trainer.page.locator(".toast").first
    trainer.press("Absente")
    expect(toast).to_contain_text("la personne n’est pas venue")
    trainer.check_accessibility()
    trainer.begin()
    trainer.click(toast.get_by_role("button", name="Annuler"))
    expect(toast).to_contain_text("le rendez-vous est toujours prévu le")
    trainer.within(typed=0, clicked=1)
    trainer.press("Excusée")
    expect(toast).to_contain_text("la personne s’est excusée")
    trainer.page.reload()
    button = trainer.page.get_by_role("button", name="Annuler ce que vous avez noté")
    button.focus()
    trainer.page.keyboard.press("Enter")
    expect(toast).to_contain_text("le rendez-vous est toujours prévu le")
    trainer.check_accessibility()
    assert stage.reload().appointment_state == AppointmentState.PLANNED
    assert trainer.complaints == []
