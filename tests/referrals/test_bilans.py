"""Bilans: begun, saved while typing, returned once, drawn, printed, and followed by the next fiche."""

from __future__ import annotations

import pytest
from django.urls import reverse

from referrals.models import Bilan, BilanKind, BilanSource, Exit, ExitKind
from referrals.models.bilan import BilanState
from referrals.states import State
from structures.vocabulary import ActionShape, NeedTheme
from tests.referrals.stage import Stage


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage().enter()


def create_url(stage: Stage, kind: str = "final") -> str:
    return reverse("referrals:bilan_create", args=[stage.referral.reference, kind])


def url(bilan: Bilan, name: str) -> str:
    return reverse(f"referrals:bilan_{name}", args=[bilan.pk])


def begun(stage: Stage, kind: str = "final") -> Bilan:
    stage.at_receiver.post(create_url(stage, kind))
    return Bilan.objects.get(referral=stage.referral, kind=kind)


def data(stage: Stage, **values: object) -> dict:
    return {
        "version": stage.reload().version,
        "on": stage.today.isoformat(),
        "before_oral": "1",
        "after_oral": "3",
        "hours": "120",
        "summary": "Sait remplir un formulaire.",
        "private_notes": "Réseau familial fragile.",
        "certificates_obtained": ["delf_a1"],
        "recommended": [NeedTheme.DIGITAL],
    } | values


# Who may, and what is refused


def test_a_stranger_neither_begins_nor_reads_nor_returns_one(stage: Stage) -> None:
    bilan = begun(stage)
    assert stage.at_stranger.post(create_url(stage)).status_code == 404
    for name in ("detail", "edit", "print", "next"):
        assert stage.at_stranger.get(url(bilan, name)).status_code == 404
    for name in ("autosave", "return"):
        assert stage.at_stranger.post(url(bilan, name), data(stage)).status_code == 404


def test_a_manager_begins_none(stage: Stage) -> None:
    assert stage.manager.post(create_url(stage)).status_code == 403


def test_the_sender_does_not_see_the_receivers_draft(stage: Stage) -> None:
    bilan = begun(stage)
    assert stage.at_sender.get(url(bilan, "edit")).status_code == 404
    assert stage.at_sender.post(url(bilan, "return"), data(stage)).status_code == 404


def test_an_unknown_kind_is_not_found(stage: Stage) -> None:
    assert stage.at_receiver.post(create_url(stage, "collectif")).status_code == 404


def test_none_is_begun_before_the_entry(db: None) -> None:
    stage = Stage().accept()
    assert stage.at_receiver.post(create_url(stage)).status_code == 302
    assert not Bilan.objects.exists()


def test_a_bilan_is_not_returned_without_a_summary(stage: Stage) -> None:
    bilan = begun(stage)
    response = stage.at_receiver.post(url(bilan, "return"), data(stage, summary=""))
    assert response.status_code == 422
    assert "Dites en une phrase" in response.content.decode()
    assert Bilan.objects.get(pk=bilan.pk).state == BilanState.DRAFT


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"attendance": "140"}, "0 à 100"),
        ({"private_notes": "Suivie pour dépression"}, "pas son état de santé"),
        ({"certificates_failed": ["delf_a1"]}, "DELF A1 a déjà un autre résultat."),
        ({"after_oral": "9"}, "Maintenant"),
    ],
)
def test_a_fault_says_where_and_keeps_the_rest(stage: Stage, wrong: dict, message: str) -> None:
    bilan = begun(stage)
    response = stage.at_receiver.post(url(bilan, "return"), data(stage, **wrong))
    text = response.content.decode()
    assert response.status_code == 422
    assert message in text
    assert "Sait remplir un formulaire." in text


def test_an_exit_chosen_without_its_day_returns_nothing(stage: Stage) -> None:
    bilan = begun(stage)
    response = stage.at_receiver.post(url(bilan, "return"), data(stage, exit_kind=ExitKind.CDI, exit_on=""))
    assert response.status_code == 422
    assert Bilan.objects.get(pk=bilan.pk).state == BilanState.DRAFT
    assert not Exit.objects.exists()


def test_when_the_exit_cannot_be_noted_the_bilan_is_not_returned_either(stage: Stage) -> None:
    bilan = begun(stage)
    stale = data(stage, version=0, exit_kind=ExitKind.CDI, exit_on=stage.today.isoformat())
    response = stage.at_receiver.post(url(bilan, "return"), stale)
    assert response.status_code == 409
    assert Bilan.objects.get(pk=bilan.pk).state == BilanState.DRAFT
    assert not Exit.objects.exists()


def test_what_is_refused_is_not_saved_on_the_way(stage: Stage) -> None:
    bilan = begun(stage)
    assert stage.at_receiver.post(url(bilan, "autosave"), data(stage, attendance="abc")).status_code == 422
    assert Bilan.objects.get(pk=bilan.pk).summary == ""


