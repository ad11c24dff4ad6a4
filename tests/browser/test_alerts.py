"""The alerts in a real browser: the page of figures asks for them by itself, and every reader's page is sound."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import User
from referrals.states import Reason
from structures.vocabulary import Role
from tests.browser.soundness import assert_sound
from tests.referrals.stage import session_of
from tests.territory import a_door, a_member, a_person, a_sent, a_structure, an_action

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def site(live_server: Any, settings: Any) -> str:
    """A site that a browser may read without a certificate."""
    settings.DEMO, settings.SECURE_SSL_REDIRECT = True, False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    return str(live_server.url)


def enter_as(page: Any, site: str, user: User | None) -> None:
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": session_of(user).cookies[name].value, "url": site}])


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_drifts_stands_beside_the_figures_of_each_reader(page: Any, site: str, width: int, scheme: str) -> None:
    sender, receiver = a_door(a_structure("Mission locale")), a_door(a_structure("Alire"))
    city = a_member(a_structure("Ville de Blois"), Role.COORDINATOR)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    enter_as(page, site, city)
    page.goto(f"{site}/statistiques/")
    expect(page.get_by_text("Rien ne dérive")).to_be_visible()
    assert_sound(page, "calm")

    now = timezone.now()
    action = an_action(receiver.structure, "Cours de français")
    for ago in range(20, 27):
        at = now - dt.timedelta(days=ago)
        fiche = a_sent(action, sender.actor, a_person(sender.actor, at), at)
        fiche.decline(receiver.actor, at + dt.timedelta(days=1), reason=Reason.NO_PLACE)
    page.goto(f"{site}/statistiques/")
    expect(page.get_by_text("Au moins 5 réponses en 60 jours, aucune acceptée.")).to_be_visible()
    page.get_by_text("Pourquoi cette alerte").first.click()
    page.get_by_text("Ce qui est surveillé").click()
    assert_sound(page, "territory")

    enter_as(page, site, sender.user)
    page.goto(f"{site}/statistiques/alertes/")
    assert_sound(page, "own")
    page.get_by_role("link", name="Voir les fiches de cette action").click()
    expect(page.get_by_role("status").filter(has_text="7 fiches")).to_be_visible()
