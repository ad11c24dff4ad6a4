"""Which reminder makes which letter, to whom; and what is no longer true is not sent."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from referrals import deadlines, emails
from referrals.models import (
    Actor,
    Appointment,
    Bilan,
    BilanKind,
    ConsentHow,
    ContactChannel,
    Event,
    EventKind,
    Exit,
    FollowUp,
    FollowUpState,
    Key,
    Link,
    Message,
    Person,
    Referral,
    Reminder,
)
from referrals.models.followup import hash_token
from referrals.models.reminder import ReminderKind, ReminderState
from referrals.notifications import message_id, overtaken
from referrals.states import AppointmentState, Reason, State
from structures.models import Action, Membership
from structures.vocabulary import NeedTheme, Role
from tests.territory import (
    EVERYTHING,
    NOW,
    TODAY,
    a_door,
    a_member,
    a_person,
    a_sent,
    a_session,
    a_structure,
    an_action,
)
from worker.drain import drain
from worker.reminders import Settler, settle

pytestmark = pytest.mark.django_db

SECRETS = ("Zéphyrine", "Quetzalcoatl", "0611223344", "+33611223344", "zephyrine.quetzalcoatl")


class Case:
    """A fiche from Camille of the Mission locale to the accueil of Alire, about a person with an unmistakable name."""

    def __init__(self) -> None:
        self.sender = a_structure("Mission locale", email="ml@example.org")
        self.receiver = a_structure("Alire", email="alire@example.org")
        self.camille = a_member(self.sender, Role.PRESCRIBER, email="camille@example.org")
        self.sending = Actor(user=self.camille, structure=self.sender)
        self.receiving = a_door(self.receiver).actor
        self.action: Action = an_action(self.receiver, "Ateliers d’écriture")
        self.person: Person = a_person(
            self.sending,
            first_name="Zéphyrine",
            last_name="Quetzalcoatl",
            phone="+33611223344",
            email="zephyrine.quetzalcoatl@example.org",
            contact_channel=ContactChannel.EMAIL,
        )
        self.referral: Referral = a_sent(self.action, self.sending, self.person)

    def accept(self, now: dt.datetime = NOW, in_days: int = 2) -> None:
        self.referral.accept(self.receiving, now, appointment_at=NOW + dt.timedelta(days=in_days))

    def enter(self) -> None:
        self.accept()
        self.referral.enter(self.receiving, NOW, on=TODAY, bilan_due_on=TODAY + dt.timedelta(days=30))

    def leave(self) -> Exit:
        self.enter()
        return Exit.objects.record(self.referral, self.receiving, NOW, on=TODAY, kind="cdi")

    def reminder(self, kind: ReminderKind, number: int = 0) -> Reminder:
        return Reminder.objects.filter(referral=self.referral, kind=kind).order_by("due_at")[number]

    def when_due(self, kind: ReminderKind, number: int = 0) -> list[Message]:
        """Settle every reminder in its order up to this one; return this one's letters."""
        reminder = self.reminder(kind, number)
        for earlier in Reminder.objects.filter(due_at__lt=reminder.due_at, state=ReminderState.PLANNED):
            settle(earlier, earlier.due_at)
        settle(Reminder.objects.get(pk=reminder.pk), reminder.due_at)
        return list(Message.objects.filter(reminder=reminder).order_by("letter"))

    def dropped(self, kind: ReminderKind, number: int = 0) -> str:
        reminder = self.reminder(kind, number)
        return reminder.reason if reminder.state == ReminderState.DROPPED else ""


@pytest.fixture
def case() -> Case:
    return Case()


def told(messages: list[Message]) -> list[tuple[str, str]]:
    return [(message.letter, message.to) for message in messages]


# What is dropped, with its reason


def settled(case: Case, kind: ReminderKind, now: dt.datetime, number: int = 0) -> str:
    """Settle one reminder, whatever the verbs withdrew of it, and return why it was dropped."""
    reminder = case.reminder(kind, number)
    Reminder.objects.filter(pk=reminder.pk).update(state=ReminderState.PLANNED, reason="", done_at=None)
    assert settle(Reminder.objects.get(pk=reminder.pk), now) == []
    return case.dropped(kind, number)


