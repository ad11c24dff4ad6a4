"""The rendez-vous: one that stands at a time, moved, settled in one tap, and never by two people at once."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from referrals.models import (
    Appointment,
    Event,
    EventKind,
    Positioning,
    Referral,
    Reminder,
    ReminderKind,
    StaleReferral,
    TooEarly,
)
from referrals.models.appointment import reminders_of
from referrals.models.reminder import ReminderState
from referrals.permissions import Door
from referrals.policies import USUAL, PolicyKind
from referrals.queues import BY_KEY
from referrals.states import AppointmentState, Reason, State
from structures.clocks import METROPOLE
from structures.vocabulary import ActionShape, Role
from tests.referrals.stage import Stage, session_of
from tests.territory import NOW, TODAY, a_door, a_member, a_person, a_sent, a_session, a_structure, an_action

PARIS = ZoneInfo("Europe/Paris")
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


class Meeting:
    """An accepted fiche with a rendez-vous in three days, told by the clock of the tests."""

    def __init__(self, at: dt.datetime | None = NOW + 3 * DAY, shape: ActionShape = ActionShape.COURSE) -> None:
        self.out, self.into = a_door(a_structure()), a_door(a_structure())
        self.person = a_person(self.out.actor, NOW - 5 * DAY)
        self.action = an_action(self.into.structure, shape=shape)
        self.referral: Referral = a_sent(self.action, self.out.actor, self.person, NOW - 5 * DAY)
        self.referral.accept(self.into.actor, NOW, appointment_at=at, appointment_place="3 rue Verte" if at else "")

    @property
    def row(self) -> Appointment:
        """The rendez-vous that was set last."""
        row = self.referral.appointments.current()
        assert row is not None
        return row

    def close(self, outcome: AppointmentState, now: dt.datetime) -> Event:
        return self.row.close(outcome, self.into.actor, now)

    def copy(self) -> tuple[dt.datetime | None, str, str]:
        """What the fiche keeps of its rendez-vous."""
        fresh = Referral.objects.get(pk=self.referral.pk)
        return fresh.appointment_at, fresh.appointment_place, fresh.appointment_state

    def planned(self, kind: ReminderKind) -> list[dt.datetime]:
        rows = Reminder.objects.filter(referral=self.referral, kind=kind, state=ReminderState.PLANNED)
        return list(rows.order_by("due_at").values_list("due_at", flat=True))


@pytest.fixture
def meeting(db: None) -> Meeting:
    return Meeting()


# What is refused


def test_the_database_refuses_a_second_rendez_vous_that_stands(meeting: Meeting) -> None:
    with pytest.raises(IntegrityError, match="appointment_planned_once_per_fiche"), transaction.atomic():
        Appointment.objects.create(referral=meeting.referral, number=2, at=NOW, created_at=NOW)


@pytest.mark.parametrize(
    ("model", "values", "name"),
    [
        (Appointment, {"state": AppointmentState.CAME}, "appointment_closed_has_a_date"),
        (Appointment, {"closed_at": NOW}, "appointment_closed_has_a_date"),
        (Appointment, {"minutes": 0}, "appointment_lasts_five_minutes_to_twelve_hours"),
        (Referral, {"appointment_at": None}, "referral_appointment_has_its_date"),
        (Referral, {"appointment_state": "excused"}, "referral_appointment_has_its_date"),
    ],
)
def test_the_database_refuses_a_row_that_contradicts_itself(
    meeting: Meeting, model: type[Model], values: dict[str, Any], name: str
) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        model._default_manager.update(**values)


@pytest.mark.parametrize("outcome", [AppointmentState.PLANNED, AppointmentState.MOVED, "nonsense"])
def test_what_is_no_outcome_is_refused(meeting: Meeting, outcome: Any) -> None:
    with pytest.raises(ValueError, match=r"outcome|nonsense"):
        meeting.close(outcome, NOW + 3 * DAY)
    assert meeting.row.state == AppointmentState.PLANNED


@pytest.mark.parametrize(
    ("outcome", "before", "early"),
    [
        (AppointmentState.CAME, 13 * HOUR, True),
        (AppointmentState.CAME, 2 * HOUR, False),
        (AppointmentState.ABSENT, dt.timedelta(minutes=1), True),
        (AppointmentState.ABSENT, dt.timedelta(0), False),
        (AppointmentState.EXCUSED, 2 * DAY, False),
        (AppointmentState.CANCELLED, 2 * DAY, False),
    ],
)
def test_people_come_on_the_day_and_are_absent_once_it_has_begun(
    meeting: Meeting, outcome: AppointmentState, before: dt.timedelta, early: bool
) -> None:
    at = meeting.row.at - before
    if early:
        with pytest.raises(TooEarly):
            meeting.close(outcome, at)
        assert meeting.row.state == AppointmentState.PLANNED
    else:
        meeting.close(outcome, at)
        assert meeting.row.state == outcome


def test_a_fiche_that_is_not_accepted_takes_no_rendez_vous(meeting: Meeting) -> None:
    meeting.referral.enter(meeting.into.actor, NOW, on=TODAY)
    with pytest.raises(StaleReferral):
        meeting.referral.meet(meeting.into.actor, NOW, at=NOW + DAY, minutes=60)
    assert meeting.referral.appointments.count() == 1


def test_an_old_page_changes_nothing(meeting: Meeting) -> None:
    seen = meeting.referral.version
    row = meeting.row
    meeting.referral.meet(meeting.into.actor, NOW, at=NOW + 4 * DAY, minutes=60, version=seen)
    for act in (
        lambda: meeting.referral.meet(meeting.into.actor, NOW, at=NOW + 5 * DAY, minutes=60, version=seen),
        lambda: row.close(AppointmentState.EXCUSED, meeting.into.actor, NOW),
        lambda: row.move(meeting.into.actor, NOW, at=NOW + 6 * DAY),
    ):
        with pytest.raises(StaleReferral), transaction.atomic():
            act()
    assert meeting.copy()[0] == NOW + 4 * DAY
    assert meeting.referral.appointments.count() == 2


# What happens


def test_accepting_with_a_date_writes_the_rendez_vous_and_its_reminders(meeting: Meeting) -> None:
    row = meeting.row
    assert (row.number, row.sequence, row.at, row.minutes, row.place) == (1, 0, NOW + 3 * DAY, 60, "3 rue Verte")
    assert meeting.copy() == (NOW + 3 * DAY, "3 rue Verte", AppointmentState.PLANNED)
    assert meeting.planned(ReminderKind.APPOINTMENT) == [dt.datetime(2026, 11, 18, 8, tzinfo=PARIS)]
    assert meeting.planned(ReminderKind.ENTRY_TO_CONFIRM) == [dt.datetime(2026, 11, 23, 8, tzinfo=PARIS)]
    assert len(meeting.planned(ReminderKind.APPOINTMENT_TOLD)) == 1


def test_accepting_without_a_date_writes_none(db: None) -> None:
    meeting = Meeting(at=None)
    assert not meeting.referral.appointments.exists()
    assert meeting.copy() == (None, "", "")
    assert not meeting.planned(ReminderKind.APPOINTMENT_TOLD)


def test_a_move_keeps_the_first_date_in_the_history_and_the_same_entry_of_the_calendars(meeting: Meeting) -> None:
    moved_at = NOW + dt.timedelta(minutes=3)
    meeting.referral.meet(meeting.into.actor, moved_at, at=NOW + 9 * DAY, minutes=90, place="Salle 2")
    first, second = meeting.referral.appointments.order_by("sequence")
    assert (first.state, first.closed_at, first.closed_by) == (AppointmentState.MOVED, moved_at, meeting.into.user)
    assert (second.number, second.sequence, second.state, second.minutes) == (1, 1, AppointmentState.PLANNED, 90)
    assert meeting.copy() == (NOW + 9 * DAY, "Salle 2", AppointmentState.PLANNED)
    assert meeting.planned(ReminderKind.APPOINTMENT) == [dt.datetime(2026, 11, 24, 8, tzinfo=PARIS)]
    assert meeting.planned(ReminderKind.ENTRY_TO_CONFIRM) == [dt.datetime(2026, 11, 27, 8, tzinfo=PARIS)]
    assert len(meeting.planned(ReminderKind.APPOINTMENT_TOLD)) == 1, "one telling says what then stands"


def test_moving_there_and_back_plans_the_first_reminder_anew(meeting: Meeting) -> None:
    before = meeting.planned(ReminderKind.APPOINTMENT), meeting.planned(ReminderKind.ENTRY_TO_CONFIRM)
    for at in (NOW + 9 * DAY, NOW + 3 * DAY):
        meeting.referral.meet(meeting.into.actor, NOW, at=at, minutes=60)
    assert (meeting.planned(ReminderKind.APPOINTMENT), meeting.planned(ReminderKind.ENTRY_TO_CONFIRM)) == before


@pytest.mark.parametrize("outcome", [AppointmentState.EXCUSED, AppointmentState.ABSENT, AppointmentState.CANCELLED])
def test_a_rendez_vous_that_came_to_nothing_asks_for_another_date(meeting: Meeting, outcome: AppointmentState) -> None:
    later = meeting.row.at + HOUR
    meeting.close(outcome, later)
    assert meeting.copy() == (None, "", outcome)
    assert not meeting.planned(ReminderKind.ENTRY_TO_CONFIRM)
    assert not meeting.planned(ReminderKind.APPOINTMENT)
    assert [row.reference for row in BY_KEY["a-fixer"].rows(meeting.into, later)] == [meeting.referral.reference]
    meeting.referral.meet(meeting.into.actor, later, at=later + 3 * DAY, minutes=60)
    assert (meeting.row.number, meeting.row.sequence) == (2, 0)
    assert not BY_KEY["a-fixer"].rows(meeting.into, later).exists()


def test_a_person_who_came_is_still_to_enter(meeting: Meeting) -> None:
    later = meeting.row.at + HOUR
    meeting.close(AppointmentState.CAME, later)
    assert meeting.copy() == (NOW + 3 * DAY, "3 rue Verte", AppointmentState.CAME)
    assert Referral.objects.get().state == State.ACCEPTED
    assert meeting.planned(ReminderKind.ENTRY_TO_CONFIRM)
    assert BY_KEY["entrees"].rows(meeting.into, later).count() == 1
    meeting.referral.refresh_from_db()
    meeting.referral.enter(meeting.into.actor, later, on=TODAY + 3 * DAY)
    assert meeting.row.state == AppointmentState.CAME


def test_entering_says_that_the_person_came(meeting: Meeting) -> None:
    meeting.referral.enter(meeting.into.actor, NOW + 3 * DAY, on=TODAY + 3 * DAY)
    assert meeting.row.state == AppointmentState.CAME
    assert meeting.copy()[2] == AppointmentState.CAME


def test_entering_before_the_day_of_the_rendez_vous_calls_it_off(meeting: Meeting) -> None:
    meeting.referral.enter(meeting.into.actor, NOW + DAY, on=TODAY + DAY)
    assert meeting.row.state == AppointmentState.CANCELLED
    assert meeting.copy() == (None, "", AppointmentState.CANCELLED)
    assert not meeting.planned(ReminderKind.APPOINTMENT)


def test_a_positionnement_says_that_the_person_came(db: None) -> None:
    meeting = Meeting(NOW - HOUR, ActionShape.POSITIONING)
    Positioning.objects.record(meeting.referral, meeting.into.actor, NOW, on=TODAY, levels={"oral": 2})
    assert meeting.row.state == AppointmentState.CAME


def test_a_person_who_never_came_was_absent(meeting: Meeting) -> None:
    meeting.referral.miss(meeting.into.actor, NOW + 4 * DAY, reason=Reason.NO_SHOW)
    assert meeting.row.state == AppointmentState.ABSENT
    assert meeting.copy() == (None, "", AppointmentState.ABSENT)


def test_a_cancelled_fiche_calls_its_rendez_vous_off(meeting: Meeting) -> None:
    meeting.referral.cancel(meeting.out.actor, NOW + DAY, reason=Reason.FOUND_JOB)
    assert meeting.row.state == AppointmentState.CANCELLED
    assert meeting.row.was_called_off
    assert not meeting.planned(ReminderKind.APPOINTMENT)


def test_the_journal_holds_dates_and_no_place(meeting: Meeting) -> None:
    meeting.referral.meet(meeting.into.actor, NOW, at=NOW + 9 * DAY, minutes=60, place="chez Awa")
    meeting.close(AppointmentState.EXCUSED, NOW)
    journal = {event.kind: event.data for event in Event.objects.filter(referral=meeting.referral)}
    first, second = (NOW + 3 * DAY).isoformat(), (NOW + 9 * DAY).isoformat()
    assert journal[EventKind.ACCEPT] == {"at": first, "from": State.SENT}
    assert journal[EventKind.APPOINTMENT_MOVED] == {"from": first, "at": second}
    assert journal[EventKind.APPOINTMENT_EXCUSED] == {"at": second}
    assert "Awa" not in str(journal)


# When the person is reminded


@pytest.mark.parametrize(
    ("at", "made", "expected"),
    [
        # Two calendar days before, in the morning, whatever the hour of the rendez-vous.
        ("2026-12-10 09:00", "2026-12-01 10:00", "2026-12-08 08:00"),
        ("2026-12-10 23:30", "2026-12-01 10:00", "2026-12-08 08:00"),
        # That morning is past: the next one, as long as it was made thirty-six hours ahead.
        ("2026-12-10 16:00", "2026-12-08 10:00", "2026-12-09 08:00"),
        ("2026-12-10 09:00", "2026-12-08 21:00", "2026-12-09 08:00"),
        ("2026-12-10 09:00", "2026-12-08 21:01", None),
        ("2026-12-10 16:00", "2026-12-09 10:00", None),
        # Never on the day itself, nor after it.
        ("2026-12-10 20:00", "2026-12-09 07:00", None),
        ("2026-12-10 09:00", "2026-12-11 09:00", None),
        # The clocks change in the night of 24 to 25 October 2026 (25 hours), of 27 to 28 March 2027 (23 hours).
        ("2026-10-26 09:00", "2026-10-10 09:00", "2026-10-24 08:00"),
        ("2026-10-25 22:00", "2026-10-24 11:00", None),
        ("2026-10-26 00:00", "2026-10-24 13:00", "2026-10-25 08:00"),
        ("2027-03-29 09:00", "2027-03-20 09:00", "2027-03-27 08:00"),
        ("2027-03-29 01:00", "2027-03-27 13:00", None),
        ("2027-03-29 01:00", "2027-03-27 12:00", "2027-03-28 08:00"),
        # Around the 29th of February.
        ("2028-03-02 10:00", "2028-02-01 10:00", "2028-02-29 08:00"),
        ("2028-03-01 10:00", "2028-02-01 10:00", "2028-02-28 08:00"),
        ("2027-03-01 10:00", "2027-02-01 10:00", "2027-02-27 08:00"),
    ],
)
def test_the_person_is_reminded_two_mornings_before(at: str, made: str, expected: str | None) -> None:
    def moment(text: str) -> dt.datetime:
        return dt.datetime.fromisoformat(text).replace(tzinfo=PARIS)

    rule = USUAL[PolicyKind.APPOINTMENT]
    found = reminders_of(moment(at), moment(made), rule, METROPOLE)
    assert found == ([moment(expected)] if expected else [])


@pytest.mark.parametrize("day", ["2026-10-25", "2027-03-28", "2028-02-29"])
def test_an_hour_lasts_an_hour_on_the_night_when_the_clocks_change(day: str) -> None:
    at = dt.datetime.fromisoformat(f"{day} 01:30").replace(tzinfo=PARIS)
    row = Appointment(at=at, minutes=120)
    assert row.ends_at - at.astimezone(dt.UTC) == dt.timedelta(hours=2)


# Overlapping


@pytest.mark.parametrize(
    ("start", "minutes", "overlaps"),
    [(-60, 60, False), (-60, 61, True), (0, 15, True), (59, 30, True), (60, 30, False), (-30, 240, True)],
)
def test_a_person_is_in_one_place_at_a_time(meeting: Meeting, start: int, minutes: int, overlaps: bool) -> None:
    other = a_sent(an_action(meeting.into.structure), meeting.out.actor, meeting.person, NOW)
    at = meeting.row.at + dt.timedelta(minutes=start)
    assert Appointment.objects.overlapping(other, at, minutes).exists() is overlaps
    assert not Appointment.objects.overlapping(meeting.referral, at, minutes).exists(), "it may be moved by a bit"


def test_where_else_a_person_goes_is_not_told(meeting: Meeting) -> None:
    elsewhere = a_sent(an_action(a_structure("CIDFF", is_sensitive=True)), meeting.out.actor, meeting.person, NOW)
    assert not Appointment.objects.overlapping(elsewhere, meeting.row.at, 60).exists()


# Two at once


def at_once(*acts: Callable[[], Any]) -> list[str]:
    """Run each act on a connection of its own, all starting together; what each raised, by name, or « done »."""
    answers: list[str] = []
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> None:
        start.wait()
        try:
            act()
            answers.append("done")
        except Exception as error:
            answers.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(answers)


def fresh(meeting: Meeting) -> Referral:
    return Referral.objects.select_related("action", "session").get(pk=meeting.referral.pk)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(3))
def test_of_a_move_and_an_outcome_at_once_one_is_told(attempt: int) -> None:
    meeting = Meeting()
    row, referral = meeting.row, fresh(meeting)
    answers = at_once(
        lambda: referral.meet(meeting.into.actor, NOW, at=NOW + 9 * DAY, minutes=60),
        lambda: row.close(AppointmentState.EXCUSED, meeting.into.actor, NOW),
    )
    # A move that waited finds the rendez-vous excused, and sets the next one: both then happened, one after the other.
    assert answers in (["StaleReferral", "done"], ["done", "done"])
    at, _, state = meeting.copy()
    last = meeting.row
    assert last.state == state
    assert at == (last.at if state == AppointmentState.PLANNED else None)
    assert meeting.referral.appointments.planned().count() <= 1


@pytest.mark.django_db(transaction=True)
def test_of_two_dates_set_at_once_on_the_same_page_one_stands() -> None:
    meeting = Meeting(at=None)
    version = meeting.referral.version
    first, second = fresh(meeting), fresh(meeting)
    answers = at_once(
        lambda: first.meet(meeting.into.actor, NOW, at=NOW + 2 * DAY, minutes=60, version=version),
        lambda: second.meet(meeting.into.actor, NOW, at=NOW + 3 * DAY, minutes=60, version=version),
    )
    assert answers == ["StaleReferral", "done"]
    assert meeting.referral.appointments.count() == 1
    assert Event.objects.filter(kind=EventKind.APPOINTMENT_SET).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_tap_notes_one_outcome() -> None:
    meeting = Meeting(NOW - HOUR)
    first, second = meeting.row, meeting.row
    answers = at_once(
        lambda: first.close(AppointmentState.CAME, meeting.into.actor, NOW),
        lambda: second.close(AppointmentState.CAME, meeting.into.actor, NOW),
    )
    assert answers == ["StaleReferral", "done"]
    assert Event.objects.filter(kind=EventKind.APPOINTMENT_CAME).count() == 1


# On the screens


def page(stage: Stage) -> str:
    return reverse("referrals:referral_detail", args=[stage.referral.reference])


def post(client: Any, stage: Stage, name: str, **data: Any) -> Any:
    url = reverse(f"referrals:appointment_{name}", args=[stage.referral.reference])
    return client.post(url, {"version": stage.reload().version, **data})


def typed(moment: dt.datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%dT%H:%M}"


@pytest.fixture
def stage(db: None) -> Iterator[Stage]:
    """Accepted, with a rendez-vous a minute ago, at eleven o'clock."""
    with time_machine.travel(NOW, tick=False):
        stage = Stage()
        stage.referral.accept(
            stage.receives,
            stage.now - DAY,
            appointment_at=stage.now - dt.timedelta(minutes=1),
            appointment_place="3 rue Verte",
        )
        yield stage


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("", "Indiquez le jour et l’heure"),
        ("demain", "Écrivez le jour et l’heure"),
        ("2020-01-01T10:00", "déjà passé"),
        ("2027-03-28T02:30", "fuseau horaire"),
    ],
)
def test_a_date_that_cannot_be_is_refused_next_to_its_field_and_what_was_typed_is_kept(
    stage: Stage, at: str, message: str
) -> None:
    response = post(stage.at_receiver, stage, "set", at=at, minutes=90, place="Salle 7")
    assert response.status_code == 422
    text = response.content.decode()
    assert message in text
    assert "Salle 7" in text
    assert '<details class="panel" id="meet" open>' in text
    assert stage.referral.appointments.count() == 1


