"""Letters to post. A letter is written in the transaction that settles its reminder; the worker posts it."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection, models, transaction
from django.db.models import F, Func, Q
from django.db.models.functions import Least

from accounts.models import User
from referrals.models.event import WORKER, Event, EventKind
from referrals.models.referral import Referral
from referrals.models.reminder import Reminder
from structures.models import Structure

_dice = random.SystemRandom()

FIRST_RETRY = dt.timedelta(minutes=1)
LONGEST_RETRY = dt.timedelta(hours=1)
"""Waits between two attempts double from the first to the longest, each spread by a fifth either way."""

GIVE_UP_AFTER = dt.timedelta(days=5)
"""How long a letter is tried for, as mail servers do (RFC 5321, 4.5.4.1: four to five days)."""

INTERRUPTED = "interrupted"
"""In `error`: an attempt ended without an answer, so the letter may arrive twice, with the same Message-ID."""

MAX_DOUBTS = 5
"""A letter interrupted more often than that may be what kills its worker: it is set aside."""


BOUNCED = "bounced"
"""In `error`: the letter came back after a server had taken it."""

UNWANTED = "unwanted"
"""In `error`: the address asked for no letters, so that this one was never posted."""


class MessageChannel(models.TextChoices):
    """By which way a letter leaves."""

    EMAIL = "email", "E-mail"
    SMS = "sms", "SMS"


@dataclass(frozen=True)
class Patience:
    """How a channel's letters are tried again; `doubts` is how often one is resent after no answer came."""

    first: dt.timedelta
    longest: dt.timedelta
    give_up_after: dt.timedelta
    doubts: int


PATIENCE = {
    MessageChannel.EMAIL: Patience(FIRST_RETRY, LONGEST_RETRY, GIVE_UP_AFTER, MAX_DOUBTS),
    # After a day a colleague calls instead. A mailbox drops a letter that it has; a telephone rings twice, so that a
    # doubt is cleared up by one more attempt, with the same key, and by no other.
    MessageChannel.SMS: Patience(dt.timedelta(minutes=1), dt.timedelta(minutes=30), dt.timedelta(days=1), 1),
}


class MessageState(models.TextChoices):
    """Where a letter stands."""

    PENDING = "pending", "À envoyer"
    SENDING = "sending", "En cours d’envoi"
    SENT = "sent", "Envoyée"
    FAILED = "failed", "Refusée"
    CANCELLED = "cancelled", "Sans objet"
    HELD = "held", "En attente d’un récapitulatif"
    GROUPED = "grouped", "Jointe à un récapitulatif"


class AbandonReason(models.TextChoices):
    """Why somebody gives up a letter for good."""

    TOLD = "told_otherwise", "Dit autrement (téléphone, courriel…)"
    WRONG_ADDRESS = "wrong_address", "Adresse ou numéro faux"
    NEEDLESS = "needless", "N’a plus d’utilité"


class _Unflushed(Func):
    """Always true; the transaction of the statement that asks it commits without waiting for the disk."""

    template = "set_config('synchronous_commit', 'off', true) = 'off'"
    output_field = models.BooleanField()


CLAIM = """
    UPDATE referrals_message
       SET state = 'sending', claimed_by = %s, claimed_at = %s, attempts = attempts + 1
     WHERE id = (SELECT id FROM referrals_message
                  WHERE channel = %s AND state = 'pending' AND not_before <= %s
                  ORDER BY not_before, id LIMIT 1 FOR UPDATE SKIP LOCKED)
"""
"""Takes what is first of `MessageQuerySet.due`."""

MARK = """
    UPDATE referrals_message
       SET state = 'sent', sent_at = %s, error = '', claimed_by = '', claimed_at = NULL,
           body_text = CASE WHEN holds_link THEN '' ELSE body_text END,
           body_html = CASE WHEN holds_link THEN '' ELSE body_html END
     WHERE id = %s AND state = 'sending' AND claimed_by = %s AND set_config('synchronous_commit', 'off', true) = 'off'
"""
"""What `Message._close` writes of a letter that left, ready to be sent: while it is drawn up, the worker may die."""


