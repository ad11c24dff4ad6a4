"""The filters of the statistics, read from the address: nothing personal is asked, nothing is written."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.db.models import CharField, Q, QuerySet, UUIDField, Value
from django.db.models.functions import Cast, Coalesce, NullIf

from accounts.models import MOST_VIEWS, SavedView
from referrals.deadlines import add_months
from reporting.models import Age
from reporting.scope import SENSITIVE, UNKNOWN, Period, Place, Preset, Scope, View, views_of
from structures.models import Action, Structure
from structures.vocabulary import Cecrl, NeedTheme, Programme, Quartier, Sex

LONGEST_MONTHS = 60
"""A page counts five years at most."""

EARLIEST, LATEST = dt.date(2000, 1, 1), dt.date(2100, 1, 1)
"""Beyond these, a date is a slip of the finger."""

MOST_CHOICES = 200
"""Structures, or actions, that a list of choices holds; beyond, one is chosen from the table by structure."""

OF_PERSONS = ("lieu", "quartier", "age", "sexe", "niveau")
"""What a person shares with a receiver only as far as their consent goes: a number narrowed by it would say it."""
FILTERS = ("structure", "prescripteur", "action", "theme", *OF_PERSONS, "programme")
NOT_SHARED = "Les fiches reçues ne se filtrent pas ainsi\u00a0: tout le monde ne vous a pas partagé cette information."
ANY, EVERY = ("", "Toutes"), ("", "Tous")
NOT_KNOWN = (UNKNOWN, "Non renseigné")
AGES = [(f"{band.value}", str(band.label)) for band in (*list(Age)[1:], Age.UNKNOWN)]


def _left_out(view: View) -> tuple[str, ...]:
    """The filters that a view does not offer."""
    match view:
        case View.SENT:
            return ("prescripteur",)
        case View.RECEIVED:
            return ("structure", *OF_PERSONS)
        case View.TERRITORY:
            return ()


def _key(asked: str) -> UUID | str | None:
    """The structure asked for, or all the sensitive ones."""
    return asked if asked in ("", SENSITIVE) else UUID(asked)


class _Choice(NamedTuple):
    """An action, or a prescriber, with its structure."""

    key: str
    name: str
    structure: UUID
    structure_name: str
    is_sensitive: bool


def _named(structure: str) -> tuple[Any, str]:
    """What a choice says of its structure, which stands at the end of that path."""
    short = NullIf(f"{structure}short_name", Value(""))
    return Coalesce(short, f"{structure}name", output_field=CharField()), f"{structure}is_sensitive"


def _by_name(choices: Iterable[_Choice]) -> list[tuple[str, str]]:
    structures = {str(one.structure): one.structure_name for one in choices}
    return sorted(structures.items(), key=lambda choice: choice[1].lower())


class FilterForm(forms.Form):
    """Which figures. Days take over from the preset; what is left out means « all »."""

    vue = forms.ChoiceField(required=False, choices=View, widget=forms.HiddenInput)
    du = forms.DateField(label="Du", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    au = forms.DateField(label="Au", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    structure = forms.ChoiceField(label="Structure d’accueil", required=False)
    prescripteur = forms.ChoiceField(label="Prescripteur", required=False)
    action = forms.ChoiceField(label="Action", required=False)
    theme = forms.ChoiceField(label="Besoin", required=False, choices=[EVERY, *NeedTheme.choices])
    lieu = forms.ChoiceField(label="Lieu de vie", required=False, choices=[EVERY, *Place.choices])
    quartier = forms.ChoiceField(label="Quartier", required=False, choices=[EVERY, *Quartier.choices, NOT_KNOWN])
    age = forms.ChoiceField(label="Âge", required=False, choices=[EVERY, *AGES])
    sexe = forms.ChoiceField(label="Sexe", required=False, choices=[EVERY, *Sex.choices, NOT_KNOWN])
    niveau = forms.ChoiceField(label="Français oral", required=False, choices=[EVERY, *Cecrl.choices, NOT_KNOWN])
    programme = forms.ChoiceField(label="Programme", required=False, choices=[EVERY, *Programme.choices])

    def __init__(self, data: Mapping[str, Any], *, door: Any, now: dt.datetime, today: dt.date) -> None:
        self.door = door
        self.now = now
        self.today = today
        self.views = views_of(door)
        self.saved: list[tuple[str, str]] = []
        asked = str(data.get("vue", ""))
        self.view = View(asked) if asked in self.views else self.views[0]
        self.preset = self._preset(data)
        usual = Period.of(self.preset or Preset.YEAR, today)
        # The days of a preset are shown in the form, where they can be changed.
        filled = {name: data.get(name, "") for name in FILTERS}
        filled["du"] = data.get("du") or usual.start.isoformat()
        filled["au"] = data.get("au") or usual.end.isoformat()
        super().__init__(filled | {"vue": self.view.value})
        self._offer_choices()

    @staticmethod
    def _preset(data: Mapping[str, Any]) -> Preset | None:
        """The preset asked for; none when days are given."""
        if data.get("du") or data.get("au"):
            return None
        asked = str(data.get("periode", ""))
        return Preset(asked) if asked in Preset.values else Preset.YEAR

    def _offer_choices(self) -> None:
        """Offer the structures and the actions of the view. Sensitive structures are offered together only."""
        masks = self.view == View.TERRITORY
        actions, senders = self._choices()
        open_actions = [one for one in actions if not (masks and one.is_sensitive)]
        self._offer("action", [ANY, *((one.key, one.name) for one in open_actions)])
        for name in _left_out(self.view):
            # Refused by `clean` where it is asked for all the same, with what was asked still there to be taken back.
            if name not in OF_PERSONS or not self.data[name]:
                del self.fields[name]
        if "structure" in self.fields:
            together = [(SENSITIVE, "Structures protégées")] if len(open_actions) < len(actions) else []
            self._offer("structure", [ANY, *_by_name(open_actions), *together])
        if "prescripteur" in self.fields:
            self._offer("prescripteur", [EVERY, *_by_name(one for one in senders if not (masks and one.is_sensitive))])

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined] # a ChoiceField

    def _choices(self) -> tuple[list[_Choice], list[_Choice]]:
        """The actions and the prescribers to choose from, in one query, with the views that the user saved.

        All of the view's, or where there are too many those that the address asks for.
        """
        actions = Action.objects.all()
        if self.view == View.RECEIVED:
            actions = actions.filter(structure=self.door.structure)
        chosen_action = Q(slug=self.data["action"]) | self._asked("structure", "structure")
        senders = Structure.objects.filter(is_prescriber=True)
        parts = []
        for first, rows, chosen, fields in (
            ("actions", actions, chosen_action, ("slug", "name", "structure_id", *_named("structure__"))),
            ("senders", senders, self._asked("prescripteur", "pk"), ("source_id", "name", "pk", *_named(""))),
        ):
            for which, some in ((first, rows), (f"{first} chosen", rows.filter(chosen))):
                found = some.annotate(which=Value(which)).order_by("pk").values_list("which", *fields)
                parts.append(found[: MOST_CHOICES + 1])
        parts.append(self._saved_views())
        by_part: dict[str, list[_Choice]] = defaultdict(list)
        for which, *values in parts[0].union(*parts[1:], all=True):
            by_part[which].append(_Choice(*values))
        self.saved = sorted(((one.name, one.key) for one in by_part["saved"]), key=lambda view: view[0].lower())
        offered = [
            by_part[one] if len(by_part[one]) <= MOST_CHOICES else by_part[f"{one} chosen"][:MOST_CHOICES]
            for one in ("actions", "senders")
        ]
        return sorted(offered[0], key=lambda one: (one.name, one.key)), offered[1]

    def _saved_views(self) -> QuerySet:
        """The user's own views, as choices: their name leads to their query."""
        nowhere = Cast(Value(None), UUIDField())
        rows = SavedView.objects.filter(user=self.door.user).standing().order_by("pk").annotate(which=Value("saved"))
        return rows.values_list("which", "query", "name", nowhere, Value(""), Value(False))[:MOST_VIEWS]

    def _asked(self, name: str, column: str) -> Q:
        """The rows that a filter asks for by a structure; none when it asks for nothing, or for something else."""
        try:
            return Q(**{column: UUID(self.data[name])})
        except ValueError:
            return Q(pk__in=[])

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it starts or is too long, and what the persons have not all shared."""
        cleaned = super().clean() or self.cleaned_data
        for name in set(OF_PERSONS) & set(_left_out(self.view)) & set(self.fields):
            self.add_error(name, NOT_SHARED)
        for name in ("du", "au"):
            if cleaned.get(name) and not EARLIEST <= cleaned[name] <= LATEST:
                self.add_error(name, "Indiquez une date entre 2000 et 2100.")
        start, end = cleaned.get("du"), cleaned.get("au")
        if start and end and end < start:
            self.add_error("au", "La fin de la période vient avant son début.")
        elif start and end and end > add_months(start, LONGEST_MONTHS):
            self.add_error("au", "La période ne peut pas dépasser cinq ans.")
        return cleaned

    def scope(self) -> Scope:
        """What to count, once the form is valid."""
        cleaned = self.cleaned_data
        return Scope(
            door=self.door,
            view=self.view,
            period=Period(cleaned["du"], cleaned["au"]),
            now=self.now,
            action=cleaned["action"],
            receiver=_key(cleaned.get("structure", "")) or None,
            sender=UUID(cleaned["prescripteur"]) if cleaned.get("prescripteur") else None,
            theme=cleaned["theme"],
            place=cleaned.get("lieu", ""),
            quartier=cleaned.get("quartier", ""),
            age=int(cleaned["age"]) if cleaned.get("age") else None,
            sex=cleaned.get("sexe", ""),
            level=cleaned.get("niveau", ""),
            programme=cleaned["programme"],
        )

    def query(self, **changes: str) -> str:
        """The address's query with some values changed, to link to the same figures otherwise."""
        left_out = _left_out(View(changes.get("vue", self.view)))
        kept = {name: self.data[name] for name in FILTERS if self.data[name] and name not in left_out}
        kept |= {"vue": self.view.value} if len(self.views) > 1 else {}
        kept |= {"periode": self.preset.value} if self.preset else {name: self.data[name] for name in ("du", "au")}
        if "periode" in changes:
            kept = {name: value for name, value in kept.items() if name not in ("du", "au")}
        return "?" + urlencode(kept | changes)

    @property
    def is_narrowed(self) -> bool:
        """Whether days or a filter were asked for, beyond the presets."""
        return self.preset is None or any(self.data[name] for name in FILTERS)

    @property
    def narrowed(self) -> list[str]:
        """The filters in force, in words: printed, where the form is not."""
        words = []
        for name in FILTERS:
            field = self.fields.get(name)
            if isinstance(field, forms.ChoiceField) and self.cleaned_data[name]:
                words.append(f"{field.label}\u00a0: {dict(field.choices)[self.data[name]]}")  # type: ignore[arg-type] # flat choices
        return words
