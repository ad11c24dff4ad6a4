"""Reads the figures of a scope: from the cells where at most one filter applies, else from the facts themselves.

What has changed since the facts were written stands in a queue: a few rows. They are worked out anew within the same
query and take the place of what was written of them, so that a figure is right at every moment.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from referrals.deadlines import add_months
from reporting.boxes import ANSWERED_CHECKS, BOXES_OF
from reporting.delays import Delays
from reporting.facts import (
    ANSWERED_AFTER,
    CLOSED_AFTER,
    COLUMNS,
    CUTS,
    EPOCH,
    MEASURES,
    MONTHLY,
    NAMES,
    NEWS,
    UNMET_PLACE,
    WAITING_SINCE,
    calendar_of,
    fresh,
)
from reporting.indicators import Indicator
from reporting.models import Fact, Subject, Wait
from reporting.scope import Scope
from reporting.secrecy import SMALLEST_GROUP

BROAD = 20_000
"""Fiches from which on the structures that a page lists are taken from their monthly volumes."""
LISTED = 50
"""Structures that a page lists by name, those that were sent most; the others are added up."""
CHUNK = 2_000
"""Lines of an export that are held at once."""
OTHERS = UUID(int=0)
"""Stands for the structures that a page does not list."""
TOGETHER = UUID(int=1)
"""Stands for all the sensitive structures."""

Sql = tuple[str, list[Any]]
KINDS = tuple(str(Fact._meta.get_field(name).db_type(connection)) for name in COLUMNS)
LARGEST = """
    ARRAY((SELECT receiver FROM reporting_volume WHERE month BETWEEN %s AND %s
            GROUP BY receiver ORDER BY sum(n) DESC, receiver LIMIT %s)
          UNION SELECT id FROM structures_structure WHERE is_sensitive AND %s)
"""
"""The structures that were sent most in some months, and the sensitive ones where they are one group."""
QUEUE = """
    SELECT fiche, NULL::uuid, NULL::int, NULL::int FROM reporting_pending WHERE fiche IS NOT NULL
    UNION SELECT NULL, need, NULL, NULL FROM reporting_pending WHERE need IS NOT NULL
    UNION SELECT NULL, l.need_id, NULL, NULL
            FROM reporting_pending p JOIN referrals_referral_needs l ON l.referral_id = p.fiche
    UNION ALL SELECT NULL, NULL, subject, n FROM reporting_most
"""
"""The fiches and the needs that changed, with the needs of these fiches; and each subject's `Most`."""
PLACE_OF_NEED = "CASE WHEN subject = 5 AND mod(box, 32) > 0 THEN quartier * 4 + qpv END"
NEWS_OF_CHECK = "CASE WHEN subject = 4 AND mod(box / 100, 10) > 0 THEN left_for * 10 + mod(box / 100, 10) END"


@dataclass
class Tally:
    """How many facts lie in each box; of the fiches, also by month; how long they waited; where needs are unmet.

    And what those say who answered after an exit: `news`, by the exit's kind (times ten) and the situation.
    """

    boxes: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    months: dict[tuple[dt.date, int], int] = field(default_factory=lambda: defaultdict(int))
    places: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    news: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    delays: Delays = field(default_factory=lambda: Delays({}, {}))

    def number(self, subject: Subject, indicator: Indicator) -> int:
        """How many facts an indicator counts."""
        return sum(self.boxes.get((subject, box), 0) for box in BOXES_OF[indicator.name])

    def total(self, subject: Subject) -> int:
        """How many facts there are of a subject."""
        return sum(n for (one, _), n in self.boxes.items() if one == subject)


@dataclass
class Group:
    """The fiches of one structure: how many in each box, and after how many working days they were answered."""

    name: str = ""
    boxes: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    answered: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def number(self, indicator: Indicator) -> int:
        """How many of its fiches an indicator counts."""
        return sum(self.boxes.get(box, 0) for box in BOXES_OF[indicator.name])

    @property
    def median(self) -> float | None:
        """The median delay of its answers, in working days."""
        return Delays(dict(self.answered), {}).median_answered


@dataclass
class People:
    """The persons behind the rows that were looked up, by box, month, structure, place, and answer after an exit."""

    boxes: dict[tuple[int, int], set[Any]] = field(default_factory=lambda: defaultdict(set))
    months: dict[tuple[dt.date, int], set[Any]] = field(default_factory=lambda: defaultdict(set))
    groups: dict[tuple[UUID, int], set[Any]] = field(default_factory=lambda: defaultdict(set))
    places: dict[int, set[Any]] = field(default_factory=lambda: defaultdict(set))
    news: dict[int, set[Any]] = field(default_factory=lambda: defaultdict(set))


