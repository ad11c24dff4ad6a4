"""What is due: every letter starts as a row planned by a verb, in the verb's own transaction."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from django.db import connection, models
from django.db.models import Exists, OuterRef, Q

from referrals.states import OPEN, State
from structures.clocks import METROPOLE, Clock

if TYPE_CHECKING:
    from referrals.models.referral import Referral

MORNING = dt.time(8, 0)
"""The local time at which reminders planned for a day become due."""


def morning_of(day: dt.date, clock: Clock = METROPOLE) -> dt.datetime:
    """When a reminder planned for a day becomes due: at eight, on the clock of who is written to."""
    return clock.moment(day, MORNING)


class ReminderKind(models.TextChoices):
    """What is to be said, or done, when the time comes."""

    SENT = "sent", "Fiche reçue"
    ACKNOWLEDGED = "acknowledged", "Accusé de réception"
    ANSWERED = "answered", "Réponse à la fiche"
    CANCELLED = "cancelled", "Fiche annulée"
    MISSED = "missed", "Personne jamais venue"
    EXPIRED = "expired", "Fiche restée sans réponse"
    REOPENED = "reopened", "Fiche rouverte"
    RESUMED = "resumed", "Retour dans l’action"
    OFFERED = "offered", "Place proposée"
    OFFER_RECALL = "offer_recall", "Place à confirmer"
    OFFER_EXPIRY = "offer_expiry", "Fin d’une place proposée"
    OFFER_PASSED = "offer_passed", "Place passée à la suite"
    OFFER_CONFIRMED = "offer_confirmed", "Place confirmée"
    BILAN_RETURNED = "bilan_returned", "Bilan rendu"
    REPORT_PUBLISHED = "report_published", "Bilan collectif publié"
    UNANSWERED = "unanswered", "Réponse attendue"
    ESCALATED = "escalated", "Signalement à la coordination"
    EXPIRY_NOTICE = "expiry_notice", "Clôture annoncée"
    EXPIRY = "expiry", "Clôture sans réponse"
    ENTRY_TO_CONFIRM = "entry_to_confirm", "Entrée à confirmer"
    APPOINTMENT_TOLD = "appointment_told", "Rendez-vous annoncé"
    APPOINTMENT = "appointment", "Rappel du rendez-vous"
    INTERIM_BILAN = "interim_bilan", "Bilan intermédiaire attendu"
    BILAN_DUE = "bilan_due", "Bilan attendu"
    EXIT_DUE = "exit_due", "Sortie à noter"
    THREE_MONTHS = "three_months", "Question à trois mois"
    SIX_MONTHS = "six_months", "Question à six mois"
    ASKED = "asked", "Question posée"
    UNCLARIFIED = "unclarified", "Précision attendue"
    CLARIFIED = "clarified", "Précision donnée"
    ASSIGNED = "assigned", "Fiche confiée"
    LINK = "link", "Nouveau lien"
    CONSENT_ENDING = "consent_ending", "Accord à redemander"
    RETENTION = "retention", "Dossier sans suite"


Due = tuple[ReminderKind, dt.datetime]
"""What is due, and at which moment."""


class ReminderState(models.TextChoices):
    """Where a reminder stands."""

    PLANNED = "planned", "Prévu"
    DONE = "done", "Fait"
    DROPPED = "dropped", "Sans objet"


PLAN = """
    INSERT INTO referrals_reminder AS known (id, referral_id, kind, due_at, planned_at, state, reason)
    SELECT gen_random_uuid(), %s, due.kind, due.due_at, %s, 'planned', ''
      FROM unnest(%s::text[], %s::timestamptz[]) AS due (kind, due_at)
        ON CONFLICT ON CONSTRAINT reminder_once_per_subject_kind_due
        DO UPDATE SET state = 'planned', reason = '', done_at = NULL, planned_at = EXCLUDED.planned_at
                WHERE known.state = 'dropped'