def test_a_second_rendez_vous_of_the_person_at_the_same_hour_is_refused(stage: Stage) -> None:
    at = stage.now + 2 * DAY
    other = a_sent(an_action(stage.receiver), stage.sends, stage.person, stage.now)
    other.accept(stage.receives, stage.now, appointment_at=at)
    response = post(stage.at_receiver, stage, "set", at=typed(at), minutes=60)
    assert response.status_code == 422
    assert other.reference in response.content.decode()
    third = a_sent(an_action(stage.receiver), stage.sends, stage.person, stage.now)
    address = reverse("referrals:response_accept", args=[third.reference])
    response = stage.at_receiver.post(address, {"version": third.version, "appointment_at": typed(at)})
    assert response.status_code == 422
    assert other.reference in response.content.decode()


def test_an_outcome_that_is_none_or_too_early_changes_nothing(stage: Stage) -> None:
    for outcome in ("", "moved", "planned"):
        assert post(stage.at_receiver, stage, "settle", outcome=outcome).status_code == 302
    post(stage.at_receiver, stage, "set", at=typed(stage.now + 2 * DAY), minutes=60)
    response = stage.at_receiver.post(
        reverse("referrals:appointment_settle", args=[stage.referral.reference]),
        {"version": stage.reload().version, "outcome": "absent"},
        follow=True,
    )
    assert "Le rendez-vous est à venir" in response.content.decode()
    assert stage.reload().appointment_state == AppointmentState.PLANNED


