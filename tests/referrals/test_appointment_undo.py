"""What was noted of a rendez-vous by a wrong tap is taken back for ten minutes: nobody has heard of it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from referrals import notifications
from referrals.models import Appointment, Event, EventKind, Referral, Reminder, ReminderKind, StaleReferral
from referrals.states import AppointmentState, Reason, State
from structures.vocabulary import ActionShape
from tests.referrals.stage import Stage
from tests.referrals.test_appointments import Meeting, at_once, fresh
from tests.territory import NOW, a_session

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)

OUTCOMES = [AppointmentState.CAME, AppointmentState.EXCUSED, AppointmentState.ABSENT, AppointmentState.CANCELLED]


@pytest.fixture
def meeting(db: None) -> Meeting:
    """A rendez-vous in three days, of which everybody has been told."""
    meeting = Meeting()
    tell(meeting, NOW + 10 * MINUTE)
    return meeting


def tell(meeting: Meeting, now: dt.datetime) -> list[Any]:
    """Carry out the telling that is due, as the worker does."""
    [reminder] = Reminder.objects.due(now).filter(referral=meeting.referral, kind=ReminderKind.APPOINTMENT_TOLD)
    found = notifications.decide(reminder, now)
    letters = [] if found else notifications.carry_out(reminder, now)
    reminder.settle(now, dropped=found)
    return letters


def standing(meeting: Meeting) -> tuple[Any, ...]:
    """The rendez-vous, its copy on the fiche, and what is planned about it."""
    row = meeting.row
    kinds = (ReminderKind.APPOINTMENT, ReminderKind.ENTRY_TO_CONFIRM)
    values = row.number, row.sequence, row.at, row.state, row.closed_at, row.closed_by, row.told_at, row.in_calendars
    return (*values, meeting.copy(), *[meeting.planned(kind) for kind in kinds])


def unsettle(meeting: Meeting, now: dt.datetime) -> Event:
    row = meeting.row
    row.referral = fresh(meeting)
    return row.unsettle(meeting.into.actor, now)


# What is refused


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_after_ten_minutes_it_stays_noted(meeting: Meeting, outcome: AppointmentState) -> None:
    later = meeting.row.at + HOUR
    meeting.close(outcome, later)
    with pytest.raises(StaleReferral):
        unsettle(meeting, later + 10 * MINUTE)
    assert meeting.row.state == outcome
    assert not Event.objects.filter(kind=EventKind.APPOINTMENT_UNSETTLED).exists()


def test_a_rendez_vous_that_stands_has_nothing_to_take_back(meeting: Meeting) -> None:
    with pytest.raises(StaleReferral):
        unsettle(meeting, NOW + HOUR)


@pytest.mark.parametrize(
    "act",
    [
        lambda meeting, now: meeting.referral.meet(meeting.into.actor, now, at=now + 3 * DAY, minutes=60),
        lambda meeting, now: fresh(meeting).miss(meeting.into.actor, now, reason=Reason.NO_SHOW),
        lambda meeting, now: fresh(meeting).cancel(meeting.out.actor, now, reason=Reason.FOUND_JOB),
    ],
)
def test_what_was_done_since_is_not_undone(meeting: Meeting, act: Callable[[Meeting, dt.datetime], Any]) -> None:
    later = meeting.row.at + HOUR
    meeting.close(AppointmentState.ABSENT, later)
    noted = meeting.row
    act(meeting, later + MINUTE)
    before = standing(meeting)
    noted.referral = fresh(meeting)
    with pytest.raises(StaleReferral):
        noted.unsettle(meeting.into.actor, later + 2 * MINUTE)
    assert standing(meeting) == before


def test_what_has_been_told_is_not_taken_back(meeting: Meeting) -> None:
    later = meeting.row.at + HOUR
    meeting.close(AppointmentState.ABSENT, later)
    Appointment.objects.filter(pk=meeting.row.pk).update(told_at=later + MINUTE)
    before = standing(meeting)
    with pytest.raises(StaleReferral):
        unsettle(meeting, later + 2 * MINUTE)
    assert standing(meeting) == before
    assert not Event.objects.filter(kind=EventKind.APPOINTMENT_UNSETTLED).exists()


def test_an_outcome_of_before_the_fiche_was_opened_again_is_over(meeting: Meeting) -> None:
    later = meeting.row.at + HOUR
    meeting.close(AppointmentState.ABSENT, later)
    noted, into = meeting.row, meeting.into.actor
    fresh(meeting).miss(into, later, reason=Reason.NO_SHOW)
    fresh(meeting).reopen(into, later, note="")
    fresh(meeting).accept(into, later)
    noted.referral = fresh(meeting)
    with pytest.raises(StaleReferral):
        noted.unsettle(into, later + MINUTE)


# What comes back


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_everything_stands_as_before_and_nobody_hears_of_it(meeting: Meeting, outcome: AppointmentState) -> None:
    later = meeting.row.at + HOUR
    before = standing(meeting)
    meeting.close(outcome, later)
    assert standing(meeting) != before
    unsettle(meeting, later + 9 * MINUTE)
    assert standing(meeting) == before
    assert not meeting.planned(ReminderKind.APPOINTMENT_TOLD)
    event = Event.objects.get(kind=EventKind.APPOINTMENT_UNSETTLED)
    assert event.data == {"at": before[2].isoformat(), "from": outcome}
    meeting.close(AppointmentState.CAME, later + 9 * MINUTE)
    assert meeting.row.state == AppointmentState.CAME, "the right one can then be noted"


def test_the_question_about_a_session_that_began_the_same_day_leaves_its_place_again(meeting: Meeting) -> None:
    session = a_session(meeting.action, meeting.row.at.date())
    Referral.objects.update(session=session)
    meeting.referral.refresh_from_db()
    later = meeting.row.at + HOUR
    before = standing(meeting)
    meeting.close(AppointmentState.EXCUSED, later)
    assert meeting.planned(ReminderKind.ENTRY_TO_CONFIRM)
    unsettle(meeting, later + MINUTE)
    assert standing(meeting) == before


def test_a_date_that_nobody_had_heard_of_is_told_after_all(db: None) -> None:
    meeting = Meeting()
    meeting.close(AppointmentState.EXCUSED, NOW + 5 * MINUTE)
    assert not Reminder.objects.due(NOW + 11 * MINUTE).filter(kind=ReminderKind.APPOINTMENT_TOLD).exists(), (
        "what can be taken back is not told yet"
    )
    unsettle(meeting, NOW + 12 * MINUTE)
    letters = tell(meeting, NOW + 22 * MINUTE)
    assert {letter.letter for letter in letters} == {"appointment_changed"}
    assert meeting.row.in_calendars


def test_without_a_second_thought_the_outcome_is_told_ten_minutes_later(meeting: Meeting) -> None:
    later = meeting.row.at + HOUR
    meeting.close(AppointmentState.ABSENT, later)
    assert not Reminder.objects.due(later + 9 * MINUTE).filter(kind=ReminderKind.APPOINTMENT_TOLD).exists()
    assert [letter.letter for letter in tell(meeting, later + 10 * MINUTE)] == ["appointment_missed"]


# Two at once


def together(attempt: int, other: Callable[[Meeting], Any]) -> tuple[Meeting, list[str]]:
    meeting = Meeting(NOW - HOUR)
    meeting.close(AppointmentState.ABSENT, NOW)
    row = meeting.row
    row.referral = fresh(meeting)
    acts = [lambda: row.unsettle(meeting.into.actor, NOW + MINUTE), lambda: other(meeting)]
    return meeting, at_once(*(acts if attempt % 2 else acts[::-1]))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(4))
def test_of_an_undo_and_a_new_date_at_once_one_rendez_vous_stands(attempt: int) -> None:
    meeting, answers = together(
        attempt, lambda meeting: fresh(meeting).meet(meeting.into.actor, NOW + MINUTE, at=NOW + 3 * DAY, minutes=60)
    )
    assert answers in (["StaleReferral", "done"], ["done", "done"])
    assert meeting.referral.appointments.planned().count() == 1
    assert meeting.copy()[0] == meeting.row.at


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(4))
def test_of_an_undo_and_a_closing_at_once_the_fiche_and_its_rendez_vous_agree(attempt: int) -> None:
    meeting, answers = together(
        attempt, lambda meeting: fresh(meeting).miss(meeting.into.actor, NOW + MINUTE, reason=Reason.NO_SHOW)
    )
    assert answers in (["StaleReferral", "done"], ["done", "done"])
    now = fresh(meeting)
    assert now.state == State.MISSED
    assert (meeting.row.state, now.appointment_state) == (AppointmentState.ABSENT, AppointmentState.ABSENT)


@pytest.mark.django_db(transaction=True)
def test_a_double_click_takes_back_once() -> None:
    meeting = Meeting(NOW - HOUR)
    meeting.close(AppointmentState.CAME, NOW)
    rows = meeting.row, meeting.row
    for row in rows:
        row.referral = fresh(meeting)
    answers = at_once(*[lambda row=row: row.unsettle(meeting.into.actor, NOW + MINUTE) for row in rows])
    assert answers == ["StaleReferral", "done"]
    assert Event.objects.filter(kind=EventKind.APPOINTMENT_UNSETTLED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_undo_waits_for_the_letter_that_is_being_written_and_is_told_that_it_has_left() -> None:
    meeting = Meeting(NOW - HOUR)
    meeting.close(AppointmentState.ABSENT, NOW)
    row = meeting.row
    row.referral = fresh(meeting)
    answers: list[str] = []

    def act() -> None:
        try:
            row.unsettle(meeting.into.actor, NOW + 9 * MINUTE)
            answers.append("done")
        except StaleReferral:
            answers.append("told")
        finally:
            connection.close()

    with transaction.atomic():
        # A worker whose clock is ahead of the site's.
        [reminder] = [
            one for one in Reminder.objects.take(NOW + 11 * MINUTE, 10) if one.kind == ReminderKind.APPOINTMENT_TOLD
        ]
        letters = notifications.carry_out(reminder, NOW + 11 * MINUTE)
        thread = threading.Thread(target=act)
        thread.start()
        thread.join(1)
        reminder.settle(NOW + 11 * MINUTE)
    thread.join(30)
    assert answers == ["told"]
    assert [letter.letter for letter in letters] == ["appointment_missed"]
    assert meeting.row.state == AppointmentState.ABSENT


# On the screens


def address(stage: Stage, name: str) -> str:
    return reverse(f"referrals:{name}", args=[stage.referral.reference])


def settle(stage: Stage, outcome: str) -> str:
    data = {"version": stage.reload().version, "outcome": outcome}
    response = stage.at_receiver.post(address(stage, "appointment_settle"), data, follow=True)
    return response.content.decode()


@pytest.fixture
def stage(db: None) -> Stage:
    """Accepted, with a rendez-vous yesterday."""
    return Stage().accept()


@pytest.mark.parametrize("outcome", ["came", "excused", "absent"])
def test_the_message_and_the_page_offer_to_take_it_back(stage: Stage, outcome: str) -> None:
    undo = f'action="{address(stage, "appointment_unsettle")}"'
    assert undo not in stage.at_receiver.get(address(stage, "referral_detail")).content.decode()
    assert settle(stage, outcome).count(undo) == 2, "with what was just done, and beside the rendez-vous"
    assert undo not in stage.at_sender.get(address(stage, "referral_detail")).content.decode()
    response = stage.at_receiver.post(address(stage, "appointment_unsettle"), follow=True)
    text = response.content.decode()
    assert "le rendez-vous est toujours prévu le" in text
    assert undo not in text
    assert "Issue du rendez-vous annulée" in text
    assert stage.reload().appointment_state == AppointmentState.PLANNED


def test_a_wrong_tap_that_led_to_the_positionnement_is_taken_back_from_there(db: None) -> None:
    stage = Stage(ActionShape.POSITIONING).accept()
    text = settle(stage, "came")
    assert address(stage, "appointment_unsettle") in text
    stage.at_receiver.post(address(stage, "appointment_unsettle"))
    assert stage.reload().appointment_state == AppointmentState.PLANNED


def test_too_late_or_overtaken_the_page_says_who_acted_and_what_stands(stage: Stage) -> None:
    settle(stage, "absent")
    stage.reload().meet(stage.receives, timezone.now(), at=stage.now + 3 * DAY, minutes=60)
    response = stage.at_receiver.post(address(stage, "appointment_unsettle"))
    assert response.status_code == 409
    assert "a fixé le rendez-vous" in response.content.decode()
    assert stage.referral.appointments.count() == 2


def test_only_the_receiver_takes_it_back_and_reading_the_address_does_nothing(stage: Stage) -> None:
    settle(stage, "absent")
    undo = address(stage, "appointment_unsettle")
    assert stage.at_receiver.get(undo).status_code == 405
    assert stage.at_sender.post(undo).status_code == 403
    assert stage.at_stranger.post(undo).status_code == 404
    assert stage.manager.post(undo).status_code == 403
    assert stage.reload().appointment_state == AppointmentState.ABSENT


# Over the API


def api(stage: Stage, name: str) -> str:
    return reverse(f"api:referral-{name}", args=[stage.referral.reference])


def test_the_api_takes_it_back_tells_the_person_and_gives_the_file_for_a_calendar(stage: Stage) -> None:
    client = stage.at_receiver
    body = {"outcome": "excused"}
    settled = client.post(api(stage, "settle"), body, content_type="application/json").json()
    assert "unsettle" in settled["can"]
    assert settled["unsettleable_until"]
    assert client.get(api(stage, "calendar")).status_code == 404
    back = client.post(api(stage, "unsettle"), {"version": settled["version"]}, content_type="application/json")
    assert (back.status_code, back.json()["appointment_state"]) == (200, "planned")
    assert client.post(api(stage, "unsettle"), {}, content_type="application/json").status_code == 409
    assert client.post(api(stage, "tell")).status_code == 400, "nobody had to be told"
    stage.referral.appointments.planned().get().ask_to_tell()
    told = client.post(api(stage, "tell"))
    assert [row["notice"] for row in told.json()["appointments"]] == ["told"]
    file = client.get(api(stage, "calendar"), headers={"accept": "application/json"})
    assert file["Content-Type"] == "text/calendar; charset=utf-8"
    assert "BEGIN:VEVENT" in file.content.decode()
    assert file["Content-Disposition"] == f'attachment; filename="{stage.referral.reference}-rendez-vous.ics"'
    assert stage.at_stranger.get(api(stage, "calendar")).status_code == 404
    stage.reload().enter(stage.receives, stage.now, on=stage.today)
    assert client.post(api(stage, "tell")).status_code == 409
