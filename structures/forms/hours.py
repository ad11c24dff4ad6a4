"""When letters may reach a structure: closed days, hours, and the periods during which it is closed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.db import transaction

from structures.forms.fields import DayField, HourField
from structures.models import Closing, Structure, Weekday
from structures.quiet import overlap

LONGEST_CLOSING = dt.timedelta(days=366)
"""A structure closed for longer has stopped."""


class HoursForm(forms.Form):
    """The usual week, the closing periods to remove, and one to add."""

    closed_weekdays = forms.TypedMultipleChoiceField(
        label="Jours sans courrier", choices=Weekday.choices, coerce=int, required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    letters_from = HourField(label="Courrier à partir de")
    letters_until = HourField(label="Courrier jusqu’à", help_text="Sans heure, les lettres n’attendent pas.")
    removed = forms.ModelMultipleChoiceField(
        Closing.objects.none(), label="Fermetures à effacer", required=False, widget=forms.CheckboxSelectMultiple
    )
    first_day = DayField(label="Ajouter une fermeture, du", required=False)
    last_day = DayField(label="Au", required=False, help_text="Les deux jours compris.")

    def __init__(self, data: Any = None, *, structure: Structure, today: dt.date) -> None:
        self.structure, self.today = structure, today
        names = ("closed_weekdays", "letters_from", "letters_until")
        super().__init__(data, initial={name: getattr(structure, name) for name in names})
        kept = structure.closings.filter(last_day__gte=today)
        removed = self.fields["removed"]
        assert isinstance(removed, forms.ModelMultipleChoiceField)
        removed.queryset = kept
        removed.choices = [(one.pk, f"Du {one.first_day:%d/%m/%Y} au {one.last_day:%d/%m/%Y}") for one in kept]
        if not removed.choices:
            del self.fields["removed"]

    def clean(self) -> dict[str, Any]:
        """One day open at least, hours in order, and a period that is to come and touches no other."""
        data = super().clean() or self.cleaned_data
        if len(data.get("closed_weekdays", [])) == len(Weekday):
            self.add_error("closed_weekdays", "Gardez au moins un jour ouvert.")
        opens, closes = data.get("letters_from"), data.get("letters_until")
        if opens and closes and closes <= opens:
            self.add_error("letters_until", "Cette heure doit suivre la première.")
        first, last = data.get("first_day"), data.get("last_day")
        if first and not last and "last_day" not in self.errors:
            self.add_error("last_day", "Indiquez le dernier jour.")
        elif last and not first and "first_day" not in self.errors:
            self.add_error("first_day", "Indiquez le premier jour.")
        elif first and last:
            self._check_period(first, last, set(data.get("removed", ())))
        return data

    def _check_period(self, first: dt.date, last: dt.date, removed: set[Closing]) -> None:
        others = [(one.first_day, one.last_day) for one in self.structure.closings.all() if one not in removed]
        if last < first:
            self.add_error("last_day", "Le dernier jour vient avant le premier.")
        elif last < self.today:
            self.add_error("last_day", "Cette fermeture est déjà passée.")
        elif last - first > LONGEST_CLOSING:
            self.add_error("last_day", "Une fermeture dure un an au plus.")
        elif overlap([*others, (first, last)]):
            self.add_error("first_day", "Une autre fermeture couvre déjà une partie de ces jours.")

    def save(self) -> None:
        """Write the week and the periods, all or nothing."""
        data = self.cleaned_data
        with transaction.atomic():
            for name in ("closed_weekdays", "letters_from", "letters_until"):
                setattr(self.structure, name, data[name])
            self.structure.save(update_fields=["closed_weekdays", "letters_from", "letters_until", "updated_at"])
            self.structure.closings.filter(pk__in=[one.pk for one in data.get("removed", ())]).delete()
            if data["first_day"]:
                self.structure.closings.create(first_day=data["first_day"], last_day=data["last_day"])
