"""What an import would do, row by row: added, changed with its fields, unchanged, or refused with its faulty cells."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from itertools import chain, count
from typing import Any, Literal

from phonenumber_field.phonenumber import PhoneNumber

from structures.models.action import PLACE, Action
from structures.models.commune import Commune
from structures.models.session import Session
from structures.spreadsheet import conditions, values
from structures.spreadsheet.columns import COLUMNS
from structures.spreadsheet.headings import letter
from structures.spreadsheet.reading import Row
from structures.spreadsheet.values import BadCell
from structures.territory import department_of
from structures.text import plain
from structures.vocabulary import Cecrl

Outcome = Literal["added", "changed", "unchanged", "refused"]

FIELDS = (
    "name", "description", "themes", "shape", "rhythm", "weekly_hours", "weeks", "places", "address", "postal_code",
    "commune", "phone", "email", "frais", "publics", "mobilisation_precisions", "programme",
)  # fmt: skip
"""Columns that are fields of the action, under the same name."""
LABELS = {
    **{name: COLUMNS.by_key[name].label for name in FIELDS},
    "criteria": "Conditions",
    "commune_code": "Code commune (INSEE)",
    "level_in": "Niveau de français à l’entrée",
    "is_published": "Au catalogue",
    "session": "Session",
}


@dataclass(frozen=True)
class Fault:
    """A fault of a row: the address of the cell (« C7 », or the row's alone), its column, what it holds, and why."""

    key: str
    address: str
    label: str
    text: str
    message: str


@dataclass(frozen=True)
class Change:
    """A field as it was and as it will be, in words; nothing was, in a row that is added."""

    label: str
    before: str
    after: str


@dataclass
class SessionPlan:
    """The session of a row: the one that starts that day if there is one, and the values that change."""

    starts_on: dt.date
    code: str
    existing: Session | None
    values: dict[str, Any]


@dataclass
class Planned:
    """One row as it will be. `values` are the fields to write, as the model has them."""

    number: int
    name: str
    action: Action | None = None
    identifier: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    session: SessionPlan | None = None
    changes: list[Change] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """What becomes of the row."""
        if self.faults:
            return "refused"
        if self.action is None:
            return "added"
        return "changed" if self.changes else "unchanged"

    def is_wrong_in(self, key: str) -> bool:
        """Whether the row already has a fault in that column."""
        return any(fault.key == key for fault in self.faults)


@dataclass
class Plan:
    """All the rows, in the order of the table."""

    rows: list[Planned]

    @property
    def counts(self) -> Counter[str]:
        """How many rows of each outcome."""
        return Counter(row.outcome for row in self.rows)

    def of(self, outcome: str) -> list[Planned]:
        """The rows of one outcome."""
        return [row for row in self.rows if row.outcome == outcome]

    def digest(self) -> str:
        """The same text for the same plan: what was seen is what is done."""
        told = [
            (row.number, row.outcome, row.action.pk if row.action else row.name, [asdict(one) for one in row.changes])
            for row in self.rows
        ]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def shown(name: str, value: Any) -> str:
    """A field's value in words."""
    if name == "criteria":
        return conditions.sentences(value)
    column = COLUMNS.by_key.get(name)
    if column is not None and column.choices is not None:
        return values.listed([value] if isinstance(value, str) else value, column.choices)
    if name == "level_in":
        return str(dict(Cecrl.choices).get(value, value))
    if isinstance(value, bool):
        return "Oui" if value else "Non"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}".replace(".", ",")
    if isinstance(value, PhoneNumber):
        return str(value.as_national)
    return "" if value is None else str(value)


def run_of(starts_on: dt.date, ends_on: dt.date | None, places: int | None) -> str:
    """A session in words."""
    days = f"du {starts_on:%d/%m/%Y} au {ends_on:%d/%m/%Y}" if ends_on else f"à partir du {starts_on:%d/%m/%Y}"
    return days if places is None else f"{days}, {places} places"