def test_the_second_of_two_people_is_told_and_keeps_what_was_typed(stage: Stage) -> None:
    seen = stage.reload().version
    assert post(stage.at_receiver, stage, "settle", outcome="came").status_code == 302
    address = reverse("referrals:appointment_set", args=[stage.referral.reference])
    at = typed(stage.now + 4 * DAY)
    response = stage.at_receiver.post(address, {"version": seen, "at": at, "minutes": 60, "place": "Salle 7"})
    assert response.status_code == 409
    text = response.content.decode()
    assert "a noté la venue au rendez-vous" in text
    assert "Salle 7" in text


@pytest.mark.parametrize("name", ["settle", "tell"])
def test_reading_the_address_of_a_deed_changes_nothing(stage: Stage, name: str) -> None:
    url = reverse(f"referrals:appointment_{name}", args=[stage.referral.reference])
    assert stage.at_receiver.get(url).status_code == 405


def test_reading_the_address_of_the_form_opens_it(stage: Stage) -> None:
    url = reverse("referrals:appointment_set", args=[stage.referral.reference])
    response = stage.at_receiver.get(url, follow=True)
    assert '<details class="panel" id="meet" open>' in response.content.decode()


def test_the_outcome_takes_one_tap_and_leads_to_what_follows(stage: Stage) -> None:
    response = post(stage.at_receiver, stage, "settle", outcome="came")
    assert response["Location"] == page(stage)
    text = stage.at_receiver.get(page(stage)).content.decode()
    assert "La personne est venue au rendez-vous." in text
    assert "La personne entre dans l’action" in text


