"""The state of what leaves: one picture for the command, the metrics, the health address, the banner and the letter."""

from __future__ import annotations

import datetime as dt
import io
import json
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AccountLetter
from backend.environment import addresses, token
from referrals.models import Message, MessageChannel
from referrals.models.message import MessageState
from structures.vocabulary import Role
from tests.smtp_server import Inbox
from tests.territory import NOW, a_door, a_member, a_sent, a_structure, an_action
from tests.worker.letters import a_letter, a_text
from worker.comeback import tell_of_stop
from worker.drain import drain
from worker.models import KEPT_FOR, Heartbeat, HeartbeatKind
from worker.state import LATE_AFTER, Picture, Pulse, Verdict

MINUTE = dt.timedelta(minutes=1)
TOKEN = "k3Jx9vQ2mB7sT1wZ5yR8uP4nL6cD0aFgH"


def worker_seen(at: dt.datetime, **values: Any) -> Heartbeat:
    return Heartbeat.objects.create(
        kind=HeartbeatKind.WORKER, place="machine", number=1, started_at=at, seen_at=at, **values
    )


def verdict(at: dt.datetime) -> Verdict:
    return Pulse.take(at).verdict


# The verdict


@pytest.mark.django_db
def test_all_is_fine_while_nothing_is_due_even_when_no_worker_was_ever_seen() -> None:
    assert verdict(NOW) == Verdict.FINE
    a_letter(not_before=NOW + MINUTE)
    assert verdict(NOW) == Verdict.FINE


@pytest.mark.django_db
def test_nothing_picked_up_for_ten_minutes_while_something_is_due_is_a_stop() -> None:
    a_letter(not_before=NOW)
    worker_seen(NOW - dt.timedelta(minutes=9))
    assert verdict(NOW) == Verdict.FINE
    assert verdict(NOW + MINUTE) == Verdict.STOPPED


@pytest.mark.django_db
def test_a_site_that_has_just_begun_is_not_stopped_before_ten_minutes() -> None:
    a_letter(not_before=NOW)
    assert verdict(NOW + LATE_AFTER - MINUTE) == Verdict.FINE
    assert verdict(NOW + LATE_AFTER) == Verdict.STOPPED


@pytest.mark.django_db
def test_what_waits_for_long_beside_living_workers_is_late_not_stopped() -> None:
    a_letter(not_before=NOW - LATE_AFTER)
    worker_seen(NOW)
    assert verdict(NOW) == Verdict.LATE


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["reminder", "letter", "text", "account", "claimed", "held"])
def test_each_thing_that_waits_counts(what: str) -> None:
    long_ago = NOW - dt.timedelta(hours=1)
    match what:
        case "reminder":
            a_sent(an_action(a_structure()), a_door(a_structure()).actor, now=long_ago)
            Message.objects.all().delete()
        case "letter":
            a_letter(now=long_ago)
        case "text":
            a_text(now=long_ago)
        case "account":
            AccountLetter.objects.create(to="a@example.org", subject="x", created_at=long_ago, not_before=long_ago)
        case "held":
            a_letter(now=long_ago, state=MessageState.HELD)
        case "claimed":
            a_letter(now=long_ago, state=MessageState.SENDING, claimed_by="7", claimed_at=long_ago)
    assert verdict(NOW) == Verdict.STOPPED


# Signs of life


@pytest.mark.django_db(transaction=True)
def test_a_wake_signs_and_tells_what_it_did_and_one_that_does_nothing_keeps_it(smtp: Inbox) -> None:
    a_letter()
    drain(lambda: NOW)
    drain(lambda: NOW + MINUTE)
    sign = Heartbeat.objects.get()
    assert (sign.kind, sign.sent, sign.acted_at, sign.seen_at) == (HeartbeatKind.WORKER, 1, NOW, NOW + MINUTE)


