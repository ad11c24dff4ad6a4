"""Digests: one letter a day by reference, for who asked for it or has many late letters waiting."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import IntegrityError, connection

from accounts.models import User
from referrals import deadlines
from referrals.models import ContactChannel, Message, Notification, Referral, Reminder
from referrals.models.message import UNWANTED, MessageState
from referrals.models.reminder import ReminderKind, ReminderState
from referrals.states import Reason
from structures.models import Membership
from structures.vocabulary import Pace
from tests.smtp_server import Inbox
from tests.territory import NOW, a_door, a_member, a_person, a_sent, a_structure, an_action
from tests.worker.letters import a_letter
from worker import digests
from worker.digests import LONGEST_WAIT, MOST_SINGLE, group_letters
from worker.drain import drain

pytestmark = pytest.mark.django_db(transaction=True)

DAY = dt.timedelta(days=1)
MORNING = dt.datetime(2026, 11, 18, 8, tzinfo=ZoneInfo("Europe/Paris"))
SENDER, RECEIVER = "camille@example.org", "alire@example.org"


class Office:
    """A prescripteur with an account and a structure without one; `answered()` makes letters to the first due."""

    def __init__(self) -> None:
        self.out, self.into = a_structure("Mission locale"), a_structure("Alire", email=RECEIVER)
        self.user: User = a_member(self.out, email=SENDER)
        self.place = Membership.objects.get(user=self.user)
        self.sender, self.receiver = a_door(self.out), a_door(self.into)
        self.sender.user = self.user
        self.action = an_action(self.into)

    def sent(self, now: dt.datetime, **values: Any) -> Referral:
        """A fiche whose letter to the structure is left aside."""
        person = a_person(self.sender.actor, now, **values)
        referral = a_sent(self.action, self.sender.actor, person, now)
        waiting = Reminder.objects.filter(referral=referral, kind=ReminderKind.SENT)
        waiting.update(state=ReminderState.DROPPED, reason="test", done_at=now)
        return referral

    def answered(self, count: int = 1, now: dt.datetime = NOW) -> list[Referral]:
        rows = [self.sent(now - DAY / 2) for _ in range(count)]
        for row in rows:
            row.decline(self.receiver.actor, now, reason=Reason.NO_PLACE)
        return rows


@pytest.fixture
def office() -> Office:
    return Office()


def at(moment: dt.datetime) -> Callable[[], dt.datetime]:
    return lambda: moment


def states() -> list[str]:
    return sorted(Message.objects.order_by("id").values_list("state", flat=True))


# Never, once a day, at once


def test_who_wants_no_letters_gets_none_and_the_row_says_why(office: Office, smtp: Inbox) -> None:
    office.place.choose_letters(Pace.NONE)
    office.answered()
    drain(at(NOW + deadlines.UNDO))
    row = Message.objects.get()
    assert (row.state, row.error, row.body_text) == (MessageState.CANCELLED, UNWANTED, "")
    assert smtp == []
    assert Notification.objects.get(user=office.user).subject == row.subject


def test_a_daily_digest_waits_for_eight_o_clock_and_holds_references_alone(office: Office, smtp: Inbox) -> None:
    office.place.choose_letters(Pace.DAILY)
    fiches = office.answered(3)
    drain(at(NOW + deadlines.UNDO))
    drain(at(MORNING - dt.timedelta(seconds=1)))
    assert (states(), smtp) == ([MessageState.HELD] * 3, [])
    drain(at(MORNING))
    [letter] = smtp.to(SENDER)
    text = str(letter.get_body(("plain",)).get_content())  # type: ignore[union-attr] # a letter has a text
    assert "3 nouvelles de vos fiches" in str(letter["Subject"])
    for fiche in fiches:
        assert f"/fiches/{fiche.reference}/" in text
        assert fiche.person.last_name not in str(letter)
    digest = Message.objects.get(letter="digest")
    assert Message.objects.filter(digest=digest, state=MessageState.GROUPED).count() == 3
    drain(at(MORNING + DAY))
    assert len(smtp.to(SENDER)) == 1


def test_what_was_written_before_eight_leaves_the_same_day(office: Office, smtp: Inbox) -> None:
    office.place.choose_letters(Pace.DAILY)
    early = MORNING - dt.timedelta(hours=2)
    office.answered(now=early)
    drain(at(early + deadlines.UNDO))
    drain(at(MORNING))
    assert len(smtp.to(SENDER)) == 1


@pytest.mark.parametrize("pace", [Pace.DAILY, Pace.NONE])
def test_a_letter_with_a_link_leaves_at_once_whatever_the_structure_chose(
    office: Office, smtp: Inbox, pace: Pace
) -> None:
    office.into.choose_letters(pace, RECEIVER)
    referral = a_sent(office.action, office.sender.actor, now=NOW)
    drain(at(NOW + deadlines.UNDO))
    [letter] = smtp.to(RECEIVER)
    assert referral.reference in str(letter["Subject"])


def test_the_person_is_written_to_at_once_however_late(office: Office, smtp: Inbox) -> None:
    referral = office.sent(NOW, email="personne@example.org", contact_channel=ContactChannel.EMAIL)
    referral.accept(office.receiver.actor, NOW, appointment_at=NOW + 9 * DAY)
    drain(at(NOW + deadlines.UNDO))
    drain(at(NOW + 8.8 * DAY))
    [row] = Message.objects.filter(letter="appointment_reminder")
    assert (row.state, row.is_late) == (MessageState.SENT, False)


def test_the_database_refuses_to_group_what_only_a_letter_can_do() -> None:
    with pytest.raises(IntegrityError, match="message_grouped_needs_no_letter_of_its_own"):
        a_letter(state=MessageState.HELD, holds_link=True)
    with pytest.raises(IntegrityError, match="message_grouped_needs_no_letter_of_its_own"):
        a_letter(state=MessageState.GROUPED, calendar="BEGIN:VCALENDAR")


def test_what_is_no_longer_true_by_the_morning_is_left_out(office: Office, smtp: Inbox) -> None:
    office.place.choose_letters(Pace.DAILY)
    asked = office.sent(NOW - DAY / 2)
    asked.ask(office.receiver.actor, NOW, question="A-t-elle le permis ?")
    drain(at(NOW + deadlines.UNDO))
    assert Message.objects.get(letter="question_asked").state == MessageState.HELD
    asked.unask(office.receiver.actor, NOW + DAY / 4)
    drain(at(MORNING))
    row = Message.objects.get(letter="question_asked")
    assert (row.state, row.error) == (MessageState.CANCELLED, "closed")
    assert smtp.to(SENDER) == []


def test_one_digest_a_day_leaves_for_an_address_and_the_rest_waits_for_the_next(smtp: Inbox) -> None:
    a_letter(SENDER, state=MessageState.HELD, not_before=MORNING)
    drain(at(MORNING))
    late = a_letter(SENDER, state=MessageState.HELD, not_before=MORNING)
    drain(at(MORNING + DAY / 24))
    late.refresh_from_db()
    assert (late.state, late.not_before) == (MessageState.HELD, MORNING + DAY)
    drain(at(MORNING + DAY))
    assert len(smtp.to(SENDER)) == 2


def test_workers_side_by_side_write_one_digest_and_lose_no_letter() -> None:
    for _ in range(30):
        a_letter(SENDER, state=MessageState.HELD, not_before=MORNING)
    start = threading.Barrier(4)

    def work() -> None:
        start.wait(20)
        try:
            group_letters(at(MORNING))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Message.objects.filter(letter="digest").count() == 1
    assert Message.objects.filter(state=MessageState.GROUPED, digest__letter="digest").count() == 30


def test_an_address_whose_digest_fails_does_not_hold_up_the_others(monkeypatch: Any, caplog: Any) -> None:
    for address in ("a@example.org", "b@example.org"):
        a_letter(address, state=MessageState.HELD, not_before=MORNING)
    usual = digests._group

    def fail(address: str, now: dt.datetime) -> int:
        if address.startswith("a@"):
            raise ZeroDivisionError
        return usual(address, now)

    monkeypatch.setattr(digests, "_group", fail)
    group_letters(at(MORNING))
    assert states() == [MessageState.GROUPED, MessageState.HELD, MessageState.PENDING]
    assert "could not be written" in caplog.text
    assert "@" not in " ".join(caplog.messages)


def test_a_task_whose_time_is_up_ends_and_goes_on_to_no_other_address(monkeypatch: Any, caplog: Any) -> None:
    for address in ("a@example.org", "b@example.org"):
        a_letter(address, state=MessageState.HELD, not_before=MORNING)
    looked_at: list[str] = []

    def interrupt(address: str, now: dt.datetime) -> int:
        looked_at.append(address)
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(digests, "_group", interrupt)
    with pytest.raises(SoftTimeLimitExceeded):
        group_letters(at(MORNING))
    assert looked_at == ["a@example.org"]
    assert "could not be written" not in caplog.text


# After a stop of the workers


@pytest.mark.parametrize(("count", "letters"), [(MOST_SINGLE, MOST_SINGLE), (MOST_SINGLE + 1, 1)])
def test_many_late_letters_for_one_address_become_one_digest(
    office: Office, smtp: Inbox, count: int, letters: int
) -> None:
    office.answered(count)
    drain(at(NOW + 3 * DAY))
    assert len(smtp.to(SENDER)) == letters
    late = Message.objects.exclude(letter="digest")
    assert {row.is_late for row in late} == {True}
    assert {row.state for row in late} == {MessageState.SENT if letters > 1 else MessageState.GROUPED}
    drain(at(NOW + 4 * DAY))
    assert len(smtp.to(SENDER)) == letters


def test_letters_that_are_on_time_are_not_grouped_however_many(office: Office, smtp: Inbox) -> None:
    office.answered(MOST_SINGLE + 3)
    drain(at(NOW + deadlines.UNDO))
    assert len(smtp.to(SENDER)) == MOST_SINGLE + 3


def test_late_letters_wait_while_others_are_still_to_be_settled_but_not_for_ever(office: Office) -> None:
    for _ in range(2):
        a_letter(SENDER, state=MessageState.HELD, is_late=True, now=NOW + 3 * DAY)
    office.answered()
    assert group_letters(at(NOW + 3 * DAY)) == 0
    assert group_letters(at(NOW + 3 * DAY + LONGEST_WAIT)) == 2
    assert states() == [MessageState.PENDING] * 2


# What is read in Relais


def test_a_member_reads_in_relais_what_was_written_to_them_once(office: Office, smtp: Inbox) -> None:
    [fiche] = office.answered()
    drain(at(NOW + deadlines.UNDO))
    drain(at(NOW + DAY))
    told = Notification.objects.get()
    assert (told.user, told.structure, told.referral) == (office.user, office.out, fiche)
    assert fiche.person.last_name not in told.subject
