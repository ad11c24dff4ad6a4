"""The statistics at national size, against DuckDB over the same rows in the same run.

`bin/bench reporting --size N`: N fiches of four years with their events, bilans, exits and six-month checks, most
of them sent within a département. Pages are asked for by a coordinator of the country, through the whole server:
`dashboard_p95_ms` is over the periods offered in one click and the whole time, `filter_p95_ms` over draws of one to
four filters. DuckDB holds the facts themselves, column by column in memory, and answers the ten aggregates of a page:
`duckdb_ms` is its median over the same periods, `ratio` the dashboard's p95 over it; `slower_percent` says how many
filtered pages took longer than DuckDB with the same filters. `verb_ms` is what a change of a fiche pays.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import logging
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from referrals.models import Exit, ExitKind, FollowUp, Referral
from referrals.models.exit import CLASS_OF
from reporting.facts import COLUMNS, fold_all, rebuild
from reporting.models import Age
from structures.models import Structure
from structures.vocabulary import Cecrl, NeedTheme, Programme, Role, Sex, StructureKind
from tests.benchmarks.cases import (
    LARGE_RECEIVER,
    Country,
    dice,
    multiply,
    sql_key,
    without_triggers,
    words_of,
)
from tests.benchmarks.harness import percentile, prepare, progress, report
from tests.territory import a_member

SEED = 20261121
ROUNDS = 6
COMBINATIONS = 40
DEPARTMENTS = 96
VERBS = 300

DECLINED = ("no_place", "no_place", "not_eligible", "timetable", "unreachable", "other")
SITUATIONS = ("job", "training", "searching", "help")
PERIODS = ("periode=mois", "periode=3-mois", "periode=12-mois", "periode=annee", "du={start}&au={today}")


def _one_of(salt: int, values: Any) -> str:
    found = list(values)
    return f"{words_of(found)}[1 + {dice(salt, len(found))}]"


class Territories(Country):
    """Départements: a prescriber sends nine times out of ten within its own, mostly to a few large structures."""

    OF_PERSONS = {
        "sex": _one_of(21, ("F", "M", "F", "M", "F", "M", "F", "")),
        "quartier": _one_of(22, ("", "", "", "", "", "nord", "centre", "other")),
        "in_qpv": f"(ARRAY[true, false, false, NULL])[1 + {dice(23, 4)}]",
        "french_oral": _one_of(24, ("", "", "", "", *Cecrl.values)),
    }
    OF_NEEDS = {
        "theme": _one_of(25, NeedTheme.values),
        "unmatched_reason": _one_of(26, ("", "", "", "", "", "", "", "no_offer")),
        "created_at": f"'{{now}}'::timestamptz - make_interval(days => {dice(27, 4 * 365)})",
    }
    WAIT = f"make_interval(days => (30 * power({dice(16, 1000)} / 1000.0, 3))::int)"
    OF_FICHES = {
        "answered_at": f"CASE WHEN numbers.state NOT IN ('draft', 'sent', 'expired', 'cancelled')"
        f" THEN numbers.sent_at + {WAIT} END",
        "reason": f"CASE numbers.state WHEN 'declined' THEN {_one_of(17, DECLINED)}"
        " WHEN 'cancelled' THEN 'not_interested' WHEN 'missed' THEN 'no_show' ELSE '' END",
    }

    def __init__(self, size: int, now: dt.datetime) -> None:
        self.OF_NEEDS = self.OF_NEEDS | {"created_at": self.OF_NEEDS["created_at"].format(now=now.isoformat())}
        super().__init__(size, now)
        programmes = ", ".join(f"'{one}'" for one in Programme.values)
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE structures_action SET programmes = CASE WHEN {dice(28, 3, 'id::int')} = 0 THEN '{{}}'"
                f" ELSE ARRAY[(ARRAY[{programmes}])[1 + {dice(29, len(Programme), 'id::int')}]]::varchar[] END"
            )
            cursor.execute(
                "UPDATE structures_structure SET is_sensitive = true"
                " WHERE source_id LIKE 'structure-%' AND mod(hashtext(source_id) & 2147483647, 50) = 0"
            )
        self.exit = None

    def _receiver(self) -> str:
        around = min(DEPARTMENTS, max(1, self.structures // 20))
        each = max(1, (self.structures - 2) // around)
        size = f"floor({each} * power({dice(12, 1000)} / 1000.0, 2))::int"
        home = f"mod({self._sender('who')} + {around}, {around})"
        sender = f"(SELECT {home} FROM (SELECT 1 + {dice(8, max(1, self._people_now))} AS who) AS one)"
        near = f"3 + {sender} + {around} * {size}"
        return (
            f"CASE WHEN {dice(11, 50)} = 0 THEN {LARGE_RECEIVER}"
            f" WHEN {dice(14, 10)} = 0 THEN {self._small(12, 'n')} ELSE {near} END"
        )

    def grow(self, size: int) -> None:
        """Bring the country to so many fiches, with what follows the entries."""
        self._people_now = round(size / 2.5)
        super().grow(size)
        classes = " ".join(f"WHEN '{kind}' THEN '{one}'" for kind, one in CLASS_OF.items())
        ended = (
            "SELECT n::int, r.id AS fiche, r.entered_on + 90 AS day"
            f" FROM generate_series(1, {size}) AS n JOIN referrals_referral r ON r.id = {sql_key('fiche', 'n')}"
            " WHERE r.state = 'ended' AND r.entered_on IS NOT NULL"
        )
        first = Referral.objects.get(pk=self.fiche.pk)
        seed = Exit(referral=first, on=self.now.date(), kind=ExitKind.CDI, exit_class=CLASS_OF[ExitKind.CDI])
        seed.created_at = self.now
        seed.save()
        check = FollowUp.objects.create(exit=seed, referral=first, due_on=self.now.date())
        kind = _one_of(31, [one for one in ExitKind if one != ExitKind.DECEASED])
        state = _one_of(32, ("asked", "answered", "answered", "unreachable", "refused", "moved"))
        asked_by, by_call = _one_of(34, ("email", "email", "sms")), f"{dice(35, 5)} = 0"
        with without_triggers(Exit, FollowUp):
            multiply(
                seed,
                ended,
                {
                    "id": sql_key("exit", "n"),
                    "referral_id": "numbers.fiche",
                    "on": "numbers.day",
                    "kind": kind,
                    "exit_class": f"CASE {kind} {classes} END",
                },
            )
            late = "numbers.day + 183 < CURRENT_DATE"
            answered = f"{late} AND {state} = 'answered'"
            multiply(
                check,
                ended,
                {
                    "id": sql_key("check", "n"),
                    "exit_id": sql_key("exit", "n"),
                    "referral_id": "numbers.fiche",
                    "due_on": "numbers.day + 183",
                    "state": f"CASE WHEN {late} THEN {state} ELSE 'planned' END",
                    "asks": f"CASE WHEN {late} THEN 1 ELSE 0 END",
                    "asked_at": f"CASE WHEN {late} THEN (numbers.day + 183)::timestamptz END",
                    "asked_by": f"CASE WHEN {late} THEN {asked_by} ELSE '' END",
                    "situation": f"CASE WHEN {answered} THEN {_one_of(33, SITUATIONS)} ELSE '' END",
                    "answered_at": f"CASE WHEN {answered} THEN (numbers.day + 190)::timestamptz END",
                    "answered_by": f"CASE WHEN {answered} THEN CASE WHEN {by_call} THEN 'call' ELSE {asked_by} END"
                    " ELSE '' END",
                },
            )
        check.delete()
        seed.delete()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM reporting_pending")
            cursor.execute("VACUUM (ANALYZE) referrals_exit, referrals_followup, referrals_referral, referrals_need")


UUIDS = ("source", "person", "sender", "receiver", "previous")


def facts_in_duckdb() -> duckdb.DuckDBPyConnection:
    """The facts, as PostgreSQL holds them, in DuckDB's own columns."""
    duck = duckdb.connect()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "facts.csv"
        with (
            path.open("wb") as file,
            connection.cursor() as cursor,
            cursor.copy(
                f"COPY (SELECT {', '.join(COLUMNS)} FROM reporting_fact ORDER BY day) TO STDOUT (FORMAT csv)"
            ) as rows,
        ):
            for chunk in rows:
                file.write(chunk)
        kinds = dict.fromkeys(COLUMNS, "SMALLINT") | dict.fromkeys(UUIDS, "UUID")
        kinds |= {"day": "DATE", "days": "INTEGER", "span": "INTEGER", "themes": "INTEGER"}
        kinds |= {"action": "BIGINT", "is_protected": "BOOLEAN"}
        columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in kinds.items()) + "}"
        duck.execute(f"CREATE TABLE facts AS SELECT * FROM read_csv('{path}', header = false, columns = {columns})")
    return duck


