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
from worker.digests import group_letters
from worker.places import offer_places
from worker.post import Poster, Tally
from worker.reminders import Settler

BUDGET_SECONDS = 20.0
"""How long one wake works: short, so that a worker asked to stop is soon done. The next wake goes on."""

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


def drain(clock: Callable[[], dt.datetime] = timezone.now, budget: float = BUDGET_SECONDS) -> Drained:
    """Settle and post for up to `budget` seconds. A gateway that is down delays its own letters, nothing else."""
    done = Drained()
    deadline = time.monotonic() + budget
    done.offered = offer_places(clock)
    settler = Settler(clock)
    with Poster(clock) as poster:
        done.taken_over = poster.take_over()
        moving = True
        while moving and time.monotonic() < deadline:
            settled = settler.settle_batch()
            done.settled += settled
            grouped = 0 if settled else group_letters(clock)
            tally = poster.post_batch(LETTERS_PER_TURN, deadline)
            done.posted += tally
            moving = bool(settled or grouped or tally.handled)
        done.unreachable = poster.unreachable
    return done
