"""What is told of a rendez-vous: to whom, once, with its entry for the calendar; to the person only if it is safe."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.utils import timezone
from icalendar import Calendar

from referrals import deadlines, emails
from referrals.calendars import PARIS as PARIS_RULES
from referrals.calendars import invitation
from referrals.models import (
    Appointment,
    ContactChannel,
    Event,
    EventKind,
    Message,
    Notice,
    Referral,
    Reminder,
    ReminderKind,
)
from referrals.models.message import MessageState
from referrals.models.reminder import ReminderState
from referrals.notifications import given_up, overtaken
from referrals.states import AppointmentState, Reason, State
from structures.models import Structure
from tests.smtp_server import Inbox
from tests.territory import NOW, TODAY, a_door, a_member, a_person, a_sent, a_structure, an_action
from worker.drain import drain
from worker.reminders import Settler

pytestmark = pytest.mark.django_db

PARIS = ZoneInfo("Europe/Paris")
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
AT = NOW + 9 * DAY
SENDER, RECEIVER, PERSON = "camille@example.org", "alire@example.org", "zephyrine@example.org"
SECRETS = ("Zéphyrine", "Quetzalcoatl")


class Told:
    """A fiche accepted with a rendez-vous, and the letters that leave as time goes by."""

    def __init__(
        self, channel: ContactChannel = ContactChannel.EMAIL, phone_of_the_person: str = "", **receiver: Any
    ) -> None:
        self.sender = a_structure("Mission locale", email="ml@example.org")
        self.receiver: Structure = a_structure("Alire", email=RECEIVER, phone="+33254000001", **receiver)
        member = a_member(self.sender, email=SENDER)
        self.out, self.into = a_door(self.sender), a_door(self.receiver)
        self.out.user = member
        self.person = a_person(
            self.out.actor,
            first_name=SECRETS[0],
            last_name=SECRETS[1],
            email=PERSON,
            contact_channel=channel,
            phone=phone_of_the_person,
        )
        self.referral: Referral = a_sent(an_action(self.receiver, "Ateliers"), self.out.actor, self.person, NOW - DAY)
        self.pass_time(NOW - HOUR)
        Message.objects.all().delete()

    def accept(self, at: dt.datetime = AT, now: dt.datetime = NOW) -> Told:
        self.referral.accept(self.into.actor, now, appointment_at=at, appointment_place="3 rue Verte, Blois")
        return self

    @property
    def row(self) -> Appointment:
        row = self.referral.appointments.current()
        assert row is not None
        return row

    def pass_time(self, to: dt.datetime) -> list[Message]:
        """Settle all that is due by then; return the letters written, the earlier ones set aside."""
        known = set(Message.objects.values_list("pk", flat=True))
        while Settler(lambda: to).settle_batch():
            continue
        self.referral.refresh_from_db()
        return list(Message.objects.exclude(pk__in=known).order_by("letter", "to"))

    def announced(self) -> Told:
        """The date is told, and that is over."""
        self.accept()
        self.pass_time(NOW + deadlines.UNDO)
        return self


@pytest.fixture
def told() -> Told:
    return Told()


def heads(messages: list[Message]) -> list[tuple[str, str]]:
    return [(message.letter, message.to) for message in messages]


def entry(message: Message) -> tuple[str, Any]:
    """What a letter asks of the calendar: the method and the event."""
    calendar: Any = Calendar.from_ical(message.calendar)
    [event] = calendar.walk("VEVENT")
    return str(calendar["method"]), event


# The entry in the calendar


def test_the_rules_of_paris_are_those_of_the_system_for_twenty_years() -> None:
    # Under another name: the library would otherwise take its own rules for Paris.
    rules = PARIS_RULES.replace("Europe/Paris", "Essai")
    zone: Any
    [zone] = Calendar.from_ical(f"BEGIN:VCALENDAR\n{rules}END:VCALENDAR\n").walk("VTIMEZONE")
    ours = zone.to_tz()
    moment = dt.datetime(2026, 1, 1, 0, 30, tzinfo=dt.UTC)
    for hours in range(0, 20 * 366 * 24, 11):
        then = moment + dt.timedelta(hours=hours)
        assert then.astimezone(ours).utcoffset() == then.astimezone(PARIS).utcoffset(), then


@pytest.mark.parametrize(
    ("at", "minutes", "starts", "ends"),
    [
        ("2026-12-03 14:30", 90, "20261203T143000", "20261203T160000"),
        ("2026-10-25 01:30", 120, "20261025T013000", "20261025T023000"),
        ("2027-03-28 01:30", 60, "20270328T013000", "20270328T033000"),
        ("2028-02-29 23:30", 60, "20280229T233000", "20280301T003000"),
    ],
)
def test_an_entry_is_in_local_time_with_its_zone(told: Told, at: str, minutes: int, starts: str, ends: str) -> None:
    moment = dt.datetime.fromisoformat(at).replace(tzinfo=PARIS)
    row = Appointment(referral=told.referral, number=1, at=moment, minutes=minutes)
    text = invitation(row, "REQUEST").text(NOW, RECEIVER)
    assert f"DTSTART;TZID=Europe/Paris:{starts}\r\n" in text
    assert f"DTEND;TZID=Europe/Paris:{ends}\r\n" in text
    assert "BEGIN:VTIMEZONE\r\nTZID:Europe/Paris\r\n" in text
    assert "DTSTAMP:20261117T100000Z\r\n" in text


def test_an_entry_says_neither_who_nor_where_it_matters(told: Told) -> None:
    row = Appointment(referral=told.referral, number=2, sequence=3, at=AT, place="3, rue Verte ; cour\nà gauche " * 5)
    text = invitation(row, "REQUEST").text(NOW, RECEIVER)
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
    assert "\n" not in text.replace("\r\n", "")
    event: Any = Calendar.from_ical(text).walk("VEVENT")[0]  # type: ignore[union-attr] # one calendar
    reference = told.referral.reference
    assert str(event["summary"]) == f"Rendez-vous {reference}"
    assert str(event["uid"]) == f"{reference}-2@{settings.MESSAGE_ID_DOMAIN}"
    assert event["sequence"] == 3
    assert str(event["location"]) == row.place
    assert str(event["class"]) == "PRIVATE"
    assert str(event["url"]).endswith(f"/fiches/{reference}/")
    assert not re.search(f"Alire|Mission locale|Ateliers|{'|'.join(SECRETS)}", text)
    assert "url" not in Calendar.from_ical(invitation(row, "REQUEST", has_account=False).text(NOW)).walk("VEVENT")[0]


def test_a_protected_structure_gives_no_place_to_a_calendar() -> None:
    told = Told(is_sensitive=True).accept()
    assert "LOCATION" not in invitation(told.row, "PUBLISH").text(NOW)
    letters = [emails.appointment_told(told.row, change) for change in emails.CHANGES]
    letters.append(emails.appointment_reminder(told.row))
    for letter in letters:
        said = letter.subject + letter.body_text + letter.body_html
        assert not re.search("Alire|rue Verte|54 00", said)
    assert "Dites-le à la personne qui vous accompagne." in emails.appointment_reminder(told.row).body_text


# Who is told


def test_a_new_date_is_told_once_to_each_with_its_entry(told: Told) -> None:
    told.accept()
    assert "appointment_told" not in [message.letter for message in told.pass_time(NOW + deadlines.UNDO - HOUR / 60)]
    told.pass_time(NOW + deadlines.UNDO)
    messages = list(Message.objects.order_by("letter", "to"))
    assert heads(messages) == [
        ("appointment_changed", RECEIVER),
        ("appointment_told", PERSON),
        ("referral_accepted", SENDER),
    ]
    for message in messages:
        method, event = entry(message)
        assert (method, event["sequence"]) == ("REQUEST", 0)
        assert str(event["attendee"]) == f"mailto:{message.to}"
        assert event["attendee"].params == {"PARTSTAT": "ACCEPTED", "RSVP": "FALSE"}
        assert not [secret for secret in SECRETS if secret in message.subject + message.body_text + message.calendar]
    assert told.row.in_calendars
    assert told.pass_time(NOW + HOUR) == []


@pytest.mark.parametrize("channel", [ContactChannel.SMS, ContactChannel.CALL, ContactChannel.PRESCRIBER])
def test_a_person_without_a_safe_address_gets_nothing_and_the_prescripteur_is_asked_to_tell(
    channel: ContactChannel,
) -> None:
    messages = Told(channel).accept().pass_time(NOW + deadlines.UNDO)
    assert [message.to for message in messages] == [RECEIVER, SENDER]
    assert "Prévenez la personne par le moyen de contact" in messages[1].body_text


def test_a_date_changed_before_it_was_told_is_told_once_as_it_stands(told: Told) -> None:
    told.accept()
    told.referral.meet(told.into.actor, NOW + HOUR / 12, at=AT + DAY, minutes=60)
    messages = told.pass_time(NOW + HOUR)
    assert heads(messages) == [
        ("appointment_changed", RECEIVER),
        ("appointment_told", PERSON),
        ("referral_accepted", SENDER),
    ]
    assert {entry(message)[1]["sequence"] for message in messages} == {1}
    assert "fixé" in messages[0].subject


def test_a_date_changed_after_the_answer_was_read_is_told_to_its_reader_too(told: Told) -> None:
    told.accept()
    due = Reminder.objects.get(kind=ReminderKind.ANSWERED).due_at
    told.pass_time(due)
    Message.objects.filter(to=SENDER).update(state=MessageState.SENT, sent_at=due)
    told.referral.meet(told.into.actor, due + HOUR / 60, at=AT + DAY, minutes=60)
    messages = told.pass_time(due + HOUR)
    assert ("appointment_changed", SENDER) in heads(messages)


def test_a_move_is_told_to_all_and_replaces_the_entry(told: Told) -> None:
    told.announced()
    uid = str(entry(Message.objects.get(to=RECEIVER))[1]["uid"])
    told.referral.meet(told.into.actor, NOW + DAY, at=AT + DAY, minutes=60)
    messages = told.pass_time(NOW + DAY + HOUR)
    assert heads(messages) == [
        ("appointment_changed", RECEIVER),
        ("appointment_changed", SENDER),
        ("appointment_told", PERSON),
    ]
    for message in messages:
        method, event = entry(message)
        assert (method, str(event["uid"]), event["sequence"]) == ("REQUEST", uid, 1)
        assert "déplacé" in message.subject or "nouvelle date" in message.subject


def test_a_rendez_vous_called_off_leaves_every_calendar_and_the_next_one_is_another_entry(told: Told) -> None:
    told.announced()
    told.row.close(AppointmentState.CANCELLED, told.into.actor, NOW + DAY)
    messages = told.pass_time(NOW + DAY + HOUR)
    assert [message.to for message in messages] == [RECEIVER, SENDER, PERSON]
    for message in messages:
        method, event = entry(message)
        assert (method, str(event["status"]), event["sequence"]) == ("CANCEL", "CANCELLED", 1)
    told.referral.meet(told.into.actor, NOW + 2 * DAY, at=AT, minutes=60)
    again = told.pass_time(NOW + 2 * DAY + HOUR)
    assert {str(entry(message)[1]["uid"])[9:11] for message in again} == {"2@"}
    assert {entry(message)[0] for message in again} == {"REQUEST"}


def test_a_new_date_given_at_once_to_a_person_who_excused_themselves_is_told_as_a_move(told: Told) -> None:
    told.announced()
    told.row.close(AppointmentState.EXCUSED, told.into.actor, NOW + DAY)
    told.referral.meet(told.into.actor, NOW + DAY + HOUR / 60, at=AT + DAY, minutes=60)
    messages = told.pass_time(NOW + DAY + HOUR)
    assert len(messages) == 3
    assert {(entry(one)[0], entry(one)[1]["sequence"], str(entry(one)[1]["uid"])[9:11]) for one in messages} == {
        ("REQUEST", 1, "1@")
    }


@pytest.mark.parametrize("outcome", [AppointmentState.EXCUSED, AppointmentState.ABSENT])
def test_the_prescripteur_alone_is_told_of_who_did_not_come(told: Told, outcome: AppointmentState) -> None:
    told.announced()
    told.pass_time(AT)
    told.row.close(outcome, told.into.actor, AT + HOUR)
    messages = told.pass_time(AT + 2 * HOUR)
    assert heads(messages) == [("appointment_missed", SENDER)]
    assert messages[0].calendar == ""
    assert ("s’est excusée" in messages[0].body_text) is (outcome == AppointmentState.EXCUSED)


def test_a_person_who_came_is_no_news(told: Told) -> None:
    told.announced()
    told.pass_time(AT)
    told.row.close(AppointmentState.CAME, told.into.actor, AT + HOUR)
    assert told.pass_time(AT + 2 * HOUR) == []


def test_a_cancelled_fiche_takes_its_rendez_vous_out_of_each_calendar_in_one_letter_each(told: Told) -> None:
    told.announced()
    told.referral.cancel(told.out.actor, NOW + DAY, reason=Reason.FOUND_JOB)
    first = told.pass_time(NOW + DAY)
    then = told.pass_time(NOW + DAY + HOUR)
    assert heads(first + then) == [
        ("referral_cancelled", RECEIVER),
        ("appointment_changed", SENDER),
        ("appointment_told", PERSON),
    ]
    assert {entry(message)[0] for message in first + then} == {"CANCEL"}
    assert "n’a plus lieu" in first[0].body_text
    assert "On vous proposera" not in then[1].body_text


def test_a_fiche_cancelled_before_its_date_was_told_says_nothing_of_it(told: Told) -> None:
    told.accept()
    told.referral.cancel(told.out.actor, NOW + HOUR / 60, reason=Reason.MISTAKE)
    messages = told.pass_time(NOW + HOUR)
    assert heads(messages) == [("referral_cancelled", RECEIVER)]
    assert messages[0].calendar == ""
    reminder = Reminder.objects.get(kind=ReminderKind.APPOINTMENT_TOLD)
    assert (reminder.state, reminder.reason) == (ReminderState.DROPPED, "overtaken")


def test_an_answer_taken_back_says_nothing_of_its_date_and_the_next_one_is_told(told: Told) -> None:
    told.accept()
    told.referral.retract(told.into.actor, NOW + HOUR / 60)
    assert (told.row.state, told.referral.appointment_state) == (AppointmentState.CANCELLED, "")
    assert told.pass_time(NOW + HOUR) == []
    told.accept(AT + DAY, NOW + 2 * HOUR)
    assert {entry(message)[1]["sequence"] for message in told.pass_time(NOW + 3 * HOUR)} == {0}
    assert told.row.number == 2


def test_a_date_that_is_past_when_the_worker_comes_back_is_not_announced(told: Told) -> None:
    told.accept(at=NOW + DAY)
    told.pass_time(NOW + 2 * DAY)
    assert not Message.objects.filter(letter__startswith="appointment").exists()


# The person's reminder


def test_the_person_is_reminded_once_two_mornings_before(told: Told) -> None:
    told.announced()
    morning = dt.datetime(2026, 11, 24, 8, tzinfo=PARIS)
    assert told.pass_time(morning - HOUR / 60) == []
    messages = told.pass_time(morning)
    assert heads(messages) == [("appointment_reminder", PERSON)]
    assert messages[0].calendar == ""
    assert messages[0].subject == f"Rendez-vous {told.referral.reference}\u00a0: rappel"
    assert "jeudi 26 novembre 2026 à 11\u00a0h\u00a000" in messages[0].body_text
    assert "Où\u00a0: 3 rue Verte, Blois" in messages[0].body_text
    assert "02 54 00 00 01" in messages[0].body_text
    assert not [secret for secret in SECRETS if secret in messages[0].body_text]
    assert told.row.notice == Notice.WRITTEN
    assert Event.objects.filter(kind=EventKind.APPOINTMENT_REMINDED, user=None).count() == 1
    assert told.pass_time(AT - HOUR) == []


@pytest.mark.parametrize("channel", [ContactChannel.SMS, ContactChannel.CALL, ContactChannel.PRESCRIBER])
def test_a_person_who_takes_no_letter_is_put_among_those_to_tell(channel: ContactChannel) -> None:
    told = Told(channel).announced()
    assert told.pass_time(AT - DAY) == []
    assert told.row.notice == Notice.TO_TELL
    assert not Event.objects.filter(kind=EventKind.APPOINTMENT_REMINDED).exists()


def moved(told: Told) -> None:
    told.referral.meet(told.into.actor, NOW + DAY, at=AT + 5 * DAY, minutes=60)


def closed(told: Told) -> None:
    told.row.close(AppointmentState.CANCELLED, told.into.actor, NOW + DAY)


def entered(told: Told) -> None:
    told.referral.enter(told.into.actor, NOW + DAY, on=TODAY + DAY)


@pytest.mark.parametrize(
    ("act", "reason", "rechecked"),
    [(moved, "moved", "moved"), (closed, "cancelled", "settled"), (entered, "entered", "settled")],
)
def test_a_reminder_that_is_no_longer_true_is_dropped_with_its_reason_even_where_no_verb_withdrew_it(
    told: Told, act: Any, reason: str, rechecked: str
) -> None:
    told.announced()
    due = dt.datetime(2026, 11, 24, 8, tzinfo=PARIS)
    act(told)
    reminder = Reminder.objects.get(kind=ReminderKind.APPOINTMENT, due_at=due)
    assert (reminder.state, reminder.reason) == (ReminderState.DROPPED, reason)
    Reminder.objects.filter(pk=reminder.pk).update(state=ReminderState.PLANNED, reason="", done_at=None)
    told.pass_time(due)
    reminder.refresh_from_db()
    assert (reminder.state, reminder.reason) == (ReminderState.DROPPED, rechecked)
    assert not Message.objects.filter(letter="appointment_reminder").exists()


def test_no_reminder_leaves_once_the_hour_is_past(told: Told) -> None:
    told.announced()
    told.pass_time(AT)
    reminder = Reminder.objects.get(kind=ReminderKind.APPOINTMENT)
    assert (reminder.state, reminder.reason) == (ReminderState.DROPPED, "past")
    assert not Message.objects.filter(letter="appointment_reminder").exists()


def test_a_reminder_kept_waiting_by_a_mail_server_is_withdrawn_once_it_is_past_or_moved(told: Told) -> None:
    told.announced()
    [message] = told.pass_time(dt.datetime(2026, 11, 24, 8, tzinfo=PARIS))
    assert overtaken(message, AT - HOUR) == ""
    assert overtaken(message, AT + HOUR) == "past"
    moved(told)
    assert overtaken(Message.objects.get(pk=message.pk), AT - HOUR) == "moved"


def test_an_announcement_kept_waiting_is_withdrawn_once_another_one_follows(told: Told) -> None:
    told.announced()
    message = Message.objects.get(letter="appointment_told")
    assert overtaken(message, NOW + HOUR) == ""
    moved(told)
    assert overtaken(message, NOW + DAY + HOUR) == "superseded"


@pytest.mark.parametrize("letter", ["appointment_told", "appointment_reminder"])
def test_a_person_whose_address_is_refused_is_put_among_those_to_tell(told: Told, letter: str) -> None:
    told.announced()
    told.pass_time(dt.datetime(2026, 11, 24, 8, tzinfo=PARIS))
    given_up(Message.objects.get(letter=letter))
    assert told.row.notice == Notice.TO_TELL


# By SMTP


@pytest.mark.django_db(transaction=True)
def test_the_invitation_really_arrives_as_calendars_expect_it(smtp: Inbox) -> None:
    told = Told()
    smtp.clear()
    now = timezone.now()
    told.referral.accept(told.into.actor, now, appointment_at=now + 9 * DAY, appointment_place="3 rue Verte, Blois")
    drain(lambda: now + deadlines.UNDO)
    [letter] = smtp.to(PERSON)
    part = next(part for part in letter.walk() if part.get_content_type() == "text/calendar")
    assert part.get_param("method") == "REQUEST"
    assert part.get_content_charset() == "utf-8"
    file = next(part for part in letter.iter_attachments() if part.get_content_type() == "application/ics")
    assert file.get_filename() == "rendez-vous.ics"
    sent = Message.objects.get(letter="appointment_told")
    assert sent.state == MessageState.SENT
    for text in (part.get_payload(decode=True), file.get_payload(decode=True)):
        assert isinstance(text, bytes)
        event: Any = Calendar.from_ical(text).walk("VEVENT")[0]  # type: ignore[union-attr] # one calendar
        assert str(event["location"]) == "3 rue Verte, Blois"
        assert str(event["summary"]) == f"Rendez-vous {told.referral.reference}"
    assert not [secret for secret in SECRETS if secret in str(letter["Subject"])]
    assert told.referral.state == State.ACCEPTED


@pytest.fixture(autouse=True)
def no_letter_is_left_in_an_untidy_state() -> Iterator[None]:
    """French typography in each letter written by these tests."""
    yield
    for message in Message.objects.filter(letter__startswith="appointment").order_by("pk"):
        assert message.body_text.startswith("Bonjour,"), message.letter
        assert not re.search(r"&#|&amp;|<p>|\n{4}|  | [:;?!»]|« |\{", message.body_text), message.body_text
        assert not re.search(r"<p[^>]*>\s*</p>", message.body_html), message.body_html
