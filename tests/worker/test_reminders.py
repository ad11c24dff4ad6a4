"""Due reminders are settled once, beside verbs and beside other workers."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from referrals import deadlines, notifications
from referrals.models import Link, Message, Referral, Reminder
from referrals.models.reminder import ReminderKind, ReminderState
from referrals.permissions import Door
from referrals.states import State
from tests.territory import NOW, a_door, a_sent, a_structure, an_action
from worker.drain import drain
from worker.reminders import BATCH, Settler

pytestmark = pytest.mark.django_db(transaction=True)

LATER = NOW + dt.timedelta(hours=1)
A_MONTH_LATER = NOW + dt.timedelta(days=31)


class Stage:
    """A sender and a receiver, and fiches between them."""

    def __init__(self) -> None:
        self.sender: Door = a_door(a_structure())
        receiver = a_structure()
        self.receiver: Door = a_door(receiver)
        self.action = an_action(receiver)

    def sent(self, count: int = 1) -> list[Referral]:
        return [a_sent(self.action, self.sender.actor) for _ in range(count)]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def aside(work: Callable[[], Any]) -> threading.Thread:
    """Run in a thread that closes its connection."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def settle_all(now: dt.datetime = LATER) -> int:
    settler, total = Settler(lambda: now), 0
    while count := settler.settle_batch():
        total += count
    return total


def test_one_reminder_that_fails_does_not_hold_up_those_behind_it(stage: Stage, monkeypatch: Any, caplog: Any) -> None:
    bad, good = stage.sent(2)
    decide = notifications.decide

    def fail(reminder: Reminder, now: dt.datetime) -> str:
        if reminder.referral_id == bad.pk:
            raise ZeroDivisionError
        return decide(reminder, now)

    monkeypatch.setattr(notifications, "decide", fail)
    settle_all()
    assert list(Message.objects.order_by("id").values_list("referral", flat=True)) == [good.pk]
    assert "could not be settled" in caplog.text
    monkeypatch.undo()
    settle_all()
    assert Message.objects.count() == 2


@pytest.mark.parametrize("alone", [False, True])
def test_a_task_whose_time_is_up_ends_and_no_reminder_is_blamed_for_it(
    stage: Stage, monkeypatch: Any, caplog: Any, alone: bool
) -> None:
    first, _ = stage.sent(2)
    decided: list[Reminder] = []

    def decide(reminder: Reminder, now: dt.datetime) -> str:
        decided.append(reminder)
        if alone and len(decided) == 1:
            # The batch fails, and is settled one by one.
            raise ZeroDivisionError
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(notifications, "decide", decide)
    settler = Settler(lambda: LATER)
    with pytest.raises(SoftTimeLimitExceeded):
        settler.settle_batch()
    assert len(decided) == (2 if alone else 1)
    assert "could not be settled" not in caplog.text
    monkeypatch.undo()
    assert Message.objects.count() == 0
    assert settler.settle_batch() == 2
    assert Message.objects.filter(referral=first).exists()


def test_a_fiche_on_which_someone_is_acting_is_passed_over_and_looked_at_again_later(stage: Stage) -> None:
    busy, free = stage.sent(2)
    acting, done = threading.Event(), threading.Event()

    def act() -> None:
        with transaction.atomic():
            busy.accept(stage.receiver.actor, LATER)
            acting.set()
            done.wait(20)

    thread = aside(act)
    acting.wait(20)
    settle_all()
    assert list(Message.objects.order_by("id").values_list("referral", flat=True)) == [free.pk]
    done.set()
    thread.join()
    settle_all(LATER + deadlines.UNDO)
    told = Message.objects.filter(referral=busy).order_by("id").values_list("letter", flat=True)
    assert list(told) == ["referral_accepted"]


def test_a_verb_during_the_settling_waits_for_it_and_neither_is_lost(stage: Stage) -> None:
    [referral] = stage.sent()
    with transaction.atomic():
        assert Reminder.objects.take(A_MONTH_LATER, BATCH)
        thread = aside(lambda: referral.accept(stage.receiver.actor, LATER))
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(20)
    referral.refresh_from_db()
    assert referral.state == State.ACCEPTED


