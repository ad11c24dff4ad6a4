"""Needs, noted as chips."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.validators import no_health_detail, no_nir
from referrals.forms.person_fields import ManyChips
from referrals.models.need import FIRST, ORDINARY
from structures.vocabulary import NeedTheme


class NeedsForm(forms.Form):
    """The needs of a person: which, which of them first, what stands in the way, and a word on the situation."""

    needs = ManyChips(label="Besoins", choices=NeedTheme.choices)
    urgent = ManyChips(label="À traiter en priorité", choices=NeedTheme.choices)
    obstacle = forms.CharField(
        label="Ce qui fait obstacle",
        required=False,
        max_length=200,
        help_text="En quelques mots, par exemple «\u00a0pas de garde le mercredi\u00a0».",
        validators=[no_nir, no_health_detail],
    )
    note = forms.CharField(
        label="Note de pré-diagnostic",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Ce que vous comprenez de la demande. Ni détail de santé, ni numéro de sécurité sociale.",
        validators=[no_nir, no_health_detail],
    )

    def __init__(self, *args: Any, held: tuple[str, ...] = (), required: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offered = [(value, label) for value, label in NeedTheme.choices if value not in held]
        self._field("needs").choices = self.offered
        self._field("urgent").choices = self.offered
        self.fields["needs"].required = required
        self.fields["needs"].error_messages["required"] = "Choisissez au moins un besoin."

    def _field(self, name: str) -> forms.MultipleChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)
        return field

    def clean(self) -> dict[str, Any]:
        """A need that is starred is a need, even when only its star was pressed."""
        data = super().clean() or self.cleaned_data
        if "needs" in data and "urgent" in data:
            data["needs"] = [value for value in NeedTheme.values if value in {*data["needs"], *data["urgent"]}]
        return data

    @property
    def themes(self) -> dict[str, int]:
        """Theme → priority, the starred ones first."""
        urgent = set(self.cleaned_data["urgent"])
        return {theme: FIRST if theme in urgent else ORDINARY for theme in self.cleaned_data["needs"]}

    @property
    def obstacles(self) -> dict[str, str]:
        """The obstacle, on the need that comes first."""
        text = self.cleaned_data["obstacle"]
        ranked = sorted(self.themes, key=lambda theme: self.themes[theme])
        return {ranked[0]: text} if text and ranked else {}

    @property
    def choices(self) -> list[dict[str, Any]]:
        """Each need with the state of its two boxes, for `referrals/needs/chips.html`."""
        chosen = set(self["needs"].value() or ())
        urgent = set(self["urgent"].value() or ())
        return [
            {
                "value": value,
                "label": label,
                "id": f"id_needs_{number}",
                "checked": value in chosen or value in urgent,
                "urgent": value in urgent,
            }
            for number, (value, label) in enumerate(self.offered)
        ]
