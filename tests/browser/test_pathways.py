"""The page of pathways in a real browser: sound at every width, and walked through with the keyboard."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from referrals.states import Reason
from structures.models import Structure
from tests.browser.soundness import assert_sound
from tests.reporting.conftest import Field
from tests.territory import a_structure, an_action

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def field(settings: Any) -> Field:
    """Two prescribers, three structures, and fiches at several steps, where the browser may come by plain http."""
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    field, now = Field(), timezone.now()
    accv = a_structure("Auto-école sociale du Centre-Val de Loire", is_prescriber=False)
    cidff = a_structure("CIDFF 41", is_prescriber=False, is_sensitive=True)
    actions = [field.action, an_action(accv, "Permis B"), an_action(cidff, "Accueil")]
    ways = itertools.product((field.mission, field.pimms), actions)
    for (sender, action), times in zip(ways, (12, 8, 6, 7, 2, 5), strict=True):
        for number in range(times):
            fiche = field.sent(now - dt.timedelta(days=9), by=sender, action=action)
            if number % 3 == 0:
                fiche.decline(field.receiver, now, reason=Reason.NO_PLACE)
            elif number % 3 == 1:
                fiche.accept(field.receiver, now)
    return field


def log_in(page: Any, live_server: Any, field: Field, structure: Structure) -> None:
    client = Client()
    client.force_login(field.user(structure))
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
@pytest.mark.parametrize("who", ["ville", "mission"])
def test_the_pathways_are_sound(page: Any, live_server: Any, field: Field, who: str, width: int, scheme: Any) -> None:
    log_in(page, live_server, field, getattr(field, who))
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(reverse("reporting:pathways", query={"periode": "3-mois", "theme": "french"}))
    expect(page.get_by_text("Corrigez")).to_have_count(0)
    assert_sound(page)
    page.goto(reverse("reporting:pathways"))
    expect(page.get_by_role("heading", name="Où les parcours s’arrêtent")).to_be_visible()
    page.get_by_text("Comment ce dessin est calculé").click()
    page.get_by_text("Voir le tableau").click()
    expect(page.get_by_role("table", name="De l’envoi à la réponse six mois après")).to_be_visible()
    assert_sound(page)
    drawing = page.locator(".flows-drawing").bounding_box()
    table = page.get_by_role("table", name="Qui oriente vers qui").bounding_box()
    assert (table["y"] < drawing["y"]) == (width == 360)


def test_the_keyboard_goes_from_the_figures_to_the_fiches_behind_an_outcome(
    page: Any, live_server: Any, field: Field
) -> None:
    log_in(page, live_server, field, field.mission)
    page.goto(reverse("reporting:dashboard"))
    page.get_by_role("link", name="Parcours").press("Enter")
    expect(page.get_by_role("heading", name="Où les parcours s’arrêtent")).to_be_visible()
    node = page.get_by_role("link", name="En attente d’une réponse")
    node.focus()
    expect(node).to_be_focused()
    node.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Fiches")
    assert "etat=sent" in page.url
