"""`manage.py load_demo`: fill an empty database with the demo territory."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from referrals.demo.logins import printed_logins
from referrals.demo.territory import SEED, NotADemo, load

EVERY = 20
"""Persons between two lines of progress."""


def _moment(text: str) -> dt.datetime:
    """A moment such as 2026-11-17T10:00, local time. Raises `ArgumentTypeError`."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"« {text} » n’est pas un moment (exemple : 2026-11-17T10:00)") from error
    return found if timezone.is_aware(found) else timezone.make_aware(found)


def last_ten_o_clock(moment: dt.datetime) -> dt.datetime:
    """Ten in the morning of the same day, or of the day before when it has not struck yet: nothing lies ahead."""
    ten = timezone.localtime(moment).replace(hour=10, minute=0, second=0, microsecond=0)
    return ten if ten <= moment else ten - dt.timedelta(days=1)


class Command(BaseCommand):
    """Load the demo territory, or print its logins."""

    help = "Charge le territoire de démonstration (personnes inventées), ou affiche ses comptes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=SEED, help="graine du hasard (même graine, mêmes personnes)")
        parser.add_argument("--now", type=_moment, help="moment où s’arrête la démonstration (dix heures par défaut)")
        parser.add_argument("--logins", action="store_true", help="affiche les comptes et ne charge rien")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["logins"]:
            for line in printed_logins():
                self.stdout.write(line)
            return
        now = options["now"] or last_ten_o_clock(timezone.now())
        try:
            load(now, options["seed"], self._progress if options["verbosity"] else lambda done, total: None)
        except NotADemo as error:
            raise CommandError(str(error)) from error

    def _progress(self, done: int, total: int) -> None:
        if done % EVERY == 0 or done == total:
            self.stderr.write(f"{done}/{total} personnes")
