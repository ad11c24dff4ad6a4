"""How fast what is due leaves, and what planning costs the verbs.

`bin/bench reminders [--letters N] [--planned N]`. One, two and four workers, each a process, settle and post N due
reminders each time; `limit_per_second` is what as many plain `SKIP LOCKED` loops do that find the same letters already
written and do nothing but take, post, mark and commit them (`tests.worker.pickup.limit`), through the same channel, to
the same mail server, in the same run. `ratio` is the lowest of the three; both speeds are of that number of workers.

`planning_ms` is what planning adds to a verb, for each reminder: the sending of a fiche, with and without it.
`pickup_ratio` compares the look for what is due beside N rows (a million) planned for later with the same look before
they were there.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from django.db import connection, transaction
from django.utils import timezone

from local.processes import spawn
from local.valkey import free_port
from referrals.models import Message, Referral, Reminder
from referrals.models.message import MessageState
from referrals.models.reminder import ReminderKind
from tests.benchmarks.cases import multiply
from tests.benchmarks.harness import prepare, progress, report
from tests.territory import EVERYTHING, a_door, a_draft, a_structure, an_action
from tests.worker.cohort import Cohort
from tests.worker.mailbox import Mailbox
from tests.worker_process import ROOT, environment, wait_until
from worker.reminders import BATCH, Settler

WORKERS = (1, 2, 4)
VERBS = 300
LOOKS = 200


@dataclass(frozen=True)
class Speed:
    """What so many workers do in a second, the engine's and those that do nothing else."""

    workers: int
    per_second: float
    limit_per_second: float

    @property
    def ratio(self) -> float:
        """The engine over the limit."""
        return self.per_second / self.limit_per_second


