"""The receiver's verbs on the rendez-vous of an accepted fiche; each date is an `Appointment`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, Q

from referrals.models.event import Actor, Event, EventKind
from referrals.models.referral.moving import StaleReferral
from referrals.models.reminder import Reminder
from referrals.models.reread import reread
from referrals.policies import PolicyKind
from referrals.states import AppointmentState, State

if TYPE_CHECKING:
    from referrals.models.appointment import Appointment
    from referrals.models.referral.row import Referral


class Meeting:
    """Set or move the rendez-vous; its outcome is a verb of the row."""

    def meet(
        self: Referral,
        actor: Actor,
        now: dt.datetime,
        *,
        at: dt.datetime,
        minutes: int,
        place: str = "",
        version: int | None = None,
    ) -> Appointment:
        """Set a rendez-vous, or move the one that is planned; both structures and the person are told.

        Raises `StaleReferral` when someone acted first, or when the fiche is not accepted.
        """
        planned = self.appointments.planned().filter(referral=self).first()
        if planned is not None:
            planned.referral = self
            return planned.move(actor, now, at=at, minutes=minutes, place=place, version=version)
        with transaction.atomic():
            self.rearrange(
                EventKind.APPOINTMENT_SET,
                actor,
                now,
                version=version,
                data={"at": at.isoformat()},
                # One that was taken back meanwhile stands again.
                where=~Q(appointment_state=AppointmentState.PLANNED),
                appointment_at=at,
                appointment_place=place,
                appointment_state=AppointmentState.PLANNED,
            )
            return self.appointments.arrange(self, actor, now, at=at, minutes=minutes, place=place)

    def rearrange(
        self: Referral,
        kind: EventKind,
        actor: Actor,
        now: dt.datetime,
        *,
        version: int | None,
        data: dict[str, Any],
        where: Q | None = None,
        **values: Any,
    ) -> Event:
        """Change the rendez-vous that an accepted fiche shows, by a conditional UPDATE, with its line in the journal.

        In the verb's transaction. `where` narrows what it starts from. What was noted of the last rendez-vous can then
        no longer be taken back, unless that is what is noted. Raises `StaleReferral` when someone acted first; nothing
        is then written.
        """
        with transaction.atomic(savepoint=False):
            rows = type(self).objects.filter(where or Q(), pk=self.pk, state=State.ACCEPTED)
            if version is not None:
                rows = rows.filter(version=version)
            changes = {"unsettleable_until": None} | values
            if not rows.update(version=F("version") + 1, updated_at=now, **changes):
                raise StaleReferral(type(self).objects.get(pk=self.pk), kind)
            reread(self, "session")
            return Event.objects.log(kind, actor, now, referral=self, data=data)

    def copy_appointment(self: Referral, state: AppointmentState) -> None:
        """Copy how the rendez-vous ended, for a verb that has just moved the fiche."""
        cleared = {} if state == AppointmentState.CAME else {"appointment_at": None, "appointment_place": ""}
        type(self).objects.filter(pk=self.pk).update(appointment_state=state, **cleared)
        reread(self)

    def plan_entry_question(self: Referral, now: dt.datetime) -> None:
        """Have the receiver asked whether the person came, on the working day after they are expected."""
        Reminder.objects.plan(self, now, *self.dues_of(PolicyKind.ENTRY))
