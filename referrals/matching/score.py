"""The points of one action for one person, part by part, each with its label."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from referrals.matching.record import NOTHING, Record
from referrals.matching.weights import (
    FAR_KM,
    MONTH,
    MOST_LEFT_TO_CHECK,
    MOST_REQUIRED_MET,
    NEAR_KM,
    PRIORITIES,
    QUARTER,
    VERY_NEAR_KM,
    WEIGHTS,
)
from structures.eligibility import ZONE, Answer, Profile, Verdict, evaluate_all, verdict
from structures.geography import Point, distance_km
from structures.models import Action, Session
from structures.models.offer import evaluates
from structures.vocabulary import ActionShape, NeedTheme

LEARNING = frozenset({NeedTheme.FRENCH, NeedTheme.BASIC_SKILLS})
"""Needs that the three publics of basic training and the levels decide."""

Part = tuple[str, int]


@dataclass(frozen=True)
class Match:
    """One action for one person on one day: its rank and everything that explains it.

    `distance_km` is as the crow flies; `None` when one of the two places is not known, or when the action is given at
    a distance. It is counted from the prescripteur where the person's commune is not known (`from_prescriber`).
    `record` is what happened to earlier fiches.
    """

    action: Action
    score: int
    parts: tuple[Part, ...]
    needs_covered: tuple[str, ...]
    answers: tuple[Answer, ...]
    verdict: Verdict
    next_session: Session | None
    places_left: int | None
    is_fresh: bool
    on: dt.date
    distance_km: float | None = None
    from_prescriber: bool = False
    record: Record = NOTHING

    @property
    def obstacles(self) -> tuple[Answer, ...]:
        """The required criteria that are not met."""
        return tuple(answer for answer in self.answers if answer.blocks)

    @property
    def to_check(self) -> tuple[Answer, ...]:
        """What is still to be asked or verified."""
        return tuple(answer for answer in self.answers if answer.to_check)

    @property
    def need_labels(self) -> list[str]:
        """The needs covered, in words."""
        return [str(NeedTheme(theme).label) for theme in self.needs_covered]

    @property
    def distance(self) -> str:
        """How far it is, for a reader; empty when that is not known."""
        return "" if self.distance_km is None else say_distance(self.distance_km, self.from_prescriber)

    @property
    def is_full(self) -> bool:
        """Whether the action is known to have no place left: a fiche would go to its waiting list."""
        return self.places_left == 0


def level_is_known(theme: str, profile: Profile) -> bool | None:
    """Whether what a positionnement would tell for this need is known already; `None` where it tells nothing."""
    if theme == NeedTheme.FRENCH:
        return bool(profile.french_oral)
    if theme in (NeedTheme.BASIC_SKILLS, NeedTheme.MOBILITY):
        # The mobility path starts with the skills too: they decide between savoirs de base, parcours and permis B.
        return profile.anlci is not None or bool(profile.french_written)
    return None


def level_of(profile: Profile) -> str:
    """The level that decides the group: spoken French, else written; empty when neither is known."""
    return profile.french_oral or profile.french_written


def _positioning_part(action: Action, covered: Mapping[str, int], profile: Profile) -> list[Part]:
    known = {level_is_known(theme, profile) for theme in covered if evaluates(action, theme)}
    if False in known:
        return [("Niveau inconnu\u00a0: commencer par un positionnement", WEIGHTS["positioning_first"])]
    if True in known:
        return [("Niveau déjà connu", WEIGHTS["positioning_done"])]
    return []


def _learning_parts(action: Action, covered: Mapping[str, int], profile: Profile) -> list[Part]:
    parts: list[Part] = []
    if not LEARNING & set(covered) or action.shape == ActionShape.POSITIONING:
        return parts
    level = level_of(profile)
    if level and level == action.level_in:
        parts.append((f"Groupe de niveau {level}", WEIGHTS["level_fits"]))
    public = profile.learner_public()
    if public and action.learner_publics:
        fits = public in action.learner_publics
        label = "Pour ce public de formation" if fits else "Pour un autre public de formation"
        parts.append((label, WEIGHTS["public_fits" if fits else "public_differs"]))
    return parts


def _criteria_parts(answers: Iterable[Answer]) -> list[Part]:
    counts: dict[str, int] = defaultdict(int)
    for answer in answers:
        if answer.level == "required" and answer.state == "met" and answer.kind != ZONE:
            counts["required_met"] += 1
        elif answer.level == "priority" and answer.state != "unknown":
            counts[f"priority_{answer.state}"] += 1
        elif answer.to_check:
            counts["left_to_check"] += 1
    counts["required_met"] = min(counts["required_met"], MOST_REQUIRED_MET)
    counts["left_to_check"] = min(counts["left_to_check"], MOST_LEFT_TO_CHECK)
    labels = {
        "required_met": "Conditions remplies",
        "priority_met": "Public prioritaire",
        "priority_unmet": "Hors public prioritaire",
        "left_to_check": "Reste à vérifier",
    }
    return [(label, WEIGHTS[name] * counts[name]) for name, label in labels.items() if counts[name]]


def _place_parts(is_dated: bool, session: Session | None, places_left: int | None, on: dt.date) -> list[Part]:
    parts: list[Part] = []
    if places_left is not None:
        if places_left:
            label = f"{places_left} place{'s' if places_left > 1 else ''}"
            parts.append((label, WEIGHTS["places_left"]))
        else:
            parts.append(("Complet", WEIGHTS["no_place"]))
    if session is None and is_dated:
        parts.append(("Pas de prochaine date", WEIGHTS["no_date"]))
    elif session is None:
        parts.append(("Entrée toute l’année", WEIGHTS["open_entry"]))
    elif session.starts_on < on:
        parts.append(("Session en cours", WEIGHTS["open_entry"]))
    elif session.starts_on <= on + dt.timedelta(days=MONTH):
        parts.append(("Commence dans le mois", WEIGHTS["starts_within_a_month"]))
    elif session.starts_on <= on + dt.timedelta(days=QUARTER):
        parts.append(("Commence dans les trois mois", WEIGHTS["starts_within_three_months"]))
    return parts


def say_distance(km: float, from_prescriber: bool = False) -> str:
    """A distance for a reader: « À moins d’un kilomètre », « À 12 km », « À 12 km du prescripteur »."""
    said = "À moins d’un kilomètre" if km < 1 else f"À {round(km)}\u00a0km"
    return f"{said} du prescripteur" if from_prescriber else said


def _distance_parts(km: float | None, from_prescriber: bool) -> list[Part]:
    if km is None:
        return []
    said = say_distance(km, from_prescriber)
    if km <= VERY_NEAR_KM:
        return [(said, WEIGHTS["very_near"])]
    if km <= NEAR_KM:
        return [(said, WEIGHTS["near"])]
    return [(said, WEIGHTS["far"])] if km > FAR_KM else []


@dataclass(frozen=True)
class Offered:
    """An action with what its rank depends on besides its criteria, as read from the database."""

    action: Action
    session: Session | None
    places_left: int | None
    is_dated: bool
    point: Point | None
    record: Record = NOTHING

    def distance_from(self, point: Point | None) -> float | None:
        """Kilometres to go; `None` when a place is not known, or when the action can as well be followed from afar."""
        if point is None or self.point is None:
            return None
        km = distance_km(point, self.point)
        return None if km > FAR_KM and "a-distance" in self.action.modes_accueil else km


@dataclass(frozen=True)
class Asking:
    """Who asks: the person's facts, their needs (theme → priority, in that order), from where, and on which day.

    `from_prescriber`: the person's commune is not known, and `point` is where they came to ask.
    """

    profile: Profile
    themes: Mapping[str, int]
    point: Point | None
    on: dt.date
    from_prescriber: bool = False


def match(offered: Offered, asking: Asking) -> Match:
    """Answer the criteria of one action and add up its score."""
    action, profile, on = offered.action, asking.profile, asking.on
    covered = {theme: priority for theme, priority in asking.themes.items() if theme in action.themes}
    answers = evaluate_all(action.conditions(), profile, on)
    is_fresh = action.is_fresh(on)
    km = offered.distance_from(asking.point)
    parts = [
        (f"Besoin\u00a0: {NeedTheme(theme).label}", WEIGHTS[PRIORITIES[priority]])
        for theme, priority in covered.items()
    ]
    parts += _positioning_part(action, covered, profile)
    parts += _learning_parts(action, covered, profile)
    parts += _criteria_parts(answers)
    parts += _place_parts(offered.is_dated, offered.session, offered.places_left, on)
    parts += _distance_parts(km, asking.from_prescriber)
    if is_fresh:
        parts.append(("Fiche de l’action à jour", WEIGHTS["confirmed"]))
    parts += offered.record.parts()
    return Match(
        action=action,
        score=sum(points for _, points in parts),
        parts=tuple(parts),
        needs_covered=tuple(covered),
        answers=answers,
        verdict=verdict(answers),
        next_session=offered.session,
        places_left=offered.places_left,
        is_fresh=is_fresh,
        on=on,
        distance_km=km,
        from_prescriber=asking.from_prescriber,
        record=offered.record,
    )
