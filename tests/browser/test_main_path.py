"""The main path in a real browser, as each role in turn, with a real Celery worker and a real SMTP server.

Counts what a person types and clicks, and holds the counts against the table of steps in `docs/screens.md`.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from referrals.followup_words import WORDS
from referrals.models import ContactChannel, FollowUp, Person, Referral, Reminder, ReminderKind
from referrals.states import State
from structures.catalogue import load_catalogue
from structures.models import Structure
from structures.vocabulary import Role
from tests.browser.soundness import assert_sound
from tests.territory import a_member
from tests.worker_process import wait_until

BLOIS = Path(django_settings.BASE_DIR) / "structures" / "catalogues" / "blois.json"
VARIANTS: list[tuple[int, Any]] = [(1280, "light"), (360, "dark")]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class Visitor:
    """Someone at a browser, whose typing and clicking are counted."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.typed = self.clicked = 0
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)

    def begin(self) -> None:
        """Count from here."""
        self.typed = self.clicked = 0

    def type(self, label: str, text: str) -> None:
        """Fill one field."""
        self.page.get_by_label(re.compile(rf"^{re.escape(label)}\b")).first.fill(text)
        self.typed += 1

    def click(self, locator: Any) -> None:
        """One click, or one tap."""
        locator.click()
        self.clicked += 1

    def press(self, name: str | re.Pattern[str]) -> None:
        """Click a button."""
        self.click(self.page.get_by_role("button", name=name).first)

    def follow(self, name: str | re.Pattern[str]) -> None:
        """Click a link."""
        self.click(self.page.get_by_role("link", name=name).first)

    def chip(self, name: str, within: Any = None) -> None:
        """Click a chip."""
        self.click(
            (within or self.page).locator("label.chip", has_text=re.compile(rf"^\s*{re.escape(name)}\s*$")).first
        )

    def within(self, typed: int, clicked: int) -> None:
        """The step took at most this many fields and clicks."""
        assert (self.typed <= typed, self.clicked <= clicked) == (True, True), (self.typed, self.clicked)

    def check_accessibility(self) -> None:
        """No axe violation, wide and light as narrow and dark; nothing wider than the screen."""
        for width, scheme in VARIANTS:
            self.page.set_viewport_size({"width": width, "height": 800})
            self.page.emulate_media(color_scheme=scheme)
            assert_sound(self.page, (width, scheme))
        self.page.set_viewport_size({"width": 1280, "height": 800})
        self.page.emulate_media(color_scheme="light")


class Town:
    """The real catalogue, one member per structure, and one browser context for each of them."""

    def __init__(self, browser: Any, base_url: str) -> None:
        load_catalogue(BLOIS)
        self.browser, self.base_url = browser, base_url
        self.contexts: list[Any] = []

    def visitor(self, structure: str = "", *roles: Role) -> Visitor:
        """A visitor logged in as a new member of a structure; without one, a person without an account."""
        context = self.browser.new_context(
            base_url=self.base_url, locale="fr-FR", timezone_id="Europe/Paris", reduced_motion="reduce"
        )
        self.contexts.append(context)
        if structure:
            client = Client()
            client.force_login(a_member(Structure.objects.get(short_name=structure), *roles))
            name = django_settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": self.base_url}])
        return Visitor(context.new_page())


@pytest.fixture
def town(browser: Any, live_server: Any, settings: Any) -> Any:
    settings.DEMO, settings.SECURE_SSL_REDIRECT = True, False
    settings.SITE_URL = live_server.url
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    made = Town(browser, live_server.url)
    yield made
    for context in made.contexts:
        context.close()


def in_days(days: int) -> str:
    """A moment at ten o'clock, as a date-and-time field takes it."""
    return f"{timezone.localdate() + dt.timedelta(days=days)}T10:00"


