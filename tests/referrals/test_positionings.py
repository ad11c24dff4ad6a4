"""The positionnement: what is refused, what it writes, who reads what."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse

from referrals.models import Bilan, Positioning
from referrals.states import Reason, State
from structures.vocabulary import ActionShape, NeedTheme
from tests.referrals.stage import Stage


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage(ActionShape.POSITIONING).accept()


def url(stage: Stage, name: str = "positioning_record") -> str:
    return reverse(f"referrals:{name}", args=[stage.referral.reference])


def data(stage: Stage, **values: object) -> dict:
    return {
        "version": stage.reload().version,
        "on": stage.today.isoformat(),
        "level_oral": "2",
        "level_written": "1",
        "french_oral": "A1",
        "conclusion": "Vous comprenez bien, il faut travailler l’écrit.",
        "private_notes": "Motivée, à orienter vite.",
        "recommended": [NeedTheme.FRENCH],
    } | values


def test_neither_a_stranger_nor_the_sender_records_it(stage: Stage) -> None:
    assert stage.at_stranger.post(url(stage), data(stage)).status_code == 404
    assert stage.at_sender.post(url(stage), data(stage)).status_code == 403
    assert not Positioning.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"conclusion": ""}, "Écrivez une conclusion"),
        ({"level_oral": "7"}, "level_oral"),
        ({"level_oral": "", "level_written": "", "french_oral": ""}, "Notez au moins un niveau"),
        ({"conclusion": "Souffre de dépression."}, "pas son état de santé"),
        ({"on": "bientôt"}, "20/11/2026"),
    ],
)
def test_a_form_with_a_fault_says_where_and_keeps_the_rest(stage: Stage, wrong: dict, message: str) -> None:
    response = stage.at_receiver.post(url(stage), data(stage, **wrong))
    text = response.content.decode()
    assert response.status_code == 422
    assert message in text
    assert "Motivée, à orienter vite." in text
    assert not Positioning.objects.exists()


def test_an_interview_to_come_is_refused(stage: Stage) -> None:
    tomorrow = (stage.today + dt.timedelta(days=1)).isoformat()
    assert stage.at_receiver.post(url(stage), data(stage, on=tomorrow)).status_code == 422


def test_an_action_that_is_no_positionnement_has_none(db: None) -> None:
    stage = Stage(ActionShape.COURSE).accept()
    response = stage.at_receiver.post(url(stage), data(stage))
    assert response.status_code == 409
    assert "Rien n’a été modifié." in response.content.decode()
    assert not Positioning.objects.exists()


def test_a_fiche_cancelled_meanwhile_keeps_what_was_typed(stage: Stage) -> None:
    shown = stage.referral.version
    stage.referral.cancel(stage.sends, stage.now, reason=Reason.MOVED)
    response = stage.at_receiver.post(url(stage), data(stage, version=shown))
    text = response.content.decode()
    assert response.status_code == 409
    assert "a annulé cette fiche" in text
    assert "Vous comprenez bien" in text
    assert not Positioning.objects.exists()


def test_a_second_press_records_nothing_twice(stage: Stage) -> None:
    sent = data(stage)
    assert stage.at_receiver.post(url(stage), sent).status_code == 302
    assert stage.at_receiver.post(url(stage), sent).status_code == 409
    assert Positioning.objects.count() == 1


def test_it_enters_the_person_and_returns_to_the_sender_at_once(stage: Stage) -> None:
    assert stage.at_receiver.get(url(stage)).status_code == 200
    assert stage.at_receiver.post(url(stage), data(stage)).status_code == 302
    assert stage.reload().state == State.ENTERED
    bilan = Bilan.objects.get(referral=stage.referral)
    assert bilan.levels_after == {"oral": 2, "written": 1}
    stage.person.refresh_from_db()
    assert stage.person.french_oral == "A1"
    page = stage.at_sender.get(reverse("referrals:bilan_detail", args=[bilan.pk])).content.decode()
    assert "Degré 2" in page
    assert "Motivée, à orienter vite." in page


def test_only_the_axes_of_the_action_are_asked(stage: Stage) -> None:
    text = stage.at_receiver.get(url(stage)).content.decode()
    assert "Communication orale" in text
    assert "Code de la route" not in text
    stage.action.scales = ["mobility"]
    stage.action.save()
    text = stage.at_receiver.get(url(stage)).content.decode()
    assert "Communication orale" not in text
    assert "Code de la route" in text
    assert "Français oral" not in text


def test_the_persons_page_is_in_plain_french_without_the_private_notes(stage: Stage) -> None:
    stage.at_receiver.post(url(stage), data(stage))
    text = stage.at_sender.get(url(stage, "positioning_print")).content.decode()
    assert "Parler et comprendre" in text
    assert "Vous savez faire dans la vie de tous les jours" in text
    assert "Vous comprenez bien" in text
    assert "Motivée" not in text
    assert "CECRL" not in text
    assert stage.at_stranger.get(url(stage, "positioning_print")).status_code == 404


def test_there_is_nothing_to_print_before_the_interview(stage: Stage) -> None:
    assert stage.at_receiver.get(url(stage, "positioning_print")).status_code == 404
