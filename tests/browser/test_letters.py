"""The pages about letters in a real browser: notifications, choices, examples, failing addresses."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from referrals.models import FailingAddress, Notification
from structures.vocabulary import Role
from tests.browser.soundness import assert_sound
from tests.territory import a_door, a_person, a_sent, a_structure, an_action

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = {
    "/notifications/": "Notifications",
    "/reglages/lettres/": "Lettres",
    "/lettres/": "Ce que Relais écrit",
    "/lettres/referral_declined/": "Fiche R-EXEMPL\u00a0: déclinée",
    "/lettres/sms-appointment_told/": "SMS",
    "/": "À faire aujourd’hui",
}


@pytest.fixture
def manager(page: Any) -> Any:
    """A manager who prescribes, with notifications, and a person whom letters do not reach."""
    now = timezone.now()
    structure = a_structure("Mission locale")
    door = a_door(structure, Role.PRESCRIBER, Role.RECEIVER, Role.MANAGER)
    person = a_person(door.actor, now, email="personne@example.org")
    assert door.user is not None
    referral = a_sent(an_action(a_structure("Alire")), door.actor, person, now)
    due = referral.reminders.order_by("due_at", "id")[0]
    for n, read_at in enumerate([None, None, now]):
        Notification.objects.create(
            user=door.user,
            structure=structure,
            referral=referral,
            reminder=due,
            letter=f"lettre{n}",
            subject=f"Fiche {referral.reference}\u00a0: une question avant de décider",
            created_at=now,
            read_at=read_at,
        )
    for address, whom in (("personne@example.org", person), (structure.email, None)):
        FailingAddress.objects.create(address=address, channel="email", person=whom, since=now, code="550")
    client = Client()
    client.force_login(door.user)
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "domain": "localhost", "path": "/"}])
    page.emulate_media(reduced_motion="reduce")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_each_page_about_letters_is_sound(manager: Any, scheme: Any, width: int) -> None:
    manager.set_viewport_size({"width": width, "height": 900})
    manager.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    for address, title in PAGES.items():
        manager.goto(address)
        expect(manager.get_by_role("heading", level=1)).to_have_text(title)
        assert_sound(manager, (address, scheme, width))


def test_the_example_of_a_letter_is_drawn_in_its_frame_with_its_own_look(manager: Any) -> None:
    complaints: list[str] = []
    manager.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    manager.goto("/lettres/referral_declined/")
    button = manager.frame_locator("iframe").locator(".button")
    expect(button).to_be_visible()
    assert button.evaluate("element => getComputedStyle(element).paddingLeft") == "20px"
    assert complaints == []


def test_a_notification_is_opened_in_one_click_and_read(manager: Any) -> None:
    manager.goto("/")
    bell = manager.get_by_role("link", name="Notifications")
    expect(bell).to_contain_text("2")
    bell.click()
    expect(manager.get_by_role("heading", level=1)).to_have_text("Notifications")
    manager.locator(".notice-open").first.click()
    expect(manager).to_have_url(re.compile("/fiches/"))
    expect(manager.get_by_role("link", name="Notifications")).to_contain_text("1")


def test_a_choice_of_letters_is_kept(manager: Any) -> None:
    manager.goto("/reglages/lettres/")
    manager.get_by_role("group", name="Les lettres qui vous sont adressées").get_by_label("Une fois par jour").check()
    manager.get_by_role("button", name="Enregistrer").click()
    expect(manager.locator(".toast").first).to_contain_text("Vos choix sont enregistrés")
    group = manager.get_by_role("group", name="Les lettres qui vous sont adressées")
    expect(group.get_by_label("Une fois par jour")).to_be_checked()
