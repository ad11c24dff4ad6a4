"""Letters leave once: claimed before they are sent, resent only after a doubt, never lost."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import AccountLetter
from local.valkey import free_port
from referrals.models import Event, EventKind, Message
from referrals.models.message import GIVE_UP_AFTER, INTERRUPTED, MAX_DOUBTS, MessageChannel, MessageState
from tests.smtp_server import Inbox, SmtpServer
from tests.territory import NOW, a_door, a_sent, a_structure, an_action
from tests.worker.letters import a_letter, letters
from worker.channels.smtp import SmtpChannel
from worker.drain import drain
from worker.post import LockLost, Poster, Tally

pytestmark = pytest.mark.django_db(transaction=True)

DEAD = 424242


def at(moment: dt.datetime) -> Callable[[], dt.datetime]:
    return lambda: moment


def post(moment: dt.datetime = NOW, limit: int = 100) -> Tally:
    with Poster(at(moment)) as poster:
        poster.take_over()
        return poster.post_batch(limit, time.monotonic() + 30)


# What goes wrong


def test_a_server_that_cannot_be_reached_costs_no_letter_an_attempt(smtp: Inbox, settings: Any) -> None:
    settings.EMAIL_PORT = free_port()
    letter = a_letter()
    with Poster(at(NOW)) as poster:
        assert poster.post_batch(100, time.monotonic() + 30) == Tally()
        assert poster.unreachable == {MessageChannel.EMAIL: "ConnectionRefusedError"}
    letter.refresh_from_db()
    assert (letter.state, letter.attempts, letter.error) == (MessageState.PENDING, 0, "")


def test_what_is_due_is_still_settled_while_the_server_cannot_be_reached(smtp: Inbox, settings: Any) -> None:
    settings.EMAIL_PORT = free_port()
    a_letter()
    assert drain(at(NOW)).unreachable == {MessageChannel.EMAIL: "ConnectionRefusedError"}


def test_a_temporary_refusal_is_tried_again_later_and_later(
    smtp: Inbox, smtp_server: SmtpServer, monkeypatch: Any
) -> None:
    monkeypatch.setattr(smtp_server.handler, "refusal", "451 try later")
    letter, moment, waits = a_letter(), NOW, []
    for _ in range(9):
        assert post(moment) == Tally(failed=1)
        letter.refresh_from_db()
        assert (letter.state, letter.error) == (MessageState.PENDING, "451")
        waits.append((letter.not_before - moment).total_seconds() / 60)
        assert post(moment) == Tally()
        moment = letter.not_before
    assert 0.8 <= waits[0] <= 1.2
    assert 1.6 <= waits[1] <= 2.4
    assert 48 <= waits[-1] <= 72
    monkeypatch.setattr(smtp_server.handler, "refusal", None)
    assert post(moment) == Tally(sent=1)
    assert smtp.message_ids() == [letter.message_id]


def test_a_letter_refused_for_five_days_is_given_up(smtp: Inbox, smtp_server: SmtpServer, monkeypatch: Any) -> None:
    monkeypatch.setattr(smtp_server.handler, "refusal", "451 try later")
    letter = a_letter(created_at=NOW - GIVE_UP_AFTER)
    post()
    letter.refresh_from_db()
    assert (letter.state, letter.error) == (MessageState.FAILED, "451")


def test_a_refused_address_is_given_up_at_once_with_a_code_and_without_the_address(
    smtp: Inbox, smtp_server: SmtpServer, monkeypatch: Any, caplog: Any
) -> None:
    monkeypatch.setattr(smtp_server.handler, "refused", {"awa@example.org": "550 awa@example.org is unknown"})
    letter, other = a_letter("awa@example.org"), a_letter()
    assert post() == Tally(sent=1, failed=1)
    letter.refresh_from_db()
    assert (letter.state, letter.error, letter.attempts) == (MessageState.FAILED, "550", 1)
    assert smtp.message_ids() == [other.message_id]
    assert "awa@" not in caplog.text


def test_a_text_that_the_server_refuses_for_good_is_given_up(
    smtp: Inbox, smtp_server: SmtpServer, monkeypatch: Any
) -> None:
    monkeypatch.setattr(smtp_server.handler, "refusal", "554 no")
    letter = a_letter(holds_link=True)
    post()
    letter.refresh_from_db()
    assert (letter.state, letter.error, letter.body_text, letter.body_html) == (MessageState.FAILED, "554", "", "")


def test_an_address_that_is_none_is_given_up_and_the_others_leave(smtp: Inbox) -> None:
    bad, good = a_letter("a@b@c\n"), a_letter()
    assert post() == Tally(sent=1, failed=1)
    bad.refresh_from_db()
    assert (bad.state, bad.error) == (MessageState.FAILED, "malformed")
    assert smtp.message_ids() == [good.message_id]


def test_a_line_cut_before_the_answer_leaves_a_doubt_and_the_letter_is_resent_with_the_same_message_id(
    smtp: Inbox, smtp_server: SmtpServer, monkeypatch: Any
) -> None:
    monkeypatch.setattr(smtp_server.handler, "when_kept", lambda server: server.transport.abort())
    letter = a_letter()
    assert post() == Tally(failed=1)
    letter.refresh_from_db()
    assert letter.state == MessageState.PENDING
    assert letter.error.startswith(INTERRUPTED)
    monkeypatch.setattr(smtp_server.handler, "when_kept", None)
    assert post(letter.not_before) == Tally(sent=1)
    assert smtp.message_ids() == [letter.message_id] * 2
    letter.refresh_from_db()
    assert (letter.state, letter.error) == (MessageState.SENT, INTERRUPTED)


def test_a_cut_line_does_not_hold_up_the_letters_behind(smtp: Inbox, smtp_server: SmtpServer, monkeypatch: Any) -> None:
    cuts = iter([True])
    monkeypatch.setattr(smtp_server.handler, "when_kept", lambda server: next(cuts, False) and server.transport.abort())
    letters(3)
    assert post() == Tally(sent=2, failed=1)


# Dead posters


def test_a_letter_of_a_dead_poster_is_taken_over_at_once_and_the_row_says_so(smtp: Inbox) -> None:
    letter = a_letter(state=MessageState.SENDING, claimed_by=str(DEAD), claimed_at=NOW, attempts=1)
    assert post() == Tally(sent=1)
    letter.refresh_from_db()
    assert (letter.state, letter.attempts, letter.error) == (MessageState.SENT, 2, INTERRUPTED)
    assert smtp.message_ids() == [letter.message_id]


def test_the_journal_of_the_fiche_says_that_a_letter_may_have_arrived_twice(smtp: Inbox) -> None:
    fiche = a_sent(an_action(a_structure()), a_door(a_structure()).actor)
    a_letter(referral=fiche, letter="referral_received")
    doubtful = a_letter(referral=fiche, state=MessageState.SENDING, claimed_by=str(DEAD), claimed_at=NOW, attempts=1)
    assert post() == Tally(sent=2)
    [line] = Event.objects.filter(kind=EventKind.RESENT)
    assert (line.referral, line.data) == (fiche, {"letter": doubtful.letter, "doubts": 1})


def test_a_letter_of_a_living_poster_is_left_to_it(smtp: Inbox) -> None:
    ready, done = threading.Event(), threading.Event()

    def live() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [DEAD])
        ready.set()
        done.wait(20)
        connection.close()

    living = threading.Thread(target=live)
    living.start()
    ready.wait(20)
    letter = a_letter(state=MessageState.SENDING, claimed_by=str(DEAD), claimed_at=NOW, attempts=1)
    assert post() == Tally()
    done.set()
    living.join()
    letter.refresh_from_db()
    assert letter.state == MessageState.SENDING
    assert post() == Tally(sent=1)


def test_a_letter_that_keeps_killing_its_poster_is_set_aside(smtp: Inbox) -> None:
    letter = a_letter(state=MessageState.SENDING, claimed_by=str(DEAD), doubts=MAX_DOUBTS, error=INTERRUPTED)
    assert post() == Tally(failed=1)
    letter.refresh_from_db()
    assert letter.state == MessageState.FAILED
    assert smtp == []


def test_a_poster_leaves_no_lock_behind() -> None:
    with Poster(at(NOW)) as poster:
        key = poster.key
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s", [key & 0xFFFFFFFF])
        assert cursor.fetchone() == (0,)


def test_a_poster_whose_connection_was_replaced_claims_nothing_any_more(smtp: Inbox) -> None:
    letter = a_letter()
    with pytest.raises(LockLost), Poster(at(NOW)) as poster:
        # As Django does by itself after a cut inside a transaction: the next query opens another connection.
        connection.close()
        poster.post_batch(10, time.monotonic() + 30)
    letter.refresh_from_db()
    assert (letter.state, letter.attempts) == (MessageState.PENDING, 0)
    assert post() == Tally(sent=1)


def test_a_poster_refuses_to_work_inside_a_transaction(smtp: Inbox) -> None:
    a_letter()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        post()


def test_a_poster_that_lost_its_letter_does_not_overwrite_what_the_other_did(smtp: Inbox, caplog: Any) -> None:
    letter = a_letter()
    with Poster(at(NOW)) as poster:
        claimed = poster._next(poster.lanes[1])
        assert claimed is not None
        Message.objects.update(state=MessageState.SENT, sent_at=NOW, claimed_by="")
        poster._sent(claimed)
    letter.refresh_from_db()
    assert letter.state == MessageState.SENT
    assert "may arrive twice" in caplog.text


# The window


def test_a_letter_is_claimed_before_it_is_posted_and_marked_before_the_next_is_claimed(
    smtp: Inbox, monkeypatch: Any
) -> None:
    first = a_letter(not_before=NOW - dt.timedelta(hours=1))
    second = a_letter()
    seen: list[list[str]] = []
    real = SmtpChannel.post

    def look() -> None:
        seen.append([Message.objects.get(pk=one.pk).state for one in (first, second)])
        connection.close()

    def watched(channel: SmtpChannel, letter: Any) -> None:
        # On a connection of its own: only what is committed shows.
        other = threading.Thread(target=look)
        other.start()
        other.join(20)
        real(channel, letter)

    monkeypatch.setattr(SmtpChannel, "post", watched)
    assert post() == Tally(sent=2)
    sending, sent, pending = MessageState.SENDING, MessageState.SENT, MessageState.PENDING
    assert seen == [[sending, pending], [sent, sending]]


def test_a_connection_cut_while_the_server_has_the_letter_does_not_send_it_twice(smtp: Inbox, monkeypatch: Any) -> None:
    letter = a_letter()
    real = SmtpChannel.post

    def terminate(pid: int) -> None:
        connection.cursor().execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        connection.close()

    def cut(channel: SmtpChannel, written: Any) -> None:
        real(channel, written)
        other = threading.Thread(target=terminate, args=[connection.connection.info.backend_pid])
        other.start()
        other.join(20)

    monkeypatch.setattr(SmtpChannel, "post", cut)
    with pytest.raises(LockLost):
        post()
    letter.refresh_from_db()
    assert (letter.state, letter.doubts) == (MessageState.SENT, 0)
    assert post() == Tally()
    assert smtp.message_ids() == [letter.message_id]


def test_the_answer_of_the_server_is_written_in_one_statement_that_does_not_wait_for_the_disk(smtp: Inbox) -> None:
    letters(2)
    with CaptureQueriesContext(connection) as captured:
        assert post() == Tally(sent=2)
    asked = [query["sql"].strip() for query in captured]
    claims = [n for n, sql in enumerate(asked) if "SET state = 'sending'" in sql]
    for n in claims[:2]:
        assert "synchronous_commit" not in asked[n]
        assert asked[n + 1].startswith("UPDATE")
        assert "'sent'" in asked[n + 1]
        assert "set_config('synchronous_commit', 'off', true)" in asked[n + 1]
        assert asked[n - 1] != "BEGIN"
        assert asked[n + 2] != "COMMIT"
    assert len(claims) == 3


# What goes right


def test_letters_leave_oldest_first_on_one_connection(smtp: Inbox, smtp_server: SmtpServer, monkeypatch: Any) -> None:
    lines: set[int] = set()
    monkeypatch.setattr(smtp_server.handler, "when_kept", lambda server: lines.add(id(server)))
    new, old = a_letter(), a_letter(not_before=NOW - dt.timedelta(hours=1))
    assert post() == Tally(sent=2)
    assert smtp.message_ids() == [old.message_id, new.message_id]
    assert len(lines) == 1


def test_a_letter_is_in_text_and_html_and_asks_for_no_automatic_answer(smtp: Inbox) -> None:
    letter = a_letter()
    post()
    arrived = smtp[0]
    assert [part.get_content_type() for part in arrived.iter_parts()] == ["text/plain", "text/html"]
    assert (arrived["Subject"], arrived["Auto-Submitted"]) == (letter.subject, "auto-generated")
    letter.refresh_from_db()
    assert (letter.state, letter.sent_at, letter.claimed_by) == (MessageState.SENT, NOW, "")
    assert letter.body_text


def test_a_letter_is_not_posted_before_its_time(smtp: Inbox) -> None:
    a_letter(not_before=NOW + dt.timedelta(minutes=1))
    assert post() == Tally()


def test_a_body_that_holds_a_link_is_blanked_once_sent(smtp: Inbox) -> None:
    letter = a_letter(holds_link=True)
    post()
    letter.refresh_from_db()
    assert (letter.body_text, letter.body_html) == ("", "")
    assert "Bonjour" in str(smtp[0].get_body(("plain",)))


def test_letters_about_accounts_leave_first_and_by_the_same_way(smtp: Inbox) -> None:
    letter = a_letter(not_before=NOW - dt.timedelta(hours=1))
    account = AccountLetter.objects.create(
        to="camille@example.org", subject="Relais", body_text="lien", created_at=NOW, not_before=NOW
    )
    assert post() == Tally(sent=2)
    assert smtp.message_ids() == [account.message_id, letter.message_id]
    account.refresh_from_db()
    assert (account.state, account.body_text) == (AccountLetter.State.SENT, "")


def test_a_letter_about_an_account_of_a_dead_poster_is_resent_with_the_same_message_id(smtp: Inbox) -> None:
    account = AccountLetter.objects.create(
        to="camille@example.org",
        subject="Relais",
        body_text="lien",
        created_at=NOW,
        not_before=NOW,
        state=AccountLetter.State.SENDING,
        claimed_by=DEAD,
        attempts=1,
    )
    assert post() == Tally(sent=1)
    assert smtp.message_ids() == [account.message_id]


def test_a_batch_stops_at_its_limit_and_claims_nothing_more(smtp: Inbox) -> None:
    letters(5)
    assert post(limit=3) == Tally(sent=3)
    assert Message.objects.filter(state=MessageState.PENDING, attempts=0).count() == 2


def test_two_posters_side_by_side_send_each_letter_once(smtp: Inbox) -> None:
    written = {letter.message_id for letter in letters(120)}
    tallies: list[Tally] = []
    start = threading.Barrier(3)

    def work() -> None:
        start.wait(20)
        try:
            tallies.append(post(limit=1000))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(smtp.message_ids()) == sorted(written)
    assert sum(tally.sent for tally in tallies) == 120