@pytest.mark.parametrize(
    ("act", "kind", "reason"),
    [
        (lambda case: case.accept(), ReminderKind.SENT, "answered"),
        (lambda case: case.accept(), ReminderKind.UNANSWERED, "answered"),
        (lambda case: case.accept(), ReminderKind.EXPIRY, "answered"),
        (lambda case: case.referral.waitlist(case.receiving, NOW), ReminderKind.UNANSWERED, "answered"),
        (lambda case: case.referral.recall(case.sending, NOW), ReminderKind.SENT, "recalled"),
        (lambda case: case.referral.recall(case.sending, NOW), ReminderKind.UNANSWERED, "recalled"),
        (
            lambda case: case.referral.cancel(case.sending, NOW, reason=Reason.MISTAKE),
            ReminderKind.CANCELLED,
            "never_announced",
        ),
        (
            lambda case: case.referral.cancel(case.sending, NOW, reason=Reason.MISTAKE),
            ReminderKind.UNANSWERED,
            "closed",
        ),
        (lambda case: case.enter(), ReminderKind.ENTRY_TO_CONFIRM, "entered"),
    ],
)
def test_a_reminder_whose_reason_is_gone_is_dropped_even_where_no_verb_withdrew_it(
    case: Case, act: Callable[[Case], Any], kind: ReminderKind, reason: str
) -> None:
    act(case)
    case.referral.refresh_from_db()
    assert settled(case, kind, max(NOW, case.reminder(kind).due_at)) == reason


def test_the_answer_withdraws_the_reminders_of_an_unanswered_fiche(case: Case) -> None:
    case.accept()
    states = Reminder.objects.filter(kind=ReminderKind.UNANSWERED).values_list("state", "reason").order_by("due_at")
    assert list(states) == [(ReminderState.DROPPED, "answered")] * 3


def test_a_bilan_that_was_returned_is_no_longer_asked_for(case: Case) -> None:
    case.enter()
    bilan = Bilan.objects.start(case.referral, BilanKind.FINAL, case.receiving, NOW)
    bilan.hand_in(case.receiving, NOW)
    assert settled(case, ReminderKind.BILAN_DUE, case.reminder(ReminderKind.BILAN_DUE).due_at) == "returned"


def test_an_entry_is_not_asked_about_before_the_rendezvous(case: Case) -> None:
    case.accept()
    Referral.objects.update(appointment_at=NOW + dt.timedelta(days=40))
    assert settled(case, ReminderKind.ENTRY_TO_CONFIRM, case.reminder(ReminderKind.ENTRY_TO_CONFIRM).due_at) == "moved"


@pytest.mark.parametrize(
    ("kind", "days"),
    [(ReminderKind.UNANSWERED, 15), (ReminderKind.ENTRY_TO_CONFIRM, 31), (ReminderKind.ANSWERED, 31)],
)
def test_a_reminder_that_comes_too_late_is_dropped_as_stale(case: Case, kind: ReminderKind, days: int) -> None:
    if kind != ReminderKind.UNANSWERED:
        case.accept()
    number = 2 if kind == ReminderKind.UNANSWERED else 0
    assert settled(case, kind, case.reminder(kind, number).due_at + dt.timedelta(days=days), number) == "stale"


def test_after_three_weeks_without_a_worker_only_the_last_reminder_of_a_series_leaves(case: Case) -> None:
    later = NOW + dt.timedelta(days=21)
    while Settler(lambda: later).settle_batch():
        continue
    assert [case.dropped(ReminderKind.UNANSWERED, n) for n in range(3)] == ["superseded", "superseded", ""]
    assert sorted(Message.objects.values_list("letter", flat=True).order_by("letter")) == [
        "referral_received",
        "referral_unanswered",
        "referral_unanswered_sender",
    ]


def test_a_fiche_is_announced_until_it_closes_without_an_answer_and_no_later(case: Case) -> None:
    closing = case.reminder(ReminderKind.EXPIRY).due_at
    assert settled(case, ReminderKind.SENT, closing) == "past"
    assert settled(case, ReminderKind.EXPIRY_NOTICE, closing) == "past"
    announced = case.reminder(ReminderKind.SENT)
    Reminder.objects.filter(pk=announced.pk).update(state=ReminderState.PLANNED, reason="", done_at=None)
    assert told(settle(Reminder.objects.get(pk=announced.pk), closing - dt.timedelta(minutes=1))) == [
        ("referral_received", "alire@example.org")
    ]


