"""Answering a fiche and returning its bilan from the e-mailed link, in a real browser that has no account.

The letters are real too: a Celery worker writes and posts them, and their links are what is opened.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from referrals.models import Appointment, ConsentHow, Link, Referral, Reminder, ReminderKind
from referrals.permissions import Door
from referrals.states import AppointmentState, State
from structures.models import Membership
from structures.vocabulary import Role
from tests.browser.test_main_path import Visitor, in_days
from tests.territory import EVERYTHING, a_member, a_need, a_person, a_structure, an_action
from tests.worker_process import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ADDRESS = "accueil@alire.example.org"


class Mailbox:
    """A structure without any account, its letters, and the browser in which it opens them."""

    def __init__(self, browser: Any, base_url: str, worker: Any, inbox: Any) -> None:
        self.worker, self.inbox = worker, inbox
        self.now = timezone.now()
        self.receiver = a_structure("Alire", email=ADDRESS, address="3 rue Verte", commune="Blois")
        sending = Door.of(a_member(a_structure("Mission locale"), Role.PRESCRIBER)).actor
        sent_at = self.now - dt.timedelta(days=1)
        person = a_person(sending, sent_at, phone="+33199000101", commune="Blois")
        action = an_action(self.receiver, "Atelier de français", scales=["cria"])
        need = a_need(person, sending)
        self.fiche: Referral = Referral.objects.draft(
            person, action, sending, sent_at, needs=[need], motive="Cherche un cours du soir."
        )
        self.fiche.send(sending, sent_at, consent_how=ConsentHow.ORAL, consent_scope=EVERYTHING)
        self.context = browser.new_context(
            base_url=base_url, locale="fr-FR", timezone_id="Europe/Paris", reduced_motion="reduce"
        )
        self.visitor = Visitor(self.context.new_page())

    def open_letter(self, letters: int) -> None:
        """Wait until so many letters have come, and open the last one's link."""
        self.worker.wake()
        wait_until(lambda: len(self._links()) >= letters)
        self.visitor.page.goto(self._links()[-1])

    def _links(self) -> list[str]:
        """The links of the letters that came, in their order; an invitation for the calendar has none."""
        texts = (letter.get_body(("plain",)).get_content() for letter in self.inbox.to(ADDRESS))
        return [link[0] for text in texts if (link := re.search(r"https?://\S+/f/\S+", text))]


@pytest.fixture
def mailbox(browser: Any, live_server: Any, settings: Any, celery_worker_process: Any, smtp: Any) -> Iterator[Mailbox]:
    settings.SECURE_SSL_REDIRECT = False
    settings.SITE_URL = live_server.url
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    made = Mailbox(browser, live_server.url, celery_worker_process, smtp)
    yield made
    made.context.close()


def test_a_structure_without_an_account_answers_and_returns_the_bilan_within_the_steps_allowed(
    mailbox: Mailbox,
) -> None:
    visitor, page, fiche = mailbox.visitor, mailbox.visitor.page, mailbox.fiche

    # One field, one click.
    mailbox.open_letter(1)
    visitor.check_accessibility()
    visitor.begin()
    visitor.type("Rendez-vous", in_days(2))
    visitor.press("Accepter la fiche")
    expect(page.locator(".toast").first).to_contain_text("Fiche acceptée")
    visitor.within(typed=1, clicked=2)
    visitor.check_accessibility()

    # The day after the rendez-vous, another letter: did the person come?
    now = timezone.now()
    Referral.objects.update(appointment_at=now - dt.timedelta(days=1))
    Reminder.objects.filter(kind=ReminderKind.ENTRY_TO_CONFIRM).update(due_at=now)
    mailbox.open_letter(2)
    visitor.press("La personne entre dans l’action")
    expect(page.locator(".toast").first).to_contain_text("Entrée confirmée")

    # The bilan: at most two fields and four clicks from the letter; what is typed is saved on the way.
    today = timezone.localdate()
    Referral.objects.update(bilan_due_on=today)
    due = Reminder.objects.filter(kind=ReminderKind.BILAN_DUE).earliest("due_at")
    Reminder.objects.filter(pk=due.pk).update(due_at=timezone.make_aware(dt.datetime.combine(today, dt.time(0, 1))))
    mailbox.open_letter(3)
    visitor.check_accessibility()
    visitor.begin()
    visitor.press("Bilan final")
    expect(page.get_by_role("button", name="Rendre le bilan").first).to_be_visible()
    visitor.check_accessibility()
    visitor.type("Ce que la personne a acquis", "Parle et lit au niveau A2.")
    page.keyboard.press("Tab")
    expect(page.locator("[data-autosave-status]")).to_contain_text("Enregistré à")
    assert fiche.bilans.get().summary == "Parle et lit au niveau A2."
    visitor.chip("CDI ◆")
    visitor.press("Rendre le bilan")
    expect(page.locator(".toast").first).to_contain_text("Bilan rendu")
    visitor.within(typed=2, clicked=4)
    visitor.check_accessibility()
    fiche.refresh_from_db()
    assert fiche.state == State.ENDED
    page.goto(page.url + "imprimer/")
    visitor.check_accessibility()

    assert not Membership.objects.filter(structure=mailbox.receiver).exists()
    assert visitor.complaints == []


