"""Importing files of data·inclusion: the whole of what is sound in them, or nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.utils import timezone

from structures.exchange.checking import Checked, check
from structures.exchange.faults import FaultLog
from structures.exchange.format import KINDS, OURS, SERVICES
from structures.exchange.merging import Merge, Tally
from structures.exchange.reading import BadFile, Part, read
from structures.models import Offer

LOCK = 20_261_121
"""Advisory lock of an import: two at once would each bring rows that the other has not seen."""

MANY = 20_000
"""Actions past which all offers are written again: that also lays them out in the order in which they are read."""

Moved = Callable[[int], None]
Progress = Callable[[str, int], AbstractContextManager[Moved]]
"""Called with what begins and its size, in bytes or rows; what it yields is told how far it is."""


class Refused(Exception):
    """A strict import whose files have faults: nothing is kept."""


@dataclass
class Report:
    """What an import did.

    `action_ids` are the actions that were added, changed or withdrawn, whose offers were written again; none after a
    dry run. `withheld` are the sources whose withdrawals were not made, because rows of the file could not be told from
    each other.
    """

    structures: Tally = field(default_factory=Tally)
    services: Tally = field(default_factory=Tally)
    withheld: list[str] = field(default_factory=list)

    @property
    def action_ids(self) -> list[int]:
        """The actions whose rows were written."""
        return self.services.ids


def _silent(label: str, size: int) -> AbstractContextManager[Moved]:
    return nullcontext(lambda done: None)


def checked(part: Part, moved: Moved | None = None) -> Iterator[Checked]:
    """The rows of a part, checked one at a time. Raises `BadFile`."""
    for number, entry in read(part, moved):
        yield check(part.kind, number, entry)


def import_catalogue(
    parts: Sequence[Part],
    now: dt.datetime,
    log: FaultLog,
    *,
    complete: Collection[str] = (),
    republish: bool = False,
    strict: bool = False,
    dry_run: bool = False,
    progress: Progress = _silent,
) -> Report:
    """Import files in one transaction: rows are added or changed by (source, id); the same again changes nothing.

    `complete` are the sources that the files hold whole: their other actions are withdrawn from the catalogue.
    `republish` puts back the actions that had been withdrawn. With `strict` one fault refuses everything; with
    `dry_run` all is done and nothing is kept. Raises `BadFile` and `Refused`.
    """
    if OURS in complete:
        raise BadFile(f"la source {OURS} n’est jamais complète dans un fichier\u00a0: ses actions sont saisies ici")
    if complete and not any(part.kind is SERVICES for part in parts):
        raise BadFile("seul un fichier de services dit quelles actions n’existent plus")
    report = Report()
    with transaction.atomic():
        _be_alone()
        for kind in KINDS:
            chosen = [part for part in parts if part.kind is kind]
            if chosen:
                merge = Merge(kind, log, now, republish=republish)
                _bring(merge, chosen, progress)
                _leave(merge, complete, report)
                setattr(report, kind.name, merge.tally)
        if not report.structures.read + report.services.read:
            raise BadFile("aucune ligne à importer")
        if strict and log.count:
            raise Refused
        ids = report.action_ids
        Offer.objects.rebuild(ids if len(ids) <= MANY else None, on=timezone.localdate(now))
        if dry_run:
            transaction.set_rollback(True)
            report.services.ids.clear()
    return report


def _be_alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise BadFile("un autre import est en cours\u00a0: attendez qu’il finisse")


def _bring(merge: Merge, parts: Sequence[Part], progress: Progress) -> None:
    """Read every row, then bring them in."""

    def rows() -> Iterator[Checked]:
        for part in parts:
            with progress(f"{part.kind.name}, lecture", part.path.stat().st_size) as moved:
                yield from checked(part, moved)

    merge.stage(rows())
    with progress(f"{merge.kind.name}, enregistrement", merge.tally.read) as moved:
        for bounds in merge.batches():
            merge.bring(bounds)
            moved(bounds["high"])


def _leave(merge: Merge, complete: Collection[str], report: Report) -> None:
    """Withdraw what left the complete sources; not when a row could be any of theirs."""
    for source in sorted(complete):
        if merge.kind is SERVICES and not merge.holds(source):
            raise BadFile(f"aucun service de la source {source}\u00a0: la dire complète retirerait toutes ses actions")
        if merge.log.nameless[merge.kind.name]:
            if merge.kind is SERVICES:
                report.withheld.append(source)
            continue
        merge.withdraw(source)
