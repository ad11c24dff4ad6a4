"""What the matching says of somebody's open needs, kept on each: unmet needs are known without typing."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from referrals.matching.suggestions import suggest
from referrals.models import Person
from referrals.permissions import Door


def note_matches(door: Door, person: Person, now: dt.datetime) -> None:
    """Keep on each open need whether an action fits it today."""
    needs = list(person.needs.open())
    if not needs:
        return
    found = suggest(person, needs, prescriber=door.structure, on=timezone.localdate(now))
    for need in needs:
        need.note_match(found.why_unmatched(need.theme))
