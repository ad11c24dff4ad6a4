"""The needs that found no place, without anybody having typed anything: by theme and reason, and by quartier."""

from __future__ import annotations

from dataclasses import dataclass

from referrals.states import UnmetReason
from reporting.indicators import EVERYTHING, Indicator
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


@dataclass(frozen=True)
class UnmetNeeds:
    """The unmet needs of a page, in both crossings."""

    by_theme: Crossing
    by_place: Crossing


def place_of(code: int) -> tuple[str, str]:
    """The quartier and the kind of place behind the number by which facts keep both."""
    quartier, qpv = divmod(code, 4)
    return (Quartier.values[quartier - 1] if quartier else "", ("unknown", "qpv", "elsewhere")[qpv])
