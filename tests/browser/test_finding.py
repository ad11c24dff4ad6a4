"""Finding anything with the keyboard alone, from any page."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import expect

from tests.browser.soundness import assert_sound
from tests.referrals.stage import Stage
from tests.territory import a_person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk(page: Any, live_server: Any, settings: Any) -> tuple[Any, Stage, list[str]]:
    """A prescriber's page, one fiche, and what the browser complained about."""
    settings.DEMO, settings.SECURE_SSL_REDIRECT = True, False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    stage = Stage()
    a_person(stage.sends, first_name="Awa", last_name="Diallo")
    a_person(stage.sends, first_name="Awa", last_name="Dialla")
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": stage.at_sender.cookies[name].value, "url": live_server.url}])
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    return page, stage, complaints


@pytest.mark.parametrize("opens", ["Control+k", "/"])
def test_ctrl_k_or_a_slash_then_a_few_letters_the_arrows_and_enter_open_a_page(desk: Any, opens: str) -> None:
    page, _, complaints = desk
    page.goto("/actions/")
    page.keyboard.press(opens)
    box = page.get_by_role("combobox", name="Nom, référence de fiche, action ou structure")
    expect(box).to_be_focused()
    page.keyboard.type("diallo")
    options = page.locator("#trouvailles").get_by_role("option")
    expect(options).to_have_count(2)
    expect(options.nth(0)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#trouvailles-nombre")).to_have_text("2 résultats")
    page.keyboard.press("ArrowDown")
    assert box.get_attribute("aria-activedescendant") == options.nth(1).get_attribute("id")
    page.keyboard.press("ArrowDown")
    expect(options.nth(0)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Awa DIALLO")
    assert "diallo" not in page.url.lower()
    assert complaints == []


def test_a_reference_read_on_the_telephone_opens_the_fiche_and_escape_gives_the_focus_back(desk: Any) -> None:
    page, stage, complaints = desk
    page.goto("/personnes/")
    button = page.get_by_role("link", name="Rechercher")
    button.click()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    page.keyboard.press("Control+k")
    page.keyboard.type(stage.referral.reference.lower().removeprefix("r-"))
    expect(page.locator("#trouvailles").get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/fiches/{stage.referral.reference}/")
    page.keyboard.press("Control+k")
    page.keyboard.type("zzyzx")
    expect(page.get_by_text("Rien de tel parmi ce que vous voyez")).to_be_visible()
    expect(page.get_by_role("combobox")).to_have_attribute("aria-expanded", "false")
    assert complaints == []


def test_an_answer_to_what_is_no_longer_typed_takes_no_place(desk: Any) -> None:
    page, _, complaints = desk
    page.goto("/actions/")
    held: list[Any] = []
    page.route("**/recherche/", lambda route: held.append(route))
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Nom, référence de fiche, action ou structure")
    with page.expect_request("**/recherche/"):
        page.keyboard.insert_text("diallo")
    while not held:
        page.wait_for_timeout(20)
    box.evaluate("box => { box.value = 'Autre' }")
    page.evaluate("""() => {
        window.answered = new Promise((done) => {
            document.addEventListener("htmx:afterRequest", done, { once: true });
        });
    }""")
    held.pop().continue_()
    page.evaluate("window.answered.then(() => true)")
    expect(page.locator("#trouvailles").get_by_role("option")).to_have_count(0)
    expect(box).to_have_attribute("aria-expanded", "false")
    assert complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_the_dialog_and_the_page_have_no_fault_of_accessibility(desk: Any, width: int, scheme: Any) -> None:
    page, _, complaints = desk
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto("/")

    def looks_right(step: str) -> None:
        assert_sound(page, step)

    page.keyboard.press("Control+k")
    looks_right("empty")
    page.keyboard.type("diallo")
    expect(page.locator("#trouvailles").get_by_role("option")).to_have_count(2)
    looks_right("found")
    page.goto("/recherche/")
    page.get_by_role("textbox", name="Nom, référence de fiche, action ou structure").fill("alire")
    page.locator("main").get_by_role("button", name="Rechercher").click()
    expect(page.get_by_role("heading", name="Structures")).to_be_visible()
    looks_right("page")
    assert complaints == []
