"""Each indicator against a small territory counted by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from referrals.models import Bilan, BilanKind, ConsentHow, Exit, ExitKind, FollowUp, Need, Referral
from referrals.models.event import WORKER
from referrals.states import Reason, State, UnmetReason
from reporting import indicators as what
from reporting.scope import Period, Place, View
from reporting.unmet import UNMET
from structures.vocabulary import NeedTheme
from tests.reporting.conftest import NOW, Field, at
from tests.territory import EVERYTHING, a_draft, a_need, a_person, an_action

Numbers = Callable[..., dict[str, int]]


# --- What is never counted


def test_nothing_at_all_is_an_empty_page_without_any_share(field: Field) -> None:
    figures = field.figures()
    assert figures.is_empty
    assert figures.share(what.ANSWERED) is None
    assert figures.delays.median_answered is None


def test_a_draft_and_a_cancelled_draft_are_never_counted(field: Field, numbers: Numbers) -> None:
    a_draft(field.action, field.sender, now=at(3, 2))
    thrown_away = a_draft(field.action, field.sender, now=at(3, 2))
    thrown_away.cancel(field.sender, at(3, 3), reason=Reason.MISTAKE)
    assert numbers("sent", "answerable", "withdrawn") == {"sent": 0, "answerable": 0, "withdrawn": 0}


def test_a_fiche_taken_back_is_never_counted_and_counts_once_when_sent_again(field: Field, numbers: Numbers) -> None:
    fiche = field.sent(at(3, 2))
    fiche.recall(field.sender, at(3, 2) + dt.timedelta(minutes=5))
    assert numbers("sent") == {"sent": 0}
    fiche.send(field.sender, at(3, 3), consent_how=ConsentHow.ORAL, consent_scope=EVERYTHING)
    assert numbers("sent") == {"sent": 1}


def test_the_period_holds_its_first_and_last_day_in_the_time_of_blois(field: Field, numbers: Numbers) -> None:
    field.sent(dt.datetime(2026, 2, 28, 22, 59, tzinfo=dt.UTC))  # 28 February, 23:59 in Blois
    field.sent(dt.datetime(2026, 2, 28, 23, 0, tzinfo=dt.UTC))  # 1 March, midnight
    field.sent(dt.datetime(2026, 3, 31, 21, 59, tzinfo=dt.UTC))  # 31 March, 23:59 (summer time)
    field.sent(dt.datetime(2026, 3, 31, 22, 0, tzinfo=dt.UTC))  # 1 April, midnight
    assert numbers("sent", period=Period(dt.date(2026, 3, 1), dt.date(2026, 3, 31))) == {"sent": 2}


# --- Answers


def test_each_fiche_is_in_one_box_and_the_boxes_add_up(field: Field) -> None:
    def accepted(day: int) -> Referral:
        fiche = field.sent(at(3, day))
        fiche.accept(field.receiver, at(3, day))
        return fiche

    def waitlisted(day: int) -> Referral:
        fiche = field.sent(at(3, day))
        fiche.waitlist(field.receiver, at(3, day))
        return fiche

    field.sent(at(11, 16))  # waits
    field.sent(at(3, 2)).expire(WORKER, at(4, 2))  # never answered
    field.sent(at(3, 2)).cancel(field.sender, at(3, 3), reason=Reason.FOUND_JOB)  # withdrawn before an answer
    waitlisted(2)
    waitlisted(2).expire(WORKER, at(6, 2))  # waited for a place that never came
    waitlisted(2).accept(field.receiver, at(4, 2))  # accepted after the waiting list, still expected
    accepted(3).cancel(field.sender, at(3, 9), reason=Reason.MOVED)
    accepted(3).miss(field.receiver, at(3, 10), reason=Reason.NO_SHOW)
    accepted(3).enter(field.receiver, at(3, 10), on=dt.date(2026, 3, 10))
    ended = accepted(3)
    ended.enter(field.receiver, at(3, 10), on=dt.date(2026, 3, 10))
    ended.end(field.receiver, at(6, 10))
    field.sent(at(3, 4)).decline(field.receiver, at(3, 5), reason=Reason.NO_PLACE)
    field.sent(at(3, 4)).decline(field.receiver, at(3, 5), reason=Reason.NO_PLACE)
    field.sent(at(3, 4)).decline(field.receiver, at(3, 5), reason=Reason.COST)
    other = an_action(field.alire, "Atelier")
    field.sent(at(3, 4)).redirect(field.receiver, at(3, 5), to=other)  # opens a second fiche, which waits

    ledger = field.figures().ledger
    counted = {one.name: ledger.number(one.name) for one in what.FICHES}
    assert {name: n for name, n in counted.items() if n} == {
        "sent": 15,
        "answerable": 14,
        "withdrawn": 1,
        "answered": 11,
        "waiting": 2,
        "silent": 1,
        "accepted": 5,
        "waitlisted": 1,
        "declined": 3,
        "redirected": 1,
        "abandoned_wait": 1,
        "entered": 2,
        "missed": 1,
        "expected": 1,
        "cancelled_late": 1,
        "declined_no_place": 2,
        "declined_cost": 1,
    }
    for whole, parts in what.TOTALS:
        assert ledger.number(whole.name) == sum(ledger.number(part.name) for part in parts), whole.name


def test_every_state_a_sent_fiche_can_have_is_in_the_boxes() -> None:
    boxes = [what.WAITING, what.SILENT, what.WITHDRAWN, what.WAITLISTED, what.OFFERED, what.DECLINED, what.REDIRECTED]
    boxes += [what.ABANDONED_WAIT, what.ENTERED, what.MISSED, what.EXPECTED, what.CANCELLED_LATE]
    words = " ".join(str(one.counts) for one in boxes)
    missing = [state for state in State if state != State.DRAFT and f"State.{state.name}" not in words]
    assert missing == []


def test_the_shares_have_the_denominators_that_they_announce(field: Field) -> None:
    field.sent(at(3, 2)).cancel(field.sender, at(3, 3), reason=Reason.MISTAKE)
    field.sent(at(3, 2)).decline(field.receiver, at(3, 3), reason=Reason.TIMETABLE)
    field.sent(at(3, 2)).accept(field.receiver, at(3, 3))
    field.sent(at(11, 16))
    figures = field.figures()
    assert figures.share(what.ANSWERED) == pytest.approx(2 / 3), "the withdrawn fiche is left out"
    assert figures.share(what.DECLINED) == pytest.approx(1 / 2)
    assert figures.share(what.ENTERED) == 0
    assert figures.share(what.BILANS_RETURNED) is None, "no denominator, no share"


# --- Delays


def test_delays_skip_weekends_and_public_holidays(field: Field) -> None:
    # Thursday 7 May → Monday 11 May 2026: Friday 8 May is a public holiday, so one working day.
    field.sent(at(5, 7)).accept(field.receiver, at(5, 11))
    # Friday 10 July → Wednesday 15 July: Monday, Wednesday (Tuesday 14 is a holiday): two.
    field.sent(at(7, 10)).accept(field.receiver, at(7, 15))
    # The same day.
    field.sent(at(9, 1)).accept(field.receiver, at(9, 1, 15))
    figures = field.figures()
    assert figures.delays.answered == {0: 1, 1: 1, 2: 1}
    assert figures.delays.median_answered == 1


def test_the_day_is_that_of_blois_not_of_greenwich(field: Field) -> None:
    # Sent on Monday at 22:30 UTC: Tuesday 0:30 in Blois in summer. Answered on Tuesday: the same day.
    fiche = field.sent(dt.datetime(2026, 6, 1, 22, 30, tzinfo=dt.UTC))
    fiche.accept(field.receiver, at(6, 2))
    assert field.figures().delays.answered == {0: 1}


def test_the_delay_runs_to_the_first_answer_and_waiting_ones_are_said(field: Field) -> None:
    slow = field.sent(at(10, 1))  # Thursday
    slow.waitlist(field.receiver, at(10, 5))  # Monday: two working days
    slow.accept(field.receiver, at(10, 20))
    field.sent(at(11, 13))  # Friday, still waiting on Tuesday 17: two working days
    field.sent(at(10, 1)).cancel(field.sender, at(10, 2), reason=Reason.MOVED)  # closed after one
    figures = field.figures()
    assert figures.delays.answered == {2: 1}
    assert figures.delays.unanswered == {2: 1, 1: 1}
    tiles = {tile.label: tile for tile in figures.sections()[0].tiles}
    assert tiles["Délai médian, attentes comprises"].denominator == "Fiches envoyées : 3. En attente d’une réponse : 1."


def test_the_median_by_structure_is_counted_by_the_database(field: Field) -> None:
    field.sent(at(10, 1)).accept(field.receiver, at(10, 2))
    field.sent(at(10, 1)).accept(field.receiver, at(10, 5))
    field.sent(at(11, 16))
    assert [(name, median) for _, name, median in field.figures().structures] == [("Alire", 1.5)]


# --- Bilans


def entered(field: Field, day: dt.date, due: dt.date) -> Referral:
    moment = dt.datetime.combine(day, dt.time(12), tzinfo=dt.UTC)
    fiche = field.sent(moment)
    fiche.accept(field.receiver, moment)
    fiche.enter(field.receiver, moment, on=day, bilan_due_on=due)
    return fiche


def hand_in(fiche: Referral, actor: object, kind: BilanKind = BilanKind.FINAL) -> None:
    bilan = Bilan.objects.start(fiche, kind, actor, NOW)  # type: ignore[arg-type] # an Actor
    bilan.hand_in(actor, NOW)  # type: ignore[arg-type] # an Actor


def test_bilans_due_returned_missing_and_received_otherwise(field: Field, numbers: Numbers) -> None:
    start = dt.date(2026, 5, 4)
    hand_in(entered(field, start, dt.date(2026, 8, 3)), field.receiver)
    hand_in(entered(field, start, dt.date(2026, 8, 3)), field.sender)
    hand_in(entered(field, start, dt.date(2026, 8, 3)), field.receiver, BilanKind.INTERMEDIATE)
    Bilan.objects.start(entered(field, start, NOW.date()), BilanKind.FINAL, field.receiver, NOW)  # due today, a draft
    entered(field, start, NOW.date() + dt.timedelta(days=1))  # due tomorrow: not yet
    entered(field, start, dt.date(2027, 1, 4))  # due after the period
    assert numbers(*(one.name for one in what.BILANS)) == {
        "bilans_due": 4,
        "bilans_returned": 2,
        "bilans_missing": 2,
        "bilans_otherwise": 1,
        "bilans_by_receiver": 1,
    }


def test_a_bilan_is_counted_when_it_was_due_whenever_the_fiche_was_sent(field: Field, numbers: Numbers) -> None:
    entered(field, dt.date(2025, 12, 1), dt.date(2026, 2, 2))
    assert numbers("sent", "bilans_due") == {"sent": 0, "bilans_due": 1}


# --- Exits and six months after


def left(field: Field, kind: ExitKind, on: dt.date = dt.date(2026, 4, 30)) -> Exit:
    fiche = entered(field, dt.date(2026, 1, 5), dt.date(2026, 4, 30))
    return Exit.objects.record(fiche, field.receiver, NOW, on=on, kind=kind)


def test_exits_by_class_and_the_dynamic_share_leave_the_neutralised_out(field: Field) -> None:
    for kind in (
        ExitKind.CDI,
        ExitKind.TRAINING,
        ExitKind.BUSINESS,  # durable, yet not dynamic
        ExitKind.CDD_SHORT,
        ExitKind.SEARCHING,
        ExitKind.MOVED,
        ExitKind.DECEASED,
    ):
        left(field, kind)
    left(field, ExitKind.CDI, on=dt.date(2027, 1, 1))
    figures = field.figures()
    assert {one.name: figures.ledger.number(one.name) for one in what.EXIT_FIGURES} == {
        "exits": 7,
        "exits_counted": 5,
        "exits_neutralised": 2,
        "exits_dynamic": 2,
        "exits_not_dynamic": 3,
        "exits_durable": 2,
        "exits_transition": 1,
        "exits_positive": 1,
        "exits_other": 1,
    }
    assert figures.share(what.EXITS_DYNAMIC) == pytest.approx(2 / 5)
    assert figures.ledger.number("exits_dynamic") == Exit.objects.dynamic().filter(on__year=2026).count()
    assert figures.ledger.number("exits_counted") == Exit.objects.counted().filter(on__year=2026).count()


def test_only_neutralised_exits_have_no_dynamic_share(field: Field) -> None:
    left(field, ExitKind.MOVED)
    assert field.figures().share(what.EXITS_DYNAMIC) is None


def test_six_month_answers_keep_unreachable_and_refused_apart(field: Field) -> None:
    checks = [FollowUp.objects.get(exit=left(field, ExitKind.CDI)) for _ in range(8)]
    asked, job, search, unreachable, refused, to_call, called, _planned = checks
    for check in (asked, job, search, unreachable):
        check.ask(WORKER, NOW)
    job.answer(field.receiver, NOW, situation="job", by="email")
    search.answer(field.receiver, NOW, situation="searching", by="email")
    unreachable.close_without_answer(field.receiver, NOW, state="unreachable")
    refused.close_without_answer(field.receiver, NOW, state="refused")
    to_call.put_on_call_list()
    called.put_on_call_list()
    called.answer(field.receiver, NOW, situation="job")
    left(field, ExitKind.CDI, on=dt.date(2026, 6, 1))  # its check falls on 1 December: not yet
    left(field, ExitKind.DECEASED)  # nobody is asked
    figures = field.figures()
    assert {one.name: figures.ledger.number(one.name) for one in what.CHECKS} == {
        "checks_due": 8,
        "checks_asked": 6,
        "checks_not_asked": 2,
        "checks_answered": 3,
        "checks_unreachable": 1,
        "checks_refused": 1,
        "checks_moved": 0,
        "checks_open": 1,
        "checks_job": 2,
        "checks_training": 0,
        "checks_searching": 1,
        "checks_help": 0,
        "checks_asked_by_email": 4,
        "checks_asked_by_sms": 0,
        "checks_asked_by_call": 3,
        "checks_answered_by_email": 2,
        "checks_answered_by_sms": 0,
        "checks_answered_by_call": 1,
        "checks_silent_by_email": 2,
        "checks_silent_by_sms": 0,
        "checks_silent_by_call": 2,
    }
    assert figures.share(what.CHECKS_ANSWERED) == pytest.approx(1 / 2)


# --- Needs without a place


def needing(field: Field, theme: NeedTheme, **person: Any) -> Need:
    return a_need(a_person(field.sender, **person), field.sender, theme)


def closed(field: Field, need: Need, reason: Reason) -> None:
    fiche = a_draft(field.action, field.sender, need.person, NOW, needs=[need])
    fiche.send(field.sender, NOW, consent_how=ConsentHow.ORAL, consent_scope=EVERYTHING)
    fiche.decline(field.receiver, NOW, reason=reason)


def test_needs_without_a_place_by_theme_reason_and_quartier(field: Field) -> None:
    closed(field, needing(field, NeedTheme.FRENCH, quartier="nord", in_qpv=True), Reason.NO_PLACE)
    closed(field, needing(field, NeedTheme.FRENCH, quartier="nord", in_qpv=True), Reason.NO_PLACE)
    closed(field, needing(field, NeedTheme.FRENCH, quartier="vienne", in_qpv=False), Reason.NOT_ELIGIBLE)
    closed(field, needing(field, NeedTheme.FRENCH), Reason.FOUND_JOB)  # says nothing of the offer
    needing(field, NeedTheme.DIGITAL).note_match(UnmetReason.NO_OFFER)
    needing(field, NeedTheme.HOUSING)  # not tried
    answered = needing(field, NeedTheme.MOBILITY)
    closed(field, answered, Reason.NO_PLACE)
    answered.close(field.sender, NOW)  # no longer stands
    figures = field.figures()
    assert figures.ledger.number("needs") == 7
    assert figures.ledger.number("unmet") == 4
    section = figures.sections()[-1]
    by_reason = section.charts[0].table
    assert by_reason.columns == ["Besoin", "Aucune offre", "Plus de place", "Critères non remplis", "Total"]
    assert by_reason.rows == [
        ["Apprendre le français", "0", "2", "1", "3"],
        ["Numérique", "1", "0", "0", "1"],
        ["Total", "1", "2", "1", "4"],
    ]
    assert section.tables[0].columns == ["Quartier", "En QPV", "Hors QPV", "QPV non renseigné", "Total"]
    assert section.tables[0].rows == [
        ["Quartiers Nord (QPV)", "2", "0", "0", "2"],
        ["Blois-Vienne", "0", "1", "0", "1"],
        ["Autre commune, ou non renseigné", "0", "0", "1", "1"],
        ["Total", "2", "1", "1", "4"],
    ]


def test_a_need_of_another_period_is_not_counted(field: Field, numbers: Numbers) -> None:
    closed(field, needing(field, NeedTheme.FRENCH), Reason.NO_PLACE)
    summer = Period(dt.date(2026, 6, 1), dt.date(2026, 8, 31))
    assert numbers("needs", "unmet", period=summer) == {"needs": 0, "unmet": 0}


# --- Filters


def test_filters_narrow_the_fiches_and_the_needs(field: Field, numbers: Numbers) -> None:
    other = an_action(field.alire, "Atelier", themes=[NeedTheme.DIGITAL])
    need = needing(field, NeedTheme.FRENCH, in_qpv=True)
    closed(field, need, Reason.NO_PLACE)
    field.sent(at(3, 2), action=other, in_qpv=False)
    field.sent(at(3, 2), action=other)
    assert numbers("sent", "unmet") == {"sent": 3, "unmet": 1}
    assert numbers("sent", "unmet", action=other.slug) == {"sent": 2, "unmet": 0}
    assert numbers("sent", "unmet", action=field.action.slug) == {"sent": 1, "unmet": 1}
    assert numbers("sent", "unmet", theme=NeedTheme.FRENCH) == {"sent": 1, "unmet": 1}
    assert numbers("sent", "unmet", place=Place.QPV) == {"sent": 1, "unmet": 1}
    assert numbers("sent", "unmet", place=Place.ELSEWHERE) == {"sent": 1, "unmet": 0}
    assert numbers("sent", "unmet", place=Place.UNKNOWN) == {"sent": 1, "unmet": 0}
    assert numbers("sent", "unmet", receiver=field.alire.pk) == {"sent": 3, "unmet": 1}
    assert numbers("sent", "unmet", receiver=field.ville.pk) == {"sent": 0, "unmet": 0}


# --- Whose figures


def test_each_structure_counts_its_own_fiches_and_the_coordinator_all(field: Field, numbers: Numbers) -> None:
    field.sent(at(3, 2), by=field.mission)
    field.sent(at(3, 2), by=field.pimms)
    field.sent(at(3, 2), by=field.pimms)
    assert numbers("sent", structure=field.mission) == {"sent": 1}
    assert numbers("sent", structure=field.pimms) == {"sent": 2}
    assert numbers("sent", structure=field.mission, view=View.RECEIVED) == {"sent": 0}
    assert numbers("sent", structure=field.alire, view=View.RECEIVED) == {"sent": 3}
    assert numbers("sent", structure=field.alire, view=View.SENT) == {"sent": 0}
    assert numbers("sent", structure=field.ville, view=View.TERRITORY) == {"sent": 3}


def test_the_receiver_sees_the_needs_of_its_fiches_only_when_they_were_shared(field: Field, numbers: Numbers) -> None:
    closed(field, needing(field, NeedTheme.FRENCH), Reason.NO_PLACE)
    secret = needing(field, NeedTheme.HOUSING)
    fiche = a_draft(field.action, field.sender, secret.person, NOW, needs=[secret])
    fiche.send(field.sender, NOW, consent_how=ConsentHow.ORAL, consent_scope=["contact"])
    fiche.decline(field.receiver, NOW, reason=Reason.NO_PLACE)
    asked = {"structure": field.alire, "view": View.RECEIVED}
    assert numbers("unmet", **asked) == {"unmet": 1}
    assert numbers("unmet") == {"unmet": 2}


def test_a_person_with_several_unmet_needs_is_one_person_behind_them(field: Field) -> None:
    themes = [NeedTheme.FRENCH, NeedTheme.DIGITAL, NeedTheme.HOUSING, NeedTheme.MOBILITY, NeedTheme.PROJECT]
    person = a_person(field.sender, quartier="nord", in_qpv=True)
    for theme in themes:
        a_need(person, field.sender, theme).note_match(UnmetReason.NO_OFFER)
    figures = field.figures(field.ville, View.TERRITORY)
    assert figures.ledger.number("unmet") == 5
    assert figures.figure(UNMET).text == "n.c.", "five needs of one person are one person's"
    tables = [figures.sections()[-1].charts[0].table, *figures.sections()[-1].tables]
    shown = {cell for table in tables for row in table.rows for cell in row[1:]}
    assert shown <= {"n.c.", "<\u00a05", "0"}
