"""Each letter and text message is shown with an invented example, and says nothing of anybody."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import AccountLetter
from referrals import emails, gsm7, sms
from referrals.followup_words import DEFAULT, WORDS
from referrals.gallery import ACCOUNT_LETTERS, LETTERS, TEXTS, Example, examples
from referrals.models import FollowUpMonths, Message, Person, Referral
from structures.vocabulary import Role
from tests.referrals.test_notifications import LETTERS as EVERY_LETTER
from tests.territory import NOW, a_member, a_structure

pytestmark = pytest.mark.django_db


@pytest.fixture
def shown() -> list[Example]:
    return examples(NOW)


def test_every_letter_and_every_text_is_in_it() -> None:
    assert sorted(name for letters in LETTERS.values() for name in letters) == EVERY_LETTER
    texts = [name for name, found in vars(sms).items() if getattr(found, "__annotations__", {}).get("return") == "Text"]
    assert sorted(TEXTS) == sorted(name for name in texts if not name.startswith("_"))
    assert all(hasattr(emails, name) for name in TEXTS)


def test_every_letter_about_an_account_is_in_it() -> None:
    folder = Path(settings.BASE_DIR) / "accounts" / "templates" / "account" / "email"
    assert sorted(ACCOUNT_LETTERS) == sorted(
        file.name.removesuffix("_subject.txt") for file in folder.glob("*_subject.txt")
    )


def test_no_row_is_written(shown: list[Example]) -> None:
    assert shown
    for model in (Message, AccountLetter, Referral, Person):
        assert not model._default_manager.exists()


def test_subjects_hold_a_reference_at_most_and_addresses_nothing_of_a_person(shown: list[Example]) -> None:
    for one in shown:
        for secret in ("Exemple Exemple", "EXEMPLE Exemple", "personne@example.org"):
            assert secret not in one.subject + one.text + one.html, one.name
        if not one.septets:
            assert len(one.subject) < 78
            assert "exemple" not in one.subject.lower().replace("r-exempl", ""), one.name
        for address in re.findall(r"https?://\S+", one.text):
            path = address.removeprefix(settings.SITE_URL)
            allowed = (
                r"[/.]?|/fiches/R-EXEMPL/|/f/EXEMPLE-[\w-]+/|/s/EXEMPLE-[\w-]+/(\?langue=[a-z]{2})?|/compte/[\w/-]+"
                r"|/actions/gestion/nos-actions/\?etat=a-confirmer|/exploitation/|/statistiques/(sessions/0/)?"
            )
            assert re.fullmatch(allowed, path), (one.name, address)


def test_each_text_takes_one_segment(shown: list[Example]) -> None:
    texts = [one for one in shown if one.name.startswith("sms-")]
    assert len(texts) == len(TEXTS)
    for one in texts:
        assert one.septets == gsm7.septets(one.text) <= gsm7.SEGMENT


def test_the_six_month_letter_is_shown_in_each_language_that_is_spoken(shown: list[Example]) -> None:
    found = {one.language: one for one in shown if one.language}
    assert set(found) == set(WORDS) - {DEFAULT}
    client = Client()
    client.force_login(a_member(a_structure(), Role.MANAGER))
    page = client.get("/lettres/").content.decode()
    for code, one in found.items():
        words = WORDS[code]
        for said in (words.title, words.letter, words.intro[FollowUpMonths.SIX]):
            assert said in one.text
            assert said in html.unescape(one.html)
        assert f'lang="{code}" dir="{words.direction}"' in one.html
        assert f'lang="{code}" dir="auto">{words.name}<' in page


def test_each_page_opens_and_its_frame_runs_no_script_and_fetches_nothing(shown: list[Example]) -> None:
    client = Client()
    client.force_login(a_member(a_structure(), Role.MANAGER))
    page = client.get("/lettres/")
    assert page.content.decode().count("notice-row") == len(shown)
    for one in shown:
        detail = client.get(f"/lettres/{one.name}/")
        assert detail.status_code == 200
        frame = client.get(f"/lettres/{one.name}/forme/")
        assert frame.status_code == (200 if one.html else 404)
    assert "frame-src 'self'" in detail["Content-Security-Policy"]
    policy = client.get("/lettres/referral_received/forme/")
    rules = policy["Content-Security-Policy"]
    assert "default-src 'none'" in rules
    assert re.search(r"sandbox(;|$)", rules)
    assert "script-src" not in rules
    assert policy["X-Frame-Options"] == "SAMEORIGIN"
    assert client.get("/lettres/inconnue/").status_code == 404


def test_the_support_staff_reads_them_too() -> None:
    client = Client()
    client.force_login(a_member(a_structure(), Role.COORDINATOR, is_staff=True))
    assert client.get("/lettres/").status_code == 200
