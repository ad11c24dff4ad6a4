"""Addresses that fail are shown to who can mend them, until they change or a later letter is taken."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import MAX_ATTEMPTS, AccountLetter, User
from referrals.bounces import NotABounce, read_bounce, take_in
from referrals.models import (
    ContactChannel,
    FailingAddress,
    Message,
    MessageChannel,
    Notice,
    Person,
    Referral,
)
from referrals.models.failing import TRUSTED_AFTER
from referrals.models.message import MessageState
from referrals.permissions import Door
from referrals.permissions.mending import failing_for
from structures.models import Structure
from structures.vocabulary import Role
from tests.smtp_server import Inbox, SmtpServer
from tests.territory import NOW, a_door, a_member, a_person, a_sent, a_structure, an_action
from tests.worker.letters import a_letter
from worker.post import Poster

PERSON = "zephyrine@example.org"
DAY = dt.timedelta(days=1)


def post(now: dt.datetime = NOW) -> None:
    with Poster(lambda: now) as poster:
        poster.post_batch(100, time.monotonic() + 30)


def notification(message_id: str, action: str = "failed", status: str = "5.1.1", original: str = "rfc822") -> bytes:
    """A delivery status notification, as Postfix writes it."""
    kind = {"rfc822": "message/rfc822", "headers": "text/rfc822-headers"}[original]
    return f"""From: MAILER-DAEMON@mx.example.org
To: ne-pas-repondre@relais.example.org
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain

I could not deliver your message to {PERSON}.

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; {PERSON}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {PERSON} unknown

--B
Content-Type: {kind}

From: Relais <ne-pas-repondre@relais.example.org>
To: {PERSON}
Message-ID: {message_id}
Subject: Rendez-vous

