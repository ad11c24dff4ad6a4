"""The engine under a storm: workers killed, Redis restarted, connections cut, a mail server that misbehaves.

Everything is a real process: Celery workers, two beats, Valkey, the mail server. Besides the beats, wakes are
asked for at each turn, so that a worker that has just been killed is soon at work again: a run then takes minutes.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from local.processes import kill_group, spawn
from local.valkey import Valkey, free_port
from referrals import emails
from referrals.models import Event, EventKind, Message, Reminder
from referrals.models.message import INTERRUPTED, MessageState
from referrals.models.reminder import ReminderState
from tests.worker.mailbox import UNANSWERED, Mailbox
from tests.worker_process import ROOT, CeleryProcess, environment

CUT_EVERY, RESTART_EVERY = 4, 9
"""A database connection is cut at one turn in so many, and Redis restarted."""


FATES = {MessageState.SENT, MessageState.FAILED, MessageState.CANCELLED, MessageState.GROUPED}
"""The states in which nothing more is to be done for a letter; one that was grouped shares the fate of its digest."""


@dataclass(frozen=True)
class Verdict:
    """What came of the reminders that were due.

    `sent`: letters that the mail server took, each counted once. `lost`: reminders that were to be sent and of which
    no letter was taken and no reason is kept. `astray`: reminders that were to be dropped (their event is past, a
    later one tells more) and were not. `window`: letters taken once more because a worker was killed, or its connection
    to the database cut, between the server's answer and the commit. `unanswered`: letters taken once more because the
    server itself took them and cut the line without an answer. Of both, the row and the journal say that they may have
    arrived twice. `duplicates`: all other letters taken once more.
    """

    due: int
    kills: int
    cuts: int
    restarts: int
    sent: int
    lost: int
    astray: int
    duplicates: int
    window: int
    unanswered: int
    refused: int

    @property
    def is_sound(self) -> bool:
        """Whether the engine keeps its promises."""
        return not (self.lost or self.astray or self.duplicates)


class Storm:
    """Processes on the database of this one, and what is done to them."""

    def __init__(self, folder: Path, *, workers: int, seed: int, delay: float = 0) -> None:
        self.folder = folder
        self.size = workers
        self.dice = random.Random(seed)
        self.kills = self.cuts = self.restarts = 0
        self.mailbox = Mailbox(folder / "mail")
        self.mailbox.prepare(delay)
        self.valkey = Valkey(folder / "valkey", folder, folder / "valkey.log", durable=True)
        self.valkey.start()
        port = free_port()
        command = [sys.executable, "-m", "tests.worker.mailbox", str(port), str(self.mailbox.folder)]
        self.server = spawn(command, cwd=ROOT)
        self.celery = CeleryProcess(environment(self.valkey.url(), port), folder)
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start two beats and the workers."""
        for _ in range(2):
            self.celery.start_beat()
        self._replace_workers()

    def _replace_workers(self) -> None:
        self.workers = [one for one in self.workers if one.poll() is None]
        while len(self.workers) < self.size:
            self.workers.append(self.celery.launch())

    def blow(self, done: Callable[[], bool], *, every: float, seconds: float) -> None:
        """Each `every` seconds kill a worker and do some other harm, until `done`, for at most `seconds`."""
        limit = time.monotonic() + seconds
        turn = 0
        while not done() and time.monotonic() < limit:
            self.wake()
            time.sleep(every)
            turn += 1
            self.kill()
            if turn % CUT_EVERY == 0:
                self.cut()
            if turn % RESTART_EVERY == 0:
                self.restart_redis()
            self._replace_workers()

    def wake(self) -> None:
        """Ask each worker to wake, as beat does; nobody hears it while Redis is away."""
        try:
            for _ in range(self.size):
                self.celery.wake(expires=3)
        except OperationalError:
            return

    def kill(self) -> None:
        """Kill -9 one process that is at work: the child of a worker, one time in four the worker with it."""
        at_work = [(worker, child) for worker in self.workers for child in _children(worker.pid)]
        if not at_work:
            return
        worker, child = self.dice.choice(at_work)
        if self.dice.random() < 0.25:
            kill_group(worker.pid)
            worker.wait()
        else:
            subprocess.run(["/bin/kill", "-9", str(child)], check=False)
        self.kills += 1

    def cut(self) -> None:
        """Cut one connection of a worker to the database."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND datname = current_database() AND backend_type = 'client backend' ORDER BY random() LIMIT 1"
            )
            self.cuts += cursor.fetchone() is not None

    def restart_redis(self) -> None:
        """Kill Redis and start it again."""
        assert self.valkey.process is not None
        self.valkey.process.kill()
        self.valkey.process.wait()
        self.valkey.start()
        self.restarts += 1

    def settle_down(self, seconds: float) -> None:
        """Let the weather clear, and wait until nothing is left to do.

        The waits of refused letters (a minute and more) are cut short. Raises `TimeoutError`.
        """
        self.mailbox.calm()
        limit = time.monotonic() + seconds
        while not is_over():
            if time.monotonic() > limit:
                raise TimeoutError(f"something is still to be done:\n{self.celery.logs()[-4000:]}")
            self._replace_workers()
            Message.objects.filter(state__in=[MessageState.PENDING, MessageState.HELD]).update(
                not_before=timezone.now()
            )
            self.wake()
            time.sleep(0.5)

    def stop(self) -> None:
        """Stop every process."""
        self.celery.stop()
        self.server.terminate()
        self.server.wait()
        self.valkey.stop()

    def verdict(self, must_leave: set[UUID], must_drop: set[UUID]) -> Verdict:
        """Count by Message-ID what the mail server took, and compare it with the rows."""
        taken = self.mailbox.taken()
        mine = Message.objects.filter(Q(reminder__in=must_leave | must_drop) | Q(letter=emails.digest.__name__))
        rows = {row.message_id: row for row in mine.order_by("id")}
        letters: dict[UUID | None, list[Message]] = {}
        for row in rows.values():
            letters.setdefault(row.reminder_id, []).append(row)

        def is_accounted_for(row: Message) -> bool:
            if row.state == MessageState.GROUPED:
                return row.digest is not None and is_accounted_for(row.digest)
            return row.message_id in taken or (row.state == MessageState.FAILED and bool(row.error))

        lost = sum(
            not letters.get(reminder) or not all(map(is_accounted_for, letters[reminder])) for reminder in must_leave
        )
        dropped = Reminder.objects.filter(pk__in=must_drop, state=ReminderState.DROPPED).exclude(reason="")
        cut_short = Counter(message_id for fate, message_id in self.mailbox.fates() if fate == UNANSWERED)
        window = unanswered = duplicates = 0
        for message_id, times in taken.items():
            found = rows.get(message_id)
            if found is None or (times > 1 and not (_tells(found, times) and _is_journalled(found))):
                duplicates += times - (found is not None)
                continue
            by_the_server = min(times - 1, cut_short[message_id])
            unanswered += by_the_server
            window += times - 1 - by_the_server
        # A kill, or a cut, explains one letter: the one that was in the worker's hand.
        unexplained = max(0, window - self.kills - self.cuts)
        return Verdict(
            due=len(must_leave) + len(must_drop),
            kills=self.kills,
            cuts=self.cuts,
            restarts=self.restarts,
            sent=len(taken),
            lost=lost,
            astray=len(must_drop) - dropped.count(),
            duplicates=duplicates + unexplained,
            window=window - unexplained,
            unanswered=unanswered,
            refused=sum(row.state == MessageState.FAILED for row in rows.values()),
        )


def _tells(row: Message, times: int) -> bool:
    """Whether the row of a letter that was taken several times says that it may have been."""
    return row.error.startswith(INTERRUPTED) and row.doubts >= times - 1


def _is_journalled(row: Message) -> bool:
    """Whether the journal of its fiche says so too, once the letter is marked sent."""
    lines = Event.objects.filter(kind=EventKind.RESENT, referral=row.referral_id, data__letter=row.letter)
    return row.state != MessageState.SENT or lines.exists()


def _children(pid: int) -> list[int]:
    """The processes that a worker started to do its work."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def is_tried() -> bool:
    """Whether nothing is due and every letter written has been posted at least once."""
    untried = Message.objects.filter(state__in=[MessageState.PENDING, MessageState.HELD], attempts=0)
    return not (Reminder.objects.due(timezone.now()).exists() or untried.exists())


def is_over() -> bool:
    """Whether nothing is due and every letter written has met its fate."""
    waiting = Message.objects.exclude(state__in=FATES)
    return not (Reminder.objects.due(timezone.now()).exists() or waiting.exists())


@contextmanager
def storm(folder: Path, *, workers: int, seed: int, delay: float = 0) -> Iterator[Storm]:
    """A storm that is ready to blow; all its processes end with the block."""
    one = Storm(folder, workers=workers, seed=seed, delay=delay)
    try:
        one.start()
        yield one
    finally:
        one.stop()
