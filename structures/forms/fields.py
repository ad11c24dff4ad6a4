"""Fields that several forms share."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from structures.eligibility.parsing import COMMUNE, DEPARTMENT, EPCI
from structures.territory import DEPARTMENTS, EPCI_COMMUNES, EPCI_NAMES, place_name
from structures.text import commune_key


class DayField(forms.DateField):
    """A day, picked or typed."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
        kwargs.setdefault("input_formats", ["%Y-%m-%d", "%d/%m/%Y"])
        kwargs.setdefault("error_messages", {"invalid": "Écrivez la date ainsi : 20/11/2026."})
        super().__init__(**kwargs)


class ManyChips(forms.TypedMultipleChoiceField):
    """Any number of choices, drawn as chips; a list, as an array of codes is stored."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        super().__init__(**kwargs)


class WordsField(forms.CharField):
    """Several names in one line, separated by commas; stored as a list."""

    def __init__(self, *, longest: int, **kwargs: Any) -> None:
        self.longest = longest
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        """A stored list as it is typed; what was typed stays as it was."""
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Take the line apart. Raises `ValidationError` for a name that is too long."""
        words = [word.strip() for word in re.split(r"[,;\n]", super().to_python(value) or "") if word.strip()]
        if any(len(word) > self.longest for word in words):
            raise ValidationError(f"Séparez par des virgules : {self.longest} caractères au plus pour chacun.")
        return words


PLACES = {
    "communes": (COMMUNE, "commune", {code: name for towns in EPCI_COMMUNES.values() for code, name in towns.items()}),
    "departments": (DEPARTMENT, "département", DEPARTMENTS),
    "epcis": (EPCI, "intercommunalité", EPCI_NAMES),
}
"""For each sort of place: how its official codes look, its French name, and the names known here."""


class PlacesField(WordsField):
    """Places of one sort by their names, or by their official codes where their names are not known here."""

    def __init__(self, *, sort: str, **kwargs: Any) -> None:
        self.code, self.noun, names = PLACES[sort]
        self.codes = {commune_key(name): code for code, name in names.items()}
        super().__init__(longest=60, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Stored codes as names."""
        return super().prepare_value([place_name(code) for code in value] if isinstance(value, list) else value)

    def to_python(self, value: Any) -> Any:
        """Names as codes. Raises `ValidationError` naming the first one that is not known."""
        codes = []
        for word in super().to_python(value):
            known = self.codes.get(commune_key(word)) or (word if self.code.fullmatch(word) else None)
            if known is None:
                known_by = "son numéro SIREN" if self.noun == "intercommunalité" else "son code INSEE"
                raise ValidationError(f"« {word} » : {self.noun} à vérifier. Corrigez le nom, ou écrivez {known_by}.")
            codes.append(known)
        return list(dict.fromkeys(codes))
