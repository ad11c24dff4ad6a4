"""The answer to "what is there for this person?", explained."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from referrals.matching.profiles import profile_of, whereabouts
from referrals.matching.record import NOTHING, Record, records
from referrals.matching.score import Asking, Match, Offered, match
from referrals.matching.shortlist import Listed, Shortlist, shortlist
from referrals.matching.weights import LIMIT, NEAR_LIMIT, NEAR_MISS, RADII_KM
from referrals.models import Person
from referrals.states import UnmetReason
from structures.eligibility import Profile
from structures.geography import Point
from structures.models import Action, Offer, Session, Structure
from structures.models.offer import next_session
from structures.vocabulary import NeedTheme

FARTHEST_KM = 10 * RADII_KM[-1]
"""Where an action without a distance stands among equals: last."""


SHOWN_OF_A_STRUCTURE = ("id", "name", "short_name", "kind", "is_sensitive", "commune")
ACTIONS = f"""
SELECT a.*, {", ".join(f"s.{name} AS structure_{name}" for name in SHOWN_OF_A_STRUCTURE if name != "id")}
  FROM structures_action a JOIN structures_structure s ON s.id = a.structure_id
 WHERE a.id = ANY(%s) ORDER BY a.id
"""  # noqa: S608  # nosec B608: names of columns written above
SESSIONS = """
SELECT * FROM structures_session
 WHERE action_id = ANY(%(actions)s) AND (starts_on >= %(on)s OR ends_on >= %(on)s) ORDER BY starts_on, id
