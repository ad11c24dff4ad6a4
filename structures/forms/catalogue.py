"""What narrows the catalogue down."""

from __future__ import annotations

from data_inclusion.schema import v1
from django import forms

from structures.vocabulary import Cecrl, NeedTheme

ANY = [("", "Tous")]
PUBLICS = [(public.value, public.label) for public in v1.Public if public != v1.Public.TOUS_PUBLICS]


class ActionFilter(forms.Form):
    """Search words and filters of the catalogue. None of it is personal: it stands in the address."""

    q = forms.CharField(label="Rechercher", required=False, max_length=100, widget=forms.TextInput({"type": "search"}))
    theme = forms.ChoiceField(label="Besoin", required=False, choices=[*ANY, *NeedTheme.choices])
    public = forms.ChoiceField(label="Public", required=False, choices=[*ANY, *PUBLICS])
    level = forms.ChoiceField(label="Niveau de français à l’entrée", required=False, choices=[*ANY, *Cecrl.choices])
    places = forms.BooleanField(label="Avec une entrée à venir", required=False)
