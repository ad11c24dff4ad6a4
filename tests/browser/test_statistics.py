"""The statistics and the views that one keeps of them, in a real browser."""

from __future__ import annotations

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

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def field(settings: Any) -> Field:
    """Some fiches of today, answered or not, where the browser may come by plain http."""
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    field, now = Field(), timezone.now()
    for number in range(14):
        fiche = field.sent(now, sex="F" if number % 2 else "M", in_qpv=True, french_oral="A1")
        if number < 8:
            fiche.accept(field.receiver, now)
        elif number < 10:
            fiche.decline(field.receiver, now, reason=Reason.NO_PLACE)
    return field


def log_in(page: Any, live_server: Any, field: Field, structure: Structure) -> None:
    client = Client()
    client.force_login(field.user(structure))
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_a_view_is_kept_found_again_renamed_deleted_and_brought_back(
    page: Any, live_server: Any, field: Field, width: int, scheme: Any
) -> None:
    log_in(page, live_server, field, field.ville)
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(reverse("reporting:saved_view_list"))
    expect(page.get_by_text("Aucune vue enregistrée")).to_be_visible()
    assert_sound(page)
    page.goto(reverse("reporting:dashboard", query={"periode": "3-mois", "sexe": "F"}))
    expect(page.get_by_text("Ce qui est surveillé")).to_be_visible()
    assert_sound(page)
    page.get_by_role("link", name="Enregistrer cette vue").click()
    expect(page.get_by_role("heading", name="Enregistrer cette vue")).to_be_visible()
    assert_sound(page)
    page.get_by_role("button", name="Enregistrer la vue").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_sound(page)
    page.get_by_label("Nom de la vue").fill("Femmes, trois mois")
    page.get_by_role("button", name="Enregistrer la vue").click()
    kept = page.get_by_role("list", name="Mes vues").get_by_role("link", name="Femmes, trois mois")
    expect(kept).to_have_attribute("aria-current", "true")
    expect(page.get_by_text("Ce qui est surveillé")).to_be_visible()
    assert_sound(page)
    page.get_by_role("link", name="Mes vues", exact=True).click()
    page.get_by_role("link", name="Renommer").click()
    page.get_by_label("Nom de la vue").fill("Femmes")
    page.get_by_role("button", name="Changer le nom").click()
    page.get_by_role("button", name="Supprimer").click()
    expect(page.get_by_text("Aucune vue enregistrée")).to_be_visible()
    page.get_by_role("button", name="Annuler").click()
    expect(page.get_by_role("link", name="Femmes", exact=True)).to_be_visible()
    assert_sound(page)


@pytest.mark.parametrize("width", [1280, 360])
def test_the_figures_of_ones_own_fiches_have_no_fault_and_are_taken_away_as_a_table(
    page: Any, live_server: Any, field: Field, width: int
) -> None:
    log_in(page, live_server, field, field.mission)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(reverse("reporting:dashboard", query={"periode": "mois"}))
    expect(page.get_by_text("Période d’avant").first).to_be_visible()
    expect(page.get_by_text("Ce qui est surveillé")).to_be_visible()
    assert_sound(page)
    page.get_by_role("link", name="Exporter").click()
    with page.expect_download() as taken:
        page.get_by_role("link", name="LibreOffice (ODS)").click()
    assert taken.value.suggested_filename.endswith(".ods")
