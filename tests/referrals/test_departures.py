"""A person leaves the territory, and comes back."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from referrals.models import ConsentScope, Event, EventKind, FollowUp, Person, Referral, Reminder
from referrals.models.reminder import ReminderKind, ReminderState
from referrals.states import Reason, State
from structures.vocabulary import NeedTheme
from tests.referrals.stage import Stage
from tests.territory import a_door, a_draft, a_need, a_sent, a_structure, an_action


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


def url(stage: Stage, name: str = "departure_record") -> str:
    return reverse(f"referrals:{name}", args=[stage.person.pk])


def test_only_a_prescriber_of_the_structure_that_recorded_the_person_notes_it(stage: Stage) -> None:
    assert stage.at_receiver.get(url(stage)).status_code == 403
    assert stage.at_stranger.get(url(stage)).status_code == 404
    assert stage.at_receiver.post(url(stage, "departure_undo")).status_code == 403
    page = stage.at_receiver.get(reverse("referrals:person_detail", args=[stage.person.pk])).content.decode()
    assert "Départ du territoire" not in page


def test_a_departure_to_come_is_refused_and_what_was_typed_is_kept(stage: Stage) -> None:
    tomorrow = (stage.today + dt.timedelta(days=1)).isoformat()
    page = stage.at_sender.post(url(stage), {"on": tomorrow, "to": "Orléans"})
    assert page.status_code == 422
    assert "Orléans" in page.content.decode()
    assert Person.objects.get(pk=stage.person.pk).moved_on is None
    assert stage.reload().state == State.SENT


def test_a_commune_without_a_day_is_refused_by_the_database(stage: Stage) -> None:
    with pytest.raises(IntegrityError, match="person_moved_somewhere_on_a_day"), transaction.atomic():
        Person.objects.filter(pk=stage.person.pk).update(moved_to="Tours")


def test_reading_the_page_shows_what_would_be_closed_and_closes_nothing(stage: Stage) -> None:
    a_draft(an_action(stage.receiver, "Permis B"), stage.sends, stage.person, stage.now)
    page = stage.at_sender.get(url(stage)).content.decode()
    for words in ("Atelier de français", "Permis B", NeedTheme.FRENCH.label, "Brouillons supprimés"):
        assert words in page
    assert stage.reload().state == State.SENT
    assert stage.person.needs.open().exists()


def test_leaving_closes_the_needs_and_the_fiches_of_ones_structure_each_by_its_own_verb(stage: Stage) -> None:
    draft = a_draft(an_action(stage.receiver), stage.sends, stage.person, stage.now)
    elsewhere = a_door(a_structure("CCAS")).actor
    theirs = a_sent(an_action(stage.receiver), elsewhere, stage.person, stage.now)
    their_need = a_need(stage.person, elsewhere, NeedTheme.DIGITAL)
    entered = a_sent(an_action(stage.receiver), stage.sends, stage.person, stage.now)
    entered.accept(stage.receives, stage.now)
    entered.enter(stage.receives, stage.now, on=stage.today)
    Reminder.objects.filter(referral=stage.referral, kind=ReminderKind.SENT).update(
        state=ReminderState.DONE, done_at=stage.now
    )

    done = stage.at_sender.post(url(stage), {"on": stage.today.isoformat(), "to": "Tours"}, follow=True)
    page = done.content.decode()
    assert "A quitté le territoire" in page
    assert "Tours" in page
    states = {row.pk: row.state for row in Referral.objects.order_by("pk")}
    assert states[stage.referral.pk] == states[draft.pk] == State.CANCELLED
    assert (states[theirs.pk], states[entered.pk]) == (State.SENT, State.ENTERED)
    assert stage.reload().reason == Reason.MOVED
    assert Reminder.objects.filter(referral=stage.referral, kind=ReminderKind.CANCELLED).exists()
    stage.need.refresh_from_db()
    their_need.refresh_from_db()
    assert stage.need.closed_at is not None
    assert their_need.closed_at is None
    event = Event.objects.get(kind=EventKind.MOVED_AWAY)
    assert event.data == {"on": stage.today.isoformat()}, "no commune in the journal"


def test_a_six_month_check_stays(stage: Stage) -> None:
    stage.enter().leave()
    stage.person.move_away(stage.sends, stage.now, on=stage.today)
    assert FollowUp.objects.filter(referral=stage.referral).exists()
    assert stage.reload().state == State.ENDED


def test_leaving_twice_is_once(stage: Stage) -> None:
    assert stage.person.move_away(stage.sends, stage.now, on=stage.today)
    assert not Person.objects.get(pk=stage.person.pk).move_away(stage.sends, stage.now, on=stage.today)
    assert Event.objects.filter(kind=EventKind.MOVED_AWAY).count() == 1
    assert stage.at_sender.get(url(stage)).status_code == 302


def test_lists_and_suggestions_say_it_and_nothing_is_forbidden(stage: Stage) -> None:
    stage.person.move_away(stage.sends, stage.now, on=stage.today)
    assert "A quitté le territoire" in stage.at_sender.get(reverse("referrals:person_list")).content.decode()
    a_need(stage.person, stage.sends, NeedTheme.FRENCH)
    page = stage.at_sender.get(reverse("referrals:suggestions", args=[stage.person.pk])).content.decode()
    assert "a quitté le territoire" in page
    assert "Atelier de français" in page


def test_where_a_person_went_is_shared_with_their_contact_only(db: None) -> None:
    stage = Stage(scopes=[ConsentScope.NEEDS])
    stage.enter()
    stage.person.move_away(stage.sends, stage.now, on=stage.today, to="Tours")
    for address in ("referrals:person_detail", "referrals:person_list"):
        arguments = [stage.person.pk] if address.endswith("detail") else []
        page = stage.at_receiver.get(reverse(address, args=arguments)).content.decode()
        assert "A quitté le territoire" not in page
        assert "Tours" not in page


def test_coming_back_takes_the_mark_away_and_leaves_closed_what_was(stage: Stage) -> None:
    stage.person.move_away(stage.sends, stage.now, on=stage.today, to="Tours")
    page = stage.at_sender.post(url(stage, "departure_undo"), follow=True).content.decode()
    assert "A quitté le territoire" not in page
    person = Person.objects.get(pk=stage.person.pk)
    assert (person.moved_on, person.moved_to) == (None, "")
    assert stage.reload().state == State.CANCELLED
    assert Event.objects.filter(kind=EventKind.CAME_BACK).count() == 1
    assert not person.come_back(stage.sends, stage.now)
