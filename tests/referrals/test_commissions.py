"""The commission de suivi: what stands on its agenda, who reads which of it, what is decided, and what comes of it."""

from __future__ import annotations

import datetime as dt
import io
import re
import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pypdf import PdfReader
from pypdf.generic import BooleanObject

from referrals import agenda
from referrals.agenda import LINES, MOST, agenda_of
from referrals.minutes import PROTECTED, PROTECTED_TITLE
from referrals.models import (
    Bilan,
    BilanKind,
    Commission,
    CommissionItem,
    CommissionState,
    CommissionTask,
    Event,
    EventKind,
    Exit,
    ItemKind,
    Referral,
    Situation,
)
from referrals.states import Reason
from structures.vocabulary import NeedTheme, Quartier, Role
from tests.referrals.stage import Stage, session_of
from tests.territory import (
    NOW,
    TODAY,
    a_door,
    a_member,
    a_need,
    a_person,
    a_sent,
    a_session,
    a_structure,
    an_action,
)

DAY = dt.timedelta(days=1)


def found(kind: ItemKind, now: dt.datetime = NOW) -> list[tuple[str, dt.date]]:
    """What one line of the agenda says: references and days."""
    line = next(line for line in LINES if line.kind == kind)
    return [(one.referral.reference, one.since) for one in line.situations(now) if one.referral and one.since]


class Field:
    """A sender and a receiver whose fiches each test brings as far as it needs."""

    def __init__(self) -> None:
        self.sender, self.receiver = a_door(a_structure("Mission locale")), a_door(a_structure("Alire"))
        self.action = an_action(self.receiver.structure)

    def sent(self, ago: int, **values: Any) -> Referral:
        at = NOW - ago * DAY
        action = values.pop("action", self.action)
        return a_sent(
            action, self.sender.actor, values.pop("person", None) or a_person(self.sender.actor, at), at, **values
        )

    def accepted(self, ago: int, **values: Any) -> Referral:
        fiche = self.sent(ago + 1, **values)
        fiche.accept(self.receiver.actor, NOW - ago * DAY)
        return fiche

    def entered(self, ago: int, **values: Any) -> Referral:
        fiche = self.accepted(ago + 1, **values)
        fiche.enter(self.receiver.actor, NOW - ago * DAY, on=TODAY - ago * DAY)
        return fiche

    def bilan(self, fiche: Referral, ago: int, *recommended: NeedTheme) -> None:
        at = NOW - ago * DAY
        row = Bilan.objects.start(fiche, BilanKind.FINAL, self.receiver.actor, at, recommended=list(recommended))
        row.hand_in(self.receiver.actor, at)


@pytest.fixture
def field(db: None) -> Field:
    return Field()


# Each line of the agenda, counted by hand


def test_a_fiche_is_unanswered_once_its_three_working_days_are_over(field: Field) -> None:
    late = field.sent(7)
    field.sent(3)
    asked = field.sent(8)
    asked.ask(field.receiver.actor, NOW - 7 * DAY, question="A-t-elle le permis ?")
    assert found(ItemKind.UNANSWERED) == [(late.reference, TODAY - 7 * DAY)]


def test_a_fiche_waits_too_long_from_its_sixtieth_day_on_a_list(field: Field) -> None:
    rows = {}
    for ago in (59, 60, 90):
        rows[ago] = field.sent(ago + 1)
        rows[ago].waitlist(field.receiver.actor, NOW - ago * DAY)
    assert found(ItemKind.WAITING) == [
        (rows[90].reference, TODAY - 90 * DAY),
        (rows[60].reference, TODAY - 60 * DAY),
    ]


def test_an_accepted_fiche_without_an_entry_is_lost_unless_something_is_still_to_come(field: Field) -> None:
    lost = field.accepted(30)
    field.accepted(29)
    field.accepted(40, session=a_session(field.action, TODAY + 5 * DAY))
    met = field.sent(41)
    met.accept(field.receiver.actor, NOW - 40 * DAY, appointment_at=NOW + DAY)
    assert found(ItemKind.NOT_ENTERED) == [(lost.reference, TODAY - 30 * DAY)]


def test_a_bilan_is_overdue_once_its_last_recall_brought_nothing(field: Field) -> None:
    due = 12 * 7
    late, back = field.entered(due + 11), field.entered(due + 11)
    field.entered(due + 10)
    field.bilan(back, 1)
    assert found(ItemKind.BILAN_OVERDUE) == [(late.reference, TODAY - 11 * DAY)]


