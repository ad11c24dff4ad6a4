"""National entries of data·inclusion for tests, and the files that hold them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from structures.exchange.faults import FaultLog
from structures.exchange.importing import Report, import_catalogue
from structures.exchange.reading import locate
from tests.territory import NOW

Entry = dict[str, Any]


def a_structure_entry(**values: Any) -> Entry:
    """A structure of the source dora."""
    entry = {"source": "dora", "id": "dora--s1", "nom": "Le Tournesol", "date_maj": "2026-09-01"}
    return entry | values


def a_service_entry(**values: Any) -> Entry:
    """A service of that structure, about driving licences."""
    entry = {
        "source": "dora",
        "structure_id": "dora--s1",
        "id": "dora--1",
        "nom": "Atelier permis",
        "description": "Préparer le code de la route.",
        "date_maj": "2026-09-01",
        "type": "atelier",
        "thematiques": ["mobilite--preparer-un-permis"],
    }
    return entry | values


def write_document(path: Path, services: list[Any], structures: list[Any] | None = None) -> Path:
    """One JSON document with both lists; the structure of `a_structure_entry` unless told."""
    both = {"structures": [a_structure_entry()] if structures is None else structures, "services": services}
    path.write_text(json.dumps(both), encoding="utf-8")
    return path


def write_table(path: Path, entries: list[Entry], separator: str = ",", lists: Any = json.dumps) -> Path:
    """One CSV; `lists` writes a list in its cell."""
    names = list(dict.fromkeys(name for entry in entries for name in entry))
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=separator)
        writer.writerow(names)
        for entry in entries:
            cells = (entry.get(name) for name in names)
            writer.writerow([lists(cell) if isinstance(cell, list) else cell for cell in cells])
    return path


def bring(path: Path, log: FaultLog | None = None, **options: Any) -> Report:
    """Import a file or a folder."""
    return import_catalogue(locate(path), NOW, log or FaultLog(), **options)