AGGREGATES = (
    "SELECT box, count(*), count(DISTINCT person) FROM facts WHERE subject = 1 AND {where} GROUP BY 1",
    "SELECT date_trunc('month', day), count(*), count(*) FILTER (WHERE wait = 1) FROM facts"
    " WHERE subject = 1 AND {where} GROUP BY 1",
    "SELECT wait, days, count(*) FROM facts WHERE subject = 1 AND {where} GROUP BY 1, 2",
    "SELECT receiver, count(*), count(*) FILTER (WHERE wait = 1), count(*) FILTER (WHERE box >= 20),"
    " count(*) FILTER (WHERE box = 8), median(days) FILTER (WHERE wait = 1) FROM facts"
    " WHERE subject = 1 AND {where} GROUP BY 1",
    "SELECT count(DISTINCT person), count(DISTINCT person) FILTER (WHERE wait = 1) FROM facts"
    " WHERE subject = 1 AND {where}",
    "SELECT box, count(*), count(DISTINCT person) FROM facts WHERE subject = 2 AND {where} GROUP BY 1",
    "SELECT box, count(*), count(DISTINCT person) FROM facts WHERE subject = 3 AND {where} GROUP BY 1",
    "SELECT box, count(*), count(DISTINCT person) FROM facts WHERE subject = 4 AND {where} GROUP BY 1",
    "SELECT box, count(*), count(DISTINCT person) FROM facts WHERE subject = 5 AND {where} GROUP BY 1",
    "SELECT quartier, qpv, count(*), count(DISTINCT person) FROM facts WHERE subject = 5 AND box % 32 > 0 AND {where}"
    " GROUP BY 1, 2",
)