@pytest.mark.django_db(transaction=True)
def test_a_wake_that_fails_does_not_sign(monkeypatch: Any) -> None:
    monkeypatch.setattr("worker.drain.offer_places", lambda clock: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        drain(lambda: NOW)
    assert not Heartbeat.objects.exists()


@pytest.mark.django_db
def test_old_signs_are_swept_by_whoever_begins_and_its_own_stays() -> None:
    worker_seen(NOW - KEPT_FOR - MINUTE)
    Heartbeat.objects.sign(HeartbeatKind.BEAT, NOW)
    assert Heartbeat.objects.count() == 2
    Heartbeat.objects.sign(HeartbeatKind.WORKER, NOW)
    Heartbeat.objects.sign(HeartbeatKind.WORKER, NOW + MINUTE)
    assert Heartbeat.objects.count() == 2
    assert Heartbeat.objects.last_seen(HeartbeatKind.WORKER) == NOW + MINUTE


# The picture


@pytest.mark.django_db
def test_the_picture_counts_by_channel_and_code_in_a_constant_number_of_queries() -> None:
    a_letter(not_before=NOW - LATE_AFTER)
    a_letter(not_before=NOW + MINUTE, attempts=2)
    a_letter(state=MessageState.FAILED, error="550")
    a_letter(state=MessageState.FAILED, error="451")
    a_text(state=MessageState.FAILED, error="400")
    a_letter(state=MessageState.SENT, sent_at=NOW)
    with CaptureQueriesContext(connection) as few:
        picture = Picture.take(NOW)
    email, sms, account = picture.lanes
    assert (email.due, email.late, email.retried, email.failed) == (1, 1, 1, 2)
    assert (sms.due, sms.failed, account.failed) == (0, 1, 0)
    assert [(one.channel, one.code, one.count) for one in picture.failures] == [
        ("email", "451", 1),
        ("email", "550", 1),
        ("sms", "400", 1),
    ]
    assert picture.dead == 3
    for _ in range(20):
        a_letter(state=MessageState.FAILED, error="550")
    with CaptureQueriesContext(connection) as many:
        Picture.take(NOW)
    assert len(many) == len(few) <= 10


@pytest.mark.django_db
def test_the_pulse_takes_two_queries() -> None:
    with CaptureQueriesContext(connection) as queries:
        Pulse.take(NOW)
    assert len(queries) == 2


# Who reads it


@pytest.mark.django_db
@pytest.mark.parametrize(("seen", "code"), [(None, 2), (dt.timedelta(), 1)])
def test_the_command_ends_with_a_code_for_monitoring(seen: dt.timedelta | None, code: int) -> None:
    now = timezone.now()
    a_letter(now=now - dt.timedelta(hours=1))
    if seen is not None:
        worker_seen(now)
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("worker_state", "--json", stdout=out)
    assert ended.value.code == code
    said = json.loads(out.getvalue())
    assert said["letters"]["email"]["late"] == 1
    assert said["workers_alive"] == (1 if seen is not None else 0)


@pytest.mark.django_db
def test_the_command_says_in_french_that_all_is_well() -> None:
    out = io.StringIO()
    call_command("worker_state", stdout=out)
    assert out.getvalue().startswith("Tout part à l’heure.")


@pytest.mark.django_db
def test_the_health_address_says_503_once_all_has_stopped_and_never_without_the_database(client: Client) -> None:
    answer = client.get("/sante/envois")
    assert (answer.status_code, answer.text) == (200, "fine\n")
    a_letter(now=timezone.now() - dt.timedelta(hours=1))
    answer = client.get("/sante/envois")
    assert (answer.status_code, answer.text) == (503, "stopped\n")
    worker_seen(timezone.now())
    answer = client.get("/sante/envois")
    assert (answer.status_code, answer.text) == (200, "late\n")
    assert client.get("/sante").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '1ms'")
        with pytest.raises(Exception, match="statement timeout"):
            cursor.execute("SELECT pg_sleep(1)")
    assert (client.get("/sante/envois").status_code, client.get("/sante/envois").text) == (503, "unknown\n")


@pytest.mark.django_db
def test_metrics_do_not_exist_without_a_token_and_open_to_its_bearer_alone(client: Client, settings: Any) -> None:
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = TOKEN
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"authorization": "Bearer é"}).status_code == 401
    assert client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


