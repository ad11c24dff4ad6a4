"""A question before deciding stops the clock; its answer lets it go on, or start again when a contact was asked for."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from referrals import deadlines
from referrals.models import (
    Clarification,
    ClarificationKind,
    Event,
    EventKind,
    Message,
    Referral,
    Reminder,
    StaleReferral,
)
from referrals.models.reminder import ReminderKind, ReminderState
from referrals.permissions import Door
from referrals.queues import BY_KEY, late, unanswered_late
from referrals.states import Reason, State
from referrals.timeline import what_next
from tests.referrals.stage import Stage
from tests.territory import NOW, a_door, a_sent, a_structure, an_action
from worker.reminders import settle

pytestmark = pytest.mark.django_db

QUESTION = "A-t-elle le permis ?"
DAY = dt.timedelta(days=1)


class Fiche:
    """A fiche sent on Tuesday 17 November 2026 at eleven."""

    def __init__(self) -> None:
        self.sender: Door = a_door(a_structure("Mission locale", email="ml@example.org"))
        receiver = a_structure("Alire", email="alire@example.org")
        self.receiver: Door = a_door(receiver)
        self.action = an_action(receiver)
        self.referral: Referral = a_sent(self.action, self.sender.actor)

    def ask(self, now: dt.datetime = NOW + DAY, **values: Any) -> Clarification:
        return self.referral.ask(self.receiver.actor, now, **{"question": QUESTION} | values)

    def clarify(self, now: dt.datetime, **values: Any) -> Clarification:
        return self.referral.clarify(self.sender.actor, now, **{"answer": "Oui."} | values)

    def planned(self, *kinds: ReminderKind) -> list[tuple[str, dt.date]]:
        rows = Reminder.objects.filter(referral=self.referral, state=ReminderState.PLANNED, kind__in=kinds)
        return [(row.kind, timezone.localdate(row.due_at)) for row in rows.order_by("due_at", "kind")]

    def settle(self, kind: ReminderKind, number: int = 0) -> list[tuple[str, str]]:
        """Settle one planned reminder when it is due; its letters."""
        row = Reminder.objects.filter(referral=self.referral, kind=kind).order_by("due_at")[number]
        settle(row, row.due_at)
        return list(Message.objects.filter(reminder=row).order_by("letter").values_list("letter", "to"))


@pytest.fixture
def fiche() -> Fiche:
    return Fiche()


CLOCK = (ReminderKind.UNANSWERED, ReminderKind.EXPIRY)


# The clock


def test_asking_stops_the_clock_and_withdraws_what_it_had_planned(fiche: Fiche) -> None:
    assert len(fiche.planned(*CLOCK)) == 4
    fiche.ask()
    assert fiche.planned(*CLOCK, ReminderKind.SENT) == []
    assert fiche.referral.paused_at == NOW + DAY
    assert fiche.referral.answer_due_on() is None
    long_after = NOW + 60 * DAY
    assert not fiche.referral.is_late(timezone.localdate(long_after))
    assert not Referral.objects.filter(unanswered_late(long_after) | late(long_after)).exists()


def test_the_answer_to_a_question_moves_the_clock_by_the_length_of_the_pause(fiche: Fiche) -> None:
    fiche.ask(NOW + DAY)
    fiche.clarify(NOW + 8 * DAY)
    assert fiche.referral.clock_from == NOW + 7 * DAY
    assert fiche.referral.sent_at == NOW, "the delay that is counted in the figures runs from the sending"
    start = timezone.localdate(NOW + 7 * DAY)
    recalls = [deadlines.add_working_days(start, days) for days in deadlines.UNANSWERED_WORKING_DAYS]
    assert fiche.planned(*CLOCK) == [
        *[("unanswered", day) for day in recalls],
        ("expiry", start + dt.timedelta(days=deadlines.EXPIRY_DAYS)),
    ]
    assert fiche.referral.answer_due_on() == recalls[0]


def test_the_answer_to_a_request_for_a_contact_starts_the_clock_again(fiche: Fiche) -> None:
    fiche.ask(kind=ClarificationKind.CONTACT)
    fiche.clarify(NOW + 3 * DAY)
    assert fiche.referral.clock_from == NOW + 3 * DAY


def test_a_question_withdrawn_lets_the_clock_go_on(fiche: Fiche) -> None:
    fiche.ask(NOW + DAY)
    fiche.referral.unask(fiche.receiver.actor, NOW + 2 * DAY)
    assert (fiche.referral.clock_from, fiche.referral.paused_at) == (NOW + DAY, None)
    assert len(fiche.planned(*CLOCK)) == 4
    assert fiche.planned(ReminderKind.ASKED, ReminderKind.UNCLARIFIED) == []
    row = Clarification.objects.get()
    assert (row.answered_at, row.closed_at) == (None, NOW + 2 * DAY)


def test_recalls_that_were_already_past_before_the_question_are_not_planned_again(fiche: Fiche) -> None:
    asked_at = NOW + 8 * DAY
    fiche.ask(asked_at)
    fiche.clarify(asked_at + dt.timedelta(hours=1))
    assert [day for _, day in fiche.planned(ReminderKind.UNANSWERED)] == [dt.date(2026, 11, 26), dt.date(2026, 12, 3)]


def test_the_expiry_of_before_the_pause_closes_nothing(fiche: Fiche) -> None:
    expiry = Reminder.objects.get(kind=ReminderKind.EXPIRY)
    fiche.ask(NOW + 20 * DAY)
    fiche.clarify(NOW + 25 * DAY)
    Reminder.objects.filter(pk=expiry.pk).update(state=ReminderState.PLANNED, reason="", done_at=None)
    settle(Reminder.objects.get(pk=expiry.pk), expiry.due_at)
    assert Referral.objects.get().state == State.SENT


def test_a_paused_fiche_of_the_waiting_list_goes_on_waiting_without_recalls(fiche: Fiche) -> None:
    fiche.referral.waitlist(fiche.receiver.actor, NOW + DAY)
    fiche.ask(NOW + 2 * DAY)
    fiche.clarify(NOW + 3 * DAY)
    assert fiche.referral.state == State.WAITLISTED
    assert fiche.planned(*CLOCK) == []


# What closes it


@pytest.mark.parametrize(
    "decide",
    [
        lambda one, now: one.referral.accept(one.receiver.actor, now),
        lambda one, now: one.referral.waitlist(one.receiver.actor, now),
        lambda one, now: one.referral.decline(one.receiver.actor, now, reason=Reason.NO_PLACE),
        lambda one, now: one.referral.redirect(one.receiver.actor, now, to=an_action(a_structure())),
        lambda one, now: one.referral.cancel(one.sender.actor, now, reason=Reason.MISTAKE),
        lambda one, now: one.referral.expire(one.receiver.actor, now),
    ],
    ids=["accept", "waitlist", "decline", "redirect", "cancel", "expire"],
)
def test_whatever_is_decided_closes_the_question(fiche: Fiche, decide: Callable[[Fiche, dt.datetime], Any]) -> None:
    fiche.ask()
    decide(fiche, NOW + 2 * DAY)
    referral = Referral.objects.get(pk=fiche.referral.pk)
    assert referral.paused_at is None
    assert not Clarification.objects.open().exists()
    assert fiche.planned(ReminderKind.ASKED, ReminderKind.UNCLARIFIED, *CLOCK) == []


def test_an_answer_given_during_a_pause_then_taken_back_leaves_the_clock_where_it_stood(fiche: Fiche) -> None:
    fiche.ask(NOW + DAY)
    fiche.referral.decline(fiche.receiver.actor, NOW + 8 * DAY, reason=Reason.NO_PLACE)
    fiche.referral.retract(fiche.receiver.actor, NOW + 8 * DAY)
    assert (fiche.referral.state, fiche.referral.clock_from) == (State.SENT, NOW + 7 * DAY)
    assert len(fiche.planned(*CLOCK)) == 4


def test_a_sending_taken_back_takes_its_question_with_it(fiche: Fiche) -> None:
    fiche.ask(NOW + dt.timedelta(minutes=2))
    fiche.referral.recall(fiche.sender.actor, NOW + dt.timedelta(minutes=3))
    assert (fiche.referral.state, fiche.referral.clock_from, fiche.referral.paused_at) == (State.DRAFT, None, None)
    assert not Clarification.objects.open().exists()


# What is refused


def test_a_second_question_waits_for_the_first(fiche: Fiche) -> None:
    fiche.ask()
    with pytest.raises(StaleReferral):
        fiche.ask(NOW + 2 * DAY)
    assert Clarification.objects.count() == 1


def test_nothing_is_asked_of_a_fiche_that_is_decided(fiche: Fiche) -> None:
    fiche.referral.accept(fiche.receiver.actor, NOW)
    with pytest.raises(StaleReferral):
        fiche.ask()
    assert not Clarification.objects.exists()


def test_an_answer_to_nothing_is_refused_and_writes_nothing(fiche: Fiche) -> None:
    events = Event.objects.count()
    with pytest.raises(StaleReferral):
        fiche.clarify(NOW + DAY, contact={"phone": "+33199000199"})
    assert Event.objects.count() == events
    fiche.referral.person.refresh_from_db()
    assert fiche.referral.person.phone != "+33199000199"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"paused_at": NOW, "state": State.ACCEPTED}, "referral_paused_while_an_answer_is_awaited"),
        ({"paused_at": NOW - DAY}, "referral_paused_while_an_answer_is_awaited"),
        ({"clock_from": None}, "referral_clock_runs_from_the_sending"),
        ({"clock_from": NOW - DAY}, "referral_clock_runs_from_the_sending"),
        ({"declined_criteria": [{"code": "other"}]}, "referral_names_criteria_when_not_eligible"),
    ],
)
def test_the_database_refuses_a_clock_that_cannot_be(fiche: Fiche, values: dict[str, Any], name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Referral.objects.update(**values)


def test_the_database_refuses_a_second_open_question_and_an_answer_that_says_nothing(fiche: Fiche) -> None:
    first = fiche.ask()
    with pytest.raises(IntegrityError, match="clarification_one_open_per_fiche"), transaction.atomic():
        Clarification.objects.create(referral=fiche.referral, kind="question", question="Et ?", asked_at=NOW)
    with pytest.raises(IntegrityError, match="clarification_answered_is_closed"), transaction.atomic():
        Clarification.objects.filter(pk=first.pk).update(answered_at=NOW, closed_at=NOW)


@pytest.mark.django_db(transaction=True)
def test_of_two_questions_asked_at_once_one_is_kept(fiche: Fiche) -> None:
    start = threading.Barrier(2)
    refused: list[StaleReferral] = []

    def ask() -> None:
        try:
            mine = Referral.objects.get(pk=fiche.referral.pk)
            start.wait(5)
            mine.ask(fiche.receiver.actor, NOW + DAY, question=QUESTION)
        except StaleReferral as stale:
            refused.append(stale)
        finally:
            connection.close()

    both = [threading.Thread(target=ask) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(10)
    assert (Clarification.objects.count(), len(refused)) == (1, 1)
    assert Reminder.objects.filter(kind=ReminderKind.ASKED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_answer_and_a_decision_at_once_leave_one_state_and_no_open_question(fiche: Fiche) -> None:
    fiche.ask()
    start = threading.Barrier(2)

    def run(act: Callable[[Referral], Any]) -> None:
        try:
            mine = Referral.objects.get(pk=fiche.referral.pk)
            start.wait(5)
            act(mine)
        except StaleReferral:
            pass
        finally:
            connection.close()

    answer = threading.Thread(
        target=run, args=[lambda one: one.clarify(fiche.sender.actor, NOW + 2 * DAY, answer="Oui.")]
    )
    accept = threading.Thread(target=run, args=[lambda one: one.accept(fiche.receiver.actor, NOW + 2 * DAY)])
    for one in (answer, accept):
        one.start()
    for one in (answer, accept):
        one.join(10)
    referral = Referral.objects.get()
    assert (referral.state, referral.paused_at) == (State.ACCEPTED, None)
    assert not Clarification.objects.open().exists()
    assert fiche.planned(*CLOCK) == []


# Letters


def test_the_sender_is_told_at_once_then_reminded_twice_and_the_receiver_told_to_go_on(fiche: Fiche) -> None:
    fiche.ask()
    sender = fiche.sender.user
    assert sender is not None
    assert fiche.settle(ReminderKind.ASKED) == [("question_asked", sender.email)]
    assert fiche.settle(ReminderKind.UNCLARIFIED) == [("question_waiting", sender.email)]
    assert fiche.settle(ReminderKind.UNCLARIFIED, 1) == [
        ("question_unanswered", "alire@example.org"),
        ("question_waiting", sender.email),
    ]


def test_the_receiver_is_told_of_the_answer_and_the_recalls_stop(fiche: Fiche) -> None:
    fiche.ask()
    fiche.clarify(NOW + 2 * DAY)
    assert fiche.planned(ReminderKind.ASKED, ReminderKind.UNCLARIFIED) == []
    assert fiche.settle(ReminderKind.CLARIFIED) == [("question_answered", "alire@example.org")]


def test_no_letter_holds_what_was_asked_or_answered(fiche: Fiche) -> None:
    fiche.ask()
    fiche.settle(ReminderKind.ASKED)
    fiche.clarify(NOW + 2 * DAY, answer="Oui, depuis mars.")
    fiche.settle(ReminderKind.CLARIFIED)
    words = "".join(one.subject + one.body_text + one.body_html for one in Message.objects.order_by("id"))
    assert "permis" not in words
    assert "depuis mars" not in words


def test_a_fiche_asked_about_before_its_letter_left_is_cancelled_with_a_letter(fiche: Fiche) -> None:
    fiche.ask(NOW + dt.timedelta(minutes=2))
    fiche.referral.cancel(fiche.sender.actor, NOW + DAY, reason=Reason.FOUND_JOB)
    assert fiche.settle(ReminderKind.CANCELLED) == [("referral_cancelled", "alire@example.org")]


# Unreachable


def test_a_fiche_is_not_declined_as_unreachable_before_a_contact_was_asked_for(fiche: Fiche) -> None:
    for act in (lambda: None, lambda: fiche.ask(), lambda: fiche.clarify(NOW + DAY)):
        act()
        with pytest.raises(ValueError, match="contact"):
            fiche.referral.decline(fiche.receiver.actor, NOW + 30 * DAY, reason=Reason.UNREACHABLE)


@pytest.mark.parametrize("given", [False, True])
def test_it_is_declined_as_unreachable_five_working_days_after_the_contact_was_asked_or_given(
    fiche: Fiche, given: bool
) -> None:
    fiche.ask(NOW, kind=ClarificationKind.CONTACT)
    if given:
        fiche.clarify(NOW)
    with pytest.raises(ValueError, match="contact"):
        fiche.referral.decline(fiche.receiver.actor, NOW + 6 * DAY, reason=Reason.UNREACHABLE)
    fiche.referral.decline(fiche.receiver.actor, NOW + 7 * DAY, reason=Reason.UNREACHABLE)
    assert fiche.referral.state == State.DECLINED


def test_a_contact_asked_for_then_withdrawn_opens_nothing(fiche: Fiche) -> None:
    fiche.ask(NOW, kind=ClarificationKind.CONTACT)
    fiche.referral.unask(fiche.receiver.actor, NOW)
    assert not fiche.referral.may_be_declined_as_unreachable(timezone.localdate(NOW + 30 * DAY))


# Queues and words


def test_a_paused_fiche_is_the_sender_s_first_task_and_no_longer_the_receiver_s(fiche: Fiche) -> None:
    fiche.ask()
    assert [row.pk for row in BY_KEY["precisions"].rows(fiche.sender, NOW)] == [fiche.referral.pk]
    assert [row.pk for row in BY_KEY["en-pause"].rows(fiche.receiver, NOW)] == [fiche.referral.pk]
    assert not BY_KEY["a-repondre"].rows(fiche.receiver, NOW).exists()
    assert fiche.receiver.counts["referrals:referral_list"] == 0


def test_each_side_is_told_whose_turn_it_is(fiche: Fiche) -> None:
    fiche.ask()
    told = [what_next(fiche.referral, door.structure, NOW).text for door in (fiche.sender, fiche.receiver)]
    assert told[0] == "En pause : la question attend votre réponse."
    assert "Mission locale doit répondre à votre question" in told[1]


# On the screen


@pytest.fixture
def stage() -> Stage:
    return Stage()


def url(stage: Stage, name: str) -> str:
    return reverse(f"referrals:clarification_{name}", args=[stage.referral.reference])


def page(stage: Stage) -> str:
    return reverse("referrals:referral_detail", args=[stage.referral.reference])


def ask(stage: Stage, **values: Any) -> Any:
    body = {"kind": "question", "question": QUESTION, "version": stage.reload().version}
    return stage.at_receiver.post(url(stage, "create"), body | values)


def answer(stage: Stage, **values: Any) -> Any:
    body = {"answer": "Oui, depuis mars.", "version": stage.reload().version}
    return stage.at_sender.post(url(stage, "answer"), body | values)


def test_an_empty_question_is_named_and_nothing_is_written(stage: Stage) -> None:
    response = ask(stage, question="  ")
    assert response.status_code == 422
    assert "Écrivez votre question" in response.content.decode()
    assert stage.reload().paused_at is None


@pytest.mark.parametrize("words", ["Son numéro est le 1 85 05 78 006 084 36 ?", "Est-elle diabétique ?"])
def test_a_question_may_hold_no_security_number_and_no_detail_of_health(stage: Stage, words: str) -> None:
    response = ask(stage, question=words)
    assert response.status_code == 422
    assert words in response.content.decode().replace("&#x27;", "'"), "what was typed is kept"
    assert not Clarification.objects.exists()


def test_the_question_is_answered_on_the_fiche_and_both_read_the_exchange(stage: Stage) -> None:
    ask(stage)
    assert QUESTION.replace(" ?", "") in stage.at_sender.get(page(stage)).content.decode()
    assert answer(stage).status_code == 302
    for client in (stage.at_sender, stage.at_receiver):
        assert "Oui, depuis mars." in client.get(page(stage)).content.decode()
    kinds = Event.objects.filter(referral=stage.referral).order_by("id").values_list("kind", "data")
    assert list(kinds)[-2:] == [(EventKind.ASKED, {}), (EventKind.CLARIFIED, {})]


def test_a_page_older_than_the_question_is_told_and_keeps_what_was_typed(stage: Stage) -> None:
    version = stage.reload().version
    ask(stage)
    response = stage.at_receiver.post(
        url(stage, "create"), {"kind": "question", "question": "Et le soir ?", "version": version}
    )
    assert response.status_code == 409
    text = response.content.decode()
    assert "a posé une question sur cette fiche" in text
    assert "Et le soir" in text
    assert Clarification.objects.count() == 1


def test_an_answer_to_a_question_withdrawn_meanwhile_is_told(stage: Stage) -> None:
    ask(stage)
    version = stage.reload().version
    stage.at_receiver.post(url(stage, "withdraw"), {"version": version})
    response = stage.at_sender.post(url(stage, "answer"), {"answer": "Oui.", "version": version})
    assert response.status_code == 409
    assert "a retiré la question" in response.content.decode()


def test_a_contact_is_corrected_in_the_answer_and_only_the_fields_are_journalled(stage: Stage) -> None:
    ask(stage, kind="contact", question="Un autre numéro ?")
    assert 'value="01 99 00 01 01"' in stage.at_sender.get(page(stage)).content.decode()
    contact = {
        "answer": "",
        "phone": "01 99 00 01 77",
        "email": "",
        "contact_channel": "call",
        "may_leave_message": "on",
    }
    assert answer(stage, **contact).status_code == 302
    stage.person.refresh_from_db()
    assert (str(stage.person.phone), stage.person.contact_channel) == ("+33199000177", "call")
    assert Clarification.objects.get().answer == "Coordonnées mises à jour."
    changed = Event.objects.get(kind=EventKind.PERSON_CHANGED)
    assert changed.data == {"fields": ["phone", "contact_channel", "may_leave_message"]}


def test_an_answer_without_words_nor_other_coordinates_says_nothing(stage: Stage) -> None:
    ask(stage, kind="contact", question="Un autre numéro ?")
    same = {"answer": "", "phone": "01 99 00 01 01", "email": "", "contact_channel": stage.person.contact_channel}
    response = answer(stage, **same)
    assert response.status_code == 422
    assert "Répondez en quelques mots" in response.content.decode()


def test_who_did_not_record_the_person_answers_in_words_only(stage: Stage) -> None:
    stage.person.recorded_by = stage.receiver
    stage.person.save(update_fields=["recorded_by"])
    ask(stage, kind="contact", question="Un autre numéro ?")
    assert 'name="phone"' not in stage.at_sender.get(page(stage)).content.decode()
    answer(stage, phone="01 99 00 01 77", contact_channel="call")
    stage.person.refresh_from_db()
    assert str(stage.person.phone) == "+33199000101"


def test_unreachable_is_offered_as_a_reason_only_after_the_contact_was_asked_for(stage: Stage) -> None:
    decline = f"{page(stage)}?repondre=decline"
    assert 'value="unreachable"' not in stage.at_receiver.get(decline).content.decode()
    asked_at = stage.now - dt.timedelta(days=2)
    stage.referral.ask(stage.receives, asked_at, question="Un numéro ?", kind=ClarificationKind.CONTACT)
    Clarification.objects.update(asked_at=stage.now - dt.timedelta(days=12))
    assert 'value="unreachable"' in stage.at_receiver.get(decline).content.decode()


def test_the_person_s_page_shows_the_exchange_s_moves_and_never_its_words(stage: Stage) -> None:
    ask(stage)
    answer(stage)
    text = stage.at_sender.get(reverse("referrals:person_detail", args=[stage.person.pk])).content.decode()
    assert "Question posée au prescripteur" in text
    assert "depuis mars" not in text
    printed = stage.at_sender.get(reverse("referrals:referral_print", args=[stage.referral.reference])).content.decode()
    assert "depuis mars" not in printed and "permis" not in printed


# The API


def test_the_api_asks_answers_and_withdraws_through_the_same_door(stage: Stage) -> None:
    base = f"/api/v1/referrals/{stage.referral.reference}"
    body = {"question": QUESTION, "version": stage.referral.version}
    asked = stage.at_receiver.post(f"{base}/ask/", body, content_type="application/json")
    assert asked.status_code == 200
    assert asked.json()["clarifications"][0]["question"] == QUESTION
    assert "clarify" not in asked.json()["can"] and "unask" in asked.json()["can"]
    assert stage.at_receiver.post(f"{base}/ask/", body, content_type="application/json").status_code == 409
    done = stage.at_sender.post(f"{base}/clarify/", {"answer": "Oui."}, content_type="application/json")
    assert done.json()["clarifications"][0]["answer"] == "Oui."
    assert done.json()["paused_at"] is None
    assert stage.at_receiver.post(f"{base}/unask/", {}, content_type="application/json").status_code == 409