def _in_duckdb(duck: duckdb.DuckDBPyConnection, where: str) -> float:
    started = time.perf_counter()
    for aggregate in AGGREGATES:
        duck.execute(aggregate.format(where=where)).fetchall()
    return 1000 * (time.perf_counter() - started)


class Page:
    """The page, as a coordinator asks for it."""

    def __init__(self) -> None:
        ville = Structure.objects.create(name="État", source_id="etat", kind=StructureKind.COORDINATION)
        self.client = Client(SERVER_NAME="localhost")
        self.client.force_login(a_member(ville, Role.COORDINATOR))
        self.queries = 0

    def _count(self, execute: Any, *arguments: Any) -> Any:
        self.asked += 1
        return execute(*arguments)

    def ask(self, query: str) -> float:
        """Ask for the page; return its milliseconds. Raises `RuntimeError` when it is not shown."""
        self.asked = 0
        started = time.perf_counter()
        with connection.execute_wrapper(self._count):
            answer = self.client.get(f"/statistiques/?{query}")
        took = 1000 * (time.perf_counter() - started)
        if answer.status_code != 200:
            raise RuntimeError(f"{query}: {answer.status_code}")
        self.queries = max(self.queries, self.asked)
        return took


def _period(draw: random.Random, today: dt.date) -> tuple[str, str]:
    days = draw.choice((30, 91, 365, 4 * 365))
    start = today - dt.timedelta(days=days)
    return f"du={start}&au={today}", f"day BETWEEN '{start}' AND '{today}'"


def _combination(draw: random.Random, today: dt.date, structures: list[Any]) -> tuple[str, str]:
    """Some filters as the page's query, and as DuckDB's condition."""
    receiver, sender = draw.choice(structures), draw.choice(structures)
    theme, level = draw.randrange(len(NeedTheme)), draw.randrange(len(Cecrl))
    programme, sex, age = draw.randrange(len(Programme)), draw.randrange(2), draw.randrange(1, len(Age))
    every = [
        (f"sexe={Sex.values[sex]}", f"sex = {sex + 1}"),
        (f"age={age}", f"age = {age}"),
        (f"niveau={Cecrl.values[level]}", f"level = {level + 1}"),
        (f"theme={NeedTheme.values[theme]}", f"themes & {1 << theme} > 0"),
        (f"programme={Programme.values[programme]}", f"programmes & {1 << programme} > 0"),
        ("lieu=qpv", "qpv = 1"),
        (f"structure={receiver}", f"receiver = '{receiver}'"),
        (f"prescripteur={sender}", f"sender = '{sender}'"),
    ]
    chosen = draw.sample(every, draw.randint(1, 4))
    period, days = _period(draw, today)
    return "&".join([period, *(one for one, _ in chosen)]), " AND ".join([days, *(one for _, one in chosen)])


EXPORT = """
import datetime as dt
from pathlib import Path
import django
django.setup()
from django.utils import timezone
from referrals.permissions import Door
from reporting.exports import fiche_rows
from reporting.scope import Period, Scope, View
from structures.models import Membership
place = Membership.objects.select_related("user").get(structure__source_id="etat")
today = timezone.localdate()
period = Period(today - dt.timedelta(days=1460), today)
lines = sum(1 for _ in fiche_rows(Scope(Door.of(place.user), View.TERRITORY, period, timezone.now())))
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(lines, int(peak.split()[1]) // 1000)
"""
"""Every fiche of the country, line by line, in a process of its own: its number of lines and its peak in MB."""


def _export() -> tuple[int, int]:
    done = subprocess.run([sys.executable, "-c", EXPORT], capture_output=True, text=True, check=True)
    lines, peak = done.stdout.split()
    return int(lines), int(peak)


