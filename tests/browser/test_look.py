"""The style guide in a real browser: every component, in every state, for every reader."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.soundness import assert_sound

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def demonstration(settings: Any) -> None:
    """The style guide only answers in a demonstration, over plain http on the test's own address."""
    settings.DEMO = True
    settings.SECURE_SSL_REDIRECT = False


@pytest.fixture
def noticed(page: Any) -> Iterator[list[str]]:
    """What the browser complained about: refused by the policy, not found, or thrown."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)
    yield complaints


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_style_guide_has_no_fault_of_accessibility(page: Any, noticed: list[str], width: int, scheme: Any):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto("/style/")
    assert_sound(page)
    assert noticed == []


def test_what_is_chosen_wins_over_the_device(page: Any):
    page.emulate_media(color_scheme="light")
    page.goto("/style/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Sombre").click()
    expect(page.get_by_role("button", name="Sombre")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_a_dialog_opens_and_closes_by_the_keyboard_and_gives_the_focus_back(page: Any):
    page.goto("/style/")
    opener = page.get_by_role("link", name="Refuser", exact=True)
    opener.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("dialog", name="Refuser la fiche").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()
    assert page.evaluate("document.activeElement.textContent") == "Refuser"


def test_without_javascript_the_dialog_is_a_section_of_the_page(browser: Any, live_server: Any):
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/style/")
    assert not page.get_by_role("heading", name="Refuser la fiche").is_visible()
    page.get_by_role("link", name="Refuser", exact=True).click()
    expect(page.get_by_role("heading", name="Refuser la fiche")).to_be_visible()
    assert not page.get_by_label("Fermer ce message").first.is_visible()
    context.close()


def test_the_skip_link_is_the_first_stop_and_can_be_seen(page: Any):
    page.goto("/nulle-part/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Aller au contenu")
    assert skip.evaluate("node => node === document.activeElement && node.getBoundingClientRect().top >= 0")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "contenu"


def test_the_summary_of_errors_takes_the_focus(page: Any):
    page.goto("/style/")
    assert page.evaluate("document.activeElement.matches('[data-error-summary]')")


def test_ctrl_k_leads_to_the_search_field(page: Any):
    page.goto("/style/")
    page.keyboard.press("Control+k")
    assert page.evaluate("document.activeElement.matches('[data-search]')")


def test_unsaved_text_is_not_left_without_a_word(page: Any):
    asked: list[str] = []

    def leave(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.goto("/style/")
    page.goto("about:blank")
    assert asked == []
    page.goto("/style/")
    page.get_by_label("Nom de naissance").first.fill("Benyoussef")
    page.goto("about:blank")
    assert asked == ["beforeunload"]


def test_targets_are_large_enough_for_a_thumb(page: Any):
    page.set_viewport_size({"width": 360, "height": 760})
    page.goto("/style/")
    targets = ".button:not(.button-small), .button-bare, .chip-face, .check, .field :is(input, select), .menu summary"
    small = page.evaluate(
        """targets => [...document.querySelectorAll(targets)]
            .filter(node => node.checkVisibility() && !["checkbox", "radio"].includes(node.type))
            .filter(node => node.getBoundingClientRect().height < 44)
            .map(node => node.outerHTML.slice(0, 80))""",
        targets,
    )
    assert small == []


def test_paper_stays_white_in_a_dark_theme(page: Any):
    page.emulate_media(media="print", color_scheme="dark")
    page.goto("/style/")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert not page.get_by_role("navigation", name="Principale").is_visible()
