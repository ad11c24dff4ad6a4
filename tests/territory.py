"""A small invented territory for tests: structures, members, actions and persons, made in one line each."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any

from accounts.models import User
from referrals.filechecks import check_file
from referrals.models import (
    Actor,
    Attachment,
    AttachmentKind,
    ConsentHow,
    ConsentScope,
    Need,
    Person,
    PersonBatch,
    Prediagnosis,
    Referral,
)
from referrals.permissions import Door
from structures.models import Action, ImportBatch, Membership, Session, Structure
from structures.spreadsheet.reading import Row, Table
from structures.vocabulary import ActionShape, NeedTheme, Role, StructureKind

NOW = dt.datetime(2026, 11, 17, 10, 0, tzinfo=dt.UTC)
"""A Tuesday, 11 o'clock in Blois."""

TODAY = NOW.date()
EVERYTHING = list(ConsentScope.values)
_numbers = itertools.count(1)


def a_structure(name: str = "", **values: Any) -> Structure:
    """A structure that prescribes, with an address under example.org."""
    n = next(_numbers)
    defaults: dict[str, Any] = {
        "name": name or f"Structure {n}",
        "source_id": f"test-{n}",
        "kind": StructureKind.ASSOCIATION,
        "email": f"accueil{n}@example.org",
        "is_prescriber": True,
    }
    return Structure.objects.create(**defaults | values)


def a_member(structure: Structure | None, *roles: Role, email: str = "", **values: Any) -> User:
    """A user who belongs to a structure; prescriber and receiver unless told otherwise.

    Without a password, since hashing one the way production does takes long: tests log in by `force_login`.
    """
    assert structure is not None
    n = next(_numbers)
    names = {"first_name": values.pop("first_name", "Camille"), "last_name": values.pop("last_name", f"Membre{n}")}
    user = User.objects.create_user(email or f"membre{n}@example.org", **names, **values)
    Membership.objects.create(user=user, structure=structure, roles=list(roles or (Role.PRESCRIBER, Role.RECEIVER)))
    return user


def a_door(structure: Structure, *roles: Role) -> Door:
    """The door of a new member of the structure."""
    return Door.of(a_member(structure, *roles))


def an_action(structure: Structure | None, name: str = "", **values: Any) -> Action:
    """An action open to everybody, for French, in sessions."""
    assert structure is not None
    n = next(_numbers)
    defaults: dict[str, Any] = {
        "name": name or f"Action {n}",
        "slug": f"action-{n}",
        "source_id": f"test-{n}",
        "description": "Une action de test.",
        "shape": ActionShape.COURSE,
        "themes": [NeedTheme.FRENCH],
        "weeks": 12,
    }
    return Action.objects.create(structure=structure, **defaults | values)


def a_session(action: Action, starts_on: dt.date, **values: Any) -> Session:
    """A session of an action."""
    return Session.objects.create(
        action=action, code=values.pop("code", f"S{next(_numbers)}"), starts_on=starts_on, **values
    )


def a_pdf(text: str = "Convention") -> bytes:
    """A file that begins and ends as a PDF does."""
    return f"%PDF-1.7\n% {text}\n%%EOF\n".encode()


def an_attachment(
    referral: Referral, actor: Actor, now: dt.datetime = NOW, content: bytes = b"", **values: Any
) -> Attachment:
    """A convention, attached to the fiche."""
    file = check_file("convention.pdf", content or a_pdf(str(next(_numbers))))
    defaults: dict[str, Any] = {"kind": AttachmentKind.AGREEMENT}
    return Attachment.objects.attach(referral, actor, now, file=file, **defaults | values)


def a_batch(structure: Structure, now: dt.datetime, table: Sequence[Sequence[str]]) -> ImportBatch:
    """A table that a structure uploaded: headings, then rows."""
    rows = [Row(number, list(cells)) for number, cells in enumerate(table, start=1)]
    return ImportBatch.objects.upload(structure, None, "actions.csv", Table("csv", rows), now)


def a_person_batch(door: Door, table: Sequence[Sequence[str]], now: dt.datetime = NOW) -> PersonBatch:
    """A table of persons that a structure uploaded: headings, then rows."""
    assert door.structure is not None
    rows = [Row(number, list(cells)) for number, cells in enumerate(table, start=1)]
    return PersonBatch.objects.upload(door.structure, door.user, "personnes.csv", Table("csv", rows), now)


def a_person(actor: Actor, now: dt.datetime = NOW, **values: Any) -> Person:
    """A person recorded by the actor's structure."""
    n = next(_numbers)
    defaults: dict[str, Any] = {"first_name": "Awa", "last_name": f"Essai{n}", "birth_date": dt.date(1990, 5, 4)}
    return Person(**defaults | values).record(actor, now)


def a_need(person: Person, actor: Actor, theme: NeedTheme = NeedTheme.FRENCH, priority: int = 1) -> Need:
    """An open need of a person."""
    Prediagnosis.objects.record(person, {theme: priority}, actor, NOW)
    return person.needs.get(theme=theme, closed_at=None)


def a_draft(
    action: Action, actor: Actor, person: Person | None = None, now: dt.datetime = NOW, **values: Any
) -> Referral:
    """A fiche being prepared."""
    return Referral.objects.draft(person or a_person(actor), action, actor, now, **values)


def a_sent(
    action: Action, actor: Actor, person: Person | None = None, now: dt.datetime = NOW, **values: Any
) -> Referral:
    """A fiche that has been sent, with full consent."""
    referral = a_draft(action, actor, person, now, **values)
    referral.send(actor, now, consent_how=ConsentHow.ORAL, consent_scope=EVERYTHING)
    return referral
