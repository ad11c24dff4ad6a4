"""What a member reads in Relais, and how often they want letters."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client

from accounts.models import User
from referrals.models import Notification
from referrals.models.notification import KEPT
from structures.models import Membership, Structure
from structures.vocabulary import Pace, Role
from tests.territory import NOW, a_door, a_member, a_sent, a_structure, an_action

pytestmark = pytest.mark.django_db


class Desk:
    """A member of a structure, with things told to them."""

    def __init__(self, *roles: Role) -> None:
        self.structure: Structure = a_structure()
        self.user: User = a_member(self.structure, *roles)
        self.client = Client()
        self.client.force_login(self.user)
        self.referral = a_sent(an_action(a_structure()), a_door(self.structure).actor)

    def told(self, subject: str = "", **values: object) -> Notification:
        defaults: dict[str, object] = {
            "user": self.user,
            "structure": self.structure,
            "referral": self.referral,
            "reminder": self.referral.reminders.order_by("due_at", "id")[0],
            "letter": f"lettre{Notification.objects.count()}",
            "subject": subject or f"Fiche {self.referral.reference}\u00a0: acceptée",
            "created_at": NOW,
        }
        return Notification.objects.create(**defaults | values)

    def page(self, address: str = "/notifications/") -> str:
        return self.client.get(address).content.decode()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_nobody_reads_or_marks_what_was_told_to_another_or_in_another_structure(desk: Desk) -> None:
    other = a_member(desk.structure)
    elsewhere = a_structure()
    Membership.objects.create(user=desk.user, structure=elsewhere, roles=[Role.PRESCRIBER])
    rows = [desk.told(user=other), desk.told(structure=elsewhere)]
    assert "Aucune notification" in desk.page()
    for row in rows:
        assert desk.client.post(f"/notifications/{row.pk}/").status_code == 404
    desk.client.post("/notifications/lues/")
    assert Notification.objects.unread().count() == 2


@pytest.mark.parametrize("named", ["x", "-1", "9" * 40])
def test_a_name_that_is_none_marks_nothing(desk: Desk, named: str) -> None:
    desk.told()
    assert desk.client.post("/notifications/lues/", {"notification": named}).status_code == 302
    assert Notification.objects.unread().count() == 1


def test_looking_reads_nothing_and_opening_does(desk: Desk) -> None:
    row = desk.told()
    assert '1<span class="visually-hidden"> non lues' in desk.page()
    assert desk.client.get(f"/notifications/{row.pk}/").status_code == 405
    assert Notification.objects.unread().count() == 1
    answer = desk.client.post(f"/notifications/{row.pk}/")
    assert answer["Location"] == f"/fiches/{desk.referral.reference}/"
    assert not Notification.objects.unread().exists()
    assert "non lues" not in desk.page()


def test_the_unread_come_first_and_pages_follow_by_key(desk: Desk) -> None:
    for n in range(45):
        desk.told(f"ligne {n:02d}", created_at=NOW + dt.timedelta(minutes=n), read_at=NOW if n >= 40 else None)
    first = desk.page()
    assert first.index("ligne 39") < first.index("ligne 38") < first.index("ligne 00")
    assert "ligne 44" not in first
    [following] = [part.split('"')[0] for part in first.split('href="') if part.startswith("?apres")]
    second = desk.page(f"/notifications/{following}")
    assert second.index("ligne 44") < second.index("ligne 40")


def test_all_are_read_at_once(desk: Desk) -> None:
    for _ in range(3):
        desk.told()
    desk.client.post("/notifications/lues/")
    assert not Notification.objects.unread().exists()


def test_old_ones_are_forgotten(desk: Desk) -> None:
    desk.told(created_at=NOW - KEPT - dt.timedelta(days=1))
    kept = desk.told()
    assert Notification.objects.forget(NOW) == 1
    assert Notification.objects.get() == kept


# How often


def test_a_member_chooses_for_themselves_alone(desk: Desk) -> None:
    assert "Adresse de la structure" not in desk.page("/reglages/lettres/")
    posted = {"own": "daily", "structure": "none", "email": "autre@example.org"}
    assert desk.client.post("/reglages/lettres/", posted).status_code == 302
    desk.structure.refresh_from_db()
    assert Membership.objects.get(user=desk.user).letters == Pace.DAILY
    assert (desk.structure.letters, desk.structure.email) != (Pace.NONE, "autre@example.org")
    assert desk.structure.letters == Pace.IMMEDIATE


def test_a_manager_chooses_for_the_structure_too_and_mends_its_address() -> None:
    desk = Desk(Role.MANAGER)
    wrong = desk.client.post("/reglages/lettres/", {"own": "none", "structure": "daily", "email": "accueil@"})
    assert wrong.status_code == 422
    assert "accueil@exemple.fr" in wrong.content.decode()
    assert Membership.objects.get(user=desk.user).letters == Pace.IMMEDIATE
    posted = {"own": "none", "structure": "daily", "email": "neuve@example.org"}
    assert desk.client.post("/reglages/lettres/", posted).status_code == 302
    desk.structure.refresh_from_db()
    assert (desk.structure.letters, desk.structure.email) == (Pace.DAILY, "neuve@example.org")


def test_the_api_reads_and_chooses_the_same(desk: Desk) -> None:
    row = desk.told()
    listed = desk.client.get("/api/v1/notifications/").json()["results"]
    assert [(one["id"], one["referral"], one["read_at"]) for one in listed] == [(row.pk, desk.referral.reference, None)]
    assert desk.client.post(f"/api/v1/notifications/{row.pk}/read/").json()["read_at"]
    assert desk.client.post("/api/v1/notifications/read/").status_code == 204
    assert desk.client.get("/api/v1/me/letters/").json() == {"own": "immediate"}
    assert (
        desk.client.patch("/api/v1/me/letters/", {"own": "jamais"}, content_type="application/json").status_code == 400
    )
    assert (
        desk.client.patch("/api/v1/me/letters/", {"structure": "none"}, content_type="application/json").status_code
        == 403
    )
    assert desk.client.patch("/api/v1/me/letters/", {"own": "none"}, content_type="application/json").json() == {
        "own": "none"
    }


def test_the_api_lets_a_manager_choose_for_the_structure() -> None:
    desk = Desk(Role.MANAGER)
    chosen = desk.client.patch("/api/v1/me/letters/", {"structure": "daily"}, content_type="application/json").json()
    assert chosen == {"own": "immediate", "structure": "daily", "email": desk.structure.email}