class MessageQuerySet(models.QuerySet["Message"]):
    """Questions about many letters."""

    def by(self, channel: MessageChannel) -> MessageQuerySet:
        """Those of one channel."""
        return self.filter(channel=channel)

    def due(self, now: dt.datetime) -> MessageQuerySet:
        """Letters that may be posted at `now`, oldest first."""
        return self.filter(state=MessageState.PENDING, not_before__lte=now).order_by("not_before", "id")

    def claim(self, now: dt.datetime, claimed_by: int, channel: MessageChannel) -> Message | None:
        """Take the next due letter of a channel for the poster `claimed_by`, or return `None`.

        One statement: without a transaction around it, the claim stands on the disk once it returns. Letters that
        another poster is taking at this moment are passed over.
        """
        fields = Message._meta.concrete_fields
        columns = ", ".join(f'"{field.column}"' for field in fields)
        with connection.cursor() as cursor:
            cursor.execute(f"{CLAIM} RETURNING {columns}", [str(claimed_by), now, channel.value, now])
            row = cursor.fetchone()
        return None if row is None else Message.from_db(connection.alias, [field.attname for field in fields], row)

    def held(self, now: dt.datetime) -> MessageQuerySet:
        """Letters that wait for a digest whose time has come, by address."""
        return self.filter(state=MessageState.HELD, not_before__lte=now).order_by("to", "created_at", "id")

    def dead(self) -> MessageQuerySet:
        """Letters given up, which somebody may replay or abandon."""
        return self.filter(state=MessageState.FAILED)

    def claimants(self) -> set[int]:
        """The posters that hold letters, alive or dead."""
        rows = self.filter(state=MessageState.SENDING).order_by().values_list("claimed_by", flat=True).distinct()
        return {int(claimed_by) for claimed_by in rows}

    def release(self, dead: Iterable[int]) -> int:
        """Give back the letters of posters that died while posting, to be resent; return how many.

        Nobody knows whether the server took them: they keep their Message-ID, and the mark `INTERRUPTED` says that
        they may arrive twice.
        """
        held = self.filter(state=MessageState.SENDING, claimed_by__in=[str(key) for key in dead])
        return held.update(
            state=MessageState.PENDING, claimed_by="", claimed_at=None, error=INTERRUPTED, doubts=F("doubts") + 1
        )


