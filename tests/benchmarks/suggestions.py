"""Suggestions at national size: the twenty best with every criterion explained, for three hundred different people.

`bin/bench suggestions --size N`. Each person is asked for twice; the second time counts, as on a server that is warm.
`sql_p95_ms` is the best SQL known for the same answer, written by hand and asked alone: the judgement of every offer
around the person, the record of the short list, and in one query the rows of what is shown with their structures and
sessions, fetched and nothing more. `ratio` is the whole suggestion, explained, over it.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import random
import resource
import sys
import time

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.benchmarks.harness import percentile, prepare, progress, report

SEED = 20261121
WARM_UP = 30

ROWS = """
SELECT a.*, s.name, s.short_name, s.kind, s.is_sensitive, s.commune, dated.runs
  FROM structures_action a
  JOIN structures_structure s ON s.id = a.structure_id
  LEFT JOIN LATERAL (
        SELECT json_agg(n ORDER BY n.starts_on) AS runs
          FROM structures_session n
         WHERE n.action_id = a.id AND (n.starts_on >= %s OR n.ends_on >= %s)
       ) dated ON TRUE
 WHERE a.id = ANY(%s)
"""


def main(argv: list[str]) -> None:
    """Write the catalogue, ask for everybody, report."""
    parser = argparse.ArgumentParser(prog="bin/bench suggestions", description=__doc__)
    parser.add_argument("--size", type=int, default=10_000, help="actions of the catalogue (1000 to 1000000)")
    parser.add_argument("--people", type=int, default=300)
    options = parser.parse_args(argv)
    prepare()
    # The models can be imported only once Django is set up.
    from referrals.matching import suggest  # noqa: PLC0415
    from referrals.matching.record import records  # noqa: PLC0415
    from referrals.matching.shortlist import shortlist  # noqa: PLC0415
    from referrals.matching.suggestions import asking_for  # noqa: PLC0415
    from structures.models import Offer, Structure  # noqa: PLC0415
    from structures.vocabulary import StructureKind  # noqa: PLC0415
    from tests.benchmarks.national import FIRST, a_person, towns, write_catalogue  # noqa: PLC0415

    dice = random.Random(SEED)
    places = towns(dice)
    started = time.perf_counter()
    write_catalogue(options.size, dice, places, FIRST)
    written_s = time.perf_counter() - started
    weights = list(itertools.accumulate(town.people for town in places))
    people = [a_person(dice, places, weights) for _ in range(options.people)]
    desk = Structure.objects.create(name="Prescripteur", source_id="prescripteur", kind=StructureKind.MISSION_LOCALE)
    for person, needs in people[:WARM_UP]:
        suggest(person, needs, prescriber=desk, on=FIRST)
    # As the server does once it has loaded.
    gc.collect()
    gc.freeze()
    whole: list[float] = []
    sql: list[float] = []
    queries: list[int] = []
    shown: list[int] = []
    for person, needs in progress(people, "suggestions"):
        with CaptureQueriesContext(connection) as asked:
            shown_first = suggest(person, needs, prescriber=desk, on=FIRST)
        queries.append(len(asked))
        ids = [match.action.pk for match in shown_first.considered]
        asking = asking_for(person, needs, prescriber=desk, on=FIRST)
        started = time.perf_counter()
        listed = shortlist(asking).listed
        records([row.action for row in listed], age=asking.profile.age(FIRST), on=FIRST)
        with connection.cursor() as cursor:
            cursor.execute(ROWS, [FIRST, FIRST, ids])
            cursor.fetchall()
        sql.append((time.perf_counter() - started) * 1000)
        started = time.perf_counter()
        found = suggest(person, needs, prescriber=desk, on=FIRST)
        whole.append((time.perf_counter() - started) * 1000)
        shown.append(len(found.matches))
    p95, sql_p95 = percentile(whole, 95), percentile(sql, 95)
    report(
        "suggestions",
        ["", "p50 ms", "p95 ms", "max ms"],
        [
            ["suggestion", percentile(whole, 50), p95, max(whole)],
            ["SQL by hand", percentile(sql, 50), sql_p95, max(sql)],
        ],
        {
            "size_count": options.size,
            "offers_count": Offer.objects.count(),
            "p50_ms": round(percentile(whole, 50), 2),
            "p95_ms": round(p95, 2),
            "sql_p95_ms": round(sql_p95, 2),
            "ratio": round(p95 / sql_p95, 2),
            "queries_count": max(queries),
            "matches_p50_count": int(percentile(shown, 50)),
            "written_s": round(written_s, 1),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        },
    )


if __name__ == "__main__":
    main(sys.argv[1:])