def test_a_returned_bilan_changes_no_more(stage: Stage) -> None:
    bilan = stage.bilan()
    assert stage.at_receiver.post(url(bilan, "autosave"), data(stage)).status_code == 409
    response = stage.at_receiver.post(url(bilan, "return"), data(stage, summary="Autre chose"))
    assert response.status_code == 409
    assert "Autre chose" in response.content.decode(), "what was typed is shown again"
    assert Bilan.objects.get(pk=bilan.pk).summary == "Sait lire un horaire."


def test_there_is_only_one_final_bilan(stage: Stage) -> None:
    stage.bilan()
    assert stage.at_receiver.post(create_url(stage)).status_code == 302
    assert Bilan.objects.filter(kind=BilanKind.FINAL).count() == 1


def test_the_final_bilans_of_both_structures_do_not_collide(stage: Stage) -> None:
    stage.at_sender.post(create_url(stage))
    theirs = Bilan.objects.get(referral=stage.referral, structure=stage.sender)
    stage.bilan()
    response = stage.at_sender.post(url(theirs, "return"), data(stage))
    assert response.status_code == 409
    assert "Rien n’a été modifié." in response.content.decode()


# What happens


def test_a_draft_is_saved_while_typing_and_taken_up_again(stage: Stage) -> None:
    bilan = begun(stage)
    assert stage.at_receiver.post(url(bilan, "autosave"), data(stage, summary="")).status_code == 204
    assert begun(stage).pk == bilan.pk
    text = stage.at_receiver.get(url(bilan, "edit")).content.decode()
    assert 'value="120"' in text
    assert "Réseau familial fragile." in text
    assert not stage.referral.bilans.returned().exists()


def test_returning_takes_two_typed_fields_and_reaches_the_sender(stage: Stage) -> None:
    bilan = begun(stage)
    assert stage.at_receiver.post(url(bilan, "return"), data(stage)).status_code == 302
    text = stage.at_sender.get(url(bilan, "detail")).content.decode()
    assert "Sait remplir un formulaire." in text
    assert "DELF A1" in text
    assert "Communication orale : degré 1 au départ, degré 3 ensuite." in text, "the picture's description"
    assert "<td>Degré 3</td>" in text, "and its table"


def test_the_exit_can_be_noted_in_the_same_go(stage: Stage) -> None:
    bilan = begun(stage)
    sent = data(stage, exit_kind=ExitKind.CDI, exit_on=stage.today.isoformat())
    assert stage.at_receiver.post(url(bilan, "return"), sent).status_code == 302
    assert stage.reload().state == State.ENDED
    assert Exit.objects.get(referral=stage.referral).is_dynamic


def test_an_intermediate_bilan_does_not_speak_of_an_exit(stage: Stage) -> None:
    bilan = begun(stage, "intermediate")
    assert "exit_kind" not in stage.at_receiver.get(url(bilan, "edit")).content.decode()


def test_a_bilan_received_otherwise_is_typed_in_by_the_sender(stage: Stage) -> None:
    stage.at_sender.post(create_url(stage))
    bilan = Bilan.objects.get(referral=stage.referral)
    assert bilan.source == BilanSource.OTHERWISE
    assert stage.at_sender.post(url(bilan, "return"), data(stage)).status_code == 302
    assert "Reçu autrement" in stage.at_receiver.get(url(bilan, "detail")).content.decode()


def test_a_positionnement_received_otherwise_is_typed_in_by_the_sender(db: None) -> None:
    stage = Stage(ActionShape.POSITIONING).enter()
    stage.at_sender.post(create_url(stage, "positioning"))
    assert Bilan.objects.get(referral=stage.referral).kind == BilanKind.POSITIONING


def test_the_persons_page_has_no_private_notes_and_says_what_rose(stage: Stage) -> None:
    text = stage.at_receiver.get(url(stage.bilan(), "print")).content.decode()
    assert "Vous avez progressé." in text
    assert "Apprendre à utiliser l’ordinateur" in text
    assert "À revoir avec la MDSI" not in text


def test_a_draft_has_nothing_to_print(stage: Stage) -> None:
    assert stage.at_receiver.get(url(begun(stage), "print")).status_code == 404


def test_the_next_fiche_starts_from_the_suggestions_for_what_the_bilan_recommends(stage: Stage) -> None:
    bilan = stage.bilan()
    response = stage.at_sender.get(url(bilan, "next"))
    assert response.status_code == 302
    assert response["Location"].endswith(f"?bilan={bilan.pk}")
    assert stage.manager.get(url(bilan, "next")).status_code == 403


def test_the_day_of_a_new_bilan_is_the_local_one(stage: Stage) -> None:
    assert begun(stage).on == stage.today
