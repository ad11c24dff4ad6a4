"""The whole demo: the catalogue, its members, and twenty months of fiches."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from referrals.deadlines import add_months
from referrals.demo.agenda import Agenda
from referrals.demo.attendance import publish_reports
from referrals.demo.chance import dice_for
from referrals.demo.commissions import commissions
from referrals.demo.fates import Decks
from referrals.demo.kinds import KINDS, Kind
from referrals.demo.logins import LOGINS, create_members, note_absence
from referrals.demo.office_hours import last_working_day, local, some_time
from referrals.demo.rules import set_rules
from referrals.demo.scenes import SCENES, Scene, tell_scenes
from referrals.demo.stories import new_case, walk
from referrals.demo.world import World
from referrals.models import Person
from structures.catalogue import load_catalogue
from structures.models import Action, Structure

CATALOGUE = Path(settings.BASE_DIR) / "structures" / "catalogues" / "blois.json"
SOURCE = "contrat-de-ville-blois"
MONTHS = 20
SEED = 41

PERSONS = sum(kind.count for kind in KINDS) + len(SCENES)
"""How many persons the demo invents."""

Progress = Callable[[int, int], None]
"""Told how many persons have been met, of how many."""


class NotADemo(Exception):
    """The demo cannot be loaded here; the message says why, in French."""


def load(
    now: dt.datetime,
    seed: int = SEED,
    progress: Progress = lambda done, total: None,
    *,
    kinds: Sequence[Kind] = KINDS,
    scenes: Sequence[Scene] = SCENES,
) -> None:
    """Load the demo as it stands at `now`, whole or not at all; fewer `kinds` and `scenes` make a smaller one.

    Raises `NotADemo`.
    """
    check_place()
    with transaction.atomic():
        load_catalogue(CATALOGUE)
        structures = {row.source_id.removeprefix(f"{SOURCE}--"): row for row in Structure.objects.order_by("source_id")}
        set_rules(structures, now)
        world = World(
            seed,
            Agenda(now, worker_stopped_at(now)),
            structures,
            create_members(structures),
            {action.slug: action for action in Action.objects.select_related("structure").order_by("slug")},
            Decks(seed),
            _counter(progress, sum(kind.count for kind in kinds) + len(scenes)),
        )
        _tell_paths(world, kinds, now)
        for scene in tell_scenes(world, scenes):
            world.agenda.add(scene)
        for report in publish_reports(world):
            world.agenda.add(report)
        world.agenda.add(commissions(world))
        world.agenda.run()
        note_absence(timezone.localdate(now))


def check_place() -> None:
    """Raise `NotADemo` outside a demo, where it has been loaded already, or where there is anything else."""
    if not settings.DEMO:
        raise NotADemo("La démonstration ne se charge qu’avec RELAIS_DEMO=1, jamais en production.")
    if User.objects.filter(email__in=[login.email for login in LOGINS]).exists():
        raise NotADemo("La démonstration est déjà chargée. Pour repartir de zéro : bin/run --reset.")
    if Person.objects.exists() or Structure.objects.exclude(source=SOURCE).exists():
        raise NotADemo("Cette base contient déjà d’autres données : la démonstration ne s’y mêle pas.")


def worker_stopped_at(now: dt.datetime) -> dt.datetime:
    """Until when reminders are settled: the start of the last working day, and no more than two days ago."""
    return max(local(last_working_day(timezone.localdate(now)), dt.time.min), now - dt.timedelta(hours=47))


def _counter(progress: Progress, total: int) -> Callable[[], None]:
    done = 0

    def told() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    return told


def _tell_paths(world: World, kinds: Sequence[Kind], now: dt.datetime) -> None:
    """Spread the first meetings over the months, a little denser towards today, sparse in August."""
    today = timezone.localdate(now)
    first = add_months(today, -MONTHS)
    last = last_working_day(today - dt.timedelta(days=1))
    for kind in kinds:
        for number in range(kind.count):
            dice = dice_for(world.seed, f"start {kind.key} {number}")
            day = _some_day(dice, first, last, early=kind.early)
            start = min(some_time(dice, day), local(last, dt.time(16, 0)))
            world.agenda.add(walk(new_case(world, kind, number, day), start))


def _some_day(dice: random.Random, first: dt.date, last: dt.date, *, early: bool) -> dt.date:
    """A day between the two; one in August is thrown again more often than not."""
    while True:
        day = first + dt.timedelta(days=round((last - first).days * dice.random() ** (1.8 if early else 0.9)))
        if day.month != 8 or dice.random() < 0.4:
            return day
