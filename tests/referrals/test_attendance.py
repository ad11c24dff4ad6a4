"""The attendance sheet: who may write it, what is refused, what it sums to, and two people who write it at once."""

from __future__ import annotations

import datetime as dt
import threading
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from referrals.models import Attendance, Bilan, Event, EventKind, Half, Presence, Referral
from referrals.models.attendance import ATTENDING, expected_on, half_days
from referrals.states import Reason
from structures.models import Session
from tests.referrals.stage import Stage
from tests.territory import a_person, a_sent, a_session


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage().enter()


def entered(stage: Stage, session: Session, days: int = 10, **person: str) -> Referral:
    """One more person in the session, since some days."""
    fiche = a_sent(stage.action, stage.sends, a_person(stage.sends, stage.now, **person), stage.now, session=session)
    fiche.accept(stage.receives, stage.now, session=session)
    fiche.enter(stage.receives, stage.now, on=stage.today - dt.timedelta(days=days))
    return fiche


@pytest.fixture
def session(stage: Stage) -> Session:
    return a_session(stage.action, stage.today - dt.timedelta(days=10), code="Automne")


def sheet(session: Session) -> str:
    return reverse("referrals:attendance_session", args=[session.pk])


def mark_url(fiche: Referral) -> str:
    return reverse("referrals:attendance_referral", args=[fiche.reference])


def marked(stage: Stage, mark: str = "present", day: dt.date | None = None, half: str = "am", **more: object) -> dict:
    return {"jour": (day or stage.today).isoformat(), "demi": half, "mark": mark} | more


# Who may, and what is refused


def test_only_the_receiver_writes_the_sheet(stage: Stage, session: Session) -> None:
    fiche = entered(stage, session)
    for client, code in ((stage.at_stranger, 404), (stage.at_sender, 403), (stage.manager, 403)):
        assert client.post(mark_url(fiche), marked(stage)).status_code == code
    for client, code in ((stage.at_stranger, 404), (stage.at_sender, 404), (stage.manager, 403)):
        assert client.get(sheet(session)).status_code == code
        assert client.post(sheet(session), marked(stage)).status_code == code
    assert not Attendance.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [{"mark": "asleep"}, {"demi": "night"}, {"jour": "bientôt"}, {"jour": "2099-01-01"}, {"jour": "2001-01-01"}],
)
def test_a_mark_that_cannot_be_is_refused(stage: Stage, session: Session, wrong: dict) -> None:
    fiche = entered(stage, session)
    response = stage.at_receiver.post(mark_url(fiche), marked(stage) | wrong, headers={"HX-Request": "true"})
    assert response.status_code == 422
    assert stage.at_receiver.post(mark_url(fiche), marked(stage) | wrong).status_code in (200, 422)
    assert not Attendance.objects.exists()


def test_a_day_to_come_is_refused_with_the_reason(stage: Stage, session: Session) -> None:
    response = stage.at_receiver.get(sheet(session), {"jour": "2099-01-01", "demi": "am"})
    assert response.status_code == 422
    assert "Cette date est à venir" in response.content.decode()


def test_nobody_is_noted_before_the_entry_nor_after_the_end(stage: Stage, session: Session) -> None:
    fiche = entered(stage, session, days=3)
    assert not expected_on(fiche, stage.today - dt.timedelta(days=4))
    assert expected_on(fiche, stage.today)
    fiche.end(stage.receives, stage.now)
    assert expected_on(fiche, stage.today)
    assert not expected_on(fiche, stage.today + dt.timedelta(days=1))
    with pytest.raises(ValueError, match="expected"):
        Attendance.objects.mark(
            stage.today - dt.timedelta(days=4), Half.MORNING, {fiche: "present"}, stage.receives, stage.now
        )


def test_a_fiche_that_led_to_no_entry_is_not_on_the_sheet(stage: Stage, session: Session) -> None:
    fiche = a_sent(stage.action, stage.sends, now=stage.now, session=session)
    fiche.decline(stage.receives, stage.now, reason=Reason.NO_PLACE)
    assert fiche.state not in ATTENDING
    assert fiche.person.full_name not in stage.at_receiver.get(sheet(session)).content.decode()


