"""The mobility pre-diagnosis in a real browser: by taps alone, on a telephone too, for every reader."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.urls import reverse
from playwright.sync_api import expect

from referrals.models import MobilityAnswers, MobilityReading
from referrals.models.mobility import Bearings, BusUse, Means
from structures.vocabulary import Licence, NeedTheme
from tests.browser.soundness import assert_sound
from tests.referrals.stage import Stage
from tests.territory import a_need

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def stage(settings: Any, page: Any, live_server: Any) -> Stage:
    """A demonstration served over plain http, where the browser carries the sender's session."""
    settings.DEMO, settings.SECURE_SSL_REDIRECT = True, False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    stage = Stage()
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": stage.at_sender.cookies[name].value, "url": live_server.url}])
    return stage


def check(page: Any) -> None:
    """No fault of accessibility, and nothing that spills over the side."""
    assert_sound(page)


def test_from_the_suggestions_to_the_result_without_typing_anything(page: Any, stage: Stage) -> None:
    a_need(stage.person, stage.sends, NeedTheme.MOBILITY)
    page.set_viewport_size({"width": 360, "height": 720})
    page.goto(reverse("referrals:suggestions", args=[stage.person.pk]))
    page.get_by_role("link", name="Faire le pré-diagnostic mobilité").click()
    for question, answer in (
        ("Permis et code", "Ni code ni permis"),
        ("A un véhicule qui roule", "Non"),
        ("A peur de conduire", "Oui"),
        ("Prend le bus", "Oui, sans aide"),
        ("Trouve son chemin", "Prépare sans aide un trajet nouveau"),
        ("Cherche un emploi ou une formation", "Dans l’agglomération"),
    ):
        page.get_by_role("group", name=question).get_by_role("radio", name=answer, exact=True).check()
    page.get_by_role("button", name="Enregistrer et voir par où commencer").click()
    expect(page.get_by_role("heading", name="Parcours mobilité")).to_be_visible()
    expect(page.get_by_text("A peur de conduire.", exact=True)).to_be_visible()
    page.get_by_role("link", name="Voir les suggestions pour la mobilité").click()
    expect(page.get_by_role("link", name="Faire le pré-diagnostic mobilité")).to_have_count(0)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_the_page_its_errors_its_result_and_its_sheet_have_no_fault_of_accessibility(
    page: Any, stage: Stage, width: int, scheme: Any
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    address = reverse("referrals:mobility_record", args=[stage.person.pk])
    page.goto(address)
    check(page)
    page.get_by_role("button", name="Enregistrer et voir par où commencer").click()
    expect(page.get_by_role("alert")).to_contain_text("Répondez à une question au moins.")
    check(page)
    answers = MobilityAnswers(
        licence=Licence.NONE, vehicle=False, afraid=True, bus=BusUse.NEVER, bearings=Bearings.LOST, means=Means.NO
    )
    MobilityReading.objects.record(stage.person, answers, stage.sends, stage.now, note="Voiture prêtée le samedi.")
    page.goto(address)
    page.get_by_text("Refaire le point").click()
    check(page)
    page.goto(reverse("referrals:mobility_print", args=[stage.person.pk]))
    check(page)
    page.goto(reverse("referrals:person_detail", args=[stage.person.pk]))
    check(page)
