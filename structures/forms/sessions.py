"""The dates and the places of a session."""

from __future__ import annotations

from typing import Any

from django import forms

from structures.forms.fields import DayField
from structures.models import Session
from structures.models.session import LONGEST_HALF_DAY, SHORTEST_HALF_DAY

MOST_PLACES = 32_767
"""What the database can hold."""


def too_few_places(taken: int) -> str:
    """Why the places of a session cannot be fewer, in words."""
    if taken == 1:
        return "Une place est déjà prise par une fiche : laissez-la, en plus des places réservées."
    return f"{taken} places sont déjà prises par des fiches : laissez-les, en plus des places réservées."


class SessionForm(forms.ModelForm):
    """A session; without a name it is called by its first day."""

    starts_on = DayField(label="Premier jour")
    ends_on = DayField(label="Dernier jour", required=False)
    code = forms.CharField(
        label="Nom de la session",
        max_length=40,
        required=False,
        help_text="Facultatif\u00a0: sans nom, la session est appelée par son premier jour.",
    )

    half_day_hours = forms.DecimalField(
        label="Heures par demi-journée",
        required=False,
        min_value=SHORTEST_HALF_DAY,
        max_value=LONGEST_HALF_DAY,
        decimal_places=1,
        localize=True,
        help_text="Pour compter les heures des feuilles de présence. Sans nombre, celles de l’action.",
    )
    reserved = forms.IntegerField(label="Dont places réservées", required=False, min_value=0, max_value=MOST_PLACES)

    class Meta:
        model = Session
        fields = ["starts_on", "ends_on", "timetable", "place", "places", "reserved", "half_day_hours", "code"]
        widgets = {
            "timetable": forms.TextInput({"placeholder": "lundi et jeudi, 9 h – 12 h"}),
            "places": forms.NumberInput({"max": MOST_PLACES}),
        }

    def clean_reserved(self) -> int:
        """Nothing written means no place reserved."""
        return self.cleaned_data["reserved"] or 0

    def clean(self) -> dict[str, Any]:
        """Check the dates and the places against each other, and find a name that no session of the action has."""
        cleaned = super().clean() or {}
        starts_on, ends_on = cleaned.get("starts_on"), cleaned.get("ends_on")
        if starts_on and ends_on and ends_on < starts_on:
            self.add_error("ends_on", "Le dernier jour est avant le premier.")
        places, reserved = cleaned.get("places"), cleaned.get("reserved") or 0
        if places is not None and reserved > places:
            self.add_error("reserved", "Plus de places réservées que de places.")
        if starts_on:
            taken = set(self.instance.action.sessions.exclude(pk=self.instance.pk).values_list("code", flat=True))
            if not cleaned.get("code"):
                named = f"Session du {starts_on:%d/%m/%Y}"
                codes = (named, *(f"{named} ({number})" for number in range(2, len(taken) + 3)))
                cleaned["code"] = next(code for code in codes if code not in taken)
            elif cleaned["code"] in taken:
                self.add_error("code", "Une autre session de l’action porte déjà ce nom.")
        return cleaned