def test_after_forty_days_without_a_worker_a_fiche_is_announced_no_more_and_both_hear_that_it_is_closed(
    case: Case,
) -> None:
    later = NOW + dt.timedelta(days=40)
    while Settler(lambda: later).settle_batch():
        continue
    assert case.dropped(ReminderKind.SENT) == "past"
    assert sorted(Message.objects.values_list("letter", flat=True).order_by("letter")) == [
        "referral_expired_receiver",
        "referral_expired_sender",
    ]


def test_a_structure_without_any_address_is_told_apart(case: Case) -> None:
    Membership.objects.filter(structure=case.receiver).delete()
    case.receiver.email = ""
    case.receiver.save()
    assert case.when_due(ReminderKind.SENT) == []
    assert case.dropped(ReminderKind.SENT) == "no_address"


def test_a_reminder_settled_twice_makes_its_letter_once(case: Case) -> None:
    reminder = case.reminder(ReminderKind.SENT)
    stale_copy = Reminder.objects.get(pk=reminder.pk)
    assert len(settle(reminder, reminder.due_at)) == 1
    assert settle(stale_copy, reminder.due_at) == []
    assert Message.objects.count() == 1


def test_a_fiche_taken_back_and_sent_again_the_same_day_is_recalled_all_the_same(case: Case) -> None:
    case.referral.recall(case.sending, NOW + dt.timedelta(minutes=1))
    case.referral.send(
        case.sending, NOW + dt.timedelta(minutes=2), consent_how=ConsentHow.ORAL, consent_scope=EVERYTHING
    )
    assert told(case.when_due(ReminderKind.UNANSWERED)) == [("referral_unanswered", "alire@example.org")]


def test_a_letter_kept_waiting_is_no_longer_true_once_the_fiche_is_answered(case: Case) -> None:
    message = case.when_due(ReminderKind.SENT)[0]
    assert overtaken(message, NOW) == ""
    case.accept()
    assert overtaken(Message.objects.get(pk=message.pk), NOW) == "answered"


# What leaves, and to whom


def test_a_fiche_is_announced_to_the_address_of_its_action_else_to_that_of_its_structure(case: Case) -> None:
    assert told(case.when_due(ReminderKind.SENT)) == [("referral_received", "alire@example.org")]
    case.action.email = "ateliers@example.org"
    case.action.save()
    assert told(case.when_due(ReminderKind.UNANSWERED)) == [("referral_unanswered", "ateliers@example.org")]


def test_members_who_receive_are_written_to_where_the_structure_has_no_address(case: Case) -> None:
    case.receiver.email = ""
    case.receiver.save()
    a_member(case.receiver, Role.PRESCRIBER, email="autre@example.org")
    a_member(case.receiver, Role.RECEIVER, email="parti@example.org", is_active=False)
    messages = case.when_due(ReminderKind.SENT)
    assert [message.to_user for message in messages] == [case.receiving.user]
    assert messages[0].to == messages[0].to_user.email  # type: ignore[union-attr] # just seen to be there


def test_the_answer_goes_to_the_member_who_sent_the_fiche(case: Case) -> None:
    case.accept()
    messages = case.when_due(ReminderKind.ANSWERED)
    assert told(messages) == [("referral_accepted", "camille@example.org")]
    assert messages[0].to_user == case.camille


def test_the_answer_goes_to_the_structure_once_the_member_has_left_it(case: Case) -> None:
    Membership.objects.filter(user=case.camille).update(is_active=False)
    case.accept()
    assert told(case.when_due(ReminderKind.ANSWERED)) == [("referral_accepted", "ml@example.org")]


