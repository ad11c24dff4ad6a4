"""The needs that found no place, without anybody having typed anything: by theme and reason, and by quartier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count

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


def count_unmet(ledger: Ledger, needs: NeedQuerySet) -> UnmetNeeds:
    """Count the needs, and those without a place, in three queries."""
    count(ledger, needs, [NEEDS], "person")
    unmet: Any = needs.unmet().order_by()  # annotated with `offer_fault`, which the type of the rows does not know
    by_theme = unmet.values_list("theme", "offer_fault").annotate(n=Count("pk"))
    by_place = unmet.values_list("person__quartier", "person__in_qpv", "offer_fault").annotate(
        n=Count("pk"), people=Count("person", distinct=True)
    )
    themes: dict[tuple[str, str], int] = {(theme, reason): n for theme, reason, n in by_theme}
    places: dict[tuple[str, str], int] = {}
    people: dict[tuple[str, str], int] = {}
    people_by_reason: dict[str, int] = {}
    for quartier, in_qpv, reason, n, persons in by_place:
        place = (quartier, PLACE_KEYS[in_qpv])
        places[place] = places.get(place, 0) + n
        # A person may have needs left for several reasons: the largest group is surely there, the sum may not be.
        people[place] = max(people.get(place, 0), persons)
        people_by_reason[reason] = people_by_reason.get(reason, 0) + persons
    crossed_themes = Crossing(ledger, "unmet_themes", UNMET.name, themes)
    for reason, persons in people_by_reason.items():
        crossed_themes.people(("column", reason), persons)
    crossed_places = Crossing(ledger, "unmet_places", UNMET.name, places)
    for (quartier, key), persons in people.items():
        crossed_places.people((quartier, key), persons)
    for which, position in (("row", 0), ("column", 1)):
        for value in {place[position] for place in people}:
            behind = sum(persons for place, persons in people.items() if place[position] == value)
            crossed_places.people((which, value), behind)
    ledger.put(UNMET.name, sum(themes.values()), sum(people.values()))
    return UnmetNeeds(crossed_themes, crossed_places)