"""
"""Plans all that a verb makes due; what was withdrawn comes again, what was told does not."""


class ReminderQuerySet(models.QuerySet["Reminder", "Reminder"]):
    """Questions about many reminders."""

    def plan(self, referral: Referral, now: dt.datetime, *dues: Due) -> None:
        """Plan what a verb makes due, in the caller's transaction; the same one planned twice stays one row.

        One that was withdrawn (a fiche taken back, then sent again the same day) is planned anew. One statement for
        all: every verb waits for it.
        """
        if not dues:
            return
        kinds, moments = zip(*sorted(set(dues)), strict=True)
        with connection.cursor() as cursor:
            cursor.execute(PLAN, [referral.pk, now, [kind.value for kind in kinds], list(moments)])

    def drop(
        self,
        referral: Referral,
        reason: str,
        now: dt.datetime,
        *,
        kinds: Iterable[ReminderKind] | None = None,
    ) -> int:
        """Withdraw what is still planned for a fiche, keeping why. Returns how many were withdrawn.

        A letter about a verb that did happen (an answer, a cancellation) is never withdrawn by a later verb,
        except the first one: a fiche taken back or closed before its letter left was never announced. What does not
        ask for the next step (a consent that grows old, a file that nothing happens to) outlasts the steps.
        """
        rows = self.filter(referral=referral, state=ReminderState.PLANNED)
        if kinds is not None:
            rows = rows.filter(kind__in=kinds)
        else:
            lasting = [kind for kind, states in LASTING.items() if referral.state in states]
            rows = rows.exclude(kind__in=[*ANNOUNCEMENTS, *lasting])
        return rows.update(state=ReminderState.DROPPED, reason=reason, done_at=now)

    def restore(self, referral: Referral, reason: str, dropped_at: dt.datetime) -> int:
        """Plan again what a verb withdrew for that reason at that moment, once the verb is taken back."""
        rows = self.filter(referral=referral, state=ReminderState.DROPPED, reason=reason, done_at=dropped_at)
        return rows.update(state=ReminderState.PLANNED, reason="", done_at=None)

    def replan(
        self, wanted: Mapping[uuid.UUID, Collection[Due]], kinds: Iterable[ReminderKind], now: dt.datetime
    ) -> int:
        """Make what is to come of some kinds, for some fiches that the caller holds, exactly what is wanted.

        What is due already stays as it was planned. Returns how many fiches changed.
        """
        ahead = self.filter(referral__in=list(wanted), kind__in=list(kinds), due_at__gt=now)
        known = {(row.referral_id, row.kind, row.due_at): row for row in ahead}
        asked = {(pk, kind.value, due_at) for pk, dues in wanted.items() for kind, due_at in dues if due_at > now}
        planned = {key for key, row in known.items() if row.state == ReminderState.PLANNED}
        gone, back, new = planned - asked, (asked & known.keys()) - planned, asked - known.keys()
        self.filter(pk__in=[known[key].pk for key in gone]).update(
            state=ReminderState.DROPPED, reason="policy", done_at=now
        )
        self.filter(pk__in=[known[key].pk for key in back], state=ReminderState.DROPPED).update(
            state=ReminderState.PLANNED, reason="", done_at=None, planned_at=now
        )
        Reminder.objects.bulk_create(
            [Reminder(referral_id=pk, kind=kind, due_at=due_at, planned_at=now) for pk, kind, due_at in sorted(new)],
            ignore_conflicts=True,
        )
        return len({pk for pk, _, _ in gone | back | new})

    def due(self, now: dt.datetime) -> ReminderQuerySet:
        """Planned and due, oldest first."""
        return self.filter(state=ReminderState.PLANNED, due_at__lte=now).order_by("due_at", "id")

    def take(self, now: dt.datetime, limit: int) -> list[Reminder]:
        """Lock the next due reminders with their fiches and return them, in the caller's transaction.

        The fiche is locked: no verb can change it while its reminders are decided, and verbs, which also take the
        fiche before its reminders, can never wait for us in a circle. The reminder is locked as well: a verb that
        withdraws it without touching the fiche (a bilan handed in) comes before or after. Fiches on which someone is
        acting, or which another worker took, are passed over.

        `is_superseded` tells whether a later one of the same kind is due too.
        """
        due: ReminderQuerySet = self.due(now)
        later = Reminder.objects.due(now).filter(
            referral=OuterRef("referral"), kind=OuterRef("kind"), due_at__gt=OuterRef("due_at")
        )
        superseded = {"is_superseded": Exists(later.order_by())}
        # `no_key`: rows that point at the fiche (events, bilans) may be written meanwhile.
        rows = due.select_for_update(skip_locked=True, of=("self", "referral"), no_key=True).select_related("referral")
        # Each neighbour is fetched apart: to plan one query over ten tables takes longer than to run all of these.
        return list(
            rows.annotate(**superseded).prefetch_related(
                "referral__person",
                "referral__action",
                "referral__session",
                "referral__sender",
                "referral__receiver",
            )[:limit]
        )

    def settle(self, keys: Collection[uuid.UUID], now: dt.datetime, *, dropped: str = "") -> int:
        """Mark as done, or as dropped with their reason, those still planned; return how many."""
        state = ReminderState.DROPPED if dropped else ReminderState.DONE
        rows = self.filter(pk__in=keys, state=ReminderState.PLANNED)
        return rows.update(state=state, reason=dropped, done_at=now)


ANNOUNCEMENTS = (
    ReminderKind.ANSWERED,
    ReminderKind.CANCELLED,
    ReminderKind.MISSED,
    ReminderKind.EXPIRED,
    ReminderKind.REOPENED,
    ReminderKind.RESUMED,
    ReminderKind.OFFER_PASSED,
    ReminderKind.OFFER_CONFIRMED,
    ReminderKind.BILAN_RETURNED,
    ReminderKind.REPORT_PUBLISHED,
    ReminderKind.ASKED,
    ReminderKind.CLARIFIED,
    ReminderKind.ASSIGNED,
    ReminderKind.APPOINTMENT_TOLD,
)
"""Kinds that tell what has happened, as opposed to asking for something."""


UNTIL_ANSWERED = (
    ReminderKind.SENT,
    ReminderKind.ACKNOWLEDGED,
    ReminderKind.UNANSWERED,
    ReminderKind.ESCALATED,
    ReminderKind.EXPIRY_NOTICE,
    ReminderKind.EXPIRY,
)
"""Kinds that make sense while the receiver's clock runs."""