@pytest.mark.parametrize(
    ("act", "kind", "expected"),
    [
        (
            lambda case: case.referral.waitlist(case.receiving, NOW),
            ReminderKind.ANSWERED,
            [("referral_waitlisted", "camille@example.org")],
        ),
        (
            lambda case: case.referral.decline(case.receiving, NOW, reason=Reason.NO_PLACE),
            ReminderKind.ANSWERED,
            [("referral_declined", "camille@example.org")],
        ),
        (
            lambda case: case.referral.redirect(
                case.receiving, NOW, to=an_action(case.receiver, themes=[NeedTheme.DIGITAL])
            ),
            ReminderKind.ANSWERED,
            [("referral_redirected", "camille@example.org")],
        ),
        (
            lambda case: (case.accept(), case.referral.miss(case.receiving, NOW, reason=Reason.NO_SHOW)),
            ReminderKind.MISSED,
            [("referral_missed", "camille@example.org")],
        ),
        (
            lambda case: (case.accept(), case.referral.cancel(case.sending, NOW, reason=Reason.FOUND_JOB)),
            ReminderKind.CANCELLED,
            [("referral_cancelled", "alire@example.org")],
        ),
        (
            lambda case: (
                case.enter(),
                Bilan.objects.start(case.referral, BilanKind.FINAL, case.receiving, NOW).hand_in(case.receiving, NOW),
            ),
            ReminderKind.BILAN_RETURNED,
            [("bilan_returned", "camille@example.org")],
        ),
        (lambda case: case.accept(), ReminderKind.ENTRY_TO_CONFIRM, [("entry_to_confirm", "alire@example.org")]),
    ],
)
def test_each_deed_is_told_to_the_one_it_concerns(
    case: Case, act: Callable[[Case], Any], kind: ReminderKind, expected: list[tuple[str, str]]
) -> None:
    act(case)
    assert told(case.when_due(kind)) == expected


def test_an_unanswered_fiche_is_recalled_three_times_and_the_last_time_its_sender_knows(case: Case) -> None:
    subjects = []
    for number in range(3):
        messages = case.when_due(ReminderKind.UNANSWERED, number)
        subjects.append(messages[0].subject)
    assert len(set(subjects)) == 3
    assert told(messages) == [
        ("referral_unanswered", "alire@example.org"),
        ("referral_unanswered_sender", "camille@example.org"),
    ]
    tiers = Event.objects.filter(kind=EventKind.REMINDED).order_by("id").values_list("data__tier", flat=True)
    assert list(tiers) == [0, 1, 2]


def test_after_thirty_days_the_fiche_closes_by_itself_and_both_are_told(case: Case) -> None:
    case.when_due(ReminderKind.EXPIRY)
    case.referral.refresh_from_db()
    assert case.referral.state == State.EXPIRED
    assert told(case.when_due(ReminderKind.EXPIRED)) == [
        ("referral_expired_receiver", "alire@example.org"),
        ("referral_expired_sender", "camille@example.org"),
    ]


def test_a_late_bilan_is_recalled_three_times_and_the_last_time_the_sender_may_fill_it_in(case: Case) -> None:
    case.enter()
    for number in range(3):
        messages = case.when_due(ReminderKind.BILAN_DUE, number)
    assert told(messages) == [("bilan_due", "alire@example.org"), ("bilan_missing", "camille@example.org")]


# The six-month check


def test_the_person_is_asked_by_email_when_that_is_their_safe_channel(case: Case) -> None:
    case.leave()
    message = case.when_due(ReminderKind.SIX_MONTHS)[0]
    followup = FollowUp.objects.get()
    assert (message.to, message.letter, message.holds_link) == (case.person.email, "six_months", True)
    token = re.search(rf"{settings.SITE_URL}/s/([\w-]+)/", message.body_text)
    assert token is not None
    assert (followup.state, followup.links.get().token_hash) == (FollowUpState.ASKED, hash_token(token[1]))
    assert Event.objects.filter(kind=EventKind.FOLLOWUP_ASKED).count() == 1
    words = message.subject + message.body_text + message.body_html
    assert not [word for word in (*SECRETS, "Alire", "Mission locale", "Ateliers", "R-") if word in words]


@pytest.mark.parametrize(
    "values", [{"contact_channel": ContactChannel.SMS}, {"contact_channel": ContactChannel.CALL}, {"email": ""}]
)
def test_the_person_is_called_when_email_is_not_safe_or_not_known(case: Case, values: dict[str, str]) -> None:
    case.leave()
    Person.objects.update(**values)
    assert case.when_due(ReminderKind.SIX_MONTHS) == []
    assert case.reminder(ReminderKind.SIX_MONTHS).state == ReminderState.DONE
    assert list(FollowUp.objects.to_call()) == [FollowUp.objects.get(state=FollowUpState.TO_CALL)]


def test_a_check_already_answered_is_not_asked_again(case: Case) -> None:
    case.leave()
    FollowUp.objects.get().answer(case.receiving, NOW, situation="job")
    assert case.when_due(ReminderKind.SIX_MONTHS) == []
    assert case.dropped(ReminderKind.SIX_MONTHS) == "answered"