def test_a_person_who_came_to_a_positionnement_leads_straight_to_its_form(db: None) -> None:
    stage = Stage(ActionShape.POSITIONING).accept()
    response = post(stage.at_receiver, stage, "settle", outcome="came")
    assert response["Location"] == reverse("referrals:positioning_record", args=[stage.referral.reference])


@pytest.mark.parametrize(
    ("outcome", "here", "there"),
    [
        ("excused", "Proposez une autre date.", "prenez de ses nouvelles"),
        ("absent", "Proposez une seconde date, ou dites qu’elle ne viendra pas.", "prenez de ses nouvelles"),
    ],
)
def test_each_side_reads_what_to_do_after_a_rendez_vous_that_came_to_nothing(
    stage: Stage, outcome: str, here: str, there: str
) -> None:
    post(stage.at_receiver, stage, "settle", outcome=outcome)
    text = stage.at_receiver.get(page(stage)).content.decode()
    assert here in text
    assert '<details class="panel" id="meet" open>' in text
    assert "La personne ne viendra pas" in text
    assert there in stage.at_sender.get(page(stage)).content.decode()


def test_the_timeline_keeps_each_date(stage: Stage) -> None:
    first = stage.reload().appointment_at
    post(stage.at_receiver, stage, "set", at=typed(stage.now + 4 * DAY), minutes=60, place="Salle 7")
    text = stage.at_sender.get(page(stage)).content.decode()
    assert "Rendez-vous déplacé" in text
    assert "Il était prévu le" in text
    assert "Salle 7" in text
    assert first is not None
    local = timezone.localtime(first)
    assert text.count(f"{local.hour}\u00a0h\u00a0{local.minute:02d}") >= 2


