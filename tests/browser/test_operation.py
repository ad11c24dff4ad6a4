"""In a real browser: the support reads the state, replays a dead letter and abandons another."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import User
from referrals.models import Message
from referrals.models.message import MessageState
from structures.vocabulary import Role
from tests.browser.soundness import assert_sound
from tests.territory import a_member, a_structure
from tests.worker.letters import a_letter, a_text
from worker.models import Heartbeat, HeartbeatKind

VARIANTS: list[tuple[int, Any]] = [(1280, "light"), (360, "dark"), (360, "light"), (1280, "dark")]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def enter_as(page: Any, live_server: Any, user: User, path: str) -> None:
    """Open an address as this user."""
    client = Client()
    client.force_login(user)
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME]
    page.context.clear_cookies()
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
    page.goto(live_server.url + path)


def check(page: Any) -> None:
    """No axe violation and nothing wider than the screen, in each variant."""
    for width, scheme in VARIANTS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert_sound(page, (width, scheme))
    page.set_viewport_size({"width": 1280, "height": 800})


def test_the_support_reads_the_state_replays_a_letter_and_abandons_another(page: Any, live_server: Any) -> None:
    now = timezone.now()
    support = a_member(a_structure(), Role.MANAGER, is_staff=True)
    long_ago = now - dt.timedelta(hours=2)
    a_letter(now=long_ago)
    for code in ("550", "interrupted, TimeoutError"):
        a_letter(now=long_ago, state=MessageState.FAILED, error=code, attempts=4, letter="actions_to_confirm")
    a_text(now=long_ago, state=MessageState.FAILED, error="400", attempts=1)
    for kind, number in ((HeartbeatKind.WORKER, 41), (HeartbeatKind.BEAT, 42)):
        Heartbeat.objects.create(kind=kind, place="serveur", number=number, started_at=long_ago, seen_at=long_ago)
    enter_as(page, live_server, support, "/actions/")
    page.get_by_role("link", name="Voir l’exploitation").click()
    expect(page.get_by_role("heading", name="Exploitation", level=1)).to_be_visible()
    expect(page.locator(".note").get_by_text("Plus rien ne part.")).to_be_visible()
    check(page)
    page.get_by_role("link", name="E-mail, 550").click()
    expect(page.locator(".operation-letter")).to_have_count(1)
    page.get_by_role("button", name="Renvoyer cette lettre").click()
    expect(page.get_by_text("1 lettre repart.")).to_be_visible()
    page.goto(live_server.url + "/exploitation/?canal=sms&code=400")
    page.locator(".operation-abandon > summary").click()
    check(page)
    page.get_by_label("Pourquoi").select_option("told_otherwise")
    page.get_by_role("button", name="Abandonner", exact=True).click()
    expect(page.get_by_text("1 lettre abandonnée.")).to_be_visible()
    assert Message.objects.dead().count() == 1
