"""The loop between structures at national size: the queues, the search and the page of a person.

`bin/bench exchanges --size N`. A country of N/10 fiches is measured, then grows to N, in the same run. Pages are asked
through the whole server (middleware, permissions, templates) by members of the two large structures, which grow with
the country, and of small ones. `queue_p95_ms` is over the home page and both lists of fiches, `search_p95_ms` over
searches of a name (in the list of persons, and among everything), `person_p95_ms` over pages of persons;
`queries_count` is the most that one page asks. `growth_ratio` compares the p95 at N with that at N/10, of the page
that grew most.
"""

from __future__ import annotations

import argparse
import gc
import logging
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connection
from django.test import Client
from django.utils import timezone

from referrals.models import Person
from structures.models import Structure
from structures.vocabulary import Role
from tests.benchmarks.cases import LARGE_RECEIVER, LARGE_SENDER, SYLLABLES, Country, key_of
from tests.benchmarks.harness import percentile, prepare, progress, report
from tests.territory import a_member

SEED = 20261121
SMALL = 8
"""Small structures whose members ask."""
ROUNDS = 12
"""Times that each member asks for each page."""
PAGES = {
    "queue": ("/", "/fiches/?onglet=recues", "/fiches/?onglet=envoyees"),
    "search": ("/personnes/", "/recherche/"),
    "person": ("/personnes/{pk}/",),
}


class Watch:
    """Times requests by the kind of their page, and counts what each asks of the database."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        self.queries: dict[str, set[int]] = defaultdict(set)
        self._asked = 0

    def _count(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        self._asked += 1
        return execute(*arguments)

    def ask(self, kind: str, page: str, request: Callable[[], Any]) -> None:
        """Ask for a page. Raises `RuntimeError` when it is not shown."""
        self._asked = 0
        started = time.perf_counter()
        with connection.execute_wrapper(self._count):
            answer = request()
        self.times[kind].append(1000 * (time.perf_counter() - started))
        self.queries[page].add(self._asked)
        if answer.status_code != 200:
            raise RuntimeError(f"{page}: {answer.status_code}")


def _sessions() -> list[tuple[Client, Structure]]:
    found = []
    for number in (LARGE_SENDER, LARGE_RECEIVER, *range(3, 3 + SMALL)):
        structure = Structure.objects.get(pk=key_of("structure", number))
        client = Client(SERVER_NAME="localhost")
        client.force_login(a_member(structure, Role.PRESCRIBER, Role.RECEIVER))
        found.append((client, structure))
    return found


def _measure(sessions: list[tuple[Client, Structure]], dice: random.Random, label: str) -> Watch:
    for watch in (Watch(), Watch()):
        # The first round warms the server and the database up, and is thrown away.
        gc.collect()
        gc.freeze()
        for client, structure in progress(sessions, label):
            rows = Person.objects.filter(referrals__receiver=structure) | Person.objects.filter(recorded_by=structure)
            people = list(rows.order_by("pk").values_list("pk", flat=True)[:ROUNDS])
            for turn in range(ROUNDS):
                for path in PAGES["queue"]:
                    watch.ask("queue", path, partial(client.get, path))
                name = "".join(dice.choices(SYLLABLES, k=2))
                for path in PAGES["search"]:
                    watch.ask("search", path, partial(client.post, path, {"mots": name}))
                if people:
                    path = f"/personnes/{people[turn % len(people)]}/"
                    watch.ask("person", "/personnes/…/", partial(client.get, path))
    return watch


def main(argv: list[str]) -> None:
    """Write the country twice, ask for the pages each time, report."""
    parser = argparse.ArgumentParser(prog="bin/bench exchanges", description=__doc__)
    parser.add_argument("--size", type=int, default=100_000, help="fiches (10000 to 1000000)")
    options = parser.parse_args(argv)
    prepare()
    logging.disable(logging.INFO)
    country = Country(options.size, timezone.now())
    watches = []
    written_s = 0.0
    sessions = None
    for size in (options.size // 10, options.size):
        started = time.perf_counter()
        country.grow(size)
        written_s += time.perf_counter() - started
        sessions = sessions or _sessions()
        watches.append(_measure(sessions, random.Random(SEED), f"{size} fiches"))
    before, after = ({kind: percentile(times, 95) for kind, times in watch.times.items()} for watch in watches)
    growth = max(after[kind] / before[kind] for kind in after)
    queries = [max(max(found) for found in watch.queries.values()) for watch in watches]
    rows = [
        [kind, percentile(watch.times[kind], 50), percentile(watch.times[kind], 95), max(watch.times[kind])]
        for watch in watches
        for kind in watch.times
    ]
    for page in watches[0].queries:
        print(page, *(f"{min(watch.queries[page])}-{max(watch.queries[page])}" for watch in watches))
    report(
        "exchanges",
        ["", "p50 ms", "p95 ms", "max ms"],
        rows,
        {
            "size_count": options.size,
            "queue_p95_ms": round(after["queue"], 1),
            "search_p95_ms": round(after["search"], 1),
            "person_p95_ms": round(after["person"], 1),
            "queries_count": queries[1],
            "queries_at_a_tenth_count": queries[0],
            "growth_ratio": round(growth, 2),
            "written_s": round(written_s, 1),
        },
    )


if __name__ == "__main__":
    main(sys.argv[1:])
