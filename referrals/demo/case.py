"""One person's case: met, read, and oriented to what fits on the day."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef
from django.utils import timezone

from referrals.demo import words
from referrals.demo.fates import Fate, roll, unfit
from referrals.demo.kinds import Kind
from referrals.demo.mobility import read_mobility
from referrals.demo.people import Invented
from referrals.demo.world import World
from referrals.matching import Match, Suggestions, suggest
from referrals.models import Actor, Need, Person, Prediagnosis, Referral
from referrals.states import OPEN, Reason, State
from structures.eligibility import ZONE
from structures.vocabulary import NeedTheme, Status

AFTERWARDS = (
    (NeedTheme.EMPLOYMENT, NeedTheme.MOBILITY),
    (NeedTheme.EMPLOYMENT, NeedTheme.DIGITAL),
    (NeedTheme.TRAINING, NeedTheme.CONFIDENCE),
    (NeedTheme.CITIZENSHIP, NeedTheme.EMPLOYMENT),
)
"""What comes up once the first needs are answered."""


@dataclass(frozen=True)
class Chosen:
    """The action that a prescripteur settled on, what it answers, and what will become of the fiche."""

    match: Match
    needs: list[Need]
    fate: Fate


@dataclass
class Case:
    """One person and those who accompany them. `sender` is the structure that recorded them.

    Every fiche of the case holds this very `person`: what a positionnement or a bilan finds is known here at once.
    """

    world: World
    kind: Kind
    dice: random.Random
    sender: Actor
    invented: Invented
    themes: Sequence[NeedTheme]
    route: list[str]
    person: Person = field(default_factory=Person)
    tried: set[str] = field(default_factory=set)
    _fresh: Suggestions | None = None

    def meet(self, at: dt.datetime) -> None:
        """Record the person and the first reading of their needs."""
        self.person = Person(**self.invented.noted).record(self.sender, at)
        read_at = at + dt.timedelta(minutes=self.dice.randint(4, 9))
        self.read(self.themes, self.sender, read_at)
        if NeedTheme.MOBILITY in self.themes:
            read_mobility(self.person, self.world.seed, self.sender, read_at + dt.timedelta(seconds=45))
        self.world.told()

    def read(self, themes: Sequence[NeedTheme], actor: Actor, at: dt.datetime) -> list[Need]:
        """Write a reading of the needs, and keep for each why nothing fits, where nothing does.

        Returns the needs to answer.
        """
        obstacles: dict[str, str] = {theme: self.dice.choice(words.OBSTACLES.get(theme, ("",))) for theme in themes}
        Prediagnosis.objects.record(
            self.person,
            {theme: min(rank, 3) for rank, theme in enumerate(themes, start=1)},
            actor,
            at,
            note=self.dice.choice(words.READINGS),
            obstacles=obstacles,
        )
        needs = self.needs_to_answer()
        found = self._fresh = self.suggestions(needs, actor, at)
        for need in needs:
            need.note_match(found.why_unmatched(need.theme))
        return needs

    def open_needs(self) -> list[Need]:
        """The needs still standing, most urgent first."""
        return list(self.person.needs.open().order_by("priority", "theme", "id"))

    def needs_to_answer(self) -> list[Need]:
        """The needs still standing for which no fiche is under way."""
        running = Referral.objects.filter(needs=OuterRef("pk"), state__in=[State.DRAFT, *OPEN])
        return list(self.person.needs.open().filter(~Exists(running)).order_by("priority", "theme", "id"))

    def suggestions(self, needs: Sequence[Need], actor: Actor, at: dt.datetime) -> Suggestions:
        """What Relais suggests to that prescripteur on that day."""
        return suggest(self.person, needs, prescriber=actor.structure, on=timezone.localdate(at))

    def choose(self, needs: list[Need], actor: Actor, at: dt.datetime, *, fate: Fate | None = None) -> Chosen | None:
        """Settle on an action for the `needs_to_answer`: the next of the route that fits, else one of the best.

        Now and then a prescripteur tries an action whose conditions are not met, and it is declined. `None` when
        nothing is to be done.
        """
        if not needs:
            return None
        # The reading of a moment ago has just asked the same question.
        found = self._fresh or self.suggestions(needs, actor, at)
        self._fresh = None
        fitting = [match for match in found.matches if match.action.slug not in self.tried]
        near = [match for match in found.near_misses if self._is_worth_a_try(match)]
        luck = 0.9 if self.kind.key == "outside" or not fitting else 0.06
        tries_its_luck = bool(near) and fate is None and self.dice.random() < luck
        if not fitting and not tries_its_luck:
            return None
        match = near[0] if tries_its_luck else self._best(fitting)
        covered = [need for need in needs if need.theme in match.needs_covered]
        self.tried.add(match.action.slug)
        if fate is None:
            fate = roll(self.dice, match.action.get_shape(), full=match.is_full)
        if tries_its_luck:
            kinds = {answer.kind for answer in match.obstacles}
            fate = unfit(self.dice, fate, Reason.OUT_OF_ZONE if kinds & {"residence", ZONE} else Reason.NOT_ELIGIBLE)
        return Chosen(match, covered, fate)

    def _best(self, fitting: list[Match]) -> Match:
        by_slug = {match.action.slug: match for match in fitting}
        while self.route:
            slug = self.route.pop(0)
            if slug in by_slug:
                return by_slug[slug]
        best = fitting[:3]
        return self.dice.choices(best, [70, 20, 10][: len(best)])[0]

    def _is_worth_a_try(self, match: Match) -> bool:
        """One condition alone is missing, and not one that everybody knows at first sight."""
        kinds = [answer.kind for answer in match.obstacles]
        return len(kinds) == 1 and kinds[0] not in ("sex", "prescriber") and match.action.slug not in self.tried

    def motive(self, needs: Sequence[Need]) -> str:
        """The word for the structure."""
        for need in needs:
            found = words.MOTIVES.get(NeedTheme(need.theme))
            if found:
                return self.dice.choice(found)
        return self.dice.choice(words.ANY_MOTIVE)

    def learns_basics(self, actor: Actor, at: dt.datetime) -> None:
        """Note on the file that the person follows a basic-skills course."""
        if Status.BASIC_TRAINEE not in self.person.statuses:
            self.person.change(actor, at, statuses=sorted([*self.person.statuses, Status.BASIC_TRAINEE]))
