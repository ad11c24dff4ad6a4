"""The history of an action when files and the support staff change it: what was, what is, and who did it."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from structures.exchange.merging import BATCH
from structures.models import Action, ActionChange, ChangeKind, ImportBatch, Session
from structures.models.keeping import differing
from structures.vocabulary import Role
from tests.structures.national import a_service_entry, bring, write_document
from tests.territory import NOW, TODAY, a_batch, a_member, a_session, a_structure, an_action

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(tmp_path: Any) -> Any:
    return tmp_path / "tout.json"


def told() -> list[tuple[str, list[str]]]:
    """Each line of the history: what was done, and to which fields."""
    return [(change.kind, change.fields) for change in ActionChange.objects.order_by("id")]


# National files


def test_what_a_national_file_adds_or_leaves_as_it_is_makes_no_line(path: Any) -> None:
    for _ in range(2):
        bring(write_document(path, [a_service_entry()]))
    assert told() == []


def test_a_new_date_in_the_source_alone_is_no_news(path: Any) -> None:
    bring(write_document(path, [a_service_entry()]))
    bring(write_document(path, [a_service_entry(date_maj="2026-10-01")]))
    assert Action.objects.get().source_updated_on == dt.date(2026, 10, 1)
    assert told() == []


def test_each_action_that_a_national_file_changes_gets_one_line_that_brings_it_back(path: Any) -> None:
    before: dict[str, Any] = {"volume_horaire_hebdomadaire": 12.35, "telephone": "0254000000", "latitude": 47.1}
    after: dict[str, Any] = {"nom": "Autre nom", "publics": ["femmes"], "date_maj": "2026-10-01"}
    bring(write_document(path, [a_service_entry(**before), a_service_entry(id="dora--2")]))
    former = Action.objects.get(source_id="dora--1")
    bring(write_document(path, [a_service_entry(**after), a_service_entry(id="dora--2")]))
    action = Action.objects.get(source_id="dora--1")
    [change] = ActionChange.objects.all()
    assert (change.action, change.kind, change.user, change.at) == (action, ChangeKind.IMPORTED, None, NOW)
    assert change.fields == [
        "criteria", "latitude", "name", "phone", "publics", "source_updated_on", "weekly_hours",
    ]  # fmt: skip
    assert not differing(former, change.before) and not differing(action, change.after)
    user = a_member(action.structure, Role.MANAGER)
    action.undo(change, user, NOW)
    assert not differing(Action.objects.get(pk=action.pk), change.before)


def test_what_a_complete_file_withdraws_and_republishes_is_told(path: Any) -> None:
    both = [a_service_entry(), a_service_entry(id="dora--2")]
    bring(write_document(path, both))
    bring(write_document(path, both[:1]), complete=["dora"])
    bring(write_document(path, both), republish=True)
    changes = ActionChange.objects.order_by("id")
    assert [(one.action.source_id, one.after) for one in changes] == [
        ("dora--2", {"is_published": False}),
        ("dora--2", {"is_published": True}),
    ]


def test_a_dry_run_leaves_no_line(path: Any) -> None:
    bring(write_document(path, [a_service_entry()]))
    bring(write_document(path, [a_service_entry(nom="Autre nom")]), dry_run=True)
    assert told() == []


def test_the_lines_of_a_thousand_actions_cost_the_queries_of_one(path: Any) -> None:
    assert BATCH > 1_000
    counts = []
    for number in (1, 1_000):
        entries = [a_service_entry(id=f"dora--{one}") for one in range(number)]
        bring(write_document(path, entries))
        for entry in entries:
            entry["nom"] = f"Autre nom {number}"
        with CaptureQueriesContext(connection) as queries:
            bring(write_document(path, entries))
        counts.append(sum("actionchange" in query["sql"] for query in queries))
    # The first action changed a second time when the others came in.
    assert ActionChange.objects.count() == 1_002
    # One asks what people changed, one writes.
    assert counts == [2, 2]


# A table of the structure


def a_table(*rows: list[str]) -> list[list[str]]:
    return [["Nom", "Places", "Début de session", "Besoins couverts"], *rows]


def imported(table: list[list[str]], structure: Any, user: User) -> ImportBatch:
    batch = a_batch(structure, NOW, table)
    batch.import_rows(NOW, batch.plan().digest(), user=user)
    return batch


def test_a_table_signs_what_it_changes_and_what_its_undoing_brings_back() -> None:
    structure = a_structure()
    user = a_member(structure, Role.MANAGER)
    action = an_action(structure, "Atelier", places=5, confirmed_on=TODAY)
    session = a_session(action, dt.date(2027, 1, 12), places=5)
    batch = imported(a_table(["Atelier", "9", "12/01/2027", ""], ["Nouveau", "3", "", "Mobilité"]), structure, user)
    imported_line, dated = ActionChange.objects.order_by("id")
    assert (imported_line.kind, imported_line.user) == (ChangeKind.IMPORTED, user)
    assert (imported_line.before, imported_line.after) == ({"places": 5}, {"places": 9})
    assert (dated.kind, dated.before["places"], dated.after["places"]) == (ChangeKind.SESSION_CHANGED, 5, 9)
    batch.undo(NOW, user=user)
    session.refresh_from_db()
    assert session.places == 5
    assert told()[2:] == [
        (ChangeKind.SESSION_CHANGED, dated.fields),
        (ChangeKind.UNDONE, ["places"]),
    ]
    assert not Action.objects.filter(name="Nouveau").exists()


def test_a_session_that_a_table_adds_is_told_and_its_undoing_too() -> None:
    structure = a_structure()
    user = a_member(structure, Role.MANAGER)
    an_action(structure, "Atelier", confirmed_on=TODAY)
    imported(a_table(["Atelier", "", "12/01/2027", ""]), structure, user).undo(NOW, user=user)
    assert [kind for kind, _ in told()] == [ChangeKind.SESSION_ADDED, ChangeKind.SESSION_REMOVED]


# The support staff


@pytest.fixture
def staff(client: Any) -> Any:
    client.force_login(User.objects.create_superuser("aide@example.org"))
    return client


def drawn(staff: Any, address: str, **changes: Any) -> dict[str, Any]:
    """What a page of the staff posts as it is drawn, with some controls changed."""
    page = staff.get(address)
    data: dict[str, Any] = {}
    forms = [page.context["adminform"].form]
    for formset in (inline.formset for inline in page.context["inline_admin_formsets"]):
        forms += [formset.management_form, *formset.forms]
    for form in forms:
        values = {bound.html_name: bound.value() for bound in form}
        data |= {name: value for name, value in values.items() if value is not None and value is not False}
    return data | changes


def test_what_the_staff_changes_of_an_action_and_of_its_sessions_stands_in_the_history(staff: Any) -> None:
    action = an_action(a_structure(), "Atelier", phone="+33254000000")
    kept, gone = a_session(action, TODAY, code="A"), a_session(action, TODAY, code="B")
    other = a_structure("Ailleurs")
    address = reverse("admin:structures_action_change", args=[action.pk])
    changes = {
        "name": "Atelier du soir", "structure": other.pk,
        "sessions-0-places": "8", "sessions-1-DELETE": "on",
    }  # fmt: skip
    answer = staff.post(address, drawn(staff, address, **changes))
    assert answer.status_code == 302
    lines = {change.kind: change for change in ActionChange.objects.all()}
    user = User.objects.get()
    assert {one.user for one in lines.values()} == {user}
    assert lines[ChangeKind.REWRITTEN].after == {"name": "Atelier du soir", "structure_id": str(other.pk)}
    assert (lines[ChangeKind.SESSION_CHANGED].before["code"], lines[ChangeKind.SESSION_REMOVED].before["code"]) == (
        "A", "B",
    )  # fmt: skip
    kept.refresh_from_db()
    assert kept.places == 8 and not Session.objects.filter(pk=gone.pk).exists()
    action.refresh_from_db()
    action.undo(lines[ChangeKind.REWRITTEN], user, NOW)
    action.refresh_from_db()
    assert (action.name, action.structure) != ("Atelier du soir", other)


def test_what_the_staff_leaves_as_it_is_makes_no_line(staff: Any) -> None:
    action = an_action(a_structure(), phone="+33254000000", weekly_hours="2.50", criteria=[])
    a_session(action, TODAY)
    address = reverse("admin:structures_action_change", args=[action.pk])
    assert staff.post(address, drawn(staff, address)).status_code == 302
    assert told() == []


def test_an_action_that_the_staff_writes_begins_its_history(staff: Any) -> None:
    structure = a_structure()
    address = reverse("admin:structures_action_add")
    values = {
        "structure": structure.pk, "slug": "cours", "source_id": "cours", "name": "Cours", "description": "Un cours.",
        "themes": ["french"], "criteria": "[]",
    }  # fmt: skip
    assert staff.post(address, drawn(staff, address, **values)).status_code == 302
    assert told() == [(ChangeKind.CREATED, ["name"])]


def test_a_session_that_the_staff_adds_changes_or_removes_is_told(staff: Any) -> None:
    action = an_action(a_structure())
    add = reverse("admin:structures_session_add")
    values = {"action": action.pk, "code": "A", "starts_on": "2027-01-12"}
    assert staff.post(add, drawn(staff, add, **values)).status_code == 302
    session = Session.objects.get()
    change = reverse("admin:structures_session_change", args=[session.pk])
    assert staff.post(change, drawn(staff, change, places="7")).status_code == 302
    staff.post(reverse("admin:structures_session_delete", args=[session.pk]), {"post": "yes"})
    a_session(action, TODAY)
    data = {"action": "delete_selected", "_selected_action": [Session.objects.get().pk], "post": "yes"}
    staff.post(reverse("admin:structures_session_changelist"), data)
    assert not Session.objects.exists()
    assert [kind for kind, _ in told()] == [
        ChangeKind.SESSION_ADDED, ChangeKind.SESSION_CHANGED, ChangeKind.SESSION_REMOVED, ChangeKind.SESSION_REMOVED,
    ]  # fmt: skip


def test_the_history_reads_the_same_from_python_and_from_a_national_file(path: Any) -> None:
    bring(write_document(path, [a_service_entry(), a_service_entry(id="dora--2")]))
    one, other = Action.objects.order_by("source_id")
    one.rewrite(None, NOW, name="Autre nom", weekly_hours="2.50", weeks=4)
    changed = {"nom": "Autre nom", "volume_horaire_hebdomadaire": 2.5, "nombre_semaines": 4}
    bring(write_document(path, [a_service_entry(**changed), a_service_entry(id="dora--2", **changed)]))
    [by_hand, by_file] = ActionChange.objects.order_by("id")
    assert (by_hand.action, by_file.action) == (one, other)
    assert by_hand.fields == by_file.fields
    for change in (by_hand, by_file):
        assert not differing(Action.objects.get(pk=one.pk), change.after)
    assert DjangoJSONEncoder().encode(by_hand.before) == DjangoJSONEncoder().encode(by_file.before)


# Bringing back what a line replaced


PAGE = "/actions/cours/modifier/"


def restorable(client: Any) -> list[str]:
    """The addresses of the « Rétablir » buttons of the page, the latest line first."""
    history = client.get(PAGE).content.decode().partition("titre-historique")[2]
    return re.findall(r'action="(/actions/cours/annuler/\d+/)"', history)


@pytest.fixture
def managed(client: Any) -> Any:
    action = an_action(a_structure(), "Avant", slug="cours", places=5, phone="+33254000000", confirmed_on=TODAY)
    client.force_login(a_member(action.structure, Role.MANAGER))
    return action


def test_what_a_file_replaced_in_any_field_is_brought_back_in_one_press(managed: Any, client: Any) -> None:
    criteria = [{"kind": "age", "need": "required", "min": 16}]
    values = {"name": "Après", "places": 9, "phone": "", "criteria": criteria, "is_published": False}
    managed._alter(ChangeKind.IMPORTED, None, NOW, values)
    [address] = restorable(client)
    page = client.post(address, follow=True).content.decode()
    assert "C’est annulé" in page
    managed.refresh_from_db()
    assert (managed.name, managed.places, str(managed.phone)) == ("Avant", 5, "+33254000000")
    assert (managed.criteria, managed.is_published) == ([], True)
    assert told()[-1][0] == ChangeKind.UNDONE


def test_a_field_that_was_written_since_is_named_and_nothing_is_brought_back(managed: Any, client: Any) -> None:
    managed.rewrite(None, NOW, name="Après", places=9)
    managed.rewrite(None, NOW, places=12)
    page = client.post(restorable(client)[1], follow=True).content.decode()
    assert "a encore changé depuis (places)" in page
    managed.refresh_from_db()
    assert (managed.name, managed.places) == ("Après", 12)
    assert len(told()) == 2


def test_a_session_that_was_removed_comes_back_from_its_line(managed: Any, client: Any) -> None:
    session = a_session(managed, TODAY, code="A", places=7)
    session.remove(None, NOW)
    client.post(restorable(client)[0])
    assert [(one.code, one.places) for one in Session.objects.all()] == [("A", 7)]


def test_criteria_alone_are_looked_at_before_they_come_back(managed: Any, client: Any) -> None:
    managed.set_criteria(None, NOW, [{"kind": "age", "need": "required", "min": 16}])
    assert restorable(client) == []
    assert "/actions/cours/conditions/?version=" in client.get(PAGE).content.decode()


def test_no_manager_brings_an_action_back_to_the_structure_that_the_staff_took_it_from(
    managed: Any, client: Any
) -> None:
    elsewhere = {"structure_id": str(a_structure().pk)}
    own = {"structure_id": str(managed.structure_id)}
    change = ActionChange.objects.log(managed, ChangeKind.REWRITTEN, None, NOW, elsewhere, own)
    assert restorable(client) == []
    assert client.post(f"/actions/cours/annuler/{change.pk}/").status_code == 404
    managed.refresh_from_db()
    assert str(managed.structure_id) == own["structure_id"]
