"""The check after the exit: how is the person six months later and, where a structure wishes it, after three?"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import models, transaction
from django.db.models import F, Q

from accounts.fields import FreeTextField
from referrals import deadlines
from referrals.models.event import WORKER, Actor, Event, EventKind
from referrals.models.person import ContactChannel, Person
from referrals.models.referral import ConsentScope, Referral
from referrals.models.reminder import Reminder, ReminderKind, morning_of
from referrals.models.reread import reread
from referrals.policies import PolicyKind
from structures.models import Structure


class FollowUpMonths(models.IntegerChoices):
    """How many calendar months after the exit; six is the rule."""

    THREE = 3, "À trois mois"
    SIX = 6, "À six mois"


class FollowUpState(models.TextChoices):
    """Where the check stands; unreachable, refused and moved are counted apart."""

    PLANNED = "planned", "Prévu"
    ASKED = "asked", "Question posée"
    TO_CALL = "to_call", "À appeler"
    ANSWERED = "answered", "Réponse reçue"
    UNREACHABLE = "unreachable", "Injoignable"
    REFUSED = "refused", "Ne souhaite pas répondre"
    MOVED = "moved", "A quitté le territoire"


AWAITED = (FollowUpState.PLANNED, FollowUpState.ASKED, FollowUpState.TO_CALL)
"""The states in which an answer is still looked for."""

WITHOUT_ANSWER = (FollowUpState.UNREACHABLE, FollowUpState.REFUSED, FollowUpState.MOVED)
"""How a call ends the check without an answer."""


class FollowUpSituation(models.TextChoices):
    """What the person answers, in the words of their page."""

    JOB = "job", "J’ai un emploi"
    TRAINING = "training", "Je suis en formation"
    SEARCHING = "searching", "Je cherche encore"
    HELP = "help", "Autre, ou j’ai besoin d’aide"


class FollowUpChannel(models.TextChoices):
    """By what the person was asked, or answered."""

    EMAIL = "email", "Lien par e-mail"
    SMS = "sms", "Lien par SMS"
    CALL = "call", "Appel"


REMINDER_OF: dict[int, ReminderKind] = {
    FollowUpMonths.THREE: ReminderKind.THREE_MONTHS,
    FollowUpMonths.SIX: ReminderKind.SIX_MONTHS,
}
"""The reminder that asks the question of each check."""

CLOSING_EVENT: dict[str, EventKind] = {
    FollowUpState.UNREACHABLE: EventKind.FOLLOWUP_UNREACHABLE,
    FollowUpState.REFUSED: EventKind.FOLLOWUP_REFUSED,
    FollowUpState.MOVED: EventKind.FOLLOWUP_MOVED,
}


def hash_token(token: str) -> str:
    """The only thing kept of a link: SHA-256, in hexadecimal (the token itself holds 128 random bits at least)."""
    return hashlib.sha256(token.encode()).hexdigest()


def channel_of(person: Person) -> FollowUpChannel | None:
    """The channel in writing by which the person may be asked; `None` when somebody must call."""
    if person.takes_letters:
        return FollowUpChannel.EMAIL
    return FollowUpChannel.SMS if person.takes_texts else None


def current_check(checks: Iterable[FollowUp]) -> FollowUp | None:
    """The check to speak of: the last one that has begun, else the first one to come."""
    found = sorted(checks, key=lambda check: check.months)
    begun = [check for check in found if check.state != FollowUpState.PLANNED]
    return begun[-1] if begun else next(iter(found), None)


class FollowUpQuerySet(models.QuerySet["FollowUp"]):
    """Questions about many checks."""

    def to_call(self) -> FollowUpQuerySet:
        """The checks that a colleague must make by telephone."""
        return self.filter(TO_CALL)

    def called_by(self, structure: Structure | None) -> FollowUpQuerySet:
        """Those whose calls are a structure's: the one that accompanied the person, or only their prescripteur."""
        by_sender = Q(referral__person__contact_channel=ContactChannel.PRESCRIBER) | ~Q(
            referral__consent_scope__contains=[ConsentScope.CONTACT]
        )
        return self.filter(
            Q(by_sender, referral__sender=structure) | Q(~by_sender, referral__receiver=structure),
        )

    def with_everything(self) -> FollowUpQuerySet:
        """With the rows that a call speaks of."""
        return self.select_related(
            "referral__person", "referral__action", "referral__receiver", "referral__sender", "exit"
        )

    def of_reminder(self, reminder: Reminder) -> FollowUp | None:
        """The check whose question a reminder puts; `None` when the exit was taken back."""
        months = next(months for months, kind in REMINDER_OF.items() if kind == reminder.kind)
        found = self.filter(referral=reminder.referral_id, months=months).order_by("pk").first()
        if found is not None:
            found.referral = reminder.referral
        return found

    def plan(self, exit_id: uuid.UUID, referral: Referral, on: dt.date, now: dt.datetime) -> None:
        """Plan what follows an exit dated `on`, in the caller's transaction: at three months by a rule only."""
        months = [FollowUpMonths.SIX]
        if referral.rules[PolicyKind.THREE_MONTHS].is_on:
            months.insert(0, FollowUpMonths.THREE)
        rows = [
            FollowUp(exit_id=exit_id, referral=referral, months=number, due_on=deadlines.add_months(on, number))
            for number in months
        ]
        FollowUp.objects.bulk_create(rows)
        dues = [(REMINDER_OF[row.months], morning_of(row.due_on, referral.clock)) for row in rows]
        Reminder.objects.plan(referral, now, *dues)


