"""Asking for a new link."""

from __future__ import annotations

from django import forms

from referrals.forms.inputs import ShortText


class NewLinkForm(forms.Form):
    """The fiche's reference, as it stands in the subject of every letter about it."""

    reference = ShortText(
        label="Référence de la fiche",
        max_length=40,
        help_text="Elle est dans l’objet des courriels de Relais. Par exemple R-7K2M4Q.",
        error_messages={"required": "Indiquez la référence de la fiche."},
    )

    def clean_reference(self) -> str:
        """However it was typed: « fiche r 7k2m4q » is R-7K2M4Q."""
        letters = [one for one in self.cleaned_data["reference"].upper() if one.isascii() and one.isalnum()]
        return f"R-{''.join(letters[-6:])}"
