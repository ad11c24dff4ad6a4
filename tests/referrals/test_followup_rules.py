"""What the checks after an exit are asked by, how often, and whose answer stands."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from backend.environment import SmsGateway
from referrals import deadlines, emails, gsm7
from referrals.followup_words import WORDS, language_spoken
from referrals.models import (
    ContactChannel,
    Event,
    EventKind,
    FollowUp,
    FollowUpChannel,
    FollowUpLink,
    FollowUpMonths,
    FollowUpSituation,
    FollowUpState,
    MessageChannel,
    Person,
    Referral,
    Reminder,
    ReminderKind,
    ReminderPolicy,
)
from referrals.models.event import WORKER
from referrals.models.followup import REMINDER_OF, current_check
from referrals.models.reminder import ReminderState, morning_of
from referrals.notifications import carry_out
from referrals.policies import PolicyKind
from tests.referrals.stage import Stage
from worker.drain import drain

WEEK = dt.timedelta(days=deadlines.FOLLOWUP_AGAIN_DAYS)


def asked_by_email() -> None:
    Person.objects.update(contact_channel=ContactChannel.EMAIL, email="personne@example.org")


@pytest.fixture
def stage(db: None) -> Stage:
    stage = Stage().enter()
    stage.leave()
    asked_by_email()
    return stage


@pytest.fixture
def check(stage: Stage) -> FollowUp:
    return FollowUp.objects.get(referral=stage.referral)


@pytest.fixture
def both(db: None) -> Stage:
    """A structure that also asks at three months."""
    stage = Stage()
    ReminderPolicy.objects.create(structure=stage.receiver, kind=PolicyKind.THREE_MONTHS, stop_after=30)
    stage.referral = stage.reload()
    stage.enter()
    stage.leave()
    asked_by_email()
    return stage


def planned(referral: Referral, kind: ReminderKind = ReminderKind.SIX_MONTHS) -> list[dt.date]:
    rows = Reminder.objects.filter(referral=referral, kind=kind, state=ReminderState.PLANNED).order_by("due_at")
    return [timezone.localdate(row.due_at) for row in rows]


# When


def test_six_months_is_the_rule_and_three_an_option(stage: Stage) -> None:
    assert list(FollowUp.objects.values_list("months", flat=True)) == [6]
    assert planned(stage.referral, ReminderKind.THREE_MONTHS) == []


def test_a_structure_may_ask_at_three_months_too(both: Stage) -> None:
    rows = FollowUp.objects.order_by("months")
    assert [(row.months, row.due_on) for row in rows] == [
        (3, deadlines.add_months(both.today, 3)),
        (6, deadlines.add_months(both.today, 6)),
    ]
    assert planned(both.referral, ReminderKind.THREE_MONTHS) == [deadlines.add_months(both.today, 3)]


def test_the_database_keeps_one_check_of_each_kind_per_exit(check: FollowUp) -> None:
    with pytest.raises(IntegrityError, match="followup_once_per_exit_and_months"), transaction.atomic():
        FollowUp.objects.create(exit=check.exit, referral=check.referral, months=6, due_on=check.due_on)
    with pytest.raises(IntegrityError, match="followup_after_three_or_six_months"), transaction.atomic():
        FollowUp.objects.create(exit=check.exit, referral=check.referral, months=4, due_on=check.due_on)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"state": "answered", "answered_by": "call"}, "followup_answered_has_an_answer"),
        ({"answered_by": "call"}, "followup_answered_has_an_answer"),
        ({"asked_by": "email"}, "followup_asked_in_writing"),
        ({"calls": 1}, "followup_calls_have_a_date"),
        (
            {
                "state": "answered",
                "answered_by": "sms",
                "situation": "job",
                "answered_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            },
            "followup_answered_by_the_link_it_was_asked_by",
        ),
    ],
)
def test_the_database_refuses_a_check_that_contradicts_itself(
    check: FollowUp, changes: dict[str, object], constraint: str
) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        FollowUp.objects.filter(pk=check.pk).update(**changes)


def test_an_exit_taken_back_takes_both_checks_unless_one_was_answered(both: Stage) -> None:
    three = FollowUp.objects.get(months=3)
    three.answer(both.receives, both.now, situation="job")
    assert not both.reload().exit.withdraw()
    assert FollowUp.objects.count() == 2


@given(
    exits=st.dates(dt.date(2020, 1, 1), dt.date(2035, 12, 31)),
    late=st.integers(0, 80),
)
def test_the_question_is_put_twice_a_week_apart_whatever_the_day(exits: dt.date, late: int) -> None:
    for months in FollowUpMonths:
        due = deadlines.add_months(exits, months)
        assert (due.year * 12 + due.month) - (exits.year * 12 + exits.month) == months
        assert due.day == exits.day or (due + dt.timedelta(days=1)).day == 1
        asked = morning_of(due) + dt.timedelta(days=late)
        again = morning_of(timezone.localdate(asked) + WEEK)
        assert dt.timedelta(days=6) < again - asked < dt.timedelta(days=8)
        assert timezone.localtime(again).hour == 8


# By which channel, how often


def test_the_person_is_asked_again_after_a_week_then_called(stage: Stage, check: FollowUp) -> None:
    at = morning_of(check.due_on)
    first, second = check.begin(at), check.begin(at + WEEK)
    assert first
    assert second
    assert first != second
    assert check.begin(at + 2 * WEEK) == ""
    assert (check.state, check.asks, check.asked_by) == (FollowUpState.TO_CALL, 2, FollowUpChannel.EMAIL)
    assert check.asked_at == at, "the date of the question is that of the first letter"
    assert Event.objects.filter(kind=EventKind.FOLLOWUP_ASKED).count() == 2


def test_each_try_plans_the_next_one_a_week_later(stage: Stage, check: FollowUp) -> None:
    at = morning_of(check.due_on) + dt.timedelta(days=10)
    check.begin(at)
    assert planned(stage.referral)[-1] == timezone.localdate(at) + WEEK


def test_the_first_link_still_works_after_the_second_letter(stage: Stage, check: FollowUp) -> None:
    at = morning_of(check.due_on)
    first, second = check.begin(at), check.begin(at + WEEK)
    for token in (first, second):
        found = FollowUpLink.objects.by_token(token, at + WEEK)
        assert found is not None
        assert found.followup == check


@pytest.mark.parametrize("channel", [ContactChannel.CALL, ContactChannel.PRESCRIBER])
def test_nobody_is_written_to_by_a_channel_that_is_not_safe(stage: Stage, check: FollowUp, channel: str) -> None:
    Person.objects.update(contact_channel=channel)
    assert check.begin(morning_of(check.due_on)) == ""
    assert (check.state, check.asks) == (FollowUpState.TO_CALL, 0)


def test_who_chose_sms_is_asked_by_a_short_text(stage: Stage, settings: Any) -> None:
    settings.SMS_GATEWAY = SmsGateway("127.0.0.1", 9, "/", False, "", {})
    Person.objects.update(contact_channel=ContactChannel.SMS, phone="+33799000007", language="arabe")
    reminder = Reminder.objects.get(referral=stage.referral, kind=ReminderKind.SIX_MONTHS)
    [message] = carry_out(reminder, reminder.due_at)
    check = FollowUp.objects.get()
    assert (message.channel, check.asked_by) == (MessageChannel.SMS, FollowUpChannel.SMS)
    assert gsm7.septets(message.body_text) <= gsm7.SEGMENT
    token = re.search(r"/s/([\w-]{22})/\?langue=ar$", message.body_text)
    assert token is not None
    client = Client()
    page = client.get(token[0])
    assert 'dir="rtl"' in page.content.decode()
    client.post(token[0], {"situation": "job"})
    check.refresh_from_db()
    assert (check.situation, check.answered_by) == ("job", FollowUpChannel.SMS)


def test_a_question_that_was_answered_is_never_put_again(stage: Stage, check: FollowUp) -> None:
    check.answer(stage.receives, stage.now, situation="job")
    with pytest.raises(ValueError, match="no longer to be asked"):
        check.ask(WORKER, stage.now)
    assert planned(stage.referral) == []


def test_the_token_is_short_enough_for_an_sms_and_holds_128_bits(check: FollowUp) -> None:
    token = check.ask(WORKER, timezone.now())
    assert re.fullmatch(r"[\w-]{22}", token)
    assert token not in str(list(FollowUpLink.objects.values()))


def test_six_months_ends_a_check_at_three_that_found_nobody(both: Stage) -> None:
    three, six = FollowUp.objects.order_by("months")
    three.put_on_call_list()
    six.begin(morning_of(six.due_on))
    three.refresh_from_db()
    assert three.state == FollowUpState.UNREACHABLE
    assert current_check([three, six]) == six


def test_an_answer_at_three_months_stays_and_six_months_asks_anew(both: Stage) -> None:
    three, six = FollowUp.objects.order_by("months")
    three.answer(both.receives, both.now, situation="training")
    assert planned(both.referral, ReminderKind.THREE_MONTHS) == []
    assert planned(both.referral) == [six.due_on]
    assert six.begin(morning_of(six.due_on))
    three.refresh_from_db()
    assert three.situation == "training"


@pytest.mark.django_db(transaction=True)
def test_the_worker_asks_twice_then_hands_over_and_says_so_once(smtp: object) -> None:
    stage = Stage().enter()
    stage.leave()
    asked_by_email()
    check = FollowUp.objects.get()
    at = morning_of(check.due_on)
    for days in range(0, 22, 3):
        drain(lambda days=days: at + dt.timedelta(days=days, hours=1))  # type: ignore[misc] # bound now
    check.refresh_from_db()
    assert (check.state, check.asks) == (FollowUpState.TO_CALL, 2)
    letters = smtp.to("personne@example.org")  # type: ignore[attr-defined] # the inbox
    assert len(letters) == 2
    assert len({letter["Message-ID"] for letter in letters}) == 2


# Whose answer stands


def link_url(check: FollowUp) -> str:
    return reverse("referrals:followup_answer", args=[check.ask(WORKER, timezone.now())])


def test_a_call_never_overwrites_what_the_person_said_and_the_person_may_correct_a_call(
    stage: Stage, check: FollowUp
) -> None:
    check.ask(WORKER, stage.now)
    assert check.answer(stage.receives, stage.now, situation="searching", note="Cherche dans la vente.")
    assert check.answer(WORKER, stage.now, situation="job", by="email")
    assert (check.situation, check.answered_by, check.note) == ("job", FollowUpChannel.EMAIL, "")
    assert not check.answer(stage.receives, stage.now, situation="help")
    assert not check.close_without_answer(stage.receives, stage.now, state="unreachable")
    assert check.situation == "job"


def test_a_person_noted_as_unreachable_may_still_answer_by_their_link(stage: Stage, check: FollowUp) -> None:
    check.ask(WORKER, stage.now)
    check.close_without_answer(stage.receives, stage.now, state="unreachable")
    assert check.answer(WORKER, stage.now, situation="job", by="email")
    assert check.state == FollowUpState.ANSWERED


def test_the_same_tap_twice_is_written_once(stage: Stage, check: FollowUp) -> None:
    check.ask(WORKER, stage.now)
    for _ in range(2):
        assert check.answer(WORKER, stage.now, situation="job", by="email")
    assert Event.objects.filter(kind=EventKind.FOLLOWUP_ANSWERED).count() == 1


def test_somebody_called_back_who_changes_their_answer_is_not_called_again(stage: Stage, check: FollowUp) -> None:
    check.ask(WORKER, stage.now)
    check.answer(WORKER, stage.now, situation="help", by="email", wants_call=True)
    check.call_back(stage.receives, stage.now)
    check.answer(WORKER, stage.now, situation="job", by="email")
    assert not check.is_to_call_back
    check.answer(WORKER, stage.now, situation="job", by="email", wants_call=True)
    assert check.is_to_call_back, "unless they ask once more"


def test_only_the_three_ways_close_a_check_without_an_answer(stage: Stage, check: FollowUp) -> None:
    with pytest.raises(ValueError, match="does not close"):
        check.close_without_answer(stage.receives, stage.now, state="answered")


def test_the_journal_holds_codes_only(stage: Stage, check: FollowUp) -> None:
    check.note_missed_call(stage.receives, stage.now, seen=0)
    check.answer(stage.receives, stage.now, situation="job", note="CDD chez Leroy")
    kinds = [EventKind.FOLLOWUP_CALLED, EventKind.FOLLOWUP_ANSWERED]
    rows = Event.objects.filter(kind__in=kinds).order_by("id")
    assert [row.data for row in rows] == [
        {"months": 6, "calls": 1},
        {"months": 6, "situation": "job", "wants_call": False, "by": "call"},
    ]


# At the same moment


def together(*acts: Callable[[], object]) -> list[object]:
    """Run each on a connection of its own, all let go at once."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        try:
            barrier.wait(timeout=10)
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [one.result(timeout=30) for one in [pool.submit(run, act) for act in acts]]


