"""The person's page after an exit, in a real browser: every language, every width, and with next to nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from referrals.followup_words import WORDS
from referrals.models import FollowUp
from referrals.models.event import WORKER
from tests.browser.soundness import assert_sound
from tests.referrals.stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MOST_BYTES = 30_000
"""All that the page makes the browser fetch, as it travels, headers and icon included."""


@pytest.fixture
def link(settings: Any) -> str:
    settings.SECURE_SSL_REDIRECT = False
    stage = Stage().enter()
    stage.leave()
    return reverse("referrals:followup_answer", args=[FollowUp.objects.get().ask(WORKER, timezone.now())])


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_every_language_reads_well_before_and_after_the_tap(page: Any, link: str, width: int, theme: str) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    for code, words in WORDS.items():
        page.goto(f"{link}?langue={code}")
        expect(page.get_by_role("heading", level=1)).to_have_text(words.title)
        assert page.locator("html").get_attribute("dir") == words.direction
        assert_sound(page, code)
        small = [box["height"] for box in (one.bounding_box() for one in page.locator("main button").all()) if box]
        assert len(small) == 5
        assert min(small) >= 44
        page.goto(f"{reverse('referrals:followup_answer', args=['x' * 22])}?langue={code}")
        expect(page.get_by_text(words.gone_help)).to_be_visible()
        assert_sound(page, code)
    # Asked in one language, taken back in the other.
    for code, asked in (("fr", True), ("ar", False)):
        page.goto(f"{link}?langue={code}")
        page.get_by_role("button", name=WORDS[code].answers["searching"]).click()
        expect(page.get_by_text(WORDS[code].thanks)).to_be_visible()
        assert page.url.endswith(f"?langue={code}"), "the language is remembered in the address"
        page.locator("button[name=call]").click()
        expect(page.get_by_text(WORDS[code].call_asked)).to_be_visible(visible=asked)
        expect(page.get_by_role("button", name=WORDS[code].no_call if asked else WORDS[code].call)).to_be_visible()
        assert_sound(page, code)


def test_all_that_is_fetched_is_light_and_leaves_nothing_behind(page: Any, link: str) -> None:
    page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
    finished: list[Any] = []
    page.on("requestfinished", lambda request: finished.append(request))
    for code in WORDS:
        finished.clear()
        page.goto(f"{link}?langue={code}", wait_until="networkidle")
        fetched = [one for one in finished if one.url.startswith("http")]
        sizes = [one.sizes() for one in fetched]
        weight = sum(one["responseBodySize"] + one["responseHeadersSize"] for one in sizes)
        assert 5_000 < weight < MOST_BYTES, (code, weight, [one.url for one in fetched])
        assert {one.resource_type for one in fetched} <= {"document", "stylesheet", "other", "image"}
        assert page.context.cookies() == []


def test_it_reads_as_plain_text_and_answers_without_css_or_javascript(
    browser: Any, live_server: Any, link: str
) -> None:
    context = browser.new_context(base_url=live_server.url, locale="ru-RU", java_script_enabled=False)
    page = context.new_page()
    page.route("**/*.css*", lambda route: route.abort())
    page.goto(link)
    words = WORDS["ru"]
    text = page.locator("body").inner_text()
    said = [words.title, words.intro[6], words.tap, *words.answers.values(), words.call, "Français", "Español"]
    places = [text.index(one) for one in said]
    assert places == sorted(places), text
    page.get_by_role("button", name=words.answers["training"]).click()
    expect(page.get_by_text(words.thanks)).to_be_visible()
    assert FollowUp.objects.get().situation == "training"
    context.close()
