"""Letters given up: a person sees them, posts them again while they are true, or takes them off the list."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from referrals.models import Event, EventKind, Message, MessageChannel, Origin, Reminder
from referrals.models.message import GIVE_UP_AFTER, INTERRUPTED, AbandonReason, MessageState
from referrals.models.reminder import ReminderKind, ReminderState
from referrals.notifications import carry_out
from referrals.states import Reason
from referrals.views.keyset import PAGE_SIZE
from structures.vocabulary import Role
from tests.smtp_server import Inbox, SmtpServer
from tests.territory import NOW, a_door, a_member, a_sent, a_structure, an_action
from tests.worker.letters import a_letter, a_text
from worker.dead_letters import Replay, abandon, replay
from worker.drain import drain

pytestmark = pytest.mark.django_db

PAGE, AGAIN = "/exploitation/", "/exploitation/renvoyer/"
MINUTE = dt.timedelta(minutes=1)


def a_dead(**values: Any) -> Message:
    dead: dict[str, Any] = {"state": MessageState.FAILED, "error": "550", "attempts": 3}
    return a_letter(**dead | values)


def of_a_fiche(now: dt.datetime = NOW) -> Message:
    """The first letter of a fiche, dead, with its link blanked."""
    referral = a_sent(an_action(a_structure()), a_door(a_structure()).actor, now=now)
    reminder = Reminder.objects.get(referral=referral, kind=ReminderKind.SENT)
    Reminder.objects.filter(pk=reminder.pk).update(state=ReminderState.DONE, done_at=now)
    (letter,) = Message.objects.bulk_create(carry_out(reminder, now))
    assert letter.holds_link
    Message.objects.update(state=MessageState.FAILED, error="451", attempts=9, body_text="", body_html="")
    letter.refresh_from_db()
    return letter


@pytest.fixture
def support(client: Client) -> Client:
    client.force_login(a_member(a_structure(), Role.RECEIVER, is_staff=True))
    return client


@pytest.fixture
def actor() -> Any:
    return a_door(a_structure()).actor


# What is refused


def test_a_letter_that_no_longer_says_what_is_so_is_not_posted_again(actor: Any) -> None:
    letter = of_a_fiche()
    assert letter.referral is not None
    letter.referral.refresh_from_db()
    letter.referral.cancel(actor, NOW + MINUTE, reason=Reason.MISTAKE)
    assert replay(letter.pk, actor, NOW + 2 * MINUTE) == Replay.OUTLIVED
    letter.refresh_from_db()
    assert (letter.state, letter.error) == (MessageState.FAILED, "451")
    assert not Event.objects.filter(kind=EventKind.LETTER_REPLAYED).exists()


def test_a_letter_whose_address_has_changed_is_not_written_anew(actor: Any) -> None:
    letter = of_a_fiche()
    assert letter.referral is not None
    type(letter.referral.receiver).objects.filter(pk=letter.referral.receiver_id).update(email="autre@example.org")
    type(letter.referral.action).objects.filter(pk=letter.referral.action_id).update(email="autre@example.org")
    assert replay(letter.pk, actor, NOW + MINUTE) == Replay.UNWRITABLE


@pytest.mark.parametrize("state", [MessageState.PENDING, MessageState.SENT, MessageState.CANCELLED])
def test_only_a_dead_letter_is_replayed_or_abandoned(state: MessageState, actor: Any) -> None:
    letter = a_letter(state=state, sent_at=NOW)
    assert replay(letter.pk, actor, NOW) == Replay.GONE
    assert not abandon(letter.pk, AbandonReason.TOLD, actor, NOW)
    assert not Event.objects.filter(kind__in=[EventKind.LETTER_REPLAYED, EventKind.LETTER_ABANDONED]).exists()


@pytest.mark.django_db(transaction=True)
def test_two_that_replay_the_same_letter_at_once_replay_it_once(actor: Any) -> None:
    letter = a_dead()
    start, became = threading.Barrier(2), []

    def press() -> None:
        start.wait(20)
        try:
            became.append(replay(letter.pk, actor, NOW))
        finally:
            connection.close()

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.value for one in became) == ["done", "gone"]
    assert Event.objects.filter(kind=EventKind.LETTER_REPLAYED).count() == 1


@pytest.mark.parametrize("ids", [[], ["nope"], ["00000000-0000-0000-0000-000000000000"] * (PAGE_SIZE + 1)])
def test_a_wrong_choice_is_said_and_changes_nothing(ids: list[str], support: Client) -> None:
    a_dead()
    answer = support.post(AGAIN, {"lettre": ids}, follow=True)
    assert answer.redirect_chain == [(PAGE, 302)]
    assert any(word in answer.text for word in ("Choisissez une lettre", "n’existent pas", "Trop de lettres"))
    assert Message.objects.dead().count() == 1


def test_a_letter_is_not_abandoned_without_a_reason(support: Client) -> None:
    letter = a_dead()
    answer = support.post(f"{PAGE}{letter.pk}/abandonner/", {"reason": "parce que"})
    assert answer.status_code == 422
    assert Message.objects.dead().count() == 1


def test_only_the_support_comes_in(client: Client) -> None:
    letter = a_dead()
    client.force_login(a_member(a_structure(), Role.MANAGER, Role.COORDINATOR))
    assert client.get(PAGE).status_code == 403
    assert client.post(AGAIN, {"lettre": [str(letter.pk)]}).status_code == 403
    assert client.post(f"{PAGE}{letter.pk}/abandonner/", {"reason": "needless"}).status_code == 403
    assert Message.objects.dead().count() == 1


# What is done


@pytest.mark.django_db(transaction=True)
def test_a_replayed_letter_leaves_with_the_same_message_id_and_new_patience(
    smtp: Inbox, smtp_server: SmtpServer, monkeypatch: Any, actor: Any
) -> None:
    letter = a_dead(created_at=NOW - GIVE_UP_AFTER)
    assert replay(letter.pk, actor, NOW) == Replay.DONE
    monkeypatch.setattr(smtp_server.handler, "refusal", "451 try later")
    drain(lambda: NOW)
    letter.refresh_from_db()
    assert (letter.state, letter.attempts, letter.replayed_at) == (MessageState.PENDING, 1, NOW)
    monkeypatch.setattr(smtp_server.handler, "refusal", None)
    drain(lambda: letter.not_before)
    assert smtp.message_ids() == [letter.message_id]


@pytest.mark.django_db(transaction=True)
def test_a_letter_whose_link_was_blanked_is_written_anew_with_a_link_that_opens(
    smtp: Inbox, actor: Any, client: Client
) -> None:
    letter = of_a_fiche(timezone.now() - dt.timedelta(hours=1))
    now = timezone.now()
    assert replay(letter.pk, actor, now) == Replay.DONE
    drain(lambda: now)
    arrived = next(one for one in smtp if one["Message-ID"] == letter.message_id)
    body = arrived.get_body(("plain",))
    assert body is not None
    url = next(word for word in body.get_content().split() if word.startswith("http"))
    assert client.get(url.partition("localhost:8000")[2] or url.partition("testserver")[2]).status_code in (200, 302)
    letter.refresh_from_db()
    assert (letter.state, letter.body_text) == (MessageState.SENT, "")


def test_a_letter_that_may_arrive_twice_keeps_that_doubt_and_is_not_hopeless(actor: Any) -> None:
    email, text = a_dead(doubts=6, error=INTERRUPTED), a_text(state=MessageState.FAILED, doubts=2, error=INTERRUPTED)
    for letter in (email, text):
        assert replay(letter.pk, actor, NOW) == Replay.DONE
        letter.refresh_from_db()
        assert (letter.doubts, letter.is_hopeless) == (1, False)


def test_the_journal_says_who_replayed_and_who_abandoned_and_why_in_codes(support: Client) -> None:
    first, second = of_a_fiche(timezone.now() - dt.timedelta(hours=1)), a_dead(error="554")
    answer = support.post(AGAIN, {"lettre": [str(first.pk)], "next": f"{PAGE}?canal=email"}, follow=True)
    assert answer.redirect_chain == [(f"{PAGE}?canal=email", 302)]
    assert "1 lettre repart." in answer.text
    support.post(f"{PAGE}{second.pk}/abandonner/", {"reason": "told_otherwise"})
    replayed = Event.objects.get(kind=EventKind.LETTER_REPLAYED)
    abandoned = Event.objects.get(kind=EventKind.LETTER_ABANDONED)
    assert (replayed.origin, replayed.referral_id, replayed.data["code"]) == (Origin.ADMIN, first.referral_id, "451")
    assert replayed.user is not None
    assert abandoned.data["reason"] == "told_otherwise"
    assert not {"to", "subject"} & (replayed.data.keys() | abandoned.data.keys())
    second.refresh_from_db()
    assert (second.state, second.error) == (MessageState.CANCELLED, "told_otherwise")


def test_what_comes_back_goes_nowhere_else_than_the_list(support: Client) -> None:
    letter = a_dead()
    answer = support.post(AGAIN, {"lettre": [str(letter.pk)], "next": "https://ailleurs.example/exploitation/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, PAGE)


# The page


def test_the_page_shows_what_is_needed_and_neither_address_nor_text(support: Client) -> None:
    letter = of_a_fiche()
    a_dead(to="awa@example.org", letter="actions_to_confirm", body_text="Un secret", subject="Un objet")
    a_text(state=MessageState.FAILED, error="400", to="+33639981234")
    page = support.get(PAGE).text
    assert letter.referral is not None
    for shown in (letter.referral.reference, "Fiche reçue", "451", "Actions à confirmer", "SMS", "9 essais"):
        assert shown in page
    for hidden in ("awa@example.org", "Un secret", "Un objet", "0639981234", "+3363998"):
        assert hidden not in page


def test_the_list_is_narrowed_by_channel_and_code(support: Client) -> None:
    a_dead(error="550")
    a_dead(error="554")
    a_text(state=MessageState.FAILED, error="554")
    page = support.get(PAGE, {"canal": "email", "code": "554"})
    assert [(one.channel, one.error) for one, _ in page.context["letters"]] == [("email", "554")]
    assert len(support.get(PAGE, {"canal": "pigeon"}).context["letters"]) == 3
    assert [choice["count"] for choice in page.context["choices"]] == [3, 1, 1, 1]


def test_a_long_list_is_walked_page_by_page_along_its_index(support: Client) -> None:
    rows = [
        Message(
            letter="referral_received",
            to=f"a{n}@example.org",
            message_id=f"<{n}@localhost>",
            state=MessageState.FAILED,
            error="550",
            not_before=NOW,
            created_at=NOW + dt.timedelta(seconds=n),
        )
        for n in range(2 * PAGE_SIZE + 5)
    ]
    Message.objects.bulk_create(rows)
    url, seen = PAGE, []
    while url:
        context = support.get(url).context
        seen += [one.pk for one, _ in context["letters"]]
        url = context["next_url"]
    assert len(seen) == len(set(seen)) == len(rows)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
    dead = Message.objects.dead()
    for index, narrowed in (
        ("message_dead", dead),
        ("message_dead_by_code", dead.filter(channel=MessageChannel.EMAIL, error="550")),
    ):
        plan = narrowed.order_by("-created_at", "-id")[:PAGE_SIZE].explain()
        assert f"using {index} " in plan, plan