UNTIL_RETURNED = (ReminderKind.INTERIM_BILAN, ReminderKind.BILAN_DUE)
"""Kinds that end with the bilan that is awaited."""

UNTIL_ENDED = (
    ReminderKind.ENTRY_TO_CONFIRM,
    ReminderKind.INTERIM_BILAN,
    ReminderKind.EXIT_DUE,
    ReminderKind.CONSENT_ENDING,
)
"""Kinds that end with the action; a bilan that is still missing does not."""

LASTING: dict[ReminderKind, frozenset[State]] = {
    ReminderKind.CONSENT_ENDING: frozenset(OPEN),
    ReminderKind.RETENTION: frozenset(State) - {State.DRAFT},
}
"""Kinds that outlast the steps of a fiche, and in which states."""


class Reminder(models.Model):
    """One thing due at one moment about one fiche: unique by (fiche, kind, moment)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    referral = models.ForeignKey("referrals.Referral", models.CASCADE, related_name="reminders", verbose_name="fiche")
    kind = models.CharField("quoi", max_length=20, choices=ReminderKind)
    due_at = models.DateTimeField("prévu le")
    planned_at = models.DateTimeField("décidé le")
    state = models.CharField("état", max_length=8, choices=ReminderState, default=ReminderState.PLANNED)
    reason = models.CharField("pourquoi il n’est pas parti", max_length=40, blank=True)
    done_at = models.DateTimeField("fait le", null=True, blank=True)

    objects = ReminderQuerySet.as_manager()

    # What `take()` adds to a row.
    is_superseded: bool

    class Meta:
        verbose_name = "relance"
        ordering = ["due_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["referral", "kind", "due_at"], name="reminder_once_per_subject_kind_due"),
            models.CheckConstraint(
                condition=~Q(state=ReminderState.DROPPED) | ~Q(reason=""),
                name="reminder_dropped_with_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(state=ReminderState.PLANNED) | Q(done_at__isnull=False),
                name="reminder_done_has_a_date",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], condition=Q(state=ReminderState.PLANNED), name="reminder_due"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.due_at:%d/%m/%Y})"

    def settle(self, now: dt.datetime, *, dropped: str = "") -> bool:
        """Mark as done, or as dropped with its reason; `False` when another worker already had."""
        return bool(Reminder.objects.settle([self.pk], now, dropped=dropped))

    def mark_undeliverable(self) -> None:
        """What was to be told is told to nobody: there is no address."""
        rows = Reminder.objects.filter(pk=self.pk, state=ReminderState.DONE)
        rows.update(state=ReminderState.DROPPED, reason="no_address")
