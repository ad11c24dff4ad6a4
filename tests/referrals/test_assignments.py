"""Who follows a fiche on each side: their letters, their queues, and who stands in while they are away."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from referrals.models import Event, EventKind, Message, Referral, Reminder, StaleReferral
from referrals.models.reminder import ReminderKind, ReminderState
from referrals.notifications import receiver_of, sender_of
from referrals.permissions import Door
from referrals.queues import Followed, Whose, count_queues, queues_of
from referrals.states import Reason
from structures.models import Membership
from structures.vocabulary import Role
from tests.referrals.stage import Stage, session_of
from tests.territory import a_member, a_person, a_sent, a_structure
from worker.reminders import settle

pytestmark = pytest.mark.django_db

WEEK = dt.timedelta(days=7)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def nadia(stage: Stage) -> User:
    """A colleague of the receiver's trainer."""
    return a_member(stage.receiver, Role.RECEIVER, first_name="Nadia", last_name="Petit", email="nadia@example.org")


def away(user: User, stage: Stage, cover: User | None = None) -> Membership:
    """Away from yesterday for a week."""
    place = Membership.objects.get(user=user)
    standing_in = Membership.objects.get(user=cover) if cover is not None else None
    place.leave(stage.today - dt.timedelta(days=1), stage.today + WEEK, standing_in)
    return place


def assign(stage: Stage, to: User | None, by: User | None = None) -> Event:
    return stage.referral.assign(Door.of(by or stage.trainer).actor, stage.now, to=to)


def written_to(stage: Stage) -> list[str]:
    return [one.address for one in receiver_of(stage.reload(), stage.today)]


def url(stage: Stage, name: str) -> str:
    return reverse(f"referrals:assignment_{name}", args=[stage.referral.reference])


# The verbs


def test_a_fiche_is_entrusted_to_a_member_of_the_receiver_only(stage: Stage, nadia: User) -> None:
    gone = a_member(stage.receiver, Role.RECEIVER)
    Membership.objects.filter(user=gone).update(is_active=False)
    for stranger in (stage.prescriber, gone, a_member(stage.receiver, Role.MANAGER)):
        with pytest.raises(ValueError, match="member"):
            assign(stage, stranger)
    assert assign(stage, nadia).data == {"to": nadia.pk}
    assert stage.reload().assigned_to == nadia


def test_a_closed_fiche_is_entrusted_to_nobody(stage: Stage, nadia: User) -> None:
    stage.referral.decline(stage.receives, stage.now, reason=Reason.NO_PLACE)
    with pytest.raises(StaleReferral):
        assign(stage, nadia)


def test_who_leaves_the_site_leaves_the_fiche_to_everybody(stage: Stage, nadia: User) -> None:
    Referral.objects.update(assigned_to=nadia)
    nadia.delete()
    assert stage.reload().assigned_to is None


def test_the_colleague_is_told_by_letter_and_oneself_is_not(stage: Stage, nadia: User) -> None:
    assign(stage, stage.trainer)
    assert not Reminder.objects.filter(kind=ReminderKind.ASSIGNED).exists()
    assign(stage, nadia)
    row = Reminder.objects.get(kind=ReminderKind.ASSIGNED)
    settle(row, stage.now)
    assert list(Message.objects.values_list("letter", "to")) == [("referral_assigned", "nadia@example.org")]


def test_the_letter_to_a_colleague_from_whom_it_is_taken_back_never_leaves(stage: Stage, nadia: User) -> None:
    assign(stage, nadia)
    assign(stage, None)
    row = Reminder.objects.get(kind=ReminderKind.ASSIGNED)
    assert (row.state, row.reason) == (ReminderState.DROPPED, "moved")


def test_the_sender_never_reads_how_the_receiver_shares_its_work(stage: Stage, nadia: User) -> None:
    assign(stage, nadia)
    page = reverse("referrals:referral_detail", args=[stage.referral.reference])
    text = stage.at_sender.get(page).content.decode()
    assert "confiée" not in text and "Nadia" not in text
    assert "Nadia Petit" in stage.at_receiver.get(page).content.decode()
    api = f"/api/v1/referrals/{stage.referral.reference}/"
    assert stage.at_sender.get(api).json()["assigned_to"] is None
    assert stage.at_receiver.get(api).json()["assigned_to"] == nadia.pk


# To whom letters go


def test_letters_go_to_the_assignee_else_to_the_structure(stage: Stage, nadia: User) -> None:
    assert written_to(stage) == [stage.receiver.email]
    assign(stage, nadia)
    assert written_to(stage) == ["nadia@example.org"]
    Membership.objects.filter(user=nadia).update(is_active=False)
    assert written_to(stage) == [stage.receiver.email]