@pytest.mark.django_db(transaction=True)
def test_the_person_is_called_when_their_address_is_refused_and_the_link_is_forgotten(
    case: Case, smtp: Any, smtp_server: Any, monkeypatch: Any
) -> None:
    case.leave()
    monkeypatch.setattr(smtp_server.handler, "refused", {case.person.email: "550 unknown"})
    due_at = case.reminder(ReminderKind.SIX_MONTHS).due_at
    drain(lambda: due_at)
    assert Message.objects.get(letter="six_months").body_text == ""
    assert FollowUp.objects.get().state == FollowUpState.TO_CALL


# What no letter says


def addressed(case: Case) -> str:
    """The address that the letter about a new fiche leads to."""
    message = case.when_due(ReminderKind.SENT)[0]
    found = re.search(rf"{settings.SITE_URL}(/\S+)", message.body_text)
    assert found is not None
    assert f'href="{settings.SITE_URL}{found[1]}"' in message.body_html
    assert message.holds_link == found[1].startswith("/f/")
    return found[1]


def test_a_letter_to_an_address_without_an_account_carries_a_link_of_its_own(case: Case) -> None:
    token = addressed(case).removeprefix("/f/").removesuffix("/")
    link = Link.objects.get()
    assert (link.token_hash, link.referral, link.structure) == (hash_token(token), case.referral, case.receiver)
    message = case.when_due(ReminderKind.UNANSWERED)[0]
    assert message.holds_link
    assert token not in message.body_text
    assert "sans compte" in message.body_text
    assert Link.objects.count() == 2


def test_a_member_of_the_structure_gets_the_ordinary_address(case: Case) -> None:
    a_member(case.receiver, Role.RECEIVER, email="Alire@example.org")
    assert addressed(case) == f"/fiches/{case.referral.reference}/"
    assert not Link.objects.exists()


def test_a_structure_reached_through_its_members_gets_the_ordinary_address(case: Case) -> None:
    case.receiver.email = ""
    case.receiver.save()
    assert addressed(case) == f"/fiches/{case.referral.reference}/"


def test_the_account_of_another_structure_is_none_here(case: Case) -> None:
    a_member(case.sender, Role.RECEIVER, email="alire@example.org")
    assert addressed(case).startswith("/f/")


def test_a_structure_that_sends_to_itself_gets_the_ordinary_address(case: Case) -> None:
    case.referral = a_sent(an_action(case.sender), case.sending)
    assert addressed(case) == f"/fiches/{case.referral.reference}/"


@pytest.mark.parametrize("name", ["cancelled", "declined"])
def test_a_letter_that_asks_for_nothing_carries_no_link(case: Case, name: str) -> None:
    case.when_due(ReminderKind.SENT)
    links = Link.objects.count()
    if name == "cancelled":
        case.referral.cancel(case.sending, NOW, reason=Reason.MISTAKE)
        messages = case.when_due(ReminderKind.CANCELLED)
    else:
        case.referral.decline(case.receiving, NOW, reason=Reason.NO_PLACE)
        messages = case.when_due(ReminderKind.ANSWERED)
    assert [message.holds_link for message in messages] == [False]
    assert Link.objects.count() == links


def test_a_new_link_goes_to_the_address_that_is_known_while_the_fiche_awaits_something(case: Case) -> None:
    later = NOW + dt.timedelta(hours=1)
    case.when_due(ReminderKind.SENT)
    assert Link.objects.ask(case.referral.reference, later)
    messages = case.when_due(ReminderKind.LINK)
    assert told(messages) == [("new_link", "alire@example.org")]
    assert messages[0].holds_link
    again = later + deadlines.LINK_PAUSE
    assert Link.objects.ask(case.referral.reference, again)
    Reminder.objects.filter(kind=ReminderKind.LINK).update(state=ReminderState.DONE, done_at=again)
    case.referral.decline(case.receiving, again, reason=Reason.NO_PLACE)
    assert settled(case, ReminderKind.LINK, again, 1) == "closed"


@pytest.mark.django_db(transaction=True)
def test_the_link_is_kept_nowhere_once_its_letter_has_left(case: Case, smtp: Any) -> None:
    drain(lambda: NOW + dt.timedelta(hours=1))
    found = re.search(r"/f/([\w-]+)/", smtp.to("alire@example.org")[0].get_body(("plain",)).get_content())
    assert found is not None
    message = Message.objects.get()
    assert (message.body_text, message.body_html) == ("", "")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM referrals_link t WHERE t::text LIKE %s", [f"%{found[1]}%"])
        assert cursor.fetchone() == (0,)


