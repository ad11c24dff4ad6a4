"""A coded reason says what follows: which condition is to be mended, where else to go, what counts as unmet."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from referrals.models import ConsentScope, Event, Referral
from referrals.models.event import EventKind
from referrals.permissions import Door
from referrals.states import Reason, State
from structures.eligibility import OTHER_CRITERION, closing
from structures.vocabulary import Role
from tests.referrals.stage import Stage, session_of
from tests.territory import a_door, a_member, a_sent, a_session, a_structure, an_action

pytestmark = pytest.mark.django_db

AGE = {"kind": "age", "need": "required", "min": 16, "max": 25}
WOMAN = {"kind": "sex", "need": "priority", "value": "F"}


@pytest.fixture
def stage() -> Stage:
    return Stage(criteria=[AGE, WOMAN])


def age_code(stage: Stage) -> str:
    return closing(stage.action.conditions())[0]["code"]


def page(stage: Stage) -> str:
    return reverse("referrals:referral_detail", args=[stage.referral.reference])


def decline(stage: Stage, **values: Any) -> Any:
    body = {"reason": "not_eligible", "version": stage.reload().version}
    return stage.at_receiver.post(reverse("referrals:response_decline", args=[stage.referral.reference]), body | values)


# Which condition


def test_not_eligible_without_a_condition_is_asked_which_one_and_keeps_what_was_typed(stage: Stage) -> None:
    response = decline(stage, note="À revoir au printemps.")
    assert response.status_code == 422
    text = response.content.decode()
    assert "Dites laquelle" in text and "À revoir au printemps." in text
    assert stage.reload().state == State.SENT


def test_only_the_conditions_that_close_the_action_are_offered(stage: Stage) -> None:
    text = stage.at_receiver.get(f"{page(stage)}?repondre=decline").content.decode()
    assert text.count('name="criteria"') == 2, "the age, and « another one »; a priority closes nothing"


def test_another_condition_is_said_in_words(stage: Stage) -> None:
    response = decline(stage, criteria=[OTHER_CRITERION])
    assert "Précisez cette condition" in response.content.decode()
    assert decline(stage, criteria=[OTHER_CRITERION], note="Il faut savoir nager.").status_code == 302


def test_a_condition_that_the_action_does_not_have_is_refused(stage: Stage) -> None:
    assert decline(stage, criteria=["age-00000000"]).status_code == 422
    assert stage.reload().state == State.SENT


def test_conditions_ticked_under_another_reason_are_not_kept(stage: Stage) -> None:
    assert decline(stage, reason="no_place", criteria=[age_code(stage)]).status_code == 302
    assert stage.reload().declined_criteria == []


def test_the_fiche_keeps_the_condition_the_journal_its_code_and_the_sender_reads_it(stage: Stage) -> None:
    assert decline(stage, criteria=[age_code(stage)]).status_code == 302
    sentence = closing(stage.action.conditions())[0]["sentence"]
    assert stage.reload().declined_criteria == [{"code": age_code(stage), "sentence": sentence}]
    event = Event.objects.get(kind=EventKind.DECLINE)
    assert event.data == {"from": "sent", "reason": "not_eligible", "criteria": [age_code(stage)]}
    text = stage.at_sender.get(page(stage)).content.decode()
    assert sentence in text
    stage.action.set_criteria(None, stage.now, [])
    assert sentence in stage.at_sender.get(page(stage)).content.decode(), "as it stood when it was declined"


def test_the_api_asks_for_the_condition_too(stage: Stage) -> None:
    address = f"/api/v1/referrals/{stage.referral.reference}/"
    conditions = stage.at_receiver.get(address).json()["conditions"]
    assert [one["code"] for one in conditions] == [age_code(stage)]

    def post(**body: Any) -> int:
        answer = stage.at_receiver.post(f"{address}decline/", body, content_type="application/json")
        return answer.status_code

    assert post(reason="not_eligible") == 400
    assert post(reason="not_eligible", criteria=["other"]) == 400
    assert post(reason="unreachable") == 400
    assert post(reason="not_eligible", criteria=[age_code(stage)]) == 200
    assert stage.reload().declined_criteria[0]["code"] == age_code(stage)


def test_a_refusal_taken_back_takes_its_condition_back(stage: Stage) -> None:
    decline(stage, criteria=[age_code(stage)])
    referral = stage.reload()
    referral.retract(stage.receives, stage.now)
    assert (referral.state, referral.declined_criteria) == (State.SENT, [])


def test_fiches_of_several_actions_declined_together_share_no_written_condition(stage: Stage) -> None:
    other = a_sent(an_action(stage.receiver), stage.sends, stage.person, stage.now)
    both = [f"{one.reference}:{one.version}" for one in (stage.reload(), other)]
    address = reverse("referrals:bulk_answer")
    text = stage.at_receiver.get(address, {"fiche": both}).content.decode()
    assert age_code(stage) not in text and "unreachable" not in text
    body = {"fiche": both, "verbe": "decline", "reason": "not_eligible", "criteria": ["other"], "note": "Nager."}
    assert stage.at_receiver.post(address, body).status_code == 302
    kept = Referral.objects.order_by("sent_at").values_list("state", "declined_criteria")
    assert list(kept) == [(State.DECLINED, [{"code": "other", "sentence": ""}])] * 2


# The catalogue is mended


def own_actions(stage: Stage) -> str:
    text = stage.manager.get(reverse("structures:own_actions")).content.decode()
    return text.replace("&nbsp;", "\u00a0")


def test_the_manager_reads_how_many_fiches_each_condition_closed_in_ninety_days(stage: Stage) -> None:
    assert "déclinée" not in own_actions(stage)
    old = a_sent(stage.action, stage.sends, stage.person, stage.now)
    for referral in (stage.referral, old, a_sent(stage.action, stage.sends, stage.person, stage.now)):
        criteria = closing(stage.action.conditions())
        referral.decline(stage.receives, stage.now, reason=Reason.NOT_ELIGIBLE, criteria=criteria)
    Referral.objects.filter(pk=old.pk).update(closed_at=stage.now - dt.timedelta(days=91))
    sentence = closing(stage.action.conditions())[0]["sentence"]
    assert f"2 fiches déclinées sur «\u00a0{sentence}" in own_actions(stage)
    edit = stage.manager.get(reverse("structures:action_edit", args=[stage.action.slug])).content.decode()
    assert f"{sentence}\u00a0: 2 fiches" in edit.replace("&nbsp;", "\u00a0")


def test_a_condition_that_was_mended_is_no_longer_counted(stage: Stage) -> None:
    criteria = closing(stage.action.conditions())
    stage.referral.decline(stage.receives, stage.now, reason=Reason.NOT_ELIGIBLE, criteria=criteria)
    assert "1 fiche déclinée" in own_actions(stage)
    stage.action.set_criteria(None, stage.now, [{**AGE, "max": 29}])
    assert "déclinée" not in own_actions(stage)


def test_a_condition_that_is_not_written_is_counted_as_such(stage: Stage) -> None:
    other: Any = [{"code": OTHER_CRITERION, "sentence": ""}]
    stage.referral.decline(stage.receives, stage.now, reason=Reason.NOT_ELIGIBLE, note="Nager.", criteria=other)
    assert "1 fiche déclinée sur une condition qui n’est pas écrite" in own_actions(stage)


def test_a_manager_counts_the_fiches_of_their_own_structure_only(stage: Stage) -> None:
    criteria = closing(stage.action.conditions())
    stage.referral.decline(stage.receives, stage.now, reason=Reason.NOT_ELIGIBLE, criteria=criteria)
    stranger = Door.of(a_member(a_structure("Ailleurs"), Role.MANAGER))
    assert stranger.declined_on([stage.action], stage.now - dt.timedelta(days=90)) == {}


# Elsewhere


def refused(stage: Stage, reason: Reason = Reason.NO_PLACE) -> Any:
    stage.referral.decline(stage.receives, stage.now, reason=reason)
    return stage.at_sender.get(page(stage))


def test_no_place_here_is_one_click_from_the_same_need_elsewhere(db: None) -> None:
    stage = Stage()
    elsewhere = an_action(a_structure("Maison de Bégon"), "Ateliers du soir")
    a_session(elsewhere, stage.today + dt.timedelta(days=20))
    response = refused(stage)
    assert [one.action for one in response.context["onwards"].matches] == [elsewhere]
    made = stage.at_sender.post(
        reverse("referrals:referral_create", args=[stage.person.pk]), {"action": elsewhere.slug}
    )
    draft = Referral.objects.get(action=elsewhere)
    assert made["Location"] == reverse("referrals:referral_send", args=[draft.reference])
    assert (draft.state, draft.consent_how, list(draft.needs.all())) == (State.DRAFT, "", [stage.need])
    assert stage.at_sender.get(page(stage)).context["onwards"] is None, "it is being done"


def test_a_full_action_elsewhere_is_offered_with_its_waiting_list(db: None) -> None:
    stage = Stage()
    elsewhere = an_action(a_structure("Maison de Bégon"), "Ateliers du soir")
    a_session(elsewhere, stage.today + dt.timedelta(days=20), places=1, reserved=1)
    assert "Demander la liste d’attente" in refused(stage).content.decode()


def test_where_nothing_else_fits_the_need_is_said_to_be_unmet(db: None) -> None:
    stage = Stage()
    response = refused(stage)
    assert response.context["onwards"].matches == []
    text = response.content.decode()
    assert "besoins non couverts" in text and "(plus de place)" in text


def test_an_action_that_refused_the_person_before_is_not_proposed_again(db: None) -> None:
    stage = Stage()
    elsewhere = an_action(a_structure("Maison de Bégon"), "Ateliers du soir")
    before = a_sent(elsewhere, stage.sends, stage.person, stage.now - dt.timedelta(days=20), needs=[stage.need])
    before.decline(a_door(elsewhere.structure).actor, stage.now - dt.timedelta(days=10), reason=Reason.NO_PLACE)
    assert refused(stage).context["onwards"].matches == []


@pytest.mark.parametrize("reason", [Reason.FOUND_JOB])
def test_after_a_reason_that_ends_the_search_nothing_is_proposed(db: None, reason: Reason) -> None:
    stage = Stage()
    an_action(a_structure("Maison de Bégon"), "Ateliers du soir")
    assert refused(stage, reason).context["onwards"] is None


def test_the_receiver_is_not_offered_the_sender_s_next_step(db: None) -> None:
    stage = Stage()
    refused(stage)
    assert stage.at_receiver.get(page(stage)).context["onwards"] is None


def test_before_declining_the_receiver_reads_what_else_can_be_done(db: None) -> None:
    stage = Stage()
    text = stage.at_receiver.get(f"{page(stage)}?repondre=decline").content.decode()
    for way in ("waitlist", "contact", "redirect"):
        assert f"?repondre={way}#{way}" in text


# Whom the reason is told


def pathway_of(client: Client, stage: Stage) -> str:
    return client.get(reverse("referrals:person_detail", args=[stage.person.pk])).content.decode()


def test_the_next_referrer_reads_the_reason_and_no_note_where_the_history_is_shared(stage: Stage) -> None:
    criteria = closing(stage.action.conditions())
    note = "Arrive toujours en retard."
    stage.referral.decline(stage.receives, stage.now, reason=Reason.NOT_ELIGIBLE, note=note, criteria=criteria)
    following = a_sent(an_action(a_structure("Maison de Bégon")), stage.sends, stage.person, stage.now)
    reader = session_of(a_member(following.receiver))
    text = pathway_of(reader, stage)
    assert Reason.NOT_ELIGIBLE.label in text
    assert note not in text and criteria[0]["sentence"] not in text
    without = [ConsentScope.CONTACT.value, ConsentScope.NEEDS.value]
    Referral.objects.filter(pk=following.pk).update(consent_scope=without)
    assert Reason.NOT_ELIGIBLE.label not in pathway_of(reader, stage)


def test_the_reason_of_a_protected_structure_stays_hidden(stage: Stage) -> None:
    stage.receiver.is_sensitive = True
    stage.receiver.save(update_fields=["is_sensitive"])
    stage.referral.decline(stage.receives, stage.now, reason=Reason.TIMETABLE)
    following = a_sent(an_action(a_structure("Maison de Bégon")), stage.sends, stage.person, stage.now)
    assert Reason.TIMETABLE.label not in pathway_of(session_of(a_member(following.receiver)), stage)


@pytest.mark.parametrize("reason", [Reason.NO_PLACE, Reason.NOT_ELIGIBLE, Reason.OTHER])
def test_no_page_that_the_person_takes_home_says_that_or_why_it_was_declined(stage: Stage, reason: Reason) -> None:
    criteria = closing(stage.action.conditions()) if reason == Reason.NOT_ELIGIBLE else []
    stage.referral.decline(stage.receives, stage.now, reason=reason, note="Mot réservé.", criteria=criteria)
    for name, argument in (
        ("referral_print", stage.referral.reference),
        ("mobility_print", stage.person.pk),
    ):
        text = stage.at_sender.get(reverse(f"referrals:{name}", args=[argument])).content.decode()
        said = [State.DECLINED.label, reason.label, reason.label.lower(), "Mot réservé"]
        assert not [words for words in said if words in text], name
