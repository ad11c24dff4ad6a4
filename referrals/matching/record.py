"""What happened to earlier fiches for an action: how soon it was answered, and how many of them led to an entry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from referrals.matching.weights import FAST_DAYS, FEW, LEAST_FICHES, MOST, SLOW_DAYS, WEIGHTS
from referrals.states import State

WINDOW = dt.timedelta(days=730)
"""How far back one looks: two years, so that a yearly session is seen twice."""
AGES = (26, 45)
"""The ages (years) that part the people who resemble each other: young, in the middle, elder."""

QUERY = """
SELECT r.action_id,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM r.answered_at - r.sent_at) / 86400.0)
           FILTER (WHERE r.answered_at IS NOT NULL),
       count(r.answered_at),
       count(*) FILTER (WHERE r.settled),
       count(*) FILTER (WHERE r.settled AND r.state = ANY(%(entered)s)),
       count(*) FILTER (WHERE r.settled AND r.alike),
       count(*) FILTER (WHERE r.settled AND r.alike AND r.state = ANY(%(entered)s))
  FROM (
        SELECT f.action_id, f.state, COALESCE(f.reopened_at, f.sent_at) AS sent_at, f.answered_at,
               f.state = ANY(%(settled)s) AS settled,
               COALESCE(p.birth_date > %(youngest)s AND p.birth_date <= %(eldest)s, FALSE) AS alike
          FROM referrals_referral f JOIN referrals_person p ON p.id = f.person_id
         WHERE f.action_id = ANY(%(actions)s) AND f.sent_at >= %(since)s AND f.sent_at < %(until)s
       ) r
 GROUP BY r.action_id
"""
ENTERED = (State.ENTERED, State.ENDED)
SETTLED = (*ENTERED, State.DECLINED, State.REDIRECTED, State.EXPIRED, State.MISSED)


@dataclass(frozen=True)
class Record:
    """The record of an action. `None` where fewer than `LEAST_FICHES` fiches tell it.

    `answer_days` is the median delay to answer, in days; `entered` the share of fiches that led to an entry among those
    that are settled, of people of the same age when there are enough (`alike`), else of everybody.
    """

    answer_days: float | None = None
    entered: float | None = None
    alike: bool = False

    def parts(self) -> list[tuple[str, int]]:
        """What it adds to a score, with the label of each part."""
        found: list[tuple[str, int]] = []
        if self.answer_days is not None and self.answer_days <= FAST_DAYS:
            found.append((self.delay_label, WEIGHTS["answers_fast"]))
        elif self.answer_days is not None and self.answer_days >= SLOW_DAYS:
            found.append((self.delay_label, WEIGHTS["answers_slowly"]))
        if self.entered is not None and self.entered >= MOST:
            found.append((self.entered_label, WEIGHTS["most_entered"]))
        elif self.entered is not None and self.entered < FEW:
            found.append((self.entered_label, WEIGHTS["few_entered"]))
        return found

    @property
    def delay_label(self) -> str:
        """The usual delay to answer, for a reader; empty when it is not known."""
        if self.answer_days is None:
            return ""
        days = round(self.answer_days)
        if days < 1:
            return "Répond d’habitude dans la journée"
        return f"Répond d’habitude en {days} jours" if days > 1 else "Répond d’habitude en un jour"

    @property
    def entered_label(self) -> str:
        """The share that entered, for a reader; empty when it is not known."""
        if self.entered is None:
            return ""
        who = "personnes du même âge" if self.alike else "personnes"
        return f"{round(self.entered * 10)} {who} sur 10 y sont entrées"


NOTHING = Record()
"""The record of an action of which nothing can be said."""


def _years_before(on: dt.date, years: int) -> dt.date:
    try:
        return on.replace(year=on.year - years)
    except ValueError:
        return on.replace(year=on.year - years, day=28)


def born_between(age: int | None, on: dt.date) -> tuple[dt.date, dt.date]:
    """The birth dates (first excluded, second included) of people of the same group of ages; none for no age."""
    if age is None:
        return dt.date.max, dt.date.max
    young, elder = AGES
    if age < young:
        return _years_before(on, young), dt.date.max
    if age < elder:
        return _years_before(on, elder), _years_before(on, young)
    return dt.date.min, _years_before(on, elder)


def records(actions: Iterable[int], *, age: int | None, on: dt.date) -> dict[int, Record]:
    """The record of each action for someone of this age, in one query. Actions without fiches are left out."""
    youngest, eldest = born_between(age, on)
    facts: dict[str, Any] = {
        "actions": list(actions),
        "since": on - WINDOW,
        "until": on + dt.timedelta(days=1),
        "youngest": youngest,
        "eldest": eldest,
        "entered": [state.value for state in ENTERED],
        "settled": [state.value for state in SETTLED],
    }
    with connection.cursor() as cursor:
        cursor.execute(QUERY, facts)
        rows = cursor.fetchall()
    return {action: _record(*figures) for action, *figures in rows}


def _record(days: float | None, answered: int, settled: int, entered: int, alike: int, alike_entered: int) -> Record:
    of_alike = alike >= LEAST_FICHES
    count, those = (alike, alike_entered) if of_alike else (settled, entered)
    return Record(
        answer_days=float(days) if days is not None and answered >= LEAST_FICHES else None,
        entered=those / count if count >= LEAST_FICHES else None,
        alike=of_alike,
    )
