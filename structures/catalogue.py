"""Loading a territory's catalogue: structures, actions and sessions, from one JSON file, whole or not at all.

The file is `{"source": …, "communes": […], "structures": […], "services": […]}`. Each entry is a data·inclusion v1
object plus a `relais` object with what that format has no place for; `communes`, which may be left out, is a list such
as `structures.communes` reads. A row's identity is (source, id). The file is
the authority for its source: an action that it no longer holds is unpublished, never deleted, because
fiches refer to it. But what people changed of an action or of its sessions since it was loaded stays theirs: the
action's history tells (`ActionChange.objects.held`).
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from data_inclusion.schema import v1
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from pydantic import ValidationError as SchemaError

from structures.communes import BadCommunes, read_communes, write_communes
from structures.eligibility import BadCriteria, parse_criteria
from structures.exchange.format import ACTION_FIELDS, STRUCTURE_FIELDS, Fault, schema_messages
from structures.models import Action, ActionChange, ChangeKind, Commune, Offer, Session, Structure
from structures.models.change import Held
from structures.models.keeping import column, differing, kept

STRUCTURE_EXTRAS: dict[str, tuple[type, ...]] = {
    "short_name": (str,),
    "kind": (str,),
    "is_prescriber": (bool,),
    "is_sensitive": (bool,),
}
ACTION_EXTRAS: dict[str, tuple[type, ...]] = {
    "slug": (str,), "shape": (str,), "themes": (list,), "criteria": (list,), "learner_publics": (list,),
    "level_in": (str,), "level_out": (str,), "certificates": (list,), "rhythm": (str,),
    "total_hours": (int, float, type(None)), "timetable": (list,), "scales": (list,),
    "places": (int, type(None)), "programme": (str,), "programmes": (list,), "confirmed_on": (str, type(None)),
}  # fmt: skip
SESSION_FIELDS: dict[str, tuple[type, ...]] = {
    "code": (str,), "starts_on": (str,), "ends_on": (str, type(None)), "timetable": (str,), "place": (str,),
    "places": (int, type(None)), "reserved": (int,), "half_day_hours": (int, float, type(None)),
}  # fmt: skip
"""Fields of the `relais` objects and of sessions, with the types that JSON may give them."""


class BadCatalogue(Exception):
    """A file that cannot be loaded; `faults` names each faulty row and field, in French."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


@dataclass
class Report:
    """What a load did, by name: rows added, changed with their fields, no longer found.

    `kept` are the rows that people changed, with the fields that the file would have changed back.
    """

    added: list[str] = field(default_factory=list)
    changed: list[tuple[str, list[str]]] = field(default_factory=list)
    kept: list[tuple[str, list[str]]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def _typed(row: str, raw: Any, types: Mapping[str, tuple[type, ...]], faults: list[Fault]) -> dict[str, Any]:
    """The known, well-typed fields of an object; the others are faults."""
    if not isinstance(raw, dict):
        faults.append(Fault(row, "relais", "un objet est attendu"))
        return {}
    for name in sorted(set(map(str, raw)) - set(types)):
        faults.append(Fault(row, name, "champ inconnu"))
    typed = {}
    for name in set(types) & set(raw):
        value = raw[name]
        confused = isinstance(value, bool) and bool not in types[name]
        if confused or not isinstance(value, types[name]):
            faults.append(Fault(row, name, f"valeur mal formée ({value!r})"))
        else:
            typed[name] = value
    return typed


def _clean(row: str, instance: models.Model, exclude: Iterable[str], faults: list[Fault]) -> None:
    """Check an instance field by field with its own model's rules."""
    try:
        instance.clean_fields(exclude=set(exclude))
    except ValidationError as error:
        faults += [Fault(row, name, " ".join(messages)) for name, messages in sorted(error.message_dict.items())]


def _schema_faults(row: str, schema: type[v1.Structure | v1.Service], entry: dict[str, Any]) -> list[Fault]:
    """What data·inclusion's schema refuses, and the fields that it does not know."""
    known = set(schema.model_fields)
    faults = [Fault(row, name, "champ inconnu") for name in sorted(set(map(str, entry)) - known)]
    try:
        schema.model_validate(entry, context={"ignore_warnings": False})
    except SchemaError as error:
        faults += [Fault(row, name, message) for name, message in schema_messages(error)]
    return list(dict.fromkeys(faults))


def _values(entry: Mapping[str, Any], fields: Mapping[str, str], model: type[models.Model]) -> dict[str, Any]:
    """Our values for a data·inclusion object: an absent field is empty, a list is in a stable order."""
    values: dict[str, Any] = {}
    for theirs, ours in fields.items():
        value = entry.get(theirs)
        if value is None:
            value = column(model, ours).get_default()
        if isinstance(value, float) and isinstance(column(model, ours), models.DecimalField):
            value = Decimal(str(value))
        values[ours] = sorted(set(value)) if isinstance(value, list) else value
    return values


@dataclass
class _Row:
    """One row read from the file, ready to be compared with the database."""

    label: str
    key: str
    values: dict[str, Any]
    parent: str = ""
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)


