"""The pictures of `docs/screens/`: the main pages of the demonstration, as its people see them.

Run by `bin/screens`, which loads the demonstration and serves it: `python -m tests.screens ADDRESS [NAME…]`.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Count, F
from django.utils import timezone
from playwright.sync_api import sync_playwright

from referrals.demo.logins import PASSWORD
from referrals.models import Bilan, BilanKind, FollowUp, Person, Referral
from referrals.models.bilan import BilanState
from referrals.models.event import WORKER
from referrals.models.followup import FollowUpState
from referrals.states import State
from tests.conftest import CHROMIUM_ARGUMENTS, find_chromium

ADVISER, TRAINER, TEACHER, CITY = "conseillere.mission-locale", "cria", "alire", "ville"
"""Who looks, by the first part of their address."""

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 720}
HEAVIEST = 200_000
"""Bytes of a picture: the repository keeps every version of each."""

PATIENCE = 60
"""Seconds that the site may take to answer for the first time."""


@dataclass(frozen=True)
class Screen:
    """One picture: who looks (empty: someone without an account), at which address, and what they do first."""

    name: str
    who: str
    path: str
    prepare: Callable[[Any], None] | None = None
    phone: bool = False
    dark: bool = False


def _of(structure: str, side: str) -> dict[str, str]:
    return {f"{side}__source_id__endswith": structure}


def _fiche(**found: Any) -> str:
    rows = Referral.objects.filter(**found).order_by("-sent_at", "pk")
    return rows.values_list("reference", flat=True)[0]


def _bilan() -> str:
    """The bilan that measured the most levels, among those where something was gained."""
    rows = Bilan.objects.filter(
        state=BilanState.RETURNED, kind=BilanKind.FINAL, **_of("alire", "referral__receiver")
    ).exclude(levels_after=F("levels_before"))
    best = max(rows.order_by("-on", "pk"), key=lambda bilan: len(bilan.levels_after))
    return str(best.pk)


def _pathway() -> str:
    """The person of the Mission locale whose fiches went furthest."""
    people = Person.objects.filter(**_of("mission-locale-blaisois", "recorded_by")).annotate(
        fiches=Count("referrals", distinct=True), bilans=Count("referrals__bilans", distinct=True)
    )
    best = people.order_by("-fiches", "-bilans", "last_name", "first_name", "pk")[0]
    return str(best.pk)


def _answer_link() -> str:
    """A link as the letter of six months holds it."""
    row = FollowUp.objects.filter(state__in=[FollowUpState.PLANNED, FollowUpState.ASKED]).order_by("due_on", "pk")[0]
    return row.ask(WORKER, timezone.now())


def _type_a_person(page: Any) -> None:
    """What the first interview gives, in the order of the form."""
    fields = {"Prénom": "Aïcha", "Nom": "Benali", "Date de naissance": "04/05/1996", "Téléphone": "02 61 91 12 34"}
    for label, text in fields.items():
        page.get_by_label(re.compile(rf"^{label}\b")).first.fill(text)
    for chip in ("Femme", "Apprendre le français", "Appel téléphonique", "Quartiers Nord (QPV)"):
        page.locator("label.chip", has_text=re.compile(rf"^\s*{re.escape(chip)}\s*$")).first.click()
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")


def _record_a_person(page: Any) -> None:
    _type_a_person(page)
    page.get_by_role("button", name="Enregistrer et voir les suggestions").click()
    # Taken several times: from the second on, she is a likely duplicate.
    again = page.get_by_role("button", name=re.compile("^Non, enregistrer"))
    page.get_by_role("heading", name="Suggestions").or_(again).first.wait_for()
    if again.count():
        again.click()
        page.get_by_role("heading", name="Suggestions").wait_for()


def _prepare_a_fiche(page: Any) -> None:
    _record_a_person(page)
    page.get_by_role("button", name=re.compile("^Orienter")).first.click()


def _write_an_answer(page: Any) -> None:
    """An acceptance about to be sent, with a rendez-vous on the Tuesday of next week."""
    today = timezone.localdate()
    meeting = today + dt.timedelta(days=8 - today.weekday())
    page.get_by_label(re.compile("^Rendez-vous")).first.fill(f"{meeting}T10:00")
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")


def _scroll_to_answer(page: Any) -> None:
    _write_an_answer(page)
    page.get_by_role("heading", name="Votre réponse").evaluate("heading => heading.scrollIntoView()")


def _note_levels(page: Any) -> None:
    """A positionnement half written."""
    for name, level in (("Communication orale", "2"), ("Communication écrite", "1")):
        group = page.locator("fieldset", has_text=name).last
        group.locator("label.chip", has_text=re.compile(rf"^\s*{level}\s*$")).first.click()
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")


def screens() -> list[Screen]:
    """Every picture, on rows chosen by what they are: the demonstration is another one each day."""
    cria = _of("cria-41", "receiver")
    sent = _fiche(state=State.SENT, **cria, **_of("mission-locale-blaisois", "sender"))
    to_position = _fiche(state=State.ACCEPTED, positioning=None, **cria)
    bilan, person = f"/bilans/{_bilan()}/", f"/personnes/{_pathway()}/"
    new = "/personnes/nouvelle/"
    return [
        Screen("home", ADVISER, "/"),
        Screen("home-dark", ADVISER, "/", dark=True),
        Screen("home-phone", ADVISER, "/", phone=True),
        Screen("home-receiver", TRAINER, "/"),
        Screen("person-form", ADVISER, new, _type_a_person),
        Screen("suggestions", ADVISER, new, _record_a_person),
        Screen("suggestions-phone", ADVISER, new, _record_a_person, phone=True),
        Screen("send", ADVISER, new, _prepare_a_fiche),
        Screen("answer", TRAINER, f"/fiches/{sent}/", _write_an_answer),
        Screen("answer-phone-dark", TRAINER, f"/fiches/{sent}/", _scroll_to_answer, phone=True, dark=True),
        Screen("positioning", TRAINER, f"/fiches/{to_position}/positionnement/", _note_levels),
        Screen("bilan", TEACHER, bilan),
        Screen("bilan-dark", TEACHER, bilan, dark=True),
        Screen("pathway", ADVISER, person),
        Screen("fiches", ADVISER, "/fiches/"),
        Screen("six-months-phone", "", f"/s/{_answer_link()}/", phone=True),
        Screen("statistics", CITY, "/statistiques/"),
        Screen("statistics-dark", CITY, "/statistiques/", dark=True),
        Screen("catalogue", ADVISER, "/actions/"),
        Screen("print", ADVISER, f"/fiches/{sent}/imprimer/"),
    ]


class Camera:
    """A browser in which each person logs in once."""

    def __init__(self, browser: Any, address: str) -> None:
        self.browser, self.address = browser, address
        self.sessions: dict[str, Any] = {}

    @contextmanager
    def page(self, who: str, *, phone: bool, dark: bool) -> Iterator[Any]:
        """A page of this person, in French, in the size and the colours asked for."""
        context = self.browser.new_context(
            base_url=self.address,
            locale="fr-FR",
            timezone_id="Europe/Paris",
            viewport=PHONE if phone else WIDE,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            storage_state=self.sessions.get(who),
        )
        context.set_default_timeout(30_000)
        page = context.new_page()
        if who and who not in self.sessions:
            page.goto("/compte/connexion/")
            page.locator("input[name=login]").fill(f"{who}@example.org")
            page.locator("input[name=password]").fill(PASSWORD)
            page.locator("main button[type=submit]").click()
            page.wait_for_url(f"{self.address}/")
            self.sessions[who] = context.storage_state()
        yield page
        context.close()

    def take(self, screen: Screen, folder: Path) -> Path:
        """Write one picture. Raises `RuntimeError` when the page is an error, or its picture too heavy."""
        with self.page(screen.who, phone=screen.phone, dark=screen.dark) as page:
            answer = page.goto(screen.path)
            if answer.status != 200:
                raise RuntimeError(f"{screen.name}: {screen.path} answered {answer.status}")
            if screen.prepare:
                screen.prepare(page)
            page.wait_for_load_state("networkidle")
            path = folder / f"{screen.name}.png"
            page.screenshot(path=path, animations="disabled", caret="hide", scale="css")
        if path.stat().st_size > HEAVIEST:
            raise RuntimeError(f"{screen.name}: {path.stat().st_size} bytes is too heavy")
        return path


def wait_for(address: str) -> None:
    """Wait until the site answers. Raises `RuntimeError` when it does not."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        try:
            with urllib.request.urlopen(f"{address}/sante", timeout=10):  # nosec B310
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"{address} does not answer")


def main(argv: list[str]) -> None:
    """Take every picture, or those that are named."""
    address, *names = argv
    # Playwright's loop runs in this thread, where Django would refuse to touch the database: rows are chosen before.
    chosen = [screen for screen in screens() if not names or screen.name in names]
    folder = Path(settings.BASE_DIR) / "docs" / "screens"
    folder.mkdir(exist_ok=True)
    wait_for(address)
    with sync_playwright() as playwright:
        # Date fields follow the language of the browser: let them follow the page's, as in a French browser.
        arguments = [*CHROMIUM_ARGUMENTS, "--enable-blink-features=LangAttributeAwareFormControlUI"]
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        camera = Camera(browser, address)
        for number, screen in enumerate(chosen, start=1):
            path = camera.take(screen, folder)
            print(f"{number}/{len(chosen)} {path.name} {path.stat().st_size // 1000} kB", file=sys.stderr, flush=True)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