class Message(models.Model):
    """One letter to one address: an e-mail address, or the number of a telephone (E.164).

    `letter` names its function, in `referrals.emails` or `referrals.sms`. `to_structure` is the structure that the
    address belongs to, or in whose name `to_user` is written to. `digest` is the letter that carried this one instead;
    `is_late` says that it should have left days before it was written, and is held only if there are many for its
    address. `message_id` derives from the reminder and the address, so that a letter resent after a crash carries the
    same one and the receiving server can tell. A body that holds a signed link is blanked once the letter has left.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    letter = models.CharField("lettre", max_length=40)
    channel = models.CharField("canal", max_length=5, choices=MessageChannel, default=MessageChannel.EMAIL)
    reminder = models.ForeignKey(
        Reminder, models.CASCADE, null=True, blank=True, related_name="messages", verbose_name="relance"
    )
    referral = models.ForeignKey(
        Referral, models.CASCADE, null=True, blank=True, related_name="messages", verbose_name="fiche"
    )
    digest = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="grouped",
        db_index=False,
        verbose_name="récapitulatif",
    )
    is_late = models.BooleanField("écrite en retard", default=False)
    to_user = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="à")
    to_structure = models.ForeignKey(
        Structure, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False, verbose_name="structure"
    )
    to = models.CharField("adresse", max_length=254)
    subject = models.CharField("objet", max_length=200, blank=True)
    body_text = models.TextField("texte", blank=True)
    body_html = models.TextField("texte mis en forme", blank=True)
    calendar = models.TextField("invitation iCalendar", blank=True)
    holds_link = models.BooleanField("contient un lien personnel", default=False)
    message_id = models.CharField("identifiant", max_length=120, unique=True)
    state = models.CharField("état", max_length=10, choices=MessageState, default=MessageState.PENDING)
    not_before = models.DateTimeField("pas avant")
    created_at = models.DateTimeField("écrite le")
    claimed_by = models.CharField("prise par", max_length=80, blank=True)
    claimed_at = models.DateTimeField("prise le", null=True, blank=True)
    sent_at = models.DateTimeField("envoyée le", null=True, blank=True)
    attempts = models.PositiveSmallIntegerField("essais", default=0)
    doubts = models.PositiveSmallIntegerField("essais sans réponse", default=0)
    error = models.CharField("dernier refus", max_length=200, blank=True)
    replayed_at = models.DateTimeField("renvoyée le", null=True, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = "lettre"
        ordering = ["not_before", "id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state=MessageState.SENT) | Q(sent_at__isnull=False),
                name="message_sent_has_a_date",
            ),
            models.CheckConstraint(
                condition=~Q(state=MessageState.SENDING) | ~Q(claimed_by=""),
                name="message_sending_is_claimed",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[MessageState.HELD, MessageState.GROUPED])
                | Q(channel=MessageChannel.EMAIL, holds_link=False, calendar=""),
                name="message_grouped_needs_no_letter_of_its_own",
            ),
            models.CheckConstraint(
                condition=Q(channel=MessageChannel.EMAIL, to__contains="@")
                | Q(channel=MessageChannel.SMS, to__regex=r"^\+[1-9][0-9]{6,14}$"),
                name="message_address_fits_its_channel",
            ),
            models.CheckConstraint(
                condition=~Q(channel=MessageChannel.SMS) | Q(subject="", body_html="", calendar=""),
                name="message_sms_is_a_text",
            ),
        ]
        indexes = [
            models.Index(
                fields=["channel", "not_before", "id"],
                condition=Q(state=MessageState.PENDING),
                name="message_to_post",
            ),
            models.Index(fields=["digest"], condition=Q(digest__isnull=False), name="message_by_digest"),
            models.Index(fields=["to", "not_before"], condition=Q(state=MessageState.HELD), name="message_to_group"),
            models.Index(fields=["claimed_by"], condition=Q(state=MessageState.SENDING), name="message_claimed"),
            models.Index(fields=["referral", "created_at"], name="message_by_referral"),
            models.Index(fields=["-created_at", "-id"], condition=Q(state=MessageState.FAILED), name="message_dead"),
            models.Index(
                fields=["channel", "error", "-created_at", "-id"],
                condition=Q(state=MessageState.FAILED),
                name="message_dead_by_code",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.letter} · {self.get_state_display()}"

    def _close(self, state: MessageState, **changes: object) -> bool:
        """Leave the claim. `False`, and nothing written, when the letter was no longer this poster's.

        Until this is committed nobody knows that the server answered: it is one statement, which does not wait for the
        disk. Whatever is committed next takes it there. Should PostgreSQL itself crash before, the claim, which is on
        the disk, is found without its poster, as if that one had died.
        """
        over = state != MessageState.PENDING
        blank = {"body_text": "", "body_html": ""} if over and self.holds_link else {}
        mine = Message.objects.filter(pk=self.pk, state=MessageState.SENDING, claimed_by=self.claimed_by)
        if not mine.filter(_Unflushed()).update(state=state, claimed_by="", claimed_at=None, **blank, **changes):
            return False
        self.state = state
        return True

    @property
    def is_to_the_person(self) -> bool:
        """Whether it is written to the person of the fiche; the others are to a structure or a member."""
        return self.referral_id is not None and self.to_structure_id is None and self.to_user_id is None

    def bounce(self, code: str) -> bool:
        """It came back after it had been taken; `False`, and nothing written, when that was known."""
        rows = Message.objects.filter(pk=self.pk, state=MessageState.SENT)
        if not rows.update(state=MessageState.FAILED, error=f"{BOUNCED}, {code}"[:200]):
            return False
        self.state = MessageState.FAILED
        return True

    @property
    def patience(self) -> Patience:
        """How it is tried again."""
        return PATIENCE[MessageChannel(self.channel)]

    @property
    def is_hopeless(self) -> bool:
        """Whether this letter was interrupted so often that it may itself be what kills its worker."""
        return self.doubts > self.patience.doubts

    def mark_sent(self, now: dt.datetime) -> bool:
        """The server took the letter; `False` when it was no longer this poster's.

        One that may have arrived twice keeps `INTERRUPTED` in `error`, and the journal of its fiche says so.
        """
        if not self.doubts:
            with connection.cursor() as cursor:
                cursor.execute(MARK, [now, self.pk, self.claimed_by])
                if not cursor.rowcount:
                    return False
            self.state = MessageState.SENT
            return True
        with transaction.atomic():
            if not self._close(MessageState.SENT, sent_at=now, error=INTERRUPTED):
                return False
            if self.referral is not None:
                data = {"letter": self.letter, "doubts": self.doubts}
                Event.objects.log(EventKind.RESENT, WORKER, now, referral=self.referral, data=data)
        return True

    def mark_failed(self, now: dt.datetime, error: str, *, final: bool = False) -> bool:
        """An attempt failed: try again later, or give up when `final`, after a last doubt, or when it is too late.

        `False` when not ours. `error` is a code or the name of an exception, never the server's sentence: that often
        repeats the address.
        """
        doubts = self.doubts
        if error.startswith(INTERRUPTED):
            doubts += 1
            final = final or doubts > self.patience.doubts
        elif doubts:
            error = f"{INTERRUPTED}, {error}"
        kept = {"error": error[:200], "doubts": doubts}
        if final or now - (self.replayed_at or self.created_at) >= self.patience.give_up_after:
            return self._close(MessageState.FAILED, **kept)
        wait = min(self.patience.first * 2 ** min(self.attempts - 1, 10), self.patience.longest)
        spread = _dice.uniform(0.8, 1.2)
        return self._close(MessageState.PENDING, not_before=now + wait * spread, **kept)

    def withdraw(self, reason: str) -> bool:
        """Set aside a letter that is no longer true, keeping why."""
        return self._close(MessageState.CANCELLED, error=reason)

    def replay(self, now: dt.datetime, not_before: dt.datetime, rewritten: Message | None = None) -> bool:
        """Post a dead letter again, with its Message-ID and all its attempts; `False` when it is not dead any more.

        It leaves from `not_before` on. `rewritten` gives the text anew where it was blanked. A doubt is kept: it may
        arrive twice.
        """
        text = rewritten or self
        rows = Message.objects.dead().filter(pk=self.pk)
        return bool(
            rows.update(
                state=MessageState.PENDING,
                not_before=not_before,
                replayed_at=now,
                attempts=0,
                doubts=Least(F("doubts"), 1),
                error="",
                body_text=text.body_text,
                body_html=text.body_html,
                calendar=text.calendar,
            )
        )

    def abandon(self, reason: AbandonReason) -> bool:
        """Take a letter that was given up off the list, keeping why; `False` when it no longer is on it."""
        return bool(Message.objects.dead().filter(pk=self.pk).update(state=MessageState.CANCELLED, error=reason))
