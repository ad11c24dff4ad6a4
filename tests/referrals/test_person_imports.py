"""A table of persons: each cell read or refused, likely duplicates decided by a human, the whole undone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from referrals.models import Event, EventKind, Need, Person, PersonBatch, PersonMerge
from referrals.models.merge import version_of
from referrals.models.person_batch import PersonPlan
from referrals.permissions import Door
from referrals.person_columns import MOST_PERSONS, PERSON_COLUMNS
from referrals.person_export import exported
from referrals.person_import import plan_of
from structures.models import BatchState, CannotImport, Commune
from structures.spreadsheet.reading import read_table
from structures.spreadsheet.values import BadCell
from structures.vocabulary import Cecrl, NeedTheme, Role
from tests.referrals.stage import session_of
from tests.structures.tables import a_csv, an_ods, an_xlsx
from tests.territory import NOW, TODAY, a_door, a_need, a_person, a_person_batch, a_sent, a_structure, an_action
from worker import tasks

LIST = reverse("referrals:person_import_list")
TABLE = [
    ["Nom", "Prénom", "Né(e) le", "Portable", "Niveau oral", "Besoins"],
    ["Diallo", "Aïssatou", "04/05/1990", "612345678", "A1", "Mobilité ; français"],
    ["Keïta", "Mariam", "31/02/1990", "12", "Z9", "Danser"],
]


@pytest.fixture
def door(db: None) -> Door:
    return a_door(a_structure("Mission locale"), Role.PRESCRIBER)


def plan(door: Door, batch: PersonBatch) -> PersonPlan:
    return plan_of(door, batch, TODAY)


def run(door: Door, batch: PersonBatch, *, partly: bool = False, now: dt.datetime = NOW) -> list[Person]:
    def planned(locked: PersonBatch) -> PersonPlan:
        return plan(door, locked)

    return batch.import_rows(door.actor, now, planned, planned(batch).digest(), partly=partly)


def outcomes(door: Door, batch: PersonBatch) -> list[str]:
    return [row.outcome for row in plan(door, batch).rows]


class TestReading:
    """Every fault has its cell; nothing is guessed."""

    def test_headings_are_recognised_and_every_fault_names_its_cell(self, door: Door) -> None:
        batch = a_person_batch(door, TABLE)
        good, bad = plan(door, batch).rows
        assert good.outcome == "added"
        assert (str(good.values["phone"]), good.values["french_oral"]) == ("+33612345678", Cecrl.A1)
        assert good.themes == [NeedTheme.FRENCH, NeedTheme.MOBILITY]
        assert [fault.address for fault in bad.faults] == ["C3", "D3", "E3", "F3"]

    @pytest.mark.parametrize(
        ("column", "cell", "said"),
        [
            ("Prénom", "", "Écrivez le prénom"),
            ("Nom", "1 90 05 41 018 001 42", "sécurité sociale"),
            ("Précisions sur le contact", "1900541018001 42", "sécurité sociale"),
            ("Date de naissance", "04/05/2090", "futur"),
            ("Moyen de contact sûr", "SMS", "il faut un numéro"),
            ("Adresse e-mail", "pas une adresse", "adresse"),
            ("Degré ANLCI", "5", "n’est pas un degré"),
        ],
    )
    def test_a_cell_that_the_page_would_refuse_is_refused(self, door: Door, column: str, cell: str, said: str) -> None:
        values = {"Nom": "Diallo", "Prénom": "Awa"} | {column: cell}
        batch = a_person_batch(door, [list(values), list(values.values()), ["x"]])
        row = plan(door, batch).rows[0]
        assert any(said in fault.message for fault in row.faults), row.faults

    def test_the_same_person_twice_in_a_table_is_told(self, door: Door) -> None:
        batch = a_person_batch(door, [["Nom", "Prénom"], ["Diallo", "Awa"], ["AWA", "Diallo"]])
        assert outcomes(door, batch) == ["added", "refused"]
        assert "La ligne 2 décrit déjà" in plan(door, batch).rows[1].faults[0].message

    @given(st.sampled_from(PERSON_COLUMNS.columns), st.text(min_size=1, max_size=60))
    def test_any_text_is_read_or_refused_with_a_reason(self, column: Any, text: str) -> None:
        try:
            column.read(text)
        except BadCell as error:
            assert str(error)

    @pytest.mark.parametrize("content", [an_xlsx(TABLE), an_ods(TABLE), a_csv(TABLE)])
    def test_every_format_leads_to_the_preview(self, door: Door, content: bytes) -> None:
        response = session_of(door.user).post(LIST, {"file": SimpleUploadedFile("p.xlsx", content)}, follow=True)
        page = response.content.decode()
        assert "1 personne à enregistrer" in page
        assert "1 ligne à corriger" in page

    def test_too_many_rows_are_refused_in_words(self, door: Door) -> None:
        rows = [["Nom", "Prénom"], *([f"Nom{n}", "Awa"] for n in range(MOST_PERSONS + 1))]
        response = session_of(door.user).post(LIST, {"file": SimpleUploadedFile("p.csv", a_csv(rows))})
        assert response.status_code == 422
        assert "plus de 500 lignes" in response.content.decode()


class TestOneColumnForTwo:
    """« Nom et prénom »: taken apart where capitals tell, else asked about."""

    @pytest.mark.parametrize(
        ("cell", "first", "last"),
        [
            ("DIALLO Aïssatou", "Aïssatou", "DIALLO"),
            ("Aïssatou  DIALLO", "Aïssatou", "DIALLO"),
            ("Mme BEN ALI Fatou Binetou", "Fatou Binetou", "BEN ALI"),
            ("Jean-Luc D’ALMEIDA-ÉTÉ", "Jean-Luc", "D’ALMEIDA-ÉTÉ"),
        ],
    )
    def test_capitals_tell_the_name(self, door: Door, cell: str, first: str, last: str) -> None:
        row = plan(door, a_person_batch(door, [["Nom et prénom", "Langue"], [cell, "peul"]])).rows[0]
        assert (row.outcome, row.values["first_name"], row.values["last_name"]) == ("added", first, last)

    @pytest.mark.parametrize(
        "cell",
        [
            "Diallo Aïssatou",
            "DIALLO AÏSSATOU",
            "DIALLO",
            "Awa",
            "DIALLO A",
            "de LA TOUR Awa",
            "SOW Awa DIALLO",
            "- Awa",
        ],
    )
    def test_any_other_writing_is_asked_about_once(self, door: Door, cell: str) -> None:
        row = plan(door, a_person_batch(door, [["Nom et prénom", "Langue"], [cell, "peul"]])).rows[0]
        assert [(fault.address, "où finit le nom" in fault.message) for fault in row.faults] == [("A2", True)]

    def test_an_empty_cell_is_at_fault_and_two_columns_are_enough(self, door: Door) -> None:
        table = [["Nom et prénom", "Nom", "Prénom", "Langue"], ["", "", "", "peul"], ["Sow Awa", "Sow", "Awa", ""]]
        empty, told = plan(door, a_person_batch(door, table)).rows
        assert {fault.address for fault in empty.faults} == {"A2"}
        assert [fault.address for fault in told.faults] == ["A3"]

    def test_it_stands_for_both_columns(self, door: Door) -> None:
        content = a_csv([["Nom et prénom", "Téléphone"], ["SOW Awa", "06 12 34 56 78"]])
        response = session_of(door.user).post(LIST, {"file": SimpleUploadedFile("p.csv", content)}, follow=True)
        assert "1 personne à enregistrer" in response.content.decode()


class TestPlaces:
    """The commune by its name, its postal code or the end of an address; of namesakes none is guessed."""

    @pytest.fixture(autouse=True)
    def country(self, db: None) -> None:
        rows = [
            ("41018", "Blois", ["41000"]), ("41276", "Villebarou", ["41000"]), ("41295", "Vineuil", ["41350"]),
            ("36247", "Vineuil", ["36110"]), ("2A004", "Ajaccio", ["20000"]), ("01033", "Valserhône", ["39310"]),
        ]  # fmt: skip
        for code, name, postal_codes in rows:
            Commune.objects.create(code=code, name=name, latitude=47.0, longitude=1.3, postal_codes=postal_codes)

    def row(self, door: Door, **cells: str) -> Any:
        cells = {"Nom": "Sow", "Prénom": "Awa"} | cells
        return plan(door, a_person_batch(door, [list(cells), list(cells.values())])).rows[0]

    @pytest.mark.parametrize(
        ("cells", "code"),
        [
            ({"Commune": "vineuil", "Code postal": "41350"}, "41295"),
            ({"Ville": "Vineuil (36)"}, "36247"),
            ({"CP": "36110"}, "36247"),
            ({"CP": "41007", "Ville": "Blois"}, "41018"),
            ({"CP": "20000", "Ville": "Ajaccio"}, "2A004"),
            ({"CP": "39310", "Ville": "Valserhône"}, "01033"),
            ({"Adresse": "3 bis, rue du Port\n41350 VINEUIL"}, "41295"),
            ({"Adresse": "12 rue Denis Papin, 41007 Blois Cedex 2, France"}, "41018"),
            ({"Adresse": "3 rue du Port", "Commune": "Blois"}, "41018"),
            ({"Quartier": "Quartiers nord", "CP": "41000"}, "41018"),
        ],
    )
    def test_where_the_person_lives_is_read(self, door: Door, cells: dict[str, str], code: str) -> None:
        row = self.row(door, **cells)
        assert (row.outcome, row.values["commune_code"]) == ("added", code), row.faults
        assert "Port" not in str(row.values)

    @pytest.mark.parametrize(
        ("cells", "address", "said"),
        [
            ({"Commune": "Vineuil"}, "C2", "Vineuil (36)"),
            ({"CP": "41000"}, "C2", "Villebarou (41)"),
            ({"CP": "99999"}, "C2", "n’est pas connu"),
            ({"CP": "4100A"}, "C2", "cinq chiffres"),
            ({"CP": "37000", "Ville": "Blois"}, "D2", "lequel des deux"),
            ({"Adresse": "3 rue du Port"}, "C2", "ne finit pas par"),
            ({"Adresse": "3 rue du Port 41000"}, "C2", "ne finit pas par"),
            ({"Adresse": "3 rue du Port, 37000 Blois"}, "C2", "lequel des deux"),
        ],
    )
    def test_what_is_not_clear_is_asked_about_at_its_cell(
        self, door: Door, cells: dict[str, str], address: str, said: str
    ) -> None:
        [fault] = self.row(door, **cells).faults
        assert (fault.address, said in fault.message) == (address, True), fault

    def test_a_file_of_ones_own_is_completed_with_the_commune(self, door: Door) -> None:
        known = a_person(door.actor, first_name="Awa", last_name="Sow")
        batch = a_person_batch(door, [["Nom", "Prénom", "Adresse"], ["Sow", "Awa", "3 rue du Port 41350 Vineuil"]])
        batch.choose({2: str(known.pk)})
        run(door, batch)
        known.refresh_from_db()
        assert (known.commune, known.commune_code) == ("Vineuil", "41295")

    def test_the_columns_that_are_only_read_stand_neither_in_the_model_nor_in_the_export(self, door: Door) -> None:
        response: Any = session_of(door.user).get(reverse("referrals:person_import_model", args=["xlsx"]))
        model = read_table(b"".join(response.streaming_content)).rows[0].cells
        head, *_ = exported(door, door.persons(), TODAY)
        assert {"Adresse", "Code postal", "Nom et prénom"}.isdisjoint({*model, *head})
        assert {"Nom", "Prénom", "Commune"} <= {*model} & {*head}


class TestDuplicates:
    """Whom a row is about is decided by who imports; only persons one may see are proposed."""

    TABLE = (["Nom", "Prénom", "Date de naissance", "Langue"], ["DIALO", "Aissatou", "05/04/1990", "peul"])

    def test_a_likely_person_waits_for_a_decision(self, door: Door) -> None:
        known = a_person(door.actor, first_name="Aïssatou", last_name="Diallo")
        batch = a_person_batch(door, self.TABLE)
        assert outcomes(door, batch) == ["doubtful"]
        with pytest.raises(CannotImport, match="à corriger"):
            run(door, batch)
        client, choose = session_of(door.user), reverse("referrals:person_import_choose", args=[batch.pk])
        page = client.get(reverse("referrals:person_import_detail", args=[batch.pk])).content.decode()
        assert "Aïssatou DIALLO, né(e) le 04/05/1990" in page
        for choice, outcome in (("new", "added"), ("leave", "left"), (str(known.pk), "completed")):
            client.post(choose, {"qui_2": choice})
            batch.refresh_from_db()
            assert outcomes(door, batch) == [outcome]
        run(door, batch)
        known.refresh_from_db()
        assert (known.last_name, known.birth_date, known.language) == ("Diallo", dt.date(1990, 5, 4), "peul")
        assert Person.objects.count() == 1

    def test_a_need_that_stands_already_is_not_noted_twice(self, door: Door) -> None:
        known = a_person(door.actor, first_name="Aïssatou", last_name="Diallo")
        a_need(known, door.actor, NeedTheme.MOBILITY)
        batch = a_person_batch(door, TABLE[:2])
        batch.choose({2: str(known.pk)})
        assert plan(door, batch).rows[0].themes == [NeedTheme.FRENCH]
        run(door, batch)
        assert sorted(need.theme for need in known.needs.open()) == ["french", "mobility"]

    def test_a_choice_that_was_not_proposed_is_not_taken(self, door: Door) -> None:
        other = a_person(door.actor, first_name="Mariam", last_name="Keïta")
        a_person(door.actor, first_name="Aïssatou", last_name="Diallo")
        batch = a_person_batch(door, self.TABLE)
        session_of(door.user).post(reverse("referrals:person_import_choose", args=[batch.pk]), {"qui_2": str(other.pk)})
        batch.refresh_from_db()
        assert outcomes(door, batch) == ["doubtful"]

    def test_who_was_chosen_and_no_longer_resembles_the_row_is_decided_anew(self, door: Door) -> None:
        known = a_person(door.actor, first_name="Aïssatou", last_name="Diallo")
        batch = a_person_batch(door, self.TABLE)
        batch.choose({2: str(known.pk)})
        known.change(door.actor, NOW, first_name="Mariam", last_name="Keïta")
        assert outcomes(door, batch) == ["added"]

    def test_a_person_of_a_sensitive_structure_is_never_proposed(self, door: Door) -> None:
        sensitive = a_door(a_structure("CIDFF", is_sensitive=True), Role.PRESCRIBER)
        a_person(sensitive.actor, first_name="Aïssatou", last_name="Diallo")
        assert outcomes(door, a_person_batch(door, self.TABLE)) == ["added"]

    def test_strangers_however_alike_do_not_crowd_out_who_is_known_here(self, door: Door) -> None:
        known = a_person(door.actor, first_name="Aïssatou", last_name="Diallo")
        elsewhere = a_door(a_structure(), Role.PRESCRIBER)
        for _ in range(6):
            a_person(elsewhere.actor, first_name="Aissatou", last_name="Dialo")
        row = plan(door, a_person_batch(door, self.TABLE)).rows[0]
        assert row.likely == [known]

    def test_a_person_received_is_proposed_but_never_written_over(self, door: Door) -> None:
        sender = a_door(a_structure("PIMMS"), Role.PRESCRIBER)
        known = a_person(sender.actor, first_name="Aïssatou", last_name="Diallo")
        a_sent(an_action(door.structure), sender.actor, known)
        batch = a_person_batch(door, self.TABLE)
        assert outcomes(door, batch) == ["doubtful"]
        batch.choose({2: str(known.pk)})
        assert outcomes(door, batch) == ["left"]
        with pytest.raises(CannotImport, match="rien à importer"):
            run(door, batch)

    def test_a_preview_costs_the_same_queries_for_two_rows_and_for_many(self, door: Door) -> None:
        a_person(door.actor, first_name="Aïssatou", last_name="Diallo")

        def cost(count: int) -> int:
            batch = a_person_batch(
                door, [["Nom", "Prénom", "Commune"], *(["Diallo", f"Aïssatou {n}", "Vineuil"] for n in range(count))]
            )
            with CaptureQueriesContext(connection) as queries:
                plan(door, batch)
            return len(queries)

        assert cost(2) == cost(30)


class TestImporting:
    """Through `Person.record`, whole or not at all."""

    def test_each_person_is_recorded_journalled_and_matched(self, door: Door) -> None:
        batch = a_person_batch(door, TABLE)
        client, address = session_of(door.user), reverse("referrals:person_import_run", args=[batch.pk])
        client.post(address, {"seen": plan(door, batch).digest()})
        assert not Person.objects.exists()
        client.post(address, {"seen": plan(door, batch).digest(), "partly": "on"})
        person = Person.objects.get()
        assert (person.full_name, person.recorded_by) == ("Aïssatou DIALLO", door.structure)
        assert Event.objects.filter(kind=EventKind.PERSON_RECORDED, person=person).exists()
        assert {need.theme: need.unmatched_reason for need in person.needs.all()} == {
            "french": "no_offer",
            "mobility": "no_offer",
        }
        page = client.get(reverse("referrals:person_import_detail", args=[batch.pk])).content.decode()
        assert "1 personne enregistrée" in page
        batch.refresh_from_db()
        assert "Diallo" not in str(batch.report)

    def test_what_changed_since_the_preview_stops_it(self, door: Door) -> None:
        batch = a_person_batch(door, TABLE[:2])
        seen = plan(door, batch).digest()
        a_person(door.actor, first_name="Aïssatou", last_name="Diallo")
        with pytest.raises(CannotImport, match="ont changé"):
            batch.import_rows(door.actor, NOW, lambda locked: plan(door, locked), seen, partly=True)
        assert Person.objects.count() == 1

    def test_who_resembles_the_row_since_the_preview_is_shown_before_anything_is_written(self, door: Door) -> None:
        a_person(door.actor, first_name="Aïssatou", last_name="Diallo")
        batch = a_person_batch(door, TABLE[:2])
        batch.choose({2: "new"})
        seen = plan(door, batch).digest()
        a_person(door.actor, first_name="Aissatou", last_name="Dialo")
        with pytest.raises(CannotImport, match="ont changé"):
            batch.import_rows(door.actor, NOW, lambda locked: plan(door, locked), seen, partly=True)
        assert Person.objects.count() == 2

    def test_what_a_file_gains_is_what_the_preview_said(self, door: Door) -> None:
        known = a_person(door.actor, first_name="Aïssatou", last_name="Diallo")
        batch = a_person_batch(door, TABLE[:2])
        batch.choose({2: str(known.pk)})
        seen = plan(door, batch).digest()
        known.change(door.actor, NOW, french_oral=Cecrl.B1)
        assert outcomes(door, batch) == ["completed"]
        with pytest.raises(CannotImport, match="ont changé"):
            batch.import_rows(door.actor, NOW, lambda locked: plan(door, locked), seen, partly=True)

    def test_a_second_press_imports_nothing_more(self, door: Door) -> None:
        batch = a_person_batch(door, TABLE[:2])
        run(door, batch)
        with pytest.raises(CannotImport, match="déjà terminé"):
            run(door, batch)
        assert Person.objects.count() == 1


class TestUndoing:
    """Nobody stays but those whose file served since."""

    def test_who_was_added_is_erased_and_the_journal_stays(self, door: Door) -> None:
        batch = a_person_batch(door, TABLE[:2])
        run(door, batch)
        person = Person.objects.get()
        session_of(door.user).post(reverse("referrals:person_import_undo", args=[batch.pk]))
        person.refresh_from_db()
        assert (person.full_name.strip(), str(person.phone), person.birth_date, person.french_oral) == (
            "",
            "",
            None,
            "",
        )
        assert not door.persons().exists()
        assert not Need.objects.exists()
        assert Event.objects.filter(kind=EventKind.PERSON_WITHDRAWN, person=person).exists()
        batch.refresh_from_db()
        assert batch.state == BatchState.UNDONE

    def test_who_has_a_fiche_or_was_changed_since_stays_and_is_named(self, door: Door) -> None:
        table = [["Nom", "Prénom"], ["Diallo", "Aïssatou"], ["Keïta", "Mariam"], ["Nguyen", "Linh"], ["Roux", "Paul"]]
        batch = a_person_batch(door, table)
        run(door, batch)
        awa, mariam, linh, _paul = (Person.objects.get(last_name=row[0]) for row in table[1:])
        a_sent(an_action(a_structure()), door.actor, awa)
        mariam.change(door.actor, NOW + dt.timedelta(hours=1), language="bambara")
        a_need(linh, door.actor)
        client = session_of(door.user)
        client.post(reverse("referrals:person_import_undo", args=[batch.pk]))
        assert set(door.persons()) == {awa, mariam, linh}
        page = client.get(reverse("referrals:person_import_detail", args=[batch.pk])).content.decode()
        assert "1 personne retirée" in page
        assert "Gardées, car quelqu’un y a travaillé depuis" in page
        assert awa.full_name in page

    def test_who_was_completed_gets_the_former_values_back(self, door: Door) -> None:
        known = a_person(door.actor, first_name="Aïssatou", last_name="Diallo", email="a@example.org")
        batch = a_person_batch(door, [["Nom", "Prénom", "Langue", "Niveau oral"], ["Diallo", "Aïssatou", "peul", "A2"]])
        batch.choose({2: str(known.pk)})
        run(door, batch)
        known.refresh_from_db()
        known.change(door.actor, NOW, language="bambara")
        batch.undo(door.actor, NOW)
        known.refresh_from_db()
        assert (known.language, known.french_oral, known.email) == ("bambara", "", "a@example.org")

    @pytest.mark.parametrize("completed", [False, True])
    def test_who_was_merged_since_stays_as_they_are(self, door: Door, completed: bool) -> None:
        keep = a_person(door.actor, first_name="Zoé", last_name="Martin")
        batch = a_person_batch(door, TABLE[:2])
        if completed:
            known = a_person(door.actor, first_name="Aïssatou", last_name="Diallo")
            batch.choose({2: str(known.pk)})
        run(door, batch)
        lose = Person.objects.get(last_name="Diallo")
        seen = version_of(keep, lose)
        PersonMerge.objects.merge(keep, lose, door.actor, NOW, values={}, seen=seen)
        batch.undo(door.actor, NOW)
        lose.refresh_from_db()
        assert (lose.last_name, lose.french_oral, lose.merged_into) == ("Diallo", Cecrl.A1, keep)
        assert batch.report["undo"]["kept"] == [str(lose.pk)]

    def test_needs_that_a_fiche_answers_stay_when_the_import_is_taken_back(self, door: Door) -> None:
        known = a_person(door.actor, first_name="Aïssatou", last_name="Diallo")
        batch = a_person_batch(door, TABLE[:2])
        batch.choose({2: str(known.pk)})
        run(door, batch)
        a_sent(an_action(a_structure()), door.actor, known, needs=[known.needs.get(theme="french")])
        batch.undo(door.actor, NOW)
        assert known.needs.filter(theme="french").exists()
        assert batch.report["undo"]["kept"] == [str(known.pk)]

    def test_after_a_week_the_cells_are_gone_and_nothing_is_undone(self, door: Door) -> None:
        old = NOW - dt.timedelta(days=8)
        done, left = a_person_batch(door, TABLE[:2], old), a_person_batch(door, TABLE[:2], old)
        run(door, done, now=old)
        tasks.forget_imports()
        done.refresh_from_db()
        assert (done.rows, done.former, done.choices) == ([], {}, {})
        assert not PersonBatch.objects.filter(pk=left.pk).exists()
        with pytest.raises(CannotImport):
            done.undo(door.actor, NOW)
