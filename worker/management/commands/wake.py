from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from worker.drain import drain


class Command(BaseCommand):
    """One wake by hand, without Celery."""

    help = "Traite une fois ce qui est dû\u00a0: relances, puis lettres. Sans Celery\u202f; sans danger à côté de lui."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the time limit."""
        parser.add_argument("--secondes", type=float, default=600.0, help="durée maximale (600 par défaut)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Drain, and say what was done."""
        done = drain(budget=options["secondes"])
        self.stdout.write(
            f"Relances traitées\u00a0: {done.settled}. Lettres parties\u00a0: {done.posted.sent}, "
            f"à réessayer ou refusées\u00a0: {done.posted.failed}, sans objet\u00a0: {done.posted.withdrawn}."
        )
        if done.unreachable:
            self.stderr.write(
                f"Le serveur de courrier ne répond pas ({done.unreachable})\u00a0: les lettres attendent."
            )