def test_the_main_path_runs_as_each_role_within_the_steps_allowed(
    town: Town, celery_worker_process: Any, smtp: Any
) -> None:
    # The prescripteur records a person with their needs…
    adviser = town.visitor("Mission locale", Role.PRESCRIBER)
    page = adviser.page
    page.goto("/")
    expect(page.get_by_role("heading", name="À faire aujourd’hui")).to_be_visible()
    adviser.check_accessibility()
    adviser.follow("Enregistrer une personne")
    expect(page.get_by_role("button", name="Enregistrer et voir les suggestions")).to_be_visible()
    adviser.check_accessibility()
    adviser.begin()
    adviser.type("Prénom", "Aïcha")
    adviser.type("Nom", "Démonstration")
    adviser.type("Date de naissance", "04/05/1996")
    adviser.type("Téléphone", "02 61 91 12 34")
    for name in ("Femme", "Apprendre le français", "Appel téléphonique", "Quartiers Nord (QPV)"):
        adviser.chip(name)
    adviser.press("Enregistrer et voir les suggestions")
    adviser.within(typed=4, clicked=8)

    # … and sees at once what fits, and why.
    expect(page.get_by_role("heading", level=3).first).to_contain_text("Positionnement")
    expect(page.locator(".criterion").first).to_be_visible()
    adviser.check_accessibility()

    # The fiche leaves in three clicks.
    adviser.begin()
    adviser.press(re.compile("^Orienter"))
    expect(page.get_by_role("heading", name="Envoyer la fiche")).to_be_visible()
    adviser.chip("De vive voix, en entretien")
    adviser.press("Envoyer la fiche")
    expect(adviser.page.get_by_text("Fiche envoyée").first).to_be_visible()
    adviser.within(typed=1, clicked=3)
    fiche = Referral.objects.get()
    expect(page.get_by_text(fiche.reference).first).to_be_visible()
    assert fiche.state == State.SENT
    adviser.check_accessibility()

    # The Cria finds it in its queue, and accepts with a date.
    trainer = town.visitor("Cria 41", Role.RECEIVER, Role.PRESCRIBER)
    trainer.page.goto("/")
    expect(trainer.page.get_by_text(fiche.reference)).to_be_visible()
    trainer.begin()
    trainer.follow("Répondre")
    trainer.type("Rendez-vous", in_days(3))
    trainer.press("Accepter la fiche")
    expect(trainer.page.locator(".toast").first).to_contain_text("Fiche acceptée")
    trainer.within(typed=1, clicked=2)
    trainer.check_accessibility()
    page.goto(f"/fiches/{fiche.reference}/")
    expect(page.get_by_text("Fiche acceptée").first).to_be_visible()
    # The ten minutes during which the answer can be taken back are over.
    Reminder.objects.filter(referral=fiche, kind=ReminderKind.ANSWERED).update(due_at=timezone.now())
    celery_worker_process.wake()
    answered = wait_until(lambda: [letter for letter in smtp if fiche.reference in letter["Subject"]])
    assert "Démonstration" not in answered[0]["Subject"]

    # The positionnement, and its return.
    trainer.page.goto(f"/fiches/{fiche.reference}/positionnement/")
    trainer.begin()
    for field in ("Communication orale", "Communication écrite"):
        trainer.chip("1", trainer.page.locator("fieldset", has_text=field).last)
    trainer.page.get_by_label(re.compile("^Français oral")).select_option("A1")
    trainer.page.get_by_label(re.compile("^Français écrit")).select_option("A1")
    trainer.type("Conclusion", "Se présente et comprend des consignes simples.")
    trainer.chip("Apprendre le français")
    trainer.check_accessibility()
    trainer.press("Enregistrer et envoyer le retour")
    expect(trainer.page.locator(".toast").first).to_contain_text("retour")
    trainer.within(typed=2, clicked=6)
    bilan = fiche.bilans.get()

    # From the return to the next fiche in two clicks.
    page.goto(f"/bilans/{bilan.pk}/")
    adviser.check_accessibility()
    adviser.begin()
    adviser.follow("Ouvrir la suite")
    expect(page.get_by_role("heading", name="Suggestions", level=1)).to_be_visible()
    adviser.check_accessibility()
    adviser.click(page.locator("form", has=page.locator("input[value='alire-fli']")).get_by_role("button"))
    expect(page.get_by_role("heading", name="Envoyer la fiche")).to_be_visible()
    adviser.within(typed=0, clicked=2)
    adviser.chip("De vive voix, en entretien")
    adviser.press("Envoyer la fiche")
    expect(adviser.page.get_by_text("Fiche envoyée").first).to_be_visible()
    course = Referral.objects.get(action__slug="alire-fli")
    assert course.opened_by == bilan

    # Alire takes the person in, and returns the bilan with the exit.
    alire = town.visitor("Alire", Role.RECEIVER)
    alire.page.goto(f"/fiches/{course.reference}/")
    alire.type("Rendez-vous", in_days(2))
    alire.press("Accepter la fiche")
    alire.press("La personne entre dans l’action")
    expect(alire.page.locator(".toast").first).to_contain_text("Entrée confirmée")
    course.refresh_from_db()
    assert course.state == State.ENTERED
    alire.begin()
    alire.press("Bilan final")
    expect(alire.page.get_by_role("button", name="Rendre le bilan").first).to_be_visible()
    alire.check_accessibility()
    alire.type("Ce que la personne a acquis", "Parle et lit au niveau A2.")
    alire.chip("CDI ◆")
    alire.press("Rendre le bilan")
    expect(alire.page.locator(".toast").first).to_contain_text("rendu")
    alire.within(typed=2, clicked=4)
    course.refresh_from_db()
    assert course.state == State.ENDED
    alire.check_accessibility()

    # Six months later, the letter, the link, one tap; the answer stands on the timeline.
    Person.objects.update(email="aicha@example.org", contact_channel=ContactChannel.EMAIL)
    now = timezone.now()
    Reminder.objects.filter(referral=course, kind=ReminderKind.SIX_MONTHS).update(due_at=now)
    celery_worker_process.wake()
    letter = wait_until(lambda: smtp.to("aicha@example.org"))[0]
    text = letter.get_body(("plain",)).get_content()
    assert "Alire" not in text
    assert "Aïcha" not in text
    link = re.search(r"https?://\S+/s/\S+", text)
    assert link is not None
    person = town.visitor()
    person.page.goto(link[0])
    assert FollowUp.objects.get(referral=course).situation == "", "opening the link records nothing"
    person.check_accessibility()
    person.begin()
    person.press("J’ai un emploi")
    expect(person.page.get_by_text(WORDS["fr"].thanks)).to_be_visible()
    person.within(typed=0, clicked=1)
    person.check_accessibility()
    assert FollowUp.objects.get(referral=course).situation == "job"
    page.goto(f"/fiches/{course.reference}/")
    expect(page.get_by_text("Nouvelles de la personne").first).to_be_visible()
    page.goto(f"/personnes/{course.person_id}/")
    adviser.check_accessibility()

    # The coordinator reads the figures in one click, and no name.
    city = town.visitor("Ville de Blois", Role.COORDINATOR)
    city.page.goto("/")
    city.begin()
    city.follow("Statistiques")
    expect(city.page.get_by_role("heading", level=1)).to_have_text("Statistiques")
    city.within(typed=0, clicked=1)
    expect(city.page.get_by_text("Démonstration", exact=True)).to_have_count(0)
    city.check_accessibility()

    for visitor in (adviser, trainer, alire, person, city):
        assert visitor.complaints == []