TO_CALL = Q(state=FollowUpState.TO_CALL) | Q(wants_call=True, called_back_at__isnull=True)


class FollowUp(models.Model):
    """One check, due some calendar months after one exit.

    It is asked in writing by the person's safe channel, twice at most (`asks`), then by telephone (`calls` counts the
    calls that nobody took). The person's own answer, by their link, is never overwritten by a call.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exit = models.ForeignKey("referrals.Exit", models.CASCADE, related_name="followups", verbose_name="sortie")
    referral = models.ForeignKey(Referral, models.CASCADE, related_name="followups", verbose_name="fiche")
    months = models.PositiveSmallIntegerField("échéance", choices=FollowUpMonths, default=FollowUpMonths.SIX)
    due_on = models.DateField("prévu le")
    state = models.CharField("état", max_length=12, choices=FollowUpState, default=FollowUpState.PLANNED)
    asks = models.PositiveSmallIntegerField("fois que la question fut écrite", default=0)
    asked_at = models.DateTimeField("question posée le", null=True, blank=True)
    asked_by = models.CharField("question posée par", max_length=5, choices=FollowUpChannel, blank=True)
    calls = models.PositiveSmallIntegerField("appels sans réponse", default=0)
    last_call_at = models.DateTimeField("dernier appel sans réponse", null=True, blank=True)
    situation = models.CharField("situation", max_length=10, choices=FollowUpSituation, blank=True)
    answered_at = models.DateTimeField("répondu le", null=True, blank=True)
    answered_by = models.CharField("répondu par", max_length=5, choices=FollowUpChannel, blank=True)
    since = models.DateField("dans cette situation depuis le", null=True, blank=True)
    note = FreeTextField("précision", blank=True)
    wants_call = models.BooleanField("souhaite être rappelé(e)", default=False)
    called_back_at = models.DateTimeField("rappelé(e) le", null=True, blank=True)

    objects = FollowUpQuerySet.as_manager()

    class Meta:
        verbose_name = "suivi après la sortie"
        verbose_name_plural = "suivis après la sortie"
        ordering = ["due_on", "id"]
        constraints = [
            models.UniqueConstraint(fields=["exit", "months"], name="followup_once_per_exit_and_months"),
            models.CheckConstraint(
                condition=Q(months__in=FollowUpMonths.values), name="followup_after_three_or_six_months"
            ),
            models.CheckConstraint(
                condition=~Q(state=FollowUpState.ANSWERED) & Q(answered_by="")
                | Q(state=FollowUpState.ANSWERED, answered_at__isnull=False) & ~Q(situation="") & ~Q(answered_by=""),
                name="followup_answered_has_an_answer",
            ),
            models.CheckConstraint(
                condition=Q(answered_by__in=["", FollowUpChannel.CALL]) | Q(answered_by=F("asked_by")),
                name="followup_answered_by_the_link_it_was_asked_by",
            ),
            models.CheckConstraint(
                condition=Q(asks=0, asked_at__isnull=True, asked_by="")
                | Q(asks__gt=0, asked_at__isnull=False, asked_by__in=[FollowUpChannel.EMAIL, FollowUpChannel.SMS]),
                name="followup_asked_in_writing",
            ),
            models.CheckConstraint(
                condition=Q(calls=0, last_call_at__isnull=True) | Q(calls__gt=0, last_call_at__isnull=False),
                name="followup_calls_have_a_date",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "due_on"], name="followup_by_state"),
            models.Index(fields=["referral"], condition=TO_CALL, name="followup_to_call"),
        ]

    def __str__(self) -> str:
        return f"Suivi {self.referral.reference}, {self.get_months_display().lower()}"

    @property
    def has_news(self) -> bool:
        """Whether the person has answered, said that they would not, or left the territory."""
        return self.state in (FollowUpState.ANSWERED, FollowUpState.REFUSED, FollowUpState.MOVED)

    @property
    def is_to_call_back(self) -> bool:
        """Whether the person asked to be called and has not been yet."""
        return self.wants_call and self.called_back_at is None

    @property
    def may_be_unreachable(self) -> bool:
        """Whether so many calls found nobody that one may stop."""
        return self.calls >= deadlines.FOLLOWUP_CALLS

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the fiche, as every verb does first, and decide on what then stands.

        Raises `FollowUp.DoesNotExist` when the exit was taken back meanwhile, and the check with it.
        """
        with transaction.atomic():
            Referral.objects.select_for_update(no_key=True).values_list("pk").get(pk=self.referral_id)
            reread(self)
            yield

    def _write(
        self, kind: EventKind, actor: Actor, now: dt.datetime, changes: dict[str, object], **data: object
    ) -> None:
        FollowUp.objects.filter(pk=self.pk).update(**changes)
        reread(self)
        Event.objects.log(kind, actor, now, referral=self.referral, data={"months": self.months, **data})

    def _stop_asking(self, now: dt.datetime) -> None:
        Reminder.objects.drop(self.referral, "answered", now, kinds=[REMINDER_OF[self.months]])

    def begin(self, now: dt.datetime) -> str:
        """Its day has come, or a week has passed without an answer: ask in writing, twice at most, else somebody calls.

        The token of the link to write, and `asked_by` says how; empty when it is on the call list. An earlier check of
        the same exit that found nobody ends here: the person is asked once at a time.
        """
        with self._held():
            for earlier in FollowUp.objects.filter(exit=self.exit_id, months__lt=self.months, state__in=AWAITED):
                earlier.close_without_answer(WORKER, now, state=FollowUpState.UNREACHABLE)
            by = channel_of(self.referral.person)
            if by is None or self.asks >= deadlines.FOLLOWUP_ASKS:
                self.put_on_call_list()
                return ""
            token = self.ask(WORKER, now, by)
            clock = self.referral.clock
            again = clock.day_of(now) + dt.timedelta(days=deadlines.FOLLOWUP_AGAIN_DAYS)
            Reminder.objects.plan(self.referral, now, (REMINDER_OF[self.months], morning_of(again, clock)))
        return token

    def ask(self, actor: Actor, now: dt.datetime, by: FollowUpChannel = FollowUpChannel.EMAIL) -> str:
        """Open a link for the person and return its token, of which only the hash is kept.

        Raises `ValueError` when the question has been answered, or is left to a call.
        """
        with self._held():
            if self.state not in (FollowUpState.PLANNED, FollowUpState.ASKED):
                raise ValueError("the question is no longer to be asked in writing")
            changes = {"state": FollowUpState.ASKED, "asked_at": self.asked_at or now, "asked_by": by}
            self._write(EventKind.FOLLOWUP_ASKED, actor, now, changes | {"asks": self.asks + 1}, by=by.value)
            return FollowUpLink.objects.issue(self, by, now)

    def put_on_call_list(self) -> None:
        """No safe written channel, or no answer to what was written: a colleague calls."""
        FollowUp.objects.filter(pk=self.pk, state__in=[FollowUpState.PLANNED, FollowUpState.ASKED]).update(
            state=FollowUpState.TO_CALL
        )
        reread(self)

    def may_answer(self, now: dt.datetime) -> bool:
        """Whether an answer can be given, or still be changed (seven days)."""
        if self.state != FollowUpState.ANSWERED or self.answered_at is None:
            return True
        return now <= self.answered_at + dt.timedelta(days=deadlines.FOLLOWUP_CHANGE_DAYS)

    def answer(
        self,
        actor: Actor,
        now: dt.datetime,
        *,
        situation: str,
        by: FollowUpChannel | str = FollowUpChannel.CALL,
        wants_call: bool | None = None,
        since: dt.date | None = None,
        note: str = "",
    ) -> bool:
        """Keep the person's answer, given by a link or told in a call; `wants_call` unless said stays as it was.

        `False`, and nothing written, once the seven days have passed, and for a call when an answer has come already.
        The same answer once more changes nothing.
        """
        if situation not in FollowUpSituation.values:
            raise ValueError(f"{situation!r} is not an answer")
        by = FollowUpChannel(by)
        with self._held():
            answered = self.state == FollowUpState.ANSWERED
            if not self.may_answer(now) or (answered and by == FollowUpChannel.CALL):
                return False
            wishes = self.is_to_call_back if wants_call is None else wants_call
            if answered and (situation, wishes) == (self.situation, self.is_to_call_back):
                return True
            changes: dict[str, object] = {
                "state": FollowUpState.ANSWERED,
                "situation": situation,
                "answered_at": self.answered_at or now,
                "answered_by": by,
            }
            if by == FollowUpChannel.CALL:
                changes |= {"since": since, "note": note}
            else:
                # What was told in a call is about the situation of then.
                changes |= {"asked_by": by, "since": None, "note": ""}
            if wishes and not self.is_to_call_back:
                changes |= {"called_back_at": None, "calls": 0, "last_call_at": None}
            if wants_call is not None:
                changes["wants_call"] = wants_call
            data = {"situation": situation, "wants_call": wishes, "by": by.value}
            self._write(EventKind.FOLLOWUP_ANSWERED, actor, now, changes, **data)
            self._stop_asking(now)
        return True

    def note_missed_call(self, actor: Actor, now: dt.datetime, *, seen: int) -> bool:
        """A call that nobody took. `False`, and nothing written, when it stands otherwise than the caller saw.

        `seen` is how many such calls the caller was shown, so that two colleagues never count the same one twice.
        """
        with self._held():
            if self.calls != seen or not (self.state in AWAITED or self.is_to_call_back):
                return False
            changes: dict[str, object] = {"calls": self.calls + 1, "last_call_at": now}
            self._write(EventKind.FOLLOWUP_CALLED, actor, now, changes, calls=self.calls + 1)
        return True

    def close_without_answer(self, actor: Actor, now: dt.datetime, *, state: FollowUpState | str) -> bool:
        """After the calls: unreachable, does not wish to answer, or moved. `False` when an answer had come.

        Raises `ValueError` for another state.
        """
        state = FollowUpState(state)
        if state not in WITHOUT_ANSWER:
            raise ValueError(f"{state} does not close a check without an answer")
        with self._held():
            if self.state == FollowUpState.ANSWERED:
                return False
            if self.state != state:
                self._write(CLOSING_EVENT[state], actor, now, {"state": state})
                self._stop_asking(now)
        return True

    def call_back(self, actor: Actor, now: dt.datetime, *, reached: bool = True) -> bool:
        """The person who asked to be called has been called, or could not be reached. `False` when it was done."""
        kind = EventKind.FOLLOWUP_CALLED_BACK if reached else EventKind.FOLLOWUP_UNREACHABLE
        with self._held():
            if not self.is_to_call_back:
                return False
            self._write(kind, actor, now, {"called_back_at": now})
        return True