def _entries(data: Mapping[str, Any], name: str, faults: list[Fault]) -> list[tuple[str, dict[str, Any]]]:
    """The objects under a key, each with the words that name it in a message."""
    items = data.get(name)
    if not isinstance(items, list):
        faults.append(Fault("", name, "une liste est attendue"))
        return []
    entries = []
    for number, item in enumerate(items, start=1):
        row = f"{name}, ligne {number}"
        if not isinstance(item, dict):
            faults.append(Fault(row, "", "un objet est attendu"))
            continue
        shown = item.get("id")
        entries.append((f"{row} ({shown})" if isinstance(shown, str) else row, item))
    return entries


def _twice(rows: Iterable[tuple[str, Any]], name: str) -> list[Fault]:
    """A fault for each row whose value is not the first of its kind."""
    seen: Counter[Any] = Counter()
    faults = []
    for row, value in rows:
        seen[value] += 1
        if value and seen[value] > 1:
            faults.append(Fault(row, name, f"valeur en double ({value})"))
    return faults


def _read_structure(row: str, item: dict[str, Any], source: str, faults: list[Fault]) -> _Row:
    entry = {name: value for name, value in item.items() if name != "relais"}
    found = _schema_faults(row, v1.Structure, entry)
    extras = _typed(row, item.get("relais", {}), STRUCTURE_EXTRAS, found)
    if entry.get("source") != source:
        found.append(Fault(row, "source", f"source différente de celle du fichier ({source})"))
    values = {} if found else _values(entry, STRUCTURE_FIELDS, Structure) | extras
    if not found:
        _clean(row, Structure(source=source, source_id=entry["id"], **values), (), found)
    faults += found
    return _Row(row, str(entry.get("id", "")), values)


def _read_sessions(row: str, raw: Any, faults: list[Fault]) -> dict[str, dict[str, Any]]:
    if not isinstance(raw, list):
        faults.append(Fault(row, "sessions", "une liste est attendue"))
        return {}
    sessions: dict[str, dict[str, Any]] = {}
    for number, item in enumerate(raw, start=1):
        place = f"{row}, session {number}"
        found: list[Fault] = []
        values = _typed(place, item, SESSION_FIELDS, found)
        for name in ("starts_on", "ends_on"):
            if isinstance(values.get(name), str):
                try:
                    values[name] = dt.date.fromisoformat(values[name])
                except ValueError:
                    found.append(Fault(place, name, "date mal formée (AAAA-MM-JJ attendu)"))
        if not found:
            session = Session(**values)
            _clean(place, session, ("action",), found)
            if session.ends_on and session.starts_on and session.ends_on < session.starts_on:
                found.append(Fault(place, "ends_on", "la fin précède le début"))
            if session.places is not None and session.reserved > session.places:
                found.append(Fault(place, "reserved", "plus de places réservées que de places"))
            if session.code in sessions:
                found.append(Fault(place, "code", f"valeur en double ({session.code})"))
        if not found:
            sessions[values["code"]] = values
        faults += found
    return sessions


