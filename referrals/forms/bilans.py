"""A bilan: levels before and after on the same axes, what was followed and obtained, what comes next."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone

from referrals.forms.exits import DYNAMIC_HELP, check_day, kind_choices
from referrals.forms.inputs import FreeText, cecrl_field, level_field, not_after, themes_field
from referrals.forms.positionings import axes_of
from referrals.models import Bilan, Certificate, CertificateResult
from structures.forms.fields import DayField
from structures.vocabulary import Axis, AxisLevel

RESULT_FIELDS: dict[CertificateResult, str] = {
    CertificateResult.OBTAINED: "Certifications obtenues",
    CertificateResult.PLANNED: "Prévues",
    CertificateResult.FAILED: "Passées sans succès",
}
FRENCH = ("french_oral_before", "french_oral_after", "french_written_before", "french_written_after")
PLAIN = (*FRENCH, "on", "hours", "attendance", "obstacles_left", "recommended", "summary", "private_notes")
"""The fields that are the model's own."""


class BilanForm(forms.Form):
    """A bilan being written. As a draft nothing is required; to be returned it needs a summary for the person."""

    on = DayField(label="Date du bilan")
    french_oral_before = cecrl_field("Français oral au départ")
    french_oral_after = cecrl_field("Français oral maintenant")
    french_written_before = cecrl_field("Français écrit au départ")
    french_written_after = cecrl_field("Français écrit maintenant")
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
        known = set(bilan.levels_before) | set(bilan.levels_after)
        self.axes = [axis for axis in Axis if axis in axes_of(bilan.referral.action) or axis in known]
        for axis in self.axes:
            self.fields[f"before_{axis.value}"] = forms.TypedChoiceField(
                label="Au départ",
                choices=[("", "Non évalué"), *AxisLevel.choices],
                coerce=int,
                empty_value=None,
                required=False,
                initial=bilan.levels_before.get(axis),
            )
            after = level_field("Maintenant")
            after.initial = bilan.levels_after.get(axis, "")
            self.fields[f"after_{axis.value}"] = after
        for result, label in RESULT_FIELDS.items():
            self.fields[f"certificates_{result.value}"] = forms.MultipleChoiceField(
                label=label,
                choices=Certificate.choices,
                required=False,
                widget=forms.CheckboxSelectMultiple,
                initial=[one["certificate"] for one in bilan.certificates if one["result"] == result],
            )
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
        return {name: getattr(bilan, name) for name in PLAIN}

    @property
    def axis_rows(self) -> list[tuple[str, forms.BoundField, forms.BoundField]]:
        """Each axis with its two fields."""
        return [(axis.label, self[f"before_{axis.value}"], self[f"after_{axis.value}"]) for axis in self.axes]

    @property
    def french_fields(self) -> list[forms.BoundField]:
        """The four CECRL lists."""
        return [self[name] for name in FRENCH]

    @property
    def obtained_field(self) -> forms.BoundField:
        """The certificates obtained, which most bilans need."""
        return self[f"certificates_{CertificateResult.OBTAINED.value}"]

    @property
    def other_certificate_fields(self) -> list[forms.BoundField]:
        """The certificates planned or failed."""
        return [self[f"certificates_{result}"] for result in RESULT_FIELDS if result != CertificateResult.OBTAINED]

    @property
    def has_other_certificates(self) -> bool:
        """Whether the second group of certificates stands open."""
        return any(field.value() for field in self.other_certificate_fields)

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
        """One result per certificate; a typed exit has its day."""
        data = super().clean() or {}
        seen: dict[str, str] = {}
        for result in RESULT_FIELDS:
            for one in data.get(f"certificates_{result.value}", []):
                if one in seen:
                    message = f"{Certificate(one).label} a déjà un autre résultat."
                    self.add_error(f"certificates_{result.value}", message)
                seen[one] = result
        if data.get("exit_kind") and not data.get("exit_on") and "exit_on" not in self.errors:
            self.add_error("exit_on", "Indiquez la date de sortie.")
        return data

    def _levels(self, prefix: str) -> dict[str, int]:
        found = {axis.value: self.cleaned_data.get(f"{prefix}_{axis.value}") for axis in self.axes}
        return {axis: level for axis, level in found.items() if level is not None}

    def values(self) -> dict[str, Any]:
        """What `Bilan.write` saves."""
        data = self.cleaned_data
        certificates = [
            {"certificate": one, "result": result.value}
            for result in RESULT_FIELDS
            for one in data[f"certificates_{result.value}"]
        ]
        return {name: data[name] for name in PLAIN} | {
            "levels_before": self._levels("before"),
            "levels_after": self._levels("after"),
            "certificates": certificates,
        }

    def exit_values(self) -> dict[str, Any] | None:
        """What `Exit.objects.record` takes, when the exit is noted in the same go."""
        if not self.with_exit or not self.cleaned_data.get("exit_kind"):
            return None
        return {"kind": self.cleaned_data["exit_kind"], "on": self.cleaned_data["exit_on"]}