class Post:
    """A mail server, and workers that post to it."""

    def __init__(self, folder: Path) -> None:
        self.mailbox = Mailbox(folder)
        self.mailbox.prepare()
        self.mailbox.calm()
        port = free_port()
        self.server = spawn([sys.executable, "-m", "tests.worker.mailbox", str(port), str(folder)], cwd=ROOT)
        self.env = environment("redis://127.0.0.1:1/0", port)

    def race(self, what: str, workers: int, letters: int) -> float:
        """How many letters a second so many workers post. Raises `RuntimeError` when one is missing or doubled."""
        before = len(self.mailbox.fates())
        command = [sys.executable, "-m", "tests.worker.pickup", what]
        started = [
            subprocess.Popen(command, cwd=ROOT, env=self.env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(workers)
        ]
        for process in started:
            _hear(process, "ready")
        began = time.perf_counter()
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in started:
            _hear(process, "done")
        elapsed = time.perf_counter() - began
        for process in started:
            process.wait()
        if (posted := len(self.mailbox.fates()) - before) != letters or max(self.mailbox.taken().values()) > 1:
            raise RuntimeError(f"{what}: {posted} letters were posted instead of {letters}")
        return letters / elapsed

    def stop(self) -> None:
        """Stop the mail server."""
        self.server.terminate()
        self.server.wait()


def _hear(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    heard = process.stdout.readline().strip()
    if heard != word:
        raise RuntimeError(f"a worker said {heard!r} instead of {word!r}")


class Letters:
    """What there is to post: due reminders for the engine, letters already written for the limit."""

    def __init__(self) -> None:
        self.cohort = Cohort(timezone.now())
        self.cohort.announcements(1, over=dt.timedelta(0))
        Settler(timezone.now).settle_batch()
        # The body of a letter that leaves is blanked when it holds a link: this one never leaves.
        self.model = Message.objects.get()
        Message.objects.update(state=MessageState.CANCELLED)
        self.written = 0

    def become_due(self, count: int) -> None:
        """Reminders for the engine."""
        self.cohort.announcements(count, over=dt.timedelta(minutes=20))

    def write(self, count: int) -> None:
        """The same letters, already written."""
        numbers = f"SELECT n::int FROM generate_series({self.written + 1}, {self.written + count}) AS n"
        self.written += count
        values = {
            "id": "md5('message' || n)::uuid",
            "message_id": "'<' || n || '@localhost>'",
            "to": "'receiver-' || n || '@example.org'",
            "state": f"'{MessageState.PENDING}'",
        }
        multiply(self.model, numbers, values)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE referrals_message")


def speeds(count: int) -> list[Speed]:
    """The engine and its limit, in turn."""
    found = []
    letters = Letters()
    with tempfile.TemporaryDirectory(prefix="relais-post-") as folder:
        post = Post(Path(folder))
        try:
            wait_until((Path(folder) / "journal").exists)
            for workers in progress(WORKERS, "workers"):
                letters.write(count)
                limit = post.race("limit", workers, count)
                letters.become_due(count)
                found.append(Speed(workers, post.race("engine", workers, count), limit))
        finally:
            post.stop()
    return found


def planning() -> float:
    """Milliseconds that planning adds to the sending of a fiche, for each reminder that it plans."""
    sender, receiver = a_door(a_structure()).actor, a_structure()
    action, now = an_action(receiver), timezone.now()
    with_it: list[float] = []
    without: list[float] = []

    def send(times: list[float]) -> Referral:
        fiche = a_draft(action, sender)
        started = time.perf_counter()
        fiche.send(sender, now, consent_how="oral", consent_scope=EVERYTHING)
        times.append(1000 * (time.perf_counter() - started))
        return fiche

    for _ in range(VERBS):
        fiche = send(with_it)
        with mock.patch.object(Referral, "await_answer"):
            send(without)
    planned = Reminder.objects.filter(referral=fiche).count()
    return (statistics.median(with_it) - statistics.median(without)) / planned


def look() -> float:
    """Milliseconds to take the next due reminders, at the median."""
    times = []
    gc.collect()
    for _ in range(LOOKS):
        started = time.perf_counter()
        with transaction.atomic():
            taken = Reminder.objects.take(timezone.now(), BATCH)
        times.append(1000 * (time.perf_counter() - started))
        if len(taken) != BATCH:
            raise RuntimeError(f"{len(taken)} reminders were taken instead of {BATCH}")
    return statistics.median(times)


def pickup(planned: int) -> tuple[float, float]:
    """The look for what is due, before and after so many rows are planned for later."""
    Cohort(timezone.now(), after=500_000).announcements(10 * BATCH, over=dt.timedelta(minutes=20))
    _vacuum()
    before = look()
    reminder = Reminder.objects.filter(kind=ReminderKind.SENT).order_by("-due_at")[0]
    numbers = f"SELECT n::int FROM generate_series(1, {planned}) AS n"
    later = "now() + make_interval(secs => 3600 + n)"
    values = {"id": "md5('later' || n)::uuid", "state": "'planned'", "due_at": later, "done_at": "NULL"}
    multiply(reminder, numbers, values | {"kind": f"'{ReminderKind.UNANSWERED}'", "reason": "''"})
    _vacuum()
    return before, look()


def _vacuum() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) referrals_reminder")


def main(argv: list[str]) -> None:
    """Measure, print the figures."""
    parser = argparse.ArgumentParser(prog="bin/bench reminders", description=__doc__)
    parser.add_argument("--letters", type=int, default=2000, metavar="N", help="letters of each race (2,000)")
    parser.add_argument("--planned", type=int, default=1_000_000, metavar="N", help="rows for later (1,000,000)")
    options = parser.parse_args(argv)
    if options.letters < 100 or options.planned < 1:
        parser.error("--letters is 100 or more, --planned 1 or more")
    prepare()
    found = speeds(options.letters)
    lowest = min(found, key=lambda speed: speed.ratio)
    planning_ms = planning()
    before, after = pickup(options.planned)
    report(
        "reminders",
        ["workers", "per second", "limit per second", "ratio"],
        [[one.workers, one.per_second, one.limit_per_second, round(one.ratio, 2)] for one in found],
        {
            "per_second": round(lowest.per_second, 1),
            "limit_per_second": round(lowest.limit_per_second, 1),
            "ratio": round(lowest.ratio, 2),
            "planning_ms": round(planning_ms, 3),
            "pickup_ratio": round(after / before, 2),
            "pickup_ms": round(after, 2),
            "planned_count": options.planned,
            "workers_count": lowest.workers,
            "by_workers": {
                str(one.workers): {
                    "per_s": round(one.per_second, 1),
                    "limit_per_s": round(one.limit_per_second, 1),
                    "ratio": round(one.ratio, 2),
                }
                for one in found
            },
        },
    )


if __name__ == "__main__":
    main(sys.argv[1:])
