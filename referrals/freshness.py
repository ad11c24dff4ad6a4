"""Asks structures, by letter, to confirm the actions that nobody confirmed for six months.

One letter per structure names all its stale actions. An action is asked about once per six months of staleness, and a
structure at most once in thirty days. Only structures that have a manager are asked: nobody else could confirm, and
an imported catalogue holds thousands that have never heard of Relais. Confirming, pausing or withdrawing stops it: a
letter that a mail server keeps waiting is then withdrawn.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from referrals import deadlines, emails
from referrals.models import Message, ReminderPolicy
from referrals.notifications import Recipient, members_of, paced, stable_id
from referrals.policies import PolicyKind
from structures.models import Action, Membership, Structure
from structures.models.action import REST, ActionQuerySet
from structures.vocabulary import Role

LETTER = "actions_to_confirm"
MOST_STRUCTURES = 500
"""Structures asked in one pass; the others are asked the next working day."""


def _to_ask(day: dt.date) -> ActionQuerySet:
    """The actions to ask about whose structure has a manager and was left in peace long enough."""
    managers = Membership.objects.filter(
        structure=OuterRef("structure"), is_active=True, user__is_active=True, roles__contains=[Role.MANAGER]
    )
    lately = Action.objects.filter(structure=OuterRef("structure"), asked_on__gt=day - REST)
    switched_off = ReminderPolicy.objects.filter(
        structure=OuterRef("structure"), action=None, kind=PolicyKind.CATALOGUE, is_on=False
    )
    return Action.objects.to_ask_about(day).filter(Exists(managers), ~Exists(lately), ~Exists(switched_off))


def ask_structures(now: dt.datetime) -> int:
    """Write the letters that are due on a working day; return how many structures are asked."""
    day = timezone.localdate(now)
    if not deadlines.is_working_day(day):
        return 0
    due = _to_ask(day).order_by("structure_id").values_list("structure_id", flat=True).distinct()
    return sum(_ask(pk, day, now) for pk in list(due[:MOST_STRUCTURES]))


def _message_id(structure: Structure, day: dt.date, address: str) -> str:
    return stable_id(structure.pk, LETTER, day, address.lower())


def overtaken(message: Message, now: dt.datetime) -> str:
    """The reason why a letter that waits to be posted is withdrawn, as a code; empty while an action is unconfirmed."""
    if message.letter != LETTER:
        return ""
    asked_on = timezone.localdate(message.created_at)
    written_to = Q(email__iexact=message.to)
    if message.to_user is not None:
        written_to |= Q(memberships__user=message.to_user)
    for structure in Structure.objects.filter(written_to).order_by("pk").distinct():
        if message.message_id == _message_id(structure, asked_on, message.to):
            asked = structure.actions.stale(timezone.localdate(now)).filter(asked_on=asked_on)
            return "" if asked.exists() else "confirmed"
    return ""


def _ask(structure_id: UUID, day: dt.date, now: dt.datetime) -> bool:
    """Write to one structure and note it on its actions, in one transaction; `False` when another pass did."""
    with transaction.atomic():
        locked = Structure.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=structure_id)
        structure = locked.order_by("pk").first()
        if structure is None or not _to_ask(day).filter(structure=structure).exists():
            return False
        actions = list(Action.objects.stale(day).filter(structure=structure).order_by("name", "id"))
        recipients = (
            [Recipient.at(structure, structure.email)] if structure.email else members_of(structure, Role.MANAGER)
        )
        letter = emails.actions_to_confirm(structure, actions)
        Message.objects.bulk_create(
            [
                paced(
                    Message(
                        letter=letter.name,
                        to_user=recipient.user,
                        to_structure=structure,
                        to=recipient.address,
                        subject=letter.subject,
                        body_text=letter.body_text,
                        body_html=letter.body_html,
                        message_id=_message_id(structure, day, recipient.address),
                        not_before=recipient.quiet.next_allowed(now),
                        created_at=now,
                    ),
                    recipient,
                )
                for recipient in recipients
            ],
            ignore_conflicts=True,
        )
        # Not a change of the action: its version and its history stay as they are.
        Action.objects.filter(pk__in=[action.pk for action in actions]).update(asked_on=day)
    return True
