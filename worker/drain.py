"""One wake: free places are offered, what is due becomes letters, letters are grouped and posted.

It goes on until nothing is left or the time is up.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.utils import timezone

from referrals.models.message import MessageChannel
from worker.comeback import tell_of_stop
from worker.digests import group_letters
from worker.models import Heartbeat, HeartbeatKind
from worker.places import offer_places
from worker.post import Poster, Tally
from worker.reminders import Settler

BUDGET_SECONDS = 20.0
"""How long one wake works: short, so that a worker asked to stop is soon done. The next wake goes on."""

SIGN_SECONDS = 5.0
"""How often at most a worker signs that it lives while it works."""

LETTERS_PER_TURN = 100
"""Letters of each channel posted before what is due is looked at again."""


@dataclass
class Drained:
    """What one wake did."""

    offered: int = 0
    settled: int = 0
    taken_over: int = 0
    posted: Tally = field(default_factory=Tally)
    unreachable: dict[MessageChannel, str] = field(default_factory=dict)


def _never() -> bool:
    return False


def drain(
    clock: Callable[[], dt.datetime] = timezone.now,
    budget: float = BUDGET_SECONDS,
    stopping: Callable[[], bool] = _never,
) -> Drained:
    """Settle and post for up to `budget` seconds, or until `stopping`. A gateway that is down delays its own letters,
    nothing else.

    It signs when something was done, never on beginning: a worker that hangs at each wake picks nothing up.
    """
    done = Drained()
    deadline = time.monotonic() + budget
    tell_of_stop(clock())
    done.offered = offer_places(clock)
    settler = Settler(clock)
    with Poster(clock, stopping) as poster:
        done.taken_over = poster.take_over()
        moving = True
        sign_again = time.monotonic() + SIGN_SECONDS
        while moving and time.monotonic() < deadline and not stopping():
            settled = settler.settle_batch()
            done.settled += settled
            grouped = 0 if settled else group_letters(clock)
            tally = poster.post_batch(LETTERS_PER_TURN, deadline)
            done.posted += tally
            moving = bool(settled or grouped or tally.handled)
            if time.monotonic() >= sign_again:
                _sign(done, clock())
                sign_again = time.monotonic() + SIGN_SECONDS
        done.unreachable = poster.unreachable
    _sign(done, clock())
    return done


def _sign(done: Drained, now: dt.datetime) -> None:
    Heartbeat.objects.sign(
        HeartbeatKind.WORKER, now, settled=done.settled, sent=done.posted.sent, failed=done.posted.failed
    )
