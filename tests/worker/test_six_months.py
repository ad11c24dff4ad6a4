"""The six-month question, from the exit to the person's tap, without an account."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from referrals.models import ContactChannel, Event, EventKind, Exit, FollowUp, FollowUpState, Message
from tests.smtp_server import Inbox
from tests.territory import a_door, a_person, a_sent, a_structure, an_action
from worker.drain import drain


@pytest.mark.django_db(transaction=True)
def test_the_link_of_the_letter_that_really_arrived_takes_the_answer_of_the_person(smtp: Inbox) -> None:
    sender, receiver = a_door(a_structure()).actor, a_structure()
    started = timezone.now() - dt.timedelta(days=200)
    left = timezone.localdate(started) + dt.timedelta(days=5)
    person = a_person(sender, started, contact_channel=ContactChannel.EMAIL, email="personne@example.org")
    referral = a_sent(an_action(receiver), sender, person, started)
    receiving = a_door(receiver).actor
    referral.accept(receiving, started)
    referral.enter(receiving, started, on=left)
    Exit.objects.record(referral, receiving, started, on=left, kind="cdi")
    drain()
    [letter] = smtp.to("personne@example.org")
    text = next(part for part in letter.walk() if part.get_content_type() == "text/plain")
    link = re.search(rf"{settings.SITE_URL}(/s/\S+)", text.get_content())
    assert link is not None
    assert Message.objects.get(letter="six_months").body_text == ""
    client = Client()
    assert client.get(link[1]).status_code == 200
    assert FollowUp.objects.get().state == FollowUpState.ASKED
    assert client.post(link[1], {"situation": "job"}).status_code in (302, 303)
    assert (FollowUp.objects.get().state, FollowUp.objects.get().situation) == (FollowUpState.ANSWERED, "job")
    assert Event.objects.filter(kind=EventKind.FOLLOWUP_ANSWERED, referral=referral).exists()
    drain()
    assert len(smtp.to("personne@example.org")) == 1
