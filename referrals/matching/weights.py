"""What counts in the order of the suggestions, and for how much. The only place where it is decided."""

from __future__ import annotations

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
    # Distance: next door, in the same town, an hour away. Less than one condition met: a place may not be known.
    "very_near": 3,
    "near": 1,
    "far": -8,
    # Freshness of the catalogue.
    "confirmed": 2,
    # What happened before: the structure answers fast, people like this one did enter. Never decisive.
    "answers_fast": 3,
    "answers_slowly": -3,
    "most_entered": 4,
    "few_entered": -4,
}
"""Points of each part of a score."""

PRIORITIES = {1: "need_first", 2: "need_second", 3: "need_third"}
MOST_REQUIRED_MET = 4
"""Required criteria that count at most: a long list of conditions is no merit in itself."""
MOST_LEFT_TO_CHECK = 4
"""Open questions that count at most."""
NEAR_MISS = 2
"""An action is a near miss when at most this many required criteria stand in the way."""
LIMIT = 20
"""Suggestions returned at most."""

MONTH, QUARTER = 31, 92
"""Days within which a session starts "within the month", "within three months"."""

VERY_NEAR_KM, NEAR_KM, FAR_KM = 5, 15, 30
"""Up to these distances an action is very near, near, or neither; beyond the last one it is far."""

RADII_KM = (5, 60)
"""How far one looks, in turn: further only for the needs that have fewer than `ENOUGH` suitable actions."""
ENOUGH = 10
SHORTLIST = 60
"""Suitable actions whose record is read before the last ordering."""
NEAR_LIMIT = 10
"""Near misses shown at most."""

FAST_DAYS, SLOW_DAYS = 3, 10
"""A structure whose median answer (calendar days) is at most the first is fast, from the second on slow."""
MOST, FEW = 0.6, 0.25
"""Shares of fiches that led to an entry, from which most, and under which few, did."""
LEAST_FICHES = 5
"""Fewer fiches than this say nothing, and could tell of somebody."""