def test_the_database_keeps_one_mark_per_half_day_and_only_known_ones(stage: Stage, session: Session) -> None:
    fiche = entered(stage, session)
    Attendance.objects.mark(stage.today, Half.MORNING, {fiche: "present"}, stage.receives, stage.now)
    again = Attendance(referral=fiche, on=stage.today, half="am", mark="absent", noted_at=stage.now)
    with pytest.raises(IntegrityError, match="attendance_once_per_half_day"), transaction.atomic():
        again.save()
    for field, name in (("mark", "attendance_mark_is_known"), ("half", "attendance_half_is_known")):
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            Attendance.objects.update(**{field: "x"})


# What it writes


def test_each_choice_is_saved_at_once_and_answers_with_the_sums(stage: Stage, session: Session) -> None:
    fiche = entered(stage, session)
    htmx = {"HX-Request": "true"}
    answer = stage.at_receiver.post(mark_url(fiche), marked(stage), headers=htmx)
    assert answer.status_code == 200
    assert "1 sur 1" in answer.content.decode()
    stage.at_receiver.post(mark_url(fiche), marked(stage, "absent", half="pm"), headers=htmx)
    answer = stage.at_receiver.post(mark_url(fiche), marked(stage, "excused", half="pm"), headers=htmx)
    assert "1 sur 2" in answer.content.decode()
    assert "50&nbsp;%" in answer.content.decode()
    assert Attendance.objects.get(half="pm").mark == Presence.EXCUSED
    stage.at_receiver.post(mark_url(fiche), marked(stage, "", half="pm"), headers=htmx)
    assert Attendance.objects.get().half == Half.MORNING


def test_without_a_script_the_mark_leads_back_to_its_sheet(stage: Stage, session: Session) -> None:
    fiche = entered(stage, session)
    answer = stage.at_receiver.post(mark_url(fiche), marked(stage, session=session.pk))
    assert answer["Location"].startswith(sheet(session))
    assert 'value="present" id="' in stage.at_receiver.get(answer["Location"]).content.decode()
    answer = stage.at_receiver.post(mark_url(fiche), marked(stage))
    assert answer["Location"].startswith(mark_url(fiche))


def test_those_not_yet_noted_are_all_present_in_one_press(stage: Stage, session: Session) -> None:
    first, second, third = (entered(stage, session) for _ in range(3))
    stage.at_receiver.post(mark_url(first), marked(stage, "absent"))
    sent = {name: value for name, value in marked(stage).items() if name != "mark"}
    assert stage.at_receiver.post(sheet(session), sent).status_code == 302
    marks = dict(Attendance.objects.values_list("referral", "mark"))
    assert marks == {first.pk: "absent", second.pk: "present", third.pk: "present"}


