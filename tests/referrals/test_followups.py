"""The six-month check: the call list, and the person's own page."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from referrals.followup_words import WORDS, language_of
from referrals.models import ContactChannel, Event, EventKind, FollowUp, FollowUpSituation, Origin, Person
from referrals.models.event import WORKER
from referrals.models.followup import FollowUpState
from tests.referrals.stage import Stage


def reachable_by_call() -> None:
    Person.objects.update(contact_channel=ContactChannel.CALL)


@pytest.fixture
def stage(db: None) -> Stage:
    stage = Stage().enter()
    reachable_by_call()
    stage.leave()
    return stage


@pytest.fixture
def check(stage: Stage) -> FollowUp:
    return FollowUp.objects.get(referral=stage.referral)


@pytest.fixture
def link(check: FollowUp) -> str:
    return reverse("referrals:followup_answer", args=[check.ask(WORKER, timezone.now())])


@pytest.fixture
def person() -> Client:
    """The person's telephone: no account, no cookie, and the checks of a real browser."""
    return Client(enforce_csrf_checks=True)


LIST = "/suivis/"


def record_url(check: FollowUp) -> str:
    return reverse("referrals:followup_record", args=[check.pk])


# The person's page


def test_an_unknown_link_is_politely_not_found(person: Client, db: None) -> None:
    response = person.get(reverse("referrals:followup_answer", args=["inconnu"]))
    assert response.status_code == 404
    assert "Ce lien ne marche plus" in response.content.decode()


def test_a_link_out_of_date_gives_the_same_page(person: Client, link: str, check: FollowUp) -> None:
    check.links.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    unknown = person.get(reverse("referrals:followup_answer", args=["inconnu"]))
    response = person.post(link, {"situation": "job"})
    assert response.status_code == 404
    assert response.content == unknown.content
    check.refresh_from_db()
    assert check.state == FollowUpState.ASKED


def test_reading_records_nothing(person: Client, link: str, check: FollowUp) -> None:
    events = Event.objects.count()
    assert person.get(link).status_code == 200
    assert person.head(link).status_code == 200
    check.refresh_from_db()
    assert check.state == FollowUpState.ASKED
    assert Event.objects.count() == events


def test_the_page_names_neither_the_person_nor_a_structure(person: Client, link: str, stage: Stage) -> None:
    text = person.get(link).content.decode()
    for name in (
        stage.person.first_name,
        stage.person.last_name,
        stage.sender.name,
        stage.receiver.name,
        stage.action.name,
        stage.referral.reference,
    ):
        assert name not in text


def test_the_page_is_light_hidden_from_engines_and_sends_no_address_along(person: Client, link: str) -> None:
    response = person.get(link)
    assert len(response.content) < 30_000
    assert "noindex" in response["X-Robots-Tag"]
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["Cache-Control"] == "no-store, private"
    assert not response.cookies


def test_an_answer_that_is_none_of_the_four_is_refused(person: Client, link: str, check: FollowUp) -> None:
    assert person.post(link, {"situation": "rich"}).status_code == 422
    assert person.post(link, {}).status_code == 422
    check.refresh_from_db()
    assert check.state == FollowUpState.ASKED


@pytest.mark.parametrize("situation", FollowUpSituation)
def test_one_tap_answers_even_from_a_mail_programs_browser(
    person: Client, link: str, check: FollowUp, situation: FollowUpSituation
) -> None:
    response = person.post(link, {"situation": situation}, headers={"origin": "null"})
    assert response.status_code == 303
    check.refresh_from_db()
    assert (check.state, check.situation) == (FollowUpState.ANSWERED, situation)
    assert "Merci" in person.get(link).content.decode()
    event = Event.objects.get(kind=EventKind.FOLLOWUP_ANSWERED)
    assert event.origin == Origin.LINK
    assert event.user is None


def test_the_answer_can_be_changed_for_seven_days_and_no_longer(person: Client, link: str, check: FollowUp) -> None:
    person.post(link, {"situation": "searching"})
    person.post(link, {"situation": "job"})
    check.refresh_from_db()
    assert check.situation == "job"
    FollowUp.objects.filter(pk=check.pk).update(answered_at=timezone.now() - dt.timedelta(days=7, minutes=1))
    response = person.post(link, {"situation": "help"})
    assert response.status_code == 409
    assert "ne peut plus être changée" in response.content.decode()
    check.refresh_from_db()
    assert check.situation == "job"
    assert "<button" not in person.get(link).content.decode().split("<main")[1]


def test_asking_to_be_called_back_keeps_the_answer_and_reaches_the_call_list(
    person: Client, link: str, check: FollowUp, stage: Stage
) -> None:
    person.post(link, {"situation": "searching"})
    person.post(link, {"call": "1"})
    check.refresh_from_db()
    assert (check.situation, check.wants_call) == ("searching", True)
    person.post(link, {"situation": "job"})
    check.refresh_from_db()
    assert check.wants_call, "changing the answer does not withdraw the wish"
    assert "Souhaite être rappelé(e)" in stage.at_receiver.get(LIST).content.decode()


def test_asking_to_be_called_back_first_counts_as_needing_help(person: Client, link: str, check: FollowUp) -> None:
    person.post(link, {"call": "1"})
    check.refresh_from_db()
    assert (check.situation, check.wants_call) == ("help", True)


def test_the_answer_stands_on_the_timeline_of_the_fiche(person: Client, link: str, stage: Stage) -> None:
    person.post(link, {"situation": "training"})
    page = stage.at_sender.get(reverse("referrals:referral_detail", args=[stage.referral.reference]))
    assert "Je suis en formation" in page.content.decode()
    assert "La personne, par son lien" in page.content.decode()


