"""The one field that finds anything."""

from __future__ import annotations

from django import forms

SHORTEST, LONGEST = 2, 100


class FindForm(forms.Form):
    """A few words: a name, a reference, an action, a structure. Posted: words may be a name."""

    mots = forms.CharField(
        label="Nom, référence de fiche, action ou structure",
        min_length=SHORTEST,
        max_length=LONGEST,
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
        error_messages={
            "required": "Écrivez ce que vous cherchez.",
            "min_length": "Écrivez au moins deux lettres.",
            "max_length": "Raccourcissez ce que vous cherchez.",
        },
    )
