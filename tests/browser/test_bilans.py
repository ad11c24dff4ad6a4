"""The attendance sheet and the bilan in a real browser: fields and clicks, the keyboard, a telephone."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from playwright.sync_api import expect

from referrals.models import Attendance, Bilan
from referrals.models.bilan import BilanState
from tests.browser.test_main_path import Visitor
from tests.browser.test_screens import enter
from tests.referrals.stage import Stage
from tests.territory import a_person, a_sent, a_session

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def stage(settings: Any) -> Stage:
    settings.DEMO, settings.SECURE_SSL_REDIRECT = True, False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    stage = Stage(scales=["cecrl", "cria"], certificates=["DELF A1"], weekly_hours=6)
    stage.session = a_session(stage.action, stage.today - dt.timedelta(days=3), code="Automne")  # type: ignore[attr-defined]
    return stage


def group(stage: Stage, *names: str) -> list[Any]:
    """Persons in the session since yesterday."""
    found = []
    session = stage.session  # type: ignore[attr-defined]
    for name in names:
        person = a_person(stage.sends, stage.now, first_name=name)
        fiche = a_sent(stage.action, stage.sends, person, stage.now, session=session)
        fiche.accept(stage.receives, stage.now, session=session)
        fiche.enter(stage.receives, stage.now, on=stage.today - dt.timedelta(days=1))
        found.append(fiche)
    return found


def test_a_usual_bilan_takes_two_typed_fields_and_four_clicks_at_most(
    page: Any, live_server: Any, stage: Stage
) -> None:
    (fiche,) = group(stage, "Nour")
    Attendance.objects.mark(stage.today, "am", {fiche: "present"}, stage.receives, stage.now)
    enter(page, stage.at_receiver, live_server.url)
    page.emulate_media(reduced_motion="reduce")
    trainer = Visitor(page)
    page.goto(f"{live_server.url}/fiches/{fiche.reference}/")
    trainer.press("Bilan final")
    expect(page.get_by_label(re.compile("^Heures suivies"))).to_have_value("3")
    expect(page.get_by_label(re.compile("^Assiduité"))).to_have_value("100")
    expect(page.get_by_text("Feuille de présence :").first).to_be_visible()
    trainer.check_accessibility()
    trainer.begin()
    trainer.chip("3", page.locator("fieldset.axis", has_text="Communication orale"))
    trainer.chip("2", page.locator("fieldset.axis", has_text="Communication écrite"))
    trainer.type("Ce que la personne a acquis", "Se présente et remplit un formulaire.")
    trainer.chip("Obtenu", page.locator("fieldset", has_text="DELF A1"))
    expect(page.locator("[data-autosave-status]")).to_contain_text("Enregistré")
    trainer.press("Rendre le bilan")
    expect(page.locator(".toast").first).to_contain_text("rendu")
    trainer.within(typed=2, clicked=4)
    bilan = Bilan.objects.get(state=BilanState.RETURNED)
    assert (bilan.hours, bilan.attendance) == (3, 100)
    assert bilan.levels_after == {"oral": 3, "written": 2}
    assert bilan.certificates == [{"certificate": "delf_a1", "result": "obtained"}]
    trainer.check_accessibility()
    assert trainer.complaints == []


def test_the_sheet_is_tapped_on_a_telephone_and_each_tap_is_kept(page: Any, live_server: Any, stage: Stage) -> None:
    fiches = group(stage, "Ali", "Nour", "Zoé")
    enter(page, stage.at_receiver, live_server.url)
    page.emulate_media(reduced_motion="reduce")
    trainer = Visitor(page)
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{live_server.url}/sessions/{stage.session.pk}/presences/?jour={stage.today}&demi=am")  # type: ignore[attr-defined]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    line = page.locator(".sheet-line", has_text="Nour")
    trainer.chip("Absent", line)
    expect(line.locator(".sheet-sums")).to_contain_text("0 sur 1")
    trainer.chip("Excusé", line)
    expect(line.locator(".autosave")).to_contain_text("Enregistré")
    trainer.press("Tous les autres sont présents")
    expect(page.locator(".toast").first).to_contain_text("2 présences notées")
    marks = dict(Attendance.objects.values_list("referral", "mark"))
    assert marks == {fiches[0].pk: "present", fiches[1].pk: "excused", fiches[2].pk: "present"}
    trainer.check_accessibility()
    assert trainer.complaints == []


def test_the_sheet_is_filled_with_the_keyboard_alone(page: Any, live_server: Any, stage: Stage) -> None:
    (fiche,) = group(stage, "Ali")
    enter(page, stage.at_receiver, live_server.url)
    page.goto(f"{live_server.url}/sessions/{stage.session.pk}/presences/?jour={stage.today}&demi=am")  # type: ignore[attr-defined]
    line = page.locator(".sheet-line", has_text="Ali")
    line.locator("input[type=radio]").last.focus()
    page.keyboard.press("ArrowRight")
    expect(line.locator(".sheet-sums")).to_contain_text("1 sur 1")
    page.keyboard.press("ArrowRight")
    expect(line.locator(".sheet-sums")).to_contain_text("0 sur 1")
    assert page.evaluate("document.activeElement.value") == "excused", "the focus stays where it was"
    assert Attendance.objects.get(referral=fiche).mark == "excused"