def test_while_the_assignee_is_away_letters_go_to_who_stands_in_else_to_the_structure(
    stage: Stage, nadia: User
) -> None:
    assign(stage, nadia)
    place = away(nadia, stage, cover=stage.trainer)
    assert written_to(stage) == [stage.trainer.email]
    away(stage.trainer, stage)
    assert written_to(stage) == [stage.receiver.email], "who stands in is away too"
    place.come_back()
    assert written_to(stage) == ["nadia@example.org"]


def test_before_and_after_an_absence_letters_go_to_the_member(stage: Stage, nadia: User) -> None:
    assign(stage, nadia)
    place = away(nadia, stage, cover=stage.trainer)
    for day in (stage.today - dt.timedelta(days=2), stage.today + WEEK + dt.timedelta(days=1)):
        assert [one.user for one in receiver_of(stage.reload(), day)] == [nadia]
    for last in (place.absent_from, place.absent_until):
        assert last is not None
        assert [one.user for one in receiver_of(stage.reload(), last)] == [stage.trainer]


def test_the_sender_s_letters_follow_an_absence_too(stage: Stage) -> None:
    ines = a_member(stage.sender, Role.PRESCRIBER, email="ines@example.org")
    away(stage.prescriber, stage, cover=ines)
    assert [one.address for one in sender_of(stage.reload(), stage.today)] == ["ines@example.org"]
    Membership.objects.get(user=stage.prescriber).leave(stage.today, stage.today, None)
    assert [one.address for one in sender_of(stage.reload(), stage.today)] == [stage.sender.email]


# Whose fiches


def seen(user: User, whose: str, stage: Stage, side: Any = "received") -> set[str]:
    door = Door.of(user)
    followed = Followed.by(door, whose, door.absentees(stage.today))
    return set(door.referrals().filter(followed.where(side)).values_list("reference", flat=True))


def test_mine_are_mine_and_those_of_the_colleague_for_whom_i_stand_in(stage: Stage, nadia: User) -> None:
    other = a_sent(stage.action, stage.sends, a_person(stage.sends, stage.now), stage.now)
    assign(stage, nadia)
    assert seen(stage.trainer, Whose.MINE, stage) == set()
    assert seen(stage.trainer, Whose.NOBODYS, stage) == {other.reference}
    assert seen(stage.trainer, "", stage) == {other.reference, stage.referral.reference}
    away(nadia, stage, cover=stage.trainer)
    assert seen(stage.trainer, Whose.MINE, stage) == {stage.referral.reference}
    assert seen(stage.prescriber, Whose.MINE, stage, "sent") == {other.reference, stage.referral.reference}


def test_one_stands_in_within_the_same_structure_only(stage: Stage, nadia: User) -> None:
    elsewhere = a_structure("Ailleurs")
    Membership.objects.create(user=stage.trainer, structure=elsewhere, roles=[Role.RECEIVER])
    place = Membership.objects.get(user=nadia)
    place.leave(stage.today, stage.today, Membership.objects.get(user=stage.trainer, structure=stage.receiver))
    assert Door.of(stage.trainer, elsewhere.pk).absentees(stage.today) == {}
    assert Door.of(stage.trainer, stage.receiver.pk).absentees(stage.today) == {nadia: stage.today}


def test_the_home_page_says_for_whom_one_stands_in_and_the_sender_sees_nothing_of_it(stage: Stage, nadia: User) -> None:
    assign(stage, nadia)
    away(nadia, stage, cover=stage.trainer)
    home = stage.at_receiver.get(reverse("referrals:home"), {"qui": "moi"}).content.decode()
    assert "Vous remplacez Nadia Petit" in home
    assert "pour Nadia Petit (absence jusqu’au" in home
    assert stage.referral.reference in home
    page = reverse("referrals:referral_detail", args=[stage.referral.reference])
    for address in (page, reverse("referrals:home"), reverse("referrals:referral_list")):
        text = stage.at_sender.get(address).content.decode()
        assert "absence jusqu" not in text and "Nadia" not in text


def test_the_numbers_of_the_home_page_are_the_rows_behind_them_for_each_choice(stage: Stage, nadia: User) -> None:
    a_sent(stage.action, stage.sends, a_person(stage.sends, stage.now), stage.now)
    assign(stage, nadia)
    door = Door.of(nadia)
    for whose, expected in (("", 2), ("moi", 1), ("personne", 1)):
        followed = Followed.by(door, whose, ())
        assert count_queues(door, queues_of(door), stage.now, followed)["a-repondre"] == expected
        shown = session_of(nadia).get(
            reverse("referrals:referral_list"), {"onglet": "recues", "file": "a-repondre", "qui": whose}
        )
        assert len(shown.context["rows"]) == expected


