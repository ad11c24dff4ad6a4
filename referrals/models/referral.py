"""The fiche de prescription et de liaison, and its verbs."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pgtrigger
from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import F, OuterRef, Q, Subquery, Value
from django.utils import timezone

from accounts.fields import FreeCharField, FreeTextField
from referrals import deadlines
from referrals.models.event import Actor, Event, EventKind
from referrals.models.need import Need
from referrals.models.person import Person
from referrals.models.reminder import Reminder, ReminderKind, morning_of
from referrals.models.reread import reread
from referrals.states import HOLDING, MOVES, OPEN, PAIRS, PENDING, REASONS, WITHOUT_ENTRY, Reason, State, Verb
from structures.models import Action, Session, Structure

if TYPE_CHECKING:
    from referrals.models.bilan import Bilan

REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No I, L, O, U, 0 or 1: a reference is read aloud on the telephone."""


PLACES_TAKEN = """
    IF TG_OP = 'UPDATE' AND (OLD.state IN {held}) = (NEW.state IN {held})
       AND OLD.action_id = NEW.action_id AND OLD.session_id IS NOT DISTINCT FROM NEW.session_id THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' AND OLD.state IN {held} THEN
        UPDATE structures_action SET taken = GREATEST(taken - 1, 0) WHERE id = OLD.action_id;
        UPDATE structures_session SET taken = GREATEST(taken - 1, 0) WHERE id = OLD.session_id;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.state IN {held} THEN
        UPDATE structures_action SET taken = taken + 1 WHERE id = NEW.action_id;
        UPDATE structures_session SET taken = taken + 1 WHERE id = NEW.session_id;
    END IF;
    UPDATE structures_offer o SET places_left = GREATEST(s.places - s.reserved - s.taken, 0)
      FROM structures_session s
     WHERE s.id IN (OLD.session_id, NEW.session_id) AND s.places IS NOT NULL AND o.session_id = s.id;
    UPDATE structures_offer o SET places_left = GREATEST(a.places - a.taken, 0)
      FROM structures_action a
     WHERE a.id IN (OLD.action_id, NEW.action_id) AND a.places IS NOT NULL
       AND o.action_id = a.id AND o.session_id IS NULL;
    RETURN NULL;
""".format(  # noqa: S608 # nosec B608: the states are constants
    held=f"({', '.join(repr(state.value) for state in HOLDING)})"
)
"""How many places of an action and of its session are taken, kept by the database: whatever changes a fiche, the
count that the suggestions and the receiver read is right at once."""


def new_reference() -> str:
    """A random reference such as R-7K2M4Q, unrelated to the person (30⁶ possibilities; unique in the table)."""
    return "R-" + "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(6))


class ConsentHow(models.TextChoices):
    """How the person agreed that the fiche be sent."""

    ORAL = "oral", "De vive voix, en entretien"
    WRITTEN = "written", "Par écrit, signé"
    PHONE = "phone", "Par téléphone"
    GUARDIAN = "guardian", "Par le représentant légal"


class ConsentScope(models.TextChoices):
    """What the person agreed to share with the structure. Identity is always part of it."""

    CONTACT = "contact", "Coordonnées"
    PROFILE = "profile", "Niveaux, mobilité et situation"
    NEEDS = "needs", "Besoins et freins"
    HISTORY = "history", "Parcours déjà suivi"


class StaleReferral(Exception):
    """Someone acted first, or the verb does not start from this state. Carries the fiche as it now stands."""

    def __init__(self, referral: Referral, verb: str) -> None:
        super().__init__(f"{verb} cannot start from {referral.state}")
        self.referral = referral
        self.verb = verb

    @property
    def last_event(self) -> Event | None:
        """The last line of the fiche's journal, to tell the second person what the first one did."""
        return self.referral.events.select_related("user", "structure").order_by("-at", "-id").first()


