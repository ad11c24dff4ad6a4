"""Who is away and who stands in: dates in order, a colleague of the same structure, and never why."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from structures.models import Membership, Structure
from structures.vocabulary import Role
from tests.territory import a_member, a_structure

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


class Team:
    """Nadia and Paul, a manager, and somebody elsewhere."""

    def __init__(self) -> None:
        self.today = timezone.localdate()
        self.structure: Structure = a_structure("Alire")
        self.nadia = self.place(a_member(self.structure, Role.RECEIVER, first_name="Nadia", last_name="Petit"))
        self.paul = self.place(a_member(self.structure, Role.RECEIVER, first_name="Paul", last_name="Roux"))
        self.manager = self.place(a_member(self.structure, Role.MANAGER))
        self.stranger = self.place(a_member(a_structure("Ailleurs")))

    def place(self, user: User) -> Membership:
        return Membership.objects.get(user=user)

    def client(self, place: Membership) -> Client:
        client = Client()
        client.force_login(place.user)
        return client

    def note(self, by: Membership, of: Membership, **values: Any) -> Any:
        body = {
            "absent_from": self.today.isoformat(),
            "absent_until": (self.today + 7 * DAY).isoformat(),
            "covered_by": self.paul.pk,
        }
        return self.client(by).post(reverse("structures:absence_edit", args=[of.pk]), body | values)


@pytest.fixture
def team() -> Team:
    return Team()


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"absent_from": dt.date(2026, 12, 2), "absent_until": dt.date(2026, 12, 1)}, "comes_back_after_leaving"),
        ({"absent_from": dt.date(2026, 12, 2)}, "comes_back_after_leaving"),
        ({"absent_until": dt.date(2026, 12, 2)}, "comes_back_after_leaving"),
    ],
)
def test_the_database_refuses_dates_out_of_order(team: Team, values: dict[str, Any], name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Membership.objects.filter(pk=team.nadia.pk).update(**values)


@pytest.mark.parametrize(
    ("who", "name"), [("nadia", "covered_by_another_while_absent"), ("stranger", "covered_in_its_structure")]
)
def test_the_database_refuses_a_cover_by_oneself_or_from_elsewhere(team: Team, who: str, name: str) -> None:
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        team.nadia.leave(team.today, team.today, getattr(team, who))
    assert name in str(refused.value.__cause__.diag.constraint_name)  # type: ignore[union-attr]


def test_a_cover_who_leaves_the_structure_leaves_nobody(team: Team) -> None:
    team.nadia.leave(team.today, team.today, team.paul)
    team.paul.delete()
    team.nadia.refresh_from_db()
    assert (team.nadia.covered_by, team.nadia.absent_from) == (None, team.today)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"absent_from": ""}, "Indiquez le premier jour."),
        ({"absent_until": "2020-01-01"}, "Le dernier jour vient avant le premier."),
        ({"absent_from": "2020-01-01", "absent_until": "2020-01-02"}, "Cette absence est déjà passée."),
        ({"absent_until": "2099-01-01"}, "Une absence dure un an au plus."),
        ({"covered_by": "0"}, "ne fait plus partie de l’équipe"),
    ],
)
def test_what_cannot_be_is_said_next_to_the_field(team: Team, values: dict[str, str], message: str) -> None:
    response = team.note(team.nadia, team.nadia, **values)
    assert response.status_code == 422
    assert message in response.content.decode()
    team.nadia.refresh_from_db()
    assert team.nadia.absent_from is None


def test_neither_oneself_nor_someone_away_at_the_same_time_stands_in(team: Team) -> None:
    assert team.note(team.nadia, team.nadia, covered_by=team.nadia.pk).status_code == 422
    team.paul.leave(team.today + 3 * DAY, team.today + 4 * DAY, None)
    response = team.note(team.nadia, team.nadia)
    assert "absente elle aussi à ces dates" in response.content.decode()


def test_one_notes_one_s_own_absence_and_comes_back(team: Team) -> None:
    assert team.note(team.nadia, team.nadia).status_code == 302
    team.nadia.refresh_from_db()
    assert team.nadia.is_absent(team.today) and team.nadia.is_absent(team.today + 7 * DAY)
    assert not team.nadia.is_absent(team.today + 8 * DAY)
    assert team.nadia.covered_by == team.paul
    page = team.client(team.paul).get(reverse("structures:absence_list")).content.decode()
    assert "remplacement par Paul Roux" in page
    team.client(team.nadia).post(reverse("structures:absence_end", args=[team.nadia.pk]))
    team.nadia.refresh_from_db()
    assert (team.nadia.absent_from, team.nadia.covered_by) == (None, None)


def test_a_manager_notes_a_colleague_s_absence_and_a_colleague_does_not(team: Team) -> None:
    assert team.note(team.paul, team.nadia, covered_by="").status_code == 403
    assert team.note(team.stranger, team.nadia).status_code == 404
    assert team.note(team.manager, team.nadia).status_code == 302
