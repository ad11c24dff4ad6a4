"""Bilans: begun, saved while typing, returned once, drawn, printed, and followed by the next fiche."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from referrals.drawings import draw_progress
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
        "certificate_0": "delf_a1",
        "result_0": "obtained",
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
        ({"certificate_1": "delf_a1", "result_1": "failed"}, "DELF A1 est déjà noté plus haut."),
        ({"on_0": "2099-01-01"}, "Cette date est à venir."),
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
    response = stage.at_sender.post(url(theirs, "return"), data(stage, way="paper"))
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
    unsaid = stage.at_sender.post(url(bilan, "return"), data(stage))
    assert unsaid.status_code == 422
    assert "Dites comment ce bilan vous est parvenu." in unsaid.content.decode()
    assert stage.at_sender.post(url(bilan, "return"), data(stage, way="phone")).status_code == 302
    text = stage.at_receiver.get(url(bilan, "detail")).content.decode()
    assert "Reçu autrement" in text
    assert "par téléphone" in text


def test_a_bilan_of_the_structure_itself_did_not_come_some_way(stage: Stage) -> None:
    bilan = begun(stage)
    assert stage.at_receiver.post(url(bilan, "return"), data(stage, way="phone")).status_code == 302
    assert Bilan.objects.get(pk=bilan.pk).way == ""
    with pytest.raises(IntegrityError, match="bilan_came_some_way_only_from_elsewhere"), transaction.atomic():
        Bilan.objects.filter(pk=bilan.pk).update(way="paper")


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


# What is filled in


def test_the_levels_at_the_start_are_those_of_the_entry_whatever_came_between(stage: Stage) -> None:
    stage.bilan(BilanKind.INTERMEDIATE, levels_before={"oral": 1}, levels_after={"oral": 2, "written": 1})
    final = begun(stage)
    assert final.levels_before == {"oral": 1, "written": 1}
    text = stage.at_receiver.get(url(final, "edit")).content.decode()
    assert "Niveaux au départ repris du bilan intermédiaire du" in text


def chained(scopes: list[str] | None) -> tuple[Stage, Bilan]:
    """A fiche opened by the bilan of an action before, and the bilan begun on it."""
    before = Stage().enter()
    opener = before.bilan(levels_after={"oral": 3}, french_oral_after="A2", french_written_after="A1")
    stage = Stage(scopes=scopes)
    stage.referral.opened_by = opener
    stage.referral.save(update_fields=["opened_by"])
    return stage.enter(), begun(stage)


def test_the_bilan_that_opened_the_fiche_gives_the_levels_at_the_start(db: None) -> None:
    stage, bilan = chained(None)
    assert bilan.levels_before == {"oral": 3}
    assert (bilan.french_oral_before, bilan.french_written_before) == ("A2", "A1")
    assert "repris du bilan final du" in stage.at_receiver.get(url(bilan, "edit")).content.decode()


def test_without_the_consent_to_share_levels_none_is_filled_in(db: None) -> None:
    stage, bilan = chained(["needs"])
    stage.person.french_oral = "B1"
    stage.person.save()
    assert bilan.levels_before == {}
    assert bilan.french_oral_before == ""
    again = Bilan.objects.start(stage.referral, "intermediate", stage.receives, stage.now)
    assert again.french_oral_before == ""
    assert "repris" not in stage.at_receiver.get(url(bilan, "edit")).content.decode()


def test_the_file_of_the_person_gives_the_levels_in_french(stage: Stage) -> None:
    stage.person.french_oral = "B1"
    stage.person.save()
    bilan = begun(stage)
    assert bilan.french_oral_before == "B1"
    text = stage.at_receiver.get(url(bilan, "edit")).content.decode()
    assert "Français au départ repris de la fiche de la personne\u00a0: oral B1." in text


def test_what_was_planned_is_offered_again_with_what_the_action_prepares_for(stage: Stage) -> None:
    stage.action.certificates = ["DELF A2"]
    stage.action.save()
    planned = [{"certificate": code, "result": "planned"} for code in ("delf_a2", "cfg")]
    stage.bilan(BilanKind.INTERMEDIATE, certificates=[*planned, {"certificate": "pix", "result": "failed"}])
    bilan = begun(stage)
    assert bilan.certificates == planned
    sent = data(stage, certificate_0="cfg", result_0="obtained", result_delf_a2="failed", on_delf_a2="2026-06-03")
    assert stage.at_receiver.post(url(bilan, "return"), sent).status_code == 302
    assert Bilan.objects.get(pk=bilan.pk).certificates == [
        {"certificate": "delf_a2", "result": "failed", "on": "2026-06-03"},
        {"certificate": "cfg", "result": "obtained"},
    ]
    text = stage.at_sender.get(url(bilan, "detail")).content.decode()
    assert "Non obtenu le 3 juin 2026" in text


def test_a_certificate_of_a_trade_keeps_its_name(stage: Stage) -> None:
    bilan = begun(stage)
    sent = data(stage, certificate_0="title", name_0="Cuisinier", certificate_1="cfg", name_1="sans objet")
    assert stage.at_receiver.post(url(bilan, "return"), sent).status_code == 302
    assert Bilan.objects.get(pk=bilan.pk).certificate_lines == [
        ("CFG", "Obtenu"),
        ("Titre professionnel : Cuisinier", "Obtenu"),
    ]


# What is drawn, and what the person takes home


def test_any_scale_is_drawn_before_and_after_with_its_table_beside_it(stage: Stage) -> None:
    bilan = stage.bilan(
        levels_before={"clea_team": 0, "mobility_code": 1},
        levels_after={"clea_team": 2},
        french_oral_before="A1",
        french_oral_after="B1",
    )
    drawn = draw_progress(bilan)
    assert drawn is not None
    assert [plot.name for plot in drawn.plots] == ["Français (CECRL)", "CléA, socle de compétences", "Mobilité"]
    assert drawn.table == (
        ("Français oral", "A1", "B1"),
        ("Travailler en équipe", "Non acquis", "Acquis"),
        ("Code de la route", "Avec de l’aide", "–"),
    )
    (french,), (team,), (code,) = (plot.rows for plot in drawn.plots)
    for plot, row, levels in zip(drawn.plots[:2], (french, team), ((2, 4), (0, 2)), strict=True):
        assert (row.before, row.after) == tuple(plot.ticks[level].x for level in levels)
    assert (code.before, code.after, code.moved) == (drawn.plots[2].ticks[1].x, None, False)
    assert [(tick.text_x, tick.anchor) for tick in (drawn.plots[1].ticks[0], drawn.plots[1].ticks[-1])] == [
        (0, "start"),
        (drawn.width, "end"),
    ], "long words do not leave the picture"
    assert drawn.plots[0].ticks[-1].anchor == "middle"
    assert "Français oral : A1 au départ, B1 ensuite." in drawn.description
    text = stage.at_sender.get(url(bilan, "detail")).content.decode()
    assert "<td>Acquis</td>" in text
    assert "<desc" in text


def test_levels_in_french_that_were_not_evaluated_again_are_not_drawn(stage: Stage) -> None:
    bilan = stage.bilan(levels_before={}, levels_after={}, french_oral_before="A1")
    assert draw_progress(bilan) is None


def test_the_sheet_of_the_person_says_levels_and_results_plainly_and_nothing_else(stage: Stage) -> None:
    stage.referral.reason_note = "Une raison notée."
    stage.referral.answer_note = "Un mot de la structure."
    stage.referral.save()
    bilan = stage.bilan(
        levels_before={"clea_team": 0},
        levels_after={"clea_team": 2},
        french_oral_after="A2",
        attendance=90,
        certificates=[
            {"certificate": "delf_a2", "result": "failed"},
            {"certificate": "title", "result": "planned", "name": "cuisinier", "on": "2026-12-01"},
        ],
        obstacles_left=[NeedTheme.HOUSING],
    )
    text = stage.at_receiver.get(url(bilan, "print")).content.decode()
    for said in (
        "Travailler avec les autres, suivre les règles",
        "Vous savez faire",
        "Vous vous débrouillez dans la vie de tous les jours (A2).",
        "pas encore",
        "c’est prévu (1er décembre 2026)",
        "90 fois sur 100",
    ):
        assert said in text
    for unsaid in ("À revoir avec la MDSI", "Une raison notée", "Un mot de la structure", "Logement", "Paul Roux"):
        assert unsaid not in text


def test_the_day_of_a_new_bilan_is_the_local_one(stage: Stage) -> None:
    assert begun(stage).on == stage.today
