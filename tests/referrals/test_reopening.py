"""A closed fiche opened again, a person who comes back to the action."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from referrals import deadlines, notifications
from referrals.models import (
    Bilan,
    CannotReopen,
    Event,
    EventKind,
    Exit,
    FollowUp,
    Hindrance,
    NoPlaceLeft,
    Referral,
    Reminder,
    StaleReferral,
)
from referrals.models.policy import REMINDER_OF
from referrals.models.referral.scheduling import UNTIL_ANSWERED
from referrals.models.reminder import LASTING, ReminderKind, ReminderState
from referrals.permissions import Door
from referrals.states import Reason, State
from structures.vocabulary import Role
from tests.referrals.stage import Stage
from tests.territory import EVERYTHING, a_door, a_member, a_sent, a_session, a_structure

WHY = "Une place s’est libérée."


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


def decline(stage: Stage, at: dt.datetime | None = None) -> Referral:
    stage.referral.decline(stage.receives, at or stage.now, reason=Reason.NO_PLACE, note="Complet jusqu’en mars.")
    return stage.referral


def url(stage: Stage, name: str) -> str:
    return reverse(f"referrals:response_{name}", args=[stage.referral.reference])


def planned(referral: Referral) -> set[str]:
    rows = Reminder.objects.filter(referral=referral, state=ReminderState.PLANNED)
    return set(rows.order_by("kind").values_list("kind", flat=True))


# Refused


def test_a_fiche_closed_more_than_three_months_ago_stays_closed(stage: Stage) -> None:
    decline(stage)
    late = stage.now + dt.timedelta(days=deadlines.REOPEN_DAYS, minutes=1)
    Referral.objects.filter(pk=stage.referral.pk).update(consent_at=late)
    referral = stage.reload()
    with pytest.raises(CannotReopen) as refused:
        referral.reopen(stage.sends, late, note=WHY)
    assert refused.value.hindrance == Hindrance.LATE
    assert stage.reload().state == State.DECLINED
    assert not Event.objects.filter(kind=EventKind.REOPEN).exists()


def test_a_consent_older_than_the_delay_is_asked_again_with_a_new_fiche(stage: Stage) -> None:
    decline(stage)
    old = stage.now - dt.timedelta(days=deadlines.REOPEN_DAYS, minutes=1)
    Referral.objects.filter(pk=stage.referral.pk).update(consent_at=old)
    assert not Door.of(stage.prescriber).abilities(stage.reload(), stage.now)["reopen"]
    page = stage.at_sender.post(url(stage, "reopen"), {"note": WHY, "version": stage.referral.version})
    assert page.status_code == 409
    assert "L’accord de la personne date de plus de trois mois" in page.content.decode()
    assert WHY in page.content.decode(), "what was typed is kept"
    assert stage.reload().state == State.DECLINED


def test_an_action_that_takes_no_fiches_gets_none_back(stage: Stage) -> None:
    decline(stage)
    stage.action.paused_until = stage.today + dt.timedelta(days=30)
    stage.action.save()
    with pytest.raises(CannotReopen) as refused:
        stage.reload().reopen(stage.sends, stage.now, note=WHY)
    assert refused.value.hindrance == Hindrance.ACTION


def test_another_fiche_under_way_for_the_same_action_is_to_be_followed_instead(stage: Stage) -> None:
    decline(stage)
    a_sent(stage.action, stage.sends, stage.person, stage.now)
    page = stage.at_sender.get(reverse("referrals:referral_detail", args=[stage.referral.reference])).content.decode()
    assert "Une autre fiche est déjà en cours" in page
    assert url(stage, "reopen") not in page
    with pytest.raises(CannotReopen) as refused:
        stage.referral.reopen(stage.sends, stage.now, note=WHY)
    assert refused.value.hindrance == Hindrance.OTHER


def test_a_sender_is_not_told_of_the_fiche_of_another_prescriber_but_the_receiver_is(stage: Stage) -> None:
    decline(stage)
    a_sent(stage.action, a_door(a_structure("CCAS")).actor, stage.person, stage.now)
    page = stage.at_sender.get(reverse("referrals:referral_detail", args=[stage.referral.reference])).content.decode()
    assert "Une autre fiche est déjà en cours" not in page
    with pytest.raises(CannotReopen):
        stage.referral.reopen(stage.receives, stage.now, note=WHY)
    stage.referral.reopen(stage.sends, stage.now, note=WHY)


def test_a_draft_thrown_away_and_a_redirected_fiche_are_not_opened_again(stage: Stage) -> None:
    stage.referral.advise(stage.receives, stage.now, themes=["digital"])
    with pytest.raises(StaleReferral):
        stage.referral.reopen(stage.sends, stage.now, note=WHY)
    draft = Referral.objects.draft(stage.person, stage.action, stage.sends, stage.now)
    draft.cancel(stage.sends, stage.now, reason=Reason.MISTAKE)
    with pytest.raises(StaleReferral):
        draft.reopen(stage.sends, stage.now, note=WHY)


def test_a_reason_is_asked_for_and_refused_when_it_holds_a_social_security_number(stage: Stage) -> None:
    decline(stage)
    for note in ("", "1 85 05 78 006 084 91"):
        page = stage.at_sender.post(url(stage, "reopen"), {"note": note, "version": stage.referral.version})
        assert page.status_code == 422
    assert stage.reload().state == State.DECLINED


def test_a_manager_and_a_stranger_open_nothing_again(stage: Stage) -> None:
    decline(stage)
    assert stage.manager.post(url(stage, "reopen"), {"note": WHY}).status_code == 403
    assert stage.at_stranger.post(url(stage, "reopen"), {"note": WHY}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_once_open_it_once() -> None:
    stage = Stage()
    decline(stage)
    start, outcomes = threading.Barrier(2), []

    def press() -> None:
        try:
            mine = Referral.objects.select_related("action", "receiver").get(pk=stage.referral.pk)
            start.wait()
            mine.reopen(stage.sends, stage.now, note=WHY)
            outcomes.append("opened")
        except StaleReferral:
            outcomes.append("stale")
        finally:
            connection.close()

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["opened", "stale"]
    assert Event.objects.filter(kind=EventKind.REOPEN).count() == 1
    assert Reminder.objects.filter(kind=ReminderKind.REOPENED).count() == 1


# Opened again


def test_the_clock_and_its_reminders_start_anew_and_the_other_side_is_told(stage: Stage) -> None:
    decline(stage)
    later = stage.now + dt.timedelta(days=20)
    stage.referral.reopen(stage.sends, later, note=WHY)
    row = stage.reload()
    assert (row.state, row.reason, row.answered_at, row.closed_at) == (State.SENT, "", None, None)
    assert row.clock_from == row.reopened_at == later
    assert row.sent_at is not None and row.sent_at < later, "the day of the sending stays"
    awaiting = {REMINDER_OF[kind] for kind in UNTIL_ANSWERED}
    assert planned(row) == {*awaiting, *LASTING, ReminderKind.REOPENED}
    due = deadlines.add_working_days(timezone.localdate(later), deadlines.UNANSWERED_WORKING_DAYS[0])
    assert row.answer_due_on() == due
    letters = notifications.carry_out(Reminder.objects.get(referral=row, kind=ReminderKind.REOPENED), later)
    assert [letter.letter for letter in letters] == ["referral_reopened_receiver"]
    assert stage.person.last_name not in letters[0].body_text


def test_a_receiver_that_opens_it_again_tells_the_sender(stage: Stage) -> None:
    decline(stage)
    done = stage.at_receiver.post(url(stage, "reopen"), {"note": WHY, "version": stage.referral.version}, follow=True)
    assert "Fiche déclinée" in done.content.decode()
    assert stage.reload().state == State.DECLINED, "within ten minutes the answer is simply taken back"
    Referral.objects.filter(pk=stage.referral.pk).update(retractable_until=None)
    stage.at_receiver.post(url(stage, "reopen"), {"note": WHY, "version": stage.referral.version})
    row = stage.reload()
    assert row.state == State.SENT
    letters = notifications.carry_out(Reminder.objects.get(referral=row, kind=ReminderKind.REOPENED), timezone.now())
    assert [(letter.letter, letter.to_user) for letter in letters] == [("referral_reopened_sender", stage.prescriber)]


def test_a_closing_that_nobody_was_told_of_yet_is_not_told_any_more(stage: Stage) -> None:
    stage.referral.cancel(stage.sends, stage.now, reason=Reason.MISTAKE)
    stage.referral.reopen(stage.sends, stage.now, note=WHY)
    assert ReminderKind.CANCELLED not in planned(stage.referral)


def test_what_was_said_at_the_closing_and_why_it_was_opened_again_stay_on_the_timeline(stage: Stage) -> None:
    decline(stage)
    stage.referral.reopen(stage.sends, stage.now, note=WHY)
    page = stage.at_receiver.get(reverse("referrals:referral_detail", args=[stage.referral.reference])).content.decode()
    assert "Complet jusqu’en mars." in page
    assert WHY in page
    assert "rouverte" in page
    assert url(stage, "accept") in page, "it is to be answered"


@pytest.mark.parametrize("closing", ["expire", "miss", "cancel"])
def test_every_closing_without_an_entry_can_be_undone(stage: Stage, closing: str) -> None:
    referral = stage.referral
    if closing == "expire":
        referral.expire(stage.receives, stage.now)
    elif closing == "miss":
        stage.accept().referral.miss(stage.receives, stage.now, reason=Reason.NO_SHOW)
    else:
        stage.accept().referral.cancel(stage.sends, stage.now, reason=Reason.UNREACHABLE)
    referral.reopen(stage.sends, stage.now, note=WHY)
    row = stage.reload()
    assert (row.state, row.accepted_at, row.appointment_at) == (State.SENT, None, None)
    row.accept(stage.receives, stage.now)
    assert stage.reload().state == State.ACCEPTED


def test_a_sending_opened_again_within_ten_minutes_is_no_longer_taken_back(stage: Stage) -> None:
    fiche = a_sent(stage.action, stage.sends, None, stage.now)
    fiche.decline(stage.receives, stage.now, reason=Reason.NO_PLACE)
    fiche.reopen(stage.sends, stage.now, note=WHY)
    assert not fiche.may_be_recalled(stage.now)
    with pytest.raises(StaleReferral):
        fiche.recall(stage.sends, stage.now)


# Back in the action


def leave(stage: Stage) -> Exit:
    stage.enter()
    return stage.leave()


def test_an_answered_check_keeps_the_exit(stage: Stage) -> None:
    leave(stage)
    FollowUp.objects.get(referral=stage.referral).answer(stage.receives, stage.now, situation="job")
    with pytest.raises(CannotReopen) as refused:
        stage.reload().resume(stage.receives, stage.now, note=WHY)
    assert refused.value.hindrance == Hindrance.NEWS
    assert Exit.objects.filter(referral=stage.referral).exists()
    assert stage.reload().state == State.ENDED


def test_an_answer_that_comes_at_the_same_moment_keeps_the_exit_too(stage: Stage) -> None:
    leave(stage)
    row = Referral.objects.prefetch_related("followups").get(pk=stage.referral.pk)
    assert [check.state for check in row.followups.all()] == ["planned"], "as the page read it"
    FollowUp.objects.get(referral=row).answer(stage.receives, stage.now, situation="job")
    with pytest.raises(CannotReopen):
        row.resume(stage.receives, stage.now, note=WHY)
    assert stage.reload().state == State.ENDED
    assert not Event.objects.filter(kind=EventKind.RESUME).exists()


def test_nobody_comes_back_after_three_months_nor_by_the_sender(stage: Stage) -> None:
    leave(stage)
    with pytest.raises(CannotReopen):
        stage.reload().resume(stage.receives, stage.now + dt.timedelta(days=93), note=WHY)
    assert stage.at_sender.post(url(stage, "resume"), {"note": WHY}).status_code == 403


def test_a_place_given_to_somebody_else_is_not_taken_twice(stage: Stage) -> None:
    session = a_session(stage.action, stage.today, places=1)
    stage.referral.accept(stage.receives, stage.now, session=session)
    stage.referral.enter(stage.receives, stage.now, on=stage.today)
    stage.leave()
    other = a_sent(stage.action, stage.sends, None, stage.now)
    other.accept(stage.receives, stage.now, session=session)
    with pytest.raises(NoPlaceLeft):
        stage.reload().resume(stage.receives, stage.now, note=WHY)
    assert Exit.objects.filter(referral=stage.referral).exists()


def test_coming_back_withdraws_the_exit_and_its_check_and_tells_the_sender(stage: Stage) -> None:
    left = leave(stage)
    version = stage.reload().version
    stage.at_receiver.post(url(stage, "resume"), {"note": WHY, "version": version})
    row = stage.reload()
    assert row.state == State.ENTERED
    assert row.closed_at is None
    assert not Exit.objects.filter(pk=left.pk).exists()
    assert not FollowUp.objects.filter(referral=row).exists()
    assert Event.objects.get(kind=EventKind.RESUME).data == {"on": left.on.isoformat(), "kind": left.kind}
    assert planned(row) >= {ReminderKind.RESUMED, ReminderKind.BILAN_DUE}
    assert ReminderKind.SIX_MONTHS not in planned(row)
    letters = notifications.carry_out(Reminder.objects.get(referral=row, kind=ReminderKind.RESUMED), timezone.now())
    assert [(letter.letter, letter.to_user) for letter in letters] == [("referral_resumed", stage.prescriber)]
    stage.referral = row
    stage.leave()
    assert stage.reload().state == State.ENDED, "and they may leave again"


def test_a_bilan_that_was_due_is_awaited_anew_unless_it_has_been_returned(stage: Stage) -> None:
    leave(stage)
    past = stage.today - dt.timedelta(days=40)
    Referral.objects.filter(pk=stage.referral.pk).update(bilan_due_on=past)
    stage.reload().resume(stage.receives, stage.now, note=WHY)
    due = stage.reload().bilan_due_on
    assert due is not None and due > stage.today

    second = Stage()
    second.enter()
    second.bilan()
    second.leave()
    due = second.reload().bilan_due_on
    second.reload().resume(second.receives, second.now, note=WHY)
    assert second.reload().bilan_due_on == due
    assert ReminderKind.BILAN_DUE not in planned(second.referral)
    assert Bilan.objects.filter(referral=second.referral).count() == 1


def test_a_member_who_only_receives_may_reopen_what_was_sent_to_their_structure(stage: Stage) -> None:
    decline(stage)
    Referral.objects.filter(pk=stage.referral.pk).update(retractable_until=None)
    only = Door.of(a_member(stage.receiver, Role.RECEIVER))
    assert only.abilities(only.referral(stage.referral.reference), stage.now)["reopen"]
    assert stage.referral.consent_scope == sorted(EVERYTHING)
