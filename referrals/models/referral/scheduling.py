"""When the reminders of a fiche are due, by the rules of its structures and on their clocks."""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import TYPE_CHECKING

from referrals import deadlines
from referrals.models.policy import REMINDER_OF, ReminderPolicy, Rules
from referrals.models.reminder import Due, morning_of
from referrals.policies import PolicyKind
from referrals.states import OPEN, AppointmentState, State
from structures.clocks import Clock

if TYPE_CHECKING:
    from referrals.models.referral.row import Referral

UNTIL_ANSWERED = (PolicyKind.UNANSWERED, PolicyKind.ESCALATION, PolicyKind.EXPIRY_NOTICE, PolicyKind.EXPIRY)
"""What is planned while an answer is awaited."""


class Scheduling:
    """The rules that hold for the fiche, and the moments that they give."""

    @cached_property
    def rules(self: Referral) -> Rules:
        """What its structures decided; read once, or brought by `ReminderPolicy.objects.attach` for many fiches."""
        ReminderPolicy.objects.attach([self])
        found: Rules = self.__dict__["rules"]
        return found

    @property
    def clock(self: Referral) -> Clock:
        """The clock of the structure that runs the action."""
        return self.receiver.clock

    def days_of(self: Referral, kind: PolicyKind) -> list[dt.date]:
        """The days on which the reminders of a rule are due, in order, as the fiche now stands; often none."""
        days = self.rules[kind].days_from
        match kind:
            case PolicyKind.UNANSWERED | PolicyKind.ESCALATION | PolicyKind.EXPIRY:
                start = self._clock_day()
                return days(start, self.clock) if start is not None else []
            case PolicyKind.EXPIRY_NOTICE:
                end = self.closes_on()
                return days(end, self.clock) if end is not None else []
            case PolicyKind.ENTRY if self.state == State.ACCEPTED and self.expected_on is not None:
                return days(self.expected_on, self.clock)
            case PolicyKind.INTERIM_BILAN if self._returns_interim_bilans() and self.entered_on is not None:
                due = self.bilan_due_on
                return [day for day in days(self.entered_on, self.clock) if due is None or day < due]
            case PolicyKind.FINAL_BILAN if self.state in (State.ENTERED, State.ENDED) and self.bilan_due_on is not None:
                return days(self.bilan_due_on, self.clock)
            case PolicyKind.EXIT if self.state == State.ENTERED and self.bilan_due_on is not None:
                return days(self.bilan_due_on, self.clock) if self.action.get_shape().expects_exit else []
            case PolicyKind.CONSENT if self.state in OPEN and (end := self.consent_ends_on()) is not None:
                return days(end, self.sender.clock)
            case PolicyKind.RETENTION if self.sent_at is not None and self.state != State.DRAFT:
                return self.retention_days(self.sent_at)
            case _:
                return []

    def dues_of(self: Referral, *kinds: PolicyKind) -> list[Due]:
        """What the rules make due, as the fiche now stands."""
        dues: list[Due] = []
        for kind in kinds:
            if kind == PolicyKind.ACKNOWLEDGEMENT:
                if self.rules[kind].is_on and self.sent_at is not None and self._clock_day() is not None:
                    dues.append((REMINDER_OF[kind], self.sent_at + deadlines.UNDO))
            elif kind == PolicyKind.APPOINTMENT:
                planned = [one for one in self.appointments.all() if one.state == AppointmentState.PLANNED]
                for row in planned:
                    row.referral = self
                    dues += [(REMINDER_OF[kind], moment) for moment in row.reminder_moments()]
            else:
                clock = self.sender.clock if self.rules[kind].spec.side == "sender" else self.clock
                dues += [(REMINDER_OF[kind], morning_of(day, clock)) for day in self.days_of(kind)]
        return dues

    def consent_ends_on(self: Referral) -> dt.date | None:
        """The day from which the person's consent is too old to go on without asking again."""
        if self.consent_at is None:
            return None
        return deadlines.add_months(self.sender.clock.day_of(self.consent_at), deadlines.CONSENT_MONTHS)

    def retention_days(self: Referral, last_act: dt.datetime) -> list[dt.date]:
        """The days on which the sender is told that the file is to be archived, counted from its last act."""
        clock = self.sender.clock
        end = deadlines.add_months(clock.day_of(last_act), deadlines.RETENTION_MONTHS)
        return self.rules[PolicyKind.RETENTION].days_from(end, clock)

    def _clock_day(self: Referral) -> dt.date | None:
        """The day from which an answer is awaited; `None` unless one is and the clock runs."""
        if self.state != State.SENT or self.clock_from is None or self.paused_at is not None:
            return None
        return self.clock.day_of(self.clock_from)

    def _returns_interim_bilans(self: Referral) -> bool:
        shape = self.action.get_shape()
        return self.state == State.ENTERED and shape.expects_bilan and shape != shape.POSITIONING
