"""What an import of persons would do, row by row: added, completed, left, to decide, or refused with its faults."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms.models import construct_instance
from django.utils import timezone

from referrals.forms.merges import PARTS
from referrals.forms.persons import PersonForm
from referrals.matching import note_matches
from referrals.models import Person, PersonBatch
from referrals.models.person_batch import LEAVE, NEW, PersonPlan, PlannedPerson
from referrals.permissions import Door
from structures.forms.fields import read_commune
from structures.models import Commune
from structures.spreadsheet.headings import letter
from structures.spreadsheet.plan import Change, Fault
from structures.spreadsheet.reading import Row
from structures.spreadsheet.values import BadCell
from structures.territory import department_of
from structures.text import plain
from structures.vocabulary import NeedTheme, Quartier

Communes = dict[tuple[str, str], tuple[str, str] | ValidationError]
"""What a name and a postal code mean, or why they mean nothing."""


def read_place(typed: str, postal_code: str) -> tuple[str, str]:
    """The code and the name of the commune that a row tells by a name, a postal code, or both.

    Raises `ValidationError` where several are meant, or where the two contradict each other.
    """
    if not postal_code:
        return read_commune(typed)
    code, name = read_commune(typed, postal_code) if typed else read_commune(postal_code)
    if not code and not typed:
        raise ValidationError(f"Le code postal {postal_code} n’est pas connu : écrivez la commune.")
    # Corsica's two départements share the postal codes in 20; a few communes have the code of a neighbour's office.
    near = postal_code.startswith(re.sub("2[AB]", "20", department_of(code)))
    if not near and not Commune.objects.filter(code=code, postal_codes__contains=[postal_code]).exists():
        raise ValidationError(f"Le code postal {postal_code} n’est pas celui de {name} : lequel des deux est juste ?")
    return code, name


class RowForm(PersonForm):
    """The form of a person, for one row among many: what the database would be asked, it says when the row is written.

    Django asks it one query per constraint, which the fields have said already. `communes` keeps what was read: the
    same few names stand in many rows.
    """

    def __init__(self, *args: Any, communes: Communes, postal_code: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.communes, self.postal_code = communes, postal_code

    def clean_commune(self) -> str:
        """As on the page, each name read once, with the postal code of the row. Where there is a quartier of Blois,
        the postal code alone adds nothing.
        """
        typed: str = self.cleaned_data["commune"]
        in_blois = self.cleaned_data.get("quartier") not in ("", None, Quartier.OTHER)
        key = (typed, "" if in_blois and not typed else self.postal_code)
        if key not in self.communes:
            try:
                self.communes[key] = read_place(*key)
            except ValidationError as error:
                self.communes[key] = error
        found = self.communes[key]
        if isinstance(found, ValidationError):
            raise found
        self.code, name = found
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
        self.communes: Communes = {}
        self.taken: dict[tuple[str, dt.date | None], int] = {}

    def plan(self) -> PersonPlan:
        """Plan every row."""
        rows = [self._row(row) for row in self.batch.table_rows]
        self._compare([row for row in rows if not row.faults])
        return PersonPlan(rows)

    def _row(self, row: Row) -> PlannedPerson:
        cells = {key: row.cells[place] if place < len(row.cells) else "" for key, place in self.mapping.items()}
        name = " ".join(filter(None, [cells.get("first_name", ""), cells.get("last_name", "")]))
        name = name or cells.get("full_name", "")
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
        origins = self._combine(said, fault)
        postal_code = said.pop("postal_code", "")
        form = RowForm(said, today=self.today, communes=self.communes, postal_code=postal_code)
        refused = {found.key for found in planned.faults}
        for key, errors in form.errors.items():
            if origins.get(key, key) not in refused:
                fault(origins.get(key, key), " ".join(str(error) for error in errors))
        if not planned.faults:
            self._keep(planned, form, cells, fault)
        planned.faults.sort(key=lambda found: self.mapping.get(found.key, len(row.cells)))
        return planned

    def _combine(self, said: dict[str, Any], fault: Any) -> dict[str, str]:
        """Fill in from the columns that say it otherwise the names and the commune that no column says by itself.

        Returns, for the fields so filled in, the column at fault when they are refused.
        """
        origins: dict[str, str] = {}
        first, last = said.pop("full_name", ("", ""))
        for key, value in (("first_name", first), ("last_name", last)):
            if not said.get(key) and "full_name" in self.mapping:
                said[key], origins[key] = value, "full_name"
        tells = "address" in said
        postal_code, commune = said.pop("address", ("", ""))
        if tells and not said.keys() & {"commune", "postal_code", "quartier"}:
            if commune:
                said |= {"commune": commune, "postal_code": postal_code}
                origins["commune"] = "address"
            else:
                fault("address", "Cette adresse ne finit pas par un code postal et une commune (41350 Vineuil).")
        elif "commune" not in said and "postal_code" in said:
            origins["commune"] = "postal_code"
        return origins

    def _keep(self, planned: PlannedPerson, form: PersonForm, cells: Mapping[str, str], fault: Any) -> None:
        """The values of a sound row: what its cells say, and what follows from them."""
        place = ("commune", "commune_code")
        follow = {
            "full_name": ("first_name", "last_name"),
            **dict.fromkeys(("commune", "postal_code", "address"), place),
            "quartier": ("quartier", *place, "in_qpv"),
        }
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


def import_table(door: Door, batch: PersonBatch, now: dt.datetime, seen: str, *, partly: bool) -> None:
    """Write what the plan of digest `seen` says, then match the needs. Raises `CannotImport`; nothing is written."""
    today = timezone.localdate(now)
    with transaction.atomic():
        needing = batch.import_rows(door.actor, now, lambda locked: plan_of(door, locked, today), seen, partly=partly)
        for person in needing:
            note_matches(door, person, now)
