"""To whom: the member who follows the fiche on either side, who stands in for them, or their structure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from accounts.models import User
from referrals.models import Referral
from structures.models import Membership, Structure
from structures.quiet import ALWAYS, Quiet
from structures.territory import department_of
from structures.vocabulary import Pace, Role


@dataclass(frozen=True)
class Recipient:
    """One address, the member behind it where there is one, how often and when they are to be written to."""

    address: str
    user: User | None = None
    structure: Structure | None = None
    pace: str = Pace.IMMEDIATE
    quiet: Quiet = ALWAYS

    @classmethod
    def at(cls, structure: Structure, address: str) -> Recipient:
        """A structure, at one of its addresses."""
        return cls(address, None, structure, structure.letters, structure.quiet)

    @classmethod
    def member(cls, place: Membership, structure: Structure) -> Recipient:
        """A member of the structure, at their own address."""
        return cls(place.user.email, place.user, structure, place.letters, structure.quiet)


class Staff:
    """The members who follow some fiches on either side, and who is at work among them on a day: one query for all."""

    def __init__(self, referrals: Iterable[Referral], on: dt.date) -> None:
        self._on = on
        followed = [
            (user, structure)
            for one in referrals
            for user, structure in ((one.assigned_to_id, one.receiver_id), (one.sender_member_id, one.sender_id))
            if user is not None
        ]
        self._users = {user for user, _ in followed}
        self._structures = {structure for _, structure in followed}

    def at_work(self, user: int | None, structure: UUID) -> Membership | None:
        """The member to write to: themselves, or who stands in for them while they are away.

        `None` when they left the structure, and when nobody at work stands in.
        """
        place = self._places.get((user, structure)) if user is not None else None
        if place is not None and place.is_absent(self._on):
            place = place.covered_by
        if place is None or place.is_absent(self._on) or not (place.is_active and place.user.is_active):
            return None
        return place

    @cached_property
    def _places(self) -> dict[tuple[int, UUID], Membership]:
        rows = Membership.objects.at_work().filter(user__in=self._users, structure__in=self._structures)
        rows = rows.select_related("user", "covered_by__user").order_by("pk")
        return {(row.user_id, row.structure_id): row for row in rows}


def receiver_of(referral: Referral, on: dt.date, staff: Staff | None = None) -> list[Recipient]:
    """Who answers the fiche: the member it is assigned to, else the structure.

    The structure is written to at the action's address, else its own, else its members'. `staff` is that of the day,
    where it is asked for many fiches.
    """
    staff = staff or Staff([referral], on)
    if found := staff.at_work(referral.assigned_to_id, referral.receiver_id):
        return [Recipient.member(found, referral.receiver)]
    address, structure = office_of(referral), referral.receiver
    return [Recipient.at(structure, address)] if address else members_of(referral.receiver, Role.RECEIVER)


def office_of(referral: Referral) -> str:
    """The address at which the receiver is written to as a structure; empty when none is known."""
    return referral.action.email or referral.receiver.email


def sender_of(referral: Referral, on: dt.date, staff: Staff | None = None) -> list[Recipient]:
    """Who follows the fiche: the member who sent it while they belong to the structure, else the structure."""
    structure, staff = referral.sender, staff or Staff([referral], on)
    if found := staff.at_work(referral.sender_member_id, structure.pk):
        return [Recipient.member(found, structure)]
    return [Recipient.at(structure, structure.email)] if structure.email else members_of(structure, Role.PRESCRIBER)


def senders_in_session(referral: Referral, on: dt.date) -> list[Recipient]:
    """Who follows the participants that the fiche's sender sent to its session: each address once."""
    rows = Referral.objects.filter(
        session=referral.session_id, sender=referral.sender_id, entered_on__isnull=False
    ).select_related("sender")
    by_member = {row.sender_member_id: row for row in rows.order_by("pk")}
    staff = Staff(by_member.values(), on)
    found = [recipient for row in by_member.values() for recipient in sender_of(row, on, staff)]
    return list({recipient.address.lower(): recipient for recipient in found}.values())


def members_of(structure: Structure, role: Role) -> list[Recipient]:
    """The members who hold a role, each by their own address."""
    rows = Membership.objects.filter(structure=structure, is_active=True, user__is_active=True, roles__contains=[role])
    return [Recipient.member(row, structure) for row in rows.select_related("user").order_by("user__email")]


def quiet_of_person(referral: Referral) -> Quiet:
    """The hours at which the person may not safely be written to, on the clock of the place of the action."""
    return Quiet(referral.clock, opens=referral.person.safe_from, closes=referral.person.safe_until)


def coordinators_of(referral: Referral) -> list[Recipient]:
    """The coordinators of the département in which the action runs."""
    rows = Membership.objects.at_work().filter(roles__contains=[Role.COORDINATOR], structure__is_active=True)
    rows = rows.select_related("user", "structure").prefetch_related("structure__closings").order_by("user__email")
    here = _department(referral.receiver)
    return [Recipient.member(row, row.structure) for row in rows if _department(row.structure) == here]


def _department(structure: Structure) -> str:
    return department_of(structure.commune_code or structure.postal_code)