def every_letter(case: Case) -> dict[str, emails.Letter]:
    """Each letter, in the state of the fiche in which it is the longest."""
    referral = case.referral
    received = emails.referral_received(referral)
    rows = [
        Appointment(referral=referral, number=1, at=NOW, place="3 rue Verte", state=state)
        for state in (AppointmentState.PLANNED, AppointmentState.EXCUSED, AppointmentState.ABSENT)
    ]
    unanswered = [emails.referral_unanswered(referral, tier) for tier in range(3)]
    awaited = [
        emails.referral_acknowledged(referral),
        emails.referral_escalated(referral),
        emails.referral_expiring_receiver(referral),
        emails.referral_expiring_sender(referral),
    ]
    questions = [
        emails.question_asked(referral),
        *[emails.question_waiting(referral, tier) for tier in range(2)],
        emails.question_answered(referral),
        emails.question_unanswered(referral),
        emails.referral_assigned(referral),
    ]
    case.enter()
    referral.session = a_session(case.action, TODAY)
    referral.motive = referral.reason_note = referral.answer_note = referral.appointment_place = SECRETS[0]
    referral.reason = Reason.NOT_ELIGIBLE
    redirected = emails.referral_redirected(referral)
    referral.advised = [NeedTheme.DIGITAL, NeedTheme.MOBILITY]
    written = [
        received,
        *unanswered,
        *awaited,
        *questions,
        emails.interim_bilan_due(referral),
        emails.exit_due(referral),
        emails.consent_ending(referral),
        emails.retention_near(referral),
        emails.referral_cancelled(referral),
        emails.referral_expired_receiver(referral),
        emails.entry_to_confirm(referral),
        emails.new_link(referral),
        *[emails.bilan_due(referral, tier) for tier in range(3)],
        emails.referral_accepted(referral),
        emails.referral_waitlisted(referral),
        emails.referral_declined(referral),
        redirected,
        emails.referral_advised(referral),
        emails.referral_reopened_receiver(referral),
        emails.referral_reopened_sender(referral),
        emails.referral_resumed(referral),
        emails.place_offered(referral, again=True),
        emails.place_passed_sender(referral),
        emails.place_passed_receiver(referral),
        emails.place_confirmed(referral),
        emails.referral_missed(referral),
        emails.referral_unanswered_sender(referral),
        emails.referral_expired_sender(referral),
        emails.bilan_returned(referral),
        emails.bilan_missing(referral),
        emails.report_published(referral),
        emails.posting_resumed(NOW, NOW + dt.timedelta(hours=3), 12, 40, f"{settings.SITE_URL}/exploitation/"),
        emails.actions_to_confirm(referral.receiver, [referral.action] * 12),
        emails.digest([(received.subject, f"{settings.SITE_URL}/fiches/{referral.reference}/")] * 60),
        emails.appointment_missed(rows[1]),
        emails.appointment_missed(rows[2]),
        *[emails.appointment_changed(rows[0], change, to_sender=True) for change in emails.CHANGES],
        *[emails.appointment_changed(rows[1], change, to_sender=False) for change in emails.CHANGES],
        emails.appointment_reminder(rows[0]),
        *[emails.appointment_told(rows[0], change) for change in emails.CHANGES],
        emails.six_months("x" * 43, NOW),
    ]
    return {letter.name: letter for letter in written}


LETTERS = sorted(
    name
    for name, found in vars(emails).items()
    if callable(found) and found.__module__ == emails.__name__ and not name.startswith("_") and name != "Letter"
)


WITHOUT_LINK = ("appointment_told", "appointment_reminder")
"""Letters to the person, who has no account."""


def test_every_letter_is_looked_at(case: Case) -> None:
    assert sorted(every_letter(case)) == LETTERS


@pytest.mark.parametrize("name", LETTERS)
def test_no_letter_says_who_the_person_is(case: Case, name: str) -> None:
    letter = every_letter(case)[name]
    everything = " ".join([letter.subject, letter.body_text, letter.body_html]).lower()
    assert not [secret for secret in SECRETS if secret.lower() in everything]
    assert len(letter.subject) < 78
    assert not re.search(r"[\r\n]", letter.subject)


