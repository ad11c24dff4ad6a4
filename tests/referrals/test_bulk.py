"""Answers taken back for ten minutes, and several fiches answered in one go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from referrals import deadlines
from referrals.models import Event, Message, Referral, Reminder, ReminderKind, StaleReferral
from referrals.models.reminder import ReminderState
from referrals.states import Reason, State
from structures.models import Session
from structures.vocabulary import Role
from tests.referrals.stage import session_of
from tests.territory import NOW, TODAY, a_door, a_member, a_person, a_sent, a_session, a_structure, an_action
from worker.reminders import Settler

DAY = dt.timedelta(days=1)
LONG_AGO = NOW - 4 * DAY
ANSWER = reverse("referrals:bulk_answer")
RESULT = reverse("referrals:bulk_result")
UNDO = reverse("referrals:bulk_retract")


@pytest.fixture(autouse=True)
def clock(db: None) -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


class Town:
    """A sender, a receiver with two actions, and fiches."""

    def __init__(self) -> None:
        self.sender, self.receiver = a_door(a_structure("Mission locale")), a_door(a_structure("Alire"))
        self.trainer = a_member(self.receiver.structure, Role.RECEIVER)
        self.action = an_action(self.receiver.structure)
        self.other = an_action(self.receiver.structure)

    def sent(self, now: dt.datetime = LONG_AGO, **values: Any) -> Referral:
        person = a_person(self.sender.actor, now)
        return a_sent(values.pop("action", self.action), self.sender.actor, person, now, **values)

    def session(self, places: int | None = None) -> Session:
        return a_session(self.action, TODAY + 20 * DAY, places=places)


@pytest.fixture
def town(clock: object) -> Town:
    return Town()


@pytest.fixture
def logged(town: Town) -> Client:
    return session_of(town.trainer)


def settle(now: dt.datetime) -> None:
    settler = Settler(lambda: now)
    while settler.settle_batch():
        pass


def planned(referral: Referral) -> list[tuple[str, dt.datetime]]:
    rows = Reminder.objects.filter(referral=referral, state=ReminderState.PLANNED)
    return list(rows.order_by("due_at", "kind").values_list("kind", "due_at"))


def fresh(referral: Referral) -> Referral:
    return Referral.objects.get(pk=referral.pk)


KEPT = (
    "state", "session_id", "reason", "reason_note", "answer_note", "appointment_at", "appointment_place",
    "answered_at", "accepted_at", "closed_at", "waitlisted_at", "offered_until", "retractable_until",
)  # fmt: skip


def standing(referral: Referral) -> dict[str, Any]:
    return {name: getattr(fresh(referral), name) for name in KEPT}


def answer(town: Town, referral: Referral, verb: str, now: dt.datetime = NOW) -> None:
    actor = town.receiver.actor
    match verb:
        case "accept":
            meeting = now + 3 * DAY
            referral.accept(actor, now, appointment_at=meeting, appointment_place="Ici", note="Oui", session=None)
        case "waitlist":
            referral.waitlist(actor, now, note="En mars", session=None)
        case "decline":
            referral.decline(actor, now, reason=Reason.COST, note="Cher")
        case "redirect":
            referral.redirect(actor, now, to=town.other, note="Mieux")


# --- Taking one answer back -------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["accept", "waitlist", "decline", "redirect"])
def test_an_answer_taken_back_leaves_the_fiche_and_its_clock_as_they_were(town: Town, verb: str) -> None:
    fiche = town.sent(session=town.session())
    settle(NOW)
    before, clock = standing(fiche), planned(fiche)
    answer(town, fiche, verb)
    assert fresh(fiche).state != State.SENT
    fiche.retract(town.receiver.actor, NOW + dt.timedelta(minutes=9))
    assert (standing(fiche), planned(fiche)) == (before, clock)
    settle(NOW + dt.timedelta(minutes=11))
    assert not Message.objects.filter(letter__in=["referral_accepted", "referral_waitlisted", "referral_declined"])
    assert not Message.objects.filter(letter="referral_redirected").exists()


@pytest.mark.parametrize("verb", ["accept", "decline", "redirect"])
def test_an_answer_to_a_fiche_that_waited_is_taken_back_to_its_rank(town: Town, verb: str) -> None:
    fiche = town.sent(session=town.session())
    fiche.waitlist(town.receiver.actor, NOW - DAY)
    settle(NOW)
    before = standing(fiche) | {"retractable_until": None}
    answer(town, fiche, verb)
    fiche.retract(town.receiver.actor, NOW + dt.timedelta(minutes=1))
    assert standing(fiche) == before


def test_the_letter_of_the_waiting_list_leaves_when_what_replaced_it_is_taken_back(town: Town) -> None:
    fiche = town.sent()
    fiche.waitlist(town.receiver.actor, NOW)
    answer(town, fiche, "decline", NOW + dt.timedelta(minutes=5))
    settle(NOW + dt.timedelta(minutes=12))
    assert not Message.objects.filter(referral=fiche, letter__in=["referral_waitlisted", "referral_declined"]).exists()
    fiche.retract(town.receiver.actor, NOW + dt.timedelta(minutes=13))
    settle(NOW + dt.timedelta(minutes=13))
    letters = Message.objects.filter(referral=fiche).exclude(letter="referral_received")
    assert [one.letter for one in letters] == ["referral_waitlisted"]


def test_a_fiche_answered_before_its_own_letter_left_is_announced_after_all(town: Town) -> None:
    fiche = town.sent(NOW - dt.timedelta(minutes=2))
    answer(town, fiche, "decline")
    fiche.retract(town.receiver.actor, NOW + dt.timedelta(minutes=1))
    assert planned(fiche)[0] == (ReminderKind.SENT, NOW + dt.timedelta(minutes=8))


def test_after_ten_minutes_the_letter_leaves_and_nothing_is_taken_back(town: Town) -> None:
    fiche = town.sent()
    answer(town, fiche, "accept")
    settle(NOW + deadlines.UNDO - dt.timedelta(seconds=1))
    assert not Message.objects.filter(letter="referral_accepted").exists()
    settle(NOW + deadlines.UNDO)
    assert Message.objects.filter(letter="referral_accepted").exists()
    with pytest.raises(StaleReferral):
        fiche.retract(town.receiver.actor, NOW + deadlines.UNDO)


def test_what_somebody_did_since_is_not_taken_back(town: Town) -> None:
    fiche = town.sent()
    answer(town, fiche, "accept")
    shown = fresh(fiche)
    fiche.cancel(town.sender.actor, NOW, reason=Reason.FOUND_JOB)
    with pytest.raises(StaleReferral):
        shown.retract(town.receiver.actor, NOW)
    assert fresh(fiche).state == State.CANCELLED


def test_the_fiche_that_a_redirection_opened_is_thrown_away_and_another_may_be_opened(town: Town) -> None:
    fiche = town.sent()
    following = fiche.redirect(town.receiver.actor, NOW, to=town.other)
    fiche.retract(town.receiver.actor, NOW + dt.timedelta(minutes=1))
    assert not Referral.objects.kept().filter(pk=following.pk).exists()
    settle(NOW + dt.timedelta(minutes=20))
    assert not Message.objects.filter(referral=following).exists()
    assert fresh(fiche).redirect(town.receiver.actor, NOW + dt.timedelta(minutes=2), to=town.other).state == State.SENT


def test_a_redirection_is_not_taken_back_once_the_other_structure_has_answered(town: Town) -> None:
    fiche = town.sent()
    following = fiche.redirect(town.receiver.actor, NOW, to=town.other)
    following.accept(town.receiver.actor, NOW + dt.timedelta(minutes=1))
    with pytest.raises(StaleReferral) as stale:
        fiche.retract(town.receiver.actor, NOW + dt.timedelta(minutes=2))
    assert stale.value.referral.pk == fiche.pk
    assert (fresh(fiche).state, fresh(following).state) == (State.REDIRECTED, State.ACCEPTED)


def test_an_answer_taken_back_frees_its_place(town: Town) -> None:
    session = town.session(places=1)
    fiche = town.sent(session=session)
    fiche.accept(town.receiver.actor, NOW)
    fiche.retract(town.receiver.actor, NOW)
    town.sent(session=session).accept(town.receiver.actor, NOW)


def test_the_toast_and_the_page_take_the_answer_back_and_the_sender_cannot(town: Town, logged: Client) -> None:
    fiche = town.sent()
    page = reverse("referrals:referral_detail", args=[fiche.reference])
    undo = reverse("referrals:response_retract", args=[fiche.reference])
    data = {"version": fiche.version, "reason": Reason.COST}
    text = logged.post(
        reverse("referrals:response_decline", args=[fiche.reference]), data, follow=True
    ).content.decode()
    assert text.count(f'action="{undo}"') == 2, "in the toast, and on the page as long as it lasts"
    assert session_of(a_member(town.sender.structure)).post(undo).status_code == 403
    assert logged.get(undo).status_code == 405
    assert logged.post(undo).status_code == 302
    assert fresh(fiche).state == State.SENT
    assert undo not in logged.get(page).content.decode()
    assert logged.post(undo).status_code == 409


# --- Several at once --------------------------------------------------------------------------------------------


def ticked(*fiches: Referral) -> list[str]:
    return [f"{one.reference}:{one.version}" for one in fiches]


def post(client: Client, verb: str, fiches: list[Referral], **data: Any) -> Any:
    return client.post(ANSWER, {"verbe": verb, "fiche": ticked(*fiches)} | data, follow=True)


def states(fiches: list[Referral]) -> list[str]:
    return [fresh(one).state for one in fiches]


def test_only_fiches_under_way_carry_a_box_and_only_for_who_answers_or_entrusts_them(
    town: Town, logged: Client
) -> None:
    sent, closed = town.sent(), town.sent()
    answer(town, closed, "decline")
    received = f"{reverse('referrals:referral_list')}?onglet=recues"
    text = logged.get(received).content.decode()
    assert ticked(sent)[0] in text and f'value="{closed.reference}' not in text
    manager = session_of(a_member(town.receiver.structure, Role.MANAGER))
    text = manager.get(received).content.decode()
    assert ticked(sent)[0] in text and "Les confier" in text and "Répondre aux fiches cochées" not in text
    at_sender = session_of(a_member(town.sender.structure, Role.PRESCRIBER))
    assert 'name="fiche"' not in at_sender.get(reverse("referrals:referral_list")).content.decode()


def test_nothing_ticked_leads_back_to_the_list(logged: Client) -> None:
    response = logged.get(ANSWER, follow=True)
    assert "Cochez d’abord" in response.content.decode()
    assert logged.post(ANSWER, {"verbe": "accept", "fiche": ["R-7K2M4Q", "R-7K2M4Q:x"]}).status_code == 302
    assert logged.get(RESULT).status_code == 302


def test_a_strangers_fiche_among_them_is_not_found_and_nothing_is_answered(town: Town, logged: Client) -> None:
    mine = town.sent()
    stranger = a_sent(an_action(a_structure()), town.sender.actor, now=LONG_AGO)
    assert post(logged, "waitlist", [mine, stranger]).status_code == 404
    assert states([mine]) == [State.SENT]


def test_the_sender_of_a_fiche_cannot_answer_it_with_others(town: Town, logged: Client) -> None:
    own = a_sent(an_action(town.sender.structure), town.receiver.actor, now=LONG_AGO)
    assert post(logged, "waitlist", [own]).status_code == 403


def test_four_are_accepted_for_one_session(town: Town, logged: Client) -> None:
    session = town.session()
    fiches = [town.sent() for _ in range(4)]
    page = logged.get(ANSWER, {"fiche": ticked(*fiches)}).content.decode()
    assert "Accepter les 4 fiches" in page and all(one.person.full_name in page for one in fiches)
    text = post(logged, "accept", fiches, session=session.pk).content.decode()
    assert "4 fiches acceptées" in text
    assert {fresh(one).session for one in fiches} == {session}
    assert states(fiches) == [State.ACCEPTED] * 4


def test_three_places_for_four_go_in_the_order_of_sending_and_the_fourth_is_led_to_the_list(
    town: Town, logged: Client
) -> None:
    session = town.session(places=3)
    fiches = [town.sent(LONG_AGO + dt.timedelta(hours=hours)) for hours in (3, 1, 2, 4)]
    text = post(logged, "accept", fiches, session=session.pk).content.decode()
    assert states(fiches) == [State.ACCEPTED] * 3 + [State.SENT]
    assert "3 fiches acceptées" in text and "Plus de place pour 1 fiche" in text
    assert f'name="session" value="{session.pk}"' in text
    assert (
        "1 fiche mise en liste d’attente" in post(logged, "waitlist", fiches[3:], session=session.pk).content.decode()
    )
    assert (fresh(fiches[3]).state, fresh(fiches[3]).session) == (State.WAITLISTED, session)


def test_a_stale_one_is_said_and_the_others_are_answered(town: Town, logged: Client) -> None:
    fiches = [town.sent(), town.sent()]
    shown = [fresh(one) for one in fiches]
    fiches[0].cancel(town.sender.actor, NOW, reason=Reason.FOUND_JOB)
    text = post(logged, "decline", shown, reason=Reason.NO_PLACE).content.decode()
    assert states(fiches) == [State.CANCELLED, State.DECLINED]
    assert "1 fiche déclinée" in text and "1 fiche inchangée" in text


def test_a_double_click_answers_once(town: Town, logged: Client) -> None:
    fiches = [town.sent(), town.sent()]
    for _ in range(2):
        post(logged, "decline", fiches, reason=Reason.COST)
    assert Event.objects.filter(kind="decline").count() == 2


def test_a_fault_in_the_form_answers_nothing_and_keeps_what_was_typed(town: Town, logged: Client) -> None:
    town.session()
    fiches = [town.sent(), town.sent()]
    response = post(logged, "accept", fiches, note="Venez avec un stylo")
    assert response.status_code == 422
    assert "Indiquez un rendez-vous, ou choisissez une session." in response.content.decode()
    assert "Venez avec un stylo" in response.content.decode()
    assert post(logged, "decline", fiches).status_code == 422
    assert states(fiches) == [State.SENT] * 2


def test_fiches_of_several_actions_are_declined_together_but_not_accepted(town: Town, logged: Client) -> None:
    fiches = [town.sent(), town.sent(action=town.other)]
    page = logged.get(ANSWER, {"fiche": ticked(*fiches)}).content.decode()
    assert "de plusieurs actions" in page and "Accepter les" not in page
    moment = (TODAY + 3 * DAY).isoformat() + "T10:00"
    assert post(logged, "accept", fiches, appointment_at=moment).status_code == 422
    assert states(fiches) == [State.SENT] * 2
    post(logged, "decline", fiches, reason=Reason.TIMETABLE)
    assert states(fiches) == [State.DECLINED] * 2


def test_all_are_taken_back_in_one_click_but_those_that_somebody_touched(town: Town, logged: Client) -> None:
    fiches = [town.sent() for _ in range(3)]
    text = post(logged, "decline", fiches, reason=Reason.COST).content.decode()
    assert "Tout annuler" in text
    answered = [fresh(one) for one in fiches]
    answered[0].retract(town.receiver.actor, NOW)
    answer(town, answered[0], "waitlist")
    done = [f"{one.reference}:3" if n == 0 else f"{one.reference}:{fresh(one).version}" for n, one in enumerate(fiches)]
    text = logged.post(UNDO, {"fiche": done}, follow=True).content.decode()
    assert states(fiches) == [State.WAITLISTED, State.SENT, State.SENT]
    assert "Réponses annulées" in text and "Trop tard" in text


def test_the_pages_cost_the_same_for_two_fiches_and_for_twelve(town: Town, logged: Client) -> None:
    town.session()

    def costs(count: int) -> tuple[int, int]:
        fiches = [town.sent() for _ in range(count)]
        with CaptureQueriesContext(connection) as page:
            logged.get(ANSWER, {"fiche": ticked(*fiches)})
        post(logged, "decline", fiches, reason=Reason.COST)
        with CaptureQueriesContext(connection) as result:
            logged.get(RESULT)
        return len(page), len(result)

    costs(2)
    assert costs(2) == costs(12)
