"""What the screens of the case show alike: the identity bar and the row of a queue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from referrals import deadlines
from referrals.french import day_words
from referrals.models import ConsentScope, Person, Referral
from referrals.permissions import Door
from referrals.policies import PolicyKind
from referrals.states import OPEN, State, Verb, may_move


@dataclass(frozen=True)
class SharedPerson:
    """A person as `components/identity.html` reads them: the name and the age, and the rest when it is shared."""

    person: Person
    shared: bool
    on: dt.date

    @property
    def full_name(self) -> str:
        """Always shared: a fiche is about somebody."""
        return self.person.full_name

    def age(self, on: dt.date | None = None) -> int | None:
        """Whole years, on the day of the page unless told; always shared."""
        return self.person.age(on or self.on)

    @property
    def place(self) -> str:
        """Where the person lives, or that it is not shared."""
        return self.person.place if self.shared else "Coordonnées non partagées"

    def __getattr__(self, name: str) -> Any:
        if name not in CONTACT_FIELDS:
            raise AttributeError(name)
        return getattr(self.person, name) if self.shared else ""


CONTACT_FIELDS = (
    "in_qpv",
    "phone",
    "contact_channel",
    "may_leave_message",
    "contact_note",
    "safe_hours",
    "needs_interpreter",
    "language",
    "moved_on",
    "moved_to",
)
"""What the consent to share the coordinates opens."""


def identity_of(person: Person, scopes: Collection[str], on: dt.date, *, link: bool = True) -> dict[str, Any]:
    """What `components/identity.html` takes: the name and the age always, the rest when contacts are shared."""
    return {
        "url": reverse("referrals:person_detail", args=[person.pk]) if link else "",
        "person": SharedPerson(person, ConsentScope.CONTACT in scopes, on),
    }


def suggestions_url(referral: Referral) -> str:
    """Where its sender looks for what comes next: the suggestions, for the needs that were advised if any were."""
    address = reverse("referrals:suggestions", args=[referral.person_id])
    return f"{address}?conseil={referral.reference}" if referral.is_redirected_nowhere else address


def due_on(referral: Referral, *, bilan_is_back: bool) -> dt.date | None:
    """The day by which the receiver is expected to do something: answer, see the person, return the bilan;
    or by which the sender is to confirm a place."""
    match referral.state:
        case State.SENT:
            return referral.answer_due_on()
        case State.OFFERED:
            return timezone.localdate(referral.offered_until)
        case State.ACCEPTED:
            return referral.expected_on
        case State.ENTERED:
            return None if bilan_is_back else referral.bilan_due_on
    return None


def is_late(referral: Referral, due: dt.date | None, today: dt.date) -> bool:
    """Whether `due_on` has passed; a rendez-vous leaves the days of its rule to say whether the person came."""
    if due is None:
        return False
    if referral.state == State.ACCEPTED:
        due = deadlines.add_working_days(due, referral.rules[PolicyKind.ENTRY].delays[0], referral.clock.holidays)
    return due < today


def follower_words(referral: Referral, other: str, absentees: Mapping[User, dt.date]) -> str:
    """Who follows a fiche, where the row is to say it: the member it is assigned to, or a colleague who is away.

    « suivie par Paul Roux », « pour Nadia Petit (absence jusqu’au 3 décembre 2026) ».
    """
    user = referral.assigned_to if other == "sender" else referral.sender_member
    if user is not None and user in absentees:
        return f"pour {user} (absence jusqu’au {day_words(absentees[user])})"
    return f"suivie par {user}" if user is not None and other == "sender" else ""


def ranks_of(referrals: Iterable[Referral], today: dt.date) -> dict[UUID, str]:
    """« 2e sur 5 », for those of the fiches that stand on a waiting list. One query at most, however many."""
    waiting = [referral.pk for referral in referrals if referral.state == State.WAITLISTED]
    if not waiting:
        return {}
    rows = Referral.objects.filter(pk__in=waiting).with_rank(today).order_by("pk")
    return {row.pk: f"{row.rank}{'er' if row.rank == 1 else 'e'} sur {row.waiting}" for row in rows}


def queue_row(
    referral: Referral,
    *,
    other: str,
    now: dt.datetime,
    action_label: str = "",
    rank: str = "",
    absentees: Mapping[User, dt.date] = MappingProxyType({}),
) -> dict[str, Any]:
    """What `components/queue_row.html` takes. The fiche carries its rules and the annotation `its_bilan`.

    `other` is the structure on the other side: "sender" or "receiver". `absentees` are the colleagues for whom the
    reader stands in, and until when; `rank` is what `ranks_of` says of it.
    """
    today = timezone.localdate(now)
    due = due_on(referral, bilan_is_back=getattr(referral, "its_bilan") is not None)  # noqa: B009 (an annotation)
    draft, paused = referral.state == State.DRAFT, referral.paused_at is not None
    name = "referrals:referral_send" if draft else "referrals:referral_detail"
    url = reverse(name, args=[referral.reference])
    return {
        "title": referral.person.full_name,
        "url": url,
        "reference": referral.reference,
        "meta": str(referral.action),
        "partner": str(getattr(referral, other)),
        "note": ", ".join(
            words
            for words in (f"{rank} en liste d’attente" if rank else "", follower_words(referral, other, absentees))
            if words
        ),
        "state": "paused" if paused else referral.state,
        "state_label": "En pause" if paused else State(referral.state).label,
        "due": due,
        "late": is_late(referral, due, today),
        "action_label": action_label,
        "action_url": url if action_label else "",
    }


def is_answerable(door: Door, referral: Referral) -> bool:
    """Whether the fiche can be answered together with others."""
    return may_move(Verb.ACCEPT, referral.state) and door.may(Verb.ACCEPT, referral)


def tick_of(door: Door, referral: Referral) -> str:
    """What the box of a row posts: the fiche and the version that was shown.

    Empty when it can neither be answered nor entrusted to somebody.
    """
    may = is_answerable(door, referral) or (referral.state in OPEN and door.may("assign", referral))
    return f"{referral.reference}:{referral.version}" if may else ""
