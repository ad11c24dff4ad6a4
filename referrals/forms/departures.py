"""When a person left the territory, and for where."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms

from referrals.forms.inputs import ShortText, not_after
from structures.forms.fields import DayField


class DepartureForm(forms.Form):
    """The day, and the commune when it is known."""

    on = DayField(label="Partie le")
    to = ShortText(
        label="Vers quelle commune", max_length=80, required=False, help_text="Si vous la connaissez : rien d’autre."
    )

    def __init__(self, *args: Any, today: dt.date, **kwargs: Any) -> None:
        self.today = today
        super().__init__(*args, **kwargs)
        self.fields["on"].initial = today

    def clean_on(self) -> dt.date:
        """Not to come: until then, the person is still accompanied here."""
        day: dt.date = self.cleaned_data["on"]
        not_after(day, self.today, "Cette date est à venir : notez le départ quand il a eu lieu.")
        return day
