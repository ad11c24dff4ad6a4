"""Text messages leave once by the HTTP gateway, and neither way of posting holds up the other."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest
from django.db import IntegrityError

from backend.environment import SmsGateway
from local.valkey import free_port
from referrals.models import Gateway, Message, MessageChannel
from referrals.models.gateway import AHEAD
from referrals.models.message import INTERRUPTED, MessageState
from tests.sms_gateway import Behaviour
from tests.sms_gateway import Gateway as SmsServer
from tests.smtp_server import Inbox
from tests.territory import NOW
from tests.worker.letters import a_letter, a_text
from worker.channels import sms
from worker.post import Poster, Tally

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = dt.timedelta(minutes=1)
DEAD = 424242


def post(moment: dt.datetime = NOW, limit: int = 100) -> Tally:
    with Poster(lambda: moment) as poster:
        poster.take_over()
        return poster.post_batch(limit, time.monotonic() + 30)


# What goes wrong


def test_a_text_message_needs_a_number_and_a_letter_an_address(db: None) -> None:
    for channel, to in ((MessageChannel.SMS, "awa@example.org"), (MessageChannel.EMAIL, "+33639980001")):
        with pytest.raises(IntegrityError, match="message_address_fits_its_channel"):
            a_letter(to, channel=channel, subject="", body_html="")
    with pytest.raises(IntegrityError, match="message_sms_is_a_text"):
        a_text(subject="Fiche")


def test_a_gateway_that_is_down_costs_no_text_an_attempt_and_letters_leave_all_the_same(
    smtp: Inbox, sms_gateway: SmsServer, settings: Any
) -> None:
    settings.SMS_GATEWAY = SmsGateway("127.0.0.1", free_port(), "/", False, "", {})
    text, letter = a_text(), a_letter()
    with Poster(lambda: NOW) as poster:
        assert poster.post_batch(100, time.monotonic() + 30) == Tally(sent=1)
        assert poster.unreachable == {MessageChannel.SMS: "ConnectionRefusedError"}
    text.refresh_from_db()
    assert (text.state, text.attempts) == (MessageState.PENDING, 0)
    assert smtp.message_ids() == [letter.message_id]


def test_a_mail_server_that_is_down_holds_up_no_text(smtp: Inbox, sms_gateway: SmsServer, settings: Any) -> None:
    settings.EMAIL_PORT = free_port()
    text = a_text()
    a_letter()
    assert post() == Tally(sent=1)
    assert sms_gateway.keys() == [text.message_id.strip("<>")]


def test_a_text_waits_while_the_settings_name_no_gateway(smtp: Inbox) -> None:
    text = a_text()
    assert post() == Tally()
    text.refresh_from_db()
    assert (text.state, text.attempts) == (MessageState.PENDING, 0)


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_what_the_gateway_refuses_of_one_message_is_final_and_the_others_leave(
    smtp: Inbox, sms_gateway: SmsServer, status: int, caplog: Any
) -> None:
    bad, good = a_text("+33639980001"), a_text()
    sms_gateway.then(Behaviour(status))
    assert post() == Tally(sent=1, failed=1)
    bad.refresh_from_db()
    assert (bad.state, bad.error) == (MessageState.FAILED, str(status))
    assert sms_gateway.keys() == [good.message_id.strip("<>")]
    assert "639980001" not in caplog.text


@pytest.mark.parametrize("status", [301, 307, 401, 402, 403, 408, 409, 425, 429, 500, 503])
def test_what_the_gateway_says_of_itself_is_tried_again_and_leaves_it_in_peace_for_this_wake(
    smtp: Inbox, sms_gateway: SmsServer, status: int
) -> None:
    sms_gateway.behaviour = Behaviour(status, {"Location": "http://127.0.0.1/ailleurs"})
    text, behind = a_text(), a_text()
    assert post() == Tally(failed=1)
    for one in (text, behind):
        one.refresh_from_db()
        assert one.state == MessageState.PENDING
    assert (text.error, behind.attempts, len(sms_gateway.asked)) == (str(status), 0, 1)
    assert 0.8 <= (text.not_before - NOW) / MINUTE <= 1.2
    sms_gateway.behaviour = Behaviour()
    assert post(text.not_before) == Tally(sent=2)


@pytest.mark.parametrize(
    ("asked", "minutes"),
    [
        ("300", 5),
        ("999999", 60),
        ("Tue, 17 Nov 2026 10:07:00 GMT", 7),
        ("-5", 0),
        ("bientôt".encode().decode("latin1"), 0),
    ],
)
def test_the_gateway_is_left_in_peace_for_as_long_as_it_asks(
    smtp: Inbox, sms_gateway: SmsServer, monkeypatch: Any, asked: str, minutes: int
) -> None:
    monkeypatch.setattr(sms.timezone, "now", lambda: NOW)
    sms_gateway.then(Behaviour(429, {"Retry-After": asked}))
    a_text()
    post()
    held = Gateway.objects.filter(channel=MessageChannel.SMS).values_list("held_until", flat=True).first()
    assert held == (NOW + minutes * MINUTE if minutes else None)
    behind = a_text()
    assert post(NOW + MINUTE / 2).sent == (0 if minutes else 1)
    if minutes:
        assert post(NOW + minutes * MINUTE).sent == 2
    behind.refresh_from_db()
    assert behind.state == MessageState.SENT


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_line_cut_before_the_answer_leaves_a_doubt_cleared_up_once_with_the_same_key(
    smtp: Inbox, sms_gateway: SmsServer, cut: Any
) -> None:
    sms_gateway.then(Behaviour(cut=cut))
    text = a_text()
    assert post() == Tally(failed=1)
    text.refresh_from_db()
    assert (text.state, text.doubts) == (MessageState.PENDING, 1)
    assert text.error.startswith(INTERRUPTED)
    assert post(text.not_before) == Tally(sent=1)
    assert len({one.key for one in sms_gateway.asked}) == 1
    text.refresh_from_db()
    assert (text.state, text.error) == (MessageState.SENT, INTERRUPTED)


def test_a_second_doubt_gives_the_text_up_since_a_telephone_rings_each_time(
    smtp: Inbox, sms_gateway: SmsServer
) -> None:
    sms_gateway.behaviour = Behaviour(cut="after")
    text, moment = a_text(), NOW
    for _ in range(4):
        post(moment)
        text.refresh_from_db()
        moment = text.not_before
    assert (text.state, len(sms_gateway.asked)) == (MessageState.FAILED, 2)


def test_refusals_before_a_doubt_do_not_cost_the_text_its_second_try(smtp: Inbox, sms_gateway: SmsServer) -> None:
    sms_gateway.then(Behaviour(503), Behaviour(503), Behaviour(503), Behaviour(cut="after"))
    text, moment = a_text(), NOW
    for _ in range(5):
        post(moment)
        text.refresh_from_db()
        moment = text.not_before
    assert (text.state, text.attempts) == (MessageState.SENT, 5)


def test_a_gateway_too_slow_to_answer_leaves_a_doubt(smtp: Inbox, sms_gateway: SmsServer, monkeypatch: Any) -> None:
    monkeypatch.setattr(sms, "ANSWER_SECONDS", 0.2)
    sms_gateway.then(Behaviour(slow_seconds=0.6))
    text, behind = a_text(), a_text()
    assert post() == Tally(failed=1)
    text.refresh_from_db()
    assert text.error == f"{INTERRUPTED}, TimeoutError"
    assert Message.objects.get(pk=behind.pk).attempts == 0


def test_a_text_refused_for_a_day_is_given_up(smtp: Inbox, sms_gateway: SmsServer) -> None:
    sms_gateway.behaviour = Behaviour(500)
    text = a_text(created_at=NOW - dt.timedelta(days=1))
    post()
    text.refresh_from_db()
    assert text.state == MessageState.FAILED


def test_a_text_of_a_dead_poster_is_resent_once_with_the_same_key_and_not_a_third_time(
    smtp: Inbox, sms_gateway: SmsServer
) -> None:
    text = a_text(state=MessageState.SENDING, claimed_by=str(DEAD), attempts=1)
    again = a_text(state=MessageState.SENDING, claimed_by=str(DEAD), attempts=2, doubts=1, error=INTERRUPTED)
    assert post() == Tally(sent=1, failed=1)
    assert sms_gateway.keys() == [text.message_id.strip("<>")]
    again.refresh_from_db()
    assert again.state == MessageState.FAILED


# Throttling


def test_a_limit_is_kept_by_all_workers_together_and_the_other_channel_is_free(
    smtp: Inbox, sms_gateway: SmsServer, settings: Any
) -> None:
    settings.SMS_PER_MINUTE = 60
    for _ in range(40):
        a_text()
    letters = [a_letter() for _ in range(3)]
    at_once = int(AHEAD.total_seconds()) + 1
    assert post().sent == at_once + len(letters)
    assert post().sent == 0
    assert post(NOW + dt.timedelta(seconds=10)).sent == 10
    assert len(sms_gateway.accepted) == at_once + 10
    assert not Message.objects.filter(state=MessageState.PENDING, attempts__gt=0).exists()


def test_a_share_of_the_rate_that_was_not_used_is_not_saved_up(settings: Any) -> None:
    taken = [Gateway.objects.take(MessageChannel.SMS, NOW + dt.timedelta(hours=n), 4) for n in range(3)]
    assert taken == [True, True, True]
    later = NOW + dt.timedelta(hours=5)
    assert [Gateway.objects.take(MessageChannel.SMS, later, 4) for _ in range(3)] == [True, True, False]


# What goes right


def test_a_text_is_posted_as_the_gateway_expects_it_on_one_line(smtp: Inbox, sms_gateway: SmsServer) -> None:
    first, second = a_text("+33639980001", body_text="Bonjour é"), a_text("+33639980002")
    assert post() == Tally(sent=2)
    request = sms_gateway.accepted[0]
    assert request.body == {"recipients": ["+33639980001"], "message": {"text": "Bonjour é"}, "sender": "Relais"}
    assert (request.path, request.authorization) == ("/messages?compte=1", "Bearer jeton")
    assert sms_gateway.keys() == [first.message_id.strip("<>"), second.message_id.strip("<>")]
    assert sms_gateway.lines == 1


def test_a_text_that_holds_a_link_is_blanked_once_taken(smtp: Inbox, sms_gateway: SmsServer) -> None:
    text = a_text(holds_link=True)
    post()
    text.refresh_from_db()
    assert (text.state, text.body_text) == (MessageState.SENT, "")
