"""To whom a fiche is entrusted, on each side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from accounts.models import User

NOBODY = "Personne en particulier"


ERRORS = {
    "required": "Choisissez un membre de l’équipe.",
    "invalid_choice": "Cette personne ne fait plus partie de l’équipe : choisissez-en une autre.",
}


class MemberForm(forms.Form):
    """A choice among the members of a team; each form says of whom, and whether it may be nobody."""

    passes_on = False

    def __init__(self, data: Any = None, *, team: Iterable[User], current: User | None = None) -> None:
        super().__init__(data, initial={"to": current.pk if current else ""}, auto_id="assign_%s")
        members = list(team)
        field = self.fields["to"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = User.objects.filter(pk__in=[user.pk for user in members])
        nobody = [] if field.required else [("", NOBODY)]
        field.choices = [*nobody, *[(user.pk, str(user)) for user in members]]


class AssignForm(MemberForm):
    """The member of the receiver to whom a fiche is entrusted, or nobody."""

    to = forms.ModelChoiceField(User.objects.none(), label="Confier à", required=False, error_messages=ERRORS)


class HandOverForm(MemberForm):
    """The member of the sender who follows a fiche from now on."""

    passes_on = True
    to = forms.ModelChoiceField(User.objects.none(), label="Passer le suivi à", error_messages=ERRORS)
