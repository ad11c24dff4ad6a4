"""What the screens of the case show alike: the identity bar and the row of a queue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from django.urls import reverse
from django.utils import timezone

from referrals import deadlines
from referrals.models import ConsentScope, ContactChannel, Person, Referral
from referrals.states import State


def identity_of(person: Person, scopes: Collection[str], on: dt.date, *, link: bool = True) -> dict[str, Any]:
    """What `components/identity.html` takes: the name and the age always, the rest when contacts are shared."""
    shared = ConsentScope.CONTACT in scopes
    return {
        "url": reverse("referrals:person_detail", args=[person.pk]) if link else "",
        "person": {
            "full_name": person.full_name,
            "age": person.age(on),
            "get_quartier_display": person.get_quartier_display() if shared else "",
            "commune_name": person.commune if shared else "Coordonnées non partagées",
            "in_qpv": person.in_qpv if shared else None,
            "phone": person.phone if shared else "",
            "contact_channel": person.contact_channel if shared else "",
            "get_contact_channel_display": person.get_contact_channel_display() if shared else "",
            "may_text": person.contact_channel == ContactChannel.SMS,
            "may_leave_message": person.may_leave_message,
            "contact_note": person.contact_note if shared else "",
        },
    }


def due_on(referral: Referral, *, bilan_is_back: bool) -> dt.date | None:
    """The day by which the receiver is expected to do something: answer, see the person, return the bilan."""
    match referral.state:
        case State.SENT:
            return referral.answer_due_on()
        case State.ACCEPTED:
            return referral.expected_on
        case State.ENTERED:
            return None if bilan_is_back else referral.bilan_due_on
    return None


def is_late(referral: Referral, due: dt.date | None, today: dt.date) -> bool:
    """Whether `due_on` has passed; a rendez-vous leaves one working day to say whether the person came."""
    if due is None:
        return False
    if referral.state == State.ACCEPTED:
        due = deadlines.add_working_days(due, deadlines.ENTRY_WORKING_DAYS)
    return due < today


def queue_row(referral: Referral, *, other: str, now: dt.datetime, action_label: str = "") -> dict[str, Any]:
    """What `components/queue_row.html` takes. The fiche carries the annotation `bilan_is_back`.

    `other` is the structure on the other side: "sender" or "receiver".
    """
    today = timezone.localdate(now)
    due = due_on(referral, bilan_is_back=getattr(referral, "bilan_is_back"))  # noqa: B009 (an annotation)
    draft = referral.state == State.DRAFT
    name = "referrals:referral_send" if draft else "referrals:referral_detail"
    url = reverse(name, args=[referral.reference])
    return {
        "title": referral.person.full_name,
        "url": url,
        "reference": referral.reference,
        "meta": f"{referral.action} · {getattr(referral, other)}",
        "state": referral.state,
        "state_label": State(referral.state).label,
        "due": due,
        "late": is_late(referral, due, today),
        "action_label": action_label,
        "action_url": url if action_label else "",
    }
