from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from worker.drain import drain


class Command(BaseCommand):
    """One wake by hand, without Celery."""

    help = "Traite une fois ce qui est dû : relances, puis lettres. Sans Celery ; sans danger à côté de lui."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the time limit."""
        parser.add_argument("--secondes", type=float, default=600.0, help="durée maximale (600 par défaut)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Drain, and say what was done."""
        done = drain(budget=options["secondes"])
        self.stdout.write(
            f"Relances traitées : {done.settled}. Lettres parties : {done.posted.sent}, "
            f"à réessayer ou refusées : {done.posted.failed}, sans objet : {done.posted.withdrawn}."
        )
        if done.unreachable:
            self.stderr.write(f"Le serveur de courrier ne répond pas ({done.unreachable}) : les lettres attendent.")
