"""What the style guide shows: each component in each state, about invented people."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

from django import forms
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message

from backend.templatetags.relais import PILLS

NOW = datetime(2026, 11, 20, 13, 30, tzinfo=UTC)


STATS: tuple[dict[str, str], ...] = (
    {
        "value": "412",
        "label": "Fiches envoyées",
        "denominator": "entre le 1er janv. et le 20 nov. 2026",
    },
    {
        "value": "3,5",
        "unit": "jours ouvrés",
        "label": "Délai médian de réponse",
        "denominator": "371 réponses sur 412 fiches",
        "help": "La moitié des réponses sont venues plus vite. Les fiches sans réponse sont à part.",
    },
    {
        "value": "67\u202f%",
        "label": "Sorties dynamiques",
        "denominator": "44 sorties sur 66, objectif : deux tiers",
        "href": "#chiffres",
    },
)


class SampleForm(forms.Form):
    """One field of each kind; the address is refused, so that the page shows an error."""

    name = forms.CharField(label="Nom de naissance", max_length=80)
    birth = forms.DateField(
        label="Date de naissance",
        help_text="Par exemple 27/03/1998. L’année seule suffit si la personne ne connaît pas le jour.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    email = forms.EmailField(label="Adresse électronique", required=False)
    commune = forms.ChoiceField(
        label="Commune",
        choices=[("41018", "Blois"), ("41295", "Vineuil"), ("41047", "La Chaussée-Saint-Victor")],
    )
    needs = forms.MultipleChoiceField(
        label="Besoins",
        help_text="Touchez tout ce dont la personne vous a parlé.",
        choices=[
            (
                "Apprendre",
                [
                    ("fr", "Parler français"),
                    ("write", "Lire et écrire"),
                    ("digital", "Numérique"),
                    ("count", "Calcul"),
                ],
            ),
            ("Avancer", [("mobility", "Se déplacer"), ("job", "Projet professionnel"), ("rights", "Droits")]),
        ],
        widget=forms.CheckboxSelectMultiple,
    )
    urgency = forms.ChoiceField(
        label="Quand commencer",
        choices=[("now", "Dès que possible"), ("month", "Dans le mois"), ("later", "Plus tard")],
        widget=forms.RadioSelect,
    )
    motive = forms.CharField(label="Ce que la personne attend", widget=forms.Textarea, required=False)
    consent = forms.BooleanField(label="La personne est d’accord pour que cette fiche soit transmise")


class SampleFilter(forms.Form):
    """A filter bar as the list of fiches has it."""

    text = forms.CharField(
        label="Rechercher",
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "data-search": True, "autocomplete": "off"}),
    )
    state = forms.ChoiceField(label="État", required=False, choices=[("", "Tous"), ("sent", "Envoyées")])
    since = forms.DateField(label="Depuis", required=False, widget=forms.DateInput(attrs={"type": "date"}))


def person(**changes: Any) -> SimpleNamespace:
    """An invented person, as `components/identity.html` reads it."""
    facts = {
        "full_name": "Amina BENYOUSSEF",
        "age": lambda on: 31,
        "place": "Croix-Chevalier",
        "in_qpv": True,
        "phone": "06 39 98 12 34",
        "contact_channel": "sms",
        "may_leave_message": False,
        "contact_note": "Après 17 h, jamais le mercredi",
    }
    return SimpleNamespace(**facts | changes)


def queue() -> list[dict[str, Any]]:
    """Rows in the states that a queue meets."""
    return [
        {
            "reference": "R-7K2M",
            "title": "Amina Benyoussef",
            "meta": "Positionnement et bilan de compétences de base",
            "partner": "Mission locale",
            "state": "sent",
            "due": date(2026, 11, 13),
            "late": True,
            "action": "Répondre",
        },
        {
            "reference": "R-2PX9",
            "title": "Karim Diallo",
            "meta": "Parcours mobilité",
            "partner": "PLIE",
            "state": "accepted",
            "due": date(2026, 11, 24),
            "late": False,
            "action": "Noter l’entrée",
        },
        {
            "reference": "R-M4TD",
            "title": "Marie-Angélique de La Rochefoucauld-Saint-Aignan",
            "meta": "Langue, insertion et citoyenneté des primo-arrivants",
            "partner": "Maison de Bégon",
            "state": "entered",
            "due": date(2026, 12, 1),
            "late": False,
            "action": "Rendre le bilan",
        },
        {
            "reference": "R-90QF",
            "title": "Lucas Martin",
            "meta": "Chantier d’insertion",
            "partner": "Quartiers proximité",
            "state": "waitlisted",
            "due": None,
            "late": False,
            "action": "",
        },
    ]


def timeline() -> list[dict[str, Any]]:
    """The path of one fiche: what happened, and what comes next."""
    return [
        {
            "when": datetime(2026, 10, 6, 8, 12, tzinfo=UTC),
            "who": "Claire Aubert, Mission locale",
            "label": "Fiche envoyée au Cria 41",
            "detail": "Souhaite reprendre le français écrit avant une formation de cuisine.",
            "tone": "sent",
            "icon": "send",
        },
        {
            "when": datetime(2026, 10, 8, 14, 30, tzinfo=UTC),
            "who": "Hélène Petit, Cria 41",
            "label": "Fiche acceptée : rendez-vous le 14 oct. 2026",
            "tone": "accepted",
            "icon": "check",
        },
        {
            "when": datetime(2026, 10, 14, 9, 0, tzinfo=UTC),
            "who": "Hélène Petit, Cria 41",
            "label": "Absence au premier rendez-vous",
            "tone": "declined",
            "icon": "user-x",
        },
        {
            "when": datetime(2026, 10, 21, 9, 0, tzinfo=UTC),
            "who": "Hélène Petit, Cria 41",
            "label": "Positionnement rendu",
            "detail": "Écrit : A1. Oral : A2.\nPropose un atelier deux fois par semaine.",
            "tone": "bilan",
            "icon": "file-check",
        },
        {"when": date(2026, 12, 4), "label": "Bilan intermédiaire attendu", "upcoming": True},
    ]


def toasts() -> list[Message]:
    """One message of each level, the first with its undo."""
    return [
        Message(
            constants.SUCCESS,
            "Fiche envoyée. Le courrier part dans dix minutes.",
            extra_tags="undo:/style/#annuler",
        ),
        Message(constants.INFO, "Le Cria 41 a répondu pendant que vous lisiez cette fiche."),
        Message(constants.WARNING, "Il ne reste qu’une place dans cette session."),
        Message(constants.ERROR, "La fiche n’a pas été envoyée : une autre personne vient d’y répondre."),
    ]


def style_context() -> dict[str, Any]:
    """Everything that `style.html` draws."""
    wrong = SampleForm({"name": "", "birth": "31/02/1998", "email": "amina@", "needs": ["fr", "mobility"]})
    wrong.auto_id = "wrong_%s"
    return {
        "now": NOW,
        "states": tuple(PILLS),
        "person": person(),
        "queue": queue(),
        "timeline": timeline(),
        "toasts": toasts(),
        "answers": [
            {"state": "met", "reason": "Habite Blois, dans la zone de l’action", "level": "required"},
            {
                "state": "unmet",
                "reason": "Parle français au niveau A1, l’action demande A2 à l’oral",
                "change": "un positionnement qui place l’oral à A2",
                "level": "required",
            },
            {
                "state": "unknown",
                "reason": "Scolarité non renseignée : l’action accueille les personnes scolarisées ailleurs",
                "change": "renseigner la scolarité dans la fiche de la personne",
                "level": "to_check",
            },
            {"state": "met", "reason": "Femme habitant un quartier prioritaire", "level": "priority"},
        ],
        "stats": [{"unit": "", "href": "", "help": ""} | stat for stat in STATS],
        "columns": ["Structure", "Envoyées", "Répondues", "Délai médian"],
        "rows": [
            ["Cria 41", "128", "121", "2 j"],
            ["ACCV", "64", "60", "4 j"],
            ["Maison de Bégon", "41", "39", "3 j"],
        ],
        "steps": [
            {"label": "Personne", "state": "done", "url": "#etapes"},
            {"label": "Besoins", "state": "done", "url": "#etapes"},
            {"label": "Suggestions", "state": "current"},
            {"label": "Fiche", "state": "todo"},
        ],
        "saved": [
            {"label": "À répondre", "url": "#filtres", "current": True, "count": 7},
            {"label": "Mes fiches envoyées", "url": "#filtres", "count": 23},
            {"label": "Bilans en retard", "url": "#filtres", "count": 0},
        ],
        "filter_form": SampleFilter(),
        "blank_form": SampleForm(auto_id="blank_%s"),
        "wrong_form": wrong,
    }
