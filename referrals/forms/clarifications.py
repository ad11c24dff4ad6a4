"""A question before deciding, and its answer."""

from __future__ import annotations

from typing import Any

from django import forms

from referrals.forms.inputs import FreeText
from referrals.forms.person_fields import FrenchPhoneField
from referrals.models import Clarification, ClarificationKind, ContactChannel, Person
from referrals.models.clarification import CONTACT_QUESTION, LONGEST

CONTACT_FIELDS = ("phone", "email", "contact_channel", "may_leave_message")
"""What the answer to a request for a contact may correct of the person."""

CORRECTED = "Coordonnées mises à jour."
"""The answer, when the sender only corrected the coordinates."""


class QuestionForm(forms.Form):
    """What the receiver asks of the sender."""

    kind = forms.ChoiceField(choices=ClarificationKind.choices, widget=forms.HiddenInput)
    question = FreeText(
        label="Votre question",
        rows=2,
        max_length=LONGEST,
        help_text="Une question courte : le prescripteur la reçoit tout de suite, et le délai s’arrête.",
        error_messages={"required": "Écrivez votre question : le prescripteur ne verra rien d’autre."},
    )

    def __init__(self, data: Any = None, *, kind: ClarificationKind) -> None:
        asked = CONTACT_QUESTION if kind == ClarificationKind.CONTACT else ""
        super().__init__(data, initial={"kind": kind, "question": asked}, auto_id=f"{kind.value}_%s")
        if kind == ClarificationKind.CONTACT:
            self.fields["question"].help_text = "Le délai repart de zéro quand le prescripteur a répondu."


class ClarifyForm(forms.Form):
    """What the sender answers; the person's coordinates can be corrected by who recorded them."""

    answer = FreeText(
        label="Votre réponse",
        rows=2,
        max_length=LONGEST,
        error_messages={"required": "Écrivez votre réponse, même courte."},
    )
    phone = FrenchPhoneField(label="Téléphone", required=False)
    email = forms.EmailField(label="Adresse e-mail", required=False)
    contact_channel = forms.ChoiceField(
        label="Moyen de contact sûr", choices=ContactChannel.choices, widget=forms.RadioSelect
    )
    may_leave_message = forms.BooleanField(label="On peut laisser un message vocal", required=False)

    def __init__(self, data: Any = None, *, clarification: Clarification, person: Person, may_correct: bool) -> None:
        self.person = person
        super().__init__(data, initial={name: getattr(person, name) for name in CONTACT_FIELDS}, auto_id="clarify_%s")
        self.corrects = clarification.kind == ClarificationKind.CONTACT and may_correct
        if self.corrects:
            self.fields["answer"].required = False
            self.fields["answer"].help_text = "Facultatif si vous corrigez les coordonnées ci-dessous."
        else:
            for name in CONTACT_FIELDS:
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        """Something is said: in words, or by other coordinates."""
        data = super().clean() or {}
        if self.corrects and not self.errors and not data["answer"]:
            if not self.contact:
                self.add_error("answer", "Répondez en quelques mots, ou corrigez les coordonnées.")
            else:
                data["answer"] = CORRECTED
        return data

    @property
    def contact(self) -> dict[str, Any]:
        """The coordinates that differ from what is noted, by field."""
        if not self.corrects:
            return {}
        return {
            name: self.cleaned_data[name]
            for name in CONTACT_FIELDS
            if self.cleaned_data[name] != getattr(self.person, name)
        }
