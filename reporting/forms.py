"""The filters of the statistics, read from the address: nothing personal is asked, nothing is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms

from referrals.deadlines import add_months
from reporting.scope import SENSITIVE, Period, Place, Preset, Scope, View, views_of
from structures.models import Action, Structure
from structures.vocabulary import NeedTheme

LONGEST_MONTHS = 60
"""A page counts five years at most."""

EARLIEST, LATEST = dt.date(2000, 1, 1), dt.date(2100, 1, 1)
"""Beyond these, a date is a slip of the finger."""

FILTERS = ("structure", "action", "theme", "lieu")
ANY = ("", "Toutes")


class FilterForm(forms.Form):
    """Which figures. Days take over from the preset; what is left out means « all »."""

    vue = forms.ChoiceField(required=False, choices=View, widget=forms.HiddenInput)
    du = forms.DateField(label="Du", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    au = forms.DateField(label="Au", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    structure = forms.ChoiceField(label="Structure d’accueil", required=False)
    action = forms.ChoiceField(label="Action", required=False)
    theme = forms.ChoiceField(label="Besoin", required=False, choices=[("", "Tous"), *NeedTheme.choices])
    lieu = forms.ChoiceField(label="Lieu de vie", required=False, choices=[("", "Tous"), *Place.choices])

    def __init__(self, data: Mapping[str, Any], *, door: Any, now: dt.datetime, today: dt.date) -> None:
        self.door = door
        self.now = now
        self.today = today
        self.views = views_of(door)
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
        rows = Action.objects.select_related("structure").order_by("name", "id")
        if self.view == View.RECEIVED:
            rows = rows.filter(structure=self.door.structure)
            del self.fields["structure"]
        actions = list(rows)
        masks = self.view == View.TERRITORY
        open_actions = [one for one in actions if not (masks and one.structure.is_sensitive)]
        self.fields["action"].choices = [  # type: ignore[attr-defined] # a ChoiceField
            ANY,
            *((one.slug, one.name) for one in open_actions),
        ]
        if self.view == View.RECEIVED:
            return
        structures: dict[UUID, Structure] = {one.structure.pk: one.structure for one in open_actions}
        choices = sorted(((str(pk), str(one)) for pk, one in structures.items()), key=lambda choice: choice[1].lower())
        if len(open_actions) < len(actions):
            choices.append((SENSITIVE, "Structures protégées"))
        self.fields["structure"].choices = [ANY, *choices]  # type: ignore[attr-defined] # a ChoiceField

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it starts, or is too long."""
        cleaned = super().clean() or self.cleaned_data
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
            receiver=cleaned.get("structure") or None,
            theme=cleaned["theme"],
            place=cleaned["lieu"],
        )

    def query(self, **changes: str) -> str:
        """The address's query with some values changed, to link to the same figures otherwise."""
        kept = {name: self.data[name] for name in FILTERS if self.data[name]}
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