def test_the_file_for_the_calendar_goes_to_both_structures_and_is_gone_with_the_rendez_vous(stage: Stage) -> None:
    url = reverse("referrals:appointment_calendar", args=[stage.referral.reference])
    for client in (stage.at_receiver, stage.at_sender):
        response = client.get(url)
        assert response["Content-Type"] == "text/calendar; charset=utf-8"
        assert response["Content-Disposition"] == f'attachment; filename="{stage.referral.reference}-rendez-vous.ics"'
        text = response.content.decode()
        assert "METHOD:PUBLISH" in text
        assert stage.person.last_name.lower() not in text.lower()
        assert url.rsplit("/", 1)[0] in text
    post(stage.at_receiver, stage, "settle", outcome="absent")
    assert stage.at_receiver.get(url).status_code == 404


# The queues


def test_the_rendez_vous_of_the_day_stand_on_the_home_page_with_their_hour_and_the_late_ones_apart(
    stage: Stage,
) -> None:
    other = a_sent(an_action(stage.receiver), stage.sends, a_person(stage.sends), stage.now)
    other.accept(stage.receives, stage.now - 3 * DAY, appointment_at=stage.now - 2 * DAY)
    coming = a_sent(an_action(stage.receiver), stage.sends, a_person(stage.sends), stage.now)
    coming.accept(stage.receives, stage.now, appointment_at=stage.now + 2 * DAY)
    door = Door.of(stage.trainer)
    assert [row.pk for row in BY_KEY["rendez-vous"].rows(door, stage.now)] == [stage.referral.pk]
    assert [row.pk for row in BY_KEY["rendez-vous-passes"].rows(door, stage.now)] == [other.pk]
    text = stage.at_receiver.get("/").content.decode()
    at = timezone.localtime(stage.now - dt.timedelta(minutes=1))
    assert "Rendez-vous d’aujourd’hui" in text
    assert f"{at.hour}\u00a0h\u00a0{at.minute:02d}</time>" in text
    assert text.count('value="came"') == 2
    assert "Rendez-vous d’aujourd’hui" not in stage.at_sender.get("/").content.decode()


