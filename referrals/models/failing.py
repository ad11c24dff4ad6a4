"""Addresses that a letter could not reach, until they change or a later letter is taken."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower

from accounts.models import AccountLetter, User
from referrals.models.message import Message, MessageChannel
from referrals.models.person import Person
from structures.models import Action, Structure

TRUSTED_AFTER = dt.timedelta(days=2)
"""A mail server that takes a letter may still send it back later: an address that bounced is trusted again when a
letter was taken and none came back for so long."""


class FailingAddressQuerySet(models.QuerySet["FailingAddress", "FailingAddress"]):
    """Questions about many addresses. Start from `Door.failing()` on screens."""

    def standing(self, now: dt.datetime) -> FailingAddressQuerySet:
        """Those that fail as far as is known."""
        return self.filter(Q(taken_at=None) | Q(taken_at__gt=now - TRUSTED_AFTER))

    def of(self, *addresses: str) -> FailingAddressQuerySet:
        """Those among some addresses and numbers, whatever the case."""
        return self.filter(address__in=[address.lower() for address in addresses if address])

    def note(self, letter: Message | AccountLetter, code: str, now: dt.datetime, *, bounced: bool = False) -> None:
        """Keep that an address could not be reached; `since` stays that of the first failure."""
        channel, person = MessageChannel.EMAIL.value, None
        if isinstance(letter, Message):
            channel = letter.channel
            person = letter.referral.person if letter.is_to_the_person and letter.referral is not None else None
        failing = FailingAddress(
            address=letter.to.lower(),
            channel=channel,
            person=person,
            since=now,
            code=code[:40],
            bounced=bounced,
        )
        FailingAddress.objects.bulk_create([failing], ignore_conflicts=True)
        rows = self.filter(address=failing.address, person=person)
        rows.update(code=failing.code, taken_at=None, **({"bounced": True} if bounced else {}))

    def taken(self, address: str, now: dt.datetime) -> None:
        """A letter was taken for it: it works, or will be trusted again if that letter does not come back."""
        rows = self.of(address)
        rows.filter(bounced=False).delete()
        rows.filter(bounced=True, taken_at=None).update(taken_at=now)

    def sweep(self, now: dt.datetime) -> int:
        """Forget the addresses that nobody has any more, and those that are trusted again; return how many."""
        held: list[tuple[type[models.Model], Any]] = [
            (User, Lower("email")),
            (Structure, Lower("email")),
            (Action, Lower("email")),
            (Person, Lower("email")),
            (Person, models.F("phone")),
        ]
        unheld: Any = Q()
        for model, column in held:
            unheld &= ~Exists(model._default_manager.alias(held=column).filter(held=OuterRef("address")))
        trusted = Q(taken_at__lte=now - TRUSTED_AFTER)
        count, _ = self.filter(unheld | trusted).delete()
        return count


class FailingAddress(models.Model):
    """One address in small letters, or one number. `person` is the one whom a letter could not reach there.

    `bounced` says that a mail server took the letter and sent it back; `taken_at` when a later one was taken.
    """

    address = models.CharField("adresse", max_length=254)
    channel = models.CharField("canal", max_length=5, choices=MessageChannel)
    person = models.ForeignKey(
        Person, models.CASCADE, null=True, blank=True, related_name="failing_addresses", verbose_name="personne"
    )
    since = models.DateTimeField("en échec depuis")
    code = models.CharField("dernier refus", max_length=40)
    bounced = models.BooleanField("revenue après l’envoi", default=False)
    taken_at = models.DateTimeField("lettre acceptée depuis", null=True, blank=True)

    objects = FailingAddressQuerySet.as_manager()

    class Meta:
        verbose_name = "adresse en échec"
        verbose_name_plural = "adresses en échec"
        ordering = ["since", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["address", "person"], nulls_distinct=False, name="failing_address_once_per_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} ({self.code})"