def test_a_bilan_that_recommends_something_is_lost_when_no_fiche_follows_within_thirty_days(field: Field) -> None:
    lost, recent, nothing, chained, forgotten = (field.entered(300) for _ in range(5))
    field.bilan(lost, 30, NeedTheme.DIGITAL)
    field.bilan(recent, 29, NeedTheme.DIGITAL)
    field.bilan(nothing, 40)
    field.bilan(chained, 40, NeedTheme.DIGITAL)
    field.bilan(forgotten, 183, NeedTheme.DIGITAL)
    for fiche in (lost, recent, nothing, chained, forgotten):
        Exit.objects.record(fiche, field.receiver.actor, NOW - 20 * DAY, on=TODAY - 20 * DAY, kind="cdi")
    field.sent(10, person=chained.person)
    assert found(ItemKind.NOT_CHAINED) == [(lost.reference, TODAY - 30 * DAY)]


def test_a_fiche_closed_without_an_entry_is_lost_when_nothing_was_tried_for_its_need_in_two_weeks(field: Field) -> None:
    def sent(ago: int) -> Referral:
        person = a_person(field.sender.actor, NOW - ago * DAY)
        return field.sent(ago, person=person, needs=[a_need(person, field.sender.actor)])

    def declined(ago: int, reason: Reason = Reason.NO_PLACE) -> Referral:
        fiche = sent(ago + 1)
        fiche.decline(field.receiver.actor, NOW - ago * DAY, reason=reason)
        return fiche

    lost, sent_again, elsewhere, met = (declined(ago) for ago in (14, 20, 15, 20))
    declined(13)
    declined(93)
    declined(20, Reason.FOUND_JOB)
    field.sent(15, person=sent_again.person, needs=list(sent_again.needs.order_by("pk")))
    field.sent(10, person=elsewhere.person, needs=[a_need(elsewhere.person, field.sender.actor, NeedTheme.DIGITAL)])
    met.needs.get().close(field.sender.actor, NOW)
    redirected = sent(21)
    redirected.advise(field.receiver.actor, NOW - 20 * DAY, themes=[NeedTheme.DIGITAL])
    assert found(ItemKind.NOT_REDIRECTED) == [
        (redirected.reference, TODAY - 20 * DAY),
        (elsewhere.reference, TODAY - 15 * DAY),
        (lost.reference, TODAY - 14 * DAY),
    ]


def test_a_six_month_question_stands_still_thirty_days_after_its_day(field: Field) -> None:
    rows = [field.entered(300) for _ in range(3)]
    for fiche in rows:
        Exit.objects.record(fiche, field.receiver.actor, NOW - 250 * DAY, on=TODAY - 250 * DAY, kind="cdi")
    asked, called, answered = (fiche.followups.get() for fiche in rows)
    asked.ask(field.receiver.actor, NOW - 60 * DAY)
    called.put_on_call_list()
    answered.ask(field.receiver.actor, NOW - 60 * DAY)
    answered.answer(field.sender.actor, NOW - 50 * DAY, situation="job")
    due = asked.due_on
    assert sorted(found(ItemKind.FOLLOWUP)) == sorted((fiche.reference, due) for fiche in rows[:2])
    assert not found(ItemKind.FOLLOWUP, NOW - (TODAY - due - 30 * DAY))


def test_an_unmet_need_is_told_from_five_people_on_and_rounded_down(field: Field) -> None:
    def unmet(theme: NeedTheme, people: int, quartier: str = "") -> None:
        for _ in range(people):
            person = a_person(field.sender.actor, quartier=quartier)
            a_need(person, field.sender.actor, theme).note_match("no_offer")

    unmet(NeedTheme.FRENCH, 7, Quartier.NORD)
    unmet(NeedTheme.FRENCH, 4, Quartier.VIENNE)
    unmet(NeedTheme.DIGITAL, 4)
    unmet(NeedTheme.MOBILITY, 5)
    assert [(one.theme, one.figures) for one in agenda.unmet(NOW)] == [
        (NeedTheme.FRENCH, {"at_least": 10, "quartiers": {Quartier.NORD: 5}}),
        (NeedTheme.MOBILITY, {"at_least": 5, "quartiers": {}}),
    ]
    assert not agenda.unmet(NOW + 366 * DAY)


