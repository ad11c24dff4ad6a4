"""An invented national catalogue: actions, criteria and people spread over France as people are.

The départements, their chief towns and their populations are the real ones; the communes within them are invented, a
few large and many small ones around the chief town, as in France. Everything is drawn from a seed.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
import random
from collections.abc import Iterator
from typing import Any

from django.db import connection

from referrals.models import Need, Person
from structures.models import Action, Commune, Offer, Session, Structure
from structures.scales import SCALES
from structures.vocabulary import (
    CECRL_ORDER,
    ActionShape,
    Cecrl,
    DigitalLevel,
    HalfDay,
    LearnerPublic,
    Licence,
    NeedTheme,
    Schooling,
    Status,
    StructureKind,
)

DEPARTMENTS = """
01 46.20 5.23 671|02 49.56 3.62 523|03 46.57 3.33 334|04 44.09 6.24 167|05 44.56 6.08 141|06 43.70 7.27 1114
07 44.74 4.60 334|08 49.77 4.72 267|09 42.97 1.61 155|10 48.30 4.08 311|11 43.21 2.35 379|12 44.35 2.57 279
13 43.30 5.37 2069|14 49.18 -0.37 700|15 44.93 2.44 144|16 45.65 0.16 352|17 46.16 -1.15 665|18 47.08 2.40 299
19 45.27 1.77 239|21 47.32 5.04 536|22 48.51 -2.77 610|23 46.17 1.87 115|24 45.18 0.72 414|25 47.24 6.02 549
26 44.93 4.89 523|27 49.02 1.15 600|28 48.45 1.49 431|29 48.00 -4.10 926|30 43.84 4.36 759|31 43.60 1.44 1459
32 43.65 0.59 192|33 44.84 -0.58 1685|34 43.61 3.88 1219|35 48.11 -1.68 1110|36 46.81 1.69 216|37 47.39 0.69 615
38 45.19 5.72 1291|39 46.67 5.55 259|40 43.89 -0.50 428|41 47.59 1.34 328|42 45.43 4.39 772|43 45.04 3.88 228
44 47.22 -1.55 1472|45 47.90 1.91 687|46 44.45 1.44 175|47 44.20 0.62 331|48 44.52 3.50 76|49 47.47 -0.55 828
50 49.12 -1.09 495|51 48.96 4.36 565|52 48.11 5.14 168|53 48.07 -0.77 305|54 48.69 6.18 733|55 48.77 5.16 180
56 47.66 -2.76 777|57 49.12 6.18 1053|58 46.99 3.16 200|59 50.63 3.06 2613|60 49.43 2.08 830|61 48.43 0.09 276
62 50.29 2.78 1464|63 45.78 3.08 667|64 43.30 -0.37 699|65 43.23 0.07 231|66 42.70 2.90 491|67 48.58 7.75 1158
68 48.08 7.36 767|69 45.76 4.84 1905|70 47.62 6.16 233|71 46.31 4.83 549|72 48.00 0.20 566|73 45.57 5.92 446
74 45.90 6.12 850|75 48.86 2.35 2114|76 49.44 1.10 1256|77 48.54 2.66 1455|78 48.80 2.13 1460|79 46.32 -0.46 374
80 49.89 2.30 566|81 43.93 2.15 394|82 44.02 1.35 264|83 43.12 5.93 1106|84 43.95 4.81 562|85 46.67 -1.43 702
86 46.58 0.34 440|87 45.83 1.26 371|88 48.17 6.45 359|89 47.80 3.57 334|90 47.64 6.86 140|91 48.63 2.44 1320
92 48.89 2.21 1640|93 48.91 2.44 1681|94 48.79 2.46 1418|95 49.04 2.08 1270
"""
"""Code, latitude and longitude of the chief town, thousands of inhabitants (INSEE, about 2023)."""

COMMUNES_PER_DEPARTMENT = 60
SOURCE = "benchmark"
FIRST = dt.date(2026, 11, 2)


class Town:
    """An invented commune."""

    def __init__(self, code: str, latitude: float, longitude: float, people: float, epci: str) -> None:
        self.code, self.latitude, self.longitude, self.people, self.epci = code, latitude, longitude, people, epci
        self.department = code[:2]


def towns(dice: random.Random) -> list[Town]:
    """Communes around each chief town: the larger the nearer, as far as a département reaches."""
    found = []
    for line in DEPARTMENTS.replace("\n", "|").split("|"):
        if not line.strip():
            continue
        code, latitude, longitude, thousands = line.split()
        reach = 0.05 if code in {"75", "92", "93", "94"} else 0.35
        weights = [1 / rank for rank in range(1, COMMUNES_PER_DEPARTMENT + 1)]
        for rank, weight in enumerate(weights):
            away, angle = reach * math.sqrt(rank / COMMUNES_PER_DEPARTMENT), dice.uniform(0, 2 * math.pi)
            found.append(
                Town(
                    f"{code}{rank + 1:03d}",
                    float(latitude) + away * math.sin(angle),
                    float(longitude) + 1.4 * away * math.cos(angle),
                    float(thousands) * 1000 * weight / sum(weights),
                    f"2{code}{rank // 10:02d}0000",
                )
            )
    return found


THEMES = list(NeedTheme.values)
THEME_WEIGHTS = [12, 8, 9, 8, 12, 14, 9, 3, 8, 8, 5, 4, 6, 5, 3]
SHAPES = list(ActionShape.values)
PUBLICS = ["demandeurs-emploi", "beneficiaires-des-minimas-sociaux", "jeunes", "femmes", "seniors", "residents-qpv-frr"]


def _criteria(dice: random.Random, town: Town) -> list[dict[str, Any]]:
    """What one action asks, with the frequencies of the Blois catalogue."""
    found: list[dict[str, Any]] = []

    def ask(share: float, kind: str, need: str, **params: Any) -> None:
        if dice.random() < share:
            found.append({"kind": kind, "need": need, **params})

    low = dice.choice([14, 16, 16, 18, 26, 45])
    ask(0.3, "age", dice.choice(["required", "required", "priority"]), min=low, max=low + dice.choice([9, 13, 40]))
    ask(0.07, "sex", dice.choice(["required", "priority"]), value="F")
    ask(0.35, "status", dice.choice(["required", "priority"]), any_of=dice.sample(Status.values, dice.randint(1, 4)))
    ask(0.25, "public", "required", any_of=dice.sample(PUBLICS, dice.randint(1, 3)))
    ask(0.15, "residence", "priority", departments=[town.department], qpv=True)
    ask(0.15, "french_oral", "required", min=dice.choice(CECRL_ORDER[1:4]))
    ask(0.08, "french_written", "to_check", min=dice.choice(CECRL_ORDER[1:4]))
    ask(0.1, "learner_public", "required", any_of=dice.sample(LearnerPublic.values, 2))
    ask(0.04, "anlci", "required", max=dice.randint(2, 3))
    ask(0.05, "digital", "priority", max="beginner")
    ask(0.06, "licence", "required", any_of=["none", "code"])
    ask(0.05, "diploma", "required", any_of=["VI", "V"])
    ask(0.05, "availability", "required", any_of=dice.sample(HalfDay.values, 4), min=dice.randint(1, 3))
    ask(0.12, "prescriber", "required", any_of=dice.sample(StructureKind.values, 6))
    ask(0.15, "manual", "to_check", text="Motivé(e) pour la méthode proposée")
    return found


def _zone(dice: random.Random, town: Town) -> list[str]:
    return dice.choices([[town.code], [town.epci], [town.department], [], ["france"]], weights=[20, 25, 35, 15, 5])[0]


def _copy(model: Any, names: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
    columns = [model._meta.get_field(name).column for name in names]
    order = f"COPY {model._meta.db_table} ({', '.join(columns)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(order) as copy:
        for row in rows:
            copy.write_row(row)


def _defaults(model: Any, names: list[str]) -> dict[str, Any]:
    """What the columns that are not drawn hold."""
    return {
        field.name: field.get_default()
        for field in model._meta.concrete_fields
        if not field.primary_key and field.name not in names
    }


def _pg(value: Any) -> Any:
    return "{}" if value == [] else value


def write_catalogue(size: int, dice: random.Random, places: list[Town], on: dt.date) -> None:
    """Write communes, structures, `size` actions and their sessions; then the offers, as the product does."""
    Commune.objects.bulk_create(
        Commune(code=t.code, name=f"Commune {t.code}", epci=t.epci, latitude=t.latitude, longitude=t.longitude)
        for t in places
    )
    weights = list(itertools.accumulate(town.people for town in places))
    owners = []
    for number in range(max(size // 8, 1)):
        town = dice.choices(places, cum_weights=weights)[0]
        owners.append(
            (town, Structure(name=f"Structure {number}", source=SOURCE, source_id=str(number), commune_code=town.code))
        )
    Structure.objects.bulk_create([structure for _, structure in owners], batch_size=2_000)
    drawn = [
        *("id", "structure", "slug", "source", "source_id", "name", "description", "shape", "themes", "criteria"),
        *("learner_publics", "level_in", "scales", "places", "frais", "modes_accueil", "zone_eligibilite"),
        *("commune_code", "latitude", "longitude", "confirmed_on", "created_at", "updated_at", "is_published"),
    ]
    rest = _defaults(Action, drawn)
    stamp = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    sessions: list[tuple[int, str, dt.date, dt.date, int | None, int]] = []

    def actions() -> Iterator[tuple[Any, ...]]:
        for pk in range(1, size + 1):
            town, structure = owners[dice.randrange(len(owners))]
            themes = list(dict.fromkeys(dice.choices(THEMES, THEME_WEIGHTS, k=dice.choice([1, 1, 2, 2, 3]))))
            shape = dice.choices(SHAPES, weights=[10, 45, 25, 8, 8, 4])[0]
            learns = bool({"french", "basic_skills"} & set(themes))
            for number in range(dice.choice([0, 0, 1, 2])):
                start = on + dt.timedelta(days=dice.randint(-30, 180))
                places_of = dice.choice([None, 8, 12, 15])
                taken = dice.randint(0, places_of) if places_of else 0
                sessions.append((pk, f"S{number}", start, start + dt.timedelta(days=90), places_of, taken))
            remote = dice.random() < 0.08
            yield (
                pk, structure.pk, f"action-{pk}", SOURCE, str(pk), f"Action {pk}", "Une action inventée. " * 8, shape,
                themes, json.dumps(_criteria(dice, town)),
                dice.sample(LearnerPublic.values, 1) if learns and dice.random() < 0.5 else "{}",
                dice.choice(Cecrl.values) if learns and dice.random() < 0.5 else "",
                dice.sample([*SCALES], 1) if shape == "positioning" else "{}",
                dice.choice([None, None, 10, 20]), dice.choice(["gratuit", "gratuit", "payant"]),
                ["a-distance"] if remote else ["en-presentiel"], _pg(_zone(dice, town)), town.code,
                town.latitude + dice.uniform(-0.02, 0.02), town.longitude + dice.uniform(-0.02, 0.02),
                on - dt.timedelta(days=dice.randint(0, 400)), stamp, stamp, True,
                *(_pg(value) for value in rest.values()),
            )  # fmt: skip

    _copy(Action, [*drawn, *rest], actions())
    names = ["action", "code", "starts_on", "ends_on", "places", "reserved"]
    more = _defaults(Session, [*names, "id"])
    _copy(Session, [*names, *more], ((*row, *more.values()) for row in sessions))
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('structures_action', 'id'), %s)", [size])
        cursor.execute("ANALYZE structures_action, structures_session, structures_structure")
    Offer.objects.rebuild(on=on)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE structures_offer")


def a_person(dice: random.Random, places: list[Town], weights: list[float]) -> tuple[Person, list[Need]]:
    """Someone with one to three needs, of whom a prescripteur knows some things and not others."""
    town = dice.choices(places, cum_weights=weights)[0]

    def known(share: float, values: Any) -> Any:
        return dice.choice(list(values)) if dice.random() < share else ""

    person = Person(
        first_name="Camille",
        last_name="Essai",
        birth_date=FIRST - dt.timedelta(days=dice.randint(16 * 365, 62 * 365)),
        sex=dice.choice(["F", "M"]),
        commune=f"Commune {town.code}",
        commune_code=town.code,
        in_qpv=dice.choice([None, True, False]),
        statuses=dice.sample(Status.values, dice.randint(0, 3)),
        statuses_known=dice.random() < 0.6,
        french_oral=known(0.6, Cecrl.values),
        french_written=known(0.4, Cecrl.values),
        schooling=known(0.6, Schooling.values),
        digital=known(0.4, DigitalLevel.values),
        licence=known(0.6, Licence.values),
        has_vehicle=dice.choice([None, True, False]),
        availability=dice.sample(HalfDay.values, 5) if dice.random() < 0.4 else [],
    )
    themes = list(dict.fromkeys(dice.choices(THEMES, THEME_WEIGHTS, k=dice.choice([1, 2, 2, 3]))))
    return person, [Need(theme=theme, priority=rank) for rank, theme in enumerate(themes, start=1)]