@pytest.mark.parametrize("name", LETTERS)
def test_each_letter_reads_well_in_text_and_in_html(case: Case, name: str) -> None:
    letter = every_letter(case)[name]
    assert letter.body_text.startswith("Bonjour,")
    assert not re.search(r"&#|&amp;|&quot;|<p>|\n{4}| [:;?!»]|« ", letter.body_text)
    assert not re.search(r"https?://(?!localhost)", letter.body_html)
    assert not re.search(r" [;?!»]|« ", letter.body_html.partition("<body>")[2])
    link = re.search(rf"{settings.SITE_URL}/\S+", letter.body_text)
    if name in WITHOUT_LINK:
        assert link is None
        return
    assert link is not None
    assert f'href="{link[0]}"' in letter.body_html
    if name not in ("six_months", "actions_to_confirm", "report_published", "digest", "posting_resumed"):
        assert case.referral.reference in letter.subject
        opens_files = name != "referral_escalated"
        assert link[0].endswith(f"/fiches/{case.referral.reference}/" if opens_files else "/statistiques/")


LINKED = [
    "referral_received",
    "referral_expiring_receiver",
    "interim_bilan_due",
    "exit_due",
    "referral_unanswered",
    "referral_expired_receiver",
    "place_confirmed",
    "place_passed_receiver",
    "question_answered",
    "question_unanswered",
    "entry_to_confirm",
    "bilan_due",
]


@pytest.mark.parametrize("name", [*LINKED, "new_link"])
def test_each_letter_reads_well_with_a_link(case: Case, name: str) -> None:
    key = Key("t" * 43, NOW + dt.timedelta(days=30))
    case.enter()
    tier = [0] if name in ("referral_unanswered", "bilan_due") else []
    letter = getattr(emails, name)(case.referral, *tier, key)
    assert letter.holds_link
    assert f"{settings.SITE_URL}/f/{key.token}/" in letter.body_text
    assert "jusqu’au 17 déc. 2026" in letter.body_text
    assert "connecté(e)" not in letter.body_text + letter.body_html
    assert f"/fiches/{case.referral.reference}" not in letter.body_text + letter.body_html
    assert not re.search(r"&#|&amp;|&quot;|<p>|\n{4}| [:;?!»]|« ", letter.body_text)


def test_what_is_typed_by_others_is_escaped_in_html_and_not_in_text(case: Case) -> None:
    case.referral.action.name = "Lire & <b>écrire</b>"
    letter = emails.referral_received(case.referral)
    assert "Lire & <b>écrire</b>" in letter.body_text
    assert "Lire &amp; &lt;b&gt;écrire&lt;/b&gt;" in letter.body_html


@pytest.mark.django_db(transaction=True)
def test_no_log_line_and_no_journal_line_names_the_person_over_the_whole_path(
    case: Case, smtp: Any, smtp_server: Any, monkeypatch: Any, caplog: Any
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setattr(smtp_server.handler, "refusal", "451 zephyrine.quetzalcoatl@example.org later")
    case.leave()
    moments = Reminder.objects.filter(state=ReminderState.PLANNED).order_by("due_at").values_list("due_at", flat=True)
    for moment in list(moments):
        drain(functools.partial(dt.datetime.fromtimestamp, moment.timestamp(), dt.UTC))
    ours = [record for record in caplog.records if record.name.startswith(("worker", "referrals"))]
    logged = "\n".join(record.getMessage() for record in ours)
    journal = str(list(Event.objects.order_by("id").values_list("data", flat=True)))
    assert "was not posted" in logged
    assert not [secret for secret in SECRETS if secret in logged + journal]


def test_a_message_id_is_always_the_same_and_hides_the_address(case: Case) -> None:
    reminder = case.reminder(ReminderKind.SENT)
    first = message_id(reminder, "referral_received", "Alire@example.org")
    assert first == message_id(reminder, "referral_received", "alire@example.org")
    assert first != message_id(reminder, "referral_received", "ml@example.org")
    assert "alire" not in first.lower()
    assert len(first) <= 120


def test_the_delays_are_those_of_the_table(case: Case) -> None:
    days = [timezone.localdate(case.reminder(ReminderKind.UNANSWERED, n).due_at) for n in range(3)]
    assert days == [deadlines.add_working_days(TODAY, n) for n in deadlines.UNANSWERED_WORKING_DAYS]