def test_the_agenda_costs_one_query_a_line_and_stops_at_the_oldest(field: Field) -> None:
    fiches = [field.sent(7 + number) for number in range(MOST + 1)]
    with CaptureQueriesContext(connection) as queries:
        situations = agenda_of(NOW)
    assert len(queries) == len(LINES) + 1
    assert [one.referral for one in situations] == fiches[:0:-1]


# A commission and its people


class Table:
    """A held commission around two fiches: one between two ordinary structures, one to a protected one."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.now, self.today = self.stage.now, self.stage.today
        self.protected = a_structure("CIDFF 41", is_sensitive=True)
        self.hidden_action = an_action(self.protected, "Accompagnement des femmes")
        self.hidden = a_sent(
            self.hidden_action, self.stage.sends, a_person(self.stage.sends, self.now, last_name="Cachée"), self.now
        )
        self.city = a_door(a_structure("Ville de Blois"), Role.COORDINATOR)
        assert self.city.structure is not None
        self.situations = [
            Situation(ItemKind.UNANSWERED, referral=self.stage.referral, since=self.today - 9 * DAY),
            Situation(ItemKind.WAITING, referral=self.hidden, since=self.today - 70 * DAY),
            Situation(ItemKind.UNMET, theme=NeedTheme.FRENCH, figures={"at_least": 10, "quartiers": {"nord": 5}}),
        ]
        made = Commission.objects.prepare(
            self.city.actor,
            self.now,
            on=self.today,
            participants=[self.stage.sender, self.stage.receiver, self.protected],
            situations=self.situations,
        )
        assert made is not None
        self.commission = made
        self.point, self.masked, self.need = made.items.order_by("position")
        self.coordinates = session_of(self.city.user)
        self.at_protected = session_of(a_member(self.protected))

    def hold(self) -> Table:
        assert self.commission.hold(self.city.actor, self.now)
        return self

    def address(self, name: str = "detail", point: CommissionItem | None = None) -> str:
        args = [self.commission.pk] + ([point.pk] if point is not None else [])
        return reverse(f"referrals:commission_{name}", args=args)

    def decide(self, words: str, version: int = 0, client: Client | None = None, **more: Any) -> Any:
        body = {"decision": words, "version": version} | more.pop("body", {})
        return (client or self.coordinates).post(self.address("decide", self.point), body, **more)

    def give(self, point: CommissionItem, **body: Any) -> Any:
        values = {"what": "Rappeler", "to": "receiver", "due_on": (self.today + 7 * DAY).isoformat()} | body
        return self.coordinates.post(self.address("give", point), values)


@pytest.fixture
def table(db: None) -> Table:
    return Table()


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    text: str = response.content.decode()
    return text


def pdf_text(response: Any) -> str:
    reader = PdfReader(io.BytesIO(response.content))
    assert reader.root_object["/MarkInfo"].get_object()["/Marked"] == BooleanObject(True)  # type: ignore[index] # a dictionary
    return "\n".join(page.extract_text() for page in reader.pages)


NAME = "CACHÉE"
"""As pages write a last name."""


@pytest.mark.parametrize("name", ["detail", "print", "pdf"])
def test_who_keeps_the_minutes_reads_no_name_and_nothing_of_a_protected_structure(table: Table, name: str) -> None:
    response = table.hold().coordinates.get(table.address(name))
    text = pdf_text(response) if name == "pdf" else text_of(response)
    fiche = table.stage.referral
    for said in (fiche.reference, "Alire", "Envoyée", table.hidden.reference, PROTECTED, PROTECTED_TITLE, "70 jours"):
        assert said in text, said
    for withheld in (fiche.person.full_name, NAME, table.hidden_action.name, "Attente trop longue"):
        assert withheld not in text, withheld
    # Who takes part is no secret; on the page, a task about an unmet need can be given to any of them.
    assert text.count("CIDFF 41") == (2 if name == "detail" else 1)


@pytest.mark.parametrize("name", ["detail", "print", "pdf"])
def test_a_participant_reads_by_name_its_own_situations_and_no_other(table: Table, name: str) -> None:
    pages = {}
    for who, client in (("receiver", table.stage.at_receiver), ("protected", table.at_protected)):
        response = client.get(table.address(name))
        pages[who] = pdf_text(response) if name == "pdf" else text_of(response)
    mine, theirs = table.stage.referral, table.hidden
    assert mine.person.full_name in pages["receiver"] and mine.reference in pages["receiver"]
    assert theirs.reference not in pages["receiver"] and NAME not in pages["receiver"]
    assert NAME in pages["protected"] and "Attente trop longue" in pages["protected"]
    assert mine.reference not in pages["protected"] and mine.person.full_name not in pages["protected"]
    assert "au moins 10 personnes" in pages["receiver"] and "au moins 10 personnes" in pages["protected"]


def test_the_sender_of_a_fiche_to_a_protected_structure_reads_it_whole(table: Table) -> None:
    page = text_of(table.stage.at_sender.get(table.address()))
    assert NAME in page and "CIDFF 41" in page and PROTECTED not in page


def test_a_stranger_finds_nothing_and_a_participant_writes_nothing(table: Table) -> None:
    table.hold()
    stranger, participant = table.stage.at_stranger, table.stage.at_receiver
    assert stranger.get(table.address()).status_code == 404
    assert stranger.get(table.address("pdf")).status_code == 404
    assert table.decide("Rien", client=stranger).status_code == 404
    assert table.decide("Rien", client=participant).status_code == 403
    hidden = participant.post(table.address("decide", table.masked), {"decision": "Rien", "version": 0})
    assert hidden.status_code == 404, "another's situation does not exist for them"
    another_city = session_of(a_member(a_structure("Agglomération"), Role.COORDINATOR))
    assert another_city.get(table.address()).status_code == 404
    assert not CommissionItem.objects.exclude(decision="").exists()


def test_the_order_of_the_rows_does_not_tell_why_a_protected_situation_stands_there(table: Table) -> None:
    other = a_sent(table.hidden_action, table.stage.sends, a_person(table.stage.sends, table.now), table.now)
    longer = Situation(ItemKind.FOLLOWUP, referral=other, since=table.today - 90 * DAY)
    assert table.commission.refresh([*table.situations[:2], longer], table.now)
    page = text_of(table.coordinates.get(table.address()))
    assert page.index("90 jours") < page.index("70 jours")


# Preparing, holding, closing


def test_a_coordinator_prepares_a_commission_with_a_date_and_its_agenda_makes_itself(table: Table) -> None:
    late = a_sent(table.stage.action, table.stage.sends, a_person(table.stage.sends), table.now - 30 * DAY)
    on = table.today + 10 * DAY
    body = {"on": on.isoformat(), "participants": [table.stage.receiver.pk]}
    response = table.coordinates.post(reverse("referrals:commission_create"), body)
    assert response.status_code == 302
    made = Commission.objects.get(on=on)
    assert response["Location"] == reverse("referrals:commission_detail", args=[made.pk])
    assert list(made.participants.order_by("pk")) == [table.stage.receiver]
    assert late.pk in made.items.order_by("pk").values_list("referral", flat=True)
    assert Event.objects.filter(kind=EventKind.COMMISSION_PREPARED).count() == 2


@pytest.mark.parametrize(
    ("on", "said"),
    [
        ("", "Choisissez une date."),
        ("demain", "Écrivez la date ainsi"),
        (str(dt.date.today() - DAY), "Choisissez une date à venir"),
        (str(dt.date.today() + 400 * DAY), "Choisissez une date à venir"),
        (str(dt.date.today()), "Une commission est déjà prévue ce jour-là."),
    ],
)
def test_a_wrong_date_is_told_next_to_it_and_the_participants_are_kept(table: Table, on: str, said: str) -> None:
    body = {"on": on, "participants": [table.stage.receiver.pk]}
    response = table.coordinates.post(reverse("referrals:commission_create"), body)
    assert response.status_code == 422
    page = response.content.decode()
    assert said in page
    assert re.search(rf"<input[^>]*{table.stage.receiver.pk}[^>]*checked", page)
    assert Commission.objects.count() == 1


def test_the_agenda_follows_the_fiches_until_the_meeting_begins(table: Table) -> None:
    assert table.coordinates.post(table.address("refresh")).status_code == 302
    assert list(table.commission.items.order_by("pk")) == [], "nothing stands still by the real delays"
    table.hold()
    assert not table.commission.refresh(table.situations, table.now)
    assert not table.commission.items.exists()


def test_a_decision_is_noted_during_the_meeting_only(table: Table) -> None:
    assert table.decide("Trop tôt").status_code == 409
    table.hold()
    assert table.decide("À l’heure").status_code == 302
    table.point.refresh_from_db()
    assert (table.point.decision, table.point.version, table.point.decided_by) == ("À l’heure", 1, table.city.user)
    assert table.coordinates.post(table.address("close")).status_code == 302
    late = table.decide("Trop tard", 1)
    assert late.status_code == 409
    table.point.refresh_from_db()
    assert table.point.decision == "À l’heure"
    table.commission.refresh_from_db()
    assert table.commission.state == CommissionState.CLOSED
    assert not table.commission.plan(on=table.today + DAY, participants=[])


def test_what_is_typed_is_saved_on_the_way_and_the_page_gets_the_next_version(table: Table) -> None:
    table.hold()
    saved = table.decide("Rela", headers={"HX-Request": "true"})
    assert saved.status_code == 200 and 'value="1"' in saved.content.decode()
    again = table.decide("Relancer", 1, headers={"HX-Request": "true"})
    assert again.status_code == 200 and 'value="2"' in again.content.decode()
    table.point.refresh_from_db()
    assert table.point.decision == "Relancer"
    assert Event.objects.filter(kind=EventKind.DECIDED, referral=table.stage.referral).count() == 1


def test_a_decision_with_a_social_security_number_is_refused_and_kept_in_the_field(table: Table) -> None:
    table.hold()
    refused = table.decide("Relancer 2 55 08 14 168 025 38")
    assert refused.status_code == 422
    assert "Relancer 2 55 08" in refused.content.decode()
    assert not CommissionItem.objects.exclude(decision="").exists()


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_a_second_person_reads_what_the_first_noted_and_may_replace_it(table: Table, headers: dict[str, str]) -> None:
    table.hold()
    colleague = session_of(a_member(table.city.structure, Role.COORDINATOR, first_name="Léa", last_name="Petit"))
    assert table.decide("Premier texte", client=colleague).status_code == 302
    stale = table.decide("Second texte", 0, headers=headers)
    assert stale.status_code == (422 if headers else 409)
    page = stale.content.decode()
    assert "Premier texte" in page and "Léa Petit" in page
    if not headers:
        assert "Second texte" in page
    table.point.refresh_from_db()
    assert table.point.decision == "Premier texte"
    assert table.decide("Second texte", 0, body={"replace": "1"}).status_code == 302
    table.point.refresh_from_db()
    assert table.point.decision == "Second texte"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_note_at_the_same_moment_one_is_kept_and_the_other_is_told() -> None:
    table = Table().hold()
    barrier = threading.Barrier(2)
    kept: list[bool] = []

    def note(words: str) -> None:
        point = CommissionItem.objects.select_related("commission", "referral").get(pk=table.point.pk)
        barrier.wait()
        kept.append(point.decide(words, table.city.actor, table.now, seen=0))
        connection.close()

    threads = [threading.Thread(target=note, args=[words]) for words in ("Un", "Deux")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kept) == [False, True]
    table.point.refresh_from_db()
    assert table.point.version == 1
    assert Event.objects.filter(kind=EventKind.DECIDED).count() == 1


# Tasks


def test_a_decision_becomes_a_task_on_the_home_page_of_the_structure_in_charge_which_ticks_it(table: Table) -> None:
    table.hold()
    table.decide("Appeler la personne")
    assert table.give(table.point, what="").status_code == 302
    task = CommissionTask.objects.get()
    assert (task.what, task.structure) == ("Appeler la personne", table.stage.receiver)
    home = text_of(table.stage.at_receiver.get("/"))
    assert "Tâches de la commission de suivi" in home and "Appeler la personne" in home
    assert table.stage.referral.person.full_name in home
    assert "Appeler la personne" not in text_of(table.stage.at_stranger.get("/"))
    done = reverse("referrals:task_done", args=[task.pk])
    assert table.stage.at_sender.post(done).status_code == 404
    assert table.stage.at_receiver.post(done).status_code == 302
    task.refresh_from_db()
    assert task.done_at is not None and task.done_by == table.stage.trainer
    assert table.stage.at_receiver.post(done).status_code == 302, "ticked twice, told once"
    assert Event.objects.filter(kind=EventKind.TASK_DONE).count() == 1
    assert "Appeler la personne" not in text_of(table.stage.at_receiver.get("/"))
    assert "fait le" in text_of(table.coordinates.get(table.address()))
    assert table.stage.at_receiver.post(reverse("referrals:task_undone", args=[task.pk])).status_code == 302
    assert "Appeler la personne" in text_of(table.stage.at_receiver.get("/"))


def test_the_coordination_finds_its_own_tasks_on_its_home_page_without_a_name(table: Table) -> None:
    table.hold()
    assert table.give(table.point, to="coordination").status_code == 302
    home = text_of(table.coordinates.get("/"))
    assert "Rappeler" in home and table.stage.referral.reference in home
    assert table.stage.referral.person.full_name not in home


def test_a_task_about_a_fiche_goes_to_its_two_structures_or_the_coordination_only(table: Table) -> None:
    table.hold()
    refused = table.give(table.point, to=str(table.protected.pk))
    assert refused.status_code == 422 and "Rappeler" in refused.content.decode()
    page = text_of(table.coordinates.get(table.address()))
    assert f"{PROTECTED} (accueil)" in page and "CIDFF 41 (accueil)" not in page
    assert table.give(table.masked).status_code == 302
    assert CommissionTask.objects.get().structure == table.protected
    assert f"{PROTECTED}, pour le" in text_of(table.coordinates.get(table.address()))
    assert table.give(table.need, to=str(table.stage.receiver.pk)).status_code == 302


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"what": ""}, "Écrivez ce qui est à faire."),
        ({"to": ""}, "Choisissez qui"),
        ({"due_on": str(dt.date.today() - DAY)}, "Choisissez une date à venir"),
    ],
)
def test_a_task_says_what_who_and_by_when(table: Table, body: dict[str, str], said: str) -> None:
    refused = table.hold().give(table.point, **body)
    assert refused.status_code == 422 and said in refused.content.decode()
    assert not CommissionTask.objects.exists()


def test_a_structure_that_was_given_something_reads_why_though_it_was_not_invited(table: Table) -> None:
    table.hold()
    assert table.commission.plan(on=table.today, participants=[])
    assert table.stage.at_receiver.get(table.address()).status_code == 404
    table.give(table.point)
    assert table.stage.referral.person.full_name in text_of(table.stage.at_receiver.get(table.address()))


# The database and the journal


def test_the_database_refuses_what_is_no_situation(table: Table) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("item_is_a_fiche_or_a_need_of_five_people", {"kind": ItemKind.WAITING, "theme": NeedTheme.FRENCH}),
        ("item_is_a_fiche_or_a_need_of_five_people", {"kind": ItemKind.UNMET, "figures": {"at_least": 10}}),
        (
            "item_is_a_fiche_or_a_need_of_five_people",
            {"kind": ItemKind.UNMET, "theme": NeedTheme.DIGITAL, "figures": {"at_least": 4}},
        ),
        (
            "item_once_per_fiche_and_reason",
            {"kind": ItemKind.UNANSWERED, "referral": table.stage.referral, "since": table.today},
        ),
    ]
    for constraint, values in wrong:
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            CommissionItem.objects.create(commission=table.commission, position=9, **values)
    with pytest.raises(IntegrityError, match="commission_dated_as_its_state_says"), transaction.atomic():
        Commission.objects.filter(pk=table.commission.pk).update(state=CommissionState.CLOSED)


def test_the_journal_holds_no_free_text_of_a_commission(table: Table) -> None:
    table.hold()
    table.decide("Texte libre")
    table.give(table.point, what="Autre texte")
    table.commission.close(table.city.actor, table.now)
    kinds = [EventKind.COMMISSION_HELD, EventKind.DECIDED, EventKind.TASK_GIVEN, EventKind.COMMISSION_CLOSED]
    for kind in kinds:
        assert "exte" not in str(Event.objects.get(kind=kind).data)


def test_the_agenda_costs_the_same_queries_however_many_situations(table: Table) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            text_of(table.coordinates.get(table.address()))
        return len(queries)

    table.hold()
    cost()
    few = cost()
    fiches = [a_sent(table.stage.action, table.stage.sends, None, table.now) for _ in range(8)]
    CommissionItem.objects.fill(
        table.commission, [Situation(ItemKind.BILAN_OVERDUE, referral=one, since=table.today) for one in fiches]
    )
    assert cost() == few


def test_an_empty_list_teaches_each_reader_what_it_is_for(db: None) -> None:
    city = session_of(a_member(a_structure("Ville"), Role.COORDINATOR))
    other = session_of(a_member(a_structure("Autre")))
    assert "Préparez votre première commission" in text_of(city.get(reverse("referrals:commission_list")))
    assert "Aucune commission pour l’instant" in text_of(other.get(reverse("referrals:commission_list")))
    assert other.get(reverse("referrals:commission_create")).status_code == 403
