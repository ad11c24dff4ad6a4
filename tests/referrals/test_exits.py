"""The typed exit: its day, its class, the six-month check that it plans."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse

from referrals import deadlines
from referrals.models import Exit, ExitKind, FollowUp
from referrals.states import State
from structures.vocabulary import ActionShape
from tests.referrals.stage import Stage


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage(ActionShape.WORKSITE).enter()


def url(stage: Stage) -> str:
    return reverse("referrals:exit_record", args=[stage.referral.reference])


def data(stage: Stage, **values: object) -> dict:
    return {"version": stage.reload().version, "kind": ExitKind.CDI, "on": stage.today.isoformat()} | values


def test_neither_a_stranger_nor_the_sender_records_it(stage: Stage) -> None:
    assert stage.at_stranger.get(url(stage)).status_code == 404
    assert stage.at_sender.post(url(stage), data(stage)).status_code == 403
    assert not Exit.objects.exists()


@pytest.mark.parametrize("days", [-60, 1])
def test_an_exit_neither_comes_before_the_entry_nor_is_to_come(stage: Stage, days: int) -> None:
    response = stage.at_receiver.post(url(stage), data(stage, on=(stage.today + dt.timedelta(days=days)).isoformat()))
    assert response.status_code == 422
    assert not Exit.objects.exists()


def test_without_a_kind_the_form_says_so_and_keeps_the_note(stage: Stage) -> None:
    response = stage.at_receiver.post(url(stage), data(stage, kind="", note="Part à Tours"))
    assert response.status_code == 422
    assert "Choisissez ce vers quoi la personne sort." in response.content.decode()
    assert "Part à Tours" in response.content.decode()


def test_a_second_person_is_told_and_records_nothing(stage: Stage) -> None:
    sent = data(stage, kind=ExitKind.ABANDONED, note="Plus de nouvelles")
    stage.leave(ExitKind.CDI)
    response = stage.at_receiver.post(url(stage), sent)
    text = response.content.decode()
    assert response.status_code == 409
    assert "a noté la fin de l’action" in text
    assert "Plus de nouvelles" in text
    assert Exit.objects.get().kind == ExitKind.CDI


def test_an_old_page_is_refused_while_the_fiche_still_runs(stage: Stage) -> None:
    response = stage.at_receiver.post(url(stage), data(stage, version=0))
    assert response.status_code == 409
    assert 'name="kind"' in response.content.decode(), "the form can be sent again"
    assert stage.reload().state == State.ENTERED


def test_reading_the_address_after_the_end_leads_back_to_the_fiche(stage: Stage) -> None:
    stage.leave()
    assert stage.at_receiver.get(url(stage)).status_code == 302


def test_a_dynamic_exit_is_said_to_be_one_and_plans_the_check(stage: Stage) -> None:
    response = stage.at_receiver.post(url(stage), data(stage), follow=True)
    text = response.content.decode()
    assert "sortie dynamique" in text
    assert stage.reload().state == State.ENDED
    assert FollowUp.objects.get().due_on == deadlines.add_months(stage.today, 6)


def test_an_exit_that_is_not_dynamic_is_said_not_to_be(stage: Stage) -> None:
    response = stage.at_receiver.post(url(stage), data(stage, kind=ExitKind.CDD_SHORT), follow=True)
    assert "sortie non dynamique" in response.content.decode()


def test_the_form_marks_dynamic_kinds_and_shows_when_news_will_be_taken(stage: Stage) -> None:
    text = stage.at_receiver.get(url(stage)).content.decode()
    assert "CDI ◆" in text
    assert "CDD de 6 mois ou moins, intérim ◆" not in text
    assert deadlines.add_months(stage.today, 6).isoformat() in text
