"""What a colleague notes after a call at six months."""

from __future__ import annotations

from typing import Any

from django import forms

from referrals.models import FollowUp, FollowUpSituation
from referrals.models.followup import FollowUpState

UNREACHABLE, REFUSED, CALLED = "unreachable", "refused", "called"

SAID: dict[FollowUpSituation, str] = {
    FollowUpSituation.JOB: "En emploi",
    FollowUpSituation.TRAINING: "En formation",
    FollowUpSituation.SEARCHING: "Cherche encore",
    FollowUpSituation.HELP: "Autre, ou besoin d’aide",
}
"""The person's four answers, as a colleague notes them."""


class CallForm(forms.Form):
    """The outcome of one call: an answer, or why there is none."""

    outcome = forms.ChoiceField(
        label="Où en est la personne ?",
        widget=forms.RadioSelect,
        error_messages={"required": "Choisissez ce que la personne a répondu, ou pourquoi il n’y a pas de réponse."},
    )
    wants_call = forms.BooleanField(label="Elle souhaite un nouveau rendez-vous", required=False)

    def __init__(self, *args: Any, followup: FollowUp, **kwargs: Any) -> None:
        self.followup = followup
        super().__init__(*args, **kwargs)
        outcome = self.fields["outcome"]
        if followup.state == FollowUpState.ANSWERED:
            outcome.choices = [(CALLED, "C’est fait : la personne a été rappelée")]  # type: ignore[attr-defined] # a ChoiceField
            del self.fields["wants_call"]
        else:
            outcome.choices = [  # type: ignore[attr-defined] # a ChoiceField
                ("Sa réponse", [(code.value, label) for code, label in SAID.items()]),
                ("Pas de réponse", [(UNREACHABLE, "Injoignable"), (REFUSED, "Ne souhaite pas répondre")]),
            ]
