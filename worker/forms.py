"""What the support asks of dead letters."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms

from referrals.models.message import AbandonReason, MessageChannel, MessageQuerySet
from referrals.views.keyset import PAGE_SIZE


class DeadLetterFilter(forms.Form):
    """Which dead letters: those of one channel, of one code, or all."""

    canal = forms.ChoiceField(required=False, choices=[("", "Tous"), *MessageChannel.choices])
    code = forms.CharField(required=False, max_length=200)

    def narrow(self, rows: MessageQuerySet) -> MessageQuerySet:
        """The rows asked for; an unknown channel narrows nothing."""
        asked: dict[str, Any] = self.cleaned_data if self.is_valid() else {}
        if asked.get("canal"):
            rows = rows.filter(channel=asked["canal"])
        if "code" in self.data:
            rows = rows.filter(error=asked.get("code", ""))
        return rows


class UUIDsField(forms.Field):
    """Identifiers, as many as a page shows. Anything else is refused."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[UUID]:
        """Read them. Raises `ValidationError`."""
        try:
            return [UUID(one) for one in value or []]
        except ValueError:
            raise forms.ValidationError("Ces lettres n’existent pas.") from None

    def validate(self, value: list[UUID]) -> None:
        """Refuse none, and more than a page."""
        super().validate(value)
        if len(value) > PAGE_SIZE:
            raise forms.ValidationError("Trop de lettres à la fois.")


class ReplayForm(forms.Form):
    """The letters to post again: one, or those of a page."""

    lettre = UUIDsField(error_messages={"required": "Choisissez une lettre à renvoyer."})


class AbandonForm(forms.Form):
    """Why a letter is given up for good."""

    reason = forms.ChoiceField(
        label="Pourquoi",
        choices=[("", "Choisissez…"), *AbandonReason.choices],
        error_messages={"required": "Dites pourquoi cette lettre est abandonnée."},
    )
