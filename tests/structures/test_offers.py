"""Offers follow their actions, whoever changes these and however."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.management import call_command
from django.db import transaction

from structures.apps import rebuild_offers
from structures.eligibility.compiled import LAYOUT
from structures.geography import Point, area_of_code, cell_of, cells_within, distance_km
from structures.models import Offer
from structures.models.offer import THEMES
from tests.territory import TODAY, a_session, a_structure, an_action
from worker.catalogue import refresh_offers

pytestmark = pytest.mark.django_db
TOMORROW = TODAY + dt.timedelta(days=1)


def themes_of(action) -> list[str]:
    offers = Offer.objects.filter(action=action).order_by("id")
    return [THEMES[theme] for theme in offers.values_list("theme", flat=True)]


def test_an_action_has_one_offer_for_each_need_and_area_and_none_once_withdrawn() -> None:
    action = an_action(a_structure(), themes=["french", "mobility"], commune_code="41018")
    assert themes_of(action) == ["french", "mobility"]
    action.modes_accueil, action.zone_eligibilite = ["a-distance"], ["41", "37"]
    action.save()
    assert set(Offer.objects.values_list("area", flat=True)) == {area_of_code("41"), area_of_code("37")}
    action.is_published = False
    action.save()
    assert themes_of(action) == []


def test_a_structure_that_closes_takes_its_offers_away_and_gives_them_back_when_it_opens() -> None:
    structure = a_structure()
    action = an_action(structure)
    structure.is_active = False
    structure.save()
    assert themes_of(action) == []
    structure.is_active = True
    structure.save()
    assert themes_of(action) == ["french"]


def test_a_session_that_is_added_moved_or_removed_is_the_one_proposed() -> None:
    action = an_action(a_structure())
    with Offer.objects.together(on=TODAY):
        session = a_session(action, TOMORROW, places=3)
    assert Offer.objects.get().session == session
    with Offer.objects.together(on=TODAY):
        session.delete()
    assert Offer.objects.get().session is None


def test_deleting_an_action_with_its_sessions_leaves_no_offer() -> None:
    action = an_action(a_structure())
    a_session(action, TOMORROW)
    action.delete()
    assert not Offer.objects.exists()


def test_many_changes_together_are_undone_together() -> None:
    structure = a_structure()
    with pytest.raises(RuntimeError), transaction.atomic(), Offer.objects.together(on=TODAY):
        an_action(structure)
        raise RuntimeError
    assert not Offer.objects.exists()


def test_each_morning_the_session_that_has_begun_gives_way_to_the_next() -> None:
    action = an_action(a_structure())
    with Offer.objects.together(on=TODAY):
        a_session(action, TOMORROW, ends_on=TOMORROW)
        later = a_session(action, TOMORROW + dt.timedelta(days=30))
    assert refresh_offers(TODAY) == 0
    assert refresh_offers(TOMORROW + dt.timedelta(days=1)) == 1
    assert Offer.objects.get().session == later


def test_a_session_that_has_begun_gives_way_even_where_its_end_is_not_known() -> None:
    action = an_action(a_structure())
    with Offer.objects.together(on=TODAY):
        a_session(action, TOMORROW)
        later = a_session(action, TOMORROW + dt.timedelta(days=30))
    assert refresh_offers(TOMORROW) == 0
    assert refresh_offers(TOMORROW + dt.timedelta(days=1)) == 1
    assert Offer.objects.get().session == later


def test_offers_of_another_vocabulary_are_written_again_after_a_migration() -> None:
    an_action(a_structure())
    Offer.objects.update(layout=1)
    rebuild_offers()
    assert Offer.objects.get().layout == LAYOUT


def test_the_command_writes_every_offer_again(capsys) -> None:
    an_action(a_structure(), themes=["french", "mobility"])
    Offer.objects.all().delete()
    call_command("rebuild_offers")
    assert Offer.objects.count() == 2


# Points and cells


def test_distances_are_those_of_the_map() -> None:
    blois, vendome = Point(47.59, 1.33), Point(47.79, 1.07)
    assert distance_km(blois, vendome) == pytest.approx(29.5, abs=0.3)


@pytest.mark.parametrize("km", [1, 15, 60])
def test_the_cells_around_a_point_hold_every_place_within_the_distance(km) -> None:
    here = Point(47.59, 1.33)
    cells = set(cells_within(here, km))
    for north in (-1, -0.5, 0, 0.5, 1):
        for east in (-1, -0.5, 0, 0.5, 1):
            there = Point(here.latitude + north * km / 111.2, here.longitude + east * km / 111.2 / here.narrowing)
            if distance_km(here, there) <= km:
                assert cell_of(there) in cells


def test_no_two_codes_share_an_area() -> None:
    codes = ["41", "41018", "2A", "2A004", "02A", "200030385", "1", "01", "001"]
    areas = {area_of_code(code) for code in codes}
    assert len(areas) == len(codes)
    assert max(areas) < 0