class ReferralQuerySet(models.QuerySet["Referral"]):
    """Questions about many fiches. Always start from `Door.referrals()`: it decides which rows one may see."""

    def with_everything(self) -> ReferralQuerySet:
        """What a list or a page shows of each fiche, without a query per row."""
        return self.select_related(
            "person", "action", "session", "sender", "receiver", "sender_member", "action__structure"
        )

    def kept(self) -> ReferralQuerySet:
        """All but the drafts that were thrown away."""
        return self.exclude(state=State.CANCELLED, sent_at__isnull=True)

    def sent(self) -> ReferralQuerySet:
        """The fiches that left their sender."""
        return self.filter(sent_at__isnull=False)

    def open(self) -> ReferralQuerySet:
        """The fiches whose path goes on."""
        return self.filter(state__in=OPEN)

    def with_plan(self) -> ReferralQuerySet:
        """Annotate `plan`, `step` and `after`: the plan a fiche was prepared in, its place, the step it waits for."""
        drafted = Event.objects.filter(referral=OuterRef("pk"), kind=EventKind.DRAFTED).order_by("at", "id")
        return self.annotate(**{key: Subquery(drafted.values(f"data__{key}")[:1]) for key in ("plan", "step", "after")})

    def with_themes(self) -> ReferralQuerySet:
        """Annotate `themes`: the needs that a fiche answers."""
        return self.annotate(themes=ArrayAgg("needs__theme", filter=Q(needs__isnull=False), default=Value([])))

    def draft(
        self,
        person: Person,
        action: Action,
        actor: Actor,
        now: dt.datetime,
        *,
        needs: Iterable[Need] = (),
        motive: str = "",
        matched: dict[str, Any] | None = None,
        opened_by: Bilan | None = None,
        redirected_from: Referral | None = None,
        session: Session | None = None,
        place: dict[str, Any] | None = None,
    ) -> Referral:
        """Prepare a fiche to the action's structure; its `place` in a plan (see `with_plan`) is kept in the journal.

        Raises `ValueError` when the actor has no structure.
        """
        if actor.structure is None:
            raise ValueError("a fiche is sent by a structure")
        with transaction.atomic():
            referral = self.create(
                reference=new_reference(),
                person=person,
                sender=actor.structure,
                sender_member=actor.user,
                receiver=action.structure,
                action=action,
                session=session,
                motive=motive,
                matched=matched or {},
                opened_by=opened_by,
                redirected_from=redirected_from,
                created_at=now,
                updated_at=now,
            )
            referral.needs.add(*needs)
            Event.objects.log(EventKind.DRAFTED, actor, now, referral=referral, data=place)
        return referral


