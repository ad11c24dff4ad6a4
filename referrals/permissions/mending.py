"""The failing addresses that somebody can mend: their own, their structure's, and those of the persons they follow."""

from __future__ import annotations

import datetime as dt

from django.db.models import F, Q
from django.db.models.functions import Lower

from referrals.models import FailingAddress
from referrals.models.failing import FailingAddressQuerySet
from referrals.permissions.door import Door
from structures.models import Membership
from structures.vocabulary import Role


def failing_for(door: Door, now: dt.datetime) -> FailingAddressQuerySet:
    """What fails and can be mended by whom the door lets in.

    Members: their own address; managers: those of the structure, its actions and its members; prescribers: those of
    the persons whom their structure recorded.
    """
    if door.user is None or door.structure is None:
        return FailingAddress.objects.none()
    own = Q(address=door.user.email.lower())
    if door.has(Role.MANAGER):
        team = Membership.objects.at_work().filter(structure=door.structure)
        own |= Q(address__in=team.values(found=Lower("user__email")))
        own |= Q(address__in=door.actions().exclude(email="").values(found=Lower("email")))
        if door.structure.email:
            own |= Q(address=door.structure.email.lower())
    found = Q(person=None) & own
    if door.may("record_person"):
        still = Q(address=Lower("person__email")) | Q(address=F("person__phone"))
        found |= Q(person__recorded_by=door.structure, person__merged_into=None) & still
    return FailingAddress.objects.standing(now).filter(found).select_related("person")
