"""What a change of an action's criteria would do: who would newly match and who no longer would, among open needs.

The figures of the whole territory are told as bands only: between two tries of a manager, no exact count can betray
one person. Names are told of those whose needs, profile and address the manager's own door shows, since any condition
can be tried; with them stands the condition that changes, never what is known of the person.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db.models import Exists, OuterRef, Q

from referrals.matching import profile_of
from referrals.models import Need, Person
from referrals.permissions import Door
from structures.eligibility import Criterion, Profile, evaluate_all, verdict
from structures.models import Action

MOST_READ = 10_000
"""Open needs read at most for one preview: about a second of work."""
CHUNK = 1_000
"""Needs held in memory at a time."""
MOST_NAMED = 20
"""Persons named at most on each side."""
BANDS = (5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
"""Where the bands of a count begin; below the first, nothing is told apart, zero included."""

Side = Literal["gained", "lost"]


def band(count: int) -> str:
    """A count as a band: « moins de 5 », « de 5 à 9 »…"""
    if count < BANDS[0]:
        return f"moins de {BANDS[0]}"
    low = max(start for start in BANDS if start <= count)
    after = [start for start in BANDS if start > count]
    return f"de {low} à {after[0] - 1}" if after else f"{low} ou plus"


@dataclass(frozen=True)
class Shift:
    """One person whose answer changes, and the conditions that make the change."""

    person: Person
    conditions: tuple[str, ...]


@dataclass
class Part:
    """Those who would newly match, or no longer would."""

    count: int = 0
    named: list[Shift] = field(default_factory=list)
    own: int = 0

    @property
    def band(self) -> str:
        """The count of the territory, as it may be told."""
        return band(self.count)

    @property
    def unnamed(self) -> int:
        """How many of those whom the manager may see are not in `named`."""
        return self.own - len(self.named)


@dataclass
class Preview:
    """What a change would do, on a day. `is_same` when the conditions say the same as before."""

    is_same: bool = False
    read: int = 0
    is_cut: bool = False
    gained: Part = field(default_factory=Part)
    lost: Part = field(default_factory=Part)

    @property
    def read_band(self) -> str:
        """How many open needs were read, as it may be told."""
        return band(self.read)


def _admits(criteria: Sequence[Criterion], profiles: Iterable[Profile], on: dt.date) -> bool:
    """Whether one of a person's needs is admitted: eligible, or to be checked."""
    return any(verdict(evaluate_all(criteria, profile, on)) != "ineligible" for profile in profiles)


def shift_of(
    stored: Sequence[Criterion], edited: Sequence[Criterion], profiles: Sequence[Profile], on: dt.date
) -> tuple[Side, tuple[str, ...]] | None:
    """Whether a person newly matches or no longer does, and the conditions that shut the door before or after.

    `profiles` are those of one person, one for each kind of prescriber who noted a need.
    """
    before, after = _admits(stored, profiles, on), _admits(edited, profiles, on)
    if before == after:
        return None
    shutting = stored if after else edited
    found = {
        criterion.sentence()
        for profile in profiles
        for criterion, answer in zip(shutting, evaluate_all(shutting, profile, on), strict=True)
        if answer.blocks
    }
    return ("gained" if after else "lost"), tuple(sorted(found))


def _persons(action: Action, door: Door) -> Iterator[list[Any]]:
    """The open needs that the action covers, one person after the other; `is_seen` when the door shows it."""
    seen = Exists(door.needs().filter(pk=OuterRef("pk"))) & Exists(
        door.persons_in_full().filter(pk=OuterRef("person_id"))
    )
    needs = (
        Need.objects.open()
        .filter(theme__in=action.themes)
        .annotate(is_seen=Q(seen))
        .select_related("person", "structure")
        .order_by("person_id", "id")[:MOST_READ]
    )
    rows = needs.iterator(chunk_size=CHUNK)
    return (list(group) for _, group in itertools.groupby(rows, key=lambda need: need.person_id))


def preview(action: Action, criteria: list[dict[str, Any]], door: Door, on: dt.date) -> Preview:
    """Compare the stored criteria with edited ones, over the open needs. One query. Raises `BadCriteria`."""
    stored, edited = action.conditions(), action.conditions_with(criteria)
    found = Preview(is_same=set(stored) == set(edited))
    if found.is_same:
        return found
    for needs in _persons(action, door):
        found.read += len(needs)
        person = needs[0].person
        kinds = dict.fromkeys(need.structure.kind for need in needs)
        shift = shift_of(stored, edited, [profile_of(person, prescriber_kind=kind) for kind in kinds], on)
        if shift is None:
            continue
        part = found.gained if shift[0] == "gained" else found.lost
        part.count += 1
        if any(need.is_seen for need in needs):
            part.own += 1
            if len(part.named) < MOST_NAMED:
                part.named.append(Shift(person, shift[1]))
    found.is_cut = found.read >= MOST_READ
    return found
