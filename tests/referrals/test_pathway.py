"""The pathway: who sees which step, the picture, its table twin, and its price in queries."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.conf import settings
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from referrals.drawings import LETTER, NARROW, TITLE_LETTER, Picture, Track, draw_pathway
from referrals.models import Bilan, BilanKind, ConsentHow, ConsentScope, ExitKind, Person, Referral
from referrals.pathway import PROTECTED, chain, pathway_of
from referrals.permissions import Door
from referrals.states import Reason
from structures.vocabulary import Role
from tests.referrals.stage import Stage, session_of
from tests.territory import EVERYTHING, a_door, a_member, a_person, a_sent, a_structure, an_action, an_attachment


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
    assert Reason.OTHER.label in text, "the next referrer reads why it came to nothing"
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


def follow(stage: Stage, name: str, bilan: Bilan, minutes: int) -> Referral:
    """A fiche opened by a bilan."""
    moment = stage.now + dt.timedelta(minutes=minutes)
    return Referral.objects.draft(stage.person, an_action(a_structure(), name), stage.sends, moment, opened_by=bilan)


def apart(stage: Stage, name: str, minutes: int) -> Referral:
    """A fiche opened for itself, by the same prescriber."""
    moment = stage.now + dt.timedelta(minutes=minutes)
    return Referral.objects.draft(stage.person, an_action(a_structure(), name), stage.sends, moment)


def drawn(stage: Stage) -> Picture:
    return draw_pathway(pathway_of(Door.of(stage.prescriber), stage.person, EVERYTHING, stage.now))


def points(track: Track) -> list[tuple[int, int]]:
    """Where a track starts and ends."""
    numbers = [int(number) for number in re.findall(r"\d+", track.d)]
    end = numbers[-2:] if "C" in track.d else [numbers[0], numbers[-1]]
    return [(numbers[0], numbers[1]), (end[0], end[1])]


def test_a_first_fiche_alone_hangs_on_nothing_and_needs_no_legend(stage: Stage) -> None:
    picture = drawn(stage)
    assert (picture.tracks, picture.legend) == ((), ())


def test_every_step_but_the_first_ends_a_line(stage: Stage) -> None:
    stage.enter()
    bilan = stage.bilan()
    for number, name in enumerate(("Permis B", "Coaching", "Numérique"), 1):
        apart(stage, name, 2 * number)
        follow(stage, f"Suite {name}", bilan, 2 * number + 1)
    picture = drawn(stage)
    ends = [points(track)[1] for track in picture.tracks]
    assert sorted(ends) == sorted((stop.x, stop.y - 9) for stop in picture.stops[1:])


def test_a_step_beside_the_chain_leaves_its_line_at_the_height_where_it_was_opened(stage: Stage) -> None:
    stage.enter()
    bilan = stage.bilan()
    apart(stage, "Permis B", 1)
    follow(stage, "Numérique", bilan, 2)
    trunk, beside, end = drawn(stage).stops
    branch, chained = drawn(stage).tracks
    assert (branch.kind, chained.kind) == ("apart", "bilan")
    assert points(chained) == [(trunk.x, trunk.y + 9), (end.x, end.y - 9)]
    (start_x, start_y), finish = points(branch)
    assert start_x == trunk.x < beside.x
    assert trunk.y < start_y < beside.y, "below the step before it, above its own mark"
    assert start_y >= trunk.top + trunk.height, "it crosses no text"
    assert finish == (beside.x, beside.y - 9)


def test_several_steps_beside_the_chain_leave_the_nearest_line_and_no_line_runs_through_a_mark(stage: Stage) -> None:
    stage.enter()
    first = stage.bilan()
    other = apart(stage, "Permis B", 1)
    later = stage.now + dt.timedelta(minutes=2)
    other.send(stage.sends, later, consent_how=ConsentHow.ORAL, consent_scope=EVERYTHING)
    receiver = a_door(other.receiver).actor
    other.accept(receiver, later)
    other.enter(receiver, later, on=stage.today)
    second = Bilan.objects.start(other, BilanKind.FINAL, receiver, later)
    second.hand_in(receiver, later)
    apart(stage, "Coaching", 3)
    follow(stage, "Numérique", first, 4)
    follow(stage, "Code", second, 5)
    picture = drawn(stage)
    lanes = [stop.node.lane for stop in picture.stops]
    assert lanes == [0, 1, 2, 0, 1]
    coaching = picture.stops[2]
    (start_x, _), _ = points(picture.tracks[1])
    assert picture.stops[1].x == start_x < coaching.x
    for track in picture.tracks:
        (x, top), (_, bottom) = points(track)
        through = [stop for stop in picture.stops if "V" in track.d and stop.x == x and top < stop.y < bottom]
        assert through == [], track


def test_long_names_stay_within_a_telephone_however_many_lanes_there_are(stage: Stage) -> None:
    stage.enter()
    bilan = stage.bilan()
    long = "Langue, insertion et citoyenneté des primo-arrivants, parcours renforcé"
    for number in range(1, 5):
        follow(stage, f"{long} {number}", bilan, number)
    picture = drawn(stage)
    for stop in picture.stops:
        for line in stop.lines:
            letter = TITLE_LETTER if line.kind == "title" else LETTER
            assert stop.text_x + len(line.text) * letter <= NARROW + letter, line.text


def test_the_three_kinds_of_line_differ_without_colour_and_the_legend_names_those_in_use(stage: Stage) -> None:
    apart(stage, "Permis B", 1)
    assert [kind for kind, _ in drawn(stage).legend] == ["apart"]
    text = stage.at_sender.get(url(stage)).content.decode()
    assert 'class="track track-apart"' in text and "Ouverte à part, sans bilan ni réorientation" in text
    css = (settings.BASE_DIR / "backend/static/css/case.css").read_text()
    dashes = re.findall(r"\.track-(redirect|apart) \{[^}]*stroke-dasharray: ([\d. ]+)", css)
    assert len(dict(dashes)) == 2 and len(set(dict(dashes).values())) == 2


def test_the_table_says_from_which_step_each_one_comes(stage: Stage) -> None:
    stage.enter()
    bilan = stage.bilan()
    apart(stage, "Permis B", 1)
    follow(stage, "Numérique", bilan, 2)
    text = stage.at_sender.get(url(stage)).content.decode()
    assert '<span class="quiet">Ouverte à part</span>' in text
    assert '<span class="quiet">Suite du bilan de l’étape 1</span>' in text
    assert "2. Permis B, brouillon (ouverte à part)." in text
    assert "3. Numérique, brouillon (suite du bilan de l’étape 1)." in text


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


def test_the_page_costs_the_same_with_one_fiche_to_answer_or_twenty(
    stage: Stage, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    stage.at_sender.get(url(stage))
    with django_assert_max_num_queries(30) as first:
        stage.at_sender.get(url(stage))
    for n in range(19):
        send(stage, f"Structure {n}")
    with django_assert_max_num_queries(len(first.captured_queries)):
        stage.at_sender.get(url(stage))


def test_the_documents_of_ones_fiches_stand_on_the_page_and_no_others(stage: Stage) -> None:
    mine = an_attachment(stage.referral, stage.sends, label="Convention signée")
    elsewhere = a_sent(an_action(a_structure("CIDFF", is_sensitive=True)), stage.sends, stage.person)
    hidden = an_attachment(elsewhere, stage.sends, label="Pièce du CIDFF")
    page = stage.at_receiver.get(reverse("referrals:person_detail", args=[stage.person.pk])).content.decode()
    assert reverse("referrals:attachment_file", args=[mine.pk]) in page
    assert reverse("referrals:attachment_file", args=[hidden.pk]) not in page
    assert "Pièce du CIDFF" not in page
