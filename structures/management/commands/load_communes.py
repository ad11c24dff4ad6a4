"""`manage.py load_communes FILE`: the communes of the country, for distances and intercommunalités."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from structures.communes import BadCommunes, load_communes


class Command(BaseCommand):
    """Load a file of communes, whole or not at all; loading it again changes nothing."""

    help = "Charge les communes (geo.api.gouv.fr/communes?fields=nom,code,centre,codeEpci,population,codesPostaux)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FICHIER", help="fichier JSON des communes")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            changed = load_communes(options["file"])
        except BadCommunes as error:
            raise CommandError(f"Rien n’est enregistré\u00a0: {error}.") from error
        plural = "s" if len(changed) > 1 else ""
        self.stdout.write(f"{len(changed)} commune{plural} ajoutée{plural} ou modifiée{plural}.")
