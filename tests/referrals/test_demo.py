"""The demo once loaded: true to the field, something on every screen, and unable to reach anybody."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections import Counter
from collections.abc import Iterator
from statistics import median
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone
from pypdf import PdfReader

from accounts.models import User
from referrals.deadlines import is_working_day, working_days_between
from referrals.demo.kinds import KINDS
from referrals.demo.logins import MAIN, PASSWORD
from referrals.demo.territory import PERSONS, load
from referrals.documents import Document, bilan_sheet, fiche_sheet, person_sheet
from referrals.models import (
    Attachment,
    Bilan,
    BilanKind,
    Event,
    Exit,
    ExitClass,
    FollowUp,
    FollowUpSituation,
    FollowUpState,
    Message,
    Need,
    Person,
    Positioning,
    Prediagnosis,
    Referral,
    Reminder,
    ReminderKind,
    SessionReport,
)
from referrals.models.session_report import participants
from referrals.permissions import Door
from referrals.queues import count_queues, queues_of
from referrals.states import REASONS, State, UnmetReason, Verb
from structures.models import Action, Membership, Session, Structure
from structures.vocabulary import Role

NOW = dt.datetime(2026, 11, 17, 9, 0, tzinfo=dt.UTC)
"""A Tuesday, ten o'clock in Blois."""


class Undo(Exception):
    """Takes the load back."""


@pytest.fixture(scope="module")
def territory(django_db_setup: None, django_db_blocker: Any) -> Iterator[list[tuple[int, int]]]:
    """The demo, loaded once for all the tests of this module; gives what the progress said."""
    said: list[tuple[int, int]] = []
    with django_db_blocker.unblock(), pytest.raises(Undo), transaction.atomic():
        load(NOW, progress=lambda done, total: said.append((done, total)))
        yield said
        raise Undo


def pages(document: Document) -> int:
    return len(PdfReader(io.BytesIO(document.pdf())).pages)


@pytest.fixture
def demo(territory: list[tuple[int, int]], db: None) -> list[tuple[int, int]]:
    """The demo as one test sees it: what the test writes is taken back."""
    return territory


def test_a_second_load_refuses_in_one_line_and_says_what_to_do(demo, settings) -> None:
    settings.DEMO = True
    with pytest.raises(CommandError) as refused:
        call_command("load_demo")
    assert "bin/run --reset" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert Person.objects.count() == PERSONS


def test_about_two_hundred_persons_and_more_than_twice_as_many_fiches_over_twenty_months(demo) -> None:
    assert 190 <= Person.objects.count() == PERSONS <= 220
    assert 400 <= Referral.objects.count() <= 500
    first, last = Event.objects.order_by("at", "id").first(), Event.objects.order_by("at", "id").last()
    assert first is not None and last is not None
    assert dt.date(2025, 3, 1) <= first.at.date() <= dt.date(2025, 6, 1)
    assert last.at <= NOW
    assert demo[-1] == (PERSONS, PERSONS)


def test_nobody_has_the_name_of_another(demo) -> None:
    names = Counter(Person.objects.order_by("id").values_list("first_name", "last_name"))
    assert names.most_common(1)[0][1] == 1


# Every situation is there


def test_every_state_of_a_fiche_is_there(demo) -> None:
    assert set(Referral.objects.order_by().values_list("state", flat=True).distinct()) == set(State.values)


@pytest.mark.parametrize("verb", list(REASONS))
def test_every_coded_reason_of_a_closing_is_there(demo, verb) -> None:
    state = {Verb.DECLINE: State.DECLINED, Verb.CANCEL: State.CANCELLED, Verb.MISS: State.MISSED}[verb]
    found = Referral.objects.filter(state=state).order_by().values_list("reason", flat=True).distinct()
    assert set(found) == {reason.value for reason in REASONS[verb]}


def test_every_class_of_exit_every_check_and_every_answer_is_there(demo) -> None:
    checks = FollowUp.objects.order_by()
    assert set(Exit.objects.order_by().values_list("exit_class", flat=True)) == set(ExitClass.values)
    assert set(checks.values_list("state", flat=True)) == set(FollowUpState.values)
    assert set(checks.values_list("situation", flat=True)) == {"", *FollowUpSituation.values}
    assert checks.filter(wants_call=True, called_back_at=None).exists()
    assert checks.filter(wants_call=True).exclude(called_back_at=None).exists()