@pytest.mark.django_db(transaction=True)
def test_two_trainers_who_write_the_same_sheet_at_once_leave_one_mark_each() -> None:
    stage = Stage().enter()
    session = a_session(stage.action, stage.today)
    fiches = [entered(stage, session, days=0) for _ in range(4)]
    barrier = threading.Barrier(2)
    faults: list[Exception] = []

    def write(mark: str, rows: list[Referral]) -> None:
        try:
            barrier.wait()
            for _ in range(20):
                Attendance.objects.mark(stage.today, "am", dict.fromkeys(rows, mark), stage.receives, stage.now)
        except Exception as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=write, args=("present", fiches)),
        threading.Thread(target=write, args=("absent", fiches[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert Attendance.objects.count() == 4


def test_the_sheet_to_sign_is_empty_and_has_everybody(stage: Stage, session: Session) -> None:
    fiche = entered(stage, session, first_name="Nour")
    Attendance.objects.mark(stage.today, Half.MORNING, {fiche: "absent"}, stage.receives, stage.now)
    url = reverse("referrals:attendance_print", args=[session.pk])
    text = stage.at_receiver.get(url, {"jour": stage.today.isoformat(), "demi": "am"}).content.decode()
    assert "Nour" in text
    assert "Absent" not in text


def test_the_sheet_costs_the_same_queries_for_two_people_as_for_twelve(stage: Stage, session: Session) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert stage.at_receiver.get(sheet(session)).status_code == 200
        return len(queries)

    for _ in range(2):
        entered(stage, session)
    cost()
    two = cost()
    for _ in range(10):
        entered(stage, session)
    assert cost() == two


# Half-days and hours


def test_the_half_days_are_those_of_the_timetable(stage: Stage) -> None:
    monday = dt.date(2026, 11, 16)
    stage.action.timetable = ["mon_pm", "wed_am", "wed_pm"]
    assert half_days(stage.action, monday) == [Half.AFTERNOON]
    assert half_days(stage.action, monday + dt.timedelta(days=1)) == []
    assert half_days(stage.action, monday + dt.timedelta(days=2)) == [Half.MORNING, Half.AFTERNOON]
    stage.action.timetable = []
    assert half_days(stage.action, monday) == list(Half)


@pytest.mark.parametrize(
    ("own", "weekly", "timetable", "hours"),
    [
        (None, None, [], 6),
        (None, Decimal("7"), ["mon_am", "tue_am"], 7),
        (Decimal("1.5"), Decimal("7"), ["mon_am", "tue_am"], 3),
    ],
)
def test_the_hours_of_a_half_day_are_the_session_s_else_the_action_s(
    stage: Stage, session: Session, own: Decimal | None, weekly: Decimal | None, timetable: list[str], hours: int
) -> None:
    session.half_day_hours = own
    session.save()
    stage.action.weekly_hours, stage.action.timetable = weekly, timetable
    stage.action.save()
    fiche = Referral.objects.with_everything().get(pk=entered(stage, session).pk)
    for half in Half:
        Attendance.objects.mark(stage.today, half, {fiche: "present"}, stage.receives, stage.now)
    assert Attendance.objects.sums([fiche])[fiche.pk].hours == hours


def test_the_sums_fill_the_bilan_of_the_receiver_and_not_of_the_sender(stage: Stage) -> None:
    days = [stage.today - dt.timedelta(days=1), stage.today]
    for day, mark in zip(days, ("present", "absent"), strict=True):
        Attendance.objects.mark(day, Half.MORNING, {stage.referral: mark}, stage.receives, stage.now)
    bilan = Bilan.objects.start(stage.referral, "final", stage.receives, stage.now)
    assert (bilan.hours, bilan.attendance) == (3, 50)
    text = stage.at_receiver.get(reverse("referrals:bilan_edit", args=[bilan.pk])).content.decode()
    assert "Feuille de présence : 1 demi-journée sur 2" in text
    otherwise = Bilan.objects.start(stage.referral, "final", stage.sends, stage.now)
    assert (otherwise.hours, otherwise.attendance) == (None, None)
    text = stage.at_sender.get(reverse("referrals:bilan_edit", args=[otherwise.pk])).content.decode()
    assert "Feuille de présence" not in text


# The journal


def test_each_mark_that_changes_is_journalled_as_codes_and_stands_on_no_timeline(
    stage: Stage, session: Session
) -> None:
    fiche = stage.reload()
    for mark in ("present", "present", "absent", ""):
        Attendance.objects.mark(stage.today, Half.MORNING, {fiche: mark}, stage.receives, stage.now)
    events = Event.objects.filter(kind=EventKind.ATTENDED).order_by("id")
    day = stage.today.isoformat()
    assert [event.data for event in events] == [
        {"on": day, "half": "am", "mark": mark} for mark in ("present", "absent", "")
    ]
    assert {(event.referral, event.person, event.user) for event in events} == {(fiche, stage.person, stage.trainer)}
    page = reverse("referrals:referral_detail", args=[fiche.reference])
    pathway = reverse("referrals:person_detail", args=[stage.person.pk])
    for client in (stage.at_sender, stage.at_receiver):
        assert "Présence notée" not in client.get(page).content.decode()
        assert "Présence notée" not in client.get(pathway).content.decode()
        journal = client.get(reverse("api:referral-detail", args=[fiche.reference])).json()["events"]
        assert "attended" not in [event["kind"] for event in journal]


def test_nobody_s_mark_is_journalled_when_the_sheet_is_refused(stage: Stage, session: Session) -> None:
    with pytest.raises(ValueError, match="nobody is expected"):
        Attendance.objects.mark(
            stage.today + dt.timedelta(days=1), Half.MORNING, {stage.reload(): "present"}, stage.receives, stage.now
        )
    assert not Event.objects.filter(kind=EventKind.ATTENDED).exists()
