"""When the commission meets and with whom, what it decides, and what it gives to do."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.db.models import Value
from django.db.models.functions import Coalesce, Lower, NullIf

from referrals.forms.inputs import FreeText, ShortText
from referrals.models import Commission, CommissionItem
from structures.models import Structure

LATEST = dt.timedelta(days=365)
"""A commission is convened, and a task is due, within a year."""

DAY = {"invalid": "Écrivez la date ainsi : 20/11/2026.", "required": "Choisissez une date."}


def _day_field(label: str, help_text: str = "") -> forms.DateField:
    return forms.DateField(
        label=label,
        help_text=help_text,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d", "%d/%m/%Y"],
        error_messages=DAY,
    )


class CommissionForm(forms.Form):
    """The day, and the structures that take part."""

    on = _day_field("Date de la commission")
    participants = forms.ModelMultipleChoiceField(
        Structure.objects.none(),
        label="Structures participantes",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Chacune lira, par leur nom, les seules situations des fiches qu’elle a envoyées ou reçues.",
        error_messages={"invalid_choice": "Une de ces structures n’est plus active : choisissez à nouveau."},
    )

    def __init__(
        self, data: Any = None, *, structure: Structure, today: dt.date, commission: Commission | None = None
    ) -> None:
        self.structure, self.today, self.commission = structure, today, commission
        initial: dict[str, Any] = {}
        if commission is not None:
            initial = {"on": commission.on, "participants": commission.participants.order_by("pk")}
        super().__init__(data, initial=initial)
        field = self.fields["participants"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        rows = Structure.objects.filter(is_active=True).exclude(pk=structure.pk)
        field.queryset = rows.order_by(Lower(Coalesce(NullIf("short_name", Value("")), "name")), "id")

    def clean_on(self) -> dt.date:
        """A day to come, or the one that the commission has; one commission a day."""
        on: dt.date = self.cleaned_data["on"]
        if self.commission is not None and on == self.commission.on:
            return on
        if not self.today <= on <= self.today + LATEST:
            raise forms.ValidationError("Choisissez une date à venir, dans l’année.", code="day")
        if Commission.objects.filter(structure=self.structure, on=on).exists():
            raise forms.ValidationError("Une commission est déjà prévue ce jour-là.", code="taken")
        return on


class DecisionForm(forms.Form):
    """What is decided of a situation; the commission's minutes are read by several structures."""

    decision = FreeText(
        label="Décision",
        rows=3,
        required=False,
        max_length=2000,
        help_text="Ne nommez personne : la référence suffit.",
    )
    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, item: CommissionItem) -> None:
        super().__init__(data, initial={"decision": item.decision}, auto_id=f"decision_{item.pk}_%s")
        self.initial["version"] = item.version


class TaskForm(forms.Form):
    """Who does what, by when. Without words of its own, the task is what was decided."""

    what = ShortText(label="À faire", max_length=200, required=False)
    to = forms.ChoiceField(label="Par", error_messages={"required": "Choisissez qui s’en charge."})
    due_on = _day_field("Pour le")

    def __init__(
        self, data: Any = None, *, item: CommissionItem, choices: list[tuple[str, str]], today: dt.date
    ) -> None:
        self.today = today
        initial = {"what": item.decision[:200], "due_on": today + dt.timedelta(days=14)}
        super().__init__(data, initial=initial, auto_id=f"tache_{item.pk}_%s")
        field = self.fields["to"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
        self.decision = item.decision

    def clean_what(self) -> str:
        """What is typed, else the decision. Refuses a task that says nothing."""
        what: str = self.cleaned_data["what"].strip() or self.decision[:200].strip()
        if not what:
            raise forms.ValidationError("Écrivez ce qui est à faire.", code="required")
        return what

    def clean_due_on(self) -> dt.date:
        """A day to come."""
        due_on: dt.date = self.cleaned_data["due_on"]
        if not self.today <= due_on <= self.today + LATEST:
            raise forms.ValidationError("Choisissez une date à venir, dans l’année.", code="day")
        return due_on
