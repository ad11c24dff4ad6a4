"""A plan: two or three actions that together answer a person's needs, in an order that makes sense. Pure functions.

Actions are chosen one by one, each time the one that answers the most needs left, the first priorities before the
others; among equals the best ranked. A need is answered once, but for its evaluation (positionnement, diagnostic),
which comes before the action that it decides. The order: evaluations, what stands in the way (rights, housing,
childcare), mobility when something lies far away, then the rest by priority.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from referrals.matching import Match, NeedLike
from referrals.matching.score import LEARNING, level_is_known
from referrals.states import OPEN, State
from structures.eligibility import Profile
from structures.models import Action
from structures.models.offer import evaluates
from structures.vocabulary import ActionShape, Licence, NeedTheme

MOST_STEPS = 3
"""A longer plan is not followed."""
FAR_KM = 20
"""Beyond this distance (kilometres), one must be able to travel before one starts."""
OF_LEVEL = frozenset({"french_oral", "french_written", "learner_public", "anlci"})
"""Kinds of criteria that a positionnement answers."""
DECIDED = OF_LEVEL | {"manual"}
"""Kinds of criteria that any evaluation answers: what only a human judges is often that it took place."""
HINDRANCES = frozenset({NeedTheme.RIGHTS, NeedTheme.HOUSING, NeedTheme.CHILDCARE})
"""Needs that keep one from coming to a course or a chantier as long as they are not answered."""
ATTENDED = frozenset({ActionShape.COURSE, ActionShape.WORKSITE})
"""Shapes of actions to which one comes every week."""
FOLLOWED = ATTENDED | {ActionShape.SUPPORT}
"""Shapes of actions that an evaluation leads to."""


class Fiche(Protocol):
    """What a plan reads of a fiche of the same person: `themes` are the needs that it answers."""

    action: Action
    action_id: int
    state: str
    themes: list[str]


class Found(Protocol):
    """What a plan reads of the suggestions."""

    @property
    def matches(self) -> Sequence[Match]: ...
    @property
    def profile(self) -> Profile: ...


@dataclass(frozen=True)
class Step:
    """One action of a plan: the needs that it answers, why it stands there, and the step (from 1) that it waits for."""

    match: Match
    themes: tuple[str, ...]
    why: str
    after: int | None = None

    @property
    def need_labels(self) -> list[str]:
        """The needs answered, in words."""
        return [str(NeedTheme(theme).label) for theme in self.themes]


@dataclass
class _Chosen:
    match: Match
    themes: tuple[str, ...]
    priority: int
    rank: int
    decided_by: _Chosen | None = None

    @property
    def action(self) -> Action:
        return self.match.action

    @property
    def evaluates(self) -> bool:
        return self.action.shape == ActionShape.POSITIONING


def _asks(match: Match, kinds: frozenset[str]) -> bool:
    """Whether a condition of one of these kinds is still to be checked."""
    return any(answer.to_check and answer.state == "unknown" and answer.kind in kinds for answer in match.answers)


@dataclass
class _Planner:
    """What the choice and the order read: the candidates in the order of their rank, and the needs left to answer."""

    candidates: list[Match]
    needs: Mapping[str, int]
    profile: Profile
    evaluated: frozenset[str]

    def _evaluates(self, match: Match, theme: str) -> bool:
        """Whether the action is the positionnement or the diagnostic that this need waits for.

        A positionnement of several needs only tells levels; one that speaks of a single need is its diagnostic.
        """
        if theme in self.evaluated or not evaluates(match.action, theme):
            return False
        if theme in LEARNING:
            return level_is_known(theme, self.profile) is False
        return list(match.action.themes) == [theme]

    def answers(self) -> dict[str, list[Match]]:
        """For each need, what may answer it first: its evaluations, else its actions.

        Actions that are full, or that wait for a level that nobody knows, only count for want of others.
        """
        found = {}
        for theme in self.needs:
            concerned = [one for one in self.candidates if theme in one.needs_covered]
            evaluations = [one for one in concerned if self._evaluates(one, theme)]
            actions = [one for one in concerned if one.action.shape != ActionShape.POSITIONING]
            offered = evaluations or [one for one in actions if not _asks(one, OF_LEVEL)] or actions
            found[theme] = [one for one in offered if not one.is_full] or offered
        return found

    def cover(self) -> list[_Chosen]:
        """The actions that answer the most needs, first priorities first."""
        answers = self.answers()
        left = dict(self.needs)
        chosen: list[_Chosen] = []
        while left and len(chosen) < MOST_STEPS:
            best: tuple[tuple[int, ...], Match | None] = ((0, 0, 0), None)
            for match in self.candidates:
                gain = tuple(
                    sum(match in answers[theme] for theme in left if left[theme] == level) for level in (1, 2, 3)
                )
                if gain > best[0]:
                    best = gain, match
            if best[1] is None:
                break
            match = best[1]
            themes = tuple(theme for theme in left if match in answers[theme])
            chosen.append(_Chosen(match, themes, min(left[theme] for theme in themes), self.candidates.index(match)))
            for theme in themes:
                del left[theme]
        return chosen

    def follow(self, chosen: list[_Chosen]) -> list[_Chosen]:
        """The actions that the evaluations decide, as far as there is room."""
        more: list[_Chosen] = []
        waiting = [(theme, one) for one in chosen if one.evaluates for theme in one.themes]
        for theme, evaluation in sorted(waiting, key=lambda pair: (self.needs[pair[0]], pair[0])):
            taken = [one.match for one in (*chosen, *more)]
            following = next(
                (
                    one
                    for one in self.candidates
                    if theme in one.needs_covered
                    and one.action.shape in FOLLOWED
                    and one not in taken
                    and not one.is_full
                    and _asks(one, DECIDED)
                ),
                None,
            )
            if following is not None and len(taken) < MOST_STEPS:
                rank = self.candidates.index(following)
                more.append(_Chosen(following, (theme,), self.needs[theme], rank, evaluation))
        return more

    def travels(self, one: _Chosen) -> bool:
        """Whether the action helps to travel someone who needs it."""
        on_foot = self.profile.licence in (Licence.NONE, Licence.CODE) and self.profile.has_vehicle is False
        return NeedTheme.MOBILITY in one.themes or (on_foot and NeedTheme.MOBILITY in one.action.themes)

    def away(self, one: _Chosen) -> str:
        """How far the action is, in words, when one must travel to it; empty when it is near or nobody knows."""
        km = one.match.distance_km
        if km is not None:
            return f"à {round(km)}\u00a0km" if km > FAR_KM else ""
        here, there = self.profile.commune_code, one.action.commune_code
        return "hors de sa commune" if one.action.shape in ATTENDED and here and there and here != there else ""

    def order(self, chosen: list[_Chosen]) -> list[_Chosen]:
        """Evaluations, hindrances, mobility before what is far, and the rest by priority."""
        far = any(self.away(one) and not self.travels(one) for one in chosen)

        def stage(one: _Chosen) -> int:
            if one.evaluates:
                return 0
            if HINDRANCES.intersection(one.themes):
                return 1
            return 2 if far and self.travels(one) else 3

        return sorted(chosen, key=lambda one: (stage(one), one.priority, one.rank))

    def steps(self, ordered: list[_Chosen]) -> tuple[Step, ...]:
        """Say of each why it stands there, and which one it waits for."""
        waits: dict[int, tuple[int, str]] = {}
        for number, one in enumerate(ordered, start=1):
            earlier = list(enumerate(ordered[: number - 1], start=1))
            ways = [rank for rank, other in earlier if self.travels(other)]
            obstacles = [rank for rank, other in earlier if HINDRANCES.intersection(other.themes)]
            told = [rank for rank, other in earlier if other is one.decided_by]
            if _asks(one.match, OF_LEVEL) and not one.evaluates:
                told += [rank for rank, other in earlier if other.evaluates and LEARNING.intersection(other.themes)]
            if told:
                waits[number] = told[0], f"Après l’étape {told[0]}, qui dira si l’action convient."
            elif ways and self.away(one) and not self.travels(one):
                waits[number] = ways[-1], f"Après l’étape {ways[-1]} : c’est {self.away(one)}."
            elif obstacles and one.action.shape in ATTENDED:
                waits[number] = obstacles[-1], f"Après l’étape {obstacles[-1]}, une fois ce frein levé."
        awaited = {rank for rank, _ in waits.values()}
        return tuple(
            Step(
                one.match,
                one.themes,
                waits[number][1] if number in waits else self._why(one, number in awaited),
                waits[number][0] if number in waits else None,
            )
            for number, one in enumerate(ordered, start=1)
        )

    def _why(self, one: _Chosen, awaited: bool) -> str:
        if one.evaluates:
            levels = LEARNING.intersection(one.themes)
            told = "le niveau n’est pas connu, et il décide du cours" if levels else "le diagnostic dira par où passer"
            return f"D’abord : {told}."
        if awaited:
            return "D’abord : la suite en dépend."
        return "Sans attendre : elle ne dépend d’aucune autre étape."


def propose(found: Found, needs: Iterable[NeedLike], fiches: Iterable[Fiche] = ()) -> tuple[Step, ...]:
    """The plan for these open needs, in order; empty for a single need, or when fewer than two actions would answer.

    A need for which one of `fiches` is under way or in preparation is being answered already; what was evaluated once
    is not evaluated again.
    """
    ordered = sorted(needs, key=lambda need: (need.priority, need.theme))
    fiches = list(fiches)
    running = [fiche for fiche in fiches if fiche.state in (State.DRAFT, *OPEN)]
    answered = {theme for fiche in running for theme in fiche.themes}
    taken = {fiche.action_id for fiche in running}
    passed = [fiche.action for fiche in fiches if fiche.state in (State.ENTERED, State.ENDED)]
    evaluated = frozenset(theme for one in passed if one.shape == ActionShape.POSITIONING for theme in one.themes)
    left = {need.theme: need.priority for need in ordered if need.theme not in answered}
    candidates = [match for match in found.matches if match.action.pk not in taken]
    planner = _Planner(candidates, left, found.profile, evaluated)
    chosen = planner.cover()
    chosen += planner.follow(chosen)
    return planner.steps(planner.order(chosen)) if len(ordered) > 1 and len(chosen) > 1 else ()
