"""Every list costs as many queries for 1,000 rows as for 10."""

from __future__ import annotations

import itertools

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from referrals.models import Person, PersonBatch, Referral, ReportState, Resemblance, SessionReport
from referrals.permissions import Door
from structures.models import Action, ImportBatch, Session
from structures.vocabulary import NeedTheme, Role
from tests.territory import NOW, TODAY, a_door, a_structure

LISTS = [
    "/",
    "/personnes/",
    "/fiches/?onglet=brouillons",
    "/fiches/?onglet=envoyees",
    "/actions/",
    "/actions/gestion/imports/",
    "/actions/gestion/nos-actions/",
    "/suivis/",
    "/notifications/",
    "/statistiques/",
    "/statistiques/parcours/",
    "/statistiques/sessions/",
    "/api/v1/persons/",
    "/api/v1/referrals/",
    "/api/v1/actions/",
    "/api/v1/structures/",
    "/api/v1/attachments/",
    "/api/v1/bilans/",
    "/api/v1/followups/",
    "/api/v1/person-imports/",
    "/api/v1/duplicates/",
    "/api/v1/notifications/",
]


def fill(door: Door, first: int, last: int) -> None:
    """One action with a published session, one person, one fiche in preparation and one table for each number."""
    structure, user = door.structure, door.user
    assert structure is not None
    numbers = range(first, last)
    actions = Action.objects.bulk_create(
        Action(
            structure=structure,
            name=f"Action {n:04d}",
            slug=f"liste-{n}",
            source_id=f"liste-{n}",
            description="Une action.",
            themes=[NeedTheme.FRENCH],
        )
        for n in numbers
    )
    persons = Person.objects.bulk_create(
        Person(first_name="Awa", last_name=f"Liste{n:04d}", recorded_by=structure, created_at=NOW, updated_at=NOW)
        for n in numbers
    )
    Referral.objects.bulk_create(
        Referral(
            reference=f"R-L{n:05d}",
            person=person,
            action=action,
            sender=structure,
            sender_member=user,
            receiver=structure,
            created_at=NOW,
            updated_at=NOW,
        )
        for n, person, action in zip(numbers, persons, actions, strict=True)
    )
    sessions = Session.objects.bulk_create(Session(action=action, code="S", starts_on=TODAY) for action in actions)
    SessionReport.objects.bulk_create(
        SessionReport(session=session, state=ReportState.PUBLISHED, figures={}, created_at=NOW, published_at=NOW)
        for session in sessions
    )
    upload = {"structure": structure, "user": user, "created_at": NOW, "kind": "csv", "heading_row": 1}
    ImportBatch.objects.bulk_create(ImportBatch(file_name=f"{n}.csv", **upload) for n in numbers)
    PersonBatch.objects.bulk_create(PersonBatch(file_name=f"{n}.csv", **upload) for n in numbers)
    pairs = [sorted(pair, key=lambda one: one.pk) for pair in itertools.pairwise(persons)]
    Resemblance.objects.bulk_create(Resemblance(first=a, second=b, likeness=1, noted_at=NOW) for a, b in pairs)


@pytest.mark.django_db
def test_every_list_costs_the_same_queries_for_ten_rows_and_for_a_thousand() -> None:
    door = a_door(a_structure(), Role.PRESCRIBER, Role.RECEIVER, Role.MANAGER)
    assert door.user is not None
    client = Client()
    client.force_login(door.user)

    def costs() -> dict[str, int]:
        found = {}
        for address in LISTS:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address).status_code == 200, address
            found[address] = len(queries)
        return found

    fill(door, 0, 10)
    costs()
    ten = costs()
    fill(door, 10, 1000)
    assert costs() == ten