def _read_action(row: str, item: dict[str, Any], source: str, faults: list[Fault]) -> _Row:
    entry = {name: value for name, value in item.items() if name != "relais"}
    found = _schema_faults(row, v1.Service, entry)
    if entry.get("source") != source:
        found.append(Fault(row, "source", f"source différente de celle du fichier ({source})"))
    relais = item.get("relais")
    sessions: dict[str, dict[str, Any]] = {}
    if isinstance(relais, dict):
        sessions = _read_sessions(row, relais.get("sessions", []), found)
        relais = {name: value for name, value in relais.items() if name != "sessions"}
    extras = _typed(row, relais, ACTION_EXTRAS, found)
    try:
        parse_criteria(extras.get("criteria", []))
    except BadCriteria as error:
        found += [Fault(row, "criteria", str(fault)) for fault in error.faults]
    if isinstance(extras.get("confirmed_on"), str):
        try:
            extras["confirmed_on"] = dt.date.fromisoformat(extras["confirmed_on"])
        except ValueError:
            found.append(Fault(row, "confirmed_on", "date mal formée (AAAA-MM-JJ attendu)"))
    values = {} if found else _values(entry, ACTION_FIELDS, Action) | extras | {"is_published": True}
    if not found:
        instance = Action(source=source, source_id=entry["id"], **values)
        _clean(row, instance, ("structure", "criteria"), found)
    faults += found
    return _Row(row, str(entry.get("id", "")), values, str(entry.get("structure_id", "")), sessions)


def _read(path: Path) -> tuple[str, list[_Row], list[_Row], list[Commune]]:
    """Read and check the whole file. Raises `BadCatalogue` with every fault."""
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadCatalogue([Fault("", "", f"fichier illisible\u00a0: {path}")]) from error
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", 0)
        raise BadCatalogue([Fault(f"ligne {line}", "", "ce n’est pas du JSON valide")]) from error
    if not isinstance(data, dict) or not isinstance(data.get("source"), str) or not data["source"]:
        raise BadCatalogue([Fault("", "source", "un objet avec une source est attendu")])
    source = data["source"]
    faults: list[Fault] = []
    communes: list[Commune] = []
    try:
        communes = read_communes(data.get("communes", []))
    except BadCommunes as error:
        faults.append(Fault("communes", "", str(error)))
    structures = [_read_structure(*entry, source, faults) for entry in _entries(data, "structures", faults)]
    actions = [_read_action(*entry, source, faults) for entry in _entries(data, "services", faults)]
    faults += _twice([(row.label, row.key) for row in structures], "id")
    faults += _twice([(row.label, row.key) for row in actions], "id")
    faults += _twice([(row.label, row.values.get("slug")) for row in actions], "slug")
    known = {row.key for row in structures}
    faults += [
        Fault(row.label, "structure_id", f"structure inconnue ({row.parent})")
        for row in actions
        if row.parent and row.parent not in known
    ]
    taken = Action.objects.exclude(source=source).values_list("slug", flat=True)
    foreign = set(taken.filter(slug__in=[row.values.get("slug", "") for row in actions]))
    faults += [
        Fault(row.label, "slug", f"déjà pris par une autre source ({row.values['slug']})")
        for row in actions
        if row.values.get("slug") in foreign
    ]
    if faults:
        raise BadCatalogue(faults)
    return source, structures, actions, communes


Kept = dict[str, Any]
"""Values by the names of their columns, as JSON keeps them."""