@dataclass
class Doubt:
    """Numbers so small that fewer than five persons may stand behind them."""

    boxes: set[tuple[int, int]] = field(default_factory=set)
    months: set[dt.date] = field(default_factory=set)
    groups: set[tuple[UUID, int]] = field(default_factory=set)
    places: set[int] = field(default_factory=set)
    news: set[int] = field(default_factory=set)


def count_of(sets: Iterable[set[Any]]) -> int:
    """How many persons there are in all of the sets together."""
    return len(set().union(*sets))


class Reading:
    """The queries of one page, all on the same state of the queue."""

    def __init__(self, scope: Scope, beside: Reading | None = None) -> None:
        self.scope = scope
        self.fiches: list[UUID]
        self.needs: list[UUID]
        self.changed: int
        self.most: dict[Subject, int]
        if beside is None:
            self._read_queue()
        else:
            self.fiches, self.needs, self.changed = beside.fiches, beside.needs, beside.changed
            self.most, self._anew = beside.most, beside._anew

    def _read_queue(self) -> None:
        """What the queue holds, and at most how many facts of a subject are one person's: in one query."""
        with connection.cursor() as cursor:
            cursor.execute(QUEUE)
            rows = cursor.fetchall()
        self.fiches = sorted(fiche for fiche, *_ in rows if fiche)
        self.needs = sorted(need for _, need, *_ in rows if need)
        self.changed = len(self.fiches) + len(self.needs)
        most = {subject: n for _, _, subject, n in rows if subject}
        self.most = {subject: max(1, most.get(subject, 0) + self.changed) for subject in Subject}

    # The relations

    @cached_property
    def _anew(self) -> Sql:
        """`changed`: the facts of the queue as they are now, worked out once for the page."""
        if not self.changed:
            return "", []
        sql, params = fresh(self.scope.now, self.fiches, self.needs)
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            rows = cursor.fetchall()
        columns = [list(values) for values in zip(*rows, strict=True)] if rows else [[] for _ in COLUMNS]
        arrays = ", ".join(f"%s::{kind}[]" for kind in KINDS)
        return f"changed AS MATERIALIZED (SELECT * FROM unnest({arrays}) AS fresh ({NAMES})), ", columns

    @property
    def _written(self) -> Sql:
        return "source = ANY(%s)", [self.fiches + self.needs]

    def _scoped(self, more: str = "TRUE", params: Sequence[Any] = ()) -> Sql:
        """The facts of the scope as they are now: those written that did not change, and those that did."""
        sql, given = self.scope.facts()
        parts: list[str] = []
        all_params: list[Any] = []
        for where, values in zip(sql, given, strict=True):
            kept = "TRUE"
            unchanged: list[Any] = []
            if self.changed:
                condition, unchanged = self._written
                kept = f"NOT {condition}"
            parts.append(f"SELECT {NAMES} FROM reporting_fact WHERE {where} AND {more} AND {kept}")
            all_params += [*values, *params, *unchanged]
            if self.changed:
                parts.append(f"SELECT {NAMES} FROM changed WHERE {where} AND {more}")
                all_params += [*values, *params]
        return f"({' UNION ALL '.join(parts)})", all_params

    def _run(self, sql: str, params: Sequence[Any]) -> list[Any]:
        anew, given = self._anew
        with connection.cursor() as cursor:
            cursor.execute(f"WITH {anew}{sql}", [*given, *params])
            return cursor.fetchall()

    # How many

    def tally(self) -> Tally:
        """Count everything in one query."""
        cut = self.scope.cut()
        sql, params = self._from_facts() if cut is None else self._from_cells(*cut)
        found = Tally()
        answered: dict[int, int] = {}
        unanswered: dict[int, int] = {}
        numbers = calendar_of(self.scope.now).numbers
        today = numbers[(self.scope.today - EPOCH).days]
        for measure, code, month, n in self._run(sql, params):
            if measure == ANSWERED_AFTER:
                answered[code] = answered.get(code, 0) + n
            elif measure == CLOSED_AFTER:
                unanswered[code] = unanswered.get(code, 0) + n
            elif measure == WAITING_SINCE:
                days = max(0, today - numbers[code])
                unanswered[days] = unanswered.get(days, 0) + n
            elif measure == UNMET_PLACE:
                found.places[code] += n
            elif measure == NEWS:
                found.news[code] += n
            else:
                found.boxes[measure, code] += n
                if measure == Subject.FICHE:
                    found.months[month, code] += n
        found.delays = Delays(answered, unanswered)
        return found

    def _from_cells(self, cut: int, value: int) -> Sql:
        """Whole months as they are added up, and the days before and after them."""
        days, given = self.scope.days("measure")
        cells = "SELECT measure::int, code, date_trunc('month', day)::date AS month, n FROM reporting_cell"
        whole = self.scope.period.whole_months(self.scope.today)
        if whole is None:
            parts = [f"{cells} WHERE cut = %s AND value = %s AND {days}"]
            params: list[Any] = [cut, value, *given]
        else:
            first, after = whole
            parts = [
                f"{cells} WHERE cut = %s AND value = %s AND day >= %s AND day < %s",
                f"{cells} WHERE cut = %s AND value = %s AND day >= %s AND day < %s",
                f"{cells} WHERE cut = %s AND value = %s AND day >= %s AND {days}",
            ]
            params = [MONTHLY + cut, value, first, after]
            params += [cut, value, self.scope.period.start, first, cut, value, after, *given]
        if self.changed:
            condition, written = self._written
            signed = (
                f"(SELECT -1 AS sign, {NAMES} FROM reporting_fact WHERE {condition}"
                f" UNION ALL SELECT 1, {NAMES} FROM changed)"
            )
            parts.append(
                f"SELECT m.measure, m.code, date_trunc('month', f.day)::date, f.sign FROM {signed} f"
                f" CROSS JOIN LATERAL {MEASURES} CROSS JOIN LATERAL {CUTS}"
                f" WHERE m.measure IS NOT NULL AND c.cut = %s AND c.value = %s AND {days}"
            )
            params += [*written, cut, value, *given]
        all_parts = " UNION ALL ".join(parts)
        return (
            f"counted AS ({all_parts}) SELECT measure, code, month, sum(n)::int FROM counted GROUP BY 1, 2, 3"
            " HAVING sum(n) <> 0",
            params,
        )

    def _from_facts(self) -> Sql:
        scoped, params = self._scoped()
        sql = f"""
            raw AS (SELECT subject, box, wait, days, CASE WHEN subject = 5 THEN quartier END AS quartier,
                           CASE WHEN subject = 5 THEN qpv END AS qpv,
                           CASE WHEN subject = 4 THEN left_for END AS left_for,
                           CASE WHEN subject = 1 THEN date_trunc('month', day)::date END AS month, count(*) AS n
                      FROM {scoped} AS scoped GROUP BY 1, 2, 3, 4, 5, 6, 7, 8)
            SELECT m.measure, m.code, f.month, sum(f.n)::int FROM raw f CROSS JOIN LATERAL {MEASURES}
             WHERE m.measure IS NOT NULL GROUP BY 1, 2, 3
        """
        return sql, params

    # By structure

    def groups(self, other: str, sent: int) -> dict[UUID, Group]:
        """The fiches by structure on the other side (`other`: a column); those not listed are under `OTHERS`.

        Where small groups are masked, the sensitive structures are one group.
        """
        key = self._key(other)
        ranked = "SELECT key FROM grouped WHERE key <> %s GROUP BY key ORDER BY sum(n) DESC, key LIMIT %s"
        only = "TRUE"
        chosen: list[Any] = []
        if sent > BROAD and other == "receiver" and self.scope.receiver is None:
            # Too many to be put in order: the structures that were sent most, whatever the other filters.
            months = self.scope.period.months
            only, chosen = f"receiver = ANY({LARGEST})", [months[0], months[-1], LISTED, self.scope.masks]
        scoped, params = self._scoped(f"subject = 1 AND {only}", chosen)
        sql = f"""
            grouped AS (SELECT {key} AS key, box, CASE WHEN wait = {Wait.ANSWERED} THEN days END AS days, count(*) AS n
                          FROM {scoped} AS scoped GROUP BY 1, 2, 3),
            listed AS (SELECT key, box, days, sum(n)::int AS n FROM grouped WHERE key IN ({ranked}) OR key = %s
                        GROUP BY GROUPING SETS ((key, box), (key, days)))
            SELECT key, box, days, n, COALESCE(NULLIF(s.short_name, ''), s.name, '')
              FROM listed LEFT JOIN structures_structure s ON s.id = key WHERE box IS NOT NULL OR days IS NOT NULL
        """
        found: dict[UUID, Group] = defaultdict(Group)
        for which, box, days, n, name in self._run(sql, [*params, TOGETHER, LISTED, TOGETHER]):
            group = found[which]
            group.name = name
            if box is None:
                group.answered[days] = n
            else:
                group.boxes[box] = n
        return found

    def _key(self, other: str) -> str:
        together = f"'{TOGETHER}'::uuid"
        return f"CASE WHEN is_protected THEN {together} ELSE {other} END" if self.scope.masks else other

    # One by one

    def fiche_lines(self) -> Iterator[tuple[Any, ...]]:
        """Each fiche with the names around it, in the order of their sending: never all at once in memory."""
        scoped, params = self._scoped("subject = 1")
        anew, given = self._anew
        sql = f"""
            {f"WITH {anew.removesuffix(', ')}" if anew else ""}
            SELECT r.reference, f.day, s.name, t.name, a.name, f.box, f.wait, f.days
              FROM {scoped} AS f JOIN referrals_referral r ON r.id = f.source
              JOIN structures_structure s ON s.id = f.sender JOIN structures_structure t ON t.id = f.receiver
              JOIN structures_action a ON a.id = f.action
             ORDER BY f.day, r.reference
        """
        with transaction.atomic(), connection.chunked_cursor() as cursor:
            cursor.execute(sql, [*given, *params])
            while rows := cursor.fetchmany(CHUNK):
                yield from rows

    # How many persons

    def surely(self, subject: Subject, n: int) -> int:
        """At least so many persons stand behind `n` facts."""
        return -(-n // self.most[subject])

    def is_doubtful(self, subject: Subject, n: int) -> bool:
        """Whether fewer than five persons may stand behind `n` facts."""
        return n > 0 and self.surely(subject, n) < SMALLEST_GROUP

    def people(self, doubt: Doubt, other: str, listed: Sequence[UUID]) -> People:
        """Look up the persons behind the numbers in doubt: few rows, since these numbers are small."""
        found = People()
        parts: list[str] = []
        params: list[Any] = []
        key = f"CASE WHEN {self._key(other)} = ANY(%s) THEN {self._key(other)} ELSE '{OTHERS}'::uuid END"
        columns = (
            f"subject, box, date_trunc('month', day)::date AS month, {PLACE_OF_NEED} AS place, {NEWS_OF_CHECK} AS news,"
            f" {key} AS key, person"
        )
        kinds = list(self._in_doubt(doubt, other, listed))
        if kinds and self.scope.cut() is None:
            # The filters already ask for the facts one by one: all kinds in the same pass.
            kinds = [(" OR ".join(f"({where})" for where, _ in kinds), [one for _, values in kinds for one in values])]
        # Else kind by kind, so that an index finds the few rows of each.
        for where, values in kinds:
            scoped, given = self._scoped(f"({where})", values)
            parts.append(f"SELECT {columns} FROM {scoped} AS scoped")
            params += [list(listed), *given]
        if not parts:
            return found
        sql = f"SELECT DISTINCT * FROM ({' UNION ALL '.join(parts)}) AS behind"
        anew, before = self._anew
        with connection.cursor() as cursor:
            with_anew = f"WITH {anew.removesuffix(', ')} " if anew else ""
            cursor.execute(with_anew + sql, [*before, *params])
            for subject, box, month, place, news, group, person in cursor.fetchall():
                found.boxes[subject, box].add(person)
                if subject == Subject.FICHE:
                    found.months[month, box].add(person)
                    found.groups[group, box].add(person)
                if place is not None:
                    found.places[place].add(person)
                if news is not None:
                    found.news[news].add(person)
        return found

    def _in_doubt(self, doubt: Doubt, other: str, listed: Sequence[UUID]) -> Iterator[Sql]:
        """The facts behind the numbers in doubt, as conditions."""
        for subject in sorted({one for one, _ in doubt.boxes}):
            yield f"subject = {subject} AND box = ANY(%s)", [sorted(box for one, box in doubt.boxes if one == subject)]
        if doubt.months:
            days = [(month, add_months(month, 1)) for month in sorted(doubt.months)]
            either = " OR ".join("day >= %s AND day < %s" for _ in days)
            yield f"subject = 1 AND ({either})", [day for pair in days for day in pair]
        apart = [pair for pair in doubt.groups if pair[0] not in (TOGETHER, OTHERS)]
        if apart:
            keys, boxes = zip(*sorted(apart), strict=True)
            pairs = f"({other}, box) IN (SELECT * FROM unnest(%s::uuid[], %s::smallint[]))"
            yield f"subject = 1 AND {pairs} AND {self._key(other)} = {other}", [list(keys), list(boxes)]
        for group, where in ((TOGETHER, f"= '{TOGETHER}'"), (OTHERS, "<> ALL(%s)")):
            boxes_in_doubt = sorted(box for one, box in doubt.groups if one == group)
            if boxes_in_doubt:
                values: list[Any] = [list(listed)] if group == OTHERS else []
                yield f"subject = 1 AND box = ANY(%s) AND {self._key(other)} {where}", [boxes_in_doubt, *values]
        if doubt.news:
            yield f"subject = 4 AND box = ANY(%s) AND {NEWS_OF_CHECK} = ANY(%s)", [ANSWERED_CHECKS, sorted(doubt.news)]
        if doubt.places:
            yield f"{PLACE_OF_NEED} = ANY(%s)", [sorted(doubt.places)]