def test_every_kind_of_reminder_of_bilan_and_of_event_is_there(demo) -> None:
    assert set(Reminder.objects.order_by().values_list("kind", flat=True)) == set(ReminderKind.values)
    kinds = set(Bilan.objects.order_by().values_list("kind", "source", "state"))
    assert kinds >= {
        ("positioning", "receiver", "returned"),
        ("intermediate", "receiver", "returned"),
        ("final", "receiver", "returned"),
        ("final", "otherwise", "returned"),
        ("final", "receiver", "draft"),
    }
    assert Referral.objects.filter(opened_by__kind=BilanKind.POSITIONING).exists()
    assert Referral.objects.filter(opened_by__kind=BilanKind.FINAL).exists()
    assert Referral.objects.exclude(redirected_from=None).exists()


def test_needs_stay_without_a_place_for_every_reason(demo) -> None:
    unmet: Any = Need.objects.unmet().order_by()  # annotated with `unmet_reason`, which the model does not know
    assert set(unmet.values_list("unmet_reason", flat=True)) == set(UnmetReason.values)


def test_every_structure_that_offers_something_has_had_fiches(demo) -> None:
    silent = Structure.objects.filter(actions__isnull=False, received_referrals=None).order_by("name").distinct()
    assert {structure.short_name for structure in silent} <= {"Guichet français"}


# True to the field


def test_half_of_the_answers_come_within_about_four_working_days_and_some_take_weeks(demo) -> None:
    rows = Referral.objects.filter(answered_at__isnull=False).order_by("id").values_list("sent_at", "answered_at")
    delays = [working_days_between(timezone.localdate(sent), timezone.localdate(back)) for sent, back in rows]
    assert 3 <= median(delays) <= 5
    assert max(delays) >= 12


def test_chantiers_leave_towards_work_or_training_nearly_as_often_as_the_state_asks(demo) -> None:
    exits = Exit.objects.filter(referral__action__shape="worksite").counted()
    assert exits.count() >= 12
    assert 0.55 <= exits.dynamic().count() / exits.count() <= 0.72


def test_six_in_ten_live_in_the_quartier_prioritaire(demo) -> None:
    assert 0.5 <= Person.objects.filter(quartier="nord").count() / PERSONS <= 0.75


def test_a_minor_s_fiches_were_agreed_by_the_guardian(demo) -> None:
    sent = Referral.objects.sent().select_related("person").order_by("id")
    minors = [one for one in sent if (one.person.age(timezone.localdate(one.created_at)) or 99) < 18]
    assert any(one.action.slug == "alire-jeunes-ueaj" for one in minors)
    assert {one.consent_how for one in minors} == {"guardian"}


def test_what_was_sent_did_fit_on_the_day_unless_it_was_declined_for_that(demo) -> None:
    unfit = Referral.objects.filter(matched__verdict="ineligible")
    assert unfit.exists()
    assert set(unfit.filter(state=State.DECLINED).order_by().values_list("reason", flat=True)) == {
        "not_eligible",
        "out_of_zone",
    }
    assert not Referral.objects.filter(matched={}).exists()
    assert not unfit.filter(state__in=[State.ACCEPTED, State.ENTERED, State.ENDED]).exists()


def test_nobody_works_at_night_or_on_a_public_holiday(demo) -> None:
    staff = Event.objects.filter(user__isnull=False).order_by("id").values_list("at", flat=True)
    odd = [
        at
        for at in map(timezone.localtime, staff)
        if not is_working_day(at.date()) or not 8 <= at.hour + at.minute / 60 <= 19
    ]
    assert odd == []


def test_the_journal_was_written_in_the_order_of_time(demo) -> None:
    last: dict[str, dt.datetime] = {}
    lines = Event.objects.exclude(referral=None).order_by("id")
    for fiche, at in lines.values_list("referral__reference", "at"):
        assert last.get(fiche, at) <= at, fiche
        last[fiche] = at


# The worker's part


def test_nothing_older_than_two_days_waits_for_the_worker_but_something_does(demo) -> None:
    due = Reminder.objects.due(NOW)
    assert 1 <= due.count() <= 40
    assert not due.filter(due_at__lt=NOW - dt.timedelta(days=2)).exists()
    assert Reminder.objects.filter(state="planned", due_at__gt=NOW).exists()
    assert not Message.objects.exists()


# Unable to reach anybody


def test_no_address_is_anybody_s_and_no_number_rings(demo) -> None:
    addresses = [
        *User.objects.order_by("id").values_list("email", flat=True),
        *Person.objects.order_by("id").exclude(email="").values_list("email", flat=True),
        *Structure.objects.order_by("id").exclude(email="").values_list("email", flat=True),
        *Action.objects.order_by("id").exclude(email="").values_list("email", flat=True),
    ]
    assert [address for address in addresses if not address.endswith("@example.org")] == []
    numbers = Person.objects.order_by("id").exclude(phone="").values_list("phone", flat=True)
    assert [number for number in numbers if not re.fullmatch(r"\+3326191\d{4}", str(number))] == []