@pytest.mark.django_db
def test_metrics_tell_the_same_state_without_an_address(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    now = timezone.now()
    a_letter("awa@example.org", now=now - dt.timedelta(hours=1))
    a_letter("awa@example.org", state=MessageState.FAILED, error='a "quoted" code\n')
    worker_seen(now - dt.timedelta(hours=1))
    answer = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert "relais_stopped 1.0" in lines
    assert 'relais_letters_late{channel="email"} 1.0' in lines
    assert 'relais_dead_letters{channel="email",code="a \\"quoted\\" code\\n"} 1.0' in lines
    assert "relais_workers_alive 0.0" in lines
    assert "awa" not in answer.text


@pytest.mark.parametrize("value", ["court", "a" * 40])
def test_a_guessable_token_stops_the_start_without_being_repeated(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="METRICS_TOKEN") as refused:
        token("METRICS_TOKEN", value)
    assert value not in str(refused.value)
    assert token("METRICS_TOKEN", "") == ""
    assert token("METRICS_TOKEN", TOKEN) == TOKEN


def test_an_address_that_is_none_stops_the_start() -> None:
    assert addresses("ALERTS_TO", ["technique@example.org"]) == ["technique@example.org"]
    with pytest.raises(ImproperlyConfigured, match="number 2"):
        addresses("ALERTS_TO", ["technique@example.org", "technique"])


# The letter to the staff


@pytest.mark.django_db(transaction=True)
def test_once_letters_leave_again_after_a_stop_the_staff_is_told_once(smtp: Inbox, settings: Any) -> None:
    settings.ALERTS_TO = ["technique@example.org"]
    drain(lambda: NOW)
    later = NOW + dt.timedelta(hours=3)
    a_letter(not_before=NOW + MINUTE)
    drain(lambda: later)
    drain(lambda: later + MINUTE)
    told = smtp.to("technique@example.org")
    assert [letter["Subject"] for letter in told] == ["Relais\u00a0: les envois ont repris"]
    body = told[0].get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "0 relance et 1 lettre ou SMS" in " ".join(text.split())
    assert "example.org" not in text.replace("technique@example.org", "")
    assert len(smtp) == 2


@pytest.mark.django_db(transaction=True)
def test_workers_that_come_back_together_write_one_letter(smtp: Inbox) -> None:
    boss = a_member(a_structure(), is_staff=True, is_superuser=True)
    worker_seen(NOW)
    a_letter(not_before=NOW)
    later = NOW + LATE_AFTER
    assert tell_of_stop(later)
    assert tell_of_stop(later + dt.timedelta(seconds=1))
    assert Message.objects.filter(letter="posting_resumed", to=boss.email).count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("gap", [LATE_AFTER - MINUTE, dt.timedelta(days=1)])
def test_a_short_pause_or_one_during_which_nothing_was_due_is_told_to_nobody(
    gap: dt.timedelta, smtp: Inbox, settings: Any
) -> None:
    settings.ALERTS_TO = ["technique@example.org"]
    drain(lambda: NOW)
    if gap < LATE_AFTER:
        a_letter(not_before=NOW)
    drain(lambda: NOW + gap)
    assert not smtp.to("technique@example.org")


# What is said on the pages


@pytest.mark.django_db
def test_the_support_sees_the_stop_on_every_page_and_a_manager_on_the_home_page_only(client: Client) -> None:
    manager, colleague = a_member(a_structure(), Role.MANAGER), a_member(a_structure(), Role.RECEIVER)
    support = a_member(a_structure(), Role.RECEIVER, is_staff=True)

    def told(user: Any, url: str) -> bool:
        client.force_login(user)
        return "posting" in client.get(url).text

    assert not told(support, "/actions/")
    a_letter(now=timezone.now() - dt.timedelta(hours=1))
    assert told(support, "/actions/")
    assert told(manager, "/")
    assert not told(manager, "/actions/")
    assert not told(colleague, "/")


def test_every_channel_has_its_lane(db: None) -> None:
    assert {lane.channel for lane in Picture.take(NOW).lanes} == {*MessageChannel.values, "account"}