def test_a_link_withdrawn_while_the_page_is_open_keeps_what_was_typed_and_a_new_one_can_be_asked_for(
    mailbox: Mailbox,
) -> None:
    visitor, page, fiche = mailbox.visitor, mailbox.visitor.page, mailbox.fiche
    mailbox.open_letter(1)
    visitor.type("Rendez-vous", in_days(2))
    page.locator("#accept_note").fill("Venez avec une pièce d’identité.")
    Link.objects.revoke(fiche, Door().actor, timezone.now())
    visitor.press("Accepter la fiche")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ce lien ne marche plus")
    expect(page.get_by_text("Venez avec une pièce d’identité.")).to_be_visible()
    visitor.check_accessibility()
    visitor.press("Demander un lien")
    expect(page.get_by_text("Indiquez la référence de la fiche.").first).to_be_visible()
    visitor.check_accessibility()
    visitor.type("Référence de la fiche", fiche.reference)
    visitor.press("Demander un lien")
    expect(page.get_by_role("status")).to_contain_text("Si cette fiche attend une réponse")
    visitor.check_accessibility()
    mailbox.open_letter(2)
    expect(page.get_by_role("button", name="Accepter la fiche")).to_be_visible()
    page.goto(re.sub(r"(/f/[^/]+/).*", r"\1statistiques/", page.url))
    expect(page.get_by_role("heading", level=1)).to_have_text("Page fermée à ce lien")
    visitor.check_accessibility()


def test_the_rendez_vous_is_moved_and_its_outcome_noted_by_the_link_alone(mailbox: Mailbox) -> None:
    visitor, page, fiche = mailbox.visitor, mailbox.visitor.page, mailbox.fiche
    toast = page.locator(".toast").first
    mailbox.open_letter(1)
    visitor.begin()
    visitor.type("Rendez-vous", in_days(2))
    visitor.press("Accepter la fiche")
    expect(toast).to_contain_text("Fiche acceptée")
    visitor.within(typed=1, clicked=1)

    # Another date: one field, two clicks.
    visitor.begin()
    visitor.click(page.locator("#meet > summary"))
    visitor.check_accessibility()
    visitor.type("Jour et heure", "")
    visitor.press("Déplacer")
    expect(page.get_by_role("alert").first).to_contain_text("Un point à corriger")
    assert visitor.complaints.pop().startswith("Failed to load resource"), "the refusal, as the browser sees it"
    visitor.check_accessibility()
    visitor.begin()
    visitor.type("Jour et heure", in_days(3))
    visitor.press("Déplacer")
    expect(toast).to_contain_text("Rendez-vous fixé le")
    visitor.within(typed=1, clicked=2)
    visitor.check_accessibility()

    # The hour comes: one tap; a wrong one is taken back by another.
    at = timezone.now() - dt.timedelta(minutes=5)
    Appointment.objects.planned().filter(referral=fiche).update(at=at)
    Referral.objects.filter(pk=fiche.pk).update(appointment_at=at)
    page.reload()
    visitor.press("Absente")
    expect(toast).to_contain_text("la personne n’est pas venue")
    visitor.check_accessibility()
    visitor.begin()
    visitor.click(toast.get_by_role("button", name="Annuler"))
    expect(toast).to_contain_text("le rendez-vous est toujours prévu le")
    visitor.within(typed=0, clicked=1)
    visitor.begin()
    visitor.press("Venue")
    expect(toast).to_contain_text("la personne est venue")
    visitor.within(typed=0, clicked=1)
    visitor.check_accessibility()
    fiche.refresh_from_db()
    assert fiche.appointment_state == AppointmentState.CAME
    visitor.press("La personne entre dans l’action")
    expect(toast).to_contain_text("Entrée confirmée")
    assert not Membership.objects.filter(structure=mailbox.receiver).exists()
    assert visitor.complaints == []
