"""The link in a letter to a structure: it opens one fiche, to answer it without an account."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from dataclasses import dataclass

from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from referrals import deadlines
from referrals.models.bilan import BilanKind
from referrals.models.event import Actor, Event, EventKind, Origin
from referrals.models.followup import hash_token
from referrals.models.referral import Referral
from referrals.models.reminder import Reminder, ReminderKind
from referrals.states import OPEN, State
from structures.models import Structure


@dataclass(frozen=True)
class Key:
    """What one letter carries: the token, written nowhere else, and the moment until which it surely opens."""

    token: str
    until: dt.datetime


def is_awaited(referral: Referral, now: dt.datetime) -> bool:
    """Whether the receiver still has something to do, and has been told of it: its first letter has left."""
    if referral.sent_at is None or now <= referral.sent_at + deadlines.UNDO:
        return False
    if referral.state in OPEN:
        return True
    owed = referral.state == State.ENDED and referral.bilan_due_on is not None
    last = [BilanKind.FINAL, BilanKind.POSITIONING]
    return owed and not referral.bilans.returned().filter(kind__in=last).exists()


class LinkQuerySet(models.QuerySet["Link"]):
    """Questions about many links."""

    def live(self, now: dt.datetime) -> LinkQuerySet:
        """The links that open their fiche at `now`.

        All of a fiche's links die when they are revoked, when it is taken back or cancelled, when it or its action
        goes to another structure, and ten minutes after it was redirected: until then, whoever redirected it by the
        link must be able to read what they did. They also end by their date; that of a fiche under way is put off
        until `LINK_DAYS` after the day its bilan is due.
        """
        owed_since = timezone.localdate(now) - dt.timedelta(days=deadlines.LINK_DAYS)
        return (
            self.filter(
                Q(expires_at__gt=now) | Q(referral__state=State.ENTERED, referral__bilan_due_on__gte=owed_since),
                revoked_at__isnull=True,
                structure__is_active=True,
                referral__receiver=F("structure"),
                referral__action__structure=F("structure"),
                referral__sent_at__isnull=False,
            )
            .exclude(referral__state=State.CANCELLED)
            .exclude(referral__state=State.REDIRECTED, referral__closed_at__lt=now - deadlines.UNDO)
        )

    def by_token(self, token: str, now: dt.datetime) -> Link | None:
        """The link that a token opens, with its fiche; `None` when it is unknown, revoked or out of date."""
        rows = self.live(now).filter(token_hash=hash_token(token))
        return rows.select_related("referral", "structure").order_by("pk").first()

    def issue(self, referral: Referral, now: dt.datetime) -> Key:
        """Make a link for a letter to the receiver, in the caller's transaction; only the token's hash is kept.

        Raises `ValueError` as `Link.draw_up` does.
        """
        link, key = Link.draw_up(referral, now)
        link.save(force_insert=True)
        return key

    def revoke(self, referral: Referral, actor: Actor, now: dt.datetime) -> int:
        """Withdraw every link of a fiche. Returns how many; nothing is journalled when there was none."""
        with transaction.atomic():
            count = self.filter(referral=referral, revoked_at__isnull=True).update(revoked_at=now)
            if count:
                Event.objects.log(EventKind.LINKS_REVOKED, actor, now, referral=referral, data={"links": count})
        return count

    def ask(self, reference: str, now: dt.datetime) -> bool:
        """Plan the letter with a new link, to the address that is known, at most once in ten minutes.

        Anybody may ask: the answer on the screen must not depend on what this returns.
        """
        with transaction.atomic():
            # Two presses at once must not make two letters.
            rows = Referral.objects.select_for_update(of=("self",), no_key=True).filter(reference=reference)
            referral = rows.first()
            if referral is None or not is_awaited(referral, now):
                return False
            asked = Reminder.objects.filter(referral=referral, kind=ReminderKind.LINK)
            if asked.filter(planned_at__gt=now - deadlines.LINK_PAUSE).exists():
                return False
            Reminder.objects.plan(referral, now, (ReminderKind.LINK, now))
            Event.objects.log(EventKind.LINK_ASKED, Actor(origin=Origin.LINK), now, referral=referral)
        return True


class Link(models.Model):
    """One link: one fiche, the structure that receives it, a token of 256 random bits of which the hash is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    referral = models.ForeignKey(Referral, models.CASCADE, related_name="links", verbose_name="fiche")
    structure = models.ForeignKey(Structure, models.CASCADE, related_name="+", verbose_name="structure")
    token_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField("envoyé le")
    expires_at = models.DateTimeField("valable jusqu’au")
    revoked_at = models.DateTimeField("retiré le", null=True, blank=True)
    last_used_at = models.DateTimeField("dernière réponse le", null=True, blank=True)

    objects = LinkQuerySet.as_manager()

    class Meta:
        verbose_name = "lien"
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["token_hash"], name="link_token_unique"),
            models.CheckConstraint(condition=~Q(token_hash=""), name="link_has_a_token"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="link_expires_after_it_is_made"),
        ]

    def __str__(self) -> str:
        return f"Lien {self.referral.reference}"

    @classmethod
    def draw_up(cls, referral: Referral, now: dt.datetime) -> tuple[Link, Key]:
        """A link for a letter to the receiver, to be inserted, and what opens it.

        Raises `ValueError` for a fiche that a structure sends to itself: its members have an account, and what a
        sender reads goes beyond the consent.
        """
        if referral.sender_id == referral.receiver_id:
            raise ValueError("a link is made for another structure than the sender")
        key = Key(secrets.token_urlsafe(32), now + dt.timedelta(days=deadlines.LINK_DAYS))
        link = cls(
            referral=referral,
            structure=referral.receiver,
            token_hash=hash_token(key.token),
            created_at=now,
            expires_at=key.until,
        )
        return link, key

    def mark_used(self, now: dt.datetime) -> None:
        """Something was sent through the link; opening it leaves no trace."""
        Link.objects.filter(pk=self.pk).update(last_used_at=now)
