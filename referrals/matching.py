"""Which actions fit a person's needs, best first, and why.

`suggest` reads the catalogue in a constant number of queries, answers every criterion (`structures.eligibility`) and
ranks by the sum of the parts listed in `WEIGHTS`: each part is shown with its label, so that the order explains itself.
`snapshot` freezes one match as JSON, to be kept on the fiche and read again years later by `SnapshotMatch`.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from django.db.models import Count, Exists, OuterRef

from referrals.models import Person, Referral
from referrals.states import State, UnmetReason
from structures.eligibility import ZONE, Answer, Profile, Verdict, evaluate_all, verdict
from structures.models import Action, Session, Structure
from structures.territory import department_of, epci_of
from structures.text import plain
from structures.vocabulary import ActionShape, Axis, Language, NeedTheme, Quartier

WEIGHTS: dict[str, int] = {
    # Needs covered: what the person came for outweighs everything else.
    "need_first": 40,
    "need_second": 25,
    "need_third": 15,
    # When the level is not known, evaluate before choosing a course; when it is known, no need to evaluate again.
    "positioning_first": 60,
    "positioning_done": -30,
    # Level and public: the right group comes before the others.
    "level_fits": 15,
    "public_fits": 8,
    "public_differs": -10,
    # Criteria: an action made for this person comes before one that is open to all; its territory says nothing of it.
    "required_met": 6,
    "priority_met": 6,
    "priority_unmet": -5,
    "left_to_check": -2,
    # Places and dates.
    "places_left": 8,
    "no_place": -20,
    "starts_within_a_month": 6,
    "starts_within_three_months": 3,
    "open_entry": 4,
    "no_date": -10,
    # Freshness of the catalogue.
    "confirmed": 2,
}
"""Points of each part of a score. The only place where the order of the suggestions is decided."""

MOST_REQUIRED_MET = 4
"""Required criteria that count at most: a long list of conditions is no merit in itself."""
MOST_LEFT_TO_CHECK = 4
"""Open questions that count at most."""
NEAR_MISS = 2
"""An action is a near miss when at most this many required criteria stand in the way."""
LIMIT = 20
"""Suggestions returned at most, and near misses."""

PRIORITIES = {1: "need_first", 2: "need_second", 3: "need_third"}
HOLDING = (State.ACCEPTED, State.ENTERED)
"""States of a fiche that hold a place."""
LEARNING = frozenset({NeedTheme.FRENCH, NeedTheme.BASIC_SKILLS})
"""Needs that the three publics of basic training and the levels decide."""
EVALUATED_BY = {
    NeedTheme.FRENCH: frozenset({Axis.ORAL, Axis.WRITTEN}),
    NeedTheme.BASIC_SKILLS: frozenset({Axis.WRITTEN, Axis.ARITHMETIC}),
}
"""The axes that a positionnement must evaluate to tell the level for a need."""
SNAPSHOT_VERSION = 1


class NeedLike(Protocol):
    """What the matching reads of a need."""

    theme: str
    priority: int


@dataclass(frozen=True)
class Match:
    """One action for one person on one day: its rank and everything that explains it."""

    action: Action
    score: int
    parts: tuple[tuple[str, int], ...]
    needs_covered: tuple[str, ...]
    answers: tuple[Answer, ...]
    verdict: Verdict
    next_session: Session | None
    places_left: int | None
    is_fresh: bool
    on: dt.date

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
    def is_full(self) -> bool:
        """Whether the action is known to have no place left: a fiche would go to its waiting list."""
        return self.places_left == 0


@dataclass(frozen=True)
class Suggestions:
    """The answer to "what is there for this person?": what fits, what nearly fits, and all that was considered."""

    matches: list[Match]
    near_misses: list[Match]
    considered: list[Match]
    profile: Profile
    on: dt.date

    def of(self, action: Action) -> Match | None:
        """The match of one action, wherever it ranks; `None` when it covers none of the needs or is closed."""
        return next((match for match in self.considered if match.action.pk == action.pk), None)

    def why_unmatched(self, theme: str) -> str:
        """Why no action fits this need: an `UnmetReason`'s value, or an empty text when one does.

        An action that only has a waiting list does not fit: the need stays without a place.
        """
        concerned = [match for match in self.considered if theme in match.needs_covered]
        admitting = [match for match in concerned if match.verdict != "ineligible"]
        if not concerned:
            return UnmetReason.NO_OFFER
        if admitting:
            with_place = [match for match in admitting if not match.is_full]
            if not with_place:
                return UnmetReason.NO_PLACE
            return UnmetReason.COST if all(match.action.frais == "payant" for match in with_place) else ""
        blocks = [{answer.kind for answer in match.obstacles} for match in concerned]
        if any(kinds == {"availability"} for kinds in blocks):
            return UnmetReason.TIMETABLE
        if all(kinds & {"residence", ZONE} for kinds in blocks):
            return UnmetReason.ZONE
        return UnmetReason.NOT_ELIGIBLE


def language_of(words: str) -> str:
    """The code of a language typed in words, whatever its accents and capitals; empty when it is not listed."""
    said = set(plain(words).replace(",", " ").split())
    return next((code for code, label in Language.choices if said & set(plain(label).replace(",", " ").split())), "")


def profile_of(person: Person, *, prescriber_kind: str = "") -> Profile:
    """The facts of a person as the criteria read them; what is not known stays unknown.

    A quartier of Blois tells the commune, and whether it is a quartier prioritaire.
    """
    in_blois = bool(person.quartier) and person.quartier != Quartier.OTHER
    commune_code = person.commune_code or ("41018" if in_blois else "")
    in_qpv = person.in_qpv
    if in_qpv is None and in_blois:
        in_qpv = person.quartier == Quartier.NORD
    return Profile(
        birth_date=person.birth_date,
        sex=person.sex,
        commune_code=commune_code,
        commune_name=person.commune or ("Blois" if in_blois else ""),
        department=department_of(commune_code),
        epci=epci_of(commune_code),
        in_qpv=in_qpv,
        statuses=frozenset(person.statuses),
        statuses_known=person.statuses_known,
        french_oral=person.french_oral,
        french_written=person.french_written,
        schooling=person.schooling,
        anlci=person.anlci,
        digital=person.digital,
        licence=person.licence,
        has_vehicle=person.has_vehicle,
        diploma=person.diploma,
        language=language_of(person.language),
        availability=frozenset(person.availability) if person.availability else None,
        prescriber_kind=prescriber_kind,
    )


def _level_is_known(theme: str, profile: Profile) -> bool | None:
    """Whether what a positionnement would tell for this need is known already; `None` where it tells nothing."""
    if theme == NeedTheme.FRENCH:
        return bool(profile.french_oral)
    if theme in (NeedTheme.BASIC_SKILLS, NeedTheme.MOBILITY):
        # The mobility path starts with the skills too: they decide between savoirs de base, parcours and permis B.
        return profile.anlci is not None or bool(profile.french_written)
    return None


def _evaluates(action: Action, theme: str) -> bool:
    """Whether the action is a positionnement or diagnostic that tells the level for this need."""
    if action.shape != ActionShape.POSITIONING or theme not in action.themes:
        return False
    return EVALUATED_BY.get(NeedTheme(theme), frozenset()) <= set(action.axes)


def _positioning_part(action: Action, covered: Mapping[str, int], profile: Profile) -> list[tuple[str, int]]:
    known = {_level_is_known(theme, profile) for theme in covered if _evaluates(action, theme)}
    if False in known:
        return [("Niveau inconnu\u00a0: commencer par un positionnement", WEIGHTS["positioning_first"])]
    if True in known:
        return [("Niveau déjà connu", WEIGHTS["positioning_done"])]
    return []


def _learning_parts(action: Action, covered: Mapping[str, int], profile: Profile) -> list[tuple[str, int]]:
    parts: list[tuple[str, int]] = []
    if not LEARNING & set(covered) or action.shape == ActionShape.POSITIONING:
        return parts
    level = profile.french_oral or profile.french_written
    if level and level == action.level_in:
        parts.append((f"Groupe de niveau {level}", WEIGHTS["level_fits"]))
    public = profile.learner_public()
    if public and action.learner_publics:
        fits = public in action.learner_publics
        label = "Pour ce public de formation" if fits else "Pour un autre public de formation"
        parts.append((label, WEIGHTS["public_fits" if fits else "public_differs"]))
    return parts


def _criteria_parts(answers: Iterable[Answer]) -> list[tuple[str, int]]:
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


def _place_parts(
    is_dated: bool, session: Session | None, places_left: int | None, on: dt.date
) -> list[tuple[str, int]]:
    parts: list[tuple[str, int]] = []
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
    elif session.starts_on <= on + dt.timedelta(days=31):
        parts.append(("Commence dans le mois", WEIGHTS["starts_within_a_month"]))
    elif session.starts_on <= on + dt.timedelta(days=92):
        parts.append(("Commence dans les trois mois", WEIGHTS["starts_within_three_months"]))
    return parts


def _places_left(places: int | None, reserved: int, held: int) -> int | None:
    return None if places is None else max(places - reserved - held, 0)


def _next_session(
    action: Action, sessions: list[Session], held: Mapping[tuple[int, int | None], int], on: dt.date
) -> tuple[Session | None, int | None]:
    """The session to propose and its places left: the first to start that is not full, else one that is running.

    Without any session the action itself is counted.
    """
    if not sessions:
        held_by_action = sum(count for (action_id, _), count in held.items() if action_id == action.pk)
        return None, _places_left(action.places, 0, held_by_action)
    counted = [
        (session, _places_left(session.places, session.reserved, held.get((action.pk, session.pk), 0)))
        for session in sessions
    ]
    coming = [pair for pair in counted if pair[0].starts_on >= on]
    ordered = coming or counted
    return next((pair for pair in ordered if pair[1] != 0), ordered[0])


def _match(
    action: Action,
    themes: Mapping[str, int],
    profile: Profile,
    session: Session | None,
    places_left: int | None,
    is_dated: bool,
    on: dt.date,
) -> Match:
    """Answer the criteria of one action and add up its score."""
    covered = {theme: priority for theme, priority in themes.items() if theme in action.themes}
    answers = evaluate_all(action.conditions(), profile, on)
    is_fresh = action.is_fresh(on)
    parts = [
        (f"Besoin\u00a0: {NeedTheme(theme).label}", WEIGHTS[PRIORITIES[priority]])
        for theme, priority in covered.items()
    ]
    parts += _positioning_part(action, covered, profile)
    parts += _learning_parts(action, covered, profile)
    parts += _criteria_parts(answers)
    parts += _place_parts(is_dated, session, places_left, on)
    if is_fresh:
        parts.append(("Fiche de l’action à jour", WEIGHTS["confirmed"]))
    return Match(
        action=action,
        score=sum(points for _, points in parts),
        parts=tuple(parts),
        needs_covered=tuple(covered),
        answers=answers,
        verdict=verdict(answers),
        next_session=session,
        places_left=places_left,
        is_fresh=is_fresh,
        on=on,
    )


def _rank(match: Match) -> tuple[int, str, int]:
    """Best score first; ties are stable: by name, then by number."""
    return -match.score, match.action.name, match.action.pk


def suggest(
    person: Person, needs: Iterable[NeedLike], *, prescriber: Structure | None, on: dt.date, limit: int = LIMIT
) -> Suggestions:
    """Rank the open actions that cover at least one of the needs, for a fiche that `prescriber` would send.

    Three queries, whatever the size of the catalogue. Actions of the prescriber itself are proposed like the others.
    """
    profile = profile_of(person, prescriber_kind=prescriber.kind if prescriber else "")
    themes: dict[str, int] = {}
    for need in sorted(needs, key=lambda need: (need.priority, need.theme)):
        themes.setdefault(need.theme, need.priority)
    actions = list(
        Action.objects.open_on(on)
        .filter(themes__overlap=list(themes))
        .select_related("structure")
        .annotate(is_dated=Exists(Session.objects.filter(action=OuterRef("pk"))))
        .order_by("name", "id")
    )
    sessions: dict[int, list[Session]] = defaultdict(list)
    for session in Session.objects.filter(action__in=[action.pk for action in actions]).current(on):
        sessions[session.action_id].append(session)
    held: dict[tuple[int, int | None], int] = {
        (row["action"], row["session"]): row["held"]
        for row in Referral.objects.filter(state__in=HOLDING, action__in=[action.pk for action in actions])
        .values("action", "session")
        .annotate(held=Count("pk"))
        .order_by("action", "session")
    }
    considered = [
        _match(action, themes, profile, *_next_session(action, sessions[action.pk], held, on), action.is_dated, on)
        for action in actions
    ]
    considered.sort(key=_rank)
    fitting = [match for match in considered if match.verdict != "ineligible"]
    near = [match for match in considered if 1 <= len(match.obstacles) <= NEAR_MISS]
    near.sort(key=lambda match: (len(match.obstacles), *_rank(match)))
    return Suggestions(fitting[:limit], near[:limit], considered, profile, on)


def snapshot(match: Match) -> dict[str, Any]:
    """Freeze a match as JSON: the sentences as they were said on the day, so that no later rule rewrites them."""
    session = match.next_session
    return {
        "version": SNAPSHOT_VERSION,
        "on": match.on.isoformat(),
        "action": match.action.name,
        "structure": str(match.action.structure),
        "score": match.score,
        "parts": [list(part) for part in match.parts],
        "needs": match.need_labels,
        "answers": [asdict(answer) for answer in match.answers],
        "verdict": match.verdict,
        "session": {"code": session.code, "starts_on": session.starts_on.isoformat()} if session else None,
        "places_left": match.places_left,
        "is_fresh": match.is_fresh,
    }


@dataclass(frozen=True)
class SnapshotMatch:
    """A match as it was kept on a fiche: what was true on that day."""

    on: dt.date
    action: str
    structure: str
    score: int
    parts: tuple[tuple[str, int], ...]
    needs: tuple[str, ...]
    answers: tuple[Answer, ...]
    verdict: str
    session_code: str
    session_starts_on: dt.date | None
    places_left: int | None
    is_fresh: bool

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SnapshotMatch | None:
        """Read a snapshot again; `None` for a fiche that kept none (written without a suggestion).

        Raises `ValueError` for a version that this code does not know.
        """
        if not data:
            return None
        if data.get("version") != SNAPSHOT_VERSION:
            raise ValueError(f"unknown snapshot version {data.get('version')!r}")
        session = data["session"] or {}
        starts_on = session.get("starts_on")
        return cls(
            on=dt.date.fromisoformat(data["on"]),
            action=data["action"],
            structure=data["structure"],
            score=data["score"],
            parts=tuple((label, points) for label, points in data["parts"]),
            needs=tuple(data["needs"]),
            answers=tuple(Answer(**answer) for answer in data["answers"]),
            verdict=data["verdict"],
            session_code=session.get("code", ""),
            session_starts_on=dt.date.fromisoformat(starts_on) if starts_on else None,
            places_left=data["places_left"],
            is_fresh=data["is_fresh"],
        )