def test_the_second_of_two_people_is_told_and_keeps_what_was_typed(town: Town) -> None:
    adviser = town.visitor("Mission locale", Role.PRESCRIBER)
    page = adviser.page
    page.goto("/personnes/nouvelle/")
    adviser.type("Prénom", "Ali")
    adviser.type("Nom", "Exemple")
    adviser.chip("Apprendre le français")
    adviser.press("Enregistrer et voir les suggestions")
    adviser.press(re.compile("^Orienter"))
    adviser.chip("De vive voix, en entretien")
    adviser.press("Envoyer la fiche")
    expect(adviser.page.get_by_text("Fiche envoyée").first).to_be_visible()
    fiche = Referral.objects.get()
    first, second = town.visitor("Cria 41", Role.RECEIVER), town.visitor("Cria 41", Role.RECEIVER)
    for one in (first, second):
        one.page.goto(f"/fiches/{fiche.reference}/")
    first.type("Rendez-vous", in_days(3))
    first.press("Accepter la fiche")
    expect(first.page.locator(".toast").first).to_contain_text("Fiche acceptée")
    second.type("Rendez-vous", in_days(9))
    second.press("Accepter la fiche")
    expect(second.page.get_by_role("alert").first).to_contain_text("a accepté")
    kept = Referral.objects.get()
    assert kept.appointment_at is not None
    assert timezone.localdate(kept.appointment_at) == timezone.localdate() + dt.timedelta(days=3)
    second.check_accessibility()


def test_a_person_is_recorded_with_the_keyboard_alone(town: Town) -> None:
    adviser = town.visitor("Mission locale", Role.PRESCRIBER)
    page = adviser.page
    page.goto("/personnes/nouvelle/")
    page.get_by_label(re.compile("^Prénom")).focus()
    page.keyboard.type("Inès")
    page.keyboard.press("Tab")
    page.keyboard.type("Clavier")
    for _ in range(60):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "() => { const e = document.activeElement, f = e.nextElementSibling;"
            " const shown = [e, f].filter(Boolean).map(x => getComputedStyle(x));"
            " return shown.some(s => s.outlineStyle !== 'none' || s.boxShadow !== 'none') }"
        )
        assert outline, "the focus is always visible"
        if page.evaluate("document.activeElement.value") == "french":
            page.keyboard.press("Space")
        if "Enregistrer et voir" in (page.evaluate("document.activeElement.textContent") or ""):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=3).first).to_be_visible()
