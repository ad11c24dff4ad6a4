"""Joining a document in a real browser: by the keyboard, without JavaScript, on any screen; and saving the PDF."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from referrals.models import Attachment
from tests.browser.soundness import assert_sound
from tests.referrals.stage import Stage
from tests.territory import a_pdf, an_attachment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def stage(settings: Any) -> Stage:
    settings.SECURE_SSL_REDIRECT = False
    return Stage()


@pytest.fixture
def convention(tmp_path: Path) -> Path:
    path = tmp_path / "convention.pdf"
    path.write_bytes(a_pdf())
    return path


def cookies(stage: Stage, url: str) -> list[Any]:
    return [{"name": name, "value": one.value, "url": url} for name, one in stage.at_sender.cookies.items()]


def address(stage: Stage) -> str:
    return reverse("referrals:attachment_list", args=[stage.referral.reference])


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_and_its_errors_have_no_fault_of_accessibility(
    page: Any, live_server: Any, stage: Stage, width: int, scheme: Any
) -> None:
    an_attachment(stage.referral, stage.sends)
    page.context.add_cookies(cookies(stage, live_server.url))
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(address(stage))
    assert_sound(page)
    page.get_by_role("button", name="Joindre à la fiche").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    assert_sound(page, "with errors")


def test_a_document_is_joined_and_removed_by_the_keyboard_alone(
    page: Any, live_server: Any, stage: Stage, convention: Path
) -> None:
    page.context.add_cookies(cookies(stage, live_server.url))
    # Playwright takes over the choice of files when it is first listened to, and does not wait until that is done.
    page.on("filechooser", lambda chooser: chooser.set_files(convention))
    page.goto(address(stage))
    page.get_by_label("Convention").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("Stage de décembre")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_label("Fichier")).to_have_value(re.compile(r"convention\.pdf$"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Document joint à la fiche.").wait_for()
    page.get_by_role("button", name="Retirer").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Document retiré.").wait_for()
    assert not Attachment.objects.exists()


def test_without_javascript_a_document_is_joined_and_saved_again_and_the_fiche_too(
    browser: Any, live_server: Any, stage: Stage, convention: Path
) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    context.add_cookies(cookies(stage, live_server.url))
    page = context.new_page()
    page.goto(address(stage))
    page.locator("label", has_text="Convention").first.click()
    page.get_by_label("Fichier").set_input_files(convention)
    page.get_by_role("button", name="Joindre à la fiche").click()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Convention").click()
    assert saved.value.suggested_filename == f"{stage.referral.reference}-convention-1.pdf"
    assert saved.value.path().read_bytes() == a_pdf()
    page.goto(reverse("referrals:referral_print", args=[stage.referral.reference]))
    with page.expect_download() as saved:
        page.get_by_role("link", name="PDF").click()
    assert saved.value.suggested_filename == f"{stage.referral.reference}-fiche.pdf"
    assert saved.value.path().read_bytes().startswith(b"%PDF-")
    context.close()