def fresh(check: FollowUp) -> FollowUp:
    return FollowUp.objects.select_related("referral").get(pk=check.pk)


@pytest.mark.django_db(transaction=True)
def test_a_tap_and_a_call_at_the_same_moment_keep_the_persons_word() -> None:
    stage = Stage().enter()
    stage.leave()
    check = FollowUp.objects.get()
    check.ask(WORKER, stage.now)
    for _ in range(5):
        FollowUp.objects.update(state="asked", situation="", answered_by="", answered_at=None)
        one, other = fresh(check), fresh(check)
        together(
            lambda one=one: one.answer(WORKER, stage.now, situation="job", by="email"),  # type: ignore[misc]
            lambda other=other: other.close_without_answer(stage.receives, stage.now, state="refused"),  # type: ignore[misc]
        )
        check.refresh_from_db()
        assert (check.state, check.situation, check.answered_by) == (FollowUpState.ANSWERED, "job", "email")


@pytest.mark.django_db(transaction=True)
def test_two_taps_at_the_same_moment_are_one_answer() -> None:
    stage = Stage().enter()
    stage.leave()
    check = FollowUp.objects.get()
    check.ask(WORKER, stage.now)
    rows = [fresh(check) for _ in range(4)]
    acts = [lambda row=row: row.answer(WORKER, stage.now, situation="job", by="email") for row in rows]
    assert together(*acts) == [True] * 4
    assert Event.objects.filter(kind=EventKind.FOLLOWUP_ANSWERED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_colleagues_who_note_the_same_missed_call_count_one() -> None:
    stage = Stage().enter()
    stage.leave()
    check = FollowUp.objects.get()
    check.put_on_call_list()
    rows = [fresh(check) for _ in range(4)]
    acts = [lambda row=row: row.note_missed_call(stage.receives, stage.now, seen=0) for row in rows]
    assert sorted(together(*acts), key=str) == [False, False, False, True]
    check.refresh_from_db()
    assert check.calls == 1


@pytest.mark.django_db(transaction=True)
def test_a_tap_while_the_worker_asks_again_loses_neither_and_never_locks(smtp: object) -> None:
    stage = Stage().enter()
    stage.leave()
    asked_by_email()
    check = FollowUp.objects.get()
    at = morning_of(check.due_on)
    drain(lambda: at)
    row = fresh(check)
    together(
        lambda: row.answer(WORKER, at + WEEK, situation="job", by="email"),
        lambda: drain(lambda: at + WEEK),
    )
    check.refresh_from_db()
    assert (check.state, check.situation) == (FollowUpState.ANSWERED, "job")
    drain(lambda: at + 3 * WEEK)
    check.refresh_from_db()
    assert check.state == FollowUpState.ANSWERED


# In which language


@pytest.mark.parametrize(
    ("noted", "code"),
    [
        ("", "fr"),
        ("arabe dialectal", "ar"),
        ("Arabe/français", "ar"),
        ("français, arabe", "fr"),
        ("Ukrainien", "uk"),
        ("soninké", "fr"),
        ("portugais (Brésil)", "pt"),
        ("TURC", "tr"),
    ],
)
def test_the_language_to_write_in_is_read_from_the_words_noted(noted: str, code: str) -> None:
    assert language_spoken(noted) == code


@pytest.mark.parametrize("code", [code for code in WORDS if code != "fr"])
@pytest.mark.parametrize("months", FollowUpMonths)
def test_the_letter_keeps_its_french_beside_the_persons_language(code: str, months: int) -> None:
    letter = emails.six_months("x" * 22, timezone.now(), months=months, language=code)
    words = WORDS[code]
    for body in (letter.body_text, letter.body_html):
        assert WORDS["fr"].intro[months] in body
        assert words.intro[months] in body
        assert words.letter in body
        assert f"/s/{'x' * 22}/?langue={code}" in body
    assert f'lang="{code}" dir="{words.direction}"' in letter.body_html


def test_every_language_has_the_same_answers_and_its_own_words() -> None:
    for name in ("title", "call", "thanks", "change", "gone", "gone_help", "letter"):
        assert len({getattr(words, name) for words in WORDS.values()}) == len(WORDS) == 8
    for situation in FollowUpSituation:
        assert len({words.answers[situation] for words in WORDS.values()}) == 8


def test_each_check_has_its_reminder() -> None:
    assert set(REMINDER_OF) == set(FollowUpMonths)
