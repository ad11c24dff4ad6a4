"""The one door: who sees which rows, and who may do what."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404

from referrals.models import ConsentHow, ConsentScope
from referrals.permissions import Door
from referrals.states import Reason
from structures.models import Membership
from structures.vocabulary import ActionShape, Role
from tests.territory import (
    EVERYTHING,
    NOW,
    TODAY,
    a_door,
    a_draft,
    a_member,
    a_need,
    a_person,
    a_sent,
    a_structure,
    an_action,
)

LATER = NOW + dt.timedelta(minutes=20)
pytestmark = pytest.mark.django_db


class Town:
    """A sender, a receiver, a stranger, a coordinator, and one person."""

    def __init__(self) -> None:
        self.sender = a_door(a_structure("Mission locale"))
        self.receiver = a_door(a_structure("Cria"))
        self.stranger = a_door(a_structure("Autre"))
        self.coordinator = a_door(a_structure("Ville"), Role.COORDINATOR)
        self.action = an_action(self.receiver.structure)
        self.person = a_person(self.sender.actor)
        self.need = a_need(self.person, self.sender.actor)


@pytest.fixture
def town() -> Town:
    return Town()


def test_a_person_is_seen_by_who_recorded_them_only_until_a_fiche_is_sent(town: Town) -> None:
    draft = a_draft(town.action, town.sender.actor, town.person)
    assert town.sender.person(town.person.pk) == town.person
    for door in (town.receiver, town.stranger, town.coordinator, Door()):
        with pytest.raises(Http404):
            door.person(town.person.pk)
        with pytest.raises(Http404):
            door.referral(draft.reference)
    draft.send(town.sender.actor, NOW, consent_how=ConsentHow.ORAL, consent_scope=EVERYTHING)
    assert town.receiver.person(town.person.pk) == town.person
    assert town.receiver.referral(draft.reference) == draft
    for door in (town.stranger, town.coordinator):
        assert not door.persons().exists()
        assert not door.referrals().exists()
        assert not door.needs().exists()
        assert not door.bilans().exists()
        assert not door.followups().exists()


def test_a_fiche_taken_back_is_hidden_from_its_receiver_again(town: Town) -> None:
    referral = a_sent(town.action, town.sender.actor, town.person)
    referral.recall(town.sender.actor, NOW + dt.timedelta(minutes=2))
    with pytest.raises(Http404):
        town.receiver.person(town.person.pk)


def test_a_discarded_draft_leaves_every_list(town: Town) -> None:
    draft = a_draft(town.action, town.sender.actor, town.person)
    draft.cancel(town.sender.actor, NOW, reason=Reason.MISTAKE)
    assert not town.sender.referrals().exists()


def test_the_receiver_sees_what_the_consent_covers_and_no_more(town: Town) -> None:
    referral = a_draft(town.action, town.sender.actor, town.person)
    referral.send(
        town.sender.actor, NOW, consent_how=ConsentHow.ORAL, consent_scope=[ConsentScope.CONTACT, ConsentScope.PROFILE]
    )
    assert town.receiver.scopes(town.person) == {"contact", "profile"}
    assert town.sender.scopes(town.person) == set(ConsentScope.values)
    assert town.stranger.scopes(town.person) == set()
    assert not town.receiver.needs().exists()
    assert town.sender.needs().get() == town.need


def test_each_role_does_its_own_part_only(town: Town) -> None:
    referral = a_sent(town.action, town.sender.actor, town.person)
    assert town.sender.may("cancel", referral)
    assert not town.sender.may("accept", referral)
    assert town.receiver.may("accept", referral)
    assert not town.receiver.may("cancel", referral)
    reader = Door.of(a_member(town.receiver.structure, Role.PRESCRIBER))
    assert reader.referral(referral.reference)
    with pytest.raises(PermissionDenied):
        reader.require("accept", referral)
    manager = Door.of(a_member(town.sender.structure, Role.MANAGER))
    assert manager.person(town.person.pk)
    with pytest.raises(PermissionDenied):
        manager.require("edit", town.person)
    with pytest.raises(PermissionDenied):
        manager.require("record_person")
    assert manager.may("figures")
    assert town.coordinator.may("figures")
    assert not town.coordinator.may("files")
    assert town.coordinator.sees_territory
    assert not manager.sees_territory


def test_buttons_follow_the_role_and_the_state(town: Town) -> None:
    referral = a_sent(town.action, town.sender.actor, town.person)

    def shown(door: Door) -> set[str]:
        return {name for name, able in door.abilities(referral, LATER).items() if able}

    assert shown(town.sender) == {"attach", "cancel", "hand_over"}
    assert shown(town.receiver) == {"attach", "accept", "waitlist", "decline", "redirect", "ask", "assign"}
    referral.ask(town.receiver.actor, LATER, question="A-t-elle le permis ?")
    assert shown(town.sender) == {"attach", "cancel", "hand_over", "clarify"}
    assert shown(town.receiver) == {"attach", "accept", "waitlist", "decline", "redirect", "unask", "assign"}
    referral.accept(town.receiver.actor, LATER)
    assert shown(town.receiver) == {"attach", "enter", "miss", "retract", "assign", "meet"}
    referral.meet(town.receiver.actor, LATER, at=LATER + dt.timedelta(days=3), minutes=60)
    assert shown(town.receiver) == {"attach", "enter", "miss", "retract", "assign", "meet", "settle", "tell"}
    assert shown(town.sender) == {"attach", "cancel", "hand_over", "tell"}
    referral.enter(town.receiver.actor, LATER, on=TODAY)
    assert shown(town.receiver) == {"attach", "attend", "bilan", "exit", "next", "assign"}
    assert shown(town.sender) == {"attach", "receive_otherwise", "next", "hand_over"}


def test_a_sending_shows_its_undo_for_ten_minutes(town: Town) -> None:
    referral = a_sent(town.action, town.sender.actor, town.person)
    assert town.sender.abilities(referral, NOW + dt.timedelta(minutes=9))["recall"]
    assert not town.sender.abilities(referral, NOW + dt.timedelta(minutes=11))["recall"]


def test_an_action_without_a_typed_exit_is_simply_ended(town: Town) -> None:
    event = an_action(town.receiver.structure, shape=ActionShape.EVENT)
    referral = a_sent(event, town.sender.actor, town.person)
    referral.accept(town.receiver.actor, LATER)
    referral.enter(town.receiver.actor, LATER, on=TODAY)
    can = town.receiver.abilities(referral, LATER)
    assert can["end"]
    assert not can["exit"]
    assert not can["bilan"]


def test_an_inactive_user_an_inactive_membership_and_an_inactive_structure_open_nothing(town: Town) -> None:
    user = town.sender.user
    assert user is not None
    membership = Membership.objects.get(user=user)
    membership.is_active = False
    membership.save()
    assert not Door.of(user).persons().exists()
    membership.is_active = True
    membership.save()
    assert Door.of(user).persons().exists()
    structure = membership.structure
    structure.is_active = False
    structure.save()
    assert not Door.of(user).persons().exists()
    structure.is_active = True
    structure.save()
    user.is_active = False
    assert not Door.of(user).persons().exists()


def test_a_member_of_two_structures_chooses_which_one_they_act_for(town: Town) -> None:
    user = town.sender.user
    assert user is not None
    assert town.stranger.structure is not None
    Membership.objects.create(user=user, structure=town.stranger.structure, roles=[Role.PRESCRIBER])
    assert Door.of(user, town.stranger.structure.pk).structure == town.stranger.structure
    assert not Door.of(user, town.stranger.structure.pk).persons().exists()
    assert town.receiver.structure is not None
    elsewhere = Door.of(user, town.receiver.structure.pk)
    assert elsewhere.structure in {town.sender.structure, town.stranger.structure}, "not a member: never let in"
