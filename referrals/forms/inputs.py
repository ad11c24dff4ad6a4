"""Fields that several forms of the path share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django import forms

from accounts.validators import no_health_detail, no_nir
from referrals.french import lower_first
from structures.models import Action
from structures.scales import CECRL, SCALES, Axis, Scale, levels_of
from structures.vocabulary import Cecrl, NeedTheme


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


def level_field(axis: Axis, label: str = "") -> forms.TypedChoiceField:
    """One axis, its levels as chips; « Non évalué » when nothing was measured."""
    return forms.TypedChoiceField(
        label=label or axis.label,
        choices=[*[(level.value, level.mark) for level in levels_of(axis.code)], ("", "Non évalué")],
        coerce=int,
        empty_value=None,
        required=False,
        widget=forms.RadioSelect,
    )


def asks_french(action: Action) -> bool:
    """Whether the action evaluates the levels in French."""
    return CECRL in {scale.code for scale in action.measures}


def asks_anlci(action: Action) -> bool:
    """Whether the action evaluates basic skills, whose mastery the ANLCI tells in four degrees."""
    return any(NeedTheme.BASIC_SKILLS in scale.tells for scale in action.measures)


def scale_groups(axes: Iterable[Axis]) -> list[tuple[str, str, list[Axis]]]:
    """Axes by scale: its name, the words of its lowest and highest level, its axes."""
    found: dict[str, list[Axis]] = {}
    for axis in axes:
        found.setdefault(axis.scale, []).append(axis)
    return [
        (SCALES[code].name, f"De {span(SCALES[code])} ; laissez « Non évalué » ce que vous n’avez pas regardé.", rows)
        for code, rows in found.items()
    ]


def span(scale: Scale) -> str:
    """« 0 (non acquis) à 4 (degré 4) », or « non acquis à acquis » where the chips are words."""
    ends = [scale.levels[0], scale.levels[-1]]
    return " à ".join(
        f"{level.mark} ({lower_first(level.label)})" if level.mark.isdigit() else f"« {lower_first(level.label)} »"
        for level in ends
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
