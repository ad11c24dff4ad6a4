"""`manage.py import_catalogue PATH`: bring national files of data·inclusion v1 into the catalogue."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from structures.exchange.faults import SHOWN, FaultLog
from structures.exchange.importing import Refused, Report, import_catalogue
from structures.exchange.merging import Tally
from structures.exchange.progress import progress_line
from structures.exchange.reading import FORMATS, BadFile, locate

DERIVED = {
    "themes": "besoins couverts",
    "shape": "forme",
    "criteria": "critères",
    "kind": "type de structure",
    "is_published": "remise au catalogue",
}
"""Our own fields, in words; the others go by their name in data·inclusion."""


def _count(number: int, word: str) -> str:
    """« 12 345 ajoutées »."""
    return f"{number:,}".replace(",", "\u202f") + f" {word}{'s' if number > 1 else ''}"


def _each(counts: Mapping[str, int]) -> str:
    """« description 12, telephone 3 »: the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{DERIVED.get(name, name)} {number}" for name, number in ordered)


class Command(BaseCommand):
    """Import structures and services; importing the same files again changes nothing."""

    help = (
        "Importe des structures et des services au format data·inclusion v1 (JSON, JSON lines ou CSV, gzip accepté). "
        "Ce que les structures ont saisi dans Relais est gardé. Rien n’est supprimé, rien n’est enregistré à moitié."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "path", type=Path, metavar="CHEMIN", help="fichier, ou dossier qui contient structures.* et services.*"
        )
        parser.add_argument("--services", type=Path, metavar="FICHIER", help="fichier des services, s’il est à part")
        parser.add_argument("--format", choices=FORMATS, default="", help="format, quand le nom ne le dit pas")
        parser.add_argument("--dry-run", action="store_true", help="vérifie et compare sans rien enregistrer")
        parser.add_argument("--strict", action="store_true", help="n’enregistre rien s’il y a une seule faute")
        parser.add_argument("--faults", type=Path, metavar="FICHIER", help="écrit toutes les fautes en CSV")
        parser.add_argument(
            "--complete",
            action="append",
            default=[],
            metavar="SOURCE",
            help="source que les fichiers contiennent en entier : ses autres actions sont retirées du catalogue",
        )
        parser.add_argument(
            "--republish", action="store_true", help="remet au catalogue les actions retirées que le fichier contient"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["faults"]
        try:
            parts = locate(options["path"], options["services"], options["format"])
            with path.open("w", encoding="utf-8-sig", newline="") if path else nullcontext() as out:
                log = FaultLog(out)
                report = import_catalogue(
                    parts,
                    timezone.now(),
                    log,
                    complete=options["complete"],
                    republish=options["republish"],
                    strict=options["strict"],
                    dry_run=options["dry_run"],
                    progress=partial(progress_line, sys.stderr),
                )
        except BadFile as problem:
            raise CommandError(f"{problem}. Rien n’est enregistré.") from problem
        except Refused as problem:
            self._say_faults(log, path)
            raise CommandError("Le fichier a des fautes\u00a0: rien n’est enregistré (--strict).") from problem
        except OSError as problem:
            raise CommandError(f"Impossible d’écrire les fautes dans {path}.") from problem
        self._say(report, log, path)
        if options["dry_run"]:
            self.stdout.write("Rien n’est enregistré (--dry-run).")

    def _say(self, report: Report, log: FaultLog, path: Path | None) -> None:
        if report.structures.read:
            self._say_rows("structures", report.structures, log)
        if report.services.read:
            self._say_rows("services", report.services, log)
        for source in report.withheld:
            self.stdout.write(f"  {source}\u00a0: aucune action retirée, des lignes du fichier n’ont pas d’identifiant")
        if log.unknown:
            self.stdout.write(f"Champs ignorés\u00a0: {', '.join(sorted(log.unknown))}")
        self._say_faults(log, path)

    def _say_rows(self, name: str, tally: Tally, log: FaultLog) -> None:
        gender = "e" if name == "structures" else ""
        counts = {
            "lu": tally.read,
            "ajouté": tally.added,
            "modifié": tally.changed,
            "inchangé": tally.unchanged,
            "écarté": log.skipped[name],
        }
        said = ", ".join(_count(number, word + gender) for word, number in counts.items())
        self.stdout.write(f"{name.capitalize()}\u00a0: {said}")
        lines = {
            "champs modifiés": _each(tally.fields),
            "modifiés par la structure, gardés": _each(tally.kept),
            "valeurs laissées vides": _each(log.emptied_fields(name)),
            "retirées du catalogue": str(tally.withdrawn or ""),
            "absentes du fichier, gardées": str(tally.absent or ""),
            "hors catalogue, laissées telles quelles (--republish les remet)": str(tally.unpublished or ""),
        }
        for words, value in lines.items():
            if value:
                self.stdout.write(f"  {words}\u00a0: {value}")

    def _say_faults(self, log: FaultLog, path: Path | None) -> None:
        for (kind, field, message, effect), number in log.tally.most_common(SHOWN):
            place = f"{kind}, {field}" if field else kind
            self.stderr.write(f"  {number} × {place}\u00a0: {message} ({effect})")
        if log.first:
            self.stderr.write("Premières fautes\u00a0:")
            for fault in log.first:
                self.stderr.write(f"  - {fault}")
            if path:
                self.stderr.write(f"Toutes les fautes\u00a0: {path}")
