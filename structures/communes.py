"""Bringing communes into the database: those of a territory's catalogue, or those of the whole country.

The file is the answer of the State's geographical API, or the same list written by hand:
`https://geo.api.gouv.fr/communes?fields=nom,code,centre,codeEpci,population,codesPostaux`, one object a
commune.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from structures.eligibility.parsing import COMMUNE, EPCI
from structures.models import Action, Commune, Offer
from structures.models.commune import POSTAL_CODE

CHUNK = 5_000
FIELDS = ["name", "epci", "latitude", "longitude", "population", "postal_codes"]
OPTIONAL = ("epci", "population", "postal_codes")
"""What a list may leave out: what is stored then stays."""


class BadCommunes(Exception):
    """A file that cannot be loaded; the message says in French which row, and why."""


def _commune(row: int, item: Any) -> Commune:
    """One commune of the list. Raises `BadCommunes`."""
    place = f"ligne {row}"
    if not isinstance(item, dict):
        raise BadCommunes(f"{place}\u00a0: un objet est attendu")
    code, name, epci = item.get("code"), item.get("nom"), item.get("codeEpci") or ""
    if not isinstance(code, str) or not COMMUNE.fullmatch(code):
        raise BadCommunes(f"{place}, champ code\u00a0: un code INSEE est attendu ({code!r})")
    if not isinstance(name, str) or not 0 < len(name) <= 80:
        raise BadCommunes(f"{place}, champ nom\u00a0: un texte de 80 caractères au plus est attendu")
    if epci and (not isinstance(epci, str) or not EPCI.fullmatch(epci)):
        raise BadCommunes(f"{place}, champ codeEpci\u00a0: un SIREN est attendu ({epci!r})")
    try:
        longitude, latitude = (float(degrees) for degrees in item["centre"]["coordinates"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadCommunes(f"{place}, champ centre\u00a0: un point (longitude, latitude) est attendu") from error
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise BadCommunes(f"{place}, champ centre\u00a0: des degrés sont attendus")
    postal_codes = item.get("codesPostaux") or []
    if not isinstance(postal_codes, list) or not all(isinstance(one, str) for one in postal_codes):
        raise BadCommunes(f"{place}, champ codesPostaux\u00a0: une liste de textes est attendue")
    wrong = next((one for one in postal_codes if not POSTAL_CODE.fullmatch(one)), None)
    if wrong is not None:
        raise BadCommunes(f"{place}, champ codesPostaux\u00a0: cinq chiffres sont attendus ({wrong!r})")
    population = item.get("population")
    known = isinstance(population, int) and not isinstance(population, bool) and population >= 0
    return Commune(
        code=code,
        name=name,
        epci=epci,
        latitude=latitude,
        longitude=longitude,
        population=population if known else None,
        postal_codes=sorted(set(postal_codes)),
    )


def read_communes(items: Any) -> list[Commune]:
    """The communes of a list. Raises `BadCommunes`, naming the first faulty row."""
    if not isinstance(items, list):
        raise BadCommunes("une liste de communes est attendue")
    read = {commune.code: commune for row, item in enumerate(items, start=1) for commune in [_commune(row, item)]}
    return list(read.values())


def write_communes(communes: Iterable[Commune]) -> list[str]:
    """Add these communes or bring them up to date; return the codes of those that are new or have moved.

    The offers of actions that are placed by their commune alone are written again.
    """
    wanted = {commune.code: commune for commune in communes}
    with transaction.atomic():
        stored = Commune.objects.in_bulk(list(wanted))
        for code, commune in stored.items():
            for name in OPTIONAL:
                if getattr(wanted[code], name) in ("", None, []):
                    setattr(wanted[code], name, getattr(commune, name))
        moved = [code for code, commune in wanted.items() if _differs(commune, stored.get(code))]
        Commune.objects.bulk_create(
            [wanted[code] for code in moved],
            batch_size=CHUNK,
            update_conflicts=True,
            unique_fields=["code"],
            update_fields=FIELDS,
        )
        placed = Action.objects.filter(commune_code__in=moved, latitude=None).order_by("pk")
        Offer.objects.rebuild(placed.values_list("pk", flat=True), on=timezone.localdate())
    return moved


def _differs(commune: Commune, stored: Commune | None) -> bool:
    return stored is None or any(getattr(commune, name) != getattr(stored, name) for name in FIELDS)


def load_communes(path: Path) -> list[str]:
    """Load a file of communes in one transaction; return the codes of those that changed. Raises `BadCommunes`."""
    try:
        items = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadCommunes(f"fichier illisible\u00a0: {path}") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadCommunes("ce n’est pas du JSON valide") from error
    return write_communes(read_communes(items))
