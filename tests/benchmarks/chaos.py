"""Nothing lost and nothing doubled, while everything that can fail fails.

`bin/bench chaos [--due N] [--stop-weeks N] [--workers N]`. N reminders are due; Celery workers and two beats, each a
process of its own, settle them and post their letters to a mail server in another process, which keeps what it takes
by Message-ID. Each second a worker is killed by `kill -9`; every fourth a connection to the database is cut, every
ninth Redis is killed and started again; the server answers late, refuses for now and for good, and cuts lines before
and after it has taken a letter. Once every letter has met one of these, the weather clears and the rest is done.

Then the same after the workers stood still for weeks: what became due meanwhile is sent once, and what is no longer
true (a recall that a later one replaces, a rendez-vous that is past) is dropped with its reason.

The figures are those of `tests.worker.storm.Verdict`; the command fails unless `lost`, `astray` and `duplicates` are 0.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.utils import timezone

from tests.benchmarks.harness import prepare, report
from tests.worker.cohort import Cohort
from tests.worker.storm import Verdict, is_tried, storm

SEED = 20261121
LONGEST_S = 3600


def weather(cohort: Cohort, workers: int) -> tuple[Verdict, float]:
    """What came of a cohort in a storm, and how many seconds it took."""
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="relais-chaos-") as folder,
        storm(Path(folder), workers=workers, seed=SEED) as one,
    ):
        one.blow(is_tried, every=1, seconds=LONGEST_S)
        one.settle_down(LONGEST_S)
        return one.verdict(cohort.must_leave, cohort.must_drop), time.monotonic() - started


def due_now(count: int) -> Cohort:
    """All due within the last hour, all to be sent."""
    cohort = Cohort(timezone.now())
    cohort.announcements(count, over=dt.timedelta(minutes=30))
    return cohort


def due_since(weeks: int, count: int, after: int) -> Cohort:
    """What became due while the workers stood still: seven twelfths to be sent, the rest no longer true."""
    cohort = Cohort(timezone.now(), after=after)
    share = count // 6
    cohort.recalls(share)
    cohort.meetings(share // 2, in_days=-3)
    cohort.meetings(share // 2, in_days=1)
    left = count - len(cohort.must_leave) - len(cohort.must_drop)
    cohort.announcements(left, over=dt.timedelta(weeks=weeks))
    return cohort


def figures(verdict: Verdict, seconds: float) -> dict[str, Any]:
    """The figures of one storm; the names end in their unit."""
    return {
        **asdict(verdict),
        "window_per_kill_ratio": round(verdict.window / max(verdict.kills, 1), 3),
        "lasted_s": round(seconds, 1),
    }


def main(argv: list[str]) -> int:
    """Let it storm twice; print the figures; return 1 when something was lost or doubled."""
    parser = argparse.ArgumentParser(prog="bin/bench chaos", description=__doc__)
    parser.add_argument("--due", type=int, default=20_000, metavar="N", help="reminders that are due (20,000)")
    parser.add_argument("--stop-weeks", type=int, default=3, metavar="N", help="weeks of the stop (3; 0 leaves it out)")
    parser.add_argument("--workers", type=int, default=3, metavar="N", help="Celery workers (3)")
    options = parser.parse_args(argv)
    if options.due < 100 or options.workers < 1 or options.stop_weeks < 0:
        parser.error("--due is 100 or more, --workers 1 or more, --stop-weeks 0 or more")
    prepare()
    cohort = due_now(options.due)
    first, seconds = weather(cohort, options.workers)
    rows = [["as it comes due", *asdict(first).values(), seconds]]
    told = figures(first, seconds)
    sound = first.is_sound
    if options.stop_weeks:
        stopped = due_since(options.stop_weeks, options.due, cohort.numbered)
        second, seconds = weather(stopped, options.workers)
        rows.append([f"after {options.stop_weeks} weeks", *asdict(second).values(), seconds])
        told["after_a_stop"] = figures(second, seconds)
        sound = sound and second.is_sound
    report("chaos", ["", *asdict(first), "s"], rows, told)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
