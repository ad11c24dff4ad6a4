"""A rule of reminders, typed as a sentence."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from referrals.outlook import delay_words
from referrals.policies import LONGEST_STOP, PolicyKind, Rule

TYPED = re.compile(r"\d{1,3}(?:(?:\s*(?:,|;|\bet\b)\s*|\s+)\d{1,3})*")
"""Numbers between commas, spaces or « et »."""


class DelaysField(forms.CharField):
    """Some days, « 3, 7 et 12 »: a tuple in order, negative when they come before their event."""

    def __init__(self, rule: Rule) -> None:
        self.spec = rule.spec
        one = self.spec.most == 1
        bounds = self.spec.bounds
        super().__init__(
            label=self.spec.asks,
            help_text=f"Un nombre, {bounds}." if one else f"Jusqu’à {self.spec.most} nombres, {bounds}.",
            error_messages={"required": "Écrivez le nombre de jours."},
            widget=forms.TextInput(
                attrs={"inputmode": "numeric" if one else "text", "size": 12, "autocomplete": "off"}
            ),
        )

    def clean(self, value: Any) -> tuple[int, ...]:
        """The delays as they are stored. Raises `ValidationError` with what to correct."""
        typed = super().clean(value)
        if not TYPED.fullmatch(typed.strip()):
            raise ValidationError("Écrivez seulement des nombres, par exemple 3, 7 et 12.", code="numbers")
        numbers = [int(one) for one in re.findall(r"\d+", typed)]
        sign = -1 if self.spec.is_before else 1
        return tuple(sorted(sign * one for one in numbers))


class PolicyForm(forms.Form):
    """Whether the rule holds, its delays, and how late a letter may still leave."""

    stop_after = forms.IntegerField(
        label="Ne plus envoyer une lettre en retard de plus de",
        min_value=1,
        max_value=LONGEST_STOP,
        help_text="Si les envois ont été arrêtés, une lettre plus ancienne est abandonnée.",
        error_messages={
            "required": "Écrivez un nombre de jours.",
            "invalid": "Écrivez un nombre de jours.",
            "min_value": f"Choisissez de 1 à {LONGEST_STOP} jours.",
            "max_value": f"Choisissez de 1 à {LONGEST_STOP} jours.",
        },
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )

    def __init__(self, data: Any = None, *, kind: PolicyKind, rule: Rule) -> None:
        self.kind, self.spec = kind, rule.spec
        super().__init__(
            data,
            initial={"is_on": rule.is_on, "delays": delay_words(rule.delays), "stop_after": rule.stop_after},
        )
        if self.spec.may_be_off:
            self.fields["is_on"] = forms.BooleanField(label="Cette règle s’applique", required=False)
        if self.spec.most:
            self.fields["delays"] = DelaysField(rule)
        self.order_fields(["is_on", "delays", "stop_after"])

    def clean(self) -> dict[str, Any]:
        """Within the bounds of the kind."""
        data = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.rule.check()
            except ValidationError as error:
                self.add_error(None, error)
        return data

    @property
    def rule(self) -> Rule:
        """What was typed, once it is valid."""
        data = self.cleaned_data
        return Rule(self.kind, data.get("is_on", True), data.get("delays", ()), data["stop_after"])
