"""The commission de suivi in a real browser: prepared, held with the keyboard alone, ticked at the structure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import expect

from accounts.models import User
from referrals.models import Commission, CommissionItem, CommissionTask, ItemKind, Situation
from structures.vocabulary import NeedTheme, Role
from tests.browser.soundness import assert_sound
from tests.referrals.stage import Stage, session_of
from tests.territory import a_door, a_person, a_sent, a_structure, an_action

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class Meeting:
    """A commission to come around three situations, and a browser at the coordination."""

    def __init__(self, page: Any, site: str) -> None:
        self.page, self.site = page, site
        self.stage = Stage()
        self.city = a_door(a_structure("Ville de Blois"), Role.COORDINATOR)
        protected = a_structure("CIDFF 41", is_sensitive=True)
        now, today = self.stage.now, self.stage.today
        hidden = a_sent(an_action(protected), self.stage.sends, a_person(self.stage.sends, now), now)
        made = Commission.objects.prepare(
            self.city.actor,
            now,
            on=today,
            participants=[self.stage.sender, self.stage.receiver],
            situations=[
                Situation(ItemKind.UNANSWERED, referral=self.stage.referral, since=today - dt.timedelta(days=9)),
                Situation(ItemKind.WAITING, referral=hidden, since=today - dt.timedelta(days=70)),
                Situation(ItemKind.UNMET, theme=NeedTheme.FRENCH, figures={"at_least": 10, "quartiers": {"nord": 5}}),
            ],
        )
        assert made is not None
        self.commission = made
        self.path = f"/commissions/{made.pk}/"

    def enter_as(self, user: User | None) -> None:
        """Log in."""
        name = django_settings.SESSION_COOKIE_NAME
        value = session_of(user).cookies[name].value
        self.page.context.add_cookies([{"name": name, "value": value, "url": self.site}])


@pytest.fixture
def meeting(page: Any, live_server: Any, settings: Any) -> Iterator[Meeting]:
    """A commission to come, seen by its coordinator."""
    settings.DEMO, settings.SECURE_SSL_REDIRECT = True, False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    made = Meeting(page, live_server.url)
    made.enter_as(made.city.user)
    yield made


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_the_commission_is_sound(meeting: Meeting, width: int, scheme: str) -> None:
    page, stage = meeting.page, meeting.stage
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    for path in ("/commissions/", "/commissions/nouvelle/", meeting.path, f"{meeting.path}imprimer/"):
        page.goto(meeting.site + path)
        assert_sound(page, path)
    meeting.commission.hold(meeting.city.actor, stage.now)
    point = meeting.commission.items.get(kind=ItemKind.UNANSWERED)
    point.decide("Répondre cette semaine.", meeting.city.actor, stage.now, seen=0)
    point.give(stage.receiver, meeting.city.actor, stage.now, what="Répondre", due_on=stage.today)
    page.goto(meeting.site + meeting.path)
    page.locator("summary", has_text="Confier une tâche").first.click()
    expect(page.get_by_role("button", name="Confier").first).to_be_visible()
    assert_sound(page, "held")
    meeting.commission.close(meeting.city.actor, stage.now)
    page.goto(meeting.site + meeting.path)
    assert_sound(page, "closed")
    meeting.enter_as(stage.trainer)
    for path in ("/", meeting.path, "/commissions/"):
        page.goto(meeting.site + path)
        assert_sound(page, path)


def test_a_meeting_is_held_with_the_keyboard_alone_and_its_task_is_ticked_at_the_structure(meeting: Meeting) -> None:
    page = meeting.page
    page.goto(meeting.site + meeting.path)
    page.get_by_role("button", name="Ouvrir la séance").press("Enter")
    expect(page.get_by_text("0 décision sur 3 situations")).to_be_visible()
    fields = page.get_by_label("Décision")
    page.keyboard.press("Alt+ArrowDown")
    expect(fields.nth(0)).to_be_focused()
    page.keyboard.type("La structure répond cette semaine.")
    expect(page.get_by_text("Enregistré à").first).to_be_visible()
    page.keyboard.press("Alt+ArrowDown")
    expect(fields.nth(1)).to_be_focused()
    page.keyboard.press("Alt+ArrowUp")
    expect(fields.nth(0)).to_be_focused()
    page.keyboard.press("End")
    # What is typed may be saved in several times, as fast as the machine goes: the last one holds it all.
    with page.expect_response(lambda answer: "relancer." in (answer.request.post_data or "")):
        page.keyboard.type(" Sinon, relancer.")
    said = "La structure répond cette semaine. Sinon, relancer."
    assert CommissionItem.objects.get(kind=ItemKind.UNANSWERED).decision == said
    page.reload()
    expect(fields.nth(0)).to_have_value(said)
    first = page.locator("[data-point]").first
    summary = first.locator("summary")
    summary.press("Enter")
    first.get_by_label("À faire").press("Tab")
    page.keyboard.press("Tab")
    first.get_by_role("button", name="Confier").press("Enter")
    expect(first.locator(".agenda-tasks")).to_contain_text("Alire")
    page.get_by_role("button", name="Arrêter le compte rendu").press("Enter")
    expect(page.get_by_text("Le compte rendu est arrêté")).to_be_visible()

    meeting.enter_as(meeting.stage.trainer)
    page.goto(meeting.site + "/")
    expect(page.get_by_role("heading", name="Tâches de la commission de suivi")).to_be_visible()
    page.get_by_role("button", name="Fait").press("Enter")
    expect(page.get_by_text("C’est noté.")).to_be_visible()
    assert CommissionTask.objects.get().done_by == meeting.stage.trainer


def test_two_texts_noted_at_once_are_both_shown_and_neither_is_lost(meeting: Meeting) -> None:
    page = meeting.page
    meeting.commission.hold(meeting.city.actor, meeting.stage.now)
    page.goto(meeting.site + meeting.path)
    point = meeting.commission.items.get(kind=ItemKind.UNANSWERED)
    point.decide("Premier texte", meeting.city.actor, meeting.stage.now, seen=0)
    field = page.get_by_label("Décision").first
    field.press_sequentially("Second texte")
    expect(page.get_by_text("a noté entre-temps")).to_be_visible()
    expect(page.get_by_text("Premier texte")).to_be_visible()
    expect(field).to_have_value("Second texte")
    assert_sound(page, "both")
    page.get_by_role("button", name="Garder mon texte à la place").click()
    expect(page.get_by_text("1 décision sur 3 situations")).to_be_visible()
    expect(page.get_by_label("Décision").first).to_have_value("Second texte")
    point.refresh_from_db()
    assert point.decision == "Second texte"
