"""Recording a person, finding one."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from referrals.forms.person_fields import BirthDateField, ChoiceChips, FrenchPhoneField, ManyChips, YesNoChips
from referrals.models import ContactChannel, Person
from structures.forms.fields import HourField, offer_communes, read_commune
from structures.vocabulary import (
    AnlciDegree,
    Cecrl,
    DigitalLevel,
    Diploma,
    HalfDay,
    Licence,
    NeedTheme,
    Quartier,
    Schooling,
    Sex,
    Status,
)

BLOIS = ("41018", "Blois")

REACHABLE_BY = {
    ContactChannel.SMS: ("phone", "Pour les SMS, il faut un numéro de téléphone."),
    ContactChannel.CALL: ("phone", "Pour appeler, il faut un numéro de téléphone."),
    ContactChannel.EMAIL: ("email", "Pour écrire un e-mail, il faut une adresse."),
}


def anlci_degree(value: Any) -> int | None:
    """An ANLCI degree as stored."""
    return int(value) if value not in ("", None) else None


class PersonForm(forms.ModelForm):
    """Who the person is. Only the names are asked for; what is not known stays « Non précisé »."""

    birth_date = BirthDateField(label="Date de naissance", required=False)
    sex = ChoiceChips(label="Sexe", choices=Sex.choices)
    phone = FrenchPhoneField(label="Téléphone", required=False)
    contact_channel = forms.ChoiceField(
        label="Moyen de contact sûr",
        choices=ContactChannel.choices,
        initial=ContactChannel.PRESCRIBER,
        widget=forms.RadioSelect,
        help_text="Celui que la personne a choisi. Personne ne la contactera autrement.",
    )
    may_leave_message = forms.BooleanField(label="On peut laisser un message vocal", required=False)
    safe_from = HourField(label="Lui écrire à partir de")
    safe_until = HourField(label="Lui écrire jusqu’à")
    quartier = ChoiceChips(label="Quartier", choices=Quartier.choices, unknown="Hors de Blois, ou non précisé")
    schooling = ChoiceChips(label="Scolarité", choices=Schooling.choices)
    french_oral = ChoiceChips(label="Français oral", choices=Cecrl.choices)
    french_written = ChoiceChips(label="Français écrit", choices=Cecrl.choices)
    anlci = ChoiceChips(
        label="Savoirs de base (degré ANLCI)", choices=AnlciDegree.choices, coerce=anlci_degree, empty_value=None
    )
    needs_interpreter = forms.BooleanField(label="Un interprète est souhaité", required=False)
    digital = ChoiceChips(label="Numérique", choices=DigitalLevel.choices)
    licence = ChoiceChips(label="Permis de conduire", choices=Licence.choices)
    has_vehicle = YesNoChips(label="Dispose d’un véhicule")
    diploma = ChoiceChips(label="Diplôme le plus élevé", choices=Diploma.choices)
    statuses = ManyChips(label="Situation", choices=Status.choices)
    statuses_known = forms.BooleanField(
        label="J’ai fait le tour : les situations non cochées ne la concernent pas", required=False
    )
    availability = ManyChips(label="Disponibilités", choices=HalfDay.choices)

    code = ""
    """The INSEE code of the commune that was read; empty while it is not known."""

    class Meta:
        model = Person
        fields = [
            "first_name",
            "last_name",
            "birth_date",
            "phone",
            "sex",
            "contact_channel",
            "may_leave_message",
            "safe_from",
            "safe_until",
            "contact_note",
            "email",
            "quartier",
            "commune",
            "language",
            "needs_interpreter",
            "schooling",
            "french_oral",
            "french_written",
            "anlci",
            "digital",
            "licence",
            "has_vehicle",
            "diploma",
            "statuses",
            "statuses_known",
            "availability",
        ]
        labels = {"first_name": "Prénom", "last_name": "Nom", "language": "Langue parlée", "email": "Adresse e-mail"}
        help_texts = {
            "contact_note": "Par exemple «\u00a0après 17 h\u00a0», «\u00a0ne pas appeler le fixe\u00a0».",
            "commune": "À remplir hors de Blois.",
        }

    def __init__(self, *args: Any, today: dt.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        birth_date = self.fields["birth_date"]
        assert isinstance(birth_date, BirthDateField)
        birth_date.today = today
        for name in ("first_name", "last_name"):
            self.fields[name].widget.attrs["autocomplete"] = "off"
            self.fields[name].error_messages["required"] = (
                "Écrivez le prénom." if name == "first_name" else ("Écrivez le nom de famille.")
            )
        self.fields["email"].widget.attrs["autocomplete"] = "off"
        offer_communes(self.fields["commune"], "commune")

    def clean_commune(self) -> str:
        """A known commune under its official name, another as it was typed."""
        typed: str = self.cleaned_data["commune"]
        if typed == self.initial.get("commune"):
            self.code = self.instance.commune_code
            return typed
        self.code, name = read_commune(typed)
        return name

    def clean(self) -> dict[str, Any]:
        """What must agree: the safe channel with the means to use it, the quartier with the commune."""
        data = super().clean() or self.cleaned_data
        channel = data.get("contact_channel")
        needed = REACHABLE_BY.get(ContactChannel(channel)) if channel else None
        if needed is not None and needed[0] not in self.errors and not data.get(needed[0]):
            self.add_error(needed[0], ValidationError(needed[1], code="channel"))
        first, last = data.get("safe_from"), data.get("safe_until")
        if first and last and last <= first:
            self.add_error("safe_until", ValidationError("Cette heure doit suivre la première.", code="hours"))
        quartier, commune = data.get("quartier"), data.get("commune", "")
        if quartier and quartier != Quartier.OTHER and commune and commune != BLOIS[1]:
            self.add_error("commune", ValidationError("Ce quartier est à Blois : effacez la commune.", code="quartier"))
        code, data["commune"] = self._commune(commune, quartier)
        self.instance.commune_code, self.instance.in_qpv = code, self._in_qpv(quartier)
        return data

    def _commune(self, commune: str, quartier: str | None) -> tuple[str, str]:
        if not commune and quartier and quartier != Quartier.OTHER:
            return BLOIS
        return self.code, commune

    def _in_qpv(self, quartier: str | None) -> bool | None:
        """Known from the quartier; otherwise what was known before stays, unless the person moved."""
        if quartier and quartier != Quartier.OTHER:
            return quartier == Quartier.NORD
        moved = bool({"quartier", "commune"} & set(self.changed_data))
        return None if moved else self.instance.in_qpv

    @property
    def values(self) -> dict[str, Any]:
        """Every field as `Person.change` takes it."""
        names = [*self._meta.fields, "commune_code", "in_qpv"]  # type: ignore[misc] # Meta.fields is a list
        return {name: getattr(self.instance, name) for name in names}


class PersonSearchForm(forms.Form):
    """The list's filters. The words are a name: they are posted, and never stand in an address."""

    mots = forms.CharField(
        label="Rechercher",
        required=False,
        max_length=100,
        widget=forms.TextInput(
            attrs={"type": "search", "data-search": "", "placeholder": "Nom ou prénom", "autocomplete": "off"}
        ),
    )
    besoin = forms.ChoiceField(label="Besoin", required=False, choices=[("", "Tous"), *NeedTheme.choices])
    qui = forms.ChoiceField(
        label="Personnes",
        required=False,
        choices=[
            ("", "Toutes"),
            ("miennes", "Que j’accompagne"),
            ("structure", "Enregistrées par ma structure"),
            ("recues", "Orientées vers ma structure"),
        ],
    )
    etat = forms.ChoiceField(
        label="Situation",
        required=False,
        choices=[
            ("", "Toutes"),
            ("besoin", "Un besoin ouvert"),
            ("sans-fiche", "Un besoin, aucune fiche en cours"),
            ("en-cours", "Une fiche en cours"),
        ],
    )
