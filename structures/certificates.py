"""The certificates that a path can lead to, as the file beside this one lists them: data, no code.

`named` marks those that say nothing without a name of their own (the trade of a titre professionnel). The first ones
stand in the territory's documents (DELF by level, CléA, CFG, titre professionnel, permis B).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.db.models import TextChoices

from accounts.validators import no_health_detail, no_nir
from structures.text import plain

LONGEST_NAME = 80


class CertificateResult(TextChoices):
    """What came of it."""

    OBTAINED = "obtained", "Obtenu"
    FAILED = "failed", "Non obtenu"
    PLANNED = "planned", "Prévu"


@dataclass(frozen=True)
class Certificate:
    """One certificate; a `named` one is told with its own name."""

    code: str
    label: str
    named: bool = False


def _read(path: Path) -> dict[str, Certificate]:
    rows = [Certificate(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    found = {row.code: row for row in rows}
    if len(found) != len(rows):
        raise ValueError(f"{path.name}: a code stands twice")
    return found


CERTIFICATES: Mapping[str, Certificate] = _read(Path(__file__).with_suffix(".json"))
"""The certificates by their code, in the order of lists."""


def certificates_named(words: Iterable[str]) -> list[Certificate]:
    """Those that an action prepares for, by its own words: « DELF » means each level, « CléA » the whole alone."""
    labels = {plain(certificate.label): certificate for certificate in CERTIFICATES.values()}
    found = set()
    for word in map(plain, words):
        near = [
            one for label, one in labels.items() if f"{label} ".startswith(f"{word} ") or word.startswith(f"{label} ")
        ]
        found.update([labels[word]] if word in labels else near)
    return [certificate for certificate in CERTIFICATES.values() if certificate in found]


def check_certificates(entries: object) -> list[dict[str, str]]:
    """Results as they are stored: `certificate`, `result`, and where they are known `on` (a day) and `name`.

    Raises `ValueError` unless each is well formed, and each certificate (of that name) stands once; Django's
    `ValidationError` for a name that may not be written down.
    """
    if not isinstance(entries, list):
        raise ValueError("results are a list")
    seen = set()
    for entry in entries:
        if not isinstance(entry, dict) or not {"certificate", "result"} <= set(entry) <= KEYS:
            raise ValueError("a result has a certificate and a result")
        if not all(isinstance(value, str) for value in entry.values()):
            raise ValueError("a result is made of words")
        certificate = CERTIFICATES.get(entry["certificate"])
        if certificate is None or entry["result"] not in CertificateResult.values:
            raise ValueError(f"{entry['certificate']}={entry['result']} is no result of a known certificate")
        if "on" in entry:
            dt.date.fromisoformat(entry["on"])
        name = entry.get("name", "")
        if len(name) > LONGEST_NAME or (name and not certificate.named):
            raise ValueError(f"{entry['certificate']} takes no such name")
        no_nir(name)
        no_health_detail(name)
        if (certificate.code, plain(name)) in seen:
            raise ValueError(f"{entry['certificate']} stands twice")
        seen.add((certificate.code, plain(name)))
    return entries


KEYS = {"certificate", "result", "on", "name"}