def test_the_home_page_costs_the_same_for_one_rendez_vous_and_for_five(
    stage: Stage, django_assert_num_queries: Any
) -> None:
    stage.at_receiver.get("/")
    with CaptureQueriesContext(connection) as one:
        stage.at_receiver.get("/")
    for _ in range(4):
        action = an_action(stage.receiver, shape=ActionShape.POSITIONING)
        other = a_sent(action, stage.sends, a_person(stage.sends), stage.now)
        other.accept(stage.receives, stage.now, appointment_at=stage.now)
    with django_assert_num_queries(len(one)):
        assert stage.at_receiver.get("/").content.decode().count('value="came"') == 5


def test_a_manager_sees_the_day_without_buttons_that_are_not_theirs(stage: Stage) -> None:
    text = session_of(a_member(stage.receiver, Role.MANAGER)).get("/").content.decode()
    assert "Rendez-vous d’aujourd’hui" in text
    assert 'value="came"' not in text


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_a_day_begins_and_ends_at_midnight_in_paris_even_when_the_clocks_change(db: None, days: int) -> None:
    day = dt.date(2027, 3, 28) + days * DAY
    now = dt.datetime(2027, 3, 28, 12, tzinfo=PARIS)
    meeting = Meeting(dt.datetime.combine(day, dt.time(0, 30), tzinfo=PARIS))
    late = Meeting(dt.datetime.combine(day, dt.time(23, 30), tzinfo=PARIS))
    found = [BY_KEY["rendez-vous"].rows(one.into, now).exists() for one in (meeting, late)]
    assert found == [days == 0, days == 0]


