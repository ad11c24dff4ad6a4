"""The positionnement, in one form: levels on the axes, what the person reads, what professionals read."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone

from referrals.forms.inputs import FreeText, cecrl_field, level_field, not_after, themes_field
from referrals.models import Referral
from structures.forms.fields import DayField
from structures.models import Action
from structures.vocabulary import AnlciDegree, Axis


def axes_of(action: Action) -> list[Axis]:
    """The axes that the action evaluates, in the Cria's order; all of them when it names none."""
    return [axis for axis in Axis if not action.axes or axis in action.axes]


class PositioningForm(forms.Form):
    """One interview. At least one level is needed, and a conclusion in plain words for the person."""

    on = DayField(label="Date de l’entretien")
    french_oral = cecrl_field("Français oral")
    french_written = cecrl_field("Français écrit")
    anlci = forms.TypedChoiceField(
        label="Degré ANLCI",
        choices=[("", "Non évalué"), *AnlciDegree.choices],
        coerce=int,
        empty_value=None,
        required=False,
    )
    conclusion = FreeText(
        label="Conclusion pour la personne",
        rows=4,
        help_text="En mots simples, en vous adressant à elle : ce qu’elle sait faire, ce que vous lui proposez.",
        error_messages={"required": "Écrivez une conclusion : c’est ce que la personne emporte."},
    )
    recommended = themes_field("Suite conseillée")
    private_notes = FreeText(
        label="Notes entre professionnels",
        required=False,
        help_text="Lues par les deux structures, jamais imprimées pour la personne.",
    )

    def __init__(self, *args: Any, referral: Referral, now: dt.datetime, **kwargs: Any) -> None:
        self.referral, self.today = referral, timezone.localdate(now)
        super().__init__(*args, **kwargs)
        self.axes = axes_of(referral.action)
        for axis in self.axes:
            self.fields[f"level_{axis.value}"] = level_field(axis.label)
        expected = referral.entered_on or referral.expected_on
        self.fields["on"].initial = expected if expected is not None and expected <= self.today else self.today

    @property
    def level_fields(self) -> list[forms.BoundField]:
        """The axes' fields, in order."""
        return [self[f"level_{axis.value}"] for axis in self.axes]

    @property
    def scale_fields(self) -> list[forms.BoundField]:
        """The CECRL and ANLCI lists."""
        return [self["french_oral"], self["french_written"], self["anlci"]]

    def clean_on(self) -> dt.date:
        """An interview to come has no result yet."""
        day: dt.date = self.cleaned_data["on"]
        not_after(day, self.today, "Cette date est à venir : notez le positionnement après l’entretien.")
        return day

    @property
    def levels(self) -> dict[str, int]:
        """The levels found, by axis; what was not evaluated is left out."""
        found = {axis.value: self.cleaned_data.get(f"level_{axis.value}") for axis in self.axes}
        return {axis: level for axis, level in found.items() if level is not None}

    def clean(self) -> dict[str, Any]:
        """Something must have been evaluated."""
        data = super().clean() or {}
        if not self.levels and not any(data.get(name) for name in ("french_oral", "french_written", "anlci")):
            self.add_error(self.level_fields[0].name, "Notez au moins un niveau, sur un axe ou en français.")
        return data

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of `Positioning.objects.record`."""
        data = self.cleaned_data
        names = ("on", "french_oral", "french_written", "anlci", "conclusion", "private_notes", "recommended")
        return {"levels": self.levels, **{name: data[name] for name in names}}
