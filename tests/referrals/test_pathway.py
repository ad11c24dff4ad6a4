"""The pathway: who sees which step, the picture, its table twin, and its price in queries."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from referrals.drawings import draw_pathway
from referrals.models import ConsentHow, ConsentScope, ExitKind, Person, Referral
from referrals.pathway import PROTECTED, chain, pathway_of
from referrals.permissions import Door
from referrals.states import Reason
from structures.vocabulary import Role
from tests.referrals.stage import Stage, session_of
from tests.territory import EVERYTHING, a_door, a_member, a_person, a_structure, an_action


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


def url(stage: Stage) -> str:
    return reverse("referrals:person_detail", args=[stage.person.pk])


def send(stage: Stage, name: str, scopes: list[str] | None = None, **structure: object) -> tuple[Referral, Door]:
    """Another fiche for the same person, from another prescriber; and its receiver's door."""
    receiver = a_structure(name, **structure)
    sender = a_door(a_structure("CCAS"))
    referral = Referral.objects.draft(stage.person, an_action(receiver, f"Action de {name}"), sender.actor, stage.now)
    referral.send(
        sender.actor,
        stage.now,
        consent_how=ConsentHow.ORAL,
        consent_scope=EVERYTHING if scopes is None else scopes,
    )
    return referral, a_door(receiver)


def seen(door: Door, person: Person, stage: Stage) -> list[str]:
    return [node.action for node in pathway_of(door, person, door.scopes(person), stage.now).nodes]


# Who sees what


def test_a_stranger_finds_no_person(stage: Stage) -> None:
    assert stage.at_stranger.get(url(stage)).status_code == 404


def test_the_structure_that_recorded_the_person_sees_every_step_without_its_notes(stage: Stage) -> None:
    other, receiver = send(stage, "Quartiers proximité")
    other.decline(receiver.actor, stage.now, reason=Reason.OTHER, note="Confidentiel entre nous")
    text = stage.at_sender.get(url(stage)).content.decode()
    assert "Action de Quartiers proximité" in text
    assert "Déclinée" in text
    assert "Confidentiel entre nous" not in text
    assert Reason.OTHER.label not in text
    assert other.reference not in text, "another structure's fiche has no link"


def test_without_the_history_a_receiver_sees_its_own_fiches_only(stage: Stage) -> None:
    _, receiver = send(stage, "Quartiers proximité", scopes=[ConsentScope.NEEDS])
    assert seen(receiver, stage.person, stage) == ["Action de Quartiers proximité"]


def test_with_the_history_a_receiver_sees_the_other_steps(stage: Stage) -> None:
    _, receiver = send(stage, "Quartiers proximité", scopes=[ConsentScope.HISTORY])
    assert seen(receiver, stage.person, stage) == ["Atelier de français", "Action de Quartiers proximité"]


def test_the_draft_of_another_structure_is_nobodys_business(stage: Stage) -> None:
    other = a_door(a_structure("CCAS"))
    Referral.objects.draft(stage.person, an_action(a_structure("Garage"), "Permis B"), other.actor, stage.now)
    assert "Permis B" not in stage.at_sender.get(url(stage)).content.decode()


def test_a_sensitive_structure_is_masked_to_who_is_no_party(stage: Stage) -> None:
    other, receiver = send(stage, "CIDFF", is_sensitive=True)
    other.accept(receiver.actor, stage.now)
    text = stage.at_sender.get(url(stage)).content.decode()
    assert PROTECTED in text
    assert "CIDFF" not in text
    assert "Action de CIDFF" not in text
    mine = session_of(a_member(other.receiver))
    assert "Action de CIDFF" in mine.get(url(stage)).content.decode()


def test_a_sensitive_sender_is_masked_too(stage: Stage) -> None:
    other, _ = send(stage, "Garage")
    other.sender.is_sensitive = True
    other.sender.save()
    text = stage.at_sender.get(url(stage)).content.decode()
    assert "CCAS" not in text
    assert "Action de Garage" in text


def test_needs_and_levels_that_are_not_shared_are_not_shown(db: None) -> None:
    stage = Stage(scopes=[])
    stage.person.change(stage.sends, stage.now, french_oral="A2")
    text = stage.at_receiver.get(url(stage)).content.decode()
    assert "ne sont pas partagés avec votre structure" in text
    assert "Français oral" not in text
    assert "Besoins notés" not in text, "nor on the timeline"
    assert "Seules vos fiches sont montrées" in text


