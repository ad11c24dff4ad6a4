"""Structures are asked to confirm their actions: by letter, rarely, and on the home page of their managers."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from referrals import freshness
from referrals.freshness import ask_structures
from referrals.models import Message
from referrals.models.message import MessageState
from referrals.models.replanning import set_rule
from referrals.policies import PolicyKind, Rule
from structures.models import Action, Membership, Structure
from structures.models.action import FRESH, REST
from structures.vocabulary import Role
from tests.smtp_server import Inbox
from tests.territory import NOW, TODAY, a_member, a_structure, an_action
from tests.worker.letters import a_letter
from worker.drain import drain
from worker.schedule import SCHEDULE
from worker.tasks import ask_to_confirm

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
OLD = TODAY - FRESH - DAY


def managed(name: str = "Alire", **values: Any) -> Any:
    """A structure with a manager."""
    structure = a_structure(name, **values)
    a_member(structure, Role.MANAGER, email=f"{name.lower()}@example.org")
    return structure


def working(days: int) -> dt.datetime:
    """That many days later, or the next working day."""
    found = NOW + dt.timedelta(days=days)
    while not freshness.deadlines.is_working_day(timezone.localdate(found)):
        found += DAY
    return found


# Who is not asked


@pytest.mark.parametrize(
    "values",
    [
        {"confirmed_on": TODAY - FRESH},
        {"paused_until": TODAY + DAY},
        {"is_published": False},
    ],
)
def test_an_action_that_is_fresh_paused_or_withdrawn_asks_for_nothing(values: dict[str, Any]) -> None:
    an_action(managed(), **{"confirmed_on": OLD} | values)
    assert ask_structures(NOW) == 0
    assert not Message.objects.exists()


def test_a_structure_that_switched_this_rule_off_is_not_asked() -> None:
    structure = managed()
    an_action(structure, confirmed_on=OLD)
    rule = Rule(PolicyKind.CATALOGUE, False, (), 30)
    set_rule(structure, None, PolicyKind.CATALOGUE, rule, NOW)
    assert ask_structures(NOW) == 0
    set_rule(structure, None, PolicyKind.CATALOGUE, None, NOW)
    assert ask_structures(NOW) == 1


def test_the_letter_waits_for_the_hours_of_the_structure() -> None:
    structure = managed()
    Structure.objects.filter(pk=structure.pk).update(letters_from=dt.time(14))
    an_action(structure, confirmed_on=OLD)
    ask_structures(NOW)
    assert Message.objects.get().not_before == dt.datetime(2026, 11, 17, 13, 0, tzinfo=dt.UTC)


def test_a_structure_that_has_no_active_manager_is_never_written_to() -> None:
    nobody, receiver, gone, closed = (a_structure() for _ in range(4))
    a_member(receiver, Role.RECEIVER, Role.PRESCRIBER)
    a_member(gone, Role.MANAGER)
    Membership.objects.filter(structure=gone).update(is_active=False)
    a_member(closed, Role.MANAGER, is_active=False)
    for structure in (nobody, receiver, gone, closed):
        an_action(structure, confirmed_on=OLD)
    assert ask_structures(NOW) == 0


def test_nobody_is_written_to_on_a_sunday_or_a_public_holiday() -> None:
    an_action(managed(), confirmed_on=OLD)
    assert ask_structures(dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)) == 0
    assert ask_structures(dt.datetime(2026, 12, 25, 9, tzinfo=dt.UTC)) == 0
    assert ask_structures(NOW) == 1


# The letter


def test_one_letter_names_all_the_stale_actions_to_the_structure_s_own_address() -> None:
    structure = managed(email="accueil@example.org")
    an_action(structure, "Ateliers", confirmed_on=OLD)
    an_action(structure, "Jardin")
    an_action(structure, "Fraîche", confirmed_on=TODAY)
    assert ask_structures(NOW) == 1
    letter = Message.objects.get()
    assert (letter.to, letter.letter, letter.state) == ("accueil@example.org", "actions_to_confirm", "pending")
    assert letter.subject == "Vos actions dans Relais\u00a0: sont-elles à jour\u202f?"
    for body in (letter.body_text, letter.body_html):
        assert "Ateliers" in body
        assert "Jardin" in body
        assert "Fraîche" not in body
        assert "/actions/gestion/nos-actions/?etat=a-confirmer" in body


def test_a_long_list_is_cut_and_counted() -> None:
    structure = managed()
    for number in range(13):
        an_action(structure, f"Action {number:02d}", confirmed_on=OLD)
    ask_structures(NOW)
    text = Message.objects.get().body_text
    assert "Action 09" in text
    assert "Action 10" not in text
    assert "Et 3 autres." in text


def test_without_an_address_of_its_own_each_manager_is_written_to() -> None:
    structure = managed("Alire", email="")
    a_member(structure, Role.MANAGER, email="b@example.org")
    a_member(structure, Role.RECEIVER, email="c@example.org")
    an_action(structure, confirmed_on=OLD)
    ask_structures(NOW)
    assert set(Message.objects.values_list("to", flat=True)) == {"alire@example.org", "b@example.org"}


# How often


def test_a_second_pass_on_the_same_day_writes_nothing() -> None:
    an_action(managed(), confirmed_on=OLD)
    assert (ask_structures(NOW), ask_structures(NOW)) == (1, 0)
    assert Message.objects.count() == 1


def test_the_same_letter_written_twice_stays_one() -> None:
    an_action(managed(), confirmed_on=OLD)
    ask_structures(NOW)
    Action.objects.update(asked_on=None)
    ask_structures(NOW)
    assert Message.objects.count() == 1


def test_an_action_is_asked_about_once_per_six_months_of_staleness() -> None:
    an_action(managed(), confirmed_on=OLD)
    asked = [day for day in range(400) if ask_structures(NOW + dt.timedelta(days=day))]
    assert len(asked) == 3
    assert all(later - sooner > FRESH.days for sooner, later in itertools.pairwise(asked))


def test_another_action_that_gets_stale_waits_until_the_structure_had_thirty_days_of_rest() -> None:
    structure = managed()
    an_action(structure, confirmed_on=OLD)
    an_action(structure, confirmed_on=OLD + dt.timedelta(days=10))
    asked = [day for day in range(60) if ask_structures(NOW + dt.timedelta(days=day))]
    assert len(asked) == 2
    assert asked[0] == 0
    assert REST.days <= asked[1] <= REST.days + 3


def test_confirming_stops_it_and_six_months_later_it_starts_again() -> None:
    structure = managed()
    action = an_action(structure, confirmed_on=OLD)
    ask_structures(NOW)
    action.confirm(None, NOW, TODAY + dt.timedelta(days=1))
    assert ask_structures(working(REST.days + 1)) == 0
    assert ask_structures(working(FRESH.days + 5)) == 1


def test_asking_changes_neither_the_version_nor_the_history_of_an_action() -> None:
    action = an_action(managed(), confirmed_on=OLD)
    ask_structures(NOW)
    again = Action.objects.get(pk=action.pk)
    assert (again.updated_at, again.asked_on) == (action.updated_at, TODAY)
    assert not again.changes.exists()


def test_a_pass_is_bounded_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "MOST_STRUCTURES", 2)
    for number in range(3):
        an_action(managed(f"s{number}"), confirmed_on=OLD)
    assert [ask_structures(NOW), ask_structures(NOW), ask_structures(NOW)] == [2, 1, 0]


def test_the_worker_makes_the_pass_every_day() -> None:
    assert SCHEDULE["ask_to_confirm"]["task"] == ask_to_confirm.name
    assert SCHEDULE["ask_to_confirm"]["schedule"].day_of_week == set(range(7))


# The home page


def home(structure: Any, *roles: Role) -> str:
    client = Client()
    client.force_login(a_member(structure, *roles))
    return client.get("/").content.decode()


def test_the_actions_to_confirm_stand_on_the_manager_s_home_page_and_on_nobody_else_s() -> None:
    structure = a_structure()
    today = timezone.localdate()
    an_action(structure, "Vieille", confirmed_on=today - FRESH - DAY)
    an_action(structure, "Fraîche", confirmed_on=today)
    page = home(structure, Role.MANAGER)
    assert "Actions à confirmer" in page
    assert "Vieille" in page
    assert "Fraîche" not in page
    assert "Actions à confirmer" not in home(structure, Role.PRESCRIBER, Role.RECEIVER)
    assert "Actions à confirmer" not in home(a_structure(), Role.MANAGER)


def test_a_long_queue_leads_to_its_list() -> None:
    structure = a_structure()
    for _ in range(7):
        an_action(structure)
    page = home(structure, Role.MANAGER)
    assert "Voir les 7 actions" in page
    assert "/actions/gestion/nos-actions/?etat=a-confirmer" in page


def test_the_catalogue_marks_what_nobody_confirmed() -> None:
    structure = a_structure()
    today = timezone.localdate()
    an_action(structure, "Jamais", slug="jamais")
    client = Client()
    client.force_login(a_member(structure))
    assert "Jamais vérifiée par la structure" in client.get("/actions/").content.decode()
    assert "Jamais vérifiée" in client.get("/actions/jamais/").content.decode()
    Action.objects.update(confirmed_on=today - FRESH - DAY)
    assert "Pas vérifiée depuis" in client.get("/actions/").content.decode()
    Action.objects.update(confirmed_on=today)
    assert "vérifiée" not in client.get("/actions/").content.decode()


# A letter that a mail server keeps waiting


@pytest.mark.parametrize("email", ["", "maison@example.org"])
@pytest.mark.parametrize("verb", ["confirm", "pause", "withdraw"])
def test_a_letter_that_waits_is_withdrawn_once_nothing_is_left_to_confirm(verb: str, email: str) -> None:
    structure = managed(email=email)
    actions = [an_action(structure, confirmed_on=OLD) for _ in range(2)]
    other = managed("Cria", email=email)
    an_action(other, confirmed_on=OLD)
    ask_structures(NOW)
    letter, others = (Message.objects.get(body_text__contains=name) for name in ("Alire", "Cria"))
    for action in actions:
        assert freshness.overtaken(letter, NOW) == ""
        if verb == "confirm":
            action.confirm(None, NOW, TODAY)
        elif verb == "pause":
            action.pause(None, NOW, TODAY + DAY * 30)
        else:
            action.rewrite(None, NOW, is_published=False)
    assert freshness.overtaken(letter, NOW) == "confirmed"
    assert freshness.overtaken(others, NOW) == ""


def test_other_letters_to_the_same_address_are_left_alone() -> None:
    structure = managed(email="accueil@alire.example.org")
    assert freshness.overtaken(a_letter(structure.email), NOW) == ""


@pytest.mark.django_db(transaction=True)
def test_mail_that_was_down_while_a_structure_confirmed_asks_it_nothing(smtp: Inbox) -> None:
    action = an_action(managed(), confirmed_on=OLD)
    ask_structures(NOW)
    action.confirm(None, NOW, TODAY)
    later = NOW + dt.timedelta(hours=2)
    assert drain(lambda: later).posted.withdrawn == 1
    assert (Message.objects.get().state, Message.objects.get().error) == (MessageState.CANCELLED, "confirmed")
    assert smtp == []
