"""The fiche de prescription et de liaison: its row, and what is read on it."""

from __future__ import annotations

import datetime as dt
import uuid

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from accounts.fields import FreeCharField, FreeTextField
from referrals import deadlines
from referrals.models.known import SENT
from referrals.models.need import Need
from referrals.models.person import FOLLOW_THE_MERGE, ContactChannel, Person
from referrals.models.referral.answering import Answering
from referrals.models.referral.asking import Asking
from referrals.models.referral.assigning import Assigning
from referrals.models.referral.consent import ConsentHow, ConsentScope
from referrals.models.referral.following import Following
from referrals.models.referral.meeting import Meeting
from referrals.models.referral.moving import Moving
from referrals.models.referral.places import PLACES_TAKEN
from referrals.models.referral.reopening import Reopening
from referrals.models.referral.rows import ReferralQuerySet
from referrals.models.referral.scheduling import Scheduling
from referrals.models.referral.sending import Sending
from referrals.models.referral.waiting import Waiting
from referrals.policies import PolicyKind
from referrals.states import PAIRS, PENDING, TO_REDIRECT, WITHOUT_ENTRY, AppointmentState, Reason, State
from structures.models import Action, Session, Structure
from structures.vocabulary import NeedTheme


class Referral(
    Scheduling, Moving, Sending, Asking, Answering, Waiting, Meeting, Following, Reopening, Assigning, models.Model
):
    """One fiche: one person, one action, and everything that happens until the exit.

    `version` grows with each verb: a page posts the version it showed, so that two people acting at once never
    overwrite each other. The receiver's delay counts from `clock_from`, which a question moves forward by as long as
    the sender took to answer it; it stands still while `paused_at` is set. `appointment_at`, `appointment_place` and
    `appointment_state` are copies of the last rendez-vous (date and place: while it stands, or since the person came),
    for the lists and queues.
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
    opened_after = models.ForeignKey(
        "referrals.FollowUp",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="opened_referrals",
        verbose_name="ouverte par le suivi",
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

    assigned_to = models.ForeignKey(
        "accounts.User",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="suivie, à la structure, par",
    )

    state = models.CharField("état", max_length=10, choices=State, default=State.DRAFT)
    version = models.PositiveIntegerField("version", default=0)
    reason = models.CharField("motif", max_length=14, choices=Reason, blank=True)
    reason_note = FreeTextField("précision", blank=True)
    declined_criteria = models.JSONField("critères non remplis", default=list, blank=True)
    answer_note = FreeTextField("mot de la structure", blank=True)
    advised = ArrayField(
        models.CharField(max_length=20, choices=NeedTheme),
        verbose_name="besoins auxquels répondre ailleurs",
        default=list,
        blank=True,
    )
    reopening_note = FreeTextField("pourquoi rouverte", blank=True)
    appointment_at = models.DateTimeField("rendez-vous", null=True, blank=True)
    appointment_place = FreeCharField("lieu du rendez-vous", max_length=200, blank=True)

    appointment_state = models.CharField("état du rendez-vous", max_length=9, choices=AppointmentState, blank=True)
    unsettleable_until = models.DateTimeField("issue du rendez-vous annulable jusqu’au", null=True, blank=True)

    created_at = models.DateTimeField("préparée le")
    updated_at = models.DateTimeField("modifiée le")
    sent_at = models.DateTimeField("envoyée le", null=True, blank=True)
    reopened_at = models.DateTimeField("rouverte le", null=True, blank=True)
    clock_from = models.DateTimeField("délai compté depuis le", null=True, blank=True)
    paused_at = models.DateTimeField("délai arrêté le", null=True, blank=True)
    answered_at = models.DateTimeField("première réponse le", null=True, blank=True)
    waitlisted_at = models.DateTimeField("en liste d’attente depuis", null=True, blank=True)
    offered_until = models.DateTimeField("place proposée jusqu’au", null=True, blank=True)
    retractable_until = models.DateTimeField("réponse annulable jusqu’au", null=True, blank=True)
    accepted_at = models.DateTimeField("acceptée le", null=True, blank=True)
    entered_on = models.DateField("entrée le", null=True, blank=True)
    bilan_due_on = models.DateField("bilan attendu le", null=True, blank=True)
    bilan_received_at = models.DateTimeField("dernier bilan reçu le", null=True, blank=True)
    closed_at = models.DateTimeField("close le", null=True, blank=True)

    objects = ReferralQuerySet.as_manager()

    # What `with_plan()`, `with_themes()`, `with_rank()` and `to_offer()` add to a row.
    plan: str | None
    step: int | None
    after: int | None
    themes: list[str]
    rank: int
    waiting: int
    free_session: int | None

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
            # With what the list of the fiches sent offers to filter by, which then reads no fiche.
            models.Index(fields=["sender", "-sent_at", "id"], include=["action", "state"], name="referral_sent_last"),
            models.Index(fields=["receiver", "-sent_at", "id"], name="referral_received_last"),
            models.Index(fields=["sender", "answered_at"], name="referral_answered"),
            models.Index(fields=["sender", "bilan_received_at"], name="referral_bilan_received"),
            models.Index(
                fields=["sender", "closed_at"],
                condition=Q(state__in=TO_REDIRECT),
                name="referral_to_redirect",
            ),
            models.Index(
                fields=["action", "waitlisted_at", "id"],
                condition=Q(state=State.WAITLISTED),
                name="referral_waiting_list",
            ),
            models.Index(
                fields=["receiver", "assigned_to", "state"],
                condition=Q(sent_at__isnull=False),
                name="referral_by_assignee",
            ),
            models.Index(fields=["sender", "sender_member", "state"], name="referral_by_follower"),
            models.Index(fields=["paused_at"], condition=Q(paused_at__isnull=False), name="referral_paused"),
            # What the commission de suivi asks of the whole territory, the oldest first.
            models.Index(fields=["bilan_due_on", "id"], condition=Q(state=State.ENTERED), name="referral_bilan_due"),
            models.Index(fields=["closed_at", "id"], condition=Q(state__in=TO_REDIRECT), name="referral_closed_early"),
            models.Index(
                fields=["bilan_received_at", "id"],
                condition=Q(bilan_received_at__isnull=False),
                name="referral_bilan_returned",
            ),
            models.Index(
                fields=["action", "closed_at"],
                condition=Q(reason=Reason.NOT_ELIGIBLE),
                name="referral_by_unmet_criterion",
            ),
            models.Index(
                fields=["receiver", "appointment_at"],
                condition=Q(appointment_state=AppointmentState.PLANNED),
                name="referral_by_appointment",
            ),
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
            models.CheckConstraint(
                condition=~Q(state__in=[State.WAITLISTED, State.OFFERED]) | Q(waitlisted_at__isnull=False),
                name="referral_waits_since_a_date",
            ),
            models.CheckConstraint(
                condition=~Q(state=State.OFFERED) | Q(offered_until__isnull=False),
                name="referral_offered_until_a_date",
            ),
            models.CheckConstraint(
                condition=Q(sent_at__isnull=True, clock_from__isnull=True)
                | Q(sent_at__isnull=False, clock_from__isnull=False, clock_from__gte=F("sent_at")),
                name="referral_clock_runs_from_the_sending",
            ),
            models.CheckConstraint(
                condition=Q(paused_at__isnull=True) | Q(state__in=PENDING, paused_at__gte=F("clock_from")),
                name="referral_paused_while_an_answer_is_awaited",
            ),
            models.CheckConstraint(
                condition=Q(declined_criteria=[]) | Q(reason=Reason.NOT_ELIGIBLE),
                name="referral_names_criteria_when_not_eligible",
            ),
            models.CheckConstraint(
                condition=Q(
                    appointment_state__in=[AppointmentState.PLANNED, AppointmentState.CAME],
                    appointment_at__isnull=False,
                )
                | (
                    ~Q(appointment_state__in=[AppointmentState.PLANNED, AppointmentState.CAME])
                    & Q(appointment_at__isnull=True)
                ),
                name="referral_appointment_has_its_date",
            ),
            models.CheckConstraint(
                condition=Q(advised=[]) | Q(reason=Reason.OTHER_OFFER),
                name="referral_advises_when_another_offer_fits",
            ),
            models.CheckConstraint(
                condition=Q(opened_by=None) | Q(opened_after=None),
                name="referral_opened_by_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(reopened_at__isnull=True) | Q(reopened_at__gte=F("sent_at")),
                name="referral_reopened_after_its_sending",
            ),
        ]
        triggers = [
            FOLLOW_THE_MERGE,
            pgtrigger.FSM(name="legal_moves_only", field="state", transitions=PAIRS),
            pgtrigger.Trigger(
                name="count_places_taken",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Delete | pgtrigger.UpdateOf("state", "session_id", "action_id"),
                func=PLACES_TAKEN,
            ),
            pgtrigger.Trigger(
                name="known_to_its_receiver",
                when=pgtrigger.After,
                operation=pgtrigger.Insert
                | pgtrigger.Delete
                | pgtrigger.UpdateOf("sent_at", "receiver_id", "person_id"),
                func=SENT,
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def expected_on(self) -> dt.date | None:
        """The day the person is expected: the rendez-vous, else the session's start."""
        if self.appointment_at is not None:
            return self.clock.day_of(self.appointment_at)
        return self.session.starts_on if self.session is not None else None

    @property
    def is_told_by_sender(self) -> bool:
        """Whether only the sender may tell the person something: they said so, or their telephone was not shared."""
        shares = ConsentScope.CONTACT in self.consent_scope
        return self.person.contact_channel == ContactChannel.PRESCRIBER or not shares

    def _bilan_due(self, entered_on: dt.date) -> dt.date | None:
        shape = self.action.get_shape()
        if not shape.expects_bilan:
            return None
        if shape == shape.POSITIONING:
            return deadlines.add_working_days(
                entered_on, deadlines.POSITIONING_RETURN_WORKING_DAYS, self.clock.holidays
            )
        if self.session is not None and self.session.ends_on is not None and self.session.ends_on > entered_on:
            return self.session.ends_on
        length = self.action.duration or dt.timedelta(days=deadlines.BILAN_DEFAULT_DAYS)
        return entered_on + length

    def _bilan_due_again(self, today: dt.date) -> dt.date | None:
        """When the bilan is due for who comes back to the action: as before, unless that day has passed without it."""
        due = self.bilan_due_on
        if due is None or due >= today or self.bilans.awaited().exists():
            return due
        return self._bilan_due(today)

    @property
    def is_closed_without_entry(self) -> bool:
        """Whether the fiche is closed and the person never entered the action."""
        return self.state in WITHOUT_ENTRY

    def answer_due_on(self) -> dt.date | None:
        """The working day by which an answer is expected: that of the receiver's first recall, sent or not.

        `None` unless an answer is awaited and the clock runs.
        """
        if self.state not in PENDING or self.clock_from is None or self.paused_at is not None:
            return None
        days = self.rules[PolicyKind.UNANSWERED].delays[0]
        return deadlines.add_working_days(self.clock.day_of(self.clock_from), days, self.clock.holidays)

    def closes_on(self) -> dt.date | None:
        """The day a fiche without an answer closes by itself; `None` unless one is awaited and the clock runs."""
        return next(iter(self.days_of(PolicyKind.EXPIRY)), None)

    def is_late(self, today: dt.date) -> bool:
        """Whether the receiver owes an answer or a bilan that is overdue on `today`."""
        if self.state == State.SENT:
            due = self.answer_due_on()
            return due is not None and due < today
        return self.state == State.ENTERED and self.bilan_due_on is not None and self.bilan_due_on < today

    def is_newly_sent(self, now: dt.datetime) -> bool:
        """Whether the letter of the sending has not left yet, and nothing was closed and opened again since."""
        return self.sent_at is not None and self.reopened_at is None and now <= self.sent_at + deadlines.UNDO

    def may_be_recalled(self, now: dt.datetime) -> bool:
        """Whether the sending can still be taken back."""
        return self.state == State.SENT and self.is_newly_sent(now)

    @property
    def is_redirected_nowhere(self) -> bool:
        """Whether its receiver said which needs are to be answered elsewhere, without saying where."""
        return self.state == State.REDIRECTED and bool(self.advised)

    def may_be_retracted(self, now: dt.datetime) -> bool:
        """Whether the last answer can still be taken back."""
        return self.retractable_until is not None and now < self.retractable_until

    def may_be_unsettled(self, now: dt.datetime) -> bool:
        """Whether what was noted of the last rendez-vous can still be taken back."""
        return self.unsettleable_until is not None and now < self.unsettleable_until