"""
"""The sessions of `SessionQuerySet.current`. By hand, as above: composing the query cost as much as asking it."""


class NeedLike(Protocol):
    """What the matching reads of a need."""

    theme: str
    priority: int


@dataclass(frozen=True)
class Suggestions:
    """What fits, what nearly fits, and all that was explained on the way (`considered`, best first)."""

    matches: list[Match]
    near_misses: list[Match]
    considered: list[Match]
    asking: Asking
    found: Shortlist

    @property
    def profile(self) -> Profile:
        """The facts that were compared."""
        return self.asking.profile

    @property
    def on(self) -> dt.date:
        """The day for which it is true."""
        return self.asking.on

    def of(self, action: Action) -> Match | None:
        """The match of one action, wherever it ranks; `None` when it covers none of the needs or is closed."""
        known = next((one for one in self.considered if one.action.pk == action.pk), None)
        if known is not None:
            return known
        told = records([action.pk], age=self.profile.age(self.on), on=self.on)
        return next(iter(_explain(_listed([action.pk], self.asking), told, self.asking)), None)

    def why_unmatched(self, theme: str) -> str:
        """Why no action fits this need: an `UnmetReason`'s value, or an empty text when one does.

        An action that only has a waiting list does not fit: the need stays without a place.
        """
        tally = self.found.tallies.get(theme)
        if tally is None or not tally.concerned:
            return UnmetReason.NO_OFFER
        if tally.admitting:
            if not tally.with_place:
                return UnmetReason.NO_PLACE
            return "" if tally.free else UnmetReason.COST
        if tally.at_other_hours:
            return UnmetReason.TIMETABLE
        return UnmetReason.ZONE if tally.elsewhere == tally.concerned else UnmetReason.NOT_ELIGIBLE


def _listed(actions: Iterable[int], asking: Asking) -> list[Listed]:
    """These actions as a short list of their own, without being judged; those that are closed are left out."""
    themes = {NeedTheme(theme) for theme in asking.themes}
    rows = Offer.objects.filter(action__in=list(actions)).order_by("action_id", "id").distinct("action_id")
    return [
        Listed(row.action_id, 0, 0, row.is_dated, _point_of(row))
        for row in rows.select_related("action")
        if themes & set(row.action.themes) and (row.paused_until is None or row.paused_until <= asking.on)
    ]


def _point_of(row: Offer) -> Point | None:
    return Point(row.latitude, row.longitude) if row.latitude is not None and row.longitude is not None else None


def _actions(ids: list[int]) -> list[Action]:
    """Actions with what is shown of their structures, in one query; what is left out is read when it is asked for.

    Written by hand: joined by the ORM, the same rows cost as much as all the rest of a suggestion.
    """
    actions = list(Action.objects.raw(ACTIONS, [ids]))
    for action in actions:
        values = [getattr(action, f"structure_{name}") for name in SHOWN_OF_A_STRUCTURE]
        action.structure = Structure.from_db(action._state.db, SHOWN_OF_A_STRUCTURE, values)
    return actions


def _explain(listed: Iterable[Listed], told: Mapping[int, Record], asking: Asking) -> list[Match]:
    """Answer every criterion of these actions and add up their scores, in two queries; best first."""
    rows = {row.action: row for row in listed}
    if not rows:
        return []
    actions = _actions(list(rows))
    sessions: dict[int, list[Session]] = defaultdict(list)
    for session in Session.objects.raw(SESSIONS, {"actions": list(rows), "on": asking.on}):
        sessions[session.action_id].append(session)
    matches = [
        match(
            Offered(
                action,
                *next_session(action, sessions[action.pk], asking.on),
                is_dated=rows[action.pk].is_dated,
                point=rows[action.pk].point,
                record=told.get(action.pk, NOTHING),
            ),
            asking,
        )
        for action in actions
    ]
    return sorted(matches, key=_rank)


def _rank(one: Match) -> tuple[int, float, str, int]:
    """Best score first; ties are stable: the nearest, then by name, then by number."""
    km = FARTHEST_KM if one.distance_km is None else one.distance_km
    return -one.score, km, one.action.name, one.action.pk


def _best(found: Shortlist, told: Mapping[int, Record], limit: int) -> list[Listed]:
    """Those that deserve to be explained: the suitable ones that their record leaves among the first, and the near
    misses."""

    def points(row: Listed) -> int:
        return row.score + sum(points for _, points in told.get(row.action, NOTHING).parts())

    fitting = sorted((row for row in found.listed if not row.obstacles), key=points, reverse=True)
    return [*fitting[:limit], *(row for row in found.listed if row.obstacles)]


def asking_for(person: Person, needs: Iterable[NeedLike], *, prescriber: Structure | None, on: dt.date) -> Asking:
    """Who asks for what, from where, on that day. One query."""
    home, point = whereabouts(person, prescriber)
    themes: dict[str, int] = {}
    for need in sorted(needs, key=lambda need: (need.priority, need.theme)):
        themes.setdefault(need.theme, need.priority)
    profile = profile_of(person, prescriber_kind=prescriber.kind if prescriber else "", commune=home)
    return Asking(profile, themes, point, on, from_prescriber=home is None)


def suggest(
    person: Person, needs: Iterable[NeedLike], *, prescriber: Structure | None, on: dt.date, limit: int = LIMIT
) -> Suggestions:
    """Rank the open actions that cover at least one of the needs, for a fiche that `prescriber` would send.

    The database judges every offer around the person and keeps the best (`shortlist`); what is known of earlier fiches
    orders those, and the first are explained. At most six queries, whatever the size of the catalogue. Actions of the
    prescriber itself are proposed like the others.
    """
    asking = asking_for(person, needs, prescriber=prescriber, on=on)
    found = shortlist(asking)
    told = records((row.action for row in found.listed), age=asking.profile.age(on), on=on) if found.listed else {}
    considered = _explain(_best(found, told, limit), told, asking)
    fitting = [one for one in considered if one.verdict != "ineligible"]
    near = [one for one in considered if 1 <= len(one.obstacles) <= NEAR_MISS]
    near.sort(key=lambda one: (len(one.obstacles), *_rank(one)))
    return Suggestions(fitting[:limit], near[:NEAR_LIMIT], considered, asking, found)
