"""A fiche redirected to needs, when nobody knows which action would answer them."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse

from referrals import notifications
from referrals.models import Event, EventKind, Need, Referral, Reminder
from referrals.models.reminder import ReminderKind
from referrals.permissions import Door
from referrals.queues import BY_KEY
from referrals.states import Reason, State
from structures.vocabulary import NeedTheme
from tests.referrals.stage import Stage, session_of
from tests.territory import a_member, a_structure, an_action


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


def url(stage: Stage) -> str:
    return reverse("referrals:response_redirect", args=[stage.referral.reference])


def page_of(stage: Stage) -> str:
    return reverse("referrals:referral_detail", args=[stage.referral.reference])


def advise(stage: Stage, *themes: str) -> Referral:
    stage.referral.advise(stage.receives, stage.now, themes=themes or [NeedTheme.DIGITAL])
    return stage.referral


def suggestions(stage: Stage) -> str:
    return reverse("referrals:suggestions", args=[stage.person.pk]) + f"?conseil={stage.referral.reference}"


def test_without_an_action_a_need_at_least_is_named(stage: Stage) -> None:
    page = stage.at_receiver.post(url(stage), {"to": "inconnue", "note": "Voir", "version": stage.referral.version})
    assert page.status_code == 422
    assert "Choisissez au moins un besoin" in page.content.decode()
    assert stage.reload().state == State.SENT
    with pytest.raises(ValueError, match="or to needs"):
        stage.referral.advise(stage.receives, stage.now, themes=[])


def test_neither_an_action_nor_that_it_is_not_known_is_refused(stage: Stage) -> None:
    page = stage.at_receiver.post(url(stage), {"advised": ["digital"], "version": stage.referral.version})
    assert page.status_code == 422
    assert "dites que vous ne savez pas laquelle" in page.content.decode()


def test_an_unknown_need_is_refused(stage: Stage) -> None:
    body = {"to": "inconnue", "advised": ["inventé"], "version": stage.referral.version}
    assert stage.at_receiver.post(url(stage), body).status_code == 422
    with pytest.raises(ValueError, match="inventé"):
        stage.referral.advise(stage.receives, stage.now, themes=["inventé"])


def test_the_suggestions_of_an_advice_open_to_its_sender_only(stage: Stage) -> None:
    assert stage.at_sender.get(suggestions(stage)).status_code == 404, "nothing has been advised"
    advise(stage)
    assert stage.at_receiver.get(suggestions(stage)).status_code == 403
    assert stage.at_stranger.get(suggestions(stage)).status_code == 404
    other = Stage()
    crossed = reverse("referrals:suggestions", args=[other.person.pk]) + f"?conseil={stage.referral.reference}"
    assert other.at_sender.get(crossed).status_code == 404


def test_the_needs_advised_close_the_fiche_and_stand_in_the_journal_as_codes(stage: Stage) -> None:
    body = {"to": "inconnue", "advised": ["mobility", "digital"], "version": stage.referral.version}
    stage.at_receiver.post(url(stage), body)
    row = stage.reload()
    assert (row.state, row.reason, row.advised) == (State.REDIRECTED, Reason.OTHER_OFFER, ["digital", "mobility"])
    assert not Referral.objects.filter(redirected_from=row).exists()
    data = Event.objects.get(kind=EventKind.REDIRECT).data
    assert data["advised"] == ["digital", "mobility"]


def test_the_letter_and_the_page_say_it_and_the_need_is_to_be_redirected(stage: Stage) -> None:
    advise(stage)
    reminder = Reminder.objects.get(referral=stage.referral, kind=ReminderKind.ANSWERED)
    letter = notifications.carry_out(reminder, stage.now)[0]
    assert letter.letter == "referral_advised"
    assert NeedTheme.DIGITAL.label in letter.body_text
    page = stage.at_sender.get(page_of(stage)).content.decode()
    assert NeedTheme.DIGITAL.label in page
    assert f"?conseil={stage.referral.reference}" in page
    queue = BY_KEY["a-reorienter"]
    door = Door.of(stage.prescriber)
    assert list(queue.rows(door, stage.now)) == [stage.referral]
    assert f"?conseil={stage.referral.reference}" in stage.at_sender.get(reverse("referrals:home")).content.decode()


def test_one_click_leads_to_the_suggestions_and_the_next_fiche_notes_the_need_and_keeps_the_thread(
    stage: Stage,
) -> None:
    digital = an_action(a_structure("Médiathèque"), "Ateliers numériques", themes=[NeedTheme.DIGITAL])
    advise(stage)
    page = stage.at_sender.get(suggestions(stage)).content.decode()
    assert "Ateliers numériques" in page
    assert "Atelier de français" not in page.split('id="trouve"')[1], "only what was advised"
    create = reverse("referrals:referral_create", args=[stage.person.pk])
    stage.at_sender.post(create, {"action": digital.slug, "conseil": stage.referral.reference})
    following = Referral.objects.get(action=digital)
    assert following.redirected_from == stage.referral
    assert [need.theme for need in following.needs.all()] == [NeedTheme.DIGITAL]
    assert Need.objects.filter(person=stage.person, theme=NeedTheme.DIGITAL, closed_at=None).exists()
    door = Door.of(stage.prescriber)
    assert not BY_KEY["a-reorienter"].rows(door, stage.now).exists(), "it is being followed"
    assert "Ateliers numériques" not in stage.at_receiver.get(page_of(stage)).content.decode(), "a draft is nobody's"
    following.cancel(stage.sends, stage.now, reason=Reason.MISTAKE)
    assert BY_KEY["a-reorienter"].rows(door, stage.now).exists(), "a draft thrown away leaves the way open"


def test_taking_the_answer_back_forgets_the_advice(stage: Stage) -> None:
    advise(stage)
    stage.referral.retract(stage.receives, stage.now + dt.timedelta(minutes=5))
    row = stage.reload()
    assert (row.state, row.advised, row.reason) == (State.SENT, [], "")


def test_a_protected_structure_that_redirects_is_named_to_the_sender_and_not_to_the_next_one(stage: Stage) -> None:
    type(stage.receiver).objects.filter(pk=stage.receiver.pk).update(is_sensitive=True)
    following = stage.reload().redirect(
        stage.receives, stage.now, to=an_action(a_structure("Maison de Bégon"), "Atelier du soir")
    )
    reader = session_of(a_member(following.receiver))
    page = reader.get(reverse("referrals:referral_detail", args=[following.reference])).content.decode()
    assert "Une structure protégée" in page
    assert "Alire" not in page
    assert "Alire" not in reader.get(reverse("api:referral-detail", args=[following.reference])).content.decode()
    first = stage.at_sender.get(page_of(stage)).content.decode()
    assert "Paul R., Alire" in first
