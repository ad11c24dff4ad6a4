"""`manage.py rebuild_facts`: write all that the statistics are read from again."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from reporting.facts import rebuild


class Command(BaseCommand):
    """Rebuild the facts and what they add up to; running it twice changes nothing."""

    help = "Recalcule tout ce que lisent les statistiques, à partir des fiches."

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        for step, rows in rebuild(timezone.now()):
            self.stdout.write(f"{time.monotonic() - started:7.1f} s  {step}\u00a0: {rows} lignes")
