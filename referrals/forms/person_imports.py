"""What is asked on the way of an import of persons: the file, and whom a row is about."""

from __future__ import annotations

from typing import Any

from django import forms

from referrals.models import Person
from referrals.models.person_batch import LEAVE, NEW, PlannedPerson
from referrals.permissions import Door
from referrals.person_columns import MOST_PERSONS
from structures.imports.forms import UploadForm


class PersonUploadForm(UploadForm):
    """The table of persons."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[
            "file"
        ].help_text = (
            f"XLSX (Excel), ODS (LibreOffice) ou CSV. Au plus 5\u00a0Mo, {MOST_PERSONS} lignes et 60 colonnes."
        )


class ChoiceForm(forms.Form):
    """One row, and those among the persons one sees who may be the same."""

    def __init__(self, *args: Any, row: PlannedPerson, door: Door, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row = row
        same = [(str(person.pk), self._words(person, door)) for person in row.likely]
        self.fields[f"qui_{row.number}"] = forms.ChoiceField(
            label=f"{row.name}, ligne {row.number} : qui est-ce ?",
            choices=[*same, (NEW, "Une autre personne : l’enregistrer"), (LEAVE, "Laisser cette ligne de côté")],
            initial=row.choice or None,
            required=False,
            widget=forms.RadioSelect,
        )

    def _words(self, person: Person, door: Door) -> str:
        born = f", né(e) le {person.birth_date:%d/%m/%Y}" if person.birth_date else ""
        ours = "compléter sa fiche" if door.may("edit", person) else "ne rien enregistrer"
        return f"{person.full_name}{born} : {ours}"

    @property
    def choice(self) -> str:
        """What was chosen; empty when nothing was."""
        return str(self.cleaned_data[f"qui_{self.row.number}"])
