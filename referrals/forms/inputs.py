"""Fields that several forms of the path share."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms

from accounts.validators import no_health_detail, no_nir
from structures.vocabulary import AxisLevel, Cecrl, NeedTheme


class FreeText(forms.CharField):
    """A long text: neither a social security number nor a detail of health."""

    def __init__(self, *, rows: int = 3, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": rows}))
        kwargs.setdefault("max_length", 4000)
        super().__init__(validators=[no_nir, no_health_detail], **kwargs)


class ShortText(forms.CharField):
    """A short text, with the same refusals."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=[no_nir, no_health_detail], **kwargs)


class MomentField(forms.DateTimeField):
    """A day and an hour, in local time, in one field."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"))
        kwargs.setdefault("input_formats", ["%Y-%m-%dT%H:%M", "%d/%m/%Y %H:%M", "%d/%m/%Y %Hh%M"])
        kwargs.setdefault("error_messages", {"invalid": "Écrivez le jour et l’heure ainsi : 20/11/2026 14:30."})
        super().__init__(**kwargs)


def level_field(label: str) -> forms.TypedChoiceField:
    """One axis on 0 to 4, as chips that stay on one line; « Non évalué » when nothing was measured."""
    return forms.TypedChoiceField(
        label=label,
        choices=[*[(level.value, str(level.value)) for level in AxisLevel], ("", "Non évalué")],
        coerce=int,
        empty_value=None,
        required=False,
        widget=forms.RadioSelect,
    )


def cecrl_field(label: str) -> forms.ChoiceField:
    """A level of the CECRL, as a list; empty when not evaluated."""
    return forms.ChoiceField(label=label, choices=[("", "Non évalué"), *Cecrl.choices], required=False)


def themes_field(label: str, help_text: str = "") -> forms.MultipleChoiceField:
    """Needs as chips."""
    return forms.MultipleChoiceField(
        label=label,
        choices=NeedTheme.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=help_text,
    )


def not_after(day: dt.date | None, today: dt.date, message: str) -> None:
    """Raise `ValidationError` when `day` is to come."""
    if day is not None and day > today:
        raise forms.ValidationError(message, code="future")
