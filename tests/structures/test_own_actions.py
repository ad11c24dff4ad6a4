"""« Nos actions »: what a manager writes, pauses, confirms and undoes, and the history of it."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from structures.eligibility import BadCriteria
from structures.forms.actions import FOLDS, ActionForm
from structures.forms.sessions import SessionForm
from structures.models import Action, ActionChange, ChangeKind, Session, StaleAction
from structures.models.action import FRESH
from structures.vocabulary import NeedTheme, Role
from tests.territory import NOW, TODAY, a_door, a_member, a_sent, a_session, a_structure, an_action

pytestmark = pytest.mark.django_db
LIST = "/actions/gestion/nos-actions/"
NEW = "/actions/gestion/nouvelle/"
AGE: dict[str, Any] = {"kind": "age", "need": "required", "min": 16, "max": 25}


@pytest.fixture
def structure() -> Any:
    return a_structure("Alire")


@pytest.fixture
def user(structure: Any) -> Any:
    return a_member(structure, Role.MANAGER, first_name="Zoé", last_name="Lefort")


@pytest.fixture
def manager(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(answer: Any) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))).replace("\u00a0", " ")


def typed(action: Action | None = None, **changes: Any) -> dict[str, Any]:
    """What the form of an action sends as it is drawn, with some controls changed."""
    form = ActionForm(instance=action, initial={"is_published": True} if action is None else None)
    data = {field.name: field.value() for field in form}
    data |= {"seen": action.updated_at.isoformat()} if action is not None else {}
    return {name: value for name, value in (data | changes).items() if value is not None and value is not False}


def kept(change: ActionChange | None) -> ActionChange:
    """A change as the database has it."""
    assert change is not None, "nothing changed"
    return ActionChange.objects.get(pk=change.pk)


def state(action: Action) -> dict[str, Any]:
    """Everything that the database has of an action, but for when it was written."""
    row: dict[str, Any] = dict(Action.objects.filter(pk=action.pk).values().get())
    del row["updated_at"]
    return row


def undo_url(answer: Any) -> str:
    match = re.search(r'action="(/actions/[^"]+/annuler/\d+/)"', answer.content.decode())
    assert match, "no way back is offered"
    return match.group(1)


# Verbs, refused and conflicting


def test_criteria_that_cannot_be_read_are_never_written(structure, user) -> None:
    action = an_action(structure, criteria=[AGE])
    with pytest.raises(BadCriteria):
        action.set_criteria(user, NOW, [{"kind": "age", "need": "required"}])
    assert Action.objects.get(pk=action.pk).criteria == [AGE]
    assert not ActionChange.objects.exists()


def test_what_someone_wrote_meanwhile_is_not_overwritten(structure, user) -> None:
    action = an_action(structure, "Avant")
    seen = action.updated_at
    Action.objects.get(pk=action.pk).rewrite(user, NOW, name="Entre-temps")
    with pytest.raises(StaleAction) as caught:
        action.rewrite(user, NOW, seen=seen, name="Après")
    assert caught.value.action.name == "Entre-temps"
    with pytest.raises(StaleAction):
        action.set_criteria(user, NOW, [AGE], seen=seen)
    assert Action.objects.get(pk=action.pk).name == "Entre-temps"


def test_a_verb_that_changes_nothing_leaves_no_line(structure, user) -> None:
    action = an_action(structure, "Cours", criteria=[AGE], confirmed_on=TODAY)
    assert action.rewrite(user, NOW, name="Cours") is None
    assert action.set_criteria(user, NOW, [AGE]) is None
    assert action.resume(user, NOW) is None
    assert action.confirm(user, NOW, TODAY) is None
    assert not ActionChange.objects.exists()


def test_a_history_that_fails_leaves_the_action_as_it_was(structure, user, monkeypatch) -> None:
    action = an_action(structure, "Avant")
    session = a_session(action, TODAY)

    def broken(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr("structures.models.change.ActionChangeQuerySet.log", broken)
    monkeypatch.setattr(ActionChange.objects, "log", broken)
    for verb in (
        lambda: action.rewrite(user, NOW, name="Après"),
        lambda: Action.objects.start(structure, user, NOW, name="Neuve", description="x", themes=["french"]),
        lambda: session.change(user, NOW, place="Ailleurs"),
        lambda: session.remove(user, NOW),
    ):
        with pytest.raises(DatabaseError):
            verb()
    assert Action.objects.get().name == "Avant"
    assert Session.objects.get().place == ""


def test_the_history_is_neither_rewritten_nor_deleted(structure, user) -> None:
    action = an_action(structure)
    change = kept(action.confirm(user, NOW, TODAY))
    for verb in (
        lambda: ActionChange.objects.update(user=None),
        lambda: ActionChange.objects.filter(pk=change.pk).delete(),
    ):
        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            verb()
    with pytest.raises(ProtectedError):
        action.delete()


def test_the_history_says_who_when_and_both_values(structure, user) -> None:
    action = an_action(structure, "Avant", weekly_hours="2.50", phone="+33254000000")
    action.rewrite(user, NOW, name="Après", weekly_hours=None, phone="", timetable=["mon_am"], weeks=12)
    change = ActionChange.objects.get()
    assert (change.kind, change.user, change.at) == (ChangeKind.REWRITTEN, user, NOW)
    assert change.fields == ["name", "phone", "timetable", "weekly_hours"]
    assert change.before == {"name": "Avant", "phone": "+33254000000", "timetable": [], "weekly_hours": "2.50"}
    assert change.after == {"name": "Après", "phone": "", "timetable": ["mon_am"], "weekly_hours": None}


@pytest.mark.parametrize(
    ("values", "verb"),
    [
        ({"paused_until": TODAY}, lambda action, user: action.resume(user, NOW)),
        ({}, lambda action, user: action.pause(user, NOW, TODAY)),
        ({"confirmed_on": TODAY - dt.timedelta(days=300)}, lambda action, user: action.confirm(user, NOW, TODAY)),
        ({"criteria": [AGE]}, lambda action, user: action.set_criteria(user, NOW, [])),
        (
            {"weekly_hours": "2.50", "phone": "+33254000000", "certificates": ["CléA"]},
            lambda action, user: action.rewrite(user, NOW, weekly_hours=None, phone="", certificates=[]),
        ),
    ],
)
def test_each_verb_can_be_undone_and_the_undoing_too(structure, user, values, verb) -> None:
    action = an_action(structure, **values)
    first = state(action)
    change = kept(verb(action, user))
    second = state(action)
    assert first != second
    undone = kept(Action.objects.get(pk=action.pk).undo(change, user, NOW))
    assert state(action) == first
    Action.objects.get(pk=action.pk).undo(undone, user, NOW)
    assert state(action) == second


def test_what_was_written_since_is_not_undone(structure, user) -> None:
    action = an_action(structure, "Un")
    change = kept(action.rewrite(user, NOW, name="Deux"))
    action.rewrite(user, NOW, name="Trois")
    with pytest.raises(StaleAction):
        action.undo(change, user, NOW)
    assert Action.objects.get().name == "Trois"


def test_an_undo_leaves_the_other_fields_that_were_written_since(structure, user) -> None:
    action = an_action(structure, "Un", description="Un")
    change = kept(action.rewrite(user, NOW, name="Deux"))
    action.rewrite(user, NOW, description="Deux")
    action.undo(change, user, NOW)
    assert (Action.objects.get().name, Action.objects.get().description) == ("Un", "Deux")


def test_two_actions_of_the_same_name_get_two_addresses(structure, user) -> None:
    values = {"name": "Été à l’atelier", "description": "x", "themes": ["french"]}
    slugs = [Action.objects.start(structure, user, NOW, **values).slug for _ in range(3)]
    assert slugs == ["ete-a-latelier", "ete-a-latelier-2", "ete-a-latelier-3"]
    assert Action.objects.start(structure, user, NOW, **values | {"name": "!!!"}).slug == "action"
    assert len(Action.objects.start(structure, user, NOW, **values | {"name": "é" * 150}).slug) <= 80


# Staleness


def test_only_open_actions_that_nobody_confirmed_for_six_months_are_stale(structure) -> None:
    last = TODAY - FRESH
    an_action(structure, "À la limite", confirmed_on=last)
    an_action(structure, "Passée", confirmed_on=last - dt.timedelta(days=1))
    an_action(structure, "Jamais")
    an_action(structure, "En pause", paused_until=TODAY + dt.timedelta(days=1))
    an_action(structure, "Pause finie", paused_until=TODAY)
    an_action(structure, "Retirée", is_published=False)
    an_action(a_structure(is_active=False), "Fermée")
    names = set(Action.objects.stale(TODAY).values_list("name", flat=True))
    assert names == {"Passée", "Jamais", "Pause finie"}
    for action in Action.objects.open_on(TODAY):
        assert (action.name in names) is not action.is_fresh(TODAY)


# The list


def test_the_list_shows_the_actions_of_the_structure_alone_with_their_state(manager, structure) -> None:
    today = timezone.localdate()
    an_action(structure, "Vieille", confirmed_on=today - dt.timedelta(days=200))
    an_action(structure, "Fraîche", confirmed_on=today)
    an_action(structure, "Pleine", paused_until=today + dt.timedelta(days=3))
    an_action(structure, "Cachée", is_published=False)
    an_action(a_structure(), "Ailleurs")
    text = text_of(manager.get(LIST))
    assert "Ailleurs" not in text
    for name, state in {
        "Vieille": "À confirmer", "Fraîche": "Publiée", "Pleine": "Complet, en pause", "Cachée": "Non publiée",
    }.items():  # fmt: skip
        assert re.search(rf"{name} Formation ou ateliers en session {state}", text), name
    only = text_of(manager.get(LIST, {"etat": "a-confirmer"}))
    assert "Vieille" in only
    assert "Fraîche" not in only


def test_an_empty_list_says_what_to_do_next(manager, structure) -> None:
    assert "Ajouter une action" in text_of(manager.get(LIST))
    an_action(structure, confirmed_on=timezone.localdate())
    assert "Toutes vos actions sont à jour" in text_of(manager.get(LIST, {"etat": "a-confirmer"}))


def test_the_list_is_paged_and_costs_the_same_for_3_and_for_60_actions(manager, structure) -> None:
    costs = []
    manager.get(LIST)
    for count in (3, 57):
        for number in range(count):
            a_session(an_action(structure, f"Cours {count}-{number:02d}"), timezone.localdate())
        with CaptureQueriesContext(connection) as queries:
            answer = manager.get(LIST)
        costs.append(len(queries))
    assert costs[0] == costs[1]
    onward = re.search(r'rel="next" href="([^"]+)"', answer.content.decode())
    assert onward
    assert len(manager.get(unescape(onward.group(1))).context["rows"]) == 10


def test_an_action_is_confirmed_from_the_list_in_one_click_and_that_can_be_undone(manager, structure) -> None:
    old = timezone.localdate() - dt.timedelta(days=300)
    an_action(structure, "Cours", slug="cours", confirmed_on=old)
    answer = manager.post("/actions/cours/confirmer/", {"from": "list"}, follow=True)
    assert answer.redirect_chain[-1][0] == LIST
    assert Action.objects.get().confirmed_on == timezone.localdate()
    manager.post(undo_url(answer))
    assert Action.objects.get().confirmed_on == old


# Writing


def test_an_action_without_a_name_or_a_need_is_refused_and_what_was_typed_is_kept(manager) -> None:
    answer = manager.post(NEW, {"description": "Deux matinées", "postal_code": "41A00"})
    assert answer.status_code == 422
    assert {"name", "themes", "postal_code"} <= set(answer.context["form"].errors)
    assert "Deux matinées" in answer.content.decode()
    assert not Action.objects.exists()


def test_no_field_shows_codes_or_structured_data() -> None:
    names = {name for _, _, names in FOLDS for name in names}
    technical = {"criteria", "thematiques", "slug", "source", "source_id", "type", "zone_eligibilite", "opening_hours"}
    assert not names & technical
    html = ActionForm().as_p()
    for label in re.findall(r'class="chip-face">.*?</svg>([^<]+)', html):
        assert not re.fullmatch(r"[a-z]+(-[a-z]+)+", label.strip()), label


def test_a_new_action_is_published_confirmed_today_and_leads_to_its_conditions(manager, structure, user) -> None:
    data = typed(name="Ateliers", description="Deux matinées", themes=["french"], shape="course", commune="blois")
    answer = manager.post(NEW, data)
    action = Action.objects.get()
    assert answer["Location"] == f"/actions/{action.slug}/conditions/"
    assert (action.structure, action.is_published, action.confirmed_on) == (structure, True, timezone.localdate())
    assert (action.commune, action.commune_code) == ("Blois", "41018")
    assert ActionChange.objects.get().kind == ChangeKind.CREATED
    assert manager.get("/actions/ateliers/").status_code == 200


def test_a_form_sent_as_it_was_drawn_changes_nothing(manager, structure) -> None:
    action = an_action(
        structure, slug="cours", criteria=[AGE], latitude=47.6, longitude=1.3, commune="Blois", certificates=["CléA"],
        publics=["jeunes"], modes_accueil=["en-presentiel"], weekly_hours="2.50", phone="+33254000000", frais="gratuit",
        timetable=["mon_am"], level_in="A1",
    )  # fmt: skip
    answer = manager.post("/actions/cours/modifier/", typed(action), follow=True)
    assert "Rien n’a changé" in text_of(answer)
    assert not ActionChange.objects.exists()
    assert Action.objects.get().latitude == 47.6


def test_a_new_address_forgets_the_former_coordinates(manager, structure) -> None:
    action = an_action(structure, slug="cours", latitude=47.6, longitude=1.3, commune="Blois", commune_code="41018")
    manager.post("/actions/cours/modifier/", typed(action, commune="Vendôme"))
    action.refresh_from_db()
    assert (action.commune, action.commune_code, action.latitude) == ("Vendôme", "", None)


def test_two_managers_who_write_at_once_are_told_and_nothing_is_lost(manager, structure, user) -> None:
    action = an_action(structure, "Cours", slug="cours")
    data = typed(action, name="Mon texte")
    action.rewrite(user, timezone.now(), name="Le texte du collègue")
    answer = manager.post("/actions/cours/modifier/", data)
    assert answer.status_code == 409
    assert "Mon texte" in answer.content.decode()
    assert Action.objects.get().name == "Le texte du collègue"
    again = typed(Action.objects.get(), name="Mon texte")
    assert manager.post("/actions/cours/modifier/", again).status_code == 302
    assert Action.objects.get().name == "Mon texte"


def test_a_withdrawn_action_leaves_the_catalogue_and_can_still_be_edited(manager, structure) -> None:
    action = an_action(structure, slug="cours")
    manager.post("/actions/cours/modifier/", typed(action, is_published=False))
    assert manager.get("/actions/cours/").status_code == 404
    assert manager.get("/actions/cours/modifier/").status_code == 200


def test_what_a_manager_types_is_shown_as_text(manager, structure, user) -> None:
    action = an_action(structure, "<script>alert(1)</script>", slug="cours")
    action.set_criteria(user, NOW, [{"kind": "manual", "need": "required", "text": "<img src=x onerror=y>"}])
    for address in (LIST, "/actions/cours/modifier/", "/actions/cours/conditions/", "/actions/cours/"):
        body = manager.get(address).content.decode()
        assert "<script>alert" not in body
        assert "<img src=x" not in body


# One click


@pytest.mark.parametrize("until", ["", "hier", "2020-01-01", "2999-01-01"])
def test_a_pause_until_a_day_that_makes_no_sense_is_refused(manager, structure, until) -> None:
    an_action(structure, slug="cours")
    answer = manager.post("/actions/cours/pause/", {"until": until})
    assert answer.status_code == 422
    assert list(answer.context["pause_form"].errors) == ["until"]
    assert Action.objects.get().paused_until is None


def test_an_action_is_paused_resumed_and_each_can_be_undone(manager, structure) -> None:
    an_action(structure, slug="cours")
    until = timezone.localdate() + dt.timedelta(days=10)
    paused = manager.post("/actions/cours/pause/", {"until": until.isoformat()}, follow=True)
    assert "Complet jusqu’au" in text_of(paused)
    resumed = manager.post("/actions/cours/reprise/", follow=True)
    assert Action.objects.get().paused_until is None
    manager.post(undo_url(resumed))
    assert Action.objects.get().paused_until == until
    assert "Rien n’a changé" in text_of(manager.post(undo_url(resumed), follow=True))


def test_a_change_of_another_action_is_not_found(manager, structure, user) -> None:
    an_action(structure, slug="cours")
    other = kept(an_action(structure, slug="autre").confirm(user, NOW, TODAY))
    assert manager.post(f"/actions/cours/annuler/{other.pk}/").status_code == 404
    for version in (str(other.pk), "x", "9" * 30, "²"):
        assert manager.get("/actions/cours/conditions/", {"version": version}).status_code == 404


# Conditions


def conditions(action: Action, *lines: str, **values: Any) -> dict[str, Any]:
    return {"seen": Action.objects.get(pk=action.pk).updated_at.isoformat(), "line": list(lines), **values}


def test_conditions_are_saved_shown_undone_and_brought_back(manager, structure) -> None:
    action = an_action(structure, slug="cours", criteria=[AGE])
    data = conditions(action, "0:age", **{"0-need": "required", "0-min": "18"})
    saved = manager.post("/actions/cours/conditions/", data, follow=True)
    assert "À partir de 18 ans" in text_of(saved)
    change = ActionChange.objects.get()
    assert (change.before, change.after["criteria"][0]["min"]) == ({"criteria": [AGE]}, 18)
    former = manager.get("/actions/cours/conditions/", {"version": change.pk})
    assert former.context["form"]["0-max"].value() == 25
    manager.post(undo_url(saved))
    assert Action.objects.get().criteria == [AGE]


def test_bad_conditions_are_refused_and_kept_on_the_page(manager, structure) -> None:
    action = an_action(structure, slug="cours", criteria=[AGE])
    data = conditions(action, "0:age", **{"0-need": "required", "0-min": "30", "0-max": "20"})
    answer = manager.post("/actions/cours/conditions/", data)
    assert answer.status_code == 422
    assert "Le maximum est inférieur au minimum." in text_of(answer)
    assert 'value="30"' in answer.content.decode()
    assert Action.objects.get().criteria == [AGE]


def test_conditions_that_a_colleague_changed_meanwhile_are_not_overwritten_unseen(manager, structure, user) -> None:
    action = an_action(structure, slug="cours", criteria=[AGE])
    data = conditions(action, "0:age", **{"0-need": "required", "0-min": "30"})
    action.set_criteria(user, timezone.now(), [])
    answer = manager.post("/actions/cours/conditions/", data)
    assert answer.status_code == 409
    assert Action.objects.get().criteria == []
    again = data | {"seen": answer.context["seen"]}
    assert manager.post("/actions/cours/conditions/", again).status_code == 302
    assert Action.objects.get().criteria[0]["min"] == 30


def test_adding_or_removing_a_line_writes_nothing(manager, structure) -> None:
    action = an_action(structure, slug="cours", criteria=[AGE])
    data = conditions(action, "0:age", **{"0-need": "required", "0-min": "18", "new": "priority:sex"})
    more = manager.post("/actions/cours/conditions/", data | {"add": "1"})
    assert [line.kind for line in more.context["form"].lines] == ["age", "sex"]
    less = manager.post("/actions/cours/conditions/", data | {"drop": "0"})
    assert less.context["form"].lines == []
    assert Action.objects.get().criteria == [AGE]


def test_former_conditions_that_no_rule_reads_any_more_are_said(manager, structure, user) -> None:
    action = an_action(structure, slug="cours", criteria=[AGE])
    unreadable = {"criteria": [{"kind": "dragon", "need": "required"}]}
    change = ActionChange.objects.log(action, ChangeKind.CRITERIA, user, NOW, unreadable, {"criteria": [AGE]})
    answer = manager.get("/actions/cours/conditions/", {"version": change.pk})
    assert "ne peuvent plus être lues" in text_of(answer)
    undone = manager.post(f"/actions/cours/annuler/{kept(change).pk}/", follow=True)
    assert "rien n’a été annulé" in text_of(undone)
    assert Action.objects.get().criteria == [AGE]


# Sessions


def session_form(action: Action, **values: Any) -> SessionForm:
    return SessionForm({"starts_on": "2027-01-11", **values}, instance=Session(action=action))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"starts_on": ""}, "starts_on"),
        ({"starts_on": "31/02/2027"}, "starts_on"),
        ({"ends_on": "2027-01-10"}, "ends_on"),
        ({"places": "5", "reserved": "6"}, "reserved"),
        ({"places": "-1"}, "places"),
        ({"places": "99999"}, "places"),
        ({"reserved": "99999"}, "reserved"),
        ({"code": "Prise"}, "code"),
    ],
)
def test_a_session_that_makes_no_sense_is_refused_beside_its_field(structure, values, field) -> None:
    action = an_action(structure)
    a_session(action, TODAY, code="Prise")
    assert list(session_form(action, **values).errors) == [field]


def test_a_session_without_a_name_takes_its_first_day_and_stays_unique(structure, user) -> None:
    action = an_action(structure)
    for expected in ("Session du 11/01/2027", "Session du 11/01/2027 (2)"):
        form = session_form(action)
        assert form.is_valid(), form.errors
        form.instance.add(user, NOW)
        assert Session.objects.latest("pk").code == expected


def test_the_database_refuses_two_sessions_of_one_name(structure, user) -> None:
    action = an_action(structure)
    a_session(action, TODAY, code="A")
    with pytest.raises(IntegrityError), transaction.atomic():
        Session(action=action, code="A", starts_on=TODAY).add(user, NOW)


def test_a_session_is_added_changed_removed_and_brought_back(manager, structure) -> None:
    an_action(structure, slug="cours")
    day = timezone.localdate() + dt.timedelta(days=30)
    values = {"starts_on": day.isoformat(), "places": "10", "place": "3 rue Verte", "code": "Printemps"}
    assert "Printemps" in text_of(manager.post("/actions/cours/sessions/nouvelle/", values, follow=True))
    session = Session.objects.get()
    address = f"/actions/cours/sessions/{session.pk}/"
    manager.post(address, values | {"places": "12"})
    assert Session.objects.get().places == 12
    removed = manager.post(f"{address}supprimer/", follow=True)
    assert not Session.objects.exists()
    manager.post(undo_url(removed))
    back = Session.objects.get()
    assert (back.code, back.starts_on, back.places, back.place) == ("Printemps", day, 12, "3 rue Verte")
    kinds = list(ActionChange.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["session_added", "session_changed", "session_removed", "session_added"]


def test_a_session_that_a_fiche_names_cannot_be_removed(manager, structure) -> None:
    action = an_action(structure, slug="cours")
    session = a_session(action, timezone.localdate())
    a_sent(action, a_door(a_structure()).actor, session=session)
    answer = manager.post(f"/actions/cours/sessions/{session.pk}/supprimer/", follow=True)
    assert "ne peut pas être supprimée" in text_of(answer)
    assert "Supprimer la session" not in text_of(answer)
    assert Session.objects.filter(pk=session.pk).exists()


def test_a_session_of_another_action_is_not_found(manager, structure) -> None:
    an_action(structure, slug="cours")
    other = a_session(an_action(structure), TODAY)
    assert manager.get(f"/actions/cours/sessions/{other.pk}/").status_code == 404
    assert manager.post(f"/actions/cours/sessions/{other.pk}/supprimer/").status_code == 404


def test_the_next_session_starts_from_the_usual_place_and_places(manager, structure) -> None:
    action = an_action(structure, slug="cours")
    a_session(action, TODAY, place="3 rue Verte", places=12)
    form = manager.get("/actions/cours/sessions/nouvelle/").context["form"]
    assert (form["place"].value(), form["places"].value(), form["starts_on"].value()) == ("3 rue Verte", 12, None)


def test_the_page_of_an_action_costs_the_same_queries_however_long_its_history(manager, structure, user) -> None:
    action = an_action(structure, slug="cours")
    costs = []
    manager.get("/actions/cours/modifier/")
    for count in (2, 30):
        for number in range(count):
            a_session(action, TODAY - dt.timedelta(days=count + number))
            a_session(action, timezone.localdate() + dt.timedelta(days=count + number))
            action.rewrite(user, NOW, name=f"Cours {count} {number}")
        with CaptureQueriesContext(connection) as queries:
            assert manager.get("/actions/cours/modifier/").status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1]


def test_an_action_of_which_no_need_is_covered_is_refused(structure, user) -> None:
    action = an_action(structure, themes=[NeedTheme.FRENCH])
    form = ActionForm({"name": "x", "description": "x", "shape": "course"}, instance=action)
    assert "themes" in form.errors
    with pytest.raises(ValidationError):
        Action(structure=structure, slug="x", source_id="x", name="x", description="x", themes=[]).full_clean()