def test_arabic_reads_from_right_to_left(person: Client, link: str) -> None:
    text = person.get(f"{link}?langue=ar").content.decode()
    assert '<html lang="ar" dir="rtl"' in text
    assert WORDS["ar"].title in text


def test_the_language_is_kept_after_the_tap(person: Client, link: str) -> None:
    response = person.post(f"{link}?langue=en", {"situation": "job"})
    assert response["Location"].endswith("?langue=en")
    assert "Thank you" in person.get(response["Location"]).content.decode()


@pytest.mark.parametrize(
    ("asked", "accepted", "spoken"),
    [
        ("", "", "fr"),
        ("xx", "", "fr"),
        ("en", "ar", "en"),
        ("", "ar-DZ,ar;q=0.9,fr;q=0.8", "ar"),
        ("", "de-DE,en;q=0.5", "en"),
        ("", "*", "fr"),
    ],
)
def test_the_language_is_the_one_asked_for_else_the_browsers(asked: str, accepted: str, spoken: str) -> None:
    assert language_of(asked, accepted) == spoken


def test_every_language_says_everything() -> None:
    for words in WORDS.values():
        assert set(words.answers) == set(FollowUpSituation)
        assert all(value for value in vars(words).values())


# The call list


def test_nobody_to_call_says_when_somebody_will_be(stage: Stage) -> None:
    assert "Personne à appeler" in stage.at_receiver.get(LIST).content.decode()


def test_a_manager_makes_no_calls_and_a_stranger_sees_none(stage: Stage, check: FollowUp) -> None:
    check.put_on_call_list()
    assert stage.manager.get(LIST).status_code == 403
    assert stage.person.full_name not in stage.at_stranger.get(LIST).content.decode()
    sent = {"outcome": "job", "state": "to_call"}
    assert stage.at_stranger.post(record_url(check), sent).status_code == 404
    assert stage.manager.post(record_url(check), sent).status_code == 403


def test_an_outcome_is_needed(stage: Stage, check: FollowUp) -> None:
    check.put_on_call_list()
    response = stage.at_receiver.post(record_url(check), {"state": "to_call"})
    assert response.status_code == 422
    assert "Choisissez ce que la personne a répondu" in response.content.decode()


def test_an_answer_given_by_the_person_meanwhile_is_not_overwritten(stage: Stage, check: FollowUp) -> None:
    check.put_on_call_list()
    check.answer(stage.receives, timezone.now(), situation="job")
    response = stage.at_receiver.post(record_url(check), {"state": "to_call", "outcome": "unreachable"})
    assert response.status_code == 409
    assert "Rien n’a été modifié." in response.content.decode()
    check.refresh_from_db()
    assert check.situation == "job"


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("training", FollowUpState.ANSWERED),
        ("unreachable", FollowUpState.UNREACHABLE),
        ("refused", FollowUpState.REFUSED),
        ("moved", FollowUpState.MOVED),
    ],
)
def test_a_call_is_noted_and_leaves_the_list(stage: Stage, check: FollowUp, outcome: str, state: str) -> None:
    check.put_on_call_list()
    text = stage.at_receiver.get(LIST).content.decode()
    assert stage.person.full_name in text
    assert "01 99 00 01 01" in text
    assert "Ne laissez pas de message vocal." in text
    assert stage.at_receiver.post(record_url(check), {"state": "to_call", "outcome": outcome}).status_code == 302
    check.refresh_from_db()
    assert check.state == state
    assert stage.person.full_name not in stage.at_receiver.get(LIST).content.decode()


def test_somebody_who_asked_to_be_called_is_noted_as_called(stage: Stage, check: FollowUp) -> None:
    check.answer(stage.receives, timezone.now(), situation="help", wants_call=True)
    assert "Noter le rappel" in stage.at_receiver.get(LIST).content.decode()
    sent = {"state": "answered", "outcome": "called"}
    assert stage.at_receiver.post(record_url(check), sent).status_code == 302
    assert stage.person.full_name not in stage.at_receiver.get(LIST).content.decode()
    check.refresh_from_db()
    assert check.situation == "help"


def test_a_telephone_that_is_not_shared_is_not_shown_and_the_sender_calls(db: None) -> None:
    stage = Stage(scopes=[]).enter()
    stage.leave()
    FollowUp.objects.get(referral=stage.referral).put_on_call_list()
    reachable_by_call()
    check = FollowUp.objects.get(referral=stage.referral)
    assert stage.person.full_name not in stage.at_receiver.get(LIST).content.decode()
    text = stage.at_receiver.get(reverse("referrals:followup_detail", args=[check.pk])).content.decode()
    assert "01 99 00 01 01" not in text
    assert "voyez avec Mission locale" in text
    assert "01 99 00 01 01" in stage.at_sender.get(LIST).content.decode(), "the one who knows the number calls"


def test_the_list_costs_the_same_with_one_or_many(
    stage: Stage, check: FollowUp, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    check.put_on_call_list()
    stage.at_receiver.get(LIST)
    with django_assert_max_num_queries(30) as first:
        stage.at_receiver.get(LIST)
    for _ in range(4):
        more = Stage()
        more.referral.receiver = stage.receiver
        more.referral.save()
        more.enter().leave()
        FollowUp.objects.get(referral=more.referral).put_on_call_list()
    reachable_by_call()
    with django_assert_max_num_queries(len(first.captured_queries)):
        assert stage.at_receiver.get(LIST).content.decode().count("call card") == 5