def test_a_session_that_has_begun_asks_for_the_entry_and_no_more_for_a_date(meeting: Meeting) -> None:
    session = a_session(meeting.action, TODAY + 2 * DAY)
    Referral.objects.update(session=session)
    meeting.referral.refresh_from_db()
    meeting.close(AppointmentState.CANCELLED, NOW)
    assert BY_KEY["a-fixer"].rows(meeting.into, NOW).exists()
    assert meeting.planned(ReminderKind.ENTRY_TO_CONFIRM) == [dt.datetime(2026, 11, 20, 8, tzinfo=PARIS)]
    later = NOW + 3 * DAY
    assert not BY_KEY["a-fixer"].rows(meeting.into, later).exists()
    assert BY_KEY["entrees"].rows(meeting.into, later).exists()


def test_who_tells_the_person_notes_it_in_one_tap(stage: Stage) -> None:
    post(stage.at_receiver, stage, "set", at=typed(stage.now + 2 * DAY), minutes=60)
    row = stage.referral.appointments.planned().get()
    assert not row.tell(stage.receives, stage.now)
    row.ask_to_tell()
    stage.person.change(stage.sends, stage.now, contact_channel="call")
    door, sender = Door.of(stage.trainer), Door.of(stage.prescriber)
    assert BY_KEY["a-prevenir"].rows(door, stage.now).exists()
    assert not BY_KEY["rendez-vous-a-dire"].rows(sender, stage.now).exists()
    assert "La personne est prévenue</button>" in stage.at_receiver.get(page(stage)).content.decode()
    assert "La personne est prévenue</button>" not in stage.at_sender.get(page(stage)).content.decode()
    assert not BY_KEY["a-prevenir"].rows(door, stage.now + 3 * DAY).exists(), "once it is past, it is too late"
    post(stage.at_receiver, stage, "tell")
    post(stage.at_receiver, stage, "tell")
    assert not BY_KEY["a-prevenir"].rows(door, stage.now).exists()
    assert Event.objects.filter(kind=EventKind.APPOINTMENT_REMINDED).count() == 1


@pytest.mark.parametrize("why", ["channel", "consent"])
def test_only_the_prescripteur_tells_a_person_whom_nobody_else_may_reach(db: None, why: str) -> None:
    stage = Stage(scopes=[] if why == "consent" else None)
    if why == "consent":
        stage.person.change(stage.sends, stage.now, contact_channel="call")
    stage.referral.accept(stage.receives, stage.now, appointment_at=stage.now + 2 * DAY)
    stage.referral.appointments.get().ask_to_tell()
    assert not BY_KEY["a-prevenir"].rows(Door.of(stage.trainer), stage.now).exists()
    assert BY_KEY["rendez-vous-a-dire"].rows(Door.of(stage.prescriber), stage.now).exists()
    assert "La personne est prévenue</button>" in stage.at_sender.get(page(stage)).content.decode()
    text = stage.at_receiver.get(page(stage)).content.decode()
    assert "La personne est prévenue</button>" not in text
    assert "À rappeler à la personne par Mission locale." in text
