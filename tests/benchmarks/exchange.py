"""Import and export of a national file of data·inclusion: how long, in how much memory.

`bin/bench exchange [--size N]`. The file is invented and has what national ones have: N services and half as many
structures of several sources, long descriptions, most fields filled, short telephone numbers, an unknown column. Each
import runs in a process of its own, so that its peak memory is its own. `ratio` compares our first import with what no
import can avoid, in the same run: validating the same rows with the format's schema, and one COPY of the rows, ready as
they are, to each of the same tables with their indexes.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from data_inclusion.schema import v1
from django.db import connection, transaction
from django.utils import timezone

from structures.exchange.faults import FaultLog
from structures.exchange.importing import import_catalogue
from structures.exchange.reading import Part, locate, read
from structures.exchange.writing import export_catalogue
from tests.benchmarks.harness import prepare, progress, report

SEED = 20261121
SOURCES = ("dora", "france-travail", "soliguide", "carif-oref", "mediation-numerique", "action-logement")
WORDS = (
    "accompagnement", "atelier", "personnes", "emploi", "insertion", "démarches", "numérique", "formation", "français",
    "mobilité", "logement", "droits", "projet", "entretien", "individuel", "collectif", "semaine", "accueil",
    "quartier", "conseil", "aide", "parcours", "bilan", "recherche", "compétences", "orientation", "inscription",
    "gratuit", "entreprise", "découverte", "métier", "permis", "santé", "famille", "écoute", "soutien", "rendez-vous",
)  # fmt: skip
COMMUNES = (
    ("41000", "41018", "Blois"), ("37000", "37261", "Tours"), ("69001", "69381", "Lyon"),
    ("97400", "97411", "Saint-Denis"),
)  # fmt: skip
THEMATIQUES = tuple(item.value for item in v1.Thematique)
PUBLICS = tuple(item.value for item in v1.Public if item != v1.Public.TOUS_PUBLICS)
TYPES = tuple(item.value for item in v1.TypeService)
NETWORKS = tuple(item.value for item in v1.ReseauPorteur)


class Territory:
    """Invented entries, the same at each run."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.structures = max(size // 2, 1)
        self.dice = random.Random(SEED)

    def _text(self, low: int, high: int) -> str:
        return " ".join(self.dice.choices(WORDS, k=self.dice.randint(low, high))).capitalize()

    def _maybe(self, share: float, value: Any) -> Any:
        return value if self.dice.random() < share else None

    def _place(self) -> dict[str, Any]:
        postal_code, commune_code, commune = self.dice.choice(COMMUNES)
        return {
            "commune": commune,
            "code_postal": postal_code,
            "code_insee": commune_code,
            "adresse": f"{self.dice.randint(1, 200)} rue {self._text(1, 3)}",
            "latitude": round(self.dice.uniform(42, 51), 6),
            "longitude": round(self.dice.uniform(-4, 8), 6),
            # One in fifty is a short number, which is no telephone number of a structure.
            "telephone": "3949" if self.dice.random() < 0.02 else f"+3326191{self.dice.randint(0, 9999):04d}",
            "courriel": self._maybe(0.7, f"accueil{self.dice.randint(1, 9999)}@example.org"),
        }

    def _source(self, number: int) -> str:
        return SOURCES[number % len(SOURCES)]

    def all_structures(self) -> Iterator[dict[str, Any]]:
        """The structures."""
        for number in range(self.structures):
            source = self._source(number)
            yield {
                "source": source,
                "id": f"{source}--s{number}",
                "nom": self._text(2, 6),
                "date_maj": f"2026-{self.dice.randint(1, 9):02d}-15",
                "description": self._maybe(0.6, self._text(20, 120)),
                "siret": self._maybe(0.6, f"{self.dice.randrange(10**14):014d}"),
                "site_web": self._maybe(0.5, f"https://structure{number}.example.org/"),
                "reseaux_porteurs": self._maybe(0.3, [self.dice.choice(NETWORKS)]),
                "horaires_accueil": self._maybe(0.4, "Mo-Fr 09:00-12:00,14:00-17:00"),
                **self._place(),
            }

    def all_services(self) -> Iterator[dict[str, Any]]:
        """The services, each of a structure of its source."""
        for number in range(self.size):
            structure = self.dice.randrange(self.structures)
            source = self._source(structure)
            yield {
                "source": source,
                "structure_id": f"{source}--s{structure}",
                "id": f"{source}--{number}",
                "nom": self._text(3, 10),
                "description": self._text(30, 250),
                "date_maj": f"2026-{self.dice.randint(1, 9):02d}-15",
                "type": self._maybe(0.95, self.dice.choice(TYPES)),
                "thematiques": self.dice.sample(THEMATIQUES, k=self.dice.randint(1, 4)),
                "frais": self._maybe(0.8, self.dice.choice(["gratuit", "payant"])),
                "frais_precisions": self._maybe(0.2, self._text(2, 12)),
                "publics": self._maybe(0.8, self.dice.sample(PUBLICS, k=self.dice.randint(1, 4))),
                "publics_precisions": self._maybe(0.3, self._text(3, 30)),
                "conditions_acces": self._maybe(0.3, self._text(3, 60)),
                "modes_accueil": ["en-presentiel"],
                "modes_mobilisation": ["envoyer-un-courriel", "telephoner"],
                "mobilisable_par": ["professionnels", "usagers"],
                "zone_eligibilite": self._maybe(0.7, [f"{self.dice.randint(1, 95):02d}"]),
                "lien_mobilisation": self._maybe(0.4, f"https://service{number}.example.org/orienter"),
                "score_qualite": round(self.dice.random(), 2),
                **self._place(),
            }

    def write(self, folder: Path) -> None:
        """Two files, as the national open data has them."""
        for name, entries in (("structures", self.all_structures()), ("services", self.all_services())):
            with (folder / f"{name}.json").open("w", encoding="utf-8") as out:
                separator = "["
                for entry in entries:
                    out.write(separator + json.dumps(entry, ensure_ascii=False))
                    separator = ",\n"
                out.write("]")


