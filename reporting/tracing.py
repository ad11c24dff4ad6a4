"""Reads the pathways of a scope: who sends to whom, how far fiches go, how long a step takes, what follows what.

Each is one query on the facts of the scope as they are now (`reporting.reading`). Where small groups are masked, one
more finds the persons behind the small numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.db import connection

from reporting.boxes import BILAN_BOXES, BOXES_OF
from reporting.facts import NAMES
from reporting.indicators import ACCEPTED, ANSWERED, BILANS_MISSING, CHECKS_ANSWERED, ENTERED, Indicator
from reporting.models import Subject, Wait
from reporting.reading import OTHERS, TOGETHER, Reading, Sql
from reporting.scope import View
from reporting.secrecy import SMALLEST_GROUP

SIDE_BY_SIDE = 8
"""Structures that are told apart on each side of the drawing, those with most fiches; the others are added up."""
LONGEST_CHAIN = 5
"""Fiches of a chain that are told; what came before them is left out."""
CHAINS = 10
"""Chains that a page lists, the most frequent ones."""

Strand = tuple[UUID, UUID, int, int]
"""From one structure to another, with the box of the fiches and the kind of their exit."""

ANSWER, ENTRY, EXIT = 1, 2, 3
"""The steps whose time is measured: to the answer, to the entry, from the entry to the exit."""
PROTECTED_ACTION = -1
"""Stands in a chain for an action of any sensitive structure."""


def _boxes(indicator: Indicator) -> list[int]:
    return sorted(BOXES_OF[indicator.name])


MISSING = next(number for number, one in BILAN_BOXES.items() if one is BILANS_MISSING)


class Tracing(Reading):
    """The queries of the page of pathways, all on the same state of the queue."""

    def _every(self, subject: Subject) -> Sql:
        """All the facts of a subject as they are now, in the scope or not."""
        if not self.changed:
            return f"(SELECT {NAMES} FROM reporting_fact WHERE subject = {subject})", []
        condition, written = self._written
        return (
            f"(SELECT {NAMES} FROM reporting_fact WHERE subject = {subject} AND NOT {condition}"
            f" UNION ALL SELECT {NAMES} FROM changed WHERE subject = {subject})",
            written,
        )

    def _persons(self, sql: str, params: Iterable[Any]) -> dict[Any, set[UUID]]:
        """Rows of a key and a person, gathered by key: a key of one column stands by itself."""
        found: dict[Any, set[UUID]] = defaultdict(set)
        for *key, person in self._run(sql, [*params]):
            found[tuple(key) if len(key) > 1 else key[0]].add(person)
        return found

    # Who sends to whom, and what becomes of it

    def _end(self, table: str, column: str) -> str:
        """A structure of one end of a strand; where small groups are masked, the sensitive ones are one."""
        together = f"'{TOGETHER}'::uuid"
        return f"CASE WHEN {table}.is_sensitive THEN {together} ELSE {column} END" if self.scope.masks else column

    def strands(self) -> tuple[dict[Strand, int], dict[UUID, str]]:
        """How many fiches go from whom to whom and end how; and the names of the structures that are told apart."""
        scoped, params = self._scoped("subject = 1")
        apart = (
            "SELECT {side} FROM ended WHERE {side} <> %s GROUP BY {side} ORDER BY sum(n) DESC, {side}"
            f" LIMIT {SIDE_BY_SIDE}"
        )
        kept = "CASE WHEN {side} = %s OR {side} IN (SELECT {side} FROM {side}s) THEN {side} ELSE %s END AS {side}"
        sql = f"""
            counted AS (SELECT sender, receiver, box, left_for, count(*) AS n
                          FROM {scoped} AS scoped GROUP BY 1, 2, 3, 4),
            ended AS (SELECT {self._end("s", "sender")} AS source, {self._end("t", "receiver")} AS target,
                             box, left_for, n
                        FROM counted LEFT JOIN structures_structure s ON s.id = sender
                        LEFT JOIN structures_structure t ON t.id = receiver),
            sources AS ({apart.format(side="source")}),
            targets AS ({apart.format(side="target")}),
            grouped AS (SELECT {kept.format(side="source")}, {kept.format(side="target")}, box, left_for, n FROM ended),
            added AS (SELECT source, target, box, left_for, sum(n)::int AS n FROM grouped GROUP BY 1, 2, 3, 4)
            SELECT added.source, added.target, box, left_for, n, COALESCE(NULLIF(s.short_name, ''), s.name, ''),
                   COALESCE(NULLIF(t.short_name, ''), t.name, '')
              FROM added LEFT JOIN structures_structure s ON s.id = added.source
              LEFT JOIN structures_structure t ON t.id = added.target
        """
        strands: dict[Strand, int] = {}
        names: dict[UUID, str] = {}
        given = [TOGETHER, TOGETHER, TOGETHER, OTHERS, TOGETHER, OTHERS]
        for source, target, box, left_for, n, from_name, to_name in self._run(sql, [*params, *given]):
            strands[source, target, box, left_for] = n
            names |= {source: from_name, target: to_name}
        return strands, names

    def behind_strands(self, strands: Collection[Strand], told_apart: Collection[Strand]) -> dict[Any, set[UUID]]:
        """The persons behind some strands, among those that are told apart."""
        if not strands:
            return {}
        scoped, params = self._scoped("subject = 1")
        one_of = "CASE WHEN {end} = ANY(%s) THEN {end} ELSE %s END"
        source = one_of.format(end=self._end("s", "sender"))
        target = one_of.format(end=self._end("t", "receiver"))
        sql = f"""
            ended AS (SELECT {source} AS source, {target} AS target, box, left_for, person
                        FROM {scoped} AS scoped LEFT JOIN structures_structure s ON s.id = sender
                        LEFT JOIN structures_structure t ON t.id = receiver)
            SELECT DISTINCT source, target, box::int, left_for::int, person FROM ended
             WHERE (source, target, box, left_for)
                   IN (SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::smallint[], %s::smallint[]))
        """
        sources, targets = sorted({one[0] for one in told_apart}), sorted({one[1] for one in told_apart})
        wanted = [list(column) for column in zip(*sorted(strands), strict=True)]
        return self._persons(sql, [sources, OTHERS, targets, OTHERS, *params, *wanted])

    # How far

    def _reached(self) -> Sql:
        """Each fiche of the scope with the last step of the funnel that it reached, from 1 (sent) to 7."""
        scoped, params = self._scoped("subject = 1")
        bilans, of_bilans = self._every(Subject.BILAN)
        checks, of_checks = self._every(Subject.CHECK)
        missing = f"EXISTS (SELECT FROM {bilans} AS b WHERE b.source = scoped.source AND b.box = {MISSING})"
        checked = f"EXISTS (SELECT FROM {checks} AS c WHERE c.source = scoped.source AND c.box = ANY(%s))"
        sql = f"""
            reached AS (
                SELECT person, CASE
                    WHEN box = ANY(%s) THEN CASE
                        WHEN {missing} THEN 4
                        WHEN left_for = 0 THEN 5
                        WHEN {checked} THEN 7
                        ELSE 6 END
                    WHEN box = ANY(%s) THEN 3 WHEN box = ANY(%s) THEN 2 ELSE 1 END AS step
                  FROM {scoped} AS scoped)
        """
        values = [_boxes(ENTERED), *of_bilans, *of_checks, _boxes(CHECKS_ANSWERED), _boxes(ACCEPTED), _boxes(ANSWERED)]
        return sql, [*values, *params]

    def reached(self) -> dict[int, int]:
        """How many fiches stopped at each step of the funnel."""
        sql, params = self._reached()
        return dict(self._run(f"{sql} SELECT step, count(*)::int FROM reached GROUP BY 1", params))

    def behind_reached(self, steps: Collection[int]) -> dict[Any, set[UUID]]:
        """The persons behind the fiches that stopped at these steps."""
        if not steps:
            return {}
        sql, params = self._reached()
        return self._persons(
            f"{sql} SELECT DISTINCT step, person FROM reached WHERE step = ANY(%s)", [*params, sorted(steps)]
        )

    # How long

    def spans(self) -> dict[int, dict[int, int]]:
        """How many fiches took how many days to each step: a histogram, which gives medians and centiles exactly."""
        scoped, params = self._scoped("subject IN (1, 3)")
        sql = f"""
            raw AS (SELECT subject, CASE WHEN wait = {Wait.ANSWERED} THEN days END AS days,
                           CASE WHEN subject = 3 OR box = ANY(%s) THEN span END AS span, count(*) AS n
                      FROM {scoped} AS scoped GROUP BY 1, 2, 3)
            SELECT m.step, m.days, sum(n)::int FROM raw CROSS JOIN LATERAL {STEPS_OF_FACT}
             WHERE m.days IS NOT NULL GROUP BY 1, 2
        """
        found: dict[int, dict[int, int]] = {step: {} for step in (ANSWER, ENTRY, EXIT)}
        for step, days, n in self._run(sql, [_boxes(ENTERED), *params]):
            found[step][days] = n
        return found

    def behind_exits(self) -> set[UUID]:
        """The persons whose exit is dated in the period, with the day of their entry."""
        scoped, params = self._scoped("subject = 3 AND span IS NOT NULL")
        sql = f"behind AS (SELECT DISTINCT person FROM {scoped} AS scoped) TABLE behind"
        return {person for (person,) in self._run(sql, params)}

    # What follows what

    def chains(self) -> list[tuple[list[str], int]]:
        """The actions that follow each other most often, with how many times; '' for those of a sensitive structure.

        A chain ends with a fiche of the scope that none of the scope follows. One's own figures follow it back over
        one's own fiches only: those of others are not theirs to read. Masked, it needs five persons.
        """
        scoped, params = self._scoped("subject = 1 AND previous IS NOT NULL")
        before, of_before = self._every(Subject.FICHE)
        own, of_own = self._own_side()
        key = f"CASE WHEN is_protected THEN {PROTECTED_ACTION} ELSE action END" if self.scope.masks else "action"
        fewest = SMALLEST_GROUP if self.scope.masks else 1
        anew, given = self._anew
        sql = f"""
            WITH RECURSIVE {anew}
            linked AS MATERIALIZED (SELECT source, previous, person, {key} AS key FROM {scoped} AS scoped),
            walk AS (
                SELECT source AS last, person, previous AS goes_on, ARRAY[key] AS steps
                  FROM linked WHERE NOT EXISTS (SELECT FROM linked f WHERE f.previous = linked.source)
                UNION ALL
                SELECT last, walk.person, b.previous, {key} || steps
                  FROM walk JOIN {before} AS b ON b.source = walk.goes_on
                 WHERE cardinality(steps) < {LONGEST_CHAIN} AND {own}),
            longest AS (SELECT DISTINCT ON (last) person, steps FROM walk ORDER BY last, cardinality(steps) DESC),
            counted AS (SELECT steps, count(*)::int AS n FROM longest WHERE cardinality(steps) > 1 GROUP BY steps
                        HAVING count(DISTINCT person) >= {fewest} ORDER BY n DESC, steps LIMIT {CHAINS})
            SELECT ARRAY(SELECT COALESCE(a.name || ' (' || COALESCE(NULLIF(s.short_name, ''), s.name) || ')', '')
                           FROM unnest(counted.steps) WITH ORDINALITY AS u (id, place)
                           LEFT JOIN structures_action a ON a.id = u.id
                           LEFT JOIN structures_structure s ON s.id = a.structure_id ORDER BY u.place), n
              FROM counted ORDER BY n DESC, steps
        """
        with connection.cursor() as cursor:
            cursor.execute(sql, [*given, *params, *of_before, *of_own])
            return cursor.fetchall()

    def _own_side(self) -> Sql:
        """The fiches that one's own figures may read, whatever their day."""
        if self.scope.view == View.TERRITORY:
            return "TRUE", []
        structure = self.scope.door.structure
        column = "b.sender" if self.scope.view == View.SENT else "b.receiver"
        return f"{column} = %s", [structure.pk if structure is not None else None]


STEPS_OF_FACT = f"""
    (VALUES ({ANSWER}, CASE WHEN raw.subject = {Subject.FICHE} THEN raw.days END),
            ({ENTRY}, CASE WHEN raw.subject = {Subject.FICHE} THEN raw.span END),
            ({EXIT}, CASE WHEN raw.subject = {Subject.EXIT} THEN raw.span END)) AS m (step, days)
"""
"""The steps whose time one fact tells."""