--B--
""".encode()


class Fiche:
    """A person whom letters reach, a fiche about them, and the members of both structures."""

    def __init__(self) -> None:
        self.out: Structure = a_structure("Mission locale")
        self.into: Structure = a_structure("Alire")
        self.prescriber: Door = a_door(self.out, Role.PRESCRIBER)
        self.person: Person = a_person(
            self.prescriber.actor, email=PERSON.title(), contact_channel=ContactChannel.EMAIL
        )
        self.referral: Referral = a_sent(an_action(self.into), self.prescriber.actor, self.person)

    def to_person(self, **values: Any) -> Message:
        """A letter to the person."""
        return a_letter(self.person.email, referral=self.referral, letter="appointment_reminder", **values)

    def seen_by(self, user: User, now: dt.datetime = NOW) -> list[str]:
        """The failing addresses that a member is shown."""
        return list(failing_for(Door.of(user), now).order_by("id").values_list("address", flat=True))


@pytest.fixture
def fiche(db: None) -> Fiche:
    return Fiche()


# Nonsense


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "not a multipart/report"),
        (b"\xff\xfe\x00", "not a multipart/report"),
        (b"Subject: Re: Rendez-vous\n\nMerci !\n", "not a multipart/report"),
        (notification("<a@b>").replace(b"message/delivery-status", b"text/plain"), "without a delivery status"),
        (notification("<a@b>").replace(b"message/rfc822", b"text/plain"), "without the letter"),
        (notification(""), "without the Message-ID"),
        (notification("pas un identifiant"), "without the Message-ID"),
        (notification("<a@b>").replace(b"Action: failed\n", b""), "without an action"),
    ],
)
def test_nonsense_is_refused_with_words_that_repeat_nothing_of_it(raw: bytes, why: str) -> None:
    with pytest.raises(NotABounce, match=why) as refused:
        read_bounce(raw)
    assert "@" not in str(refused.value)


def test_the_bounce_of_a_letter_that_is_not_ours_is_refused(fiche: Fiche) -> None:
    with pytest.raises(NotABounce, match="no letter that is known"):
        take_in(notification("<ailleurs@example.org>"), NOW)


def test_a_letter_that_is_only_delayed_has_not_failed(fiche: Fiche) -> None:
    letter = fiche.to_person(state=MessageState.SENT, sent_at=NOW)
    assert not take_in(notification(letter.message_id, action="delayed", status="4.4.1"), NOW)
    letter.refresh_from_db()
    assert letter.state == MessageState.SENT
    assert not FailingAddress.objects.exists()


# Bounces


@pytest.mark.parametrize("original", ["rfc822", "headers"])
def test_a_letter_that_came_back_has_failed_once_and_its_person_is_called(fiche: Fiche, original: str) -> None:
    fiche.referral.accept(a_door(fiche.into).actor, NOW, appointment_at=NOW + 9 * DAY)
    letter = fiche.to_person(state=MessageState.SENT, sent_at=NOW)
    raw = notification(letter.message_id, original=original)
    assert take_in(raw, NOW + DAY)
    assert not take_in(raw, NOW + 2 * DAY)
    letter.refresh_from_db()
    assert (letter.state, letter.error) == (MessageState.FAILED, "bounced, 5.1.1")
    failing = FailingAddress.objects.get()
    assert (failing.address, failing.person, failing.since, failing.code) == (PERSON, fiche.person, NOW + DAY, "5.1.1")
    assert fiche.referral.appointments.get().notice == Notice.TO_TELL


def test_the_command_reads_its_input_and_tells_the_mail_server_what_it_cannot_use(fiche: Fiche, capsys: Any) -> None:
    ran = subprocess.run(
        [sys.executable, Path(__file__).resolve().parents[2] / "manage.py", "bounce"],
        input=f"To: {PERSON}\n\nMerci".encode(),
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 65
    assert PERSON.encode() not in ran.stdout + ran.stderr


def test_an_address_that_bounced_is_trusted_again_once_a_letter_has_not_come_back(fiche: Fiche) -> None:
    letter = fiche.to_person(state=MessageState.SENT, sent_at=NOW)
    take_in(notification(letter.message_id), NOW)
    FailingAddress.objects.taken(PERSON, NOW + DAY)
    assert fiche.seen_by(fiche.prescriber.user, NOW + DAY) == [PERSON]  # type: ignore[arg-type] # a member
    assert FailingAddress.objects.standing(NOW + DAY + TRUSTED_AFTER).count() == 0
    again = fiche.to_person(state=MessageState.SENT, sent_at=NOW)
    take_in(notification(again.message_id), NOW + DAY + TRUSTED_AFTER)
    assert FailingAddress.objects.standing(NOW + 30 * DAY).get().since == NOW


# Refusals


@pytest.mark.django_db(transaction=True)
def test_a_refused_address_fails_until_a_later_letter_is_taken(
    smtp: Inbox, smtp_server: SmtpServer, monkeypatch: Any
) -> None:
    fiche = Fiche()
    monkeypatch.setattr(smtp_server.handler, "refused", {fiche.person.email: "550 unknown"})
    fiche.to_person()
    post()
    assert FailingAddress.objects.get().address == PERSON
    monkeypatch.setattr(smtp_server.handler, "refused", {})
    fiche.to_person()
    post(NOW + DAY)
    assert not FailingAddress.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_letter_given_up_without_an_answer_says_nothing_against_its_address(smtp: Inbox) -> None:
    a_letter("a@example.org", doubts=99)
    post()
    assert Message.objects.get().state == MessageState.FAILED
    assert not FailingAddress.objects.exists()


def account_letter(to: str, **values: Any) -> AccountLetter:
    defaults = {"subject": "Relais", "body_text": "lien", "created_at": NOW, "not_before": NOW}
    return AccountLetter.objects.create(to=to, **defaults | values)


@pytest.mark.django_db(transaction=True)
def test_a_letter_about_an_account_that_is_refused_for_good_is_shown_to_the_manager_until_one_is_taken(
    smtp: Inbox, smtp_server: SmtpServer, monkeypatch: Any
) -> None:
    structure = a_structure("Alire")
    manager, newcomer = a_member(structure, Role.MANAGER), a_member(structure, Role.RECEIVER)
    monkeypatch.setattr(smtp_server.handler, "refused", {newcomer.email: "550 unknown"})
    account_letter(newcomer.email)
    post()
    failing = FailingAddress.objects.get()
    assert (failing.address, failing.channel, failing.person, failing.code) == (
        newcomer.email.lower(),
        MessageChannel.EMAIL,
        None,
        "550",
    )
    assert list(failing_for(Door.of(manager), NOW)) == [failing]
    monkeypatch.setattr(smtp_server.handler, "refused", {})
    account_letter(newcomer.email)
    post(NOW + DAY)
    assert not FailingAddress.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_letter_about_an_account_that_was_only_told_to_come_back_later_says_nothing_against_its_address(
    smtp: Inbox, smtp_server: SmtpServer, monkeypatch: Any
) -> None:
    monkeypatch.setattr(smtp_server.handler, "refusal", "451 try later")
    letter = account_letter("a@example.org", attempts=MAX_ATTEMPTS - 1)
    post()
    letter.refresh_from_db()
    assert (letter.state, letter.failure) == (AccountLetter.State.FAILED, "451")
    assert not FailingAddress.objects.exists()


@pytest.mark.django_db
def test_a_letter_about_an_account_that_came_back_has_failed_once_and_its_address_is_shown() -> None:
    newcomer = a_member(a_structure("Alire"), Role.RECEIVER)
    letter = account_letter(newcomer.email, state=AccountLetter.State.SENT, sent_at=NOW, body_text="")
    assert take_in(notification(letter.message_id), NOW + DAY)
    assert not take_in(notification(letter.message_id), NOW + 2 * DAY)
    letter.refresh_from_db()
    assert (letter.state, letter.failure) == (AccountLetter.State.FAILED, "bounced, 5.1.1")
    failing = failing_for(Door.of(newcomer), NOW + DAY).get()
    assert (failing.address, failing.since, failing.bounced) == (newcomer.email.lower(), NOW + DAY, True)


# Who is shown what


def failing(address: str, person: Person | None = None, channel: str = MessageChannel.EMAIL) -> None:
    FailingAddress.objects.create(address=address, channel=channel, person=person, since=NOW, code="550")


def test_each_is_shown_what_they_can_mend_and_nothing_else(fiche: Fiche) -> None:
    manager, receiver = a_member(fiche.into, Role.MANAGER), a_member(fiche.into, Role.RECEIVER)
    coordinator = a_member(a_structure(), Role.COORDINATOR)
    action = an_action(fiche.into, email="Atelier@example.org")
    for address in (fiche.into.email, receiver.email, action.email.lower(), fiche.out.email, coordinator.email):
        failing(address)
    failing(PERSON, fiche.person)
    assert fiche.seen_by(manager) == [fiche.into.email, receiver.email, "atelier@example.org"]
    assert fiche.seen_by(receiver) == [receiver.email]
    assert fiche.seen_by(coordinator) == [coordinator.email]
    assert fiche.prescriber.user is not None
    assert fiche.seen_by(fiche.prescriber.user) == [PERSON]


@pytest.mark.parametrize("values", [{"email": "nouvelle@example.org"}, {"email": ""}])
def test_an_address_that_was_changed_no_longer_fails(fiche: Fiche, values: dict[str, str]) -> None:
    failing(PERSON, fiche.person)
    fiche.person.change(fiche.prescriber.actor, NOW, **values)
    assert fiche.prescriber.user is not None
    assert fiche.seen_by(fiche.prescriber.user) == []
    assert FailingAddress.objects.sweep(NOW) == 1


def test_what_somebody_still_has_is_not_swept_away(fiche: Fiche) -> None:
    fiche.person.change(fiche.prescriber.actor, NOW, phone="+33799000001")
    for address in (PERSON, "+33799000001"):
        failing(address, fiche.person)
    failing(fiche.into.email.upper().lower())
    assert FailingAddress.objects.sweep(NOW) == 0


def test_home_and_the_persons_page_lead_to_where_it_is_mended(fiche: Fiche) -> None:
    failing(PERSON, fiche.person)
    client = Client()
    assert fiche.prescriber.user is not None
    client.force_login(fiche.prescriber.user)
    home = client.get("/").content.decode()
    assert "Adresses en échec" in home
    assert f"/personnes/{fiche.person.pk}/modifier/" in home
    assert PERSON not in home
    page = client.get(f"/personnes/{fiche.person.pk}/").content.decode()
    assert "Les lettres n’arrivent pas à cette adresse" in page
    other = Client()
    other.force_login(a_member(fiche.into, Role.RECEIVER))
    assert "Les lettres n’arrivent pas" not in other.get(f"/personnes/{fiche.person.pk}/").content.decode()
