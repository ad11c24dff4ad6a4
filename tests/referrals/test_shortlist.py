"""The database judges as the rules do: same obstacles, same points, for criteria and people drawn at random."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from referrals.matching.score import Asking, Offered, match
from referrals.matching.shortlist import shortlist
from referrals.matching.suggestions import SESSIONS, _point_of
from structures.geography import Point, distance_km
from structures.models import Action, Offer, Session, Structure
from structures.models.offer import next_session
from structures.scales import SCALES
from structures.vocabulary import ActionShape, Cecrl, LearnerPublic, NeedTheme
from tests.structures.drawn_criteria import profiles, several
from tests.territory import TODAY, a_session, a_structure, an_action

pytestmark = pytest.mark.django_db
BLOIS = Point(47.586, 1.336)
numbers = itertools.count(1)


def some(values: Any, most: int = 4) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(list(values)), max_size=most, unique=True)


days = st.integers(-100, 200).map(lambda days: TODAY + dt.timedelta(days=days))
actions = st.fixed_dictionaries(
    {
        "criteria": several(),
        "themes": st.lists(st.sampled_from(NeedTheme.values), min_size=1, max_size=4, unique=True),
        "shape": st.sampled_from(ActionShape.values),
        "scales": some(list(SCALES)),
        "level_in": st.sampled_from(["", *Cecrl.values]),
        "learner_publics": some(LearnerPublic.values, 2),
        "frais": st.sampled_from(["", "gratuit", "payant"]),
        "zone_eligibilite": some(["41", "94", "41018", "200030385", "243700754", "france"], 2),
        "modes_accueil": some(["en-presentiel", "a-distance"]),
        "commune_code": st.sampled_from(["", "41018"]),
        "place": st.none() | st.tuples(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9)),
        "places": st.none() | st.integers(0, 3),
        "confirmed_on": st.none() | days,
        "paused_until": st.none() | days,
        "sessions": st.lists(st.tuples(days, st.integers(0, 60), st.none() | st.integers(0, 2)), max_size=3),
    }
)
needs = st.lists(st.sampled_from(NeedTheme.values), min_size=1, max_size=3, unique=True).flatmap(
    lambda themes: st.tuples(*(st.integers(1, 3) for _ in themes)).map(
        lambda ranks: dict(sorted(zip(themes, ranks, strict=True), key=lambda pair: (pair[1], pair[0])))
    )
)


def undone(law: Callable[..., None]) -> Callable[..., None]:
    """Leave nothing of one example to the next one."""

    @wraps(law)
    def run(**drawn: Any) -> None:
        with transaction.atomic():
            law(**drawn)
            transaction.set_rollback(True)

    return run


def written(structure: Structure, drawn: dict[str, Any]) -> Action:
    """An action as drawn."""
    drawn = dict(drawn)
    sessions, place = drawn.pop("sessions"), drawn.pop("place")
    if place:
        drawn |= {"latitude": BLOIS.latitude + place[0], "longitude": BLOIS.longitude + place[1]}
    action = an_action(structure, **drawn)
    for start, length, places in sessions:
        a_session(action, start, ends_on=start + dt.timedelta(days=length), places=places)
    return action


def all_written(structure: Structure, drawn: list[dict[str, Any]]) -> list[Action]:
    """Some actions, whose offers were written on the day of the question."""
    with Offer.objects.together(on=TODAY):
        return [written(structure, one) for one in drawn]


def told_by_the_rules(action: Action, asking: Asking) -> tuple[int, int] | None:
    """Obstacles and points by the rules themselves; `None` where the action is not to be considered."""
    offer = Offer.objects.filter(action=action).order_by("id")[0]
    themes = set(asking.themes) & set(action.themes)
    if not themes or (action.paused_until and action.paused_until > asking.on):
        return None
    sessions = list(Session.objects.filter(action=action).current(asking.on))
    chosen, left = next_session(action, sessions, asking.on)
    one = match(Offered(action, chosen, left, offer.is_dated, _point_of(offer)), asking)
    return len(one.obstacles), one.score


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(actions, min_size=1, max_size=4), profile=profiles, themes=needs)
@undone
def test_the_database_judges_and_ranks_as_the_rules_do(drawn: Any, profile: Any, themes: Any) -> None:
    structure = a_structure(f"Lieu {next(numbers)}")
    asking = Asking(profile, themes, None, TODAY)
    mine = all_written(structure, drawn)
    expected = {action.pk: told for action in mine if (told := told_by_the_rules(action, asking)) is not None}
    found = shortlist(asking)
    listed = {row.action: (row.obstacles, row.score) for row in found.listed}
    assert listed == {pk: told for pk, told in expected.items() if told[0] <= 2}
    for theme, tally in found.tallies.items():
        concerned = [expected[one.pk] for one in mine if theme in one.themes and one.pk in expected]
        assert (tally.concerned, tally.admitting) == (len(concerned), sum(not told[0] for told in concerned))


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(actions, min_size=1, max_size=4), profile=profiles, themes=needs)
@undone
def test_around_a_place_each_action_is_found_once_within_the_radius_or_by_the_territory_it_serves(
    drawn: Any, profile: Any, themes: Any
) -> None:
    structure = a_structure(f"Lieu {next(numbers)}")
    profile = replace(profile, commune_code="41018", department="41", epci="200030385")
    asking = Asking(profile, themes, BLOIS, TODAY)
    mine = all_written(structure, drawn)
    expected = {}
    for action in mine:
        told = told_by_the_rules(action, asking)
        located = action.latitude is not None and action.longitude is not None
        there = distance_km(BLOIS, Point(action.latitude or 0, action.longitude or 0)) if located else 0
        serves = not action.zone_eligibilite or {"france", "41", "41018", "200030385"} & set(action.zone_eligibilite)
        by_place = there <= 60 if action.modes_accueil != ["a-distance"] else False
        from_afar = "a-distance" in action.modes_accueil and serves
        if told is not None and told[0] <= 2 and (by_place or from_afar):
            expected[action.pk] = told
    listed = {row.action: (row.obstacles, row.score) for row in shortlist(asking).listed}
    assert listed == expected


def test_the_sessions_read_by_hand_are_the_current_ones() -> None:
    action = an_action(a_structure())
    other = a_session(an_action(a_structure()), TODAY)
    days = [None, *(TODAY + dt.timedelta(days=n) for n in (-1, 0, 1))]
    for start, end in itertools.product(days[1:], days):
        if start is not None and (end is None or end >= start):
            a_session(action, start, ends_on=end)
    read = list(Session.objects.raw(SESSIONS, {"actions": [action.pk], "on": TODAY}))
    assert read == list(action.sessions.current(TODAY))
    assert len(read) == 7
    assert other not in read