class _Load:
    """Brings the rows of a file into the catalogue, in the caller's transaction."""

    def __init__(self, source: str, now: dt.datetime) -> None:
        self.source = source
        self.now = now
        self.report = Report()
        rows = Structure.objects.filter(source=source).order_by("pk")
        self.structures = {row.source_id: row for row in rows}
        # Locked: what a manager saves at this moment is in the history before it is read, or comes after the file.
        self.actions = {
            row.source_id: row for row in Action.objects.filter(source=source).order_by("pk").select_for_update()
        }
        dated = Session.objects.filter(action__source=source).select_related("action").order_by("pk")
        self.sessions = {(row.action_id, row.code): row for row in dated}
        self.held = ActionChange.objects.held(row.pk for row in self.actions.values())

    def run(self, structures: Iterable[_Row], actions: Iterable[_Row]) -> Report:
        """Add and change rows, then withdraw the actions that the file no longer holds."""
        owners = {row.key: self._structure(row) for row in structures}
        for row in actions:
            self._action(row, owners[row.parent])
        for action in self.actions.values():
            if action.is_published:
                self._log(action, self._write(action, {"is_published": False}))
        gone: list[models.Model] = [*self.structures.values(), *self.actions.values(), *self.sessions.values()]
        self.report.missing = [str(row) for row in gone]
        return self.report

    def _structure(self, row: _Row) -> Structure:
        structure = self.structures.pop(row.key, None)
        if structure is None:
            return self._add(Structure(source=self.source, source_id=row.key, **row.values))
        self._report(structure, self._write(structure, row.values))
        return structure

    def _action(self, row: _Row, owner: Structure) -> None:
        values = row.values | {"structure": owner}
        action = self.actions.pop(row.key, None)
        if action is None:
            action = self._add(Action(source=self.source, source_id=row.key, **values))
            for dates in row.sessions.values():
                self._add(Session(action=action, **dates))
            return
        held = self.held.get(action.pk, Held())
        changes = self._write(action, values, held.fields)
        self._report(action, changes)
        self._log(action, changes)
        for code, dates in row.sessions.items():
            self._session(action, code, dates, held)

    def _session(self, action: Action, code: str, dates: dict[str, Any], held: Held) -> None:
        """Add a session or bring it up to date; one that people changed, removed or wrote is left as it is, whole."""
        today, given = held.sessions.get(code, (code, {}))
        session = self.sessions.pop((action.pk, today), None) if today else None
        theirs = code in held.sessions and (session is None or not given or bool(differing(session, given)))
        if theirs or (session is None and action.sessions.filter(code=code).exists()):
            self.report.kept.append((f"{action} · {code}", ["session"]))
        elif session is None:
            added = self._add(Session(action=action, **dates))
            ActionChange.objects.log(action, ChangeKind.SESSION_ADDED, None, self.now, {}, added.told())
        else:
            session.action = action
            before = session.told()
            changes = self._write(session, dates)
            self._report(session, changes)
            if changes:
                kind = ChangeKind.SESSION_CHANGED
                ActionChange.objects.log(action, kind, None, self.now, before, session.told())

    def _add(self, fresh: Any) -> Any:
        fresh.save()
        self.report.added.append(str(fresh))
        return fresh

    def _write(self, row: models.Model, values: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> Kept:
        """Bring a row up to date, but for what people changed since the file gave it; return what was replaced."""
        # A stored value and a freshly read one are compared in their Python form: "0261910001" is a phone number.
        fresh = type(row)(**values)
        news = differing(row, kept(fresh, values))
        theirs = news & differing(row, given or {})
        if theirs:
            self.report.kept.append((str(row), _named(row, theirs)))
        before = kept(row, news - theirs)
        if before:
            for name in before:
                setattr(row, name, getattr(fresh, name))
            stamp = ["updated_at"] if hasattr(row, "updated_at") else []
            row.save(update_fields=[*before, *stamp])
        return before

    def _report(self, row: models.Model, before: Kept) -> None:
        if before:
            self.report.changed.append((str(row), _named(row, before)))

    def _log(self, action: Action, before: Kept) -> None:
        if before:
            ActionChange.objects.log(action, ChangeKind.IMPORTED, None, self.now, before, kept(action, before))


def _named(row: models.Model, columns: Iterable[str]) -> list[str]:
    """The fields of these columns, by name."""
    return sorted(column(type(row), name).name for name in columns)


def load_catalogue(path: Path, *, now: dt.datetime | None = None, dry_run: bool = False) -> Report:
    """Load a catalogue file in one transaction, and say what was added, changed, kept and no longer found.

    `now` (this moment when left out) dates the lines of the history. With `dry_run` everything is checked and compared,
    and nothing is kept. Raises `BadCatalogue`.
    """
    now = now or timezone.now()
    with transaction.atomic():
        with Offer.objects.together(on=timezone.localdate(now)):
            source, structures, actions, communes = _read(path)
            write_communes(communes)
            report = _Load(source, now).run(structures, actions)
        transaction.set_rollback(dry_run)
    return report
