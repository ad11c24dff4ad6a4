"""What a manager says of an action, and until when it is full."""

from __future__ import annotations

import datetime as dt
from typing import Any

from data_inclusion.schema import v1
from django import forms

from structures.forms.fields import DayField, ManyChips, WordsField, offer_communes, read_commune
from structures.models import Action
from structures.models.action import PLACE
from structures.scales import scale_choices
from structures.vocabulary import Cecrl, HalfDay, LearnerPublic, NeedTheme, Programme

FOLDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "Ce que c’est",
        "nom, description, besoins couverts",
        (
            "name", "description", "shape", "themes", "learner_publics", "level_in", "level_out", "certificates",
            "scales", "programme", "programmes", "is_published",
        ),
    ),
    ("Pour qui", "publics, conditions en toutes lettres", ("publics", "publics_precisions", "conditions_acces")),
    (
        "Quand et où",
        "rythme, durée, adresse, places",
        (
            "rhythm", "weekly_hours", "weeks", "total_hours", "timetable", "places", "modes_accueil", "address",
            "address_extra", "postal_code", "commune",
        ),
    ),
    (
        "Comment orienter",
        "démarche, contact",
        (
            "mobilisation_precisions", "modes_mobilisation", "mobilisable_par", "mobilisation_link", "contact_name",
            "phone", "email",
        ),
    ),
    ("Ce que cela coûte", "frais pour la personne", ("frais", "frais_precisions")),
)  # fmt: skip
"""The page of an action: title of each fold, what it holds, its fields."""


def _labels(enumeration: Any) -> list[tuple[str, str]]:
    """A list of data·inclusion by its labels."""
    return [(one.value, str(one.label)) for one in enumeration]


class ActionForm(forms.ModelForm):
    """An action as its manager writes it. Whom it is for in detail stands in the criteria, on a page of their own."""

    themes = ManyChips(
        label="Besoins couverts",
        choices=NeedTheme.choices,
        required=True,
        help_text="L’action est proposée aux personnes qui ont l’un de ces besoins.",
    )
    learner_publics = ManyChips(label="Public de formation", choices=LearnerPublic.choices)
    level_in = forms.ChoiceField(
        label="Niveau de français à l’entrée", choices=[("", "Sans objet"), *Cecrl.choices], required=False
    )
    level_out = forms.ChoiceField(
        label="Niveau de français visé", choices=[("", "Sans objet"), *Cecrl.choices], required=False
    )
    certificates = WordsField(
        label="Certifications préparées",
        longest=40,
        required=False,
        help_text="Séparées par des virgules\u00a0: CléA, DELF.",
    )
    scales = ManyChips(
        label="Échelles de progression",
        choices=scale_choices,
        help_text="Ce que mesurent vos positionnements et vos bilans. Sans choix, celles des besoins couverts.",
    )
    programmes = ManyChips(
        label="Programmes",
        choices=Programme.choices,
        help_text="Ceux qui financent l’action\u00a0: les statistiques se lisent programme par programme.",
    )
    publics = ManyChips(label="Publics", choices=_labels(v1.Public))
    timetable = ManyChips(label="Demi-journées", choices=HalfDay.choices)
    modes_accueil = ManyChips(label="Accueil", choices=_labels(v1.ModeAccueil))
    modes_mobilisation = ManyChips(label="Comment faire la demande", choices=_labels(v1.ModeMobilisation))
    mobilisable_par = ManyChips(label="Qui peut faire la demande", choices=_labels(v1.PersonneMobilisatrice))
    frais = forms.ChoiceField(
        label="Frais",
        choices=[("", "Non précisé"), *_labels(v1.Frais)],
        required=False,
        widget=forms.RadioSelect,
    )
    is_published = forms.BooleanField(
        label="Publiée dans le catalogue",
        required=False,
        help_text="Décochée, l’action n’est plus proposée à personne\u202f; les fiches déjà reçues restent.",
    )

    class Meta:
        model = Action
        fields = [name for _, _, names in FOLDS for name in names]
        widgets = {
            "description": forms.Textarea({"rows": 6}),
            "publics_precisions": forms.Textarea({"rows": 2}),
            "conditions_acces": forms.Textarea({"rows": 2}),
            "mobilisation_precisions": forms.Textarea({"rows": 3}),
            "frais_precisions": forms.Textarea({"rows": 2}),
            "postal_code": forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
            "phone": forms.TextInput({"type": "tel", "autocomplete": "off"}),
        }
        labels = {
            "shape": "Forme de l’action",
            "rhythm": "Rythme, en toutes lettres",
            "places": "Places, quand il n’y a pas de sessions",
            "publics_precisions": "Publics, en toutes lettres",
            "conditions_acces": "Conditions d’accès, en toutes lettres",
            "mobilisation_precisions": "Comment orienter quelqu’un",
            "frais_precisions": "Précisions sur les frais",
            "email": "Adresse e-mail qui reçoit les fiches",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_communes(self.fields["commune"], "commune")

    def clean(self) -> dict[str, Any]:
        """Complete the commune's code, and forget coordinates that are no longer those of the address."""
        cleaned = super().clean() or {}
        if set(PLACE) & set(self.changed_data):
            cleaned |= {"latitude": None, "longitude": None}
        if "commune" in self.changed_data:
            try:
                code, name = read_commune(cleaned.get("commune", ""), cleaned.get("postal_code", ""))
            except forms.ValidationError as error:
                self.add_error("commune", error)
            else:
                cleaned |= {"commune": name, "commune_code": code}
        places = cleaned.get("places")
        if "places" in self.changed_data and places is not None and places < self.instance.taken:
            self.add_error("places", f"Des fiches sans session en tiennent déjà {self.instance.taken}.")
        postal_code = cleaned.get("postal_code", "")
        if postal_code and not (postal_code.isascii() and postal_code.isdigit() and len(postal_code) == 5):
            self.add_error("postal_code", "Un code postal a cinq chiffres.")
        return cleaned

    @property
    def values(self) -> dict[str, Any]:
        """The values that `Action.rewrite` and `Action.objects.start` take, once the form is valid."""
        return dict(self.cleaned_data)

    def folds(self) -> list[dict[str, Any]]:
        """Each fold with its fields: open when it holds an error, and the first one of an action to be written."""
        return [
            {
                "title": title,
                "hint": hint,
                "fields": [self[name] for name in names],
                "open": (not number and self.instance.pk is None) or any(self[name].errors for name in names),
            }
            for number, (title, hint, names) in enumerate(FOLDS)
        ]


class PauseForm(forms.Form):
    """Until when no fiche is taken."""

    until = DayField(label="Complet jusqu’au")

    def __init__(self, *args: Any, today: dt.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        self.fields["until"].widget.attrs["min"] = (today + dt.timedelta(days=1)).isoformat()

    def clean_until(self) -> dt.date:
        """Refuse a day that is over, and a slip of the year."""
        until: dt.date = self.cleaned_data["until"]
        if until <= self.today:
            raise forms.ValidationError("Choisissez un jour à venir.", code="past")
        if until > self.today + dt.timedelta(days=731):
            raise forms.ValidationError("Choisissez un jour dans les deux ans.", code="far")
        return until