@pytest.mark.parametrize("model", [Person, Prediagnosis, Need, Referral, Positioning, Bilan, Exit, FollowUp, User])
def test_every_row_passes_its_own_model_s_checks(demo, model) -> None:
    for row in model.objects.order_by("pk"):
        row.full_clean(validate_unique=False, validate_constraints=False)


def test_every_deferred_constraint_of_the_database_holds(demo) -> None:
    connection.check_constraints()


# The logins


@pytest.mark.parametrize("login", MAIN, ids=lambda login: login.name)
def test_a_main_login_opens(demo, login, rf) -> None:
    user = authenticate(rf.get("/"), email=login.email, username=login.email, password=PASSWORD)
    assert user is not None and user.is_active
    assert user.is_superuser == login.is_support


def test_the_logins_are_printed_four_columns_wide_and_nothing_else(demo) -> None:
    out = io.StringIO()
    call_command("load_demo", "--logins", stdout=out)
    rows = [line.split("\t") for line in out.getvalue().splitlines()]
    assert [row[1] for row in rows] == [login.email for login in MAIN]
    assert {len(row) for row in rows} == {4}
    assert {row[2] for row in rows} == {PASSWORD}
    assert [row[3] for row in rows if row[0] == "Deux structures"] == ["Maison de l’Emploi, PLIE"]


CASES = [
    (login.email, membership)
    for login in MAIN
    for membership in login.roles
    if "coordinator" not in login.roles[membership]
]


@pytest.mark.parametrize(("email", "structure"), CASES)
def test_a_main_login_has_something_to_do_today(demo, email, structure) -> None:
    membership = Membership.objects.get(user__email=email, structure__source_id__endswith=f"--{structure}")
    door = Door.of(membership.user, membership.structure_id)
    counts = count_queues(door, queues_of(door), NOW)
    filled = {key for key, count in counts.items() if count}
    assert len(filled) >= 2, counts
    if "receiver" in membership.roles:
        assert filled & {"a-repondre", "entrees", "positionnements"}, counts


def test_each_queue_of_the_home_page_holds_something_for_some_main_login(demo) -> None:
    filled: set[str] = set()
    every: set[str] = set()
    for membership in Membership.objects.filter(user__email__in=[login.email for login in MAIN]):
        door = Door.of(membership.user, membership.structure_id)
        counts = count_queues(door, queues_of(door), NOW)
        every |= set(counts)
        filled |= {key for key, count in counts.items() if count}
    assert every - filled == set()


def test_every_route_leads_to_an_action_of_the_catalogue(demo) -> None:
    slugs = set(Action.objects.order_by("slug").values_list("slug", flat=True))
    assert {slug for kind in KINDS for route in kind.routes for slug in route} - slugs == set()


def test_every_fiche_and_bilan_of_the_demo_fits_on_one_page(demo: list[tuple[int, int]]) -> None:
    doors = {structure.pk: Door(structure=structure, roles=frozenset(Role)) for structure in Structure.objects.all()}
    fiches = Referral.objects.sent().with_everything().order_by("reference")
    long = [row.reference for row in fiches if pages(fiche_sheet(doors[row.sender_id], row, NOW.date())) != 1]
    returned = Bilan.objects.returned().select_related("referral__person", "referral__action").order_by("pk")
    long += [str(row) for row in returned if pages(bilan_sheet(row, NOW.date())) != 1 or pages(person_sheet(row)) != 1]
    assert fiches
    assert returned
    assert not long


def test_some_fiches_bring_a_paper_that_can_be_read(territory: Any) -> None:
    papers = list(Attachment.objects.select_related("referral"))
    assert {paper.kind for paper in papers} == {"cv", "proof"}
    assert len(papers) >= 10
    text = PdfReader(papers[0].path).pages[0].extract_text()
    assert papers[0].referral.reference in text
    assert papers[0].referral.person.last_name not in text


def test_every_session_that_ended_with_participants_has_its_report(territory: Any) -> None:
    long_ago = NOW.date() - dt.timedelta(days=30)
    ended = Session.objects.filter(ends_on__lt=long_ago).order_by("pk")
    due = {session.pk for session in ended if participants(session)}
    published = set(SessionReport.objects.published().values_list("session_id", flat=True))
    assert due
    assert due <= published
