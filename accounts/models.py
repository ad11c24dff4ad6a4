"""Who logs in, and the letters about logging in."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Lower

from accounts.fields import FreeCharField, PlainCharField

MAX_ATTEMPTS = 8
FIRST_RETRY = timedelta(minutes=1)
MOST_VIEWS = 30
VIEW_KEPT = timedelta(days=1)
"""How long a deleted view can surely be brought back."""
INTERRUPTED = "interrupted"
"""In `failure`: an attempt ended without an answer, so the letter may arrive twice, with the same Message-ID."""
BOUNCED = "bounced"
"""In `failure`: the letter came back after a server had taken it."""
MESSAGE_ID = re.compile(r"<compte\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@[^<>\s]+>")


class UserManager(BaseUserManager["User"]):
    """Creates users by e-mail: there is no user name."""

    def _create(self, email: str, password: str | None, **extra: Any) -> User:
        if not email:
            raise ValueError("an e-mail address is needed")
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        """Create an ordinary user. Raises `ValueError` without an address."""
        extra.setdefault("is_staff", False)
        extra.setdefault("is_superuser", False)
        return self._create(email, password, **extra)

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:
        """Create a member of the support staff, with every right in the admin."""
        return self._create(email, password, **{**extra, "is_staff": True, "is_superuser": True})


class User(AbstractUser):
    """A professional who logs in with an e-mail address; what they may do comes from their memberships."""

    username = None  # type: ignore[assignment]
    first_name = PlainCharField("prénom", max_length=150, blank=True)
    last_name = PlainCharField("nom", max_length=150, blank=True)
    email = models.EmailField("adresse e-mail", unique=True)
    job_title = PlainCharField("fonction", max_length=120, blank=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        verbose_name = "utilisateur"
        verbose_name_plural = "utilisateurs"
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique_whatever_the_case")]

    def __str__(self) -> str:
        return self.get_full_name() or self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and tell allauth when the address may have changed."""
        super().save(*args, **kwargs)
        changed = kwargs.get("update_fields")
        if changed is None or "email" in changed:
            self.vouch_for_address()

    def vouch_for_address(self) -> None:
        """Make the address of the account the only one that allauth knows, and a proven one.

        Without this row, allauth takes the account's own address for a change that nobody confirmed, and
        drops it at the next one; with a former row, a former address could still ask for a new password.
        """
        known = apps.get_model("account", "EmailAddress").objects.filter(user=self)
        known.exclude(email=self.email).filter(verified=True).delete()
        if not known.filter(email=self.email).update(primary=True, verified=True):
            known.create(user=self, email=self.email, primary=True, verified=True)

    def clean(self) -> None:
        """Keep addresses in lower case, as the manager does."""
        super().clean()
        self.email = self.email.lower()


class NameTaken(ValueError):
    """The user has another saved view of that name."""


class TooManyViews(ValueError):
    """The user has as many saved views as a list can usefully show."""


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    """Questions about many saved views."""

    def standing(self) -> Self:
        """Those that were not deleted, by name."""
        return self.filter(deleted_at=None).order_by(Lower("name"), "pk")

    def keep(self, user: User, name: str, query: str, now: datetime) -> SavedView:
        """Keep a page's filters under a name. Raises `NameTaken` or `TooManyViews`."""
        if self.filter(user=user).standing().count() >= MOST_VIEWS:
            raise TooManyViews
        try:
            with transaction.atomic():
                return self.create(user=user, name=name, query=query, created_at=now)
        except IntegrityError as error:
            raise NameTaken from error


