"""The calls after an exit: whose they are, what is noted, and what they open."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from referrals.models import ContactChannel, Event, EventKind, FollowUp, FollowUpState, Person, Referral
from referrals.models.event import WORKER
from structures.vocabulary import NeedTheme, Role
from tests.referrals.stage import Stage, session_of
from tests.territory import a_member, a_need, an_action

LIST = "/suivis/"
HOME = "/"


@pytest.fixture
def stage(db: None) -> Stage:
    stage = Stage().enter()
    stage.leave()
    Person.objects.update(contact_channel=ContactChannel.CALL)
    return stage


@pytest.fixture
def check(stage: Stage) -> FollowUp:
    check = FollowUp.objects.get(referral=stage.referral)
    check.put_on_call_list()
    return check


def detail_url(check: FollowUp) -> str:
    return reverse("referrals:followup_detail", args=[check.pk])


def record_url(check: FollowUp) -> str:
    return reverse("referrals:followup_record", args=[check.pk])


def noted(check: FollowUp, **data: str) -> dict[str, str]:
    check.refresh_from_db()
    return {"state": check.state, "calls": str(check.calls), **data}


def page_of(stage: Stage, url: str) -> str:
    return stage.at_receiver.get(url).content.decode()


# Whose the calls are


def test_the_structure_that_accompanied_calls_and_not_the_sender(stage: Stage, check: FollowUp) -> None:
    assert stage.person.full_name in page_of(stage, LIST)
    assert stage.person.full_name not in stage.at_sender.get(LIST).content.decode()


def test_whoever_is_reached_by_their_prescripteur_only_is_called_by_them(stage: Stage, check: FollowUp) -> None:
    Person.objects.update(contact_channel=ContactChannel.PRESCRIBER)
    assert stage.person.full_name not in page_of(stage, LIST)
    assert stage.person.full_name in stage.at_sender.get(LIST).content.decode()


# A call that nobody took


def test_a_call_without_an_answer_is_counted_with_its_date_and_stays_on_the_list(stage: Stage, check: FollowUp) -> None:
    for number in (1, 2):
        response = stage.at_receiver.post(record_url(check), noted(check, outcome="no_answer"), follow=True)
        assert f"Appel sans réponse noté ({number})." in response.content.decode()
    check.refresh_from_db()
    assert (check.state, check.calls) == (FollowUpState.TO_CALL, 2)
    assert check.last_call_at is not None
    assert "2 appels sans réponse" in page_of(stage, LIST)
    assert Event.objects.filter(kind=EventKind.FOLLOWUP_CALLED).count() == 2


def test_unreachable_is_proposed_after_three_calls(stage: Stage, check: FollowUp) -> None:
    assert "Injoignable, ne plus appeler" not in page_of(stage, LIST)
    for _ in range(3):
        stage.at_receiver.post(record_url(check), noted(check, outcome="no_answer"))
    text = page_of(stage, LIST)
    assert "Injoignable, ne plus appeler" in text
    assert "Vous pouvez noter" in text


def test_a_missed_call_noted_on_an_old_page_is_not_counted_twice(stage: Stage, check: FollowUp) -> None:
    data = noted(check, outcome="no_answer")
    assert stage.at_receiver.post(record_url(check), data).status_code == 302
    response = stage.at_receiver.post(record_url(check), data)
    assert response.status_code == 409
    assert "Rien n’a été modifié." in response.content.decode()
    check.refresh_from_db()
    assert check.calls == 1


def test_somebody_who_asked_to_be_called_and_cannot_be_reached_leaves_the_list_in_the_end(stage: Stage) -> None:
    check = FollowUp.objects.get()
    check.answer(stage.receives, stage.now, situation="help", wants_call=True)
    for _ in range(3):
        stage.at_receiver.post(record_url(check), noted(check, outcome="no_answer"))
    assert "Injoignable, ne plus rappeler" in page_of(stage, LIST)
    stage.at_receiver.post(record_url(check), noted(check, outcome="unreachable"))
    check.refresh_from_db()
    assert (check.state, check.is_to_call_back) == (FollowUpState.ANSWERED, False)
    assert stage.person.full_name not in page_of(stage, LIST)


# The three questions


def test_a_situation_that_begins_tomorrow_is_refused_and_what_was_typed_stays(stage: Stage, check: FollowUp) -> None:
    tomorrow = timezone.localdate() + dt.timedelta(days=1)
    data = noted(check, outcome="job", since=tomorrow.isoformat(), note="CDD de huit mois")
    response = stage.at_receiver.post(record_url(check), data)
    assert response.status_code == 422
    text = response.content.decode()
    assert "Cette date est à venir" in text
    assert "CDD de huit mois" in text
    check.refresh_from_db()
    assert check.state == FollowUpState.TO_CALL


def test_the_three_answers_are_kept_and_the_channel_is_the_call(stage: Stage, check: FollowUp) -> None:
    since = timezone.localdate() - dt.timedelta(days=30)
    data = noted(check, outcome="job", since=since.isoformat(), note="CDD de huit mois", wish="call")
    stage.at_receiver.post(record_url(check), data)
    check.refresh_from_db()
    assert (check.situation, check.since, check.note, check.answered_by) == ("job", since, "CDD de huit mois", "call")
    assert check.is_to_call_back


def test_a_social_security_number_is_refused_in_the_precision(stage: Stage, check: FollowUp) -> None:
    data = noted(check, outcome="job", note="NIR 1 84 12 76 451 089 46")
    assert stage.at_receiver.post(record_url(check), data).status_code == 422


def test_only_a_prescripteur_is_offered_another_orientation(stage: Stage, check: FollowUp) -> None:
    trainer = session_of(a_member(stage.receiver, Role.RECEIVER))
    assert "Une nouvelle orientation" not in trainer.get(detail_url(check)).content.decode()
    assert "Une nouvelle orientation" in stage.at_sender.get(detail_url(check)).content.decode()


def test_the_wish_for_another_orientation_leads_straight_to_the_suggestions(stage: Stage, check: FollowUp) -> None:
    response = stage.at_sender.post(record_url(check), noted(check, outcome="searching", wish="referral"))
    assert response["Location"] == reverse("referrals:suggestions", args=[stage.person.pk]) + f"?suivi={check.pk}"


# From the wish to be called back to another fiche


def test_the_wish_opens_a_task_of_the_day_and_another_fiche_in_two_clicks(stage: Stage) -> None:
    Person.objects.update(contact_channel=ContactChannel.PRESCRIBER)
    digital = an_action(stage.receiver, "Atelier numérique", themes=[NeedTheme.DIGITAL])
    a_need(stage.person, stage.sends, NeedTheme.DIGITAL)
    check = FollowUp.objects.get()
    check.ask(WORKER, stage.now)
    check.answer(WORKER, stage.now, situation="help", by="email", wants_call=True)
    suggestions = reverse("referrals:suggestions", args=[stage.person.pk]) + f"?suivi={check.pk}"
    home = stage.at_sender.get(HOME).content.decode()
    assert suggestions in home
    assert detail_url(check) in home
    page = stage.at_sender.get(suggestions).content.decode()
    assert f'name="suivi" value="{check.pk}"' in page
    create = reverse("referrals:referral_create", args=[stage.person.pk])
    stage.at_sender.post(create, {"action": digital.slug, "suivi": str(check.pk)})
    opened = Referral.objects.get(action=digital)
    assert opened.opened_after == check
    person = stage.at_sender.get(reverse("referrals:person_detail", args=[stage.person.pk])).content.decode()
    assert "Suite des nouvelles" in person
    before = stage.at_sender.get(reverse("referrals:referral_detail", args=[stage.referral.reference]))
    assert opened.reference in before.content.decode()


@pytest.mark.parametrize("value", ["x", "00000000-0000-0000-0000-000000000000"])
def test_another_persons_news_open_nothing(stage: Stage, check: FollowUp, value: str) -> None:
    url = reverse("referrals:suggestions", args=[stage.person.pk])
    assert stage.at_sender.get(url, {"suivi": value}).status_code == 404


def test_the_news_of_somebody_else_do_not_hang_on_this_person(stage: Stage, check: FollowUp) -> None:
    other = Stage()
    Referral.objects.filter(pk=other.referral.pk).update(sender=stage.sender)
    Person.objects.filter(pk=other.person.pk).update(recorded_by=stage.sender)
    url = reverse("referrals:suggestions", args=[other.person.pk])
    assert stage.at_sender.get(url, {"suivi": str(check.pk)}).status_code == 404


# The timeline


def test_the_timeline_tells_each_try_and_who_made_it(stage: Stage, check: FollowUp) -> None:
    check.note_missed_call(stage.receives, stage.now, seen=0)
    check.close_without_answer(stage.receives, stage.now, state="moved")
    text = page_of(stage, reverse("referrals:referral_detail", args=[stage.referral.reference]))
    assert "Appel sans réponse" in text
    assert "A quitté le territoire" in text or "a quitté le territoire" in text
    assert "À six mois" in text
