"""A bilan: levels before and after on the same axes, what was followed and obtained, what comes next."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone

from referrals.forms.certificates import CertificateRows
from referrals.forms.exits import DYNAMIC_HELP, check_day, kind_choices
from referrals.forms.inputs import (
    FreeText,
    asks_french,
    cecrl_field,
    level_field,
    not_after,
    scale_groups,
    themes_field,
)
from referrals.french import day_words, lower_first
from referrals.models import Bilan, BilanSource, BilanWay
from referrals.models.bilan import Prefilled, prefilled_for
from structures.forms.fields import DayField
from structures.scales import axes_of, levels_of
from structures.vocabulary import Cecrl

FRENCH = ("french_oral_before", "french_oral_after", "french_written_before", "french_written_after")
PLAIN = ("on", "hours", "attendance", "obstacles_left", "recommended", "summary", "private_notes")
"""The fields that are the model's own."""


class BilanForm(forms.Form):
    """A bilan being written. As a draft nothing is required; to be returned it needs a summary for the person."""

    on = DayField(label="Date du bilan")
    french_oral_before = cecrl_field("Français oral au départ")
    french_oral_after = cecrl_field("Français oral maintenant")
    french_written_before = cecrl_field("Français écrit au départ")
    french_written_after = cecrl_field("Français écrit maintenant")
    way = forms.ChoiceField(
        label="Comment ce bilan vous est-il parvenu ?",
        choices=BilanWay.choices,
        required=False,
        widget=forms.RadioSelect,
        error_messages={"required": "Dites comment ce bilan vous est parvenu."},
    )
    hours = forms.IntegerField(label="Heures suivies", min_value=0, max_value=5000, required=False)
    attendance = forms.IntegerField(
        label="Assiduité, en pour cent",
        min_value=0,
        max_value=100,
        required=False,
        error_messages={"max_value": "L’assiduité va de 0 à 100 %%.", "min_value": "L’assiduité va de 0 à 100 %%."},
    )
    obstacles_left = themes_field("Freins qui restent")
    recommended = themes_field(
        "Suite conseillée", "Ces besoins ouvriront la fiche suivante, déjà remplie, si le prescripteur le décide."
    )
    summary = FreeText(
        label="Ce que la personne a acquis",
        rows=4,
        required=False,
        help_text="En mots simples : elle le lira sur sa feuille.",
        error_messages={"required": "Dites en une phrase ce que la personne a acquis."},
    )
    private_notes = FreeText(
        label="Notes entre professionnels",
        required=False,
        help_text="Lues par les deux structures, jamais imprimées pour la personne.",
    )

    def __init__(
        self,
        data: Any = None,
        *,
        bilan: Bilan,
        now: dt.datetime,
        returning: bool = False,
        with_exit: bool = False,
        **kwargs: Any,
    ) -> None:
        self.bilan, self.today, self.with_exit = bilan, timezone.localdate(now), with_exit
        super().__init__(data, initial=self._initial(bilan), **kwargs)
        self.known = prefilled_for(bilan.referral, bilan.structure)
        self.axes = axes_of(bilan.referral.action.measures, {*bilan.levels_before, *bilan.levels_after})
        for axis in self.axes:
            self.fields[f"before_{axis.code}"] = forms.TypedChoiceField(
                label="Au départ",
                choices=[("", "Non évalué"), *((level.value, level.label) for level in levels_of(axis.code))],
                coerce=int,
                empty_value=None,
                required=False,
                initial=bilan.levels_before.get(axis.code),
            )
            after = level_field(axis, "Maintenant")
            after.initial = bilan.levels_after.get(axis.code, "")
            self.fields[f"after_{axis.code}"] = after
        reached = bilan.french_oral_after or bilan.french_written_after
        self.plain = (*FRENCH, *PLAIN) if asks_french(bilan.referral.action) or reached else PLAIN
        if bilan.source == BilanSource.OTHERWISE:
            self.plain = ("way", *self.plain)
            self.fields["way"].required = returning
        for name in {"way", *FRENCH} - set(self.plain):
            del self.fields[name]
        self.fields["hours"].help_text = self.fields["attendance"].help_text = attended_words(self.known)
        self.certificates = CertificateRows(self, bilan, self.today)
        if with_exit:
            self.fields["exit_kind"] = forms.ChoiceField(
                label="La personne sort vers",
                choices=[("", "La sortie sera notée plus tard"), *kind_choices()],
                widget=forms.RadioSelect,
                required=False,
                initial="",
                help_text=DYNAMIC_HELP,
            )
            self.fields["exit_on"] = DayField(label="Date de sortie", required=False, initial=self.today)
        self.fields["summary"].required = returning

    @staticmethod
    def _initial(bilan: Bilan) -> dict[str, Any]:
        return {name: getattr(bilan, name) for name in ("way", *FRENCH, *PLAIN)}

    @property
    def axis_groups(self) -> list[tuple[str, str, list[tuple[str, forms.BoundField, forms.BoundField]]]]:
        """For each scale: its name, how it is read, and each of its axes with its two fields."""
        return [
            (name, words, [(axis.label, self[f"before_{axis.code}"], self[f"after_{axis.code}"]) for axis in axes])
            for name, words, axes in scale_groups(self.axes)
        ]

    @property
    def french_fields(self) -> list[forms.BoundField]:
        """The four CECRL lists, where the action evaluates French."""
        return [self[name] for name in FRENCH if name in self.fields]

    @property
    def levels_origin(self) -> str:
        """Where the levels at the start come from, in words; empty when nothing was known."""
        return origin_words(self.known)

    def clean_on(self) -> dt.date:
        """A bilan is not written before its day."""
        day: dt.date = self.cleaned_data["on"]
        not_after(day, self.today, "Cette date est à venir.")
        return day

    def clean_exit_on(self) -> dt.date | None:
        """After the entry, and not to come."""
        day: dt.date | None = self.cleaned_data["exit_on"]
        return check_day(day, self.bilan.referral, self.today) if day is not None else None

    def clean(self) -> dict[str, Any]:
        """One result per certificate, with a day that has come; a typed exit has its day."""
        data = super().clean() or {}
        self.certificates.clean(data)
        if data.get("exit_kind") and not data.get("exit_on") and "exit_on" not in self.errors:
            self.add_error("exit_on", "Indiquez la date de sortie.")
        return data

    def _levels(self, prefix: str) -> dict[str, int]:
        found = {axis.code: self.cleaned_data.get(f"{prefix}_{axis.code}") for axis in self.axes}
        return {axis: level for axis, level in found.items() if level is not None}

    def values(self) -> dict[str, Any]:
        """What `Bilan.write` saves."""
        return {name: self.cleaned_data[name] for name in self.plain} | {
            "levels_before": self._levels("before"),
            "levels_after": self._levels("after"),
            "certificates": self.certificates.entries(self.cleaned_data),
        }

    def exit_values(self) -> dict[str, Any] | None:
        """What `Exit.objects.record` takes, when the exit is noted in the same go."""
        if not self.with_exit or not self.cleaned_data.get("exit_kind"):
            return None
        return {"kind": self.cleaned_data["exit_kind"], "on": self.cleaned_data["exit_on"]}


def attended_words(known: Prefilled) -> str:
    """What the attendance sheet says; empty when nothing was noted."""
    attended = known.attended
    if not attended.noted:
        return ""
    half_days = f"{attended.present} demi-journée{'s' if attended.present > 1 else ''} sur {attended.noted}"
    return f"Feuille de présence : {half_days}, {attended.hours}\u00a0h, {attended.rate}\u00a0%."


def origin_words(known: Prefilled) -> str:
    """Where the levels at the start were taken from."""
    if known.levels_from is not None and (known.values["levels_before"] or known.values["french_oral_before"]):
        source = lower_first(known.levels_from.get_kind_display())
        return f"Niveaux au départ repris du {source} du {day_words(known.levels_from.on)}."
    french = [known.values[f"{name}_before"] for name in ("french_oral", "french_written")]
    if any(french):
        said = [
            f"{label} {Cecrl(level).label}" for label, level in zip(("oral", "écrit"), french, strict=True) if level
        ]
        return f"Français au départ repris de la fiche de la personne : {', '.join(said)}."
    return ""
