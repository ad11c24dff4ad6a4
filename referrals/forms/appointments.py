"""A rendez-vous: its date, its length, its place; and what came of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone

from referrals import deadlines
from referrals.forms.inputs import MomentField, ShortText
from referrals.french import moment_words
from referrals.models import Appointment, Referral
from referrals.models.appointment import EVENT_OF
from referrals.states import AppointmentState

LENGTHS = {
    15: "15 min",
    30: "30 min",
    45: "45 min",
    60: "1 h",
    90: "1 h 30",
    120: "2 h",
    180: "3 h",
    240: "4 h",
    420: "La journée",
}
"""Lengths proposed, in minutes."""


class LengthField(forms.TypedChoiceField):
    """How long it lasts; one hour unless told."""

    def __init__(self, **kwargs: Any) -> None:
        usual = deadlines.APPOINTMENT_MINUTES
        super().__init__(
            label="Durée", choices=list(LENGTHS.items()), coerce=int, initial=usual, required=False, **kwargs
        )

    def clean(self, value: Any) -> int:
        """Minutes."""
        return super().clean(value) or deadlines.APPOINTMENT_MINUTES


def hindrance(referral: Referral, at: dt.datetime, minutes: int, now: dt.datetime, *, names_others: bool = True) -> str:
    """Why a rendez-vous cannot be at that moment, in words; empty when it can.

    Who may read that one fiche alone (by a link: `names_others` is false) is not told which other one stands in the
    way, and nothing at all of those that the structure sent elsewhere.
    """
    if at < now - dt.timedelta(hours=1):
        return "Ce moment est déjà passé."
    others = Appointment.objects.overlapping(referral, at, minutes).select_related("referral")
    other = (others if names_others else others.filter(referral__receiver=referral.receiver_id)).first()
    if other is None:
        return ""
    if not names_others:
        return "La personne n’est pas libre à ce moment : choisissez une autre heure."
    return (
        f"La personne a déjà un rendez-vous à ce moment (fiche {other.referral.reference}, "
        f"le {moment_words(other.at)}) : choisissez une autre heure."
    )


class AppointmentForm(forms.Form):
    """Set a rendez-vous, or move the one that is planned."""

    at = MomentField(
        label="Jour et heure",
        error_messages={
            "required": "Indiquez le jour et l’heure du rendez-vous.",
            "invalid": "Écrivez le jour et l’heure ainsi : 20/11/2026 14:30.",
        },
    )
    minutes = LengthField()
    place = ShortText(label="Lieu", max_length=200, required=False)

    def __init__(
        self, *args: Any, referral: Referral, now: dt.datetime, place: str, names_others: bool = True, **kwargs: Any
    ) -> None:
        self.referral, self.now, self.names_others = referral, now, names_others
        super().__init__(*args, **kwargs)
        self.fields["place"].initial = place

    def clean(self) -> dict[str, Any]:
        """A rendez-vous is to come, and the person is free as far as this structure knows."""
        data = super().clean() or {}
        at = data.get("at")
        if at is not None and "minutes" in data:
            problem = hindrance(self.referral, at, data["minutes"], self.now, names_others=self.names_others)
            if problem:
                self.add_error("at", problem)
        return data


class OutcomeForm(forms.Form):
    """What came of the rendez-vous."""

    outcome = forms.ChoiceField(
        label="La personne",
        choices=[(state, AppointmentState(state).label) for state in EVENT_OF],
        error_messages={"required": "Dites ce qu’il en a été.", "invalid_choice": "Dites ce qu’il en a été."},
    )

    def __init__(self, *args: Any, appointment: Appointment, now: dt.datetime, **kwargs: Any) -> None:
        self.appointment, self.now = appointment, now
        super().__init__(*args, **kwargs)

    def clean_outcome(self) -> str:
        """Nobody came to what lies ahead."""
        outcome: str = self.cleaned_data["outcome"]
        if not self.appointment.may_end_as(outcome, self.now):
            when = moment_words(timezone.localtime(self.appointment.at))
            raise forms.ValidationError(f"Le rendez-vous est à venir : il est prévu le {when}.", code="early")
        return outcome
