"""The needs that found no place, without anybody having typed anything: by theme and reason, and by quartier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from referrals.models.need import NeedQuerySet
from referrals.states import UnmetReason
from reporting.indicators import EVERYTHING, Indicator, count
from reporting.secrecy import Ledger
from reporting.tables import Crossing
from structures.vocabulary import NeedTheme, Quartier

NEEDS = Indicator("needs", "Besoins notés", "Besoins notés dans la période, encore ouverts ou clos depuis.", EVERYTHING)
UNMET = Indicator(
    "unmet",
    "Besoins sans place",
    "Besoins notés dans la période et encore ouverts, pour lesquels aucune fiche n’est en cours ni n’a mené à une "
    "entrée, et dont la dernière fiche close parle de l’offre (place, zone, critères, horaires, coût, sans réponse), "
    "ou pour lesquels aucune action ne convenait. Relais le déduit : personne ne le saisit.",
    EVERYTHING,
    NEEDS,
    "les besoins notés dans la période",
    "les besoins clos, et ceux pour lesquels une action convenait sans qu’une fiche ait été tentée",
)

THEME_LABELS = dict(NeedTheme.choices)
REASON_LABELS = dict(UnmetReason.choices)
QUARTIER_LABELS = dict(Quartier.choices) | {"": "Autre commune, ou non renseigné"}
PLACE_LABELS = {"qpv": "En QPV", "elsewhere": "Hors QPV", "unknown": "QPV non renseigné"}
PLACE_KEYS = {True: "qpv", False: "elsewhere", None: "unknown"}


@dataclass(frozen=True)
class UnmetNeeds:
    """The unmet needs of a page, in both crossings."""

    by_theme: Crossing
    by_place: Crossing


BY_THEME_AND_REASON, BY_REASON, BY_PLACE = 0b0011, 0b1011, 0b1100
"""What PostgreSQL's GROUPING answers: a bit is set for each of (theme, reason, quartier, QPV) that a row adds up."""


def _grouped(needs: NeedQuerySet) -> list[tuple[int, str, str, str, bool | None, int, int]]:
    """The unmet needs by theme and reason, by reason, by place, and all together: how many, of how many persons.

    In one query: which needs are unmet is worked out once, and a person counts once in each group, which no sum of
    smaller groups could tell.
    """
    unmet: Any = needs.unmet().order_by()  # annotated with `offer_fault`, which the type of the rows does not know
    columns = unmet.values_list("theme", "offer_fault", "person__quartier", "person__in_qpv", "person_id")
    rows, params = columns.query.sql_with_params()
    with connection.cursor() as cursor:
        # No typed value is part of the text: `rows` is the ORM's own, with its parameters apart.
        cursor.execute(
            "SELECT grouping(theme, reason, quartier, in_qpv), theme, reason, quartier, in_qpv,"  # noqa: S608 (the ORM's own)  # nosec B608
            f" count(*), count(DISTINCT person) FROM ({rows}) AS unmet(theme, reason, quartier, in_qpv, person)"
            " GROUP BY GROUPING SETS ((theme, reason), (reason), (quartier, in_qpv), ())",
            params,
        )
        return cursor.fetchall()


def count_unmet(ledger: Ledger, needs: NeedQuerySet) -> UnmetNeeds:
    """Count the needs, and those without a place, in two queries."""
    count(ledger, needs, [NEEDS], "person")
    themes: dict[tuple[str, str], int] = {}
    places: dict[tuple[str, str], int] = {}
    people: dict[tuple[str, str], int] = {}
    people_by_reason: dict[str, int] = {}
    for grouping, theme, reason, quartier, in_qpv, n, persons in _grouped(needs):
        if grouping == BY_THEME_AND_REASON:
            themes[theme, reason] = n
        elif grouping == BY_REASON:
            people_by_reason[reason] = persons
        elif grouping == BY_PLACE:
            places[quartier, PLACE_KEYS[in_qpv]] = n
            people[quartier, PLACE_KEYS[in_qpv]] = persons
        else:
            ledger.put(UNMET.name, n, persons)
    crossed_themes = Crossing(ledger, "unmet_themes", UNMET.name, themes)
    for reason, persons in people_by_reason.items():
        crossed_themes.people(("column", reason), persons)
    crossed_places = Crossing(ledger, "unmet_places", UNMET.name, places)
    for place, persons in people.items():
        crossed_places.people(place, persons)
    for which, position in (("row", 0), ("column", 1)):
        for value in {place[position] for place in people}:
            # A person lives in one place: here the persons add up.
            behind = sum(persons for place, persons in people.items() if place[position] == value)
            crossed_places.people((which, value), behind)
    return UnmetNeeds(crossed_themes, crossed_places)
