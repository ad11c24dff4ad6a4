"""Every verb from every state: what is allowed happens once, everything else is refused, by us and by PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from referrals.models import Actor, ConsentHow, Event, Referral, StaleReferral
from referrals.states import MOVES, PAIRS, REASONS, Reason, State, Verb, may_move
from structures.models import Action
from structures.vocabulary import NeedTheme
from tests.territory import EVERYTHING, NOW, TODAY, a_door, a_draft, a_session, a_structure, an_action

LATER = NOW + dt.timedelta(minutes=5)

ROUTES: dict[State, list[Verb]] = {
    State.DRAFT: [],
    State.SENT: [Verb.SEND],
    State.WAITLISTED: [Verb.SEND, Verb.WAITLIST],
    State.OFFERED: [Verb.SEND, Verb.WAITLIST, Verb.OFFER],
    State.ACCEPTED: [Verb.SEND, Verb.ACCEPT],
    State.ENTERED: [Verb.SEND, Verb.ACCEPT, Verb.ENTER],
    State.ENDED: [Verb.SEND, Verb.ACCEPT, Verb.ENTER, Verb.END],
    State.DECLINED: [Verb.SEND, Verb.DECLINE],
    State.REDIRECTED: [Verb.SEND, Verb.REDIRECT],
    State.CANCELLED: [Verb.SEND, Verb.CANCEL],
    State.EXPIRED: [Verb.SEND, Verb.EXPIRE],
    State.MISSED: [Verb.SEND, Verb.ACCEPT, Verb.MISS],
}


class Stage:
    """One fiche, its two structures, and a way to perform each verb."""

    def __init__(self) -> None:
        self.sender: Actor = a_door(a_structure("Prescripteur")).actor
        receiver = a_structure("Accueil")
        self.receiver: Actor = a_door(receiver).actor
        self.action: Action = an_action(receiver)
        self.other: Action = an_action(receiver, themes=[NeedTheme.DIGITAL])
        self.referral: Referral = a_draft(self.action, self.sender)

    def do(self, verb: Verb, **extra: Any) -> object:
        referral, sender, receiver = self.referral, self.sender, self.receiver
        deeds: dict[Verb, Callable[[], object]] = {
            Verb.SEND: lambda: referral.send(
                sender, NOW, consent_how=ConsentHow.ORAL, consent_scope=EVERYTHING, **extra
            ),
            Verb.RECALL: lambda: referral.recall(sender, LATER, **extra),
            Verb.ACCEPT: lambda: referral.accept(receiver, LATER, **extra),
            Verb.WAITLIST: lambda: referral.waitlist(receiver, LATER, **extra),
            Verb.OFFER: lambda: referral.offer(receiver, LATER, **extra),
            Verb.CONFIRM: lambda: referral.confirm(sender, LATER, **extra),
            Verb.LAPSE: lambda: referral.lapse(sender, LATER, **extra),
            Verb.RETRACT: lambda: referral.retract(receiver, LATER, **extra),
            Verb.RETRACT_TO_LIST: lambda: referral.retract(receiver, LATER, **extra),
            Verb.DECLINE: lambda: referral.decline(receiver, LATER, reason=Reason.NO_PLACE, **extra),
            Verb.REDIRECT: lambda: referral.redirect(receiver, LATER, to=self.other, **extra),
            Verb.CANCEL: lambda: referral.cancel(sender, LATER, reason=Reason.MISTAKE, **extra),
            Verb.EXPIRE: lambda: referral.expire(receiver, LATER),
            Verb.ENTER: lambda: referral.enter(receiver, LATER, on=TODAY, **extra),
            Verb.MISS: lambda: referral.miss(receiver, LATER, reason=Reason.NO_SHOW, **extra),
            Verb.END: lambda: referral.end(receiver, LATER, **extra),
            Verb.REOPEN: lambda: referral.reopen(sender, LATER, note="Elle est de nouveau disponible.", **extra),
            Verb.RESUME: lambda: referral.resume(receiver, LATER, note="Elle est revenue.", **extra),
        }
        return deeds[verb]()

    def bring_to(self, state: State, *, through_the_list: bool = False) -> None:
        for verb in ROUTES[state]:
            self.do(verb)
            if through_the_list and verb == Verb.SEND:
                self.do(Verb.WAITLIST)
        assert self.referral.state == state


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


@pytest.mark.parametrize("verb", [verb for verb in Verb if verb != Verb.RETRACT_TO_LIST])
@pytest.mark.parametrize("state", State)
def test_each_verb_from_each_state_happens_or_is_refused_as_the_table_says(
    stage: Stage, state: State, verb: Verb
) -> None:
    stage.bring_to(state)
    events = Event.objects.count()
    if may_move(verb, state):
        stage.do(verb)
        assert Referral.objects.get(pk=stage.referral.pk).state == MOVES[verb].target
        assert Event.objects.filter(referral=stage.referral, kind=verb.value).exists()
    else:
        with pytest.raises(StaleReferral):
            stage.do(verb)
        assert Referral.objects.get(pk=stage.referral.pk).state == state
        assert Event.objects.count() == events, "a refused verb leaves no trace"


@pytest.mark.parametrize("state", sorted(MOVES[Verb.RETRACT_TO_LIST].sources))
def test_an_answer_to_a_fiche_that_waited_is_taken_back_to_the_list(stage: Stage, state: State) -> None:
    stage.bring_to(state, through_the_list=True)
    stage.do(Verb.RETRACT_TO_LIST)
    assert Referral.objects.get(pk=stage.referral.pk).state == State.WAITLISTED
    assert Event.objects.filter(referral=stage.referral, kind=Verb.RETRACT_TO_LIST).exists()


@pytest.mark.parametrize("target", State)
@pytest.mark.parametrize("source", State)
def test_the_database_itself_refuses_an_illegal_move(stage: Stage, source: State, target: State) -> None:
    stage.bring_to(source)
    dates = ", sent_at = now(), clock_from = now(), entered_on = now()"
    dates += ", consent_how = 'oral', consent_at = now(), reason = 'other'"
    dates += ", waitlisted_at = now(), offered_until = now()"
    sql = f"UPDATE referrals_referral SET state = %s{dates} WHERE id = %s"

    def by_hand() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, [target.value, stage.referral.pk])

    if source == target or (source.value, target.value) in PAIRS:
        by_hand()
    else:
        with pytest.raises(DatabaseError):
            by_hand()
        assert Referral.objects.get(pk=stage.referral.pk).state == source


def test_a_page_that_shows_an_old_version_is_told_and_overwrites_nothing(stage: Stage) -> None:
    stage.bring_to(State.SENT)
    shown = stage.referral.version
    stage.do(Verb.WAITLIST)
    with pytest.raises(StaleReferral) as told:
        stage.do(Verb.ACCEPT, version=shown)
    assert told.value.referral.state == State.WAITLISTED
    assert told.value.last_event is not None
    assert told.value.last_event.kind == Verb.WAITLIST
    assert Referral.objects.get(pk=stage.referral.pk).state == State.WAITLISTED


def test_a_sending_cannot_be_taken_back_after_ten_minutes(stage: Stage) -> None:
    stage.do(Verb.SEND)
    with pytest.raises(StaleReferral):
        stage.referral.recall(stage.sender, NOW + dt.timedelta(minutes=10, seconds=1))
    assert stage.referral.may_be_recalled(NOW + dt.timedelta(minutes=10))


def test_a_fiche_is_never_sent_without_consent(stage: Stage) -> None:
    with pytest.raises(ValueError, match="consent"):
        stage.referral.send(stage.sender, NOW, consent_how="", consent_scope=[])
    assert Referral.objects.get(pk=stage.referral.pk).state == State.DRAFT


@pytest.mark.parametrize("verb", [Verb.DECLINE, Verb.CANCEL, Verb.MISS])
def test_closing_needs_a_reason_of_its_verb(stage: Stage, verb: Verb) -> None:
    stage.bring_to(State.ACCEPTED if verb == Verb.MISS else State.SENT)
    wrong = next(reason for reason in Reason if reason not in REASONS[verb])
    deed = {Verb.DECLINE: "decline", Verb.CANCEL: "cancel", Verb.MISS: "miss"}[verb]
    with pytest.raises(ValueError, match="not a reason"):
        getattr(stage.referral, deed)(stage.receiver, LATER, reason=wrong)


def test_a_verb_knows_what_was_written_meanwhile_and_fetches_no_row_around_the_fiche_again(
    stage: Stage, django_assert_num_queries: Any
) -> None:
    fiche = stage.referral
    around = (fiche.person, fiche.action, fiche.sender, fiche.receiver, fiche.sender_member)
    assert fiche.session is None
    meanwhile = a_session(stage.action, TODAY)
    Referral.objects.get(pk=fiche.pk).rewrite(NOW, motive="Écrit sur un autre écran", session=meanwhile)
    stage.do(Verb.SEND)
    assert fiche.motive == "Écrit sur un autre écran"
    assert fiche.session == meanwhile
    with django_assert_num_queries(0):
        now = (fiche.person, fiche.action, fiche.sender, fiche.receiver, fiche.sender_member)
    assert all(one is other for one, other in zip(now, around, strict=True))


def test_a_sending_plans_all_its_reminders_in_one_go(stage: Stage) -> None:
    with CaptureQueriesContext(connection) as queries:
        stage.do(Verb.SEND)
    written = [query["sql"] for query in queries if "INSERT INTO referrals_reminder" in query["sql"]]
    assert len(written) == 1
    assert stage.referral.reminders.count() == 9


def test_a_redirected_fiche_opens_another_one_already_sent_under_the_same_consent(stage: Stage) -> None:
    stage.do(Verb.SEND)
    following = stage.do(Verb.REDIRECT)
    assert isinstance(following, Referral)
    assert following.state == State.SENT
    assert following.sender == stage.sender.structure
    assert following.consent_scope == stage.referral.consent_scope
    assert following.redirected_from == stage.referral


def test_the_journal_can_be_neither_changed_nor_deleted(stage: Stage) -> None:
    stage.do(Verb.SEND)
    with pytest.raises(DatabaseError), transaction.atomic():
        Event.objects.update(kind="send")
    with pytest.raises(DatabaseError), transaction.atomic():
        Event.objects.all().delete()
