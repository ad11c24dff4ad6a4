"""The comment of a bilan collectif. The figures are counted, never typed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django import forms

from referrals.forms.inputs import FreeText
from referrals.models import Person
from structures.text import plain

SHORTEST_NAME = 3
"""Letters from which a name is looked for: shorter ones are too often ordinary words."""


class SessionReportForm(forms.Form):
    """What is to be kept in mind of the session, without a name: other structures read it."""

    comment = FreeText(
        label="Ce qu’il faut retenir",
        rows=6,
        required=False,
        help_text="Lu par les prescripteurs et les financeurs : ne nommez ni ne laissez reconnaître personne.",
    )

    def __init__(self, *args: Any, people: Iterable[Person], **kwargs: Any) -> None:
        self.people = list(people)
        super().__init__(*args, **kwargs)

    def clean_comment(self) -> str:
        """Refuse the names of the participants, written as names are."""
        comment: str = self.cleaned_data["comment"]
        said = {plain(word) for word in re.findall(r"\w+", comment) if word[:1].isupper()}
        for person in self.people:
            for name in (person.last_name, person.first_name):
                words = plain(name).replace("-", " ").split()
                if words and max(map(len, words)) >= SHORTEST_NAME and set(words) <= said:
                    raise forms.ValidationError(
                        f"« {name} » est le nom d’une personne de la session : retirez-le.", code="name"
                    )
        return comment