class FollowUpLinkQuerySet(models.QuerySet["FollowUpLink"]):
    """Questions about many links."""

    def by_token(self, token: str, now: dt.datetime) -> FollowUpLink | None:
        """The link that a token opens, with its check; `None` when it is unknown, or out of date."""
        rows = self.filter(token_hash=hash_token(token), expires_at__gt=now)
        return rows.select_related("followup__referral").order_by("pk").first()

    def issue(self, followup: FollowUp, channel: FollowUpChannel, now: dt.datetime) -> str:
        """Make a link and return its token: 128 random bits, short enough for one SMS."""
        token = secrets.token_urlsafe(16)
        self.create(
            followup=followup,
            channel=channel,
            token_hash=hash_token(token),
            expires_at=now + dt.timedelta(days=deadlines.FOLLOWUP_LINK_DAYS),
        )
        return token


class FollowUpLink(models.Model):
    """What opens the person's page, without an account: one per letter, so that the first still works after the second.

    Its channel tells by which of them the answer came.
    """

    followup = models.ForeignKey(FollowUp, models.CASCADE, related_name="links", verbose_name="suivi")
    channel = models.CharField("envoyé par", max_length=5, choices=FollowUpChannel)
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField("valable jusqu’au")

    objects = FollowUpLinkQuerySet.as_manager()

    class Meta:
        verbose_name = "lien d’un suivi"
        verbose_name_plural = "liens des suivis"
        constraints = [
            models.CheckConstraint(
                condition=Q(channel__in=[FollowUpChannel.EMAIL, FollowUpChannel.SMS]),
                name="followup_link_goes_in_writing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()}, {self.followup}"
