"""What an import of persons would do, row by row: added, completed, left, to decide, or refused with its faults."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.forms.models import construct_instance

from referrals.forms.merges import PARTS
from referrals.forms.persons import PersonForm
from referrals.models import Person, PersonBatch
from referrals.models.person_batch import LEAVE, NEW, PersonPlan, PlannedPerson
from referrals.permissions import Door
from structures.spreadsheet.headings import letter
from structures.spreadsheet.plan import Change, Fault
from structures.spreadsheet.reading import Row
from structures.spreadsheet.values import BadCell
from structures.text import plain
from structures.vocabulary import NeedTheme


class RowForm(PersonForm):
    """The form of a person, for one row among many: what the database would be asked, it says when the row is written.

    Django asks it one query per constraint, which the fields have said already. `communes` keeps what was read: the
    same few names stand in many rows.
    """

    def __init__(self, *args: Any, communes: dict[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.communes = communes

    def clean_commune(self) -> str:
        """As on the page, each name read once."""
        typed: str = self.cleaned_data["commune"]
        if typed not in self.communes:
            name = super().clean_commune()
            self.communes[typed] = (self.code, name)
        self.code, name = self.communes[typed]
        return name

    def _post_clean(self) -> None:
        self.instance = construct_instance(self, self.instance, list(self.fields))
        try:
            self.instance.clean_fields(exclude=self._get_validation_exclusions())  # type: ignore[attr-defined]
        except ValidationError as error:
            self.add_error(None, error)


class PersonPlanner:
    """Plans the rows of a table, against the persons whom the door shows.

    Two queries, whatever the number of rows; one more for each name of a commune, and for each person chosen whose
    needs the table tells.
    """

    def __init__(self, door: Door, batch: PersonBatch, today: dt.date) -> None:
        self.door, self.batch, self.today = door, batch, today
        # From left to right: a database forgets the order of a mapping, and a reader follows the row.
        self.mapping = dict(sorted(batch.sound_mapping.items(), key=lambda item: item[1]))
        self.columns = batch.columns.by_key
        self.communes: dict[str, tuple[str, str]] = {}
        self.taken: dict[tuple[str, dt.date | None], int] = {}

    def plan(self) -> PersonPlan:
        """Plan every row."""
        rows = [self._row(row) for row in self.batch.table_rows]
        self._compare([row for row in rows if not row.faults])
        return PersonPlan(rows)

    def _row(self, row: Row) -> PlannedPerson:
        cells = {key: row.cells[place] if place < len(row.cells) else "" for key, place in self.mapping.items()}
        name = " ".join(filter(None, [cells.get("first_name", ""), cells.get("last_name", "")]))
        planned = PlannedPerson(row.number, name, choice=self.batch.choices.get(str(row.number), ""))

        def fault(key: str, message: str) -> None:
            place = self.mapping.get(key)
            address = f"ligne {row.number}" if place is None else f"{letter(place)}{row.number}"
            label = self.columns[key].label if key in self.columns else ""
            planned.faults.append(Fault(key, address, label, cells.get(key, ""), message))

        said: dict[str, Any] = {"contact_channel": "prescriber"}
        for key, text in cells.items():
            if text:
                try:
                    said[key] = self.columns[key].read(text)
                except BadCell as error:
                    fault(key, str(error))
        planned.themes = said.pop("needs", [])
        form = RowForm(said, today=self.today, communes=self.communes)
        refused = {found.key for found in planned.faults}
        for key, errors in form.errors.items():
            if key not in refused:
                fault(key, " ".join(str(error) for error in errors))
        if not planned.faults:
            self._keep(planned, form, cells, fault)
        planned.faults.sort(key=lambda found: self.mapping.get(found.key, len(row.cells)))
        return planned

    def _keep(self, planned: PlannedPerson, form: PersonForm, cells: Mapping[str, str], fault: Any) -> None:
        """The values of a sound row: what its cells say, and what follows from them."""
        follow = {"commune": ("commune", "commune_code"), "quartier": ("quartier", "commune", "commune_code", "in_qpv")}
        names = {name for key, text in cells.items() if text for name in follow.get(key, (key,))} - {"needs"}
        planned.values = {name: value for name, value in form.values.items() if name in names}
        planned.name = form.instance.full_name
        mark = (" ".join(sorted(plain(planned.name).split())), form.instance.birth_date)
        before = self.taken.setdefault(mark, planned.number)
        if before != planned.number:
            fault("last_name", f"La ligne {before} décrit déjà cette personne.")

    def _compare(self, rows: Sequence[PlannedPerson]) -> None:
        """Find who each row may already be, and what a chosen person would gain."""
        assert self.door.structure is not None
        asked = {row.number: (row.name, row.values.get("birth_date")) for row in rows}
        found = self.door.persons().resembling_each(asked, self.door.structure)
        keys = {pk for pairs in found.values() for pk, _ in pairs}
        persons = {one.pk: one for one in self.door.persons().filter(pk__in=keys).order_by("pk")}
        for row in rows:
            row.likely = [persons[pk] for pk, _ in found.get(row.number, []) if pk in persons]
            if row.choice in {"", NEW, LEAVE}:
                continue
            row.target = next((one for one in row.likely if str(one.pk) == row.choice), None)
            if row.target is None:
                # Who was chosen is no longer there: it must be decided anew.
                row.choice = ""
                continue
            self._complete(row, row.target)

    def _complete(self, row: PlannedPerson, target: Person) -> None:
        """What the row adds to a file of one's own: what is not known there. Another structure's is left as it is."""
        if not self.door.may("edit", target):
            row.values, row.themes = {}, []
            return
        fresh = Person(**row.values)
        wanted: dict[str, Any] = {}
        for part in PARTS:
            names = [name for name in part.names if name in row.values]
            if names and not part.words(target) and part.words(fresh):
                wanted |= {name: row.values[name] for name in names}
                row.changes.append(Change(part.label, "", part.words(fresh)))
        held = set(target.needs.open().values_list("theme", flat=True)) if row.themes else set()
        row.themes = [theme for theme in row.themes if theme not in held]
        if row.themes:
            row.changes.append(Change("Besoins", "", ", ".join(NeedTheme(theme).label for theme in row.themes)))
        row.values = wanted


def plan_of(door: Door, batch: PersonBatch, today: dt.date) -> PersonPlan:
    """What importing would do to the files as they now stand."""
    return PersonPlanner(door, batch, today).plan()
