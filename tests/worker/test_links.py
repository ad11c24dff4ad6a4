"""A whole path in which the receiver never has an account: from the sending to the bilan, by the letters' links."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from referrals.models import Bilan, ConsentHow, Event, EventKind, Origin, Referral, Reminder
from referrals.models.reminder import ReminderKind
from referrals.permissions import Door
from referrals.states import State
from structures.models import Membership
from structures.vocabulary import Role
from tests.referrals.stage import session_of
from tests.territory import EVERYTHING, a_member, a_need, a_person, a_structure, an_action
from worker.drain import drain

pytestmark = pytest.mark.django_db(transaction=True)


def link_in(letter: Any) -> str:
    """The path of the link that a letter carries."""
    found = re.search(r"https?://[^/\s]+(/f/[\w-]+/)", letter.get_body(("plain",)).get_content())
    assert found is not None
    return found[1]


def test_a_fiche_is_answered_entered_and_returned_by_a_structure_that_has_no_account(smtp: Any) -> None:
    now = timezone.now()
    sender = a_structure("Mission locale")
    receiver = a_structure("Alire", email="accueil@alire.example.org")
    camille = a_member(sender, Role.PRESCRIBER, email="camille@example.org")
    door = Door.of(camille)
    action = an_action(receiver, "Atelier de français", scales=["cria"], email="ateliers@alire.example.org")
    sent_at = now - dt.timedelta(days=3)
    person = a_person(door.actor, sent_at, phone="+33199000101")
    need = a_need(person, door.actor)
    fiche = Referral.objects.draft(person, action, door.actor, sent_at, needs=[need], motive="Le soir de préférence.")
    fiche.send(door.actor, sent_at, consent_how=ConsentHow.ORAL, consent_scope=EVERYTHING)
    assert not Membership.objects.filter(structure=receiver).exists()

    # The letter arrives at the address of the action; its link opens the fiche.
    drain(lambda: sent_at + dt.timedelta(minutes=11))
    [letter] = smtp.to("ateliers@alire.example.org")
    assert person.last_name not in str(letter)
    first = link_in(letter)
    mailbox = Client(enforce_csrf_checks=True)
    page = mailbox.get(first).content.decode()
    assert person.full_name in page
    assert "Le soir de préférence." in page
    assert "01 99 00 01 01" in page

    # Accepted; the sender is told.
    accept = re.search(r'action="(/f/[^"]+/accepter/)"', page)
    assert accept is not None
    in_two_days = f"{timezone.localdate(now) + dt.timedelta(days=2)}T10:00"
    assert mailbox.post(accept[1], {"version": 1, "appointment_at": in_two_days}).status_code == 302
    drain(lambda: now + dt.timedelta(minutes=15))
    assert [one["Subject"].split("\u00a0: ")[1] for one in smtp.to("camille@example.org")] == ["acceptée"]

    # After the rendez-vous a second letter asks whether the person came: its own link, the same fiche.
    reminder = Reminder.objects.get(referral=fiche, kind=ReminderKind.ENTRY_TO_CONFIRM)
    drain(lambda: reminder.due_at)
    second = link_in(smtp.to("ateliers@alire.example.org")[-1])
    assert second != first
    page = mailbox.get(second).content.decode()
    fiche.refresh_from_db()
    came = {"version": fiche.version, "on": timezone.localdate(now).isoformat()}
    assert "La personne entre dans l’action" in page
    assert mailbox.post(f"{second}fiches/{fiche.reference}/venue/", came).status_code == 302
    fiche.refresh_from_db()
    assert fiche.state == State.ENTERED

    # The bilan: begun, saved while typing, returned, by the link of the letter that asks for it.
    due = Reminder.objects.filter(referral=fiche, kind=ReminderKind.BILAN_DUE).earliest("due_at")
    drain(lambda: due.due_at)
    third = link_in(smtp.to("ateliers@alire.example.org")[-1])
    begun = mailbox.post(f"{third}fiches/{fiche.reference}/bilans/final/")
    bilan = Bilan.objects.get()
    typed = {"on": timezone.localdate(now).isoformat(), "summary": "Tient une conversation.", "version": fiche.version}
    assert mailbox.post(f"{third}bilans/{bilan.pk}/brouillon/", typed).status_code == 204
    assert "Tient une conversation." in mailbox.get(begun["Location"]).content.decode()
    left = {"exit_kind": "cdi", "exit_on": timezone.localdate(now).isoformat()}
    assert mailbox.post(f"{third}bilans/{bilan.pk}/rendre/", typed | left).status_code == 302

    # The sender reads it all; the receiver is on the journal, and still has no account.
    drain(lambda: timezone.now() + dt.timedelta(minutes=15))
    assert smtp.to("camille@example.org")[-1]["Subject"].endswith("bilan rendu")
    at_sender = session_of(camille)
    assert (
        "Tient une conversation." in at_sender.get(reverse("referrals:bilan_detail", args=[bilan.pk])).content.decode()
    )
    page = at_sender.get(reverse("referrals:referral_detail", args=[fiche.reference])).content.decode()
    assert page.count("Par le lien reçu") == 4
    done = Event.objects.filter(origin=Origin.LINK).order_by("id").values_list("kind", flat=True)
    deeds = [EventKind.ACCEPT, EventKind.ENTER, EventKind.BILAN_RETURNED, EventKind.END]
    assert list(done) == deeds
    assert set(Event.objects.filter(origin=Origin.LINK).order_by("id").values_list("user", "structure")) == {
        (None, receiver.pk)
    }
    assert not Membership.objects.filter(structure=receiver).exists()


def test_a_lost_link_is_replaced_by_a_letter_to_the_address_that_is_known(smtp: Any) -> None:
    now = timezone.now()
    door = Door.of(a_member(a_structure("Mission locale"), Role.PRESCRIBER))
    receiver = a_structure("Alire", email="accueil@alire.example.org")
    fiche = Referral.objects.draft(a_person(door.actor), an_action(receiver), door.actor, now - dt.timedelta(days=1))
    fiche.send(door.actor, now - dt.timedelta(days=1), consent_how=ConsentHow.ORAL, consent_scope=[])
    drain(lambda: now - dt.timedelta(hours=23))
    anybody = Client(enforce_csrf_checks=True)
    assert anybody.post("/f/", {"reference": fiche.reference, "email": "intrus@example.org"}).status_code == 200
    drain(lambda: timezone.now() + dt.timedelta(seconds=1))
    assert smtp.to("intrus@example.org") == []
    old, new = (link_in(letter) for letter in smtp.to("accueil@alire.example.org"))
    assert old != new
    assert [Client().get(link).status_code for link in (old, new)] == [200, 200]
