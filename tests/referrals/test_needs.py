"""A need's outcome is derived from what happened to its fiches; nobody types it in."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from referrals.models import Need, Prediagnosis
from referrals.states import Reason, UnmetReason
from structures.vocabulary import NeedTheme
from tests.territory import NOW, TODAY, a_door, a_need, a_person, a_sent, a_structure, an_action

LATER = NOW + dt.timedelta(hours=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def sender():
    return a_door(a_structure()).actor


@pytest.fixture
def receiver():
    return a_door(a_structure()).actor


def outcome(need: Need) -> tuple[str, str]:
    row = Need.objects.with_outcome().get(pk=need.pk)
    return row.outcome, row.unmet_reason or ""


def test_a_need_without_any_fiche_is_untried(sender) -> None:
    assert outcome(a_need(a_person(sender), sender)) == ("untried", "")


def test_a_need_that_no_action_matched_is_unmet_for_want_of_an_offer(sender) -> None:
    need = a_need(a_person(sender), sender)
    need.note_match(UnmetReason.NO_OFFER)
    assert outcome(need) == ("unmet", "no_offer")


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.NO_PLACE, ("unmet", "no_place")),
        (Reason.OUT_OF_ZONE, ("unmet", "zone")),
        (Reason.NOT_ELIGIBLE, ("unmet", "not_eligible")),
        (Reason.TIMETABLE, ("unmet", "timetable")),
        (Reason.COST, ("unmet", "cost")),
        (Reason.FOUND_JOB, ("untried", "")),
        (Reason.NOT_INTERESTED, ("untried", "")),
    ],
)
def test_a_declined_fiche_leaves_its_need_unmet_only_when_the_offer_is_at_fault(
    sender, receiver, reason, expected
) -> None:
    person = a_person(sender)
    need = a_need(person, sender)
    a_sent(an_action(receiver.structure), sender, person, needs=[need]).decline(receiver, LATER, reason=reason)
    assert outcome(need) == expected


def test_a_running_fiche_makes_an_unmet_need_running_again_and_an_entry_answers_it(sender, receiver) -> None:
    person = a_person(sender)
    need = a_need(person, sender)
    a_sent(an_action(receiver.structure), sender, person, needs=[need]).decline(receiver, LATER, reason=Reason.NO_PLACE)
    second = a_sent(an_action(receiver.structure), sender, person, now=LATER, needs=[need])
    assert outcome(need) == ("running", "")
    second.accept(receiver, LATER)
    second.enter(receiver, LATER, on=TODAY)
    assert outcome(need) == ("answered", "")
    assert not Need.objects.unmet().exists()


def test_a_waiting_list_that_ends_without_a_place_leaves_the_need_unmet(sender, receiver) -> None:
    person = a_person(sender)
    need = a_need(person, sender)
    referral = a_sent(an_action(receiver.structure), sender, person, needs=[need])
    referral.waitlist(receiver, LATER)
    referral.decline(receiver, LATER + dt.timedelta(days=60), reason=Reason.NO_PLACE)
    assert [row.pk for row in Need.objects.unmet()] == [need.pk]


def test_the_same_open_need_is_not_recorded_twice_and_can_come_back_once_closed(sender) -> None:
    person = a_person(sender)
    need = a_need(person, sender)
    Prediagnosis.objects.record(person, {NeedTheme.FRENCH: 1, NeedTheme.DIGITAL: 2}, sender, LATER)
    assert sorted(person.needs.values_list("theme", flat=True)) == ["digital", "french"]
    need.close(sender, LATER)
    need.close(sender, LATER)
    Prediagnosis.objects.record(person, {NeedTheme.FRENCH: 1}, sender, LATER)
    assert person.needs.filter(theme=NeedTheme.FRENCH).count() == 2
    assert person.events.filter(kind="need_closed").count() == 1


def test_the_database_refuses_the_same_open_need_twice_and_an_unknown_priority(sender) -> None:
    need = a_need(a_person(sender), sender)
    values = {"person": need.person, "prediagnosis": need.prediagnosis, "structure": need.structure, "created_at": NOW}
    with pytest.raises(IntegrityError, match="need_open_once_per_theme"), transaction.atomic():
        Need.objects.create(theme=NeedTheme.FRENCH, **values)
    with pytest.raises(IntegrityError, match="need_priority_1_to_3"), transaction.atomic():
        Need.objects.create(theme=NeedTheme.DIGITAL, priority=4, **values)
