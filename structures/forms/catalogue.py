"""What narrows the catalogue down."""

from __future__ import annotations

from data_inclusion.schema import v1
from django import forms

from structures.models import Commune
from structures.vocabulary import Cecrl, NeedTheme

ANY = [("", "Tous")]
PUBLICS = [(public.value, public.label) for public in v1.Public if public != v1.Public.TOUS_PUBLICS]

STARTS = {"mois": 31, "trimestre": 92}
"""How soon the next session starts, in days."""


class ActionFilter(forms.Form):
    """Search words and filters of the catalogue. None of it is personal: it stands in the address."""

    q = forms.CharField(label="Rechercher", required=False, max_length=100, widget=forms.TextInput({"type": "search"}))
    theme = forms.ChoiceField(label="Besoin", required=False, choices=[*ANY, *NeedTheme.choices])
    public = forms.ChoiceField(label="Public", required=False, choices=[*ANY, *PUBLICS])
    level = forms.ChoiceField(label="Français à l’entrée", required=False, choices=[*ANY, *Cecrl.choices])
    commune = forms.CharField(label="Près de (commune)", required=False, max_length=80)
    start = forms.ChoiceField(
        label="Prochaine session",
        required=False,
        choices=[("", "Toutes les dates"), ("mois", "Dans le mois"), ("trimestre", "Dans les trois mois")],
    )
    places = forms.BooleanField(label="Entrée possible", required=False)

    def clean_commune(self) -> Commune | None:
        """The commune by its name, its postal or its INSEE code; of several that are meant, the largest."""
        words = self.cleaned_data["commune"].strip()
        if not words:
            return None
        commune = Commune.objects.meant_by(words).first()
        if commune is None:
            raise forms.ValidationError("Cette commune n’est pas connue ici\u00a0: vérifiez son nom.")
        return commune
