"""The catalogue in a real browser: for every reader, and searched while typing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import expect

from structures.catalogue import load_catalogue
from tests.browser.soundness import assert_sound
from tests.structures.test_catalogue import BLOIS
from tests.territory import a_member, a_structure

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def reader(page: Any, live_server: Any, settings: Any) -> Iterator[tuple[Any, list[str]]]:
    """A page of someone logged in, with the real catalogue, and what the browser complained about."""
    settings.DEMO, settings.SECURE_SSL_REDIRECT = True, False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    load_catalogue(BLOIS)
    client = Client()
    client.force_login(a_member(a_structure("Mission locale d’essai")))
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    yield page, complaints


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_the_catalogue_have_no_fault_of_accessibility(reader: Any, width: int, scheme: Any) -> None:
    page, complaints = reader
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    for address in ("/actions/", "/actions/?q=xylophone", "/actions/bge-boutikecole/", "/actions/cria-bilan/imprimer/"):
        page.goto(address)
        assert_sound(page, address)
        if "imprimer" not in address:
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    assert complaints == []


def test_the_list_narrows_while_typing_and_the_action_opens_with_the_keyboard(reader: Any) -> None:
    page, complaints = reader
    page.goto("/actions/")
    with page.expect_response(lambda answer: "q=coching" in answer.url):
        page.get_by_role("searchbox", name="Rechercher").press_sequentially("coching")
    links = page.locator("#actions h2 a")
    expect(links).to_have_count(1)
    links.first.focus()
    # Leaving the field asks nothing again: the list would be replaced, and the focus lost.
    page.wait_for_timeout(600)
    expect(links.first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/actions/parenthese-coaching/$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Coaching et estime de soi")
    assert complaints == []
