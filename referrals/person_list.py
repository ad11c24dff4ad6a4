"""Which persons a list shows, on the page and over the API."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Exists, OuterRef

from referrals.models import Prediagnosis
from referrals.models.person import PersonQuerySet
from referrals.permissions import Door

MOST_FOUND = 40
"""Persons that a search by name shows: beyond, more letters are needed."""


def filtered(door: Door, filters: Mapping[str, str]) -> PersonQuerySet:
    """The persons whom the door shows, narrowed by the filters of `PersonSearchForm`, but for the words."""
    persons = door.persons()
    needs = door.needs().open().filter(person=OuterRef("pk"))
    fiches = door.referrals().filter(person=OuterRef("pk"))
    if filters["besoin"]:
        persons = persons.filter(Exists(needs.filter(theme=filters["besoin"])))
    match filters["qui"]:
        case "miennes":
            read = Prediagnosis.objects.filter(person=OuterRef("pk"), author=door.user, structure=door.structure)
            persons = persons.filter(Exists(read) | Exists(fiches.filter(sender_member=door.user)))
        case "structure":
            persons = persons.filter(recorded_by=door.structure)
        case "recues":
            persons = persons.exclude(recorded_by=door.structure)
    match filters["etat"]:
        case "besoin":
            persons = persons.filter(Exists(needs))
        case "sans-fiche":
            persons = persons.filter(Exists(needs), ~Exists(fiches.open()))
        case "en-cours":
            persons = persons.filter(Exists(fiches.open()))
    return persons
