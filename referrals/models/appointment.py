"""The rendez-vous of a fiche: planned, moved, and what came of it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models import F, Q, Value
from django.utils import timezone

from accounts.fields import FreeCharField
from referrals import deadlines
from referrals.models.event import WORKER, Actor, Event, EventKind
from referrals.models.referral.moving import StaleReferral
from referrals.models.reminder import Reminder, ReminderKind, ReminderState, morning_of
from referrals.policies import PolicyKind, Rule
from referrals.states import AppointmentState
from structures.clocks import Clock

if TYPE_CHECKING:
    from referrals.models.referral import Referral

MINUTE = dt.timedelta(minutes=1)

EVENT_OF: dict[str, EventKind] = {
    AppointmentState.CAME: EventKind.APPOINTMENT_CAME,
    AppointmentState.EXCUSED: EventKind.APPOINTMENT_EXCUSED,
    AppointmentState.ABSENT: EventKind.APPOINTMENT_ABSENT,
    AppointmentState.CANCELLED: EventKind.APPOINTMENT_CANCELLED,
}
"""What can come of a rendez-vous, and the line that the journal keeps of it."""


class Notice(models.TextChoices):
    """Whether the person was reminded of the rendez-vous, once its reminder was due."""

    WRITTEN = "written", "Rappel écrit"
    TO_TELL = "to_tell", "À prévenir"
    TOLD = "told", "Prévenue"


class TooEarly(ValueError):
    """Nobody came to, or stayed away from, a rendez-vous that is still ahead."""


def reminders_of(at: dt.datetime, made_at: dt.datetime, rule: Rule, clock: Clock) -> list[dt.datetime]:
    """When the person is reminded: some calendar days before, in the morning; the next one when all are past.

    Never when the rendez-vous was made less than `deadlines.SHORT_NOTICE` ahead: its own letter has just told it.
    """
    # In UTC: the difference of two local times leaves out the hour that a change of clocks adds or takes.
    if at.astimezone(dt.UTC) - made_at.astimezone(dt.UTC) < deadlines.SHORT_NOTICE:
        return []
    day, made_on = clock.day_of(at), clock.day_of(made_at)
    wanted = rule.days_from(day, clock)
    tomorrow = made_on + dt.timedelta(days=1)
    late = [tomorrow] if wanted and tomorrow < day else []
    return [morning_of(morning, clock) for morning in [one for one in wanted if one > made_on] or late]


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    """Questions about many rendez-vous, and the writing of a new one."""

    def planned(self) -> AppointmentQuerySet:
        """Those that stand; a fiche has one at most."""
        return self.filter(state=AppointmentState.PLANNED)

    def current(self) -> Appointment | None:
        """Of the rendez-vous of one fiche, the one that counts: the last that was set."""
        return self.order_by("-number", "-sequence").first()

    def overlapping(self, referral: Referral, at: dt.datetime, minutes: int) -> AppointmentQuerySet:
        """The person's other rendez-vous that share some time with this one; one that only follows does not.

        Among the fiches that the receiver sent or received: where else the person goes is not told to it.
        """
        of_others = self.planned().filter(referral__person=referral.person_id).exclude(referral=referral)
        own = Q(referral__receiver=referral.receiver_id) | Q(referral__sender=referral.receiver_id)
        length = models.ExpressionWrapper(F("minutes") * Value(MINUTE), output_field=models.DurationField())
        rows = of_others.filter(own).alias(
            ends=models.ExpressionWrapper(F("at") + length, output_field=models.DateTimeField())
        )
        start = at.astimezone(dt.UTC)
        return rows.filter(at__lt=start + minutes * MINUTE, ends__gt=start).order_by("at", "id")

    def arrange(
        self, referral: Referral, actor: Actor, now: dt.datetime, *, at: dt.datetime, minutes: int, place: str
    ) -> Appointment:
        """Write the new rendez-vous of a fiche and plan its letters; for the verbs, which hold the fiche.

        It takes over the calendars' entry of one that was moved, or called off a moment ago; else it is a new entry.
        """
        last = self.filter(referral=referral).current()
        follows = last is not None and last.is_replaced_by_the_next
        row = self.create(
            referral=referral,
            number=1 if last is None else last.number + (0 if follows else 1),
            sequence=last.sequence + 1 if last is not None and follows else 0,
            in_calendars=last is not None and follows and last.in_calendars,
            at=at,
            minutes=minutes,
            place=place,
            created_at=now,
            created_by=actor.user,
        )
        Reminder.objects.drop(referral, "moved", now, kinds=[ReminderKind.APPOINTMENT, ReminderKind.ENTRY_TO_CONFIRM])
        row.plan_reminders(now)
        row.plan_telling(now)
        return row

    def conclude(self, referral: Referral, outcome: AppointmentState, actor: Actor, now: dt.datetime) -> None:
        """A verb of the fiche ends what was planned: its outcome, or a cancellation where it was still ahead."""
        row = self.planned().filter(referral=referral).first()
        if row is None:
            return
        state = outcome if row.may_end_as(outcome, now) else AppointmentState.CANCELLED
        row.end(state, actor, now)
        if row.was_called_off:
            row.plan_telling(now)
        referral.copy_appointment(state)

    def withdraw(self, referral: Referral, actor: Actor, now: dt.datetime) -> None:
        """The answer that set it is taken back before anything was told: nobody will hear of it."""
        row = self.planned().filter(referral=referral).first()
        if row is not None:
            row.end(AppointmentState.CANCELLED, actor, now)


class Appointment(models.Model):
    """One rendez-vous of one fiche.

    `number` counts the fiche's rendez-vous from 1, `sequence` how often this one was moved: each date is a row of its
    own, and both make the entry in people's calendars (RFC 5545: UID and SEQUENCE). `in_calendars` says that the
    invitation has left and was not withdrawn; `told_at` when the row's present state was told, null while it is not.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    referral = models.ForeignKey(
        "referrals.Referral", models.CASCADE, related_name="appointments", verbose_name="fiche"
    )
    number = models.PositiveSmallIntegerField("numéro")
    sequence = models.PositiveSmallIntegerField("déplacements", default=0)
    at = models.DateTimeField("date et heure")
    minutes = models.PositiveSmallIntegerField("durée en minutes", default=deadlines.APPOINTMENT_MINUTES)
    place = FreeCharField("lieu", max_length=200, blank=True)
    state = models.CharField("état", max_length=9, choices=AppointmentState, default=AppointmentState.PLANNED)
    in_calendars = models.BooleanField("dans les agendas", default=False)
    told_at = models.DateTimeField("annoncé le", null=True, blank=True)
    notice = models.CharField("rappel à la personne", max_length=7, choices=Notice, blank=True)
    created_at = models.DateTimeField("fixé le")
    created_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="fixé par"
    )
    closed_at = models.DateTimeField("clos le", null=True, blank=True)
    closed_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="clos par"
    )

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        verbose_name = "rendez-vous"
        verbose_name_plural = "rendez-vous"
        ordering = ["referral", "number", "sequence"]
        constraints = [
            models.UniqueConstraint(fields=["referral", "number", "sequence"], name="appointment_once_per_date"),
            models.UniqueConstraint(
                fields=["referral"],
                condition=Q(state=AppointmentState.PLANNED),
                name="appointment_planned_once_per_fiche",
            ),
            models.CheckConstraint(
                condition=Q(state=AppointmentState.PLANNED, closed_at__isnull=True)
                | (~Q(state=AppointmentState.PLANNED) & Q(closed_at__isnull=False)),
                name="appointment_closed_has_a_date",
            ),
            models.CheckConstraint(
                condition=Q(minutes__range=(5, 720)), name="appointment_lasts_five_minutes_to_twelve_hours"
            ),
        ]

    def __str__(self) -> str:
        return f"Rendez-vous {self.referral_id} ({self.number}.{self.sequence})"

    @property
    def ends_at(self) -> dt.datetime:
        """When it is over, in UTC: an hour stays an hour on the night when the clocks change."""
        return self.at.astimezone(dt.UTC) + self.minutes * MINUTE

    def reminder_moments(self) -> list[dt.datetime]:
        """When the person is reminded of it, by the rule of the structure that receives them; often once."""
        referral = self.referral
        return reminders_of(self.at, self.created_at, referral.rules[PolicyKind.APPOINTMENT], referral.clock)

    @property
    def was_called_off(self) -> bool:
        """Whether it was given up before its hour: nobody is expected any more."""
        given_up = self.state in (AppointmentState.EXCUSED, AppointmentState.CANCELLED)
        return given_up and self.closed_at is not None and self.closed_at < self.at

    @property
    def is_replaced_by_the_next(self) -> bool:
        """Whether the next date changes the same entry of the calendars: this one was moved, or they still hold it."""
        return self.state == AppointmentState.MOVED or (self.was_called_off and self.in_calendars)

    @property
    def is_untold(self) -> bool:
        """Whether something of it is still to be told: a date to come, or that nobody is expected, or did not come."""
        if self.told_at is not None:
            return False
        match self.state:
            case AppointmentState.PLANNED | AppointmentState.EXCUSED | AppointmentState.ABSENT:
                return True
            case AppointmentState.CANCELLED:
                return self.was_called_off and self.in_calendars
        return False

    def may_end_as(self, outcome: str, now: dt.datetime) -> bool:
        """Whether its hour allows the outcome: people come early on the day, and are absent once it has begun."""
        match outcome:
            case AppointmentState.CAME:
                return timezone.localdate(self.at) <= timezone.localdate(now)
            case AppointmentState.ABSENT:
                return self.at <= now
        return True

    def move(
        self,
        actor: Actor,
        now: dt.datetime,
        *,
        at: dt.datetime,
        minutes: int = deadlines.APPOINTMENT_MINUTES,
        place: str = "",
        version: int | None = None,
    ) -> Appointment:
        """Give it another date, length or place; both structures and the person are told. Returns the new row.

        Raises `StaleReferral` when someone acted first.
        """
        with transaction.atomic():
            self.referral.rearrange(
                EventKind.APPOINTMENT_MOVED,
                actor,
                now,
                version=version,
                data={"from": self.at.isoformat(), "at": at.isoformat()},
                appointment_at=at,
                appointment_place=place,
                appointment_state=AppointmentState.PLANNED,
            )
            self.end(AppointmentState.MOVED, actor, now)
            return Appointment.objects.arrange(self.referral, actor, now, at=at, minutes=minutes, place=place)

    def close(self, outcome: str, actor: Actor, now: dt.datetime, *, version: int | None = None) -> Event:
        """Note what came of it: came, excused, absent, or cancelled by the structure.

        The sender is told of all but a person who came; everybody is, where it was still ahead. It can be taken back
        for ten minutes, and nothing is told before they are over. Raises `ValueError` on another outcome, `TooEarly`
        before the hour allows it, `StaleReferral` when someone acted first.
        """
        state = AppointmentState(outcome)
        if state not in EVENT_OF:
            raise ValueError(f"{outcome} is no outcome of a rendez-vous")
        if not self.may_end_as(state, now):
            raise TooEarly(f"{outcome} before the rendez-vous")
        stands = state == AppointmentState.CAME
        copied: dict[str, Any] = {} if stands else {"appointment_at": None, "appointment_place": ""}
        with transaction.atomic():
            # Read under the lock of the fiche, which whoever tells it holds too: what the journal says of the telling
            # is what taking the outcome back restores.
            type(self.referral).objects.select_for_update(no_key=True, of=("self",)).only("pk").get(pk=self.referral_id)
            told_at = Appointment.objects.values_list("told_at", flat=True).get(pk=self.pk)
            told = {"told": told_at.isoformat()} if told_at is not None else {}
            event = self.referral.rearrange(
                EVENT_OF[state],
                actor,
                now,
                version=version,
                data={"at": self.at.isoformat()} | told,
                appointment_state=state,
                unsettleable_until=now + deadlines.UNDO,
                **copied,
            )
            self.end(state, actor, now)
            Reminder.objects.drop(self.referral, state.value, now, kinds=[ReminderKind.APPOINTMENT])
            if not stands:
                Reminder.objects.drop(self.referral, state.value, now, kinds=[ReminderKind.ENTRY_TO_CONFIRM])
                self.referral.plan_entry_question(now)
                self._hold_back(now)
                self.plan_telling(now)
        return event

    def unsettle(self, actor: Actor, now: dt.datetime, *, version: int | None = None) -> Event:
        """Take back what was noted of it, within ten minutes: it stands again, with its reminders.

        Nobody hears of the outcome. Raises `StaleReferral` when the ten minutes are over, or when someone acted since.
        """
        outcome = AppointmentState(self.state)
        if outcome not in EVENT_OF:
            raise StaleReferral(self.referral, EventKind.APPOINTMENT_UNSETTLED)
        with transaction.atomic():
            event = self.referral.rearrange(
                EventKind.APPOINTMENT_UNSETTLED,
                actor,
                now,
                version=version,
                data={"at": self.at.isoformat(), "from": outcome.value},
                where=Q(appointment_state=outcome, unsettleable_until__gt=now),
                appointment_at=self.at,
                appointment_place=self.place,
                appointment_state=AppointmentState.PLANNED,
            )
            noted = self.referral.events.filter(kind=EVENT_OF[outcome]).order_by("-at", "-id")[0]
            told_at = dt.datetime.fromisoformat(noted.data["told"]) if "told" in noted.data else None
            again = {"state": AppointmentState.PLANNED, "closed_at": None, "closed_by": None, "told_at": told_at}
            # The letter may have left between the two: what was told cannot be taken back.
            if not Appointment.objects.filter(pk=self.pk, state=outcome, told_at=None).update(**again):
                raise StaleReferral(self.referral, EventKind.APPOINTMENT_UNSETTLED)
            self.refresh_from_db(fields=list(again))
            kinds = [ReminderKind.ENTRY_TO_CONFIRM, ReminderKind.APPOINTMENT_TOLD]
            Reminder.objects.drop(self.referral, "unsettled", now, kinds=kinds)
            self.plan_reminders(now)
            if told_at is None:
                self.plan_telling(now)
        return event

    def tell(self, actor: Actor, now: dt.datetime) -> bool:
        """Note that the person was reminded by telephone; `False`, and nothing written, when nobody had to be."""
        rows = Appointment.objects.planned().filter(pk=self.pk, notice=Notice.TO_TELL)
        with transaction.atomic():
            if not rows.update(notice=Notice.TOLD):
                return False
            data = {"at": self.at.isoformat()}
            Event.objects.log(EventKind.APPOINTMENT_REMINDED, actor, now, referral=self.referral, data=data)
        return True

    # For the verbs and the letters

    def end(self, state: AppointmentState, actor: Actor, now: dt.datetime) -> None:
        """Leave *planned*; for the verbs, which hold the fiche. Raises `StaleReferral` when it already had."""
        rows = Appointment.objects.planned().filter(pk=self.pk)
        if not rows.update(state=state, closed_at=now, closed_by=actor.user, told_at=None):
            raise StaleReferral(self.referral, EVENT_OF.get(state, EventKind.APPOINTMENT_MOVED))
        self.refresh_from_db(fields=["state", "closed_at", "closed_by", "told_at", "in_calendars"])

    def plan_reminders(self, now: dt.datetime) -> None:
        """Have the person reminded of it, and the receiver asked afterwards whether they came."""
        reminders = [(ReminderKind.APPOINTMENT, moment) for moment in self.reminder_moments()]
        Reminder.objects.plan(self.referral, now, *self.referral.dues_of(PolicyKind.ENTRY), *reminders)

    def _hold_back(self, now: dt.datetime) -> None:
        """Put off the telling of its date that was about to leave: its outcome can be taken back until then."""
        Reminder.objects.drop(self.referral, "superseded", now, kinds=[ReminderKind.APPOINTMENT_TOLD])

    def plan_telling(self, now: dt.datetime) -> None:
        """Have its present state told after the time to undo; a telling already planned says what is then true."""
        kind = ReminderKind.APPOINTMENT_TOLD
        waiting = Reminder.objects.filter(referral=self.referral, kind=kind, state=ReminderState.PLANNED)
        if not waiting.exists():
            Reminder.objects.plan(self.referral, now, (kind, now + deadlines.UNDO))

    def mark_told(self, now: dt.datetime) -> None:
        """Its present state has been told: the calendars now hold it, or no longer do."""
        holds = self.state == AppointmentState.PLANNED or (self.in_calendars and not self.was_called_off)
        Appointment.objects.filter(pk=self.pk, state=self.state).update(told_at=now, in_calendars=holds)

    def remind(self, now: dt.datetime) -> bool:
        """The person is to be reminded: `True` in writing, which is journalled; else somebody is to tell them."""
        if not self.referral.person.written_by:
            self.ask_to_tell()
            return False
        Appointment.objects.filter(pk=self.pk).update(notice=Notice.WRITTEN)
        data = {"at": self.at.isoformat()}
        Event.objects.log(EventKind.APPOINTMENT_REMINDED, WORKER, now, referral=self.referral, data=data)
        return True

    def ask_to_tell(self) -> None:
        """No letter reaches the person: they stand among those to tell, as long as the rendez-vous stands."""
        Appointment.objects.planned().filter(pk=self.pk).update(notice=Notice.TO_TELL)
