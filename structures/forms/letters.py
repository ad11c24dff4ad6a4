"""How often letters are wanted: one's own choice and, for a manager, that of the structure with its address."""

from __future__ import annotations

from typing import Any

from django import forms

from structures.models import Membership, Structure
from structures.vocabulary import Pace


class LettersForm(forms.Form):
    """One's own pace; a manager's form has the structure's too."""

    own = forms.ChoiceField(label="Les lettres qui vous sont adressées", choices=Pace, widget=forms.RadioSelect)
    structure = forms.ChoiceField(
        label="Les lettres adressées à la structure",
        choices=Pace,
        widget=forms.RadioSelect,
        help_text="Celles qui contiennent un lien ou une invitation partent toujours tout de suite.",
    )
    email = forms.EmailField(
        label="Adresse de la structure",
        required=False,
        max_length=254,
        help_text="Sans adresse, chaque membre concerné reçoit les lettres à la sienne.",
        error_messages={"invalid": "Cette adresse n’est pas complète : il faut par exemple accueil@exemple.fr."},
    )

    def __init__(self, data: Any = None, *, member: Membership, structure: Structure | None) -> None:
        initial = {"own": member.letters}
        if structure is not None:
            initial |= {"structure": structure.letters, "email": structure.email}
        super().__init__(data, initial=initial)
        if structure is None:
            del self.fields["structure"], self.fields["email"]
