"""The page of a fiche and its answers: who may, what is refused, what happens, and what each side reads."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from referrals.models import ConsentScope, Referral
from referrals.states import AFTER_REASON, Reason, State
from structures.vocabulary import ActionShape, NeedTheme, Role
from tests.answer import Answer
from tests.referrals.stage import Stage, session_of
from tests.territory import a_member, a_session, a_structure, an_action

VERBS = ["accept", "waitlist", "decline", "redirect", "enter", "miss"]


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


def page(stage: Stage) -> str:
    return reverse("referrals:referral_detail", args=[stage.referral.reference])


def url(stage: Stage, verb: str) -> str:
    return reverse(f"referrals:response_{verb}", args=[stage.referral.reference])


def in_days(days: int, hour: int = 10) -> str:
    day = timezone.localdate() + dt.timedelta(days=days)
    return f"{day.isoformat()}T{hour:02d}:00"


def post(client: Client, stage: Stage, verb: str, **data: object) -> Answer:
    return client.post(url(stage, verb), {"version": stage.reload().version} | data)


# Who may


def test_the_page_of_a_strangers_fiche_is_not_found(stage: Stage) -> None:
    assert stage.at_stranger.get(page(stage)).status_code == 404
    for verb in VERBS:
        assert stage.at_stranger.post(url(stage, verb), {"version": 1}).status_code == 404


def test_nobody_reads_a_fiche_without_a_login(stage: Stage) -> None:
    assert Client().get(page(stage)).status_code == 302


@pytest.mark.parametrize("verb", VERBS)
def test_the_sender_cannot_answer_in_the_receivers_place(stage: Stage, verb: str) -> None:
    assert post(stage.at_sender, stage, verb, appointment_at=in_days(2)).status_code == 403
    assert stage.reload().state == State.SENT


def test_a_manager_reads_but_does_not_answer(stage: Stage) -> None:
    response = stage.manager.get(page(stage))
    assert response.status_code == 200
    assert "Accepter la fiche" not in response.content.decode()
    assert post(stage.manager, stage, "accept", appointment_at=in_days(2)).status_code == 403


def test_a_coordinator_opens_no_file(stage: Stage) -> None:
    client = session_of(a_member(stage.receiver, Role.COORDINATOR))
    assert client.get(page(stage)).status_code == 404


def test_a_draft_is_invisible_to_its_receiver(stage: Stage) -> None:
    draft = Referral.objects.draft(stage.person, stage.action, stage.sends, stage.now)
    address = reverse("referrals:referral_detail", args=[draft.reference])
    assert stage.at_receiver.get(address).status_code == 404
    assert "Brouillon" in stage.at_sender.get(address).content.decode()


# What is refused


def test_accepting_without_a_date_says_so_and_keeps_what_was_typed(stage: Stage) -> None:
    response = post(stage.at_receiver, stage, "accept", note="Apportez vos papiers.")
    text = response.content.decode()
    assert response.status_code == 422
    assert "Indiquez le jour et l’heure du rendez-vous." in text
    assert "Apportez vos papiers." in text
    assert stage.reload().state == State.SENT


def test_a_rendez_vous_in_the_past_is_refused(stage: Stage) -> None:
    response = post(stage.at_receiver, stage, "accept", appointment_at=in_days(-1))
    assert response.status_code == 422
    assert "déjà passé" in response.content.decode()


@pytest.mark.parametrize("note", ["Son numéro : 2 84 05 41 018 042 37", "Elle est diabétique."])
def test_a_note_with_a_social_security_number_or_a_detail_of_health_is_refused(stage: Stage, note: str) -> None:
    response = post(stage.at_receiver, stage, "accept", appointment_at=in_days(2), note=note)
    assert response.status_code == 422
    assert stage.reload().state == State.SENT


def test_declining_without_a_reason_opens_the_form_with_its_error(stage: Stage) -> None:
    response = post(stage.at_receiver, stage, "decline", note="Désolé")
    text = response.content.decode()
    assert response.status_code == 422
    assert "Choisissez un motif" in text
    assert '<details class="panel" id="decline" open>' in text
    assert "Désolé" in text


def test_another_reason_has_to_be_explained(stage: Stage) -> None:
    response = post(stage.at_receiver, stage, "decline", reason=Reason.OTHER)
    assert response.status_code == 422
    assert "Précisez ce motif" in response.content.decode()


def test_an_entry_is_neither_to_come_nor_before_the_sending(stage: Stage) -> None:
    stage.accept()
    tomorrow = (stage.today + dt.timedelta(days=1)).isoformat()
    long_ago = (stage.today - dt.timedelta(days=30)).isoformat()
    assert post(stage.at_receiver, stage, "enter", on=tomorrow).status_code == 422
    assert post(stage.at_receiver, stage, "enter", on=long_ago).status_code == 422
    assert stage.reload().state == State.ACCEPTED


def test_better_actions_are_ranked_for_who_opens_the_panel_only(stage: Stage) -> None:
    better = an_action(a_structure("Maison"), "Ateliers du soir", themes=[NeedTheme.FRENCH])
    closed = stage.at_receiver.get(page(stage)).content.decode()
    assert better.name not in closed and "?repondre=redirect#redirect" in closed, "a link leads there without a script"
    assert better.name in stage.at_receiver.get(f"{page(stage)}?repondre=redirect").content.decode()


def test_a_fiche_is_not_redirected_to_an_action_that_does_not_cover_its_needs(stage: Stage) -> None:
    elsewhere = an_action(a_structure("Garage"), themes=[NeedTheme.MOBILITY])
    an_action(a_structure("Maison"), themes=[NeedTheme.FRENCH])
    response = post(stage.at_receiver, stage, "redirect", to=elsewhere.pk)
    assert response.status_code == 422
    assert "ne prend plus de fiches" in response.content.decode()


# Two people at once


def test_the_second_of_two_colleagues_is_told_and_overwrites_nothing(stage: Stage) -> None:
    shown = stage.referral.version
    stage.referral.waitlist(stage.receives, stage.now, note="Septembre")
    response = stage.at_receiver.post(url(stage, "accept"), {"version": shown, "appointment_at": in_days(3)})
    text = response.content.decode()
    assert response.status_code == 409
    assert "Paul R. a mis cette fiche en liste d’attente" in text
    assert "Rien n’a été modifié." in text
    assert in_days(3) in text, "what was typed stays in the form, which can still be sent"
    assert f'name="version" value="{shown + 1}"' in text
    assert stage.reload().state == State.WAITLISTED


def test_what_was_typed_is_shown_again_when_the_verb_is_no_longer_possible(stage: Stage) -> None:
    shown = stage.referral.version
    stage.referral.cancel(stage.sends, stage.now, reason=Reason.FOUND_JOB)
    response = stage.at_receiver.post(
        url(stage, "decline"), {"version": shown, "reason": Reason.NO_PLACE, "note": "Complet jusqu’en mars"}
    )
    text = response.content.decode()
    assert response.status_code == 409
    assert "Inès M. a annulé cette fiche" in text
    assert "Complet jusqu’en mars" in text
    assert "Plus de place" in text
    assert stage.reload().state == State.CANCELLED


def test_a_form_without_its_version_changes_nothing(stage: Stage) -> None:
    response = stage.at_receiver.post(url(stage, "waitlist"), {"note": ""})
    assert response.status_code == 409
    assert stage.reload().state == State.SENT


# What happens


def test_reading_an_answers_address_opens_its_form_and_changes_nothing(stage: Stage) -> None:
    response = stage.at_receiver.get(url(stage, "decline"), follow=True)
    assert '<details class="panel" id="decline" open>' in response.content.decode()
    assert stage.reload().state == State.SENT


def test_accepting_takes_one_typed_field_and_one_click_and_the_sender_sees_it_at_once(stage: Stage) -> None:
    response = post(stage.at_receiver, stage, "accept", appointment_at=in_days(2, 14), appointment_place="3 rue Verte")
    assert response.status_code == 302
    assert stage.reload().state == State.ACCEPTED
    text = stage.at_sender.get(page(stage)).content.decode()
    assert "Rendez-vous le" in text
    assert "à 14 h 00" in text
    assert "3 rue Verte" in text
    assert "confirmera la venue" in text


def test_the_usual_place_is_prefilled(stage: Stage) -> None:
    assert 'value="3 rue Verte, 41000 Blois"' in stage.at_receiver.get(page(stage)).content.decode()


def test_a_session_can_stand_for_the_rendez_vous(stage: Stage) -> None:
    session = a_session(stage.action, stage.today + dt.timedelta(days=20))
    assert post(stage.at_receiver, stage, "accept").status_code == 422
    assert post(stage.at_receiver, stage, "accept", session=session.pk).status_code == 302
    assert stage.reload().session == session


def test_the_session_of_another_action_is_refused(stage: Stage) -> None:
    a_session(stage.action, stage.today + dt.timedelta(days=20))
    other = a_session(an_action(stage.receiver), stage.today + dt.timedelta(days=20))
    assert post(stage.at_receiver, stage, "accept", session=other.pk).status_code == 422


def test_a_permanence_is_accepted_without_a_rendez_vous(db: None) -> None:
    stage = Stage(ActionShape.DROP_IN)
    assert post(stage.at_receiver, stage, "accept").status_code == 302


def test_the_reason_of_a_refusal_tells_the_sender_what_to_do_next(stage: Stage) -> None:
    assert post(stage.at_receiver, stage, "decline", reason=Reason.NO_PLACE, note="Complet").status_code == 302
    text = stage.at_sender.get(page(stage)).content.decode()
    assert "Plus de place" in text
    assert "Complet" in text
    assert AFTER_REASON[Reason.NO_PLACE].split(";")[0].strip() in text


def test_redirecting_opens_a_fiche_that_the_sender_can_follow(stage: Stage) -> None:
    better = an_action(a_structure("Maison de Bégon"), "Ateliers sociolinguistiques")
    assert better.name in stage.at_receiver.get(f"{page(stage)}?repondre=redirect").content.decode()
    assert post(stage.at_receiver, stage, "redirect", to=better.pk, note="Plus proche").status_code == 302
    following = Referral.objects.get(redirected_from=stage.referral)
    assert following.action == better
    assert following.matched["action"] == better.name
    text = stage.at_sender.get(page(stage)).content.decode()
    assert reverse("referrals:referral_detail", args=[following.reference]) in text


def test_a_sensitive_destination_is_masked_to_who_redirected_but_not_to_the_sender(stage: Stage) -> None:
    better = an_action(a_structure("CIDFF", is_sensitive=True), "Accompagnement des femmes")
    stage.referral.redirect(stage.receives, stage.now, to=better)
    assert "Accompagnement des femmes" in stage.at_sender.get(page(stage)).content.decode()
    text = stage.at_receiver.get(page(stage)).content.decode()
    assert "une structure protégée" in text
    assert "CIDFF" not in text


def test_confirming_the_entry_plans_the_bilan(stage: Stage) -> None:
    stage.accept()
    assert post(stage.at_receiver, stage, "enter", on=stage.today.isoformat()).status_code == 302
    assert stage.reload().bilan_due_on is not None


def test_a_person_who_never_came_closes_the_fiche(stage: Stage) -> None:
    stage.accept()
    assert post(stage.at_receiver, stage, "miss", reason=Reason.NO_SHOW).status_code == 302
    assert stage.reload().state == State.MISSED
    assert "Reprenez contact" in stage.at_sender.get(page(stage)).content.decode()


def test_an_action_without_a_typed_exit_is_simply_ended(db: None) -> None:
    stage = Stage(ActionShape.DROP_IN).enter()
    address = reverse("referrals:referral_end", args=[stage.referral.reference])
    assert stage.at_receiver.post(address, {"version": stage.reload().version}).status_code == 302
    assert stage.reload().state == State.ENDED


def test_an_action_with_a_typed_exit_is_not_ended_without_it(stage: Stage) -> None:
    stage.enter()
    address = reverse("referrals:referral_end", args=[stage.referral.reference])
    assert stage.at_receiver.post(address, {"version": stage.reload().version}).status_code == 409
    assert stage.reload().state == State.ENTERED


# What is shown


def test_once_the_bilan_is_back_nothing_is_late_and_the_next_fiche_is_one_click_away(stage: Stage) -> None:
    stage.enter()
    Referral.objects.update(bilan_due_on=stage.today - dt.timedelta(days=5))
    assert "next-late" in stage.at_sender.get(page(stage)).content.decode()
    bilan = stage.bilan()
    text = stage.at_sender.get(page(stage)).content.decode()
    assert "next-late" not in text
    assert reverse("referrals:bilan_next", args=[bilan.pk]) in text
    assert "Noter la sortie" in stage.at_receiver.get(page(stage)).content.decode()


def test_what_is_overdue_is_not_called_to_come(stage: Stage) -> None:
    assert "À venir" in stage.at_receiver.get(page(stage)).content.decode()
    long_ago = stage.now - dt.timedelta(days=20)
    Referral.objects.update(sent_at=long_ago, clock_from=long_ago)
    assert "À venir" not in stage.at_receiver.get(page(stage)).content.decode()


def test_only_what_the_consent_shares_is_shown_to_the_receiver(db: None) -> None:
    stage = Stage(scopes=[])
    stage.person.change(stage.sends, stage.now, french_oral="A2")
    text = stage.at_receiver.get(page(stage)).content.decode()
    assert stage.person.full_name in text
    assert "Coordonnées non partagées" in text
    assert "01 99 00 01 01" not in text
    assert "Les besoins ne sont pas partagés." in text
    assert "Français oral" not in text
    assert "01 99 00 01 01" in stage.at_sender.get(page(stage)).content.decode()


def test_why_another_action_fits_is_not_told_without_the_profile(db: None) -> None:
    stage = Stage(scopes=[ConsentScope.NEEDS])
    an_action(a_structure("Maison"), criteria=[{"kind": "age", "need": "required", "min": 18}])
    text = stage.at_receiver.get(f"{page(stage)}?repondre=redirect").content.decode()
    assert "Maison" in text
    assert "Pourquoi elle convient" not in text


def test_what_came_before_the_sending_stays_with_the_sender(stage: Stage) -> None:
    assert "Fiche préparée" in stage.at_sender.get(page(stage)).content.decode()
    assert "Fiche préparée" not in stage.at_receiver.get(page(stage)).content.decode()


def test_the_page_costs_the_same_with_a_long_history(
    stage: Stage,
    django_assert_num_queries: DjangoAssertNumQueries,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    stage.at_receiver.get(page(stage))
    with django_assert_max_num_queries(40) as first:
        stage.at_receiver.get(page(stage))
    for n in range(12):
        an_action(a_structure(f"Structure voisine {n}"))
    stage.referral.waitlist(stage.receives, stage.now)
    # One more: its rank on the waiting list.
    with django_assert_max_num_queries(len(first.captured_queries) + 1):
        stage.at_receiver.get(page(stage))
