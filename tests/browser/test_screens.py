"""What only a real browser can tell of the screens: what is cut, what is folded, what comes when it is opened."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.urls import reverse
from playwright.sync_api import expect

from referrals.models import Referral, ReportState, SessionReport
from structures.vocabulary import NeedTheme
from tests.browser.soundness import assert_sound
from tests.referrals.stage import Stage
from tests.territory import a_session, a_structure, an_action

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "Langue, insertion et citoyenneté des primo-arrivants, parcours renforcé"


@pytest.fixture
def stage(settings: Any) -> Stage:
    """A demonstration served over plain http, with one fiche to an action of a long name."""
    settings.DEMO, settings.SECURE_SSL_REDIRECT = True, False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    stage = Stage()
    stage.action.name = LONG
    stage.action.save()
    return stage


@pytest.fixture
def complaints(page: Any) -> list[str]:
    """What the browser complained about."""
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda line: heard.append(line.text) if line.type == "error" else None)
    return heard


def enter(page: Any, client: Any, base_url: str) -> None:
    """Let the browser carry this client's session."""
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": base_url}])


@pytest.mark.parametrize("width", [1280, 768, 360])
def test_the_action_gives_way_and_whom_it_goes_to_stays_whole(
    page: Any, live_server: Any, stage: Stage, width: int
) -> None:
    enter(page, stage.at_receiver, live_server.url)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/fiches/?onglet=recues")
    assert page.locator(".queue-partner").all_inner_texts() == ["· Mission locale"]
    is_cut = "node => node.scrollWidth > node.clientWidth"
    assert [page.locator(part).evaluate(is_cut) for part in (".queue-partner", ".queue-title")] == [False, False]
    assert page.locator(".queue-meta").evaluate(is_cut)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_titles_of_collective_bilans_are_whole(page: Any, live_server: Any, stage: Stage) -> None:
    stage.action.name = "Atelier de français du soir"
    stage.action.save()
    session = a_session(stage.action, stage.today - dt.timedelta(days=90), code="Automne")
    SessionReport.objects.create(
        session=session, state=ReportState.PUBLISHED, figures={}, created_at=stage.now, published_at=stage.now
    )
    enter(page, stage.at_receiver, live_server.url)
    page.goto(reverse("reporting:session_report_list"))
    title = page.locator(".queue-title")
    expect(title).to_have_text(stage.action.name)
    assert not title.evaluate("node => node.scrollWidth > node.clientWidth")


@pytest.mark.parametrize("path", ["/", "/personnes/", "/fiches/?onglet=recues"])
def test_the_longest_state_stands_within_its_column(page: Any, live_server: Any, stage: Stage, path: str) -> None:
    stage.enter()
    Referral.objects.update(bilan_due_on=stage.today)
    enter(page, stage.at_receiver, live_server.url)
    page.goto(path)
    pill = page.locator(".queue-state .pill", has_text="Entrée dans l’action").first
    expect(pill).to_be_visible()
    assert pill.evaluate("node => node.getBoundingClientRect().right <= node.parentNode.getBoundingClientRect().right")


def test_filters_wait_behind_one_word_on_a_telephone_and_open_by_the_keyboard(
    page: Any, live_server: Any, stage: Stage, complaints: list[str]
) -> None:
    enter(page, stage.at_receiver, live_server.url)
    page.goto("/fiches/")
    state = page.get_by_label("État")
    expect(state).to_be_visible()
    page.set_viewport_size({"width": 360, "height": 720})
    expect(state).to_be_hidden()
    page.get_by_role("checkbox", name="Filtrer").focus()
    page.keyboard.press("Space")
    expect(state).to_be_visible()
    page.goto("/fiches/?onglet=recues&etat=sent")
    expect(state).to_be_visible()
    assert complaints == []


def test_on_a_telephone_a_name_is_searched_without_opening_the_filters(
    page: Any, live_server: Any, stage: Stage
) -> None:
    enter(page, stage.at_sender, live_server.url)
    page.set_viewport_size({"width": 360, "height": 720})
    page.goto("/personnes/")
    expect(page.get_by_label("Besoin", exact=True)).to_be_hidden()
    page.get_by_role("searchbox", name="Rechercher").fill("Personne de ce nom")
    expect(page.locator(".empty-title")).to_have_text("Personne de ce nom")


def test_better_actions_come_when_the_panel_is_opened_and_the_focus_stays(
    page: Any, live_server: Any, stage: Stage, complaints: list[str]
) -> None:
    better = an_action(a_structure("Maison de Bégon"), "Ateliers du soir", themes=[NeedTheme.FRENCH])
    enter(page, stage.at_receiver, live_server.url)
    page.goto(reverse("referrals:referral_detail", args=[stage.referral.reference]))
    assert page.get_by_text(better.name).count() == 0
    summary = page.locator("#redirect > summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name=better.name)).to_be_visible()
    assert summary.evaluate("node => node === document.activeElement")
    assert_sound(page)
    page.get_by_role("radio", name=better.name).check()
    page.get_by_role("button", name="Réorienter la fiche").click()
    expect(page.locator(".toast").first).to_contain_text("réorientée")
    assert Referral.objects.get(redirected_from=stage.referral).action == better
    assert complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_a_pathway_with_a_branch_has_no_fault_of_accessibility(
    page: Any, live_server: Any, stage: Stage, width: int, scheme: Any
) -> None:
    stage.enter()
    bilan = stage.bilan()
    for name, opened_by in ((LONG, None), ("Numérique", bilan), ("Code", bilan)):
        action = an_action(a_structure(), name)
        Referral.objects.draft(stage.person, action, stage.sends, stage.now, opened_by=opened_by)
    enter(page, stage.at_sender, live_server.url)
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(reverse("referrals:person_detail", args=[stage.person.pk]))
    page.get_by_text("Le même parcours en tableau").click()
    assert_sound(page)
