"""« À faire aujourd’hui » : each queue holds what it says, and nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from accounts.models import User
from referrals.models import Bilan, BilanKind, ContactChannel, Exit, ExitKind, Person, Positioning, Referral
from referrals.models.replanning import set_rule
from referrals.permissions import Door
from referrals.policies import PolicyKind, Rule
from referrals.queues import BY_KEY, REDIRECTED_WITHIN, count_queues, late, queues_of, unanswered_late
from referrals.states import AppointmentState, Reason
from referrals.views.home import SHOWN, list_url
from structures.models import Action, Structure
from structures.vocabulary import ActionShape, NeedTheme, Role
from tests.territory import NOW, TODAY, a_draft, a_member, a_need, a_person, a_sent, a_session, a_structure, an_action

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
HOME = reverse("referrals:home")


@pytest.fixture(autouse=True)
def frozen() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


class Stage:
    """Two structures, a member of each, and an action of the receiver."""

    def __init__(self) -> None:
        self.sender, self.receiver = a_structure("Envoi"), a_structure("Accueil")
        self.prescriber = a_member(self.sender, Role.PRESCRIBER)
        self.trainer = a_member(self.receiver, Role.RECEIVER)
        self.out, self.into = Door.of(self.prescriber), Door.of(self.trainer)
        self.action = an_action(self.receiver)

    def sent(self, ago: dt.timedelta = DAY, action: Action | None = None, theme: NeedTheme | None = None) -> Referral:
        person = a_person(self.out.actor, NOW - ago)
        needs = [a_need(person, self.out.actor, theme)] if theme else []
        return a_sent(action or self.action, self.out.actor, person, NOW - ago, needs=needs)

    def entered(self, action: Action | None = None, due: dt.date = TODAY, ago: dt.timedelta = 20 * DAY) -> Referral:
        referral = self.sent(ago, action)
        referral.accept(self.into.actor, NOW - ago)
        referral.enter(self.into.actor, NOW - ago, on=TODAY - ago, bilan_due_on=due)
        return referral

    def returned(self, referral: Referral, at: dt.datetime = NOW) -> None:
        bilan = Bilan.objects.start(referral, BilanKind.FINAL, self.into.actor, at, on=at.date())
        assert bilan.hand_in(self.into.actor, at)


@pytest.fixture
def stage(frozen: None) -> Stage:
    return Stage()


def held(door: Door, key: str) -> list[str]:
    return [row.reference for row in BY_KEY[key].rows(door, NOW)]


def get(client: Client, user: User, url: str = HOME) -> str:
    client.force_login(user)
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def test_someone_without_a_structure_is_told_whom_to_ask(client: Client) -> None:
    user = User.objects.create_user("seule@example.org")
    page = get(client, user)
    assert "aucune structure" in page
    assert "seule@example.org" in page


def test_a_coordinator_is_led_to_the_figures_and_sees_no_file(client: Client, stage: Stage) -> None:
    referral = stage.sent(10 * DAY)
    coordinator = a_member(stage.sender, Role.COORDINATOR)
    page = get(client, coordinator)
    assert referral.person.full_name not in page
    assert reverse("reporting:dashboard") in page


def test_a_prescriber_with_nothing_yet_learns_the_first_gesture(client: Client, stage: Stage) -> None:
    page = get(client, stage.prescriber)
    assert "Commencez par une personne" in page
    assert reverse("referrals:person_create") in page


def test_a_receiver_with_nothing_yet_is_not_offered_to_record_a_person(client: Client, stage: Stage) -> None:
    page = get(client, stage.trainer)
    assert "Aucune fiche reçue" in page
    assert reverse("referrals:person_create") not in page


def test_once_everything_is_done_the_page_says_so(client: Client, stage: Stage) -> None:
    a_person(stage.out.actor)
    assert "Rien à faire aujourd’hui" in get(client, stage.prescriber)


def test_the_fiches_to_answer_come_oldest_first_and_only_to_their_receiver(client: Client, stage: Stage) -> None:
    recent, old = stage.sent(DAY), stage.sent(9 * DAY)
    stranger = a_member(a_structure("Ailleurs"), Role.RECEIVER, Role.PRESCRIBER)
    assert held(stage.into, "a-repondre") == [old.reference, recent.reference]
    page = get(client, stage.trainer)
    assert page.index(old.reference) < page.index(recent.reference)
    assert old.reference not in get(client, stranger)
    assert "Réponses à donner" not in get(client, stage.prescriber)


def test_a_manager_sees_both_sides(client: Client, stage: Stage) -> None:
    manager = a_member(stage.receiver, Role.MANAGER)
    received = stage.sent()
    own = a_draft(stage.action, Door.of(manager).actor)
    page = get(client, manager)
    assert received.reference in page
    assert own.reference in page


def test_a_queue_is_cut_and_leads_to_the_whole_of_itself(client: Client, stage: Stage) -> None:
    for number in range(SHOWN + 2):
        stage.sent((number + 1) * DAY)
    page = get(client, stage.trainer)
    assert page.count("Répondre<") == SHOWN
    assert escape(list_url(BY_KEY["a-repondre"])) in page
    assert f"Voir les {SHOWN + 2} fiches" in page


def test_every_queue_counts_exactly_the_rows_of_the_list_it_leads_to(client: Client, stage: Stage) -> None:
    manager = a_member(stage.receiver, Role.MANAGER, Role.PRESCRIBER)
    everything = Door.of(manager)
    stage.sent(9 * DAY)
    stage.entered(due=TODAY - DAY)
    a_sent(stage.action, everything.actor, a_person(everything.actor), NOW - 9 * DAY)
    a_draft(stage.action, everything.actor)
    counts = count_queues(everything, queues_of(everything), NOW)
    assert {key for key, count in counts.items() if count} >= {"a-repondre", "bilans", "sans-reponse", "brouillons"}
    client.force_login(manager)
    for queue in queues_of(everything):
        response = client.get(list_url(queue))
        assert response.context["total"] == counts[queue.key], queue.key


@pytest.mark.parametrize(
    ("days", "appointment", "expected"),
    [(10, -DAY, True), (10, DAY, False), (15, None, True), (3, None, False)],
)
def test_an_entry_is_to_be_confirmed_once_its_day_is_past(
    stage: Stage, days: int, appointment: dt.timedelta | None, expected: bool
) -> None:
    referral = stage.sent(days * DAY)
    at = NOW + appointment if appointment else None
    referral.accept(stage.into.actor, NOW - days * DAY, appointment_at=at)
    if expected and at is not None:
        assert held(stage.into, "entrees") == [], "whether the person came is asked first"
        referral.appointments.get().close(AppointmentState.CAME, stage.into.actor, NOW)
    assert bool(held(stage.into, "entrees")) is expected


def test_an_entry_waits_for_the_start_of_its_session(stage: Stage) -> None:
    started, coming = a_session(stage.action, TODAY), a_session(stage.action, TODAY + DAY)
    first, second = stage.sent(), stage.sent()
    first.accept(stage.into.actor, NOW, session=started)
    second.accept(stage.into.actor, NOW, session=coming)
    assert held(stage.into, "entrees") == [first.reference]


def test_a_positionnement_is_to_be_done_until_it_is_recorded(stage: Stage) -> None:
    action = an_action(stage.receiver, shape=ActionShape.POSITIONING, scales=["cria"])
    referral = stage.sent(5 * DAY, action)
    referral.accept(stage.into.actor, NOW - 4 * DAY, appointment_at=NOW + DAY)
    assert held(stage.into, "positionnements") == [referral.reference]
    row = referral.meet(stage.into.actor, NOW, at=NOW - DAY, minutes=60)
    assert held(stage.into, "positionnements") == [], "it stands in the queue of the rendez-vous to settle"
    row.close(AppointmentState.CAME, stage.into.actor, NOW)
    assert held(stage.into, "positionnements") == [referral.reference]
    assert held(stage.into, "entrees") == []
    Positioning.objects.record(referral, stage.into.actor, NOW, on=TODAY, levels={"oral": 2})
    assert held(stage.into, "positionnements") == []


def test_a_bilan_is_due_a_week_before_its_day_and_no_longer_once_returned(stage: Stage) -> None:
    far = stage.entered(due=TODAY + 8 * DAY)
    near = stage.entered(due=TODAY + 7 * DAY)
    assert held(stage.into, "bilans") == [near.reference]
    stage.returned(near)
    assert held(stage.into, "bilans") == []
    assert held(stage.into, "sorties") == [near.reference]
    assert far.reference not in held(stage.into, "sorties")


def test_an_exit_recorded_leaves_the_queue_and_a_call_asked_for_enters_another(stage: Stage) -> None:
    referral = stage.entered()
    stage.returned(referral)
    row = Exit.objects.record(referral, stage.into.actor, NOW, on=TODAY, kind=ExitKind.CDI)
    assert held(stage.into, "sorties") == []
    assert held(stage.into, "appels-recus") == []
    row.followups.get().put_on_call_list()
    Person.objects.update(contact_channel=ContactChannel.CALL)
    assert (held(stage.into, "appels-recus"), held(stage.out, "appels")) == ([referral.reference], [])
    Person.objects.update(contact_channel=ContactChannel.PRESCRIBER)
    assert (held(stage.into, "appels-recus"), held(stage.out, "appels")) == ([], [referral.reference])


def test_the_button_of_a_call_leads_to_the_six_month_check(client: Client, stage: Stage) -> None:
    referral = stage.entered()
    row = Exit.objects.record(referral, stage.into.actor, NOW, on=TODAY, kind=ExitKind.CDI)
    row.followups.get().put_on_call_list()
    Person.objects.update(contact_channel=ContactChannel.CALL)
    assert reverse("referrals:followup_detail", args=[row.followups.get().pk]) in get(client, stage.trainer)


def test_answers_and_bilans_are_news_for_a_week(stage: Stage) -> None:
    fresh, stale = stage.sent(20 * DAY), stage.sent(20 * DAY)
    fresh.accept(stage.into.actor, NOW - 6 * DAY)
    stale.accept(stage.into.actor, NOW - 8 * DAY)
    assert held(stage.out, "reponses") == [fresh.reference]
    fresh.enter(stage.into.actor, NOW - 6 * DAY, on=TODAY - 6 * DAY)
    stage.returned(fresh, NOW - 2 * DAY)
    assert held(stage.out, "bilans-recus") == [fresh.reference]


def test_a_declined_fiche_is_to_be_redirected_while_its_need_stands_alone(stage: Stage) -> None:
    referral = stage.sent(5 * DAY, theme=NeedTheme.FRENCH)
    referral.decline(stage.into.actor, NOW - DAY, reason=Reason.NO_PLACE)
    assert held(stage.out, "a-reorienter") == [referral.reference]
    other = a_draft(stage.action, stage.out.actor, referral.person, needs=referral.needs.all())
    assert held(stage.out, "a-reorienter") == []
    other.cancel(stage.out.actor, NOW, reason=Reason.MISTAKE)
    assert held(stage.out, "a-reorienter") == [referral.reference], "a draft thrown away changes nothing"
    for need in referral.needs.all():
        need.close(stage.out.actor, NOW)
    assert held(stage.out, "a-reorienter") == []


def test_a_fiche_closed_three_months_ago_is_no_longer_to_be_redirected(stage: Stage) -> None:
    referral = stage.sent(220 * DAY, theme=NeedTheme.FRENCH)
    referral.decline(stage.into.actor, NOW - REDIRECTED_WITHIN, reason=Reason.NO_PLACE)
    assert held(stage.out, "a-reorienter") == []
    recent = stage.sent(220 * DAY, theme=NeedTheme.FRENCH)
    recent.decline(stage.into.actor, NOW - REDIRECTED_WITHIN + DAY, reason=Reason.NO_PLACE)
    assert held(stage.out, "a-reorienter") == [recent.reference]


def test_of_two_fiches_for_one_need_only_the_last_closed_is_to_be_redirected(stage: Stage) -> None:
    first = stage.sent(9 * DAY, theme=NeedTheme.FRENCH)
    first.decline(stage.into.actor, NOW - 8 * DAY, reason=Reason.NO_PLACE)
    second = a_sent(stage.action, stage.out.actor, first.person, NOW - 5 * DAY, needs=first.needs.all())
    second.expire(stage.into.actor, NOW - DAY)
    assert held(stage.out, "a-reorienter") == [second.reference]


def test_a_person_who_found_a_job_is_not_to_be_redirected(stage: Stage) -> None:
    referral = stage.sent(5 * DAY, theme=NeedTheme.FRENCH)
    referral.decline(stage.into.actor, NOW - DAY, reason=Reason.FOUND_JOB)
    assert held(stage.out, "a-reorienter") == []


def test_the_button_to_redirect_leads_straight_to_the_suggestions(client: Client, stage: Stage) -> None:
    referral = stage.sent(5 * DAY, theme=NeedTheme.FRENCH)
    referral.decline(stage.into.actor, NOW - DAY, reason=Reason.NO_PLACE)
    assert reverse("referrals:suggestions", args=[referral.person_id]) in get(client, stage.prescriber)


def test_late_in_sql_is_what_the_fiche_itself_calls_late(stage: Stage) -> None:
    rows = [stage.sent(hours * dt.timedelta(hours=7)) for hours in range(1, 40)]
    rows += [stage.entered(due=TODAY + days * DAY) for days in (-1, 0, 1)]
    found = set(Referral.objects.filter(late(NOW)).values_list("reference", flat=True))
    assert found == {row.reference for row in rows if row.is_late(TODAY)}
    assert found
    unanswered = Referral.objects.filter(unanswered_late(NOW)).count()
    assert unanswered == len(found) - 1


def test_late_in_sql_follows_the_rule_of_the_action_then_of_its_structure(stage: Stage) -> None:
    quick, slow, silent = (an_action(stage.receiver) for _ in range(3))
    rules: list[tuple[Action | None, bool, tuple[int, ...]]] = [
        (None, True, (5, 9)),
        (quick, True, (1,)),
        (slow, True, (40,)),
        (silent, False, (2,)),
    ]
    for action, is_on, delays in rules:
        set_rule(stage.receiver, action, PolicyKind.UNANSWERED, Rule(PolicyKind.UNANSWERED, is_on, delays, 14), NOW)
    elsewhere = an_action(a_structure("Ailleurs"))
    rows = [
        stage.sent(hours * dt.timedelta(hours=11), action)
        for action in (stage.action, quick, slow, silent, elsewhere)
        for hours in (1, 4, 6, 8, 11, 13, 15, 17, 19, 120, 140)
    ]
    found = set(Referral.objects.filter(unanswered_late(NOW)).values_list("reference", flat=True))
    assert found == {row.reference for row in rows if row.is_late(TODAY)}
    counts = [sum(row.reference in found for row in rows if row.action == action) for action in (quick, silent, slow)]
    assert counts == [10, 7, 1], "a rule without letters still says until when one waits"


def test_the_lists_show_late_by_the_rules_of_the_structure(client: Client, stage: Stage) -> None:
    for kind, delay in ((PolicyKind.UNANSWERED, 9), (PolicyKind.ENTRY, 4)):
        set_rule(stage.receiver, None, kind, Rule(kind, True, (delay,), 14), NOW)
    patient, late_one = stage.sent(10 * DAY), stage.sent(20 * DAY)
    expected = stage.sent(20 * DAY)
    expected.accept(stage.into.actor, NOW - 9 * DAY, appointment_at=NOW - 4 * DAY)
    client.force_login(stage.trainer)
    page = client.get(reverse("referrals:referral_list"), {"onglet": "recues"})
    shown = {row["reference"]: row["late"] for row in page.context["rows"]}
    assert shown == {patient.reference: False, late_one.reference: True, expected.reference: False}
    sections = {section["queue"].key: section["rows"] for section in client.get(HOME).context["sections"]}
    assert {row["reference"]: row["late"] for row in sections["a-repondre"]} == {
        patient.reference: False,
        late_one.reference: True,
    }


def test_the_number_of_queries_does_not_grow_with_the_number_of_fiches(client: Client, stage: Stage) -> None:
    client.force_login(stage.trainer)
    stage.sent(9 * DAY)
    client.get(HOME)
    with CaptureQueriesContext(connection) as few:
        client.get(HOME)
    for _ in range(20):
        stage.sent(9 * DAY)
    with CaptureQueriesContext(connection) as many:
        client.get(HOME)
    assert len(many) == len(few)


def test_the_home_page_asks_as_many_queries_with_one_queue_as_with_many(client: Client, stage: Stage) -> None:
    client.force_login(stage.trainer)
    # The ranks on the waiting lists are one query more, asked where somebody waits.
    stage.sent(9 * DAY).waitlist(stage.into.actor, NOW)
    client.get(HOME)
    with CaptureQueriesContext(connection) as one:
        client.get(HOME)
    for _ in range(3):
        stage.sent(9 * DAY).waitlist(stage.into.actor, NOW)
    stage.sent(9 * DAY)
    stage.sent(20 * DAY).accept(stage.into.actor, NOW - 15 * DAY)
    with CaptureQueriesContext(connection) as several:
        page = client.get(HOME)
    assert len(page.context["sections"]) == 3
    assert len(several) == len(one)


def test_the_navigation_says_how_many_fiches_await_an_answer(client: Client, stage: Stage) -> None:
    stage.sent()
    stage.sent()
    assert '<span class="nav-count">2' in get(client, stage.trainer, reverse("referrals:person_list"))
    assert "nav-count" not in get(client, stage.prescriber, reverse("referrals:person_list"))


class TestSwitch:
    """From one structure to another."""

    @pytest.fixture
    def both(self, client: Client) -> tuple[Structure, Structure]:
        first, second = a_structure("Alpha"), a_structure("Bêta")
        user = a_member(first, Role.PRESCRIBER)
        user.memberships.create(structure=second, roles=[Role.PRESCRIBER])
        client.force_login(user)
        return first, second

    def post(self, client: Client, structure: object, following: str) -> str:
        response = client.post(reverse("referrals:switch_structure"), {"structure": str(structure), "next": following})
        assert response.status_code == 302
        return response["Location"]

    @pytest.mark.parametrize("structure", ["", "n’importe quoi"])
    def test_an_unknown_structure_is_not_found(self, client: Client, both: object, structure: str) -> None:
        assert client.post(reverse("referrals:switch_structure"), {"structure": structure}).status_code == 404

    def test_a_structure_of_others_is_not_found(self, client: Client, both: object) -> None:
        foreign = a_structure("Gamma")
        response = client.post(reverse("referrals:switch_structure"), {"structure": str(foreign.pk)})
        assert response.status_code == 404

    def test_a_get_changes_nothing(self, client: Client, both: object) -> None:
        assert client.get(reverse("referrals:switch_structure")).status_code == 405

    @pytest.mark.parametrize("following", ["https://example.com/", "//example.com/", "fiches/", "/inconnu/", ""])
    def test_an_address_elsewhere_or_unknown_leads_home(
        self, client: Client, both: tuple[Structure, Structure], following: str
    ) -> None:
        assert self.post(client, both[1].pk, following) == HOME

    def test_the_list_stays_and_a_person_of_the_former_structure_does_not(
        self, client: Client, both: tuple[Structure, Structure]
    ) -> None:
        listing = reverse("referrals:person_list")
        assert self.post(client, both[1].pk, listing) == listing
        assert client.get(HOME).wsgi_request.door.structure == both[1]  # type: ignore[attr-defined]
        person = reverse("referrals:suggestions", args=["00000000-0000-4000-8000-000000000000"])
        assert self.post(client, both[0].pk, person) == HOME
