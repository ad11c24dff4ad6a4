"""The short list: which of the many offers deserve to be explained, judged and ranked by PostgreSQL in one pass.

The same rules and the same points as `referrals.matching.score`, over the numbers of `structures.Offer`: a test holds
that both say the same of actions and people drawn at random. What it returns is only which actions to read; their
answers and their order are then told by the Python rules, so that what is shown is what was decided.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from referrals.matching.score import LEARNING, Asking, level_is_known, level_of
from referrals.matching.weights import (
    ENOUGH,
    FAR_KM,
    MONTH,
    MOST_LEFT_TO_CHECK,
    MOST_REQUIRED_MET,
    NEAR_KM,
    NEAR_LIMIT,
    NEAR_MISS,
    PRIORITIES,
    QUARTER,
    RADII_KM,
    SHORTLIST,
    VERY_NEAR_KM,
    WEIGHTS,
)
from structures.eligibility.compiled import (
    availability_unmet_sql,
    is_zone_sql,
    parameters,
    residence_unknown_sql,
    residence_unmet_sql,
    unknown_sql,
    unmet_sql,
)
from structures.geography import EVERYWHERE, KM_PER_DEGREE, Point, area_of_code, cells_within
from structures.models.action import FRESH
from structures.models.offer import PUBLICS, THEMES, themes_mask
from structures.vocabulary import CECRL_ORDER


def _w(name: str) -> str:
    return str(WEIGHTS[name])


CRITERIA_POINTS = f"""
    LEAST({MOST_REQUIRED_MET}, required_met) * {_w("required_met")}
    + priority_met * {_w("priority_met")} + priority_unmet * {_w("priority_unmet")}
    + LEAST({MOST_LEFT_TO_CHECK}, left_to_check) * {_w("left_to_check")}"""

POSITIONING_POINTS = f"""
    CASE WHEN evaluates & %(wanted)s & %(level_unknown)s <> 0 THEN {_w("positioning_first")}
         WHEN evaluates & %(wanted)s & %(level_known)s <> 0 THEN {_w("positioning_done")}
         ELSE 0 END"""

LEARNING_POINTS = f"""
    CASE WHEN is_positioning OR themes & %(wanted)s & {themes_mask(LEARNING)} = 0 THEN 0
         ELSE CASE WHEN level_in = %(level)s THEN {_w("level_fits")} ELSE 0 END
            + CASE WHEN %(public)s = 0 OR learner_publics = 0 THEN 0
                   WHEN learner_publics & %(public)s <> 0 THEN {_w("public_fits")}
                   ELSE {_w("public_differs")} END
    END"""

PLACE_POINTS = f"""
    CASE WHEN places_left IS NULL THEN 0 WHEN places_left > 0 THEN {_w("places_left")} ELSE {_w("no_place")} END
    + CASE WHEN session_id IS NULL THEN CASE WHEN is_dated THEN {_w("no_date")} ELSE {_w("open_entry")} END
           WHEN next_start < %(on)s THEN {_w("open_entry")}
           WHEN next_start <= %(month)s THEN {_w("starts_within_a_month")}
           WHEN next_start <= %(quarter)s THEN {_w("starts_within_three_months")}
           ELSE 0 END"""

DISTANCE_POINTS = f"""
    CASE WHEN km <= {VERY_NEAR_KM} THEN {_w("very_near")} WHEN km <= {NEAR_KM} THEN {_w("near")}
         WHEN km > {FAR_KM} THEN {_w("far")} ELSE 0 END"""

FRESH_POINTS = f"CASE WHEN confirmed_on >= %(fresh_from)s THEN {_w('confirmed')} ELSE 0 END"

NORTH, EAST = "(latitude - %(latitude)s)", "((longitude - %(longitude)s) * %(narrowing)s)"
KM = f"{KM_PER_DEGREE} * sqrt({NORTH} * {NORTH} + {EAST} * {EAST})"

POINTS = " + ".join(
    f"({points})"
    for points in (
        "{needs}",
        POSITIONING_POINTS,
        LEARNING_POINTS,
        CRITERIA_POINTS,
        PLACE_POINTS,
        DISTANCE_POINTS,
        FRESH_POINTS,
    )
)

NEARBY = f"""
       AND area = ANY(%(areas)s)
       AND (area <= {EVERYWHERE} OR {KM} <= %(radius)s)
       AND (cell IS NULL OR NOT (cell = ANY(%(areas)s) AND {KM} <= %(radius)s))"""
"""Each action once: by its place where that is within the radius, else by the territory that it serves from afar."""
ANYWHERE = """
       AND is_first"""

ANSWERED = f"""
    SELECT action_id, session_id, themes, evaluates, is_positioning, level_in, learner_publics, is_dated, is_paid,
           next_start, places_left, confirmed_on, latitude, longitude,
           CASE WHEN NOT is_remote OR {KM} <= {FAR_KM} THEN {KM} END AS km,
           required_count, {is_zone_sql("required")} AS has_zone,
           {unmet_sql("required")} AS required_unmet,
           {unknown_sql("required")} AS required_unknown,
           {residence_unmet_sql("required")} AS outside,
           {residence_unknown_sql("required")} AS untold_place,
           {availability_unmet_sql("required")} AS not_free,
           priority_count, {unmet_sql("priority")} AS priority_unmet, {unknown_sql("priority")} AS priority_unknown,
           {unmet_sql("to_check")} + {unknown_sql("to_check")} AS check_left
      FROM structures_offer
     WHERE theme = ANY(%(themes)s)
       AND themes & %(searched)s & ((1 << theme) - 1) = 0
       AND (paused_until IS NULL OR paused_until <= %(on)s){{where}}
    OFFSET 0"""  # noqa: S608  # nosec B608: constants of this module and of `compiled`; facts are parameters
"""Each offer with its answers counted; `OFFSET 0` keeps the counts from being worked out wherever they are read."""

COUNTED = f"""
    SELECT *,
           required_count - required_unmet - required_unknown
               - (has_zone AND NOT outside AND NOT untold_place)::int AS required_met,
           priority_count - priority_unmet - priority_unknown AS priority_met,
           required_unknown + check_left AS left_to_check
      FROM ({ANSWERED}) answered
    OFFSET 0"""  # noqa: S608  # nosec B608: as above

QUERY = f"""
WITH judged AS MATERIALIZED (
    SELECT action_id, themes & %(wanted)s AS covered, required_unmet, outside, not_free, places_left, is_paid,
           is_dated, latitude, longitude, km, {POINTS} AS score
      FROM ({COUNTED}) counted
), fitting AS (
    SELECT action_id, score, required_unmet, is_dated, latitude, longitude
      FROM judged WHERE required_unmet = 0
     ORDER BY score DESC, km NULLS LAST, action_id LIMIT {SHORTLIST}
), near AS (
    SELECT action_id, score, required_unmet, is_dated, latitude, longitude
      FROM judged WHERE required_unmet BETWEEN 1 AND {NEAR_MISS}
     ORDER BY required_unmet, score DESC, km NULLS LAST, action_id LIMIT {NEAR_LIMIT}
), needs AS (
    SELECT covered,
           count(*) AS concerned,
           count(*) FILTER (WHERE required_unmet = 0) AS admitting,
           count(*) FILTER (WHERE required_unmet = 0 AND places_left IS DISTINCT FROM 0) AS with_place,
           count(*) FILTER (WHERE required_unmet = 0 AND places_left IS DISTINCT FROM 0 AND NOT is_paid) AS free,
           count(*) FILTER (WHERE required_unmet = 1 AND not_free) AS at_other_hours,
           count(*) FILTER (WHERE outside) AS elsewhere
      FROM judged GROUP BY covered
)
SELECT TRUE, action_id, score, required_unmet, is_dated, latitude, longitude, NULL::bigint FROM fitting
UNION ALL
SELECT TRUE, action_id, score, required_unmet, is_dated, latitude, longitude, NULL FROM near
UNION ALL
SELECT FALSE, covered, concerned, admitting, NULL, with_place, free, at_other_hours << 32 | elsewhere FROM needs
"""  # noqa: S608  # nosec B608: as above


@dataclass
class Tally:
    """What was judged for one need: how many actions cover it, and what stood in their way."""

    concerned: int = 0
    admitting: int = 0
    with_place: int = 0
    free: int = 0
    at_other_hours: int = 0
    elsewhere: int = 0


@dataclass(frozen=True)
class Listed:
    """One action of the short list, as the database judged it."""

    action: int
    score: int
    obstacles: int
    is_dated: bool
    point: Point | None


@dataclass(frozen=True)
class Shortlist:
    """The best of what fits and of what nearly fits, and a tally for each need."""

    listed: tuple[Listed, ...]
    tallies: dict[str, Tally] = field(default_factory=dict)

    def scarce(self) -> list[str]:
        """The needs that have too few suitable actions not to look further away."""
        return [theme for theme, tally in self.tallies.items() if tally.admitting < ENOUGH]

    def and_further(self, other: Shortlist) -> Shortlist:
        """The best of both, with the tallies of the one that looked further."""
        rows = {row.action: row for row in (*self.listed, *other.listed)}.values()
        fitting = sorted((row for row in rows if not row.obstacles), key=lambda row: -row.score)
        near = sorted((row for row in rows if row.obstacles), key=lambda row: (row.obstacles, -row.score))
        return Shortlist((*fitting[:SHORTLIST], *near[:NEAR_LIMIT]), self.tallies | other.tallies)


def _facts(asking: Asking) -> dict[str, Any]:
    """What the query asks of the person, but for where one looks."""
    profile, on, point = asking.profile, asking.on, asking.point
    known = {theme: level_is_known(theme, profile) for theme in asking.themes}
    public, level = profile.learner_public(), level_of(profile)
    return {
        **parameters(profile, on),
        "wanted": themes_mask(asking.themes),
        "level_unknown": themes_mask(theme for theme, is_known in known.items() if is_known is False),
        "level_known": themes_mask(theme for theme, is_known in known.items() if is_known),
        "level": CECRL_ORDER.index(level) if level else -1,
        "public": 1 << PUBLICS.index(public) if public else 0,
        "on": on,
        "month": on + dt.timedelta(days=MONTH),
        "quarter": on + dt.timedelta(days=QUARTER),
        "fresh_from": on - FRESH,
        "latitude": point.latitude if point else None,
        "longitude": point.longitude if point else None,
        "narrowing": point.narrowing if point else None,
    }


class _Numbers(dict[str, str]):
    """Numbers written as such into the query; the names of anything else stay there for the driver.

    The query names its facts two hundred times: bound one by one by the driver, numbers cost as much as the judgement.
    """

    def __init__(self, facts: dict[str, Any]) -> None:
        super().__init__({name: _number(value) for name, value in facts.items() if _is_number(value)})

    def __missing__(self, name: str) -> str:
        return f"%({name})s"


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def _number(value: float | None) -> str:
    if value is None:
        return "NULL"
    return str(value).upper() if isinstance(value, bool) else repr(value)


def _needs_points(asking: Asking) -> str:
    points = (
        f"CASE WHEN themes & {themes_mask([theme])} <> 0 THEN {WEIGHTS[PRIORITIES[priority]]} ELSE 0 END"
        for theme, priority in asking.themes.items()
    )
    return " + ".join(points)


def _read(rows: Iterable[tuple[Any, ...]], themes: Iterable[str]) -> Shortlist:
    listed: list[Listed] = []
    tallies = {theme: Tally() for theme in themes}
    for is_action, first, second, third, is_dated, x, y, packed in rows:
        if is_action:
            point = Point(x, y) if x is not None else None
            listed.append(Listed(first, second, third, is_dated, point))
            continue
        for theme, tally in tallies.items():
            if first >> THEMES.index(theme) & 1:
                tally.concerned += second
                tally.admitting += third
                tally.with_place += int(x)
                tally.free += int(y)
                tally.at_other_hours += packed >> 32
                tally.elsewhere += packed & 0xFFFFFFFF
    return Shortlist(tuple({row.action: row for row in listed}.values()), tallies)


def shortlist(asking: Asking) -> Shortlist:
    """Judge the offers around the person; further away, those for the needs that found too few: a query a distance."""
    facts = _facts(asking)
    profile, point = asking.profile, asking.point
    query = QUERY.format(needs=_needs_points(asking), where=NEARBY if point else ANYWHERE)
    own = [area_of_code(code) for code in (profile.commune_code, profile.department, profile.epci) if code]
    found, searched = Shortlist(()), list(asking.themes)
    with connection.cursor() as cursor:
        for radius in RADII_KM if point else RADII_KM[-1:]:
            if not searched:
                break
            asked = facts | {
                "radius": radius,
                "areas": [EVERYWHERE, *own, *(cells_within(point, radius) if point else ())],
                "themes": [THEMES.index(theme) for theme in searched],
                "searched": themes_mask(searched),
            }
            others = {name: value for name, value in asked.items() if not _is_number(value)}
            cursor.execute(query % _Numbers(asked), others)
            found = found.and_further(_read(cursor.fetchall(), searched))
            searched = found.scarce()
    return found