class SavedView(models.Model):
    """The filters of the statistics that somebody wants to find again: a name, and the query of the address."""

    user = models.ForeignKey(User, models.CASCADE, related_name="saved_views", verbose_name="utilisateur")
    name = FreeCharField("nom", max_length=60)
    query = models.CharField("filtres", max_length=1000)
    created_at = models.DateTimeField("enregistrée le")
    deleted_at = models.DateTimeField("supprimée le", null=True, blank=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        verbose_name = "vue enregistrée"
        verbose_name_plural = "vues enregistrées"
        constraints = [
            models.UniqueConstraint(
                "user", Lower("name"), condition=Q(deleted_at=None), name="saved_view_once_per_name"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="saved_view_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def _write(self, **changes: Any) -> None:
        try:
            with transaction.atomic():
                SavedView.objects.filter(pk=self.pk).update(**changes)
        except IntegrityError as error:
            raise NameTaken from error
        self.refresh_from_db()

    def rename(self, name: str) -> None:
        """Give it another name. Raises `NameTaken`."""
        self._write(name=name)

    def remove(self, now: datetime) -> None:
        """Take it off the list; it can be brought back until the user removes another one on a later day."""
        gone = SavedView.objects.filter(user=self.user_id, deleted_at__lt=now - VIEW_KEPT)
        gone.exclude(pk=self.pk).delete()
        self._write(deleted_at=now)

    def restore(self) -> None:
        """Put it back on the list. Raises `NameTaken` when another one has its name by now."""
        self._write(deleted_at=None)


class AccountLetterQuerySet(models.QuerySet["AccountLetter"]):
    """Questions about many letters, and the one way to take a letter for posting."""

    def due(self, now: datetime) -> Self:
        """Letters that may be posted at `now`, the oldest first."""
        return self.filter(state=AccountLetter.State.PENDING, not_before__lte=now).order_by("created_at", "pk")

    def claim(self, now: datetime, claimed_by: int) -> AccountLetter | None:
        """Take the next due letter for the worker `claimed_by`, or return `None`.

        A conditional UPDATE: of two workers that want the same letter, one gets it and the other goes on.
        """
        for pk in self.due(now).values_list("pk", flat=True)[:20]:
            taken = self.filter(pk=pk, state=AccountLetter.State.PENDING).update(
                state=AccountLetter.State.SENDING,
                claimed_by=claimed_by,
                claimed_at=now,
                attempts=F("attempts") + 1,
            )
            if taken:
                return self.get(pk=pk)
        return None

    def named(self, message_id: str) -> AccountLetter | None:
        """The letter that left under a Message-ID, or `None`."""
        found = MESSAGE_ID.fullmatch(message_id)
        return self.filter(pk=found[1]).first() if found else None

    def claimants(self) -> set[int]:
        """The workers that hold letters, alive or dead."""
        rows = self.filter(state=AccountLetter.State.SENDING).order_by().values_list("claimed_by", flat=True)
        return {claimed_by for claimed_by in rows.distinct() if claimed_by is not None}

    def release(self, dead_workers: Iterable[int]) -> int:
        """Give back the letters of workers that died while posting; return how many."""
        return self.filter(state=AccountLetter.State.SENDING, claimed_by__in=list(dead_workers)).update(
            state=AccountLetter.State.PENDING, claimed_by=None, claimed_at=None, failure=INTERRUPTED
        )


class AccountLetter(models.Model):
    """A letter about an account (a new password, a change of address), waiting for the worker to post it.

    The body can hold a link that opens the account: it is cleared as soon as the letter is posted or given
    up.
    """

    class State(models.TextChoices):
        PENDING = "pending", "à envoyer"
        SENDING = "sending", "en cours d’envoi"
        SENT = "sent", "envoyé"
        FAILED = "failed", "abandonné"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    to = models.EmailField("destinataire")
    subject = models.CharField("objet", max_length=200)
    body_text = models.TextField("texte", blank=True)
    body_html = models.TextField("texte mis en forme", blank=True)
    state = models.CharField("état", max_length=8, choices=State, default=State.PENDING)
    created_at = models.DateTimeField("écrit le")
    not_before = models.DateTimeField("pas avant")
    claimed_at = models.DateTimeField("pris le", null=True, blank=True)
    claimed_by = models.BigIntegerField("pris par", null=True, blank=True)
    sent_at = models.DateTimeField("envoyé le", null=True, blank=True)
    attempts = models.PositiveSmallIntegerField("essais", default=0)
    failure = models.CharField("dernier échec", max_length=80, blank=True)

    calendar = ""
    """What the worker posts may carry an invitation: a letter about an account never does."""

    objects = AccountLetterQuerySet.as_manager()

    class Meta:
        verbose_name = "lettre de compte"
        verbose_name_plural = "lettres de compte"
        indexes = [
            models.Index(fields=["not_before"], condition=Q(state="pending"), name="account_letter_due"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["pending", "sending"]) | Q(body_text="", body_html=""),
                name="account_letter_body_cleared_once_over",
            ),
            models.CheckConstraint(
                condition=Q(state="sending", claimed_by__isnull=False) | ~Q(state="sending"),
                name="account_letter_sending_has_a_worker",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} ({self.get_state_display()})"

    @property
    def message_id(self) -> str:
        """The Message-ID header: the same at each attempt, so that a mailbox can drop a letter posted
        twice.
        """
        return f"<compte.{self.pk}@{settings.MESSAGE_ID_DOMAIN}>"

    @property
    def is_hopeless(self) -> bool:
        """Whether this letter was interrupted so often that it may itself be what kills its worker."""
        return self.failure == INTERRUPTED and self.attempts > MAX_ATTEMPTS

    def _close(self, state: State, **changes: Any) -> bool:
        changed = AccountLetter.objects.filter(pk=self.pk, state=self.State.SENDING, claimed_by=self.claimed_by).update(
            state=state, claimed_by=None, claimed_at=None, **changes
        )
        self.refresh_from_db()
        return bool(changed)

    def mark_sent(self, now: datetime) -> bool:
        """Record that the server took the letter, and forget its text. False when it was no longer ours."""
        return self._close(self.State.SENT, sent_at=now, body_text="", body_html="", failure="")

    def bounce(self, failure: str) -> bool:
        """It came back after it had been taken; `False`, and nothing written, when that was known."""
        rows = AccountLetter.objects.filter(pk=self.pk, state=self.State.SENT)
        return bool(rows.update(state=self.State.FAILED, failure=f"{BOUNCED}, {failure}"[:80]))

    def mark_failed(self, now: datetime, failure: str, *, final: bool = False) -> bool:
        """Record a failed attempt: try again later (1, 2, 4… minutes), or give up after eight or when
        `final`.

        `failure` is a code or the name of an exception, never the server's sentence: that often repeats the
        address.
        """
        if final or self.attempts >= MAX_ATTEMPTS:
            return self._close(self.State.FAILED, failure=failure[:80], body_text="", body_html="")
        wait = FIRST_RETRY * 2 ** max(self.attempts - 1, 0)
        return self._close(self.State.PENDING, failure=failure[:80], not_before=now + wait)
