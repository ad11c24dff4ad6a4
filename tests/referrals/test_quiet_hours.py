"""Letters wait for the hours of who is written to, and never past what they announce."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from referrals.models import Appointment, ContactChannel, Message, Notice, Person, Referral, Reminder
from referrals.models.message import MessageState
from referrals.models.reminder import ReminderKind, ReminderState
from referrals.permissions import Door
from structures.clocks import METROPOLE
from structures.models import Closing, Structure
from tests.territory import NOW, a_door, a_person, a_sent, a_structure, an_action
from worker.reminders import Settler

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


class Wait:
    """A fiche for a person who takes letters, sent on Tuesday 17 November 2026 at eleven in the morning."""

    def __init__(self) -> None:
        self.sender: Door = a_door(a_structure("Mission locale", email="ml@example.org"))
        self.structure = a_structure("Alire", email="alire@example.org")
        self.receiver: Door = a_door(self.structure)
        self.person = a_person(
            self.sender.actor, email="awa@example.org", contact_channel=ContactChannel.EMAIL, phone="+33611223344"
        )
        self.referral: Referral = a_sent(an_action(self.structure), self.sender.actor, self.person)

    def quiet(self, **values: Any) -> None:
        Structure.objects.filter(pk=self.structure.pk).update(**values)

    def settle(self, now: dt.datetime) -> None:
        settler = Settler(lambda: now)
        while settler.settle_batch():
            pass

    def letter(self, name: str) -> Message:
        return Message.objects.filter(referral=self.referral, letter=name).latest("created_at")

    def meet(self, at: dt.datetime) -> None:
        self.referral.accept(self.receiver.actor, NOW, appointment_at=at)

    def remind(self) -> None:
        """Settle the reminder of the rendez-vous when it is due, and nothing else."""
        row = Reminder.objects.get(kind=ReminderKind.APPOINTMENT, state=ReminderState.PLANNED)
        Reminder.objects.exclude(pk=row.pk).delete()
        self.settle(row.due_at)


@pytest.fixture
def wait() -> Wait:
    return Wait()


def local(day: int, hour: int, minute: int = 0, month: int = 11) -> dt.datetime:
    return dt.datetime(2026, month, day, hour, minute, tzinfo=METROPOLE.zone)


def test_a_letter_to_a_structure_waits_for_its_opening(wait: Wait) -> None:
    wait.quiet(letters_from=dt.time(14), letters_until=dt.time(17))
    wait.settle(local(17, 11, 15))
    assert wait.letter("referral_received").not_before == local(17, 14)


def test_a_letter_to_a_closed_structure_waits_for_its_return(wait: Wait) -> None:
    wait.quiet(closed_weekdays=[5, 6])
    Closing.objects.create(structure=wait.structure, first_day=dt.date(2026, 11, 16), last_day=dt.date(2026, 11, 20))
    wait.settle(local(17, 11, 15))
    assert wait.letter("referral_received").not_before == local(23, 0)


def test_the_other_structure_does_not_wait_for_it(wait: Wait) -> None:
    wait.quiet(closed_weekdays=[1])
    wait.referral.decline(wait.receiver.actor, NOW, reason="no_place")
    now = NOW + dt.timedelta(minutes=10)
    wait.settle(now)
    assert wait.letter("referral_declined").not_before == now


def test_the_person_is_written_to_at_the_hours_that_are_safe(wait: Wait) -> None:
    Person.objects.filter(pk=wait.person.pk).update(safe_from=dt.time(17), safe_until=dt.time(19))
    wait.meet(local(27, 10))
    wait.remind()
    letter = wait.letter("appointment_reminder")
    assert (letter.not_before, letter.state) == (local(25, 17), MessageState.PENDING)


def test_somebody_calls_when_the_person_could_only_be_written_to_too_late(wait: Wait) -> None:
    Person.objects.filter(pk=wait.person.pk).update(safe_from=dt.time(17), safe_until=dt.time(19))
    wait.meet(local(27, 10))
    row = Reminder.objects.get(kind=ReminderKind.APPOINTMENT, state=ReminderState.PLANNED)
    Reminder.objects.exclude(pk=row.pk).delete()
    wait.settle(local(26, 20))
    assert not Message.objects.filter(letter="appointment_reminder").exists()
    assert Appointment.objects.get().notice == Notice.TO_TELL


def test_a_date_that_could_only_be_told_too_late_is_told_by_somebody(wait: Wait) -> None:
    Person.objects.filter(pk=wait.person.pk).update(safe_from=dt.time(17), safe_until=dt.time(19))
    wait.meet(local(17, 16))
    wait.settle(NOW + dt.timedelta(minutes=10))
    letter = wait.letter("appointment_told")
    assert (letter.state, letter.error) == (MessageState.CANCELLED, "quiet_hours")
    assert Appointment.objects.get().notice == Notice.TO_TELL


def test_a_place_is_not_offered_by_a_letter_that_leaves_once_it_is_gone(wait: Wait) -> None:
    Structure.objects.filter(pk=wait.sender.structure.pk).update(closed_weekdays=[0, 1, 2, 3, 4])  # type: ignore[union-attr]
    wait.referral.waitlist(wait.receiver.actor, NOW)
    wait.referral.offer(wait.receiver.actor, NOW)
    wait.settle(NOW)
    letter = wait.letter("place_offered")
    assert (letter.state, letter.error) == (MessageState.CANCELLED, "quiet_hours")


def test_nobody_waits_where_nothing_is_closed(wait: Wait) -> None:
    now = local(21, 23, 59)
    wait.settle(now)
    assert wait.letter("referral_received").not_before == now


def test_hours_out_of_order_are_refused_by_the_database(wait: Wait) -> None:
    for model, pk, values in (
        (Person, wait.person.pk, {"safe_from": dt.time(19), "safe_until": dt.time(17)}),
        (Structure, wait.structure.pk, {"letters_from": dt.time(19), "letters_until": dt.time(17)}),
        (Structure, wait.structure.pk, {"closed_weekdays": list(range(7))}),
        (Structure, wait.structure.pk, {"closed_weekdays": [7]}),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            model.objects.filter(pk=pk).update(**values)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (dt.time(17), dt.time(19, 30), "entre 17\u00a0h et 19\u00a0h\u00a030"),
        (dt.time(9), None, "à partir de 9\u00a0h"),
        (None, dt.time(12), "avant 12\u00a0h"),
        (None, None, ""),
    ],
)
def test_the_safe_hours_are_said_in_words(first: dt.time | None, last: dt.time | None, words: str) -> None:
    assert Person(safe_from=first, safe_until=last).safe_hours == words
