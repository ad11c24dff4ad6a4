"""The answer to the question that the suggestions ask."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms

from accounts.validators import no_nir
from referrals.forms.person_fields import BirthDateField, yes_no
from referrals.forms.persons import anlci_degree
from referrals.models import Person
from referrals.questions import Fact
from structures.forms.fields import offer_communes, read_commune
from structures.vocabulary import HalfDay, Language, Status

ONE = dict.fromkeys(["required", "invalid_choice"], "Choisissez une réponse, ou «\u00a0On ne sait pas\u00a0».")
TYPED = {"required": "Écrivez la réponse, ou choisissez «\u00a0On ne sait pas\u00a0»."}


def _field(fact: Fact, today: dt.date) -> forms.Field:
    match fact.shape:
        case "date":
            date = BirthDateField(label=fact.label, error_messages=TYPED)
            date.today = today
            return date
        case "commune":
            typed = forms.CharField(label=fact.label, max_length=80, validators=[no_nir], error_messages=TYPED)
            offer_communes(typed, "answer")
            return typed
        case "language":
            return forms.ChoiceField(label=fact.label, choices=[("", "Choisir"), *fact.choices], error_messages=ONE)
        case "several":
            # Nobody is available at no time at all; none of the situations is an answer.
            return forms.MultipleChoiceField(
                label=fact.label,
                choices=fact.choices,
                required=fact.name != "statuses",
                widget=forms.CheckboxSelectMultiple,
                help_text=fact.hint,
                error_messages=ONE,
            )
        case _:
            return forms.ChoiceField(label=fact.label, choices=fact.choices, error_messages=ONE)


class QuestionForm(forms.Form):
    """One field, `answer`, in the shape of the fact that is asked for."""

    def __init__(self, data: Any = None, *, fact: Fact, person: Person, today: dt.date) -> None:
        super().__init__(data)
        self.fact = fact
        self.fields["answer"] = _field(fact, today)
        if fact.name == "statuses":
            self.initial["answer"] = person.statuses
        if self.errors:
            self.fields["answer"].widget.attrs["autofocus"] = True

    def clean_answer(self) -> Any:
        """A commune with its code; any other answer as it is."""
        answer = self.cleaned_data["answer"]
        return read_commune(answer) if self.fact.shape == "commune" else answer

    @property
    def changes(self) -> dict[str, Any]:
        """The answer as `Person.change` takes it."""
        answer = self.cleaned_data["answer"]
        match self.fact.name:
            case "commune":
                code, name = answer
                return {"commune": name, "commune_code": code}
            case "statuses":
                return {"statuses": [one for one in Status.values if one in answer], "statuses_known": True}
            case "availability":
                return {"availability": [one for one in HalfDay.values if one in answer]}
            case "language":
                return {"language": Language(answer).label}
            case "in_qpv" | "has_vehicle":
                return {self.fact.name: yes_no(answer)}
            case "anlci":
                return {"anlci": anlci_degree(answer)}
            case _:
                return {self.fact.name: answer}