def test_verbs_and_two_workers_over_the_same_fiches_never_wait_in_a_circle(stage: Stage) -> None:
    referrals = stage.sent(24)
    failures: list[BaseException] = []

    def guarded(work: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except Exception as error:
                failures.append(error)

        return run

    def answer() -> None:
        for referral in Referral.objects.filter(pk__in=[one.pk for one in referrals[::2]]).order_by("-id"):
            if referral.state == State.SENT:
                try:
                    referral.waitlist(stage.receiver.actor, LATER)
                except Exception as error:
                    if type(error).__name__ != "StaleReferral":
                        raise

    threads = [aside(guarded(lambda: settle_all(A_MONTH_LATER))) for _ in range(2)] + [aside(guarded(answer))]
    for thread in threads:
        thread.join(60)
    settle_all(A_MONTH_LATER)
    assert failures == []
    states = set(Referral.objects.order_by("id").values_list("state", flat=True))
    assert states <= {State.EXPIRED, State.WAITLISTED}
    for referral in referrals:
        expired = Message.objects.filter(referral=referral, letter="referral_expired_sender").count()
        referral.refresh_from_db()
        assert expired == (referral.state == State.EXPIRED)


def test_two_workers_settle_each_reminder_once(stage: Stage) -> None:
    stage.sent(3 * BATCH)
    totals: list[int] = []
    threads = [aside(lambda: totals.append(settle_all())) for _ in range(2)]
    for thread in threads:
        thread.join(60)
    assert sum(totals) == 3 * BATCH
    assert Message.objects.count() == 3 * BATCH
    assert Reminder.objects.filter(kind=ReminderKind.SENT, state=ReminderState.DONE).count() == 3 * BATCH


def queries_to_take(count: int) -> int:
    with transaction.atomic(), CaptureQueriesContext(connection) as captured:
        rows = Reminder.objects.take(LATER, count)
        for row in rows:
            assert row.referral.person and row.referral.sender and row.referral.receiver and row.referral.action
    assert len(rows) == count
    return len(captured)


def test_looking_at_what_is_due_takes_as_many_queries_for_one_as_for_many(stage: Stage) -> None:
    stage.sent(10)
    assert queries_to_take(1) == queries_to_take(10) <= 5


@pytest.mark.parametrize("kind", [ReminderKind.SENT, ReminderKind.UNANSWERED, ReminderKind.CONSENT_ENDING])
def test_what_is_written_to_either_side_takes_as_many_queries_for_one_fiche_as_for_many(
    stage: Stage, kind: ReminderKind
) -> None:
    sent = stage.sent(10)
    first = Reminder.objects.filter(referral__in=sent, kind=kind).order_by("due_at")[0]
    now = first.due_at + dt.timedelta(hours=1)

    def queries(fiches: list[Referral]) -> int:
        Reminder.objects.exclude(referral__in=fiches, kind=kind).delete()
        letters = Message.objects.count()
        with CaptureQueriesContext(connection) as captured:
            assert Settler(lambda: now).settle_batch() == len(fiches)
        assert Message.objects.count() == letters + len(fiches)
        return len(captured)

    many = queries(sent)
    assert queries(stage.sent(1)) == many <= 18


def test_what_a_verb_makes_due_is_planned_in_one_statement_and_the_same_twice_stays_one_row(stage: Stage) -> None:
    [fiche] = stage.sent()
    planned = Reminder.objects.filter(referral=fiche).count()
    dues = [(ReminderKind.LINK, LATER + dt.timedelta(days=n)) for n in range(5)]
    with CaptureQueriesContext(connection) as captured:
        Reminder.objects.plan(fiche, NOW, *dues, dues[0])
    assert len(captured) == 1
    settled = Reminder.objects.get(kind=ReminderKind.LINK, due_at=LATER)
    withdrawn = Reminder.objects.get(kind=ReminderKind.LINK, due_at=dues[1][1])
    assert settled.settle(LATER)
    assert withdrawn.settle(LATER, dropped="closed")
    Reminder.objects.plan(fiche, LATER, *dues)
    assert Reminder.objects.filter(referral=fiche).count() == planned + 5
    settled.refresh_from_db()
    withdrawn.refresh_from_db()
    # What was told stays told; what was withdrawn is to come again.
    assert (settled.state, settled.planned_at) == (ReminderState.DONE, NOW)
    assert (withdrawn.state, withdrawn.reason, withdrawn.done_at) == (ReminderState.PLANNED, "", None)
    assert withdrawn.planned_at == LATER


def test_a_member_whose_address_is_the_structure_s_gets_no_link_of_their_own(stage: Stage) -> None:
    [fiche], [other] = stage.sent(), Stage().sent()
    office = stage.receiver.actor.user
    assert office is not None
    fiche.receiver.email, other.receiver.email = office.email.upper(), office.email
    fiche.receiver.save()
    other.receiver.save()
    assert settle_all() > 0
    assert Message.objects.get(referral=fiche).holds_link is False
    # In the other structure they are nobody.
    assert Message.objects.get(referral=other).holds_link is True
    assert [link.referral for link in Link.objects.order_by("id")] == [other]


def test_two_reminders_of_one_fiche_are_settled_one_after_the_other(stage: Stage) -> None:
    [referral] = stage.sent()
    settler = Settler(lambda: A_MONTH_LATER)
    assert settler.settle_batch() == 1
    assert settle_all(A_MONTH_LATER) > 1
    referral.refresh_from_db()
    assert referral.state == State.EXPIRED


def test_nothing_due_posts_nothing_and_needs_no_mail_server(settings: Any) -> None:
    settings.EMAIL_PORT = 1
    done = drain(lambda: NOW)
    assert (done.settled, done.posted.handled, done.unreachable) == (0, 0, {})