def same(one: Any, other: Any) -> bool:
    """Whether two values of a field say the same: the order of a list of codes says nothing."""
    if isinstance(one, list) and isinstance(other, list) and all(isinstance(item, str) for item in [*one, *other]):
        return set(one) == set(other)
    return bool(one == other)


def own_key(structure_id: Any, identifier: str) -> str:
    """The identity in the source of an action that its structure numbers itself."""
    return f"{structure_id}/{identifier}"


class Planner:
    """Plans rows against the actions that a structure has. No query of its own."""

    def __init__(
        self,
        mapping: Mapping[str, int],
        structure_id: Any,
        actions: Iterable[Action],
        sessions: Iterable[Session],
        communes: Iterable[Commune],
    ) -> None:
        # From left to right: a database forgets the order of a mapping, and a reader follows the row.
        self.mapping = dict(sorted(mapping.items(), key=lambda item: item[1]))
        self.structure_id = structure_id
        self.by_name: dict[str, Action] = {}
        self.by_identifier: dict[str, Action] = {}
        for action in actions:
            self.by_name.setdefault(plain(action.name), action)
            self.by_identifier.setdefault(action.source_id, action)
        self.sessions: dict[int, dict[dt.date, Session]] = {}
        self.codes: set[tuple[int, str]] = set()
        for session in sessions:
            self.sessions.setdefault(session.action_id, {}).setdefault(session.starts_on, session)
            self.codes.add((session.action_id, session.code))
        self.communes: dict[str, list[str]] = {}
        for commune in communes:
            self.communes.setdefault(plain(commune.name), []).append(commune.code)
        self.taken: dict[Any, int] = {}
        self.read: dict[tuple[str, str], Any] = {}

    def plan(self, rows: Sequence[Row]) -> Plan:
        """Plan every row."""
        return Plan([self._row(row) for row in rows])

    def _row(self, row: Row) -> Planned:
        said: dict[str, Any] = {}
        cells = {key: row.cells[place] if place < len(row.cells) else "" for key, place in self.mapping.items()}
        planned = Planned(row.number, cells.get("name", ""))

        def fault(key: str, message: str) -> None:
            mapped = key in self.mapping
            address = f"{letter(self.mapping[key])}{row.number}" if mapped else f"ligne {row.number}"
            label = COLUMNS.by_key[key].label if key else ""
            planned.faults.append(Fault(key, address, label, cells.get(key, ""), message))

        for key, text in cells.items():
            if text:
                value = self._read(key, text)
                if isinstance(value, BadCell):
                    fault(key, str(value))
                else:
                    said[key] = value
        self._find_action(planned, said, fault)
        self._fill(planned, said, fault)
        self._fill_session(planned, said, fault)
        if planned.faults:
            planned.faults.sort(key=lambda found: self.mapping.get(found.key, len(row.cells)))
            planned.changes = []
        return planned

    def _read(self, key: str, text: str) -> Any:
        """What a cell says, or why it says nothing. The same words stand in many rows: they are read once."""
        if (key, text) not in self.read:
            try:
                self.read[key, text] = COLUMNS.by_key[key].read(text)
            except BadCell as error:
                self.read[key, text] = error
        return self.read[key, text]

    def _find_action(self, planned: Planned, said: Mapping[str, Any], fault: Any) -> None:
        """Which action the row speaks of; at fault without a name, or when another row or action is in the way."""
        planned.identifier = said.get("identifier", "")
        name = plain(said.get("name", ""))
        for key in (planned.identifier, own_key(self.structure_id, planned.identifier)):
            if planned.identifier and planned.action is None:
                planned.action = self.by_identifier.get(key)
        namesake = self.by_name.get(name) if name else None
        if planned.action is None:
            planned.action = namesake
        elif namesake is not None and namesake != planned.action:
            fault("name", "Une autre action de votre structure porte déjà ce nom.")
        if planned.action is not None:
            planned.name = planned.name or planned.action.name
        elif not name and not planned.is_wrong_in("name"):
            fault("name", "Le nom manque.")
        marks: list[Any] = [("action", planned.action.pk)] if planned.action else []
        marks += [("name", name)] if name else []
        marks += [("identifier", planned.identifier)] if planned.identifier else []
        before = next((self.taken[mark] for mark in marks if mark in self.taken), None)
        if before is not None:
            fault("name", f"La ligne {before} décrit déjà cette action.")
        for mark in marks:
            self.taken.setdefault(mark, planned.number)

    def _fill(self, planned: Planned, said: Mapping[str, Any], fault: Any) -> None:
        """The fields to write, and what they change."""
        stored = planned.action or Action()
        wanted = {name: said[name] for name in FIELDS if name in said}
        if "french_oral" in said:
            wanted["level_in"] = "" if said["french_oral"] == Cecrl.NONE else said["french_oral"]
        if "commune" in said:
            wanted["commune_code"] = self._commune_code(said["commune"], said.get("postal_code", stored.postal_code))
        criteria = conditions.merged(stored.criteria, said)
        wanted["criteria"] = criteria
        for key, message in conditions.faults(criteria, said):
            fault(key, message)
        if planned.action is None and not said.get("themes") and not planned.is_wrong_in("themes"):
            fault("themes", "Indiquez au moins un besoin couvert.")
        if planned.action is not None and not planned.action.is_published:
            wanted["is_published"] = True
        for name, value in wanted.items():
            former = getattr(stored, name)
            if same(former, value):
                continue
            planned.values[name] = value
            if planned.action is None and name == "name":
                continue
            before = shown(name, former) if planned.action else ""
            planned.changes.append(Change(LABELS[name], before, shown(name, value)))
        if planned.values.keys() & set(PLACE) and stored.latitude is not None:
            planned.values |= {"latitude": None, "longitude": None}

    def _commune_code(self, name: str, postal_code: str) -> str:
        """The only commune of that name, in the département of the postal code when there is one; else empty."""
        codes = self.communes.get(plain(name), [])
        if postal_code:
            # Corsica's two départements share the postal codes in 20.
            codes = [code for code in codes if re.sub("2[AB]", "20", department_of(code))[:2] == postal_code[:2]]
        return codes[0] if len(codes) == 1 else ""

    def _fill_session(self, planned: Planned, said: Mapping[str, Any], fault: Any) -> None:
        """The session to add or to bring up to date."""
        starts_on = said.get("starts_on")
        if starts_on is None:
            if "ends_on" in said and not planned.is_wrong_in("starts_on"):
                fault("ends_on", "Indiquez aussi le début de la session.")
            return
        runs = self.sessions.get(planned.action.pk, {}) if planned.action else {}
        existing = runs.get(starts_on)
        ends_on = said.get("ends_on", existing.ends_on if existing else None)
        places = said.get("places", existing.places if existing else None)
        if ends_on is not None and ends_on < starts_on:
            fault("ends_on" if "ends_on" in said else "starts_on", "La fin de la session précède son début.")
        if existing is not None and places is not None and places < existing.reserved:
            fault(
                "places", f"{existing.reserved} places de cette session sont réservées : indiquez-en au moins autant."
            )
        elif (
            existing is not None
            and "places" in said
            and places is not None
            and places < existing.held
            and places != existing.places
        ):
            fault(
                "places",
                f"{existing.held} places de cette session sont réservées ou prises par des fiches : "
                "indiquez-en au moins autant.",
            )
        wanted = {"ends_on": ends_on, "places": places}
        changed = {
            name: value for name, value in wanted.items() if existing is None or getattr(existing, name) != value
        }
        if existing is None or changed:
            code = self._free_code(planned.action, f"{starts_on:%Y-%m-%d}")
            planned.session = SessionPlan(starts_on, code, existing, changed)
            before = run_of(existing.starts_on, existing.ends_on, existing.places) if existing else ""
            planned.changes.append(Change(LABELS["session"], before, run_of(starts_on, ends_on, places)))

    def _free_code(self, action: Action | None, code: str) -> str:
        """The session's code: its first day, with a number where another session has taken that name."""
        choices = chain([code], (f"{code}-{number}" for number in count(2)))
        return next(one for one in choices if action is None or (action.pk, one) not in self.codes)
