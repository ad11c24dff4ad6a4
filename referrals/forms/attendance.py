"""The attendance sheet: which half-day it shows, and what is noted of one person."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone

from referrals.forms.inputs import not_after
from referrals.models import Half, Presence, Referral
from referrals.models.attendance import expected_on, half_days
from structures.forms.fields import DayField
from structures.models import Action, Session

NOON = dt.time(13)
LOOKS_BACK = 15
"""Days within which the last half-day of the timetable is looked for."""


def current_half_day(action: Action, session: Session | None, now: dt.datetime) -> tuple[dt.date, Half]:
    """The half-day that is probably to be noted: the last one that has begun, inside the session."""
    local = timezone.localtime(now)
    last = local.date()
    if session is not None and session.ends_on is not None:
        last = min(last, session.ends_on)
    for back in range(LOOKS_BACK):
        day = last - dt.timedelta(days=back)
        begun = [half for half in half_days(action, day) if day < local.date() or not is_to_come(half, local)]
        if begun:
            return day, begun[-1]
    return last, Half.MORNING


def is_to_come(half: Half, local: dt.datetime) -> bool:
    """Whether the half of today has not begun."""
    return half == Half.AFTERNOON and local.time() < NOON


class HalfDayForm(forms.Form):
    """Which half-day the sheet shows."""

    jour = DayField(label="Jour")
    demi = forms.ChoiceField(label="Demi-journée", choices=Half.choices, widget=forms.RadioSelect)

    def __init__(self, *args: Any, now: dt.datetime, **kwargs: Any) -> None:
        self.today = timezone.localdate(now)
        super().__init__(*args, **kwargs)
        self.fields["jour"].widget.attrs["max"] = self.today.isoformat()

    def clean_jour(self) -> dt.date:
        """What is to come cannot be noted."""
        day: dt.date = self.cleaned_data["jour"]
        not_after(day, self.today, "Cette date est à venir : la feuille se remplit le jour même ou après.")
        return day


class MarkForm(HalfDayForm):
    """What is noted of one person for one half-day; nothing takes the mark back."""

    mark = forms.ChoiceField(
        label="Présence",
        choices=[*Presence.choices, ("", "Non noté")],
        required=False,
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, referral: Referral, **kwargs: Any) -> None:
        self.referral = referral
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        """The person was expected that day."""
        data = super().clean() or {}
        day = data.get("jour")
        if day is not None and data.get("mark") and not expected_on(self.referral, day):
            self.add_error("jour", "La personne n’était pas attendue ce jour-là.")
        return data
