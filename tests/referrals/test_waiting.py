"""Places: the last one is given once; the waiting list, its ranks, its offers and how they end."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from referrals.models import (
    Event,
    EventKind,
    Message,
    NoPlaceLeft,
    Referral,
    Reminder,
    ReminderKind,
    StaleReferral,
)
from referrals.models.reminder import LASTING, ReminderState
from referrals.queues import BY_KEY
from referrals.states import Reason, State
from structures.models import Session
from tests.referrals.stage import Stage, session_of
from tests.territory import NOW, TODAY, a_door, a_member, a_sent, a_session, a_structure, an_action
from worker.drain import drain
from worker.places import offer_places
from worker.reminders import Settler

DAY = dt.timedelta(days=1)
SOON = TODAY + 20 * DAY
AFTER_UNDO = NOW + dt.timedelta(minutes=11)


class Lists:
    """One action, its receiver, and fiches from one sender."""

    def __init__(self, **action: Any) -> None:
        self.sender = a_door(a_structure("Mission locale", email="ml@example.org"))
        self.receiver = a_door(a_structure("Alire", email="alire@example.org"))
        self.action = an_action(self.receiver.structure, **action)

    def sent(self, **values: Any) -> Referral:
        return a_sent(self.action, self.sender.actor, **values)

    def accepted(self, **values: Any) -> Referral:
        referral = self.sent(**values)
        referral.accept(self.receiver.actor, NOW)
        return referral

    def waiting(self, minutes: int = 0, **values: Any) -> Referral:
        """In the order of `minutes`."""
        referral = self.sent(**values)
        referral.waitlist(self.receiver.actor, NOW - dt.timedelta(hours=1) + dt.timedelta(minutes=minutes))
        return referral

    def session(self, places: int | None = 1, starts_on: dt.date = SOON, **values: Any) -> Session:
        return a_session(self.action, starts_on, places=places, **values)

    def free_one(self, holder: Referral, now: dt.datetime = NOW) -> None:
        holder.cancel(self.sender.actor, now, reason=Reason.FOUND_JOB)


@pytest.fixture
def lists(db: None) -> Lists:
    return Lists()


def state(referral: Referral) -> str:
    referral.refresh_from_db()
    return referral.state


def settle(now: dt.datetime) -> None:
    settler = Settler(lambda: now)
    while settler.settle_batch():
        pass


def letters(referral: Referral) -> list[tuple[str, str]]:
    return [(one.letter, one.to) for one in Message.objects.filter(referral=referral).order_by("created_at", "letter")]


# --- The last place ---------------------------------------------------------------------------------------------


def test_a_full_session_takes_nobody_and_nothing_is_half_written(lists: Lists) -> None:
    session = lists.session(places=2, reserved=1)
    lists.accepted(session=session)
    late = lists.sent(session=session)
    events, reminders = Event.objects.count(), Reminder.objects.filter(state=ReminderState.PLANNED).count()
    with pytest.raises(NoPlaceLeft):
        late.accept(lists.receiver.actor, NOW)
    assert state(late) == State.SENT
    assert (Event.objects.count(), Reminder.objects.filter(state=ReminderState.PLANNED).count()) == (events, reminders)
    session.refresh_from_db()
    assert session.taken == 1


def test_the_actions_own_places_bound_only_the_fiches_without_a_session(lists: Lists) -> None:
    lists.action.places = 1
    lists.action.save()
    lists.accepted(session=lists.session(places=None))
    lists.accepted()
    with pytest.raises(NoPlaceLeft):
        lists.accepted()


def test_a_rendez_vous_without_the_session_that_was_asked_for_takes_no_place_of_it(lists: Lists) -> None:
    session = lists.session(places=1)
    lists.accepted(session=session)
    other = lists.sent(session=session)
    other.accept(lists.receiver.actor, NOW, session=None, appointment_at=NOW + DAY)
    assert (state(other), other.session) == (State.ACCEPTED, None)


def test_a_fiche_that_holds_a_place_keeps_it_when_its_session_is_removed_from_a_full_action(lists: Lists) -> None:
    lists.action.places = 1
    lists.action.save()
    lists.accepted()
    session = lists.session()
    holder = lists.accepted(session=session)
    session.delete()
    lists.action.refresh_from_db()
    assert (state(holder), lists.action.taken) == (State.ACCEPTED, 2)


def test_moving_a_place_to_a_full_session_is_refused_by_the_database(lists: Lists) -> None:
    full, free = lists.session(places=1), lists.session(places=1, starts_on=SOON + DAY)
    lists.accepted(session=full)
    other = lists.accepted(session=free)
    with pytest.raises(Exception, match="no place left"), transaction.atomic():
        Referral.objects.filter(pk=other.pk).update(session=full)


def together(*deeds: Callable[[], Any]) -> list[object]:
    """Run all at the same moment, each on a connection of its own; what each returned or raised."""
    gate = threading.Barrier(len(deeds))
    results: list[object] = [None] * len(deeds)

    def run(number: int, deed: Callable[[], Any]) -> None:
        try:
            gate.wait(20)
            results[number] = deed()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number, deed)) for number, deed in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def kinds(results: list[object]) -> set[type]:
    return {type(one) for one in results}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", [0, 1])
def test_the_last_place_waits_for_who_is_taking_it_and_is_then_refused(first: int) -> None:
    lists = Lists()
    session = lists.session(places=1)
    pair = [lists.sent(session=session) for _ in range(2)]
    winner, loser = pair[first], pair[1 - first]
    outcome: list[object] = []

    def accept() -> None:
        try:
            loser.accept(lists.receiver.actor, NOW)
        except Exception as error:
            outcome.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        winner.accept(lists.receiver.actor, NOW)
        thread = threading.Thread(target=accept)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive(), "the second waits for the first to be done"
    thread.join(20)
    assert [type(one) for one in outcome] == [NoPlaceLeft]
    assert (state(winner), state(loser)) == (State.ACCEPTED, State.SENT)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", [0, 1])
def test_the_last_place_is_free_again_when_who_was_taking_it_gives_up(first: int) -> None:
    lists = Lists()
    session = lists.session(places=1)
    pair = [lists.sent(session=session) for _ in range(2)]
    quitter, heir = pair[first], pair[1 - first]

    def accept() -> None:
        try:
            heir.accept(lists.receiver.actor, NOW)
        finally:
            connection.close()

    with transaction.atomic():
        quitter.accept(lists.receiver.actor, NOW)
        thread = threading.Thread(target=accept)
        thread.start()
        thread.join(0.5)
        transaction.set_rollback(True)
    thread.join(20)
    assert (state(quitter), state(heir)) == (State.SENT, State.ACCEPTED)


@pytest.mark.django_db(transaction=True)
def test_of_eight_receivers_at_once_three_get_the_three_places() -> None:
    lists = Lists()
    session = lists.session(places=4, reserved=1)
    fiches = [lists.sent(session=session) for _ in range(8)]
    results = together(*[partial(one.accept, lists.receiver.actor, NOW) for one in fiches])
    assert sum(isinstance(one, NoPlaceLeft) for one in results) == 5
    assert Referral.objects.filter(state=State.ACCEPTED).count() == 3
    session.refresh_from_db()
    assert (session.taken, session.places_left) == (3, 0)


@pytest.mark.django_db(transaction=True)
def test_accepting_against_cancelling_leaves_one_of_them_and_its_one_letter() -> None:
    lists = Lists()
    for _ in range(6):
        fiche = lists.sent()
        again = Referral.objects.get(pk=fiche.pk)
        results = together(
            partial(fiche.accept, lists.receiver.actor, NOW, version=1),
            partial(again.cancel, lists.sender.actor, NOW, reason=Reason.FOUND_JOB, version=1),
        )
        assert kinds(results) == {Event, StaleReferral}
        planned = Reminder.objects.filter(referral=fiche, state=ReminderState.PLANNED)
        told = {ReminderKind.ANSWERED, ReminderKind.CANCELLED} & set(planned.values_list("kind", flat=True))
        assert told == {ReminderKind.ANSWERED if state(fiche) == State.ACCEPTED else ReminderKind.CANCELLED}


@pytest.mark.django_db(transaction=True)
def test_a_double_click_or_two_colleagues_make_one_row_one_event_one_letter() -> None:
    lists = Lists()
    session = lists.session(places=5)
    fiche = lists.sent(session=session)
    copies = [Referral.objects.get(pk=fiche.pk) for _ in range(4)]
    results = together(*[partial(one.accept, lists.receiver.actor, NOW, version=1) for one in copies])
    assert sorted(type(one).__name__ for one in results) == ["Event", *["StaleReferral"] * 3]
    assert Event.objects.filter(referral=fiche, kind=EventKind.ACCEPT).count() == 1
    assert Reminder.objects.filter(referral=fiche, kind=ReminderKind.ANSWERED).count() == 1
    session.refresh_from_db()
    assert session.taken == 1


@pytest.mark.django_db(transaction=True)
def test_two_different_answers_at_once_are_one_answer() -> None:
    lists = Lists()
    fiche = lists.sent()
    again = Referral.objects.get(pk=fiche.pk)
    results = together(
        lambda: fiche.waitlist(lists.receiver.actor, NOW),
        lambda: again.decline(lists.receiver.actor, NOW, reason=Reason.COST, version=1),
    )
    # Who comes first wins; declining may then find the fiche waiting, but not with the version that it showed.
    assert kinds(results) == {Event, StaleReferral}
    assert Reminder.objects.filter(referral=fiche, kind=ReminderKind.ANSWERED).count() == 1


# --- Ranks ------------------------------------------------------------------------------------------------------


def rank(referral: Referral) -> tuple[int, int]:
    row = Referral.objects.with_rank(TODAY).get(pk=referral.pk)
    return row.rank, row.waiting


def test_the_rank_is_the_order_of_arrival_on_the_list_of_what_one_waits_for(lists: Lists) -> None:
    one, two = lists.session(), lists.session(starts_on=SOON + DAY)
    first, second = lists.waiting(1, session=one), lists.waiting(2, session=one)
    other = lists.waiting(3, session=two)
    anyone = lists.waiting(4)
    assert [rank(row) for row in (first, second, other, anyone)] == [(1, 3), (2, 3), (1, 2), (4, 4)]


def test_who_waited_for_a_session_that_has_begun_waits_for_any(lists: Lists) -> None:
    begun = lists.waiting(1, session=lists.session(starts_on=TODAY))
    lists.waiting(0, session=lists.session())
    assert rank(begun) == (2, 2)


# --- Offers -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_place_that_frees_up_is_offered_to_the_first_of_the_list_who_is_told(lists: Lists) -> None:
    session = lists.session()
    holder = lists.accepted(session=session)
    second, first = lists.waiting(2, session=session), lists.waiting(1, session=session)
    assert offer_places(lambda: AFTER_UNDO) == 0, "no place is free"
    lists.free_one(holder)
    drain(lambda: AFTER_UNDO)
    assert (state(first), state(second)) == (State.OFFERED, State.WAITLISTED)
    # A Tuesday: two working days later at six in the evening, in Paris.
    assert first.offered_until == dt.datetime(2026, 11, 19, 17, 0, tzinfo=dt.UTC)
    assert letters(first)[-1] == ("place_offered", lists.sender.user and lists.sender.user.email)
    message = Message.objects.get(referral=first, letter="place_offered")
    assert message.subject == f"Fiche {first.reference}\u00a0: une place est proposée"
    assert "19 nov. 2026 à 18" in message.body_text and first.person.last_name not in message.body_text
    session.refresh_from_db()
    assert session.taken == 1, "an offer holds the place"


@pytest.mark.parametrize(
    "change",
    [
        {"paused_until": TODAY + 5 * DAY},
        {"is_published": False},
    ],
)
def test_an_action_that_takes_no_fiche_offers_nothing(lists: Lists, change: dict[str, Any]) -> None:
    lists.waiting(session=lists.session())
    for name, value in change.items():
        setattr(lists.action, name, value)
    lists.action.save()
    assert offer_places(lambda: NOW) == 0


def test_a_session_that_has_begun_or_whose_places_are_not_counted_offers_nothing(lists: Lists) -> None:
    lists.session(starts_on=TODAY, places=9)
    lists.session(places=None)
    lists.waiting()
    assert not Referral.objects.to_offer(NOW).exists()
    assert offer_places(lambda: NOW) == 0


def test_an_action_in_sessions_does_not_offer_its_own_places(lists: Lists) -> None:
    lists.action.places = 9
    lists.action.save()
    lists.waiting()
    lists.session(starts_on=TODAY - 90 * DAY)
    assert offer_places(lambda: NOW) == 0
    Session.objects.all().delete()
    assert offer_places(lambda: NOW) == 1


def test_an_answer_that_can_still_be_taken_back_is_offered_nothing_yet(lists: Lists) -> None:
    fiche = lists.sent(session=lists.session())
    fiche.waitlist(lists.receiver.actor, NOW)
    assert offer_places(lambda: NOW + dt.timedelta(minutes=9)) == 0
    assert offer_places(lambda: AFTER_UNDO) == 1


def test_each_free_place_goes_to_the_first_that_wants_it(lists: Lists) -> None:
    one, two = lists.session(), lists.session(places=2, starts_on=SOON + DAY)
    wants_two, anyone, wants_one = lists.waiting(1, session=two), lists.waiting(2), lists.waiting(3, session=one)
    assert offer_places(lambda: NOW) == 2, "the second place of the later session is nobody's wish"
    held = {row.pk: row.session for row in Referral.objects.filter(state=State.OFFERED).select_related("session")}
    assert held == {wants_two.pk: two, anyone.pk: one}
    assert state(wants_one) == State.WAITLISTED


def test_an_edit_that_adds_a_place_is_an_offer_too(lists: Lists) -> None:
    session = lists.session(places=1)
    lists.accepted(session=session)
    fiche = lists.waiting(session=session)
    assert offer_places(lambda: NOW) == 0
    session.change(None, NOW, places=2)
    assert offer_places(lambda: NOW) == 1
    assert state(fiche) == State.OFFERED


def test_an_offer_never_outlives_the_eve_of_its_session(lists: Lists) -> None:
    fiche = lists.waiting(session=lists.session(starts_on=TODAY + DAY))
    offer_places(lambda: NOW)
    fiche.refresh_from_db()
    assert fiche.offered_until == dt.datetime(2026, 11, 18, 7, 0, tzinfo=dt.UTC)


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_offer_each_place_once() -> None:
    lists = Lists()
    session = lists.session(places=3)
    for minutes in range(8):
        lists.waiting(minutes, session=session)
    results = together(*[lambda: offer_places(lambda: NOW) for _ in range(3)])
    assert sum(one for one in results if isinstance(one, int)) == 3, results
    assert Referral.objects.filter(state=State.OFFERED).count() == 3
    assert Event.objects.filter(kind=EventKind.OFFER).count() == 3
    session.refresh_from_db()
    assert session.taken == 3


def test_one_fiche_that_cannot_be_offered_a_place_does_not_hold_up_the_others(
    lists: Lists, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = lists.session()
    bad, good = lists.waiting(1, session=session), lists.waiting(2, session=session)
    offer = Referral.offer

    def fail(self: Referral, *args: Any, **values: Any) -> Event:
        if self.pk == bad.pk:
            raise ZeroDivisionError
        return offer(self, *args, **values)

    monkeypatch.setattr(Referral, "offer", fail)
    assert offer_places(lambda: NOW) == 1
    assert state(good) == State.OFFERED
    assert "could not be offered a place" in caplog.text


def test_a_task_whose_time_is_up_ends_and_no_fiche_is_blamed_for_it(
    lists: Lists, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fiche = lists.waiting(session=lists.session())

    def interrupt(self: Referral, *args: Any, **values: Any) -> Event:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(Referral, "offer", interrupt)
    with pytest.raises(SoftTimeLimitExceeded):
        offer_places(lambda: NOW)
    assert "could not be offered a place" not in caplog.text
    monkeypatch.undo()
    assert offer_places(lambda: NOW) == 1
    assert state(fiche) == State.OFFERED


# --- How an offer ends ------------------------------------------------------------------------------------------


@pytest.fixture
def offered(lists: Lists) -> Referral:
    """A place is offered, for a session that another one was asked for."""
    fiche = lists.waiting(session=lists.session())
    offer_places(lambda: NOW)
    fiche.refresh_from_db()
    return fiche


def test_the_sender_confirms_and_the_receiver_is_told(lists: Lists, offered: Referral) -> None:
    offered.confirm(lists.sender.actor, NOW)
    settle(NOW)
    assert (state(offered), offered.accepted_at) == (State.ACCEPTED, NOW)
    assert letters(offered) == [("place_confirmed", "alire@example.org")]
    assert "11 déc. 2026" not in Message.objects.get().body_text and "7 déc. 2026" in Message.objects.get().body_text
    planned = Reminder.objects.filter(referral=offered, state=ReminderState.PLANNED).values_list("kind", flat=True)
    assert set(planned) == {ReminderKind.ENTRY_TO_CONFIRM, *LASTING}


def test_the_receiver_may_confirm_and_the_sender_is_told(lists: Lists, offered: Referral) -> None:
    offered.confirm(lists.receiver.actor, NOW)
    settle(NOW)
    assert [letter for letter, _ in letters(offered)] == ["referral_accepted"]


@pytest.mark.django_db(transaction=True)
def test_the_offer_is_recalled_half_way_and_lapses_at_its_hour_to_the_next_one(lists: Lists, offered: Referral) -> None:
    second = lists.waiting(30, session=offered.session)
    assert offered.offered_until is not None
    settle(NOW)
    half_way = NOW + (offered.offered_until - NOW) / 2
    settle(half_way)
    recall = Message.objects.filter(referral=offered).latest("created_at", "pk")
    assert recall.subject.endswith("place toujours à confirmer")
    settle(offered.offered_until - dt.timedelta(seconds=1))
    assert state(offered) == State.OFFERED
    until = offered.offered_until
    drain(lambda: until)
    assert (state(offered), offered.waitlisted_at) == (State.WAITLISTED, until)
    assert rank(offered) == (2, 2), "at the end of the list"
    told = {one for one in letters(offered) if one[0].startswith("place_passed")}
    assert {name for name, _ in told} == {"place_passed_sender", "place_passed_receiver"}
    drain(lambda: until + dt.timedelta(seconds=10))
    assert (state(second), state(offered)) == (State.OFFERED, State.WAITLISTED)


def test_who_let_a_place_go_is_not_offered_it_again_at_once(lists: Lists, offered: Referral) -> None:
    offered.lapse(lists.sender.actor, NOW)
    assert offer_places(lambda: NOW + DAY) == 0
    assert offer_places(lambda: NOW + 15 * DAY) == 1


def test_who_lets_a_place_go_waits_again_for_what_was_asked_for(lists: Lists) -> None:
    session = lists.session()
    fiche = lists.waiting()
    offer_places(lambda: NOW)
    assert (state(fiche), fiche.session) == (State.OFFERED, session)
    fiche.lapse(lists.sender.actor, NOW)
    assert (state(fiche), fiche.session) == (State.WAITLISTED, None)
    session.refresh_from_db()
    assert session.taken == 0


def test_a_place_is_not_confirmed_once_it_has_lapsed(lists: Lists, offered: Referral) -> None:
    shown = Referral.objects.get(pk=offered.pk)
    offered.lapse(lists.sender.actor, NOW)
    with pytest.raises(StaleReferral):
        shown.confirm(lists.sender.actor, NOW, version=shown.version)


@pytest.mark.django_db(transaction=True)
def test_confirming_against_the_lapse_ends_in_one_of_them() -> None:
    lists = Lists()
    for _ in range(4):
        fiche = lists.waiting(session=lists.session())
        offer_places(lambda: NOW)
        fiche.refresh_from_db()
        until = fiche.offered_until
        assert until is not None
        results = together(partial(fiche.confirm, lists.sender.actor, NOW), partial(settle, until))
        confirmed = isinstance(results[0], Event)
        settle(until)
        assert state(fiche) == (State.ACCEPTED if confirmed else State.WAITLISTED)


def test_the_queues_of_both_sides_hold_the_offer(lists: Lists, offered: Referral) -> None:
    assert list(BY_KEY["places"].rows(lists.sender, NOW)) == [offered]
    assert list(BY_KEY["offres"].rows(lists.receiver, NOW)) == [offered]


# --- On the screens ---------------------------------------------------------------------------------------------


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


def url(name: str, referral: Referral) -> str:
    return reverse(f"referrals:{name}", args=[referral.reference])


def full_session(stage: Stage) -> Session:
    session = a_session(stage.action, stage.today + 20 * DAY, places=1)
    holder = a_sent(stage.action, stage.sends, now=stage.now - DAY)
    holder.accept(stage.receives, stage.now, session=session)
    return session


def test_the_last_place_that_has_just_gone_is_said_and_the_list_is_one_click_away(stage: Stage) -> None:
    session = full_session(stage)
    data = {"version": stage.reload().version, "session": session.pk, "note": "Apportez un cahier."}
    response = stage.at_receiver.post(url("response_accept", stage.referral), data)
    text = response.content.decode()
    assert response.status_code == 409
    assert "La dernière place vient d’être prise." in text
    assert text.count("Apportez un cahier.") >= 2, "what was typed stays in the form, and goes to the list"
    waiting = {"version": stage.reload().version, "session": session.pk, "note": "Apportez un cahier."}
    assert stage.at_receiver.post(url("response_waitlist", stage.referral), waiting).status_code == 302
    fiche = stage.reload()
    assert (fiche.state, fiche.session, fiche.answer_note) == (State.WAITLISTED, session, "Apportez un cahier.")
    for client in (stage.at_receiver, stage.at_sender):
        assert "1er sur 1" in client.get(url("referral_detail", fiche)).content.decode()


def test_the_sender_confirms_the_place_in_one_click(stage: Stage) -> None:
    a_session(stage.action, stage.today + 20 * DAY, places=1)
    stage.referral.waitlist(stage.receives, stage.now)
    offer_places(lambda: stage.now + dt.timedelta(minutes=11))
    page = stage.at_sender.get(url("referral_detail", stage.referral)).content.decode()
    assert "Confirmer la place" in page and "Y renoncer" in page
    home = stage.at_sender.get(reverse("referrals:home")).content.decode()
    assert "Places à confirmer" in home
    data = {"version": stage.reload().version}
    assert stage.at_sender.post(url("response_confirm", stage.referral), data).status_code == 302
    assert stage.reload().state == State.ACCEPTED


def test_the_sender_lets_the_place_go_but_the_receiver_cannot_in_its_place(stage: Stage) -> None:
    stage.referral.waitlist(stage.receives, stage.now)
    stage.referral.offer(stage.receives, stage.now)
    data = {"version": stage.reload().version}
    assert stage.at_receiver.post(url("response_lapse", stage.referral), data).status_code == 403
    assert stage.at_sender.post(url("response_lapse", stage.referral), data).status_code == 302
    assert stage.reload().state == State.WAITLISTED


def test_the_receiver_offers_a_place_of_a_session_that_has_one(stage: Stage) -> None:
    full = full_session(stage)
    free = a_session(stage.action, stage.today + 30 * DAY, places=2)
    stage.referral.waitlist(stage.receives, stage.now)
    data = {"version": stage.reload().version}
    address = url("response_offer", stage.referral)
    assert stage.at_receiver.post(address, data).status_code == 422
    assert stage.at_receiver.post(address, data | {"session": full.pk}).status_code == 422
    assert stage.at_receiver.post(address, data | {"session": free.pk}).status_code == 302
    assert (stage.reload().state, stage.reload().session) == (State.OFFERED, free)


def test_a_manager_cannot_take_away_the_places_that_fiches_hold(stage: Stage) -> None:
    session = full_session(stage)
    address = reverse("structures:session_edit", args=[stage.action.slug, session.pk])
    data = {"starts_on": session.starts_on.isoformat(), "code": session.code, "places": "0", "reserved": "0"}
    response = stage.manager.post(address, data)
    assert response.status_code == 422
    assert "Une place est déjà prise par une fiche" in response.content.decode()
    response = stage.manager.post(address, data | {"places": "2", "reserved": "2"})
    assert response.status_code == 422
    session.refresh_from_db()
    assert (session.places, session.reserved) == (1, 0)
    assert stage.manager.post(address, data | {"places": "2", "reserved": "1"}).status_code == 302


def test_a_manager_cannot_take_away_the_places_of_an_action_without_sessions(stage: Stage) -> None:
    stage.action.places = 2
    stage.action.save()
    stage.accept()
    address = reverse("structures:action_edit", args=[stage.action.slug])
    data = {"name": stage.action.name, "description": "Une action.", "themes": ["french"], "shape": "course"}
    response = stage.manager.post(address, data | {"places": "0"})
    assert response.status_code == 422
    assert "Des fiches sans session en tiennent déjà 1." in response.content.decode()


def test_a_session_that_was_full_before_can_still_be_given_another_timetable(lists: Lists) -> None:
    session = lists.session(places=1)
    Session.objects.filter(pk=session.pk).update(taken=3)
    assert session.change(None, NOW, timetable="mardi matin") is not None


def test_the_verbs_of_the_waiting_list_are_in_the_api(stage: Stage) -> None:
    receiver, sender = stage.at_receiver, stage.at_sender

    def post(client: Client, verb: str, body: dict[str, Any] | None = None, code: int = 200) -> dict[str, Any]:
        address = f"/api/v1/referrals/{stage.referral.reference}/{verb}/"
        response = client.post(address, body or {}, content_type="application/json")
        assert response.status_code == code, response.content.decode()
        return response.json()

    session = a_session(stage.action, stage.today + 20 * DAY, places=1)
    begun = a_session(stage.action, stage.today, places=1)
    assert "retract" in post(receiver, "waitlist", {"session": session.pk})["can"]
    assert post(receiver, "retract")["state"] == State.SENT
    post(receiver, "waitlist", {"session": None})
    post(receiver, "offer", code=400)
    post(receiver, "offer", {"session": begun.pk}, 400)
    assert post(receiver, "offer", {"session": session.pk})["offered_until"] is not None
    post(receiver, "lapse", code=403)
    assert post(sender, "lapse")["session"] is None
    post(sender, "confirm", code=409)
    post(receiver, "offer", {"session": session.pk})
    assert post(sender, "confirm")["state"] == State.ACCEPTED


def test_over_the_api_a_full_session_is_a_conflict_that_says_so(stage: Stage) -> None:
    session = full_session(stage)
    client = session_of(a_member(stage.receiver))
    address = f"/api/v1/referrals/{stage.referral.reference}/accept/"
    response = client.post(address, {"session": session.pk}, content_type="application/json")
    assert (response.status_code, response.json()["cause"]) == (409, "no_place_left")
    assert timezone.is_aware(stage.now) and stage.reload().state == State.SENT