def _verb_ms() -> float:
    """What the watchers add to a change of state, in milliseconds: with them, less without."""
    rows = list(Referral.objects.filter(state="sent").order_by("pk").values_list("pk", flat=True)[:VERBS])
    took = {}
    for watched in (False, True, False, True):
        with connection.cursor() as cursor:
            which = "ENABLE" if watched else "DISABLE"
            cursor.execute(
                "SELECT tgname FROM pg_trigger"
                " WHERE tgrelid = 'referrals_referral'::regclass AND tgname LIKE 'pgtrigger_counted%'"
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f"ALTER TABLE referrals_referral {which} TRIGGER {name}")
            started = time.perf_counter()
            with transaction.atomic():
                for pk in rows:
                    cursor.execute("UPDATE referrals_referral SET answered_at = answered_at WHERE id = %s", [pk])
            took[watched] = 1000 * (time.perf_counter() - started) / max(1, len(rows))
    return max(0.0, took[True] - took[False])


def main(argv: list[str]) -> None:
    """Write the country, count it, ask for the pages and DuckDB, report."""
    parser = argparse.ArgumentParser(prog="bin/bench reporting", description=__doc__)
    parser.add_argument("--size", type=int, default=100_000, help="fiches (100000 to 5000000)")
    options = parser.parse_args(argv)
    prepare()
    logging.disable(logging.INFO)
    now = timezone.now()
    today = timezone.localdate(now)
    started = time.perf_counter()
    Territories(options.size, now).grow(options.size)
    written_s = time.perf_counter() - started
    started = time.perf_counter()
    for step, rows in rebuild(now):
        sys.stderr.write(f"{time.perf_counter() - started:6.1f} s {step}: {rows}\n")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) reporting_fact, reporting_cell, reporting_volume, reporting_pending")
    rebuilt_s = time.perf_counter() - started
    draw = random.Random(SEED)
    duck = facts_in_duckdb()
    page = Page()
    start = today - dt.timedelta(days=4 * 365)
    queries = [one.format(start=start, today=today) for one in PERIODS]
    gc.collect()
    gc.freeze()
    for query in queries:
        page.ask(query)
    times = {query: [page.ask(query) for _ in range(ROUNDS)] for query in progress(queries, "periods")}
    dashboard = percentile([took for one in times.values() for took in one], 95)
    conditions = {
        "mois": f"day BETWEEN '{today.replace(day=1)}' AND '{today}'",
        "3-mois": f"day BETWEEN '{today - dt.timedelta(days=91)}' AND '{today}'",
        "12-mois": f"day BETWEEN '{today - dt.timedelta(days=364)}' AND '{today}'",
        "annee": f"day BETWEEN '{today.replace(month=1, day=1)}' AND '{today}'",
        "tout": f"day BETWEEN '{start}' AND '{today}'",
    }
    in_duck = {name: percentile([_in_duckdb(duck, where) for _ in range(3)], 50) for name, where in conditions.items()}
    structures = list(Structure.objects.filter(is_sensitive=False, source_id__startswith="structure-")[:400])
    drawn = [_combination(draw, today, [one.pk for one in structures]) for _ in range(COMBINATIONS)]
    filtered, rivals = [], []
    for query, where in progress(drawn, "filters"):
        filtered.append(min(page.ask(query) for _ in range(2)))
        rivals.append(min(_in_duckdb(duck, where) for _ in range(2)))
    slower = [
        (ours, theirs, query) for ours, theirs, (query, _) in zip(filtered, rivals, drawn, strict=True) if ours > theirs
    ]
    verb = _verb_ms()
    fold_all(now)
    whole = in_duck["tout"]
    lines, peak = _export()
    print(f"export: {lines} lines")
    shown: list[list[Any]] = [[query, percentile(one, 50), percentile(one, 95)] for query, one in times.items()]
    shown += [[f"duckdb {name}", took, took] for name, took in in_duck.items()]
    shown += [
        ["filters", percentile(filtered, 50), percentile(filtered, 95)],
        ["duckdb filters", percentile(rivals, 50), percentile(rivals, 95)],
    ]
    for ours, theirs, query in sorted(slower, reverse=True):
        print(f"slower: {ours:.0f} ms, DuckDB {theirs:.0f} ms: {query}")
    report(
        "reporting",
        ["", "p50 ms", "p95 ms"],
        shown,
        {
            "size_count": options.size,
            "dashboard_p95_ms": round(dashboard, 1),
            "filter_p95_ms": round(percentile(filtered, 95), 1),
            "duckdb_ms": round(whole, 1),
            "ratio": round(dashboard / whole, 3),
            "queries_count": page.queries,
            "export_peak_mb": peak,
            "slower_percent": round(100 * len(slower) / len(drawn), 1),
            "verb_ms": round(verb, 3),
            "written_s": round(written_s, 1),
            "rebuilt_s": round(rebuilt_s, 1),
        },
    )


if __name__ == "__main__":
    main(sys.argv[1:])