class Referral(models.Model):
    """One fiche: one person, one action, and everything that happens until the exit.

    `version` grows with each verb: a page posts the version it showed, so that two people acting at once never
    overwrite each other.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.CharField("référence", max_length=12, unique=True)
    person = models.ForeignKey(Person, models.PROTECT, related_name="referrals", verbose_name="personne")
    sender = models.ForeignKey(Structure, models.PROTECT, related_name="sent_referrals", verbose_name="prescripteur")
    sender_member = models.ForeignKey(
        "accounts.User",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="prescrite par",
    )
    receiver = models.ForeignKey(
        Structure, models.PROTECT, related_name="received_referrals", verbose_name="structure d’accueil"
    )
    action = models.ForeignKey(Action, models.PROTECT, related_name="referrals", verbose_name="action")
    session = models.ForeignKey(
        Session, models.SET_NULL, null=True, blank=True, related_name="referrals", verbose_name="session"
    )
    needs = models.ManyToManyField(Need, blank=True, related_name="referrals", verbose_name="besoins")
    motive = FreeTextField("mot pour la structure", blank=True)
    matched = models.JSONField("ce qui convenait", default=dict, blank=True)
    opened_by = models.ForeignKey(
        "referrals.Bilan",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="opened_referrals",
        verbose_name="ouverte par le bilan",
    )
    redirected_from = models.OneToOneField(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="redirected_to",
        verbose_name="réorientée depuis",
    )

    consent_how = models.CharField("accord donné", max_length=8, choices=ConsentHow, blank=True)
    consent_at = models.DateTimeField("accord donné le", null=True, blank=True)
    consent_scope = ArrayField(
        models.CharField(max_length=8, choices=ConsentScope),
        verbose_name="ce qui est partagé",
        default=list,
        blank=True,
    )

    state = models.CharField("état", max_length=10, choices=State, default=State.DRAFT)
    version = models.PositiveIntegerField("version", default=0)
    reason = models.CharField("motif", max_length=14, choices=Reason, blank=True)
    reason_note = FreeTextField("précision", blank=True)
    answer_note = FreeTextField("mot de la structure", blank=True)
    appointment_at = models.DateTimeField("rendez-vous", null=True, blank=True)
    appointment_place = FreeCharField("lieu du rendez-vous", max_length=200, blank=True)

    created_at = models.DateTimeField("préparée le")
    updated_at = models.DateTimeField("modifiée le")
    sent_at = models.DateTimeField("envoyée le", null=True, blank=True)
    answered_at = models.DateTimeField("première réponse le", null=True, blank=True)
    accepted_at = models.DateTimeField("acceptée le", null=True, blank=True)
    entered_on = models.DateField("entrée le", null=True, blank=True)
    bilan_due_on = models.DateField("bilan attendu le", null=True, blank=True)
    closed_at = models.DateTimeField("close le", null=True, blank=True)

    objects = ReferralQuerySet.as_manager()

    # What `with_plan()` and `with_themes()` add to a row.
    plan: str | None
    step: int | None
    after: int | None
    themes: list[str]

    class Meta:
        verbose_name = "fiche de prescription"
        verbose_name_plural = "fiches de prescription"
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["receiver", "state", "sent_at"], name="referral_queue"),
            models.Index(fields=["sender", "state", "-created_at"], name="referral_sent_by"),
            models.Index(fields=["person", "created_at"], name="referral_by_person"),
            models.Index(fields=["action", "state"], name="referral_by_action"),
            models.Index(fields=["sent_at"], name="referral_by_sending"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(sent_at__isnull=True) | (~Q(consent_how="") & Q(consent_at__isnull=False)),
                name="referral_sent_only_with_consent",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[State.DRAFT, State.CANCELLED]) | Q(sent_at__isnull=False),
                name="referral_has_sending_date",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[State.ENTERED, State.ENDED]) | Q(entered_on__isnull=False),
                name="referral_has_entry_date",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[State.DECLINED, State.CANCELLED, State.MISSED]) | ~Q(reason=""),
                name="referral_closed_with_a_reason",
            ),
        ]
        triggers = [
            pgtrigger.FSM(name="legal_moves_only", field="state", transitions=PAIRS),
            pgtrigger.Trigger(
                name="count_places_taken",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Delete | pgtrigger.UpdateOf("state", "session_id", "action_id"),
                func=PLACES_TAKEN,
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    # Moving

    def move(
        self,
        verb: Verb,
        actor: Actor,
        now: dt.datetime,
        *,
        version: int | None = None,
        data: dict[str, Any] | None = None,
        **values: Any,
    ) -> Event:
        """Change the state by a conditional UPDATE and write the event, in the verb's transaction.

        `version` is the one that the user's page showed; left out, only the state decides. Raises `StaleReferral`
        when someone acted first or when the verb cannot start from the present state; nothing is then written.
        """
        move = MOVES[verb]
        with transaction.atomic(savepoint=False):
            rows = Referral.objects.filter(pk=self.pk, state__in=move.sources)
            if version is not None:
                rows = rows.filter(version=version)
            if not rows.update(state=move.target, version=F("version") + 1, updated_at=now, **values):
                raise StaleReferral(Referral.objects.get(pk=self.pk), verb)
            reread(self, "session")
            return Event.objects.log(EventKind(verb.value), actor, now, referral=self, data=data)

    def _close(self, verb: Verb, actor: Actor, now: dt.datetime, *, reason: str, note: str, **values: Any) -> Event:
        if reason not in REASONS[verb]:
            raise ValueError(f"{reason!r} is not a reason to {verb}")
        event = self.move(
            verb,
            actor,
            now,
            data={"reason": reason},
            reason=reason,
            reason_note=note,
            closed_at=now,
            **values,
        )
        Reminder.objects.drop(self, "closed", now)
        return event

    # The sender's verbs

    def rewrite(self, now: dt.datetime, **values: Any) -> bool:
        """Save what is being typed in a draft; `False`, and nothing written, once it is no longer one."""
        rows = Referral.objects.filter(pk=self.pk, state=State.DRAFT)
        if not rows.update(updated_at=now, **values):
            return False
        reread(self, "session")
        return True

    def send(
        self,
        actor: Actor,
        now: dt.datetime,
        *,
        consent_how: str,
        consent_scope: Iterable[str],
        version: int | None = None,
    ) -> Event:
        """Send the fiche with the person's consent; plan its letter, its reminders and its expiry."""
        if consent_how not in ConsentHow.values:
            raise ValueError("a fiche is sent with the person's consent only")
        today = timezone.localdate(now)
        with transaction.atomic():
            event = self.move(
                Verb.SEND,
                actor,
                now,
                version=version,
                consent_how=consent_how,
                consent_at=now,
                consent_scope=sorted(set(consent_scope)),
                sent_at=now,
            )
            recalls = [deadlines.add_working_days(today, days) for days in deadlines.UNANSWERED_WORKING_DAYS]
            Reminder.objects.plan(
                self,
                now,
                (ReminderKind.SENT, now + deadlines.UNDO),
                *[(ReminderKind.UNANSWERED, morning_of(day)) for day in recalls],
                (ReminderKind.EXPIRY, morning_of(today + dt.timedelta(days=deadlines.EXPIRY_DAYS))),
            )
        return event

    def recall(self, actor: Actor, now: dt.datetime, *, version: int | None = None) -> Event:
        """Take the sending back within ten minutes, before the letter leaves. Raises `StaleReferral` after that."""
        if self.sent_at is None or now > self.sent_at + deadlines.UNDO:
            raise StaleReferral(self, Verb.RECALL)
        with transaction.atomic():
            event = self.move(Verb.RECALL, actor, now, version=version, sent_at=None, consent_at=None, consent_how="")
            Reminder.objects.drop(self, "recalled", now)
        return event

    def cancel(
        self, actor: Actor, now: dt.datetime, *, reason: str, note: str = "", version: int | None = None
    ) -> Event:
        """Cancel a fiche that has not led to an entry. The receiver is told when it had been sent."""
        with transaction.atomic():
            event = self._close(Verb.CANCEL, actor, now, reason=reason, note=note, version=version)
            if self.sent_at is not None:
                Reminder.objects.plan(self, now, (ReminderKind.CANCELLED, now))
        return event

    # The receiver's verbs

    def _answer_values(self, now: dt.datetime) -> dict[str, Any]:
        return {"answered_at": self.answered_at or now}

    def accept(
        self,
        actor: Actor,
        now: dt.datetime,
        *,
        appointment_at: dt.datetime | None = None,
        appointment_place: str = "",
        session: Session | None = None,
        note: str = "",
        version: int | None = None,
    ) -> Event:
        """Accept, with a rendez-vous or a session; the sender is told, and the entry is to be confirmed after it."""
        with transaction.atomic():
            event = self.move(
                Verb.ACCEPT,
                actor,
                now,
                version=version,
                accepted_at=now,
                appointment_at=appointment_at,
                appointment_place=appointment_place,
                session=session or self.session,
                answer_note=note,
                **self._answer_values(now),
            )
            Reminder.objects.drop(self, "answered", now)
            dues = [(ReminderKind.ANSWERED, now)]
            if self.expected_on is not None:
                day = deadlines.add_working_days(self.expected_on, deadlines.ENTRY_WORKING_DAYS)
                dues.append((ReminderKind.ENTRY_TO_CONFIRM, morning_of(day)))
            Reminder.objects.plan(self, now, *dues)
        return event

    def waitlist(self, actor: Actor, now: dt.datetime, *, note: str = "", version: int | None = None) -> Event:
        """Put on the waiting list; the sender is told. It has been answered: it no longer expires by itself."""
        with transaction.atomic():
            event = self.move(Verb.WAITLIST, actor, now, version=version, answer_note=note, **self._answer_values(now))
            Reminder.objects.drop(self, "answered", now, kinds=[ReminderKind.SENT, ReminderKind.UNANSWERED])
            Reminder.objects.drop(self, "waitlisted", now, kinds=[ReminderKind.EXPIRY])
            Reminder.objects.plan(self, now, (ReminderKind.ANSWERED, now))
        return event

    def decline(
        self, actor: Actor, now: dt.datetime, *, reason: str, note: str = "", version: int | None = None
    ) -> Event:
        """Decline with a coded reason; the sender is told with what comes next."""
        with transaction.atomic():
            event = self._close(
                Verb.DECLINE,
                actor,
                now,
                reason=reason,
                note=note,
                version=version,
                **self._answer_values(now),
            )
            Reminder.objects.plan(self, now, (ReminderKind.ANSWERED, now))
        return event

    def redirect(
        self,
        actor: Actor,
        now: dt.datetime,
        *,
        to: Action,
        matched: dict[str, Any] | None = None,
        note: str = "",
        version: int | None = None,
    ) -> Referral:
        """Close this fiche and open one to a better action, from the same sender, under the same consent.

        Returns the new fiche, already sent. Raises `ValueError` when the action is the same.
        """
        if to.pk == self.action_id:
            raise ValueError("a fiche is redirected to another action")
        with transaction.atomic():
            self.move(
                Verb.REDIRECT,
                actor,
                now,
                version=version,
                data={"reason": Reason.OTHER_OFFER},
                reason=Reason.OTHER_OFFER,
                answer_note=note,
                closed_at=now,
                **self._answer_values(now),
            )
            Reminder.objects.drop(self, "closed", now)
            Reminder.objects.plan(self, now, (ReminderKind.ANSWERED, now))
            sender = Actor(user=self.sender_member, structure=self.sender, origin=actor.origin)
            following = Referral.objects.draft(
                self.person,
                to,
                sender,
                now,
                needs=self.needs.all(),
                motive=self.motive,
                matched=matched,
                redirected_from=self,
            )
            following.send(actor, now, consent_how=self.consent_how, consent_scope=self.consent_scope)
        return following

    def enter(
        self,
        actor: Actor,
        now: dt.datetime,
        *,
        on: dt.date,
        bilan_due_on: dt.date | None = None,
        version: int | None = None,
    ) -> Event:
        """The person came and enters the action; the bilan's due date and its reminders are planned."""
        due = bilan_due_on or self._bilan_due(on)
        with transaction.atomic():
            event = self.move(
                Verb.ENTER,
                actor,
                now,
                version=version,
                data={"on": on.isoformat()},
                entered_on=on,
                bilan_due_on=due,
                accepted_at=self.accepted_at or now,
            )
            Reminder.objects.drop(self, "entered", now)
            if due is not None:
                days = [due + dt.timedelta(days=after) for after in deadlines.BILAN_REMINDER_DAYS]
                Reminder.objects.plan(self, now, *[(ReminderKind.BILAN_DUE, morning_of(day)) for day in days])
        return event

    def miss(self, actor: Actor, now: dt.datetime, *, reason: str, note: str = "", version: int | None = None) -> Event:
        """Accepted, but the person never came; the sender is told."""
        with transaction.atomic():
            event = self._close(Verb.MISS, actor, now, reason=reason, note=note, version=version)
            Reminder.objects.plan(self, now, (ReminderKind.MISSED, now))
        return event

    def end(self, actor: Actor, now: dt.datetime, *, version: int | None = None) -> Event:
        """Close the path in the action. Where the action expects a typed exit, go through `Exit.objects.record`."""
        with transaction.atomic():
            event = self.move(Verb.END, actor, now, version=version, closed_at=now)
            Reminder.objects.drop(self, "ended", now, kinds=[ReminderKind.ENTRY_TO_CONFIRM])
        return event

    # The worker's verb

    def expire(self, actor: Actor, now: dt.datetime) -> Event:
        """Close a fiche that was never answered; both structures are told."""
        with transaction.atomic():
            event = self.move(Verb.EXPIRE, actor, now, closed_at=now)
            Reminder.objects.drop(self, "expired", now)
            Reminder.objects.plan(self, now, (ReminderKind.EXPIRED, now))
        return event

    # What is read

    @property
    def expected_on(self) -> dt.date | None:
        """The day the person is expected: the rendez-vous, else the session's start."""
        if self.appointment_at is not None:
            return timezone.localdate(self.appointment_at)
        return self.session.starts_on if self.session is not None else None

    def _bilan_due(self, entered_on: dt.date) -> dt.date | None:
        shape = self.action.get_shape()
        if not shape.expects_bilan:
            return None
        if shape == shape.POSITIONING:
            return deadlines.add_working_days(entered_on, deadlines.POSITIONING_RETURN_WORKING_DAYS)
        if self.session is not None and self.session.ends_on is not None and self.session.ends_on > entered_on:
            return self.session.ends_on
        length = self.action.duration or dt.timedelta(days=deadlines.BILAN_DEFAULT_DAYS)
        return entered_on + length

    @property
    def is_closed_without_entry(self) -> bool:
        """Whether the fiche is closed and the person never entered the action."""
        return self.state in WITHOUT_ENTRY

    def answer_due_on(self) -> dt.date | None:
        """The working day by which an answer is expected; `None` unless one is awaited."""
        if self.state not in PENDING or self.sent_at is None:
            return None
        return deadlines.add_working_days(timezone.localdate(self.sent_at), deadlines.UNANSWERED_WORKING_DAYS[0])

    def is_late(self, today: dt.date) -> bool:
        """Whether the receiver owes an answer or a bilan that is overdue on `today`."""
        if self.state == State.SENT:
            due = self.answer_due_on()
            return due is not None and due < today
        return self.state == State.ENTERED and self.bilan_due_on is not None and self.bilan_due_on < today

    def may_be_recalled(self, now: dt.datetime) -> bool:
        """Whether the sending can still be taken back."""
        return self.state == State.SENT and self.sent_at is not None and now <= self.sent_at + deadlines.UNDO