def test_a_coordinator_opens_no_person(stage: Stage) -> None:
    client = session_of(a_member(stage.sender, Role.COORDINATOR))
    assert client.get(url(stage)).status_code == 404


# The picture


def test_a_person_without_any_fiche_gets_a_page_that_teaches(stage: Stage) -> None:
    person = a_person(stage.sends)
    text = stage.at_sender.get(reverse("referrals:person_detail", args=[person.pk])).content.decode()
    assert "Le parcours commence ici" in text
    assert "Aucun besoin noté" in text
    assert '<svg class="pathway"' not in text


def test_a_fiche_opened_by_a_bilan_hangs_below_it_and_a_redirected_one_too(stage: Stage) -> None:
    stage.enter()
    bilan = stage.bilan()
    action = an_action(a_structure("Garage"), "Permis B")
    second = Referral.objects.draft(stage.person, action, stage.sends, stage.now, opened_by=bilan)
    second.send(stage.sends, stage.now, consent_how=ConsentHow.ORAL, consent_scope=EVERYTHING)
    third = second.redirect(a_door(action.structure).actor, stage.now, to=an_action(a_structure("ACCV"), "Code"))
    door = Door.of(stage.prescriber)
    nodes = {node.pk: node for node in pathway_of(door, stage.person, EVERYTHING, stage.now).nodes}
    assert nodes[second.pk].parent is nodes[stage.referral.pk]
    assert nodes[second.pk].link == "Suite du bilan"
    assert nodes[third.pk].parent is nodes[second.pk]
    assert nodes[third.pk].link == "Réorientée"
    assert {node.lane for node in nodes.values()} == {0}


def test_two_continuations_of_one_bilan_run_in_two_lanes(stage: Stage) -> None:
    stage.enter()
    bilan = stage.bilan()
    for name in ("Permis B", "Numérique"):
        moment = stage.now + dt.timedelta(minutes=1)
        Referral.objects.draft(stage.person, an_action(a_structure(), name), stage.sends, moment, opened_by=bilan)
    door = Door.of(stage.prescriber)
    pathway = pathway_of(door, stage.person, EVERYTHING, stage.now)
    picture = draw_pathway(pathway)
    assert pathway.lanes == 2
    assert len(picture.tracks) == 2
    assert len({(stop.x, stop.y) for stop in picture.stops}) == 3


def test_a_lane_is_used_again_once_its_chain_is_over(stage: Stage) -> None:
    rows = [stage.referral, *[send(stage, f"Structure {n}")[0] for n in range(5)]]
    assert chain(rows, stage.sender).lanes == 1


def test_the_picture_the_table_and_the_timeline_say_the_same(stage: Stage) -> None:
    stage.enter().leave(ExitKind.TRAINING)
    text = stage.at_sender.get(url(stage)).content.decode()
    assert "1. Atelier de français, terminée." in text
    assert "Sortie : formation qualifiante".replace(" :", "\u00a0:") in text
    assert "Fin de l’action · Atelier de français" in text
    assert "Suivi à six mois · Atelier de français" in text


def test_a_need_shows_what_became_of_it(stage: Stage) -> None:
    assert "Orientation en cours" in stage.at_sender.get(url(stage)).content.decode()
    stage.referral.decline(stage.receives, stage.now, reason=Reason.NO_PLACE)
    assert "Sans solution : plus de place" in stage.at_sender.get(url(stage)).content.decode()


def test_a_hostile_name_is_only_text_in_the_picture(stage: Stage) -> None:
    stage.action.name = '"><script>alert(1)</script>'
    stage.action.save()
    text = stage.at_sender.get(url(stage)).content.decode()
    assert "<script>alert(1)" not in text


def test_the_page_costs_the_same_with_one_fiche_or_twenty(
    stage: Stage, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    stage.at_sender.get(url(stage))
    with django_assert_max_num_queries(30) as first:
        stage.at_sender.get(url(stage))
    for n in range(19):
        referral, receiver = send(stage, f"Structure {n}")
        referral.accept(receiver.actor, stage.now)
        referral.enter(receiver.actor, stage.now, on=stage.today)
    with django_assert_max_num_queries(len(first.captured_queries)):
        stage.at_sender.get(url(stage))
