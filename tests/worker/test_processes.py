"""Real processes: workers side by side, killed at the worst moment, woken by Celery and by beat."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from local.valkey import free_port
from referrals.models import Message, Referral, Reminder
from referrals.models.message import INTERRUPTED, MessageState
from referrals.models.reminder import ReminderKind, ReminderState
from tests.smtp_server import Inbox, SmtpServer
from tests.territory import a_door, a_sent, a_structure, an_action
from tests.worker.letters import a_letter, letters
from tests.worker_process import ROOT, CeleryProcess, wait_until
from worker.celery import app
from worker.models import Heartbeat

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def by_hand(worker_env: dict[str, str]) -> Iterator[Any]:
    """Start `manage.py wake` in a process of its own; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(**changes: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "wake"],
            cwd=ROOT,
            env=worker_env | changes,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


class Held:
    """A mail server that has taken a letter and keeps its answer to itself, until it is let go."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._kept, self._answer = threading.Event(), threading.Event()
        server.handler.when_kept = self._hold

    def _hold(self, server: Any) -> None:
        self._kept.set()
        self._answer.wait(120)

    def wait_for_a_letter(self) -> None:
        assert self._kept.wait(120)

    def let_go(self) -> None:
        """Answer, and hold no other letter."""
        self._server.handler.when_kept = None
        self._answer.set()


@pytest.fixture
def held(smtp_server: SmtpServer) -> Iterator[Held]:
    """Hold the answer to the first letter; let go at the end, whatever happened."""
    holding = Held(smtp_server)
    yield holding
    holding.let_go()


def a_fiche_sent_an_hour_ago() -> Referral:
    receiver = a_structure()
    now = timezone.now() - dt.timedelta(hours=1)
    return a_sent(an_action(receiver), a_door(a_structure()).actor, now=now)


def test_a_poster_killed_between_the_acceptance_and_the_commit_has_its_letter_resent_once_with_the_same_message_id(
    by_hand: Any, smtp: Inbox, held: Held
) -> None:
    letter = a_letter(now=timezone.now())
    poster = by_hand()
    # The server has the letter, and the poster will never read its 250.
    held.wait_for_a_letter()
    poster.kill()
    poster.wait()
    held.let_go()
    assert smtp.message_ids() == [letter.message_id]
    wait_until(lambda: not advisory_locks(), 60)
    for _ in range(2):
        assert by_hand().wait(120) == 0
    assert smtp.message_ids() == [letter.message_id] * 2
    letter.refresh_from_db()
    assert (letter.state, letter.attempts, letter.error) == (MessageState.SENT, 2, INTERRUPTED)


def test_a_poster_killed_once_its_mark_is_on_its_way_has_its_letter_marked_and_never_resent(
    by_hand: Any, smtp: Inbox, held: Held
) -> None:
    letter = a_letter(now=timezone.now())
    poster = by_hand()
    held.wait_for_a_letter()
    with transaction.atomic():
        # The poster will get its 250, and its mark then waits for this row, in the hands of PostgreSQL.
        Message.objects.select_for_update().get(pk=letter.pk)
        held.let_go()
        wait_until(waits_for_a_row, 60)
        poster.kill()
        poster.wait()
    wait_until(lambda: not advisory_locks(), 60)
    assert by_hand().wait(120) == 0
    assert smtp.message_ids() == [letter.message_id]
    letter.refresh_from_db()
    assert (letter.state, letter.attempts, letter.error) == (MessageState.SENT, 1, "")


def waits_for_a_row() -> bool:
    return found(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )


def advisory_locks() -> bool:
    return found(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
        " WHERE locktype = 'advisory' AND datname = current_database()"
    )


def found(sql: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return bool(cursor.fetchone()[0])


def test_workers_killed_again_and_again_lose_nothing_and_resend_at_most_one_letter_a_kill(
    by_hand: Any, smtp: Inbox, smtp_server: SmtpServer, monkeypatch: Any
) -> None:
    written = {letter.message_id for letter in letters(150, timezone.now())}
    kills = 3
    victims: list[subprocess.Popen[str]] = []
    due = {20, 60, 100}

    def kill_sometimes(server: Any) -> None:
        if len(smtp) in due and victims:
            due.discard(len(smtp))
            os.kill(victims.pop().pid, signal.SIGKILL)

    monkeypatch.setattr(smtp_server.handler, "when_kept", kill_sometimes)
    for _ in range(kills + 1):
        poster = by_hand()
        victims.append(poster)
        poster.wait(120)
        wait_until(lambda: not advisory_locks(), 60)
    counted = Counter(smtp.message_ids())
    assert set(counted) == written
    doubled = [message_id for message_id, times in counted.items() if times > 1]
    assert len(smtp) - len(written) <= kills - len(due)
    assert due == set()
    marked = Message.objects.filter(error=INTERRUPTED).order_by("id").values_list("message_id", flat=True)
    assert set(doubled) <= set(marked)
    assert Message.objects.exclude(state=MessageState.SENT).count() == 0


def test_processes_side_by_side_settle_and_post_each_thing_once(by_hand: Any, smtp: Inbox) -> None:
    fiches = [a_fiche_sent_an_hour_ago() for _ in range(15)]
    letters(45, timezone.now())
    processes = [by_hand() for _ in range(2)]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert Counter(smtp.message_ids()) == Counter(Message.objects.order_by("id").values_list("message_id", flat=True))
    assert len(smtp) == 60
    settled = Reminder.objects.filter(kind=ReminderKind.SENT, state=ReminderState.DONE)
    assert settled.count() == len(fiches)


def test_the_command_says_when_the_mail_server_does_not_answer(by_hand: Any) -> None:
    a_letter(now=timezone.now())
    process = by_hand(EMAIL_URL=f"smtp://127.0.0.1:{free_port()}")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Lettres parties\u00a0: 0" in out
    assert "ne répond pas" in err


def test_a_verb_goes_on_without_redis_and_its_letter_leaves_later(by_hand: Any, smtp: Inbox, settings: Any) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    settings.REDIS_URL = settings.CELERY_BROKER_URL = nowhere
    referral = a_fiche_sent_an_hour_ago()
    assert by_hand(REDIS_URL=nowhere).wait(120) == 0
    assert [letter["Subject"] for letter in smtp] == [f"Fiche {referral.reference}\u00a0: nouvelle fiche reçue"]


def test_a_celery_worker_woken_many_times_at_once_sends_each_letter_once(
    celery_worker_process: CeleryProcess, smtp: Inbox
) -> None:
    celery_worker_process.start()
    referral = a_fiche_sent_an_hour_ago()
    written = {letter.message_id for letter in letters(40, timezone.now())}
    for _ in range(6):
        celery_worker_process.wake()
    wait_until(lambda: Message.objects.filter(state=MessageState.SENT).count() == 41, 120)
    announced = Message.objects.get(referral=referral)
    assert Counter(smtp.message_ids()) == Counter([*written, announced.message_id])
    assert "@example.org" not in celery_worker_process.logs()


def test_two_beats_and_a_worker_stopped_gently_harm_nothing(celery_worker_process: CeleryProcess, smtp: Inbox) -> None:
    letters(5, timezone.now())
    beats = [celery_worker_process.start_beat() for _ in range(2)]
    wait_until(lambda: Message.objects.filter(state=MessageState.SENT).count() == 5, 120)
    assert len(smtp) == 5
    celery_worker_process.stop()
    assert celery_worker_process.processes[0].returncode == 0
    assert all(beat.returncode is not None for beat in beats)


def test_a_worker_asked_to_stop_finishes_its_letter_and_leaves_the_others_unclaimed(
    celery_worker_process: CeleryProcess, smtp: Inbox, held: Held
) -> None:
    (process,) = celery_worker_process.processes
    letters(30, timezone.now())
    celery_worker_process.wake()
    held.wait_for_a_letter()
    process.send_signal(signal.SIGTERM)
    try:
        wait_until(lambda: "Warm shutdown" in celery_worker_process.logs(), 60)
    finally:
        held.let_go()
    assert process.wait(60) == 0
    assert len(smtp) == 1
    left = Message.objects.filter(state=MessageState.PENDING, attempts=0, error="", claimed_by="")
    assert (Message.objects.filter(state=MessageState.SENT, error="").count(), left.count()) == (1, 29)
    assert not advisory_locks()


def test_a_wake_that_hangs_is_killed_by_its_time_limit_and_its_letter_is_resent_by_the_next(
    celery_worker_process: CeleryProcess, smtp: Inbox, held: Held
) -> None:
    letter = a_letter(now=timezone.now())
    with app.connection_for_write(url=celery_worker_process.env["REDIS_URL"]) as link:
        app.send_task("worker.tasks.wake", connection=link, time_limit=4, soft_time_limit=3)
    try:
        wait_until(lambda: "TimeLimitExceeded" in celery_worker_process.logs(), 60)
    finally:
        held.let_go()
    wait_until(lambda: not advisory_locks(), 60)

    def sent() -> bool:
        celery_worker_process.wake()
        return Message.objects.filter(state=MessageState.SENT).exists()

    wait_until(sent, 60)
    assert smtp.message_ids() == [letter.message_id] * 2
    letter.refresh_from_db()
    assert letter.error == INTERRUPTED


def test_the_clock_and_the_worker_sign_that_they_live(celery_worker_process: CeleryProcess) -> None:
    (worker,) = celery_worker_process.processes
    beat = celery_worker_process.start_beat()
    wait_until(lambda: Heartbeat.objects.count() == 2, 60)
    assert set(Heartbeat.objects.order_by("kind").values_list("kind", flat=True)) == {"beat", "worker"}
    # The children that a worker forks sign in its name.
    assert Heartbeat.objects.get(kind="worker").number == worker.pid
    assert Heartbeat.objects.get(kind="beat").number == beat.pid