def bare_copy(parts: list[Part], folder: Path) -> float:
    """Seconds to validate every row with the schema and to copy them, ready as they are, into empty tables."""
    tables = [part.kind.model._meta.db_table for part in parts]
    with connection.cursor() as cursor:
        for table in tables:
            with (folder / table).open("wb") as out, cursor.copy(f"COPY {table} TO STDOUT") as stream:
                for data in stream:
                    out.write(data)
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
        started = time.perf_counter()
        for part in parts:
            for _, entry in read(part):
                part.kind.schema.model_validate(entry)
        with transaction.atomic():
            for table in tables:
                with (folder / table).open("rb") as ready, cursor.copy(f"COPY {table} FROM STDIN") as stream:
                    while data := ready.read(1 << 16):
                        stream.write(data)
        return time.perf_counter() - started


def one_import(folder: Path) -> None:
    """An import in this process; its seconds, its peak memory and what it did, on the last line."""
    django.setup()
    started = time.perf_counter()
    log = FaultLog()
    done = import_catalogue(locate(folder), timezone.now(), log)
    figures = {
        "seconds": time.perf_counter() - started,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1_000_000,
        "written": done.services.added + done.services.changed,
        "skipped": log.skipped["services"],
        "emptied": log.emptied["services"],
    }
    print(json.dumps(figures))


def import_apart(folder: Path) -> dict[str, Any]:
    """An import in a process of its own. Raises `CalledProcessError`."""
    command = [sys.executable, "-m", "tests.benchmarks.exchange", "--one-import", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(argv: list[str]) -> None:
    """Write the file, import it twice, export it, and compare with a bare copy."""
    parser = argparse.ArgumentParser(prog="bin/bench exchange", description=__doc__)
    parser.add_argument(
        "--size", type=int, default=10_000, metavar="N", help="services of the file (10,000 unless told)"
    )
    parser.add_argument("--one-import", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.one_import:
        one_import(options.one_import)
        return
    if options.size < 1:
        parser.error("--size is 1 or more")
    prepare()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Territory(options.size).write(folder)
        file_mb = sum(path.stat().st_size for path in folder.iterdir()) / 1_000_000
        first, second = (import_apart(folder) for _ in progress(range(2), "imports"))
        started = time.perf_counter()
        exported = export_catalogue(folder / "export.json.gz")
        export_s = time.perf_counter() - started
        bare_s = bare_copy(locate(folder), folder)
    rows = options.size + options.size // 2
    report(
        "exchange",
        ["step", "seconds", "rows a second", "peak MB"],
        [
            ["import", first["seconds"], rows / first["seconds"], first["peak_mb"]],
            ["same file again", second["seconds"], rows / second["seconds"], second["peak_mb"]],
            ["export", export_s, exported.written.total() / export_s, 0.0],
            ["validation and bare COPY", bare_s, rows / bare_s, 0.0],
        ],
        {
            "size_count": options.size,
            "file_mb": round(file_mb, 1),
            "import_s": round(first["seconds"], 2),
            "import_per_s": round(rows / first["seconds"]),
            "reimport_s": round(second["seconds"], 2),
            "export_s": round(export_s, 2),
            "peak_mb": round(max(first["peak_mb"], second["peak_mb"])),
            "bare_s": round(bare_s, 2),
            "written_count": first["written"],
            "rewritten_count": second["written"],
            "skipped_count": first["skipped"],
            "emptied_count": first["emptied"],
            "ratio": round(first["seconds"] / bare_s, 2),
        },
    )


if __name__ == "__main__":
    main(sys.argv[1:])
