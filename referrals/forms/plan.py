"""Sending the fiches of a plan at once: one consent, and for each fiche whether it leaves now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django import forms

from referrals.forms.referrals import USUAL_SCOPE, DraftForm, consent_field, expect_guardian, scope_field
from referrals.models import Person, Referral
from structures.models import Session

NOW, LATER = "now", "later"


class PlanForm(forms.Form):
    """The person's agreement, given once for all the fiches that leave; none is needed to keep them in preparation."""

    consent_how = consent_field()
    consent_scope = scope_field()

    def __init__(self, data: Any = None, *, person: Person, on: dt.date, keeps: bool = False) -> None:
        super().__init__(data, initial={"consent_scope": USUAL_SCOPE})
        self.fields["consent_how"].required = not keeps
        expect_guardian(self.fields["consent_how"], person.age(on))


class StepForm(DraftForm):
    """One fiche of the plan, under its reference: what is typed in it, and when it leaves."""

    when = forms.ChoiceField(label="Envoi", widget=forms.RadioSelect)
    version = forms.IntegerField(widget=forms.HiddenInput)
    field_order = ("when",)

    def __init__(
        self,
        data: Any = None,
        *,
        referral: Referral,
        sessions: Iterable[tuple[Session, str]] = (),
        hindrance: str = "",
    ) -> None:
        super().__init__(data, referral=referral, sessions=sessions, prefix=referral.reference)
        del self.fields["consent_scope"]
        self.referral = referral
        self.hindrance = hindrance
        waits = f", après l’étape {referral.after}" if referral.after else ""
        when = self.fields["when"]
        assert isinstance(when, forms.ChoiceField)
        when.choices = [(NOW, "Maintenant"), (LATER, f"Plus tard{waits}")]
        self.initial["when"] = LATER if waits or hindrance else NOW
        self.initial["version"] = referral.version
        self.fields["motive"].widget.attrs["rows"] = 2

    def clean_when(self) -> str:
        """Refuse to send what can no longer leave."""
        when = self.cleaned_data["when"]
        if when == NOW and self.hindrance:
            raise forms.ValidationError(self.hindrance, code="hindrance")
        return when

    @property
    def leaves_now(self) -> bool:
        """Whether the fiche is to be sent."""
        return self.cleaned_data["when"] == NOW
