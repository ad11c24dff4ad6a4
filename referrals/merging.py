"""Making one file of two and parting them again, each with what the matching then says of the needs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q

from referrals.matching import note_matches
from referrals.models import Person, PersonMerge
from referrals.permissions import Door


def merge_files(
    door: Door, keep: Person, lose: Person, now: dt.datetime, *, values: Mapping[str, Any], seen: str
) -> PersonMerge:
    """Make one file of two. Raises `CannotMerge`, and nothing is written."""
    with transaction.atomic():
        merge = PersonMerge.objects.merge(keep, lose, door.actor, now, values=values, seen=seen)
        note_matches(door, door.person(keep.pk), now)
    return merge


def part_files(door: Door, merge: PersonMerge, now: dt.datetime) -> None:
    """Part them again. Raises `CannotMerge`, and nothing is written."""
    with transaction.atomic():
        merge.undo(door.actor, now)
        for person in door.persons().filter(Q(pk=merge.kept_id) | Q(pk=merge.gone_id)).order_by("pk"):
            note_matches(door, person, now)
