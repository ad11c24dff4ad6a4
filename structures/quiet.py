"""When someone may be written to: open days and hours, read on their own clock. Pure functions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from structures.clocks import METROPOLE, Clock

LONGEST_SILENCE = 800
"""Days looked ahead for an open one: more than two closing periods of a year, one after the other."""


@dataclass(frozen=True)
class Quiet:
    """The days and hours at which nobody is to be written to; by default there are none.

    `weekdays` are those that are closed (Monday is 0), `periods` their first and last days, both included. Letters
    leave from `opens` (included) to `closes` (excluded); either may be left open.
    """

    clock: Clock = METROPOLE
    weekdays: frozenset[int] = frozenset()
    periods: tuple[tuple[dt.date, dt.date], ...] = ()
    opens: dt.time | None = None
    closes: dt.time | None = None

    def is_closed_on(self, day: dt.date) -> bool:
        """Whether nothing is written on a day."""
        return day.weekday() in self.weekdays or any(first <= day <= last for first, last in self.periods)

    def allows(self, moment: dt.datetime) -> bool:
        """Whether a letter may leave at a moment."""
        local = moment.astimezone(self.clock.zone)
        early = self.opens is not None and local.time() < self.opens
        late = self.closes is not None and local.time() >= self.closes
        return not (early or late or self.is_closed_on(local.date()))

    def next_allowed(self, moment: dt.datetime) -> dt.datetime:
        """The moment itself when a letter may leave then, else the next opening."""
        if self.allows(moment):
            return moment
        today = self.clock.day_of(moment)
        for number in range(LONGEST_SILENCE):
            day = today + dt.timedelta(days=number)
            opening = self.clock.moment(day, self.opens or dt.time.min)
            if opening > moment and not self.is_closed_on(day):
                return opening
        return moment


ALWAYS = Quiet()
"""Any day, at any hour."""


def overlap(periods: Iterable[tuple[dt.date, dt.date]]) -> bool:
    """Whether two of the periods share a day."""
    ordered = sorted(periods)
    return any(first <= last for (_, last), (first, _) in pairwise(ordered))
