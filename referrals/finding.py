"""Finding anything by a few words: persons, fiches, actions, structures; what the door shows, a handful of each."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.urls import reverse

from referrals.models import Referral
from referrals.models.referral.rows import REFERENCE_ALPHABET
from referrals.permissions import Door
from referrals.states import State
from structures.models import Action, Structure
from structures.text import Plain, plain

HANDFUL = 5
"""Results of each kind."""
REFERENCE_SIGNS = 6
FEWEST_SIGNS = 3
"""Signs from which the beginning of a reference is looked for."""
MISREAD = 2
"""Signs that no reference has (I, L, O, U, 0, 1) and that may stand for any other."""


@dataclass(frozen=True)
class Found:
    """One result: where it leads, its name, and what tells it apart."""

    url: str
    label: str
    detail: str


@dataclass(frozen=True)
class Group:
    """The results of one kind."""

    key: str
    title: str
    icon: str
    results: list[Found]


def references(words: str) -> Q | None:
    """The references that these words may be: with or without « R- », in any case, the first signs alone, or with one
    or two signs misread; `None` when they are no reference.
    """
    signs = re.sub(r"[\s\-–]", "", words).upper()
    if len(signs) > REFERENCE_SIGNS or re.match(r"\s*r\s*[-–]", words, re.IGNORECASE):
        signs = signs.removeprefix("R")
    if not signs.isascii() or not signs.isalnum() or not FEWEST_SIGNS <= len(signs) <= REFERENCE_SIGNS:
        return None
    odd = [place for place, sign in enumerate(signs) if sign not in REFERENCE_ALPHABET]
    if len(signs) < REFERENCE_SIGNS:
        return None if odd else Q(reference__startswith=f"R-{signs}")
    if len(odd) > MISREAD:
        return None
    choices = [REFERENCE_ALPHABET if place in odd else sign for place, sign in enumerate(signs)]
    return Q(reference__in=["R-" + "".join(one) for one in itertools.product(*choices)])


def _persons(door: Door, words: str) -> list[Found]:
    rows = door.persons().matching(words)[:HANDFUL] if door.opens_files else []
    return [
        Found(
            reverse("referrals:person_detail", args=[person.pk]),
            person.full_name,
            f"né(e) le {person.birth_date:%d/%m/%Y}" if person.birth_date else "",
        )
        for person in rows
    ]


def _fiches(door: Door, words: str) -> list[Found]:
    asked = references(words)
    if asked is None or not door.opens_files:
        return []
    found = door.referrals().filter(asked).select_related("person", "action").order_by("reference")[:HANDFUL]
    return [Found(_page_of(fiche), fiche.reference, f"{fiche.person.full_name} · {fiche.action}") for fiche in found]


def _page_of(fiche: Referral) -> str:
    name = "referrals:referral_send" if fiche.state == State.DRAFT else "referrals:referral_detail"
    return reverse(name, args=[fiche.reference])


def _named(words: str) -> Q:
    """Rows whose `plain_name` holds the words, or words close to them; both are answered by an index."""
    needle = plain(words)
    return Q(plain_name__contains=needle) | Q(plain_name__trigram_word_similar=needle)


def _actions(words: str) -> list[Found]:
    rows: QuerySet[Action] = Action.objects.published().alias(plain_name=Plain("name")).filter(_named(words))
    found = rows.select_related("structure").order_by("name", "id")[:HANDFUL]
    return [
        Found(reverse("structures:action_detail", args=[action.slug]), action.name, str(action.structure))
        for action in found
    ]


def _structures(words: str) -> list[Found]:
    rows = Structure.objects.filter(is_active=True).alias(plain_name=Plain("name"), plain_short=Plain("short_name"))
    short = Q(plain_short=plain(words))
    found = rows.filter(_named(words) | short).order_by("name", "id")[:HANDFUL]
    address = reverse("structures:action_list")
    return [
        Found(f"{address}?{urlencode({'q': structure.name})}", structure.name, structure.commune) for structure in found
    ]


def find(door: Door, words: str) -> list[Group]:
    """What the words may mean, by kind; a kind without results is left out. One query per kind."""
    if not plain(words):
        return []
    groups = [
        Group("fiches", "Fiches", "file-text", _fiches(door, words)),
        Group("personnes", "Personnes", "user-round", _persons(door, words)),
        Group("actions", "Actions", "layers", _actions(words)),
        Group("structures", "Structures", "building-2", _structures(words)),
    ]
    return [group for group in groups if group.results]
