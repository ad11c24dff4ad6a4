"""What is asked on the way: a file, what its columns hold, and whether faulty rows are left out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from structures.models.table_batch import TableBatch
from structures.spreadsheet.headings import letter
from structures.spreadsheet.reading import MAX_BYTES, PROBLEMS, Table, Unreadable, read_table

SAMPLES = 3
"""Values of a column shown beside its heading."""
SAMPLE_LENGTH = 60
ACCEPTED = ".xlsx,.ods,.csv,.tsv,.txt"


class UploadForm(forms.Form):
    """The table. What it is, its content says; its name is only shown."""

    file_name = ""
    file = forms.FileField(
        label="Fichier",
        help_text="XLSX (Excel), ODS (LibreOffice) ou CSV. Au plus 5\u00a0Mo, 5\u202f000 lignes et 60 colonnes.",
        widget=forms.FileInput({"accept": ACCEPTED}),
        error_messages={
            "required": "Choisissez un fichier.",
            "empty": PROBLEMS["empty"],
            "missing": "Choisissez un fichier.",
            "invalid": "Choisissez un fichier.",
        },
    )

    def clean_file(self) -> Table:
        """Read the table. What cannot be read is said in one sentence."""
        file: UploadedFile = self.cleaned_data["file"]
        self.file_name = file.name or "tableau"
        try:
            if (file.size or 0) > MAX_BYTES:
                raise Unreadable("size")
            return read_table(file.read())
        except Unreadable as error:
            raise forms.ValidationError(str(error), code=error.code) from error


class ColumnsForm(forms.Form):
    """What each column of the table holds: one field per column, named by its place."""

    def __init__(self, *args: Any, batch: TableBatch, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch = batch
        held = {place: key for key, place in batch.mapping.items()}
        rows = batch.table_rows
        choices = [("", "Ne pas importer"), *[(column.key, column.label) for column in batch.columns]]
        for place, heading in enumerate(batch.headings):
            column = (row.cells[place] for row in rows if place < len(row.cells))
            samples = list(dict.fromkeys(cell for cell in column if cell))[:SAMPLES]
            if not heading and not samples:
                continue
            short = (sample if len(sample) <= SAMPLE_LENGTH else f"{sample[:SAMPLE_LENGTH]}…" for sample in samples)
            self.fields[f"column_{place}"] = forms.ChoiceField(
                label=f"{letter(place)} · {heading or 'sans titre'}",
                choices=choices,
                required=False,
                initial=held.get(place, ""),
            )
            self.fields[f"column_{place}"].samples = " · ".join(short)  # type: ignore[attr-defined] # for the template

    def clean(self) -> dict[str, Any]:
        """Refuse a column that is chosen twice, and a table that names nothing."""
        cleaned = super().clean() or {}
        taken: dict[str, str] = {}
        for name, key in list(cleaned.items()):
            if not key:
                continue
            if key in taken:
                former = str(self.fields[taken[key]].label)
                self.add_error(
                    name, f"« {self.batch.columns.by_key[key].label} » est déjà choisi pour la colonne {former}."
                )
            taken.setdefault(key, name)
        for keys, message in self.batch.needed_columns:
            if not taken.keys() & keys:
                raise forms.ValidationError(message, code="name")
        return cleaned

    @property
    def mapping(self) -> dict[str, int]:
        """What was chosen: the place of each column of ours."""
        return {key: int(name.removeprefix("column_")) for name, key in self.cleaned_data.items() if key}


class RunForm(forms.Form):
    """Do what the preview says; `seen` is its digest, and `partly` the choice to leave the faulty rows out."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    partly = forms.BooleanField(required=False)
