"""A list of persons as a table: the columns of the import, each as far as the consent of the person opens it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any

from django.db.models import Prefetch
from django.utils import timezone

from referrals.models import ConsentScope, Event, EventKind, Person
from referrals.models.person import PersonQuerySet
from referrals.permissions import Door
from referrals.person_columns import OTHER_WRITINGS, PERSON_COLUMNS
from referrals.person_list import MOST_FOUND, filtered
from structures.spreadsheet.spilling import spill
from structures.vocabulary import HalfDay, Status

CHUNK = 500
"""Rows in memory at once."""
BETWEEN = " ; "
"""What parts several values of a cell, as the import reads it."""

ALWAYS = frozenset({"last_name", "first_name", "birth_date"})
"""Identity: a fiche is about somebody."""
OF_CONTACT = frozenset(
    {"phone", "email", "contact_channel", "may_leave_message", "contact_note", "quartier", "commune", "language"}
    | {"needs_interpreter"}
)
"""What the consent to share the coordinates opens. Needs have a consent of their own; all else is the profile."""


def scope_of(key: str) -> str:
    """The part of the consent that opens a column; empty for identity."""
    if key in ALWAYS:
        return ""
    if key == "needs":
        return ConsentScope.NEEDS
    return ConsentScope.CONTACT if key in OF_CONTACT else ConsentScope.PROFILE


def _yes_no(value: bool | None) -> str:
    return {True: "Oui", False: "Non", None: ""}[value]


WORDS: dict[str, Callable[[Any], str]] = {
    "birth_date": lambda person: f"{person.birth_date:%d/%m/%Y}" if person.birth_date else "",
    "phone": lambda person: str(getattr(person.phone, "as_national", person.phone) or ""),
    "may_leave_message": lambda person: _yes_no(person.may_leave_message),
    "needs_interpreter": lambda person: _yes_no(person.needs_interpreter),
    "has_vehicle": lambda person: _yes_no(person.has_vehicle),
    "anlci": lambda person: str(person.anlci or ""),
    "statuses": lambda person: BETWEEN.join(Status(one).label for one in person.statuses),
    "availability": lambda person: BETWEEN.join(HalfDay(one).label for one in person.availability),
    "needs": lambda person: BETWEEN.join(need.get_theme_display() for need in person.open_needs),
}
"""The columns that are not a text or a choice of the model."""


def _cell(person: Person, key: str) -> str:
    if key in WORDS:
        return WORDS[key](person)
    display = getattr(person, f"get_{key}_display", None)
    return str((display() if display is not None else getattr(person, key)) or "")


def exported(door: Door, persons: PersonQuerySet, today: dt.date) -> Iterator[Sequence[str]]:
    """The headings, then one row per person in the order of an index; what a consent does not open stays empty."""
    columns = [column for column in PERSON_COLUMNS if column.key not in OTHER_WRITINGS]
    yield [*(column.label for column in columns), "Âge", "Enregistrée par"]
    needs = Prefetch("needs", door.needs().open().order_by("priority", "theme", "id"), to_attr="open_needs")
    for person in persons.select_related("recorded_by").prefetch_related(needs).by_name().iterator(chunk_size=CHUNK):
        scopes = door.scopes(person)
        open_keys = {column.key for column in columns if scope_of(column.key) in {"", *scopes}}
        cells = [_cell(person, column.key) if column.key in open_keys else "" for column in columns]
        age = person.age(today)
        mine = door.structure is not None and person.recorded_by_id == door.structure.pk
        masked = person.recorded_by.is_sensitive and not mine
        by = "Structure protégée" if masked else str(person.recorded_by)
        yield [*cells, "" if age is None else str(age), by]


def export(door: Door, kind: str, filters: Mapping[str, str], now: dt.datetime) -> IO[bytes]:
    """The list of `PersonSearchForm`'s filters as a file of a kind of `structures.spreadsheet.spilling.TYPES`.

    Journalled: how many, in which format, by which filters, and no name.
    """
    persons = filtered(door, filters)
    words = filters["mots"].strip()
    if words:
        persons = door.persons().filter(pk__in=[one.pk for one in persons.matching(words)[:MOST_FOUND]])
    count = -1

    def rows() -> Iterator[Sequence[str]]:
        nonlocal count
        for row in exported(door, persons, timezone.localdate(now)):
            count += 1
            yield row

    file = spill(kind, "Personnes", rows())
    used = {name: filters[name] for name in ("besoin", "qui", "etat") if filters[name]}
    data = {"format": kind, "count": count, "filters": used, "searched": bool(words)}
    Event.objects.log(EventKind.EXPORTED, door.actor, now, data=data)
    return file
