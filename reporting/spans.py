"""How long each step of the path takes: medians and 90th centiles, exact, from histograms made by the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reporting import indicators as what
from reporting.delays import Delays
from reporting.funnel import ANSWERED, ENTERED, Funnel
from reporting.indicators import EVERYTHING, HAS_ANSWER, Indicator
from reporting.models import Subject
from reporting.secrecy import Figure, Ledger
from reporting.tracing import ANSWER, ENTRY, EXIT, Tracing

TO_ANSWER = Indicator(
    "span_answer",
    "De l’envoi à la réponse",
    "Jours ouvrés du jour de l’envoi, ou de la réouverture, à celui de la première réponse. Le jour même "
    "compte pour 0.",
    HAS_ANSWER,
    what.ANSWERED,
    "les fiches envoyées dans la période et répondues",
    "les fiches encore sans réponse",
)
TO_ENTRY = Indicator(
    "span_entry",
    "De l’envoi à l’entrée",
    "Jours de calendrier du jour de l’envoi à celui de l’entrée dans l’action, attente d’une réponse et d’une place "
    "comprises.",
    what.ENTERED.counts,
    what.ENTERED,
    "les fiches envoyées dans la période dont la personne est entrée",
    "les personnes encore attendues",
)
TO_EXIT = Indicator(
    "span_exit",
    "De l’entrée à la sortie",
    "Jours de calendrier du jour de l’entrée dans l’action à celui de la sortie.",
    EVERYTHING,
    what.EXITS,
    "les sorties de la période",
    "les personnes encore dans l’action",
)
SPANS = {ANSWER: TO_ANSWER, ENTRY: TO_ENTRY, EXIT: TO_EXIT}


def centile_90(days: Mapping[int, int]) -> int | None:
    """The days within which nine in ten are done; `None` when there is none."""
    whole, done = sum(days.values()), 0
    for one in sorted(days):
        done += days[one]
        if done * 10 >= whole * 9:
            return one
    return None


@dataclass(frozen=True)
class Span:
    """One step: of how many, half of them and nine in ten of them within so many days; `None` where masked or empty."""

    indicator: Indicator
    of: Figure
    median: float | None
    centile: int | None


def spans(reading: Tracing, funnel: Funnel) -> list[Span]:
    """Every step. The days of fewer than five persons would be theirs: they are masked with their number."""
    histograms = reading.spans()
    exits = sum(histograms[EXIT].values())
    unsure = reading.scope.masks and reading.is_doubtful(Subject.EXIT, exits)
    ledger = Ledger(masks=reading.scope.masks)
    ledger.put(EXIT, exits, len(reading.behind_exits()) if unsure else reading.surely(Subject.EXIT, exits))
    # The same fiches as in the funnel, where their number is masked with those that it would give away.
    numbers = {ANSWER: funnel.reached(ANSWERED), ENTRY: funnel.reached(ENTERED), EXIT: ledger.show(EXIT)}
    found = []
    for step, indicator in SPANS.items():
        days = {} if numbers[step].is_masked else histograms[step]
        found.append(Span(indicator, numbers[step], Delays(dict(days), {}).median_answered, centile_90(days)))
    return found
