"""`manage.py load_catalogue FILE`: bring a territory's catalogue into the database."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from structures.catalogue import BadCatalogue, load_catalogue


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' if number > 1 else ''}"


class Command(BaseCommand):
    """Load a catalogue file, whole or not at all; what managers changed since stays theirs."""

    help = "Charge un catalogue (structures, actions, sessions) depuis un fichier JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FICHIER", help="fichier JSON du catalogue")
        parser.add_argument("--dry-run", action="store_true", help="vérifie et compare sans rien enregistrer")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = load_catalogue(options["file"], dry_run=options["dry_run"])
        except BadCatalogue as error:
            lines = [_count(len(error.faults), "erreur") + ", rien n’est enregistré\u00a0:"]
            raise CommandError("\n".join([*lines, *(f"  - {fault}" for fault in error.faults)])) from error
        if options["verbosity"] > 1:
            for name in report.added:
                self.stdout.write(f"  ajouté\u00a0: {name}")
        for name, fields in report.changed:
            self.stdout.write(f"  modifié\u00a0: {name} ({', '.join(fields)})")
        for name, fields in report.kept:
            self.stdout.write(f"  modifié par la structure, gardé\u00a0: {name} ({', '.join(fields)})")
        for name in report.missing:
            self.stdout.write(f"  absent du fichier\u00a0: {name}")
        left = sum(len(fields) for _, fields in report.kept)
        counts = [
            _count(len(report.added), "ajouté"),
            _count(len(report.changed), "modifié"),
            _count(len(report.missing), "absent"),
        ]
        if left:
            counts.append(f"{_count(left, 'champ')} gardé{'s'[: left > 1]}")
        ending = " (rien n’est enregistré)" if options["dry_run"] else ""
        self.stdout.write(", ".join(counts) + ending)
