"""`manage.py export_catalogue PATH`: the published catalogue as files of data·inclusion v1."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from structures.exchange.reading import FORMATS, BadFile
from structures.exchange.writing import export_catalogue


class Command(BaseCommand):
    """Export structures and services; importing the files again changes nothing."""

    help = "Exporte les structures et les actions publiées au format data·inclusion v1."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "path",
            type=Path,
            metavar="CHEMIN",
            help="fichier .json ou .json.gz avec les deux listes, ou dossier pour structures.* et services.*",
        )
        parser.add_argument("--format", choices=FORMATS, default="", help="format des fichiers du dossier (json)")
        parser.add_argument(
            "--source", action="append", default=[], metavar="SOURCE", help="cette source seulement (se répète)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = export_catalogue(options["path"], options["format"], options["source"])
        except BadFile as problem:
            raise CommandError(f"{problem}.") from problem
        counts = [f"{report.written[name]} {name}" for name in ("structures", "services")]
        self.stdout.write(f"{', '.join(counts)}\u00a0: {', '.join(map(str, report.paths))}")
        if left_out := report.left_out.total():
            self.stderr.write(f"{left_out} laissés de côté, le format les refuse\u00a0:")
            for fault in report.first:
                self.stderr.write(f"  - {fault}")
