"""A table on its way into the catalogue: planned row by row, imported whole or not at all, undone as a whole."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from referrals.models import Actor
from structures.eligibility import parse_criteria
from structures.models import Action, BatchState, CannotImport, Commune, ImportBatch, Offer, Session
from structures.models.batch import KEPT_FOR
from structures.spreadsheet.columns import COLUMNS
from structures.spreadsheet.plan import Planned
from tests.territory import NOW, TODAY, a_batch, a_draft, a_member, a_session, a_structure, an_action

pytestmark = pytest.mark.django_db
HEADINGS = [column.label for column in COLUMNS]


def a_table(*rows: dict[str, str]) -> list[list[str]]:
    """A table with every column; each row says some of them by their keys."""
    return [HEADINGS, *[[row.get(column.key, "") for column in COLUMNS] for row in rows]]


def new(name: str = "Atelier", **cells: str) -> dict[str, str]:
    """A row of a new action, for mobility."""
    return {"name": name, "themes": "Mobilité", **cells}


@pytest.fixture
def structure() -> Any:
    return a_structure("Alire")


def plan(structure: Any, *rows: dict[str, str]) -> list[Planned]:
    return a_batch(structure, NOW, a_table(*rows)).plan().rows


def imported(structure: Any, *rows: dict[str, str], partly: bool = False) -> ImportBatch:
    batch = a_batch(structure, NOW, a_table(*rows))
    batch.import_rows(NOW, batch.plan().digest(), partly=partly)
    return batch


def refused(action: Any, batch: ImportBatch, *arguments: Any, **named: Any) -> str:
    """The code of the refusal of a verb."""
    with pytest.raises(CannotImport) as caught:
        getattr(batch, action)(NOW, *arguments, **named)
    return caught.value.code


# Faults, by cell


@pytest.mark.parametrize(
    ("row", "key", "part"),
    [
        ({"themes": "Mobilité"}, "name", "Le nom manque"),
        ({"name": "Atelier"}, "themes", "au moins un besoin"),
        (new(starts_on="31/02/2027"), "starts_on", "n’existe pas"),
        (new(ends_on="31/03/2027"), "ends_on", "aussi le début"),
        (new(starts_on="31/03/2027", ends_on="01/03/2027"), "ends_on", "précède son début"),
        (new(age_min="30", age_max="20"), "age_max", "Le maximum est inférieur au minimum"),
        (new(phone="12"), "phone", "téléphone"),
    ],
)
def test_each_fault_stands_at_its_cell(structure: Any, row: dict[str, str], key: str, part: str) -> None:
    (planned,) = plan(structure, row)
    (fault,) = planned.faults
    place = [column.key for column in COLUMNS].index(key)
    assert (fault.key, fault.address, planned.outcome) == (key, f"{chr(ord('A') + place)}2", "refused")
    assert part in fault.message and fault.text == row.get(key, "") and planned.changes == []


def test_a_row_tells_all_its_faults_at_once(structure: Any) -> None:
    (planned,) = plan(structure, {"places": "x", "weeks": "y", "ends_on": "z"})
    assert [fault.key for fault in planned.faults] == ["name", "themes", "weeks", "places", "ends_on"]


def test_a_fault_in_a_column_that_the_table_does_not_have_stands_at_the_row(structure: Any) -> None:
    (planned,) = a_batch(structure, NOW, [["Nom"], ["Atelier"]]).plan().rows
    assert [(fault.address, fault.label) for fault in planned.faults] == [("ligne 2", "Besoins couverts")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (new("Atelier Français"), new("atelier francais")),
        (new("Un", identifier="7"), new("Deux", identifier="7")),
    ],
)
def test_two_rows_for_one_action_are_refused_from_the_second_on(structure: Any, first: Any, second: Any) -> None:
    one, two = plan(structure, first, second)
    assert one.outcome == "added" and "La ligne 2 décrit déjà" in two.faults[0].message


def test_an_identifier_and_a_name_that_mean_two_actions_are_refused(structure: Any) -> None:
    imported(structure, new("Un", identifier="1"), new("Deux", identifier="2"))
    (planned,) = plan(structure, {"identifier": "1", "name": "DEUX"})
    assert "porte déjà ce nom" in planned.faults[0].message


def test_fewer_places_than_are_reserved_are_refused(structure: Any) -> None:
    action = an_action(structure, "Atelier")
    a_session(action, dt.date(2027, 1, 12), places=10, reserved=4)
    (planned,) = plan(structure, {"name": "Atelier", "starts_on": "12/01/2027", "places": "3"})
    assert [fault.key for fault in planned.faults] == ["places"]


def test_fewer_places_than_fiches_hold_are_refused_and_more_are_not(structure: Any) -> None:
    action = an_action(structure, "Atelier")
    a_session(action, dt.date(2027, 1, 12), places=10, reserved=1, taken=4)
    (planned,) = plan(structure, {"name": "Atelier", "starts_on": "12/01/2027", "places": "4"})
    assert [fault.key for fault in planned.faults] == ["places"]
    assert "5 places de cette session sont réservées ou prises" in planned.faults[0].message
    (planned,) = plan(structure, {"name": "Atelier", "starts_on": "12/01/2027", "places": "5"})
    assert planned.faults == []


# What is added and changed


def test_a_new_action_gets_everything_that_its_row_says(structure: Any) -> None:
    row = {column.key: column.example for column in COLUMNS} | {"women": "Oui"}
    batch = imported(structure, row)
    action = Action.objects.get(structure=structure)
    assert (action.name, action.slug, action.source) == ("Atelier de français", "atelier-de-francais", "tableur")
    assert (action.themes, action.shape, action.weeks, action.places) == (["french", "mobility"], "course", 12, 15)
    assert (action.frais, action.postal_code, action.level_in, str(action.weekly_hours)) == (
        "gratuit", "41000", "A1", "4.00",
    )  # fmt: skip
    assert action.confirmed_on == TODAY and action.is_published
    assert action.phone.as_national == "02 61 91 00 01"
    session = action.sessions.get()
    assert (session.starts_on, session.ends_on, session.places) == (dt.date(2027, 1, 12), dt.date(2027, 4, 2), 15)
    said = {(criterion.kind, criterion.need): criterion.sentence() for criterion in parse_criteria(action.criteria)}
    assert said == {
        ("age", "required"): "De 16 à 25 ans",
        ("french_oral", "required"): "Français\u00a0: oral A1 au moins",
        ("status", "required"): "Situation\u00a0: demandeur d’emploi ou bénéficiaire du RSA",
        ("public", "to_check"): "Public\u00a0: jeunes",
        ("sex", "required"): "Réservé\u00a0: femmes",
        ("residence", "priority"): "Habiter\u00a0: quartier prioritaire (QPV)",
    }
    assert batch.report["counts"] == {"added": 1}


def test_a_row_that_says_little_adds_no_condition(structure: Any) -> None:
    imported(structure, new(women="Non", qpv="Non", french_oral="Aucun", publics="Tous publics"))
    action = Action.objects.get(structure=structure)
    assert (action.criteria, action.level_in, action.publics) == ([], "", ["tous-publics"])


def test_a_blank_cell_leaves_what_is_stored(structure: Any) -> None:
    stored = [
        {"kind": "age", "need": "to_check", "min": 18, "max": 60},
        {"kind": "sex", "need": "required", "value": "F"},
        {"kind": "residence", "need": "required", "communes": ["41018"], "label": "Blois"},
    ]
    action = an_action(structure, "Atelier", criteria=stored, rhythm="Le lundi", places=9)
    (planned,) = plan(structure, {"name": "ATELIER", "age_max": "40", "women": "En priorité", "qpv": "oui"})
    assert planned.action == action
    assert planned.values["criteria"] == [
        {"kind": "age", "need": "to_check", "min": 18, "max": 40},
        {"kind": "residence", "need": "required", "communes": ["41018"], "qpv": True},
        {"kind": "sex", "need": "priority", "value": "F"},
    ]
    assert set(planned.values) == {"name", "criteria"}


def test_an_existing_action_is_changed_and_never_doubled(structure: Any) -> None:
    an_action(structure, "Atelier Français", themes=["french", "mobility"], places=9)
    rows = plan(structure, {"name": "atelier  francais", "themes": "Mobilité, FLE", "places": "12"})
    assert [(row.outcome, [(c.label, c.before, c.after) for c in row.changes]) for row in rows] == [
        ("changed", [("Nom", "Atelier Français", "atelier francais"), ("Places", "9", "12")])
    ]


def test_an_identifier_finds_its_action_under_another_name(structure: Any) -> None:
    imported(structure, new("Ancien nom", identifier="FLE-01"))
    imported(structure, {"identifier": "FLE-01", "name": "Nouveau nom"})
    assert list(Action.objects.filter(structure=structure).values_list("name", flat=True)) == ["Nouveau nom"]
    (planned,) = plan(structure, {"identifier": "FLE-01", "places": "4"})
    assert (planned.outcome, planned.name) == ("changed", "Nouveau nom")


def test_two_structures_may_use_the_same_identifiers_and_names(structure: Any) -> None:
    imported(structure, new("Atelier", identifier="1"))
    imported(a_structure("Ailleurs"), new("Atelier", identifier="1"))
    assert Action.objects.filter(name="Atelier").count() == 2


def test_the_same_file_twice_changes_nothing(structure: Any) -> None:
    row = {column.key: column.example for column in COLUMNS}
    imported(structure, row)
    batch = a_batch(structure, NOW, a_table(row))
    assert batch.plan().counts == {"unchanged": 1}
    assert refused("import_rows", batch, batch.plan().digest()) == "nothing"


def test_a_session_that_starts_the_same_day_is_changed_and_another_day_adds_one(structure: Any) -> None:
    action = an_action(structure, "Atelier")
    first = a_session(action, dt.date(2027, 1, 12), code="2027-03-01")
    imported(structure, {"name": "Atelier", "starts_on": "12/01/2027", "ends_on": "30/01/2027"})
    imported(structure, {"name": "Atelier", "starts_on": "01/03/2027"})
    assert list(action.sessions.values_list("code", "starts_on", "ends_on").order_by("starts_on")) == [
        (first.code, dt.date(2027, 1, 12), dt.date(2027, 1, 30)),
        ("2027-03-01-2", dt.date(2027, 3, 1), None),
    ]


def test_an_action_that_had_left_the_catalogue_comes_back_and_the_preview_says_so(structure: Any) -> None:
    an_action(structure, "Atelier", is_published=False)
    (planned,) = plan(structure, {"name": "Atelier"})
    assert [(change.label, change.before, change.after) for change in planned.changes] == [
        ("Au catalogue", "Non", "Oui")
    ]


def test_an_address_that_is_taken_gets_a_few_signs_more(structure: Any) -> None:
    an_action(a_structure(), slug="atelier")
    imported(structure, new("Atelier"), new("atelier !"), new("??"))
    slugs = sorted(Action.objects.filter(structure=structure).values_list("slug", flat=True))
    assert slugs[0] == "action" and all(slug.startswith("atelier-") for slug in slugs[1:]) and len(set(slugs)) == 3


def test_the_actions_to_read_again_are_given_back(structure: Any) -> None:
    old = an_action(structure, "Ancienne")
    batch = a_batch(structure, NOW, a_table(new("Nouvelle"), {"name": "Ancienne", "places": "3"}))
    ids = batch.import_rows(NOW, batch.plan().digest())
    assert set(ids) == {old.pk, Action.objects.get(name="Nouvelle").pk}
    assert batch.undo(NOW) == [old.pk]


def test_a_commune_is_found_by_its_name_in_the_departement_of_its_postal_code(structure: Any) -> None:
    for code, name in (("41018", "Blois"), ("41269", "Vendôme"), ("01001", "Homonyme"), ("41999", "Homonyme")):
        Commune.objects.get_or_create(code=code, defaults={"name": name, "latitude": 47.6, "longitude": 1.3})
    rows = plan(
        structure,
        new("Un", commune="vendome"),
        new("Deux", commune="Homonyme"),
        new("Trois", commune="Homonyme", postal_code="41999"),
        new("Quatre", commune="Blois", postal_code="75001"),
    )
    assert [row.values.get("commune_code", "") for row in rows] == ["41269", "", "41999", ""]


def test_an_action_that_moves_loses_its_former_coordinates_until_the_move_is_undone(structure: Any) -> None:
    point = {"latitude": 47.59, "longitude": 1.33}
    action = an_action(structure, "Atelier", commune="Blois", commune_code="41018", **point)
    imported(structure, {"name": "Atelier", "places": "9"})
    assert Action.objects.get().latitude == 47.59
    batch = imported(structure, {"name": "Atelier", "commune": "Vendôme"})
    action.refresh_from_db()
    assert (action.commune, action.latitude, action.longitude) == ("Vendôme", None, None)
    batch.undo(NOW)
    action.refresh_from_db()
    assert (action.commune, action.latitude, action.longitude) == ("Blois", 47.59, 1.33)


def test_suggestions_find_what_was_imported_and_no_longer_what_was_undone(structure: Any) -> None:
    old = an_action(structure, "Ancienne", places=3)
    batch = imported(structure, new("Nouvelle", starts_on="12/01/2027"), {"name": "Ancienne", "places": "8"})
    fresh = Action.objects.get(name="Nouvelle")
    assert {offer.action_id: offer.places_left for offer in Offer.objects.order_by("pk")} == {old.pk: 8, fresh.pk: None}
    assert Offer.objects.get(action=fresh).next_start == dt.date(2027, 1, 12)
    batch.undo(NOW)
    assert batch.report["undo"]["removed"] == ["Nouvelle"]
    assert {offer.action_id: offer.places_left for offer in Offer.objects.order_by("pk")} == {old.pk: 3}


# Whole or not at all


def test_faulty_rows_stop_the_import_unless_they_are_left_out_by_choice(structure: Any) -> None:
    batch = a_batch(structure, NOW, a_table(new("Juste"), {"name": "Faux"}))
    seen = batch.plan().digest()
    assert refused("import_rows", batch, seen) == "refused"
    assert not Action.objects.filter(structure=structure).exists()
    batch.import_rows(NOW, seen, partly=True)
    assert [action.name for action in Action.objects.filter(structure=structure)] == ["Juste"]
    assert [line["number"] for line in batch.report["refused"]] == [3]


def test_what_changed_since_the_preview_stops_the_import(structure: Any) -> None:
    an_action(structure, "Atelier", places=5)
    batch = a_batch(structure, NOW, a_table({"name": "Atelier", "places": "9"}))
    seen = batch.plan().digest()
    Action.objects.filter(name="Atelier").update(places=6)
    assert refused("import_rows", batch, seen) == "catalogue"
    assert Action.objects.get(name="Atelier").places == 6


def test_an_address_taken_meanwhile_by_another_structure_leaves_nothing_half_written(
    structure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_action(a_structure(), slug="pris")
    monkeypatch.setattr("structures.models.batch._free_slugs", lambda names: ["libre", "pris"])
    batch = a_batch(structure, NOW, a_table(new("Un"), new("Deux")))
    assert refused("import_rows", batch, batch.plan().digest()) == "catalogue"
    assert not Action.objects.filter(structure=structure).exists()
    assert ImportBatch.objects.get(pk=batch.pk).state == BatchState.UPLOADED


def test_an_import_is_done_once(structure: Any) -> None:
    batch = imported(structure, new())
    assert refused("import_rows", batch, batch.plan().digest()) == "state"
    with pytest.raises(CannotImport):
        batch.map_columns({"name": 0})


def test_the_database_refuses_a_state_without_its_date(structure: Any) -> None:
    batch = a_batch(structure, NOW, a_table(new()))
    with pytest.raises(IntegrityError, match="import_state_agrees_with_its_dates"), transaction.atomic():
        ImportBatch.objects.filter(pk=batch.pk).update(state=BatchState.IMPORTED)


def test_a_mapping_that_is_not_ours_is_left_out(structure: Any) -> None:
    batch = a_batch(structure, NOW, [["A", "B"], ["Atelier", "Mobilité"]])
    batch.map_columns({"name": 0, "themes": 1, "is_published": 0, "places": 9, "weeks": -1})
    assert batch.mapping == {"name": 0, "themes": 1}
    assert batch.plan().counts == {"added": 1}


def test_planning_costs_the_same_queries_for_three_rows_and_for_three_hundred(
    structure: Any, django_assert_num_queries: Any
) -> None:
    for count in (3, 300):
        batch = a_batch(structure, NOW, a_table(*[new(f"Action {n}", starts_on="12/01/2027") for n in range(count)]))
        with django_assert_num_queries(3):
            batch.plan()


# Undo


def test_undo_takes_back_what_was_added_and_changed(structure: Any) -> None:
    stored = {"places": 5, "rhythm": "Le lundi", "confirmed_on": dt.date(2026, 1, 1), "is_published": False}
    criteria = [{"kind": "age", "need": "required", "min": 18}]
    action = an_action(structure, "Atelier", criteria=criteria, weekly_hours="2.5", **stored)
    session = a_session(action, dt.date(2027, 1, 12), places=8)
    cells = {"places": "9", "age_max": "30", "weekly_hours": "4", "starts_on": "12/01/2027", "phone": "0261910001"}
    batch = imported(structure, {"name": "ATELIER", **cells}, new("Nouvelle", starts_on="12/01/2027"))
    assert Session.objects.filter(action__structure=structure).count() == 2
    batch.undo(NOW)
    action.refresh_from_db()
    session.refresh_from_db()
    assert {name: getattr(action, name) for name in stored} == stored
    assert (action.name, action.criteria, str(action.weekly_hours), action.phone) == ("Atelier", criteria, "2.50", "")
    assert session.places == 8
    assert list(Action.objects.filter(structure=structure)) == [action]
    assert batch.report["undo"] == {"removed": ["Nouvelle"], "withdrawn": [], "restored": ["Atelier"], "kept": []}
    assert (batch.state, batch.undone_at) == (BatchState.UNDONE, NOW)


def test_an_added_action_that_a_fiche_speaks_of_leaves_the_catalogue_and_is_kept(structure: Any) -> None:
    batch = imported(structure, new("Suivie"), new("Seule"))
    followed = Action.objects.get(name="Suivie")
    a_draft(followed, Actor(user=a_member(structure), structure=structure))
    assert batch.undo(NOW) == [followed.pk]
    followed.refresh_from_db()
    assert not followed.is_published and not Action.objects.filter(name="Seule").exists()
    assert (batch.report["undo"]["withdrawn"], batch.report["undo"]["removed"]) == (["Suivie"], ["Seule"])


@pytest.mark.parametrize("field", ["description", "contact_name"])
def test_an_added_action_on_which_someone_worked_is_kept(structure: Any, field: str) -> None:
    batch = imported(structure, new("Atelier"))
    Action.objects.filter(name="Atelier").update(**{field: "Réécrit à la main."})
    batch.undo(NOW)
    assert batch.report["undo"]["withdrawn"] == ["Atelier"]
    assert getattr(Action.objects.get(name="Atelier"), field) == "Réécrit à la main."


def test_an_added_action_that_got_another_session_is_kept_with_it(structure: Any) -> None:
    batch = imported(structure, new("Atelier", starts_on="12/01/2027"))
    other = a_session(Action.objects.get(name="Atelier"), dt.date(2027, 6, 1))
    batch.undo(NOW)
    assert list(Session.objects.all()) == [other]
    assert batch.report["undo"]["withdrawn"] == ["Atelier"]


def test_what_someone_changed_since_is_listed_and_kept(structure: Any) -> None:
    action = an_action(structure, "Atelier", places=5, rhythm="Le lundi")
    session = a_session(action, dt.date(2027, 1, 12), places=5)
    row = {"name": "Atelier", "places": "9", "rhythm": "Le mardi", "starts_on": "12/01/2027"}
    batch = imported(structure, row)
    Action.objects.filter(pk=action.pk).update(places=20)
    Session.objects.filter(pk=session.pk).update(places=30)
    batch.undo(NOW)
    action.refresh_from_db()
    session.refresh_from_db()
    assert (action.places, action.rhythm, session.places) == (20, "Le lundi", 30)
    assert batch.report["undo"]["kept"] == [
        {"name": "Atelier", "what": ["Session à partir du 12/01/2027, 30 places", "Places"]}
    ]


def test_an_action_that_is_gone_is_passed_over(structure: Any) -> None:
    old = an_action(structure, "Ancienne")
    batch = imported(structure, new("Atelier", starts_on="12/01/2027"), {"name": "Ancienne", "places": "3"})
    Action.objects.filter(name="Atelier").delete()
    assert batch.undo(NOW) == [old.pk]


def test_an_older_import_does_not_take_back_what_a_later_one_gave(structure: Any) -> None:
    action = an_action(structure, "Atelier", places=5)
    first = imported(structure, {"name": "Atelier", "places": "9"})
    second = imported(structure, {"name": "Atelier", "places": "12"})
    first.undo(NOW)
    action.refresh_from_db()
    assert action.places == 12
    second.undo(NOW)
    action.refresh_from_db()
    assert action.places == 9


def test_what_is_not_imported_or_undone_already_is_not_undone(structure: Any) -> None:
    batch = a_batch(structure, NOW, a_table(new()))
    assert refused("undo", batch) == "state"
    batch.import_rows(NOW, batch.plan().digest())
    batch.undo(NOW)
    assert refused("undo", batch) == "state"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", ["undo", "import_rows"])
def test_of_two_people_who_act_at_once_one_is_told(verb: str) -> None:
    batch = a_batch(a_structure(), NOW, a_table(*[new(f"Action {n}") for n in range(50)]))
    seen = batch.plan().digest()
    if verb == "undo":
        batch.import_rows(NOW, seen)
    answers: list[Any] = []
    start = threading.Barrier(2)

    def act() -> None:
        mine = ImportBatch.objects.get(pk=batch.pk)
        start.wait()
        try:
            answers.append(mine.undo(NOW) if verb == "undo" else len(mine.import_rows(NOW, seen)))
        except CannotImport as error:
            answers.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=act) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers, key=str) == ([[], "state"] if verb == "undo" else [50, "state"])
    assert Action.objects.count() == (0 if verb == "undo" else 50)


# Time


def test_after_thirty_days_the_cells_are_erased_and_the_result_stays(structure: Any) -> None:
    done = imported(structure, new(), {"name": "Faux"}, partly=True)
    a_batch(structure, NOW, a_table(new("Jamais importée")))
    assert ImportBatch.objects.forget(NOW + KEPT_FOR) == 0
    assert ImportBatch.objects.forget(NOW + KEPT_FOR + dt.timedelta(seconds=1)) == 2
    assert ImportBatch.objects.forget(NOW + KEPT_FOR + dt.timedelta(seconds=1)) == 0
    done = ImportBatch.objects.get()
    assert (done.rows, done.former, done.may_be_undone) == ([], {}, False)
    assert done.report["counts"] == {"added": 1, "refused": 1}
    assert refused("undo", done) == "state"


# Any grid of text


class AnyGrid(TestCase):
    """hypothesis needs each example in a transaction of its own."""

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.dictionaries(
                st.sampled_from([column.key for column in COLUMNS]),
                st.one_of(
                    st.text(max_size=30),
                    st.sampled_from([column.example for column in COLUMNS]),
                    st.sampled_from(["Oui", "Non", "En priorité", "0", "99", "12/01/2027", "Mobilité"]),
                ),
            ),
            min_size=1,
            max_size=6,
        )
    )
    def test_any_grid_is_planned_and_imported_without_fail_and_undone_to_what_was(self, rows: Any) -> None:
        structure = a_structure()
        an_action(structure, "Atelier de français", criteria=[{"kind": "age", "need": "required", "max": 30}])

        def stored() -> list[Any]:
            kept = Action.objects.filter(structure=structure).order_by("pk")
            sessions = Session.objects.filter(action__structure=structure).order_by("pk")
            return [*kept.values_list("pk", "name", "criteria", "places", "themes"), *sessions.values_list()]

        before = stored()
        # As `read_table` gives them: what nobody sees is gone.
        table = [
            ["" if cell is None else " ".join(cell.replace("\x00", "").split()) for cell in row]
            for row in a_table(*rows)
        ]
        batch = a_batch(structure, NOW, [[cell.encode("utf-8", "ignore").decode() for cell in row] for row in table])
        plan = batch.plan()
        sound = {"added", "changed"} & set(plan.counts)
        if not sound:
            assert refused("import_rows", batch, plan.digest(), partly=True) == "nothing"
            assert stored() == before
            return
        batch.import_rows(NOW, plan.digest(), partly=True)
        for action in Action.objects.filter(structure=structure):
            action.full_clean(exclude=["description", "criteria"])
            parse_criteria(action.criteria)
        again = a_batch(structure, NOW, table).plan()
        assert not {"added", "changed"} & set(again.counts)
        batch.undo(NOW)
        assert stored() == before