def test_the_received_list_costs_the_same_whoever_follows_its_fiches(stage: Stage, nadia: User) -> None:
    away(nadia, stage, cover=stage.trainer)
    address = f"{reverse('referrals:referral_list')}?onglet=recues&qui=moi"

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert stage.at_receiver.get(address).status_code == 200
        return len(queries)

    def send(count: int) -> None:
        for number in range(count):
            one = a_sent(stage.action, stage.sends, a_person(stage.sends, stage.now), stage.now)
            one.assign(stage.receives, stage.now, to=nadia if number % 2 else stage.trainer)

    send(2)
    cost()
    few = cost()
    send(12)
    assert cost() == few


# On the screen


def test_a_structure_that_sends_to_itself_entrusts_the_fiche_as_its_receiver(stage: Stage) -> None:
    Referral.objects.update(sender=stage.receiver)
    page = stage.at_receiver.get(reverse("referrals:referral_detail", args=[stage.referral.reference]))
    assert url(stage, "assign") in page.content.decode()
    assert url(stage, "hand_over") not in page.content.decode()


def test_a_door_without_a_user_shows_no_colleague(stage: Stage) -> None:
    link = Door(structure=stage.receiver, roles=frozenset({Role.RECEIVER}))
    assert link.abilities(stage.referral, stage.now)["ask"]
    assert not link.abilities(stage.referral, stage.now)["assign"]


def test_a_receiver_entrusts_the_fiche_from_its_page(stage: Stage, nadia: User) -> None:
    response = stage.at_receiver.post(url(stage, "assign"), {"to": nadia.pk, "version": stage.referral.version})
    assert response.status_code == 302
    assert stage.reload().assigned_to == nadia
    again = stage.at_receiver.post(url(stage, "assign"), {"to": "", "version": stage.referral.version})
    assert again.status_code == 409, "the page was older than the first one"


def test_a_member_of_another_structure_is_refused_next_to_the_field(stage: Stage) -> None:
    body = {"to": stage.prescriber.pk, "version": stage.referral.version}
    response = stage.at_receiver.post(url(stage, "assign"), body)
    assert response.status_code == 422
    assert "ne fait plus partie de l’équipe" in response.content.decode()


def test_the_sender_s_member_passes_the_fiche_on_and_the_letters_follow(stage: Stage) -> None:
    colleague = a_member(stage.sender, Role.PRESCRIBER, first_name="Léa", last_name="Blin")
    page = reverse("referrals:referral_detail", args=[stage.referral.reference])
    assert "Passer le suivi" in stage.at_sender.get(page).content.decode()
    body = {"to": colleague.pk, "version": stage.referral.version}
    assert stage.at_sender.post(url(stage, "hand_over"), body).status_code == 302
    assert [one.user for one in sender_of(stage.reload(), stage.today)] == [colleague]
    assert stage.at_sender.post(url(stage, "hand_over"), body).status_code == 403, "it is no longer theirs to pass on"
    assert "Suivi passé" not in stage.at_receiver.get(page).content.decode()


def test_several_fiches_are_entrusted_at_once_and_the_closed_ones_passed_over(stage: Stage, nadia: User) -> None:
    open_one, closed = (
        a_sent(stage.action, stage.sends, a_person(stage.sends, stage.now), stage.now) for _ in range(2)
    )
    closed.decline(stage.receives, stage.now, reason=Reason.NO_PLACE)
    foreign = a_sent(stage.action, stage.sends, a_person(stage.sends, stage.now), stage.now)
    Referral.objects.filter(pk=foreign.pk).update(receiver=a_structure("Ailleurs"))
    body = {
        "to": nadia.pk,
        "fiche": [f"{one.reference}:{one.version}" for one in (stage.referral, open_one, closed, foreign)],
    }
    response = stage.at_receiver.post(reverse("referrals:assignment_many"), body, follow=True)
    assert "2 fiches confiées à Nadia Petit." in response.content.decode()
    taken = Referral.objects.filter(assigned_to=nadia).order_by("sent_at")
    assert {one.reference for one in taken} == {stage.referral.reference, open_one.reference}
    assert Event.objects.filter(kind=EventKind.ASSIGNED).count() == 2


def test_the_api_entrusts_and_passes_on(stage: Stage, nadia: User) -> None:
    base = f"/api/v1/referrals/{stage.referral.reference}"
    for to, code in ((stage.prescriber.pk, 400), (nadia.pk, 200), (None, 200)):
        answer = stage.at_receiver.post(f"{base}/assign/", {"to": to}, content_type="application/json")
        assert answer.status_code == code
    colleague = a_member(stage.sender, Role.PRESCRIBER)
    answer = stage.at_sender.post(f"{base}/hand-over/", {"to": colleague.pk}, content_type="application/json")
    assert answer.status_code == 200
    assert stage.reload().sender_member == colleague
