"""The positionnement, in one form: levels on the axes, what the person reads, what professionals read."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone

from referrals.forms.inputs import (
    FreeText,
    asks_anlci,
    asks_french,
    cecrl_field,
    level_field,
    not_after,
    scale_groups,
    themes_field,
)
from referrals.models import Referral
from structures.forms.fields import DayField
from structures.scales import axes_of
from structures.vocabulary import AnlciDegree

CECRL_FIELDS = ("french_oral", "french_written")


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
        self.axes = axes_of(referral.action.measures)
        for axis in self.axes:
            self.fields[f"level_{axis.code}"] = level_field(axis)
        # Something can always be evaluated, whatever the action says.
        french = CECRL_FIELDS if asks_french(referral.action) or not self.axes else ()
        self.french = (*french, "anlci") if asks_anlci(referral.action) else french
        for name in {*CECRL_FIELDS, "anlci"} - set(self.french):
            del self.fields[name]
        expected = referral.entered_on or referral.expected_on
        self.fields["on"].initial = expected if expected is not None and expected <= self.today else self.today

    @property
    def level_groups(self) -> list[tuple[str, str, list[forms.BoundField]]]:
        """For each scale: its name, how it is read, the fields of its axes."""
        return [
            (name, words, [self[f"level_{axis.code}"] for axis in axes])
            for name, words, axes in scale_groups(self.axes)
        ]

    @property
    def french_fields(self) -> list[forms.BoundField]:
        """The CECRL and ANLCI lists."""
        return [self[name] for name in self.french]

    def clean_on(self) -> dt.date:
        """An interview to come has no result yet."""
        day: dt.date = self.cleaned_data["on"]
        not_after(day, self.today, "Cette date est à venir : notez le positionnement après l’entretien.")
        return day

    @property
    def levels(self) -> dict[str, int]:
        """The levels found, by axis; what was not evaluated is left out."""
        found = {axis.code: self.cleaned_data.get(f"level_{axis.code}") for axis in self.axes}
        return {axis: level for axis, level in found.items() if level is not None}

    def clean(self) -> dict[str, Any]:
        """Something must have been evaluated."""
        data = super().clean() or {}
        if not self.levels and not any(data.get(name) for name in self.french):
            self.add_error(
                f"level_{self.axes[0].code}" if self.axes else self.french[0],
                "Notez au moins un niveau, sur un axe ou en français.",
            )
        return data

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of `Positioning.objects.record`."""
        data = self.cleaned_data
        names = (*self.french, "on", "conclusion", "private_notes", "recommended")
        return {"levels": self.levels, **{name: data[name] for name in names}}
