"""Fields that several forms share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse

from structures.eligibility.parsing import COMMUNE, DEPARTMENT, EPCI
from structures.models import Commune
from structures.territory import COMMUNES, DEPARTMENTS, EPCI_NAMES, department_of, place_name
from structures.text import commune_key


class DayField(forms.DateField):
    """A day, picked or typed."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
        kwargs.setdefault("input_formats", ["%Y-%m-%d", "%d/%m/%Y"])
        kwargs.setdefault("error_messages", {"invalid": "Écrivez la date ainsi : 20/11/2026."})
        super().__init__(**kwargs)


class HourField(forms.TimeField):
    """An hour of the day that may be left out, picked or typed: 9:00, 9h30, 9 h."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        kwargs.setdefault("widget", forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
        kwargs.setdefault("input_formats", ["%H:%M", "%H:%M:%S", "%Hh%M", "%H h %M", "%Hh", "%H h"])
        kwargs.setdefault("error_messages", {"invalid": "Écrivez l’heure ainsi : 9:30."})
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


MOST_NAMESAKES = 6
"""Communes that a message names."""


def offer_communes(field: forms.Field, name: str) -> None:
    """Let a text field called `name` offer communes as one types; the page holds a datalist « communes »."""
    field.widget.attrs |= {
        "list": "communes",
        "autocomplete": "off",
        # Posted, and alone: where somebody lives stands in no address, and the rest of the form stays here.
        "hx-post": reverse("structures:commune_options"),
        "hx-params": name,
        "hx-trigger": "input changed delay:200ms",
        "hx-target": "#communes",
        "hx-swap": "innerHTML",
        "hx-sync": "this:replace",
    }


def read_commune(typed: str, postal_code: str = "") -> tuple[str, str]:
    """The code and the name of the commune that is meant; of an unknown one, no code and the name as it was typed.

    A postal code tells namesakes apart. Raises `ValidationError` when several communes are meant: none is guessed.
    """
    typed = " ".join(typed.split())
    if not typed:
        return "", ""
    meant = Commune.objects.meant_by(typed)
    found = list(meant[: MOST_NAMESAKES + 1])
    if len(found) > 1 and postal_code:
        found = list(meant.filter(postal_codes__contains=[postal_code])[: MOST_NAMESAKES + 1]) or found
    if len(found) > 1:
        names = ", ".join(told_apart(commune) for commune in found[:MOST_NAMESAKES])
        more = "…" if len(found) > MOST_NAMESAKES else ""
        raise ValidationError(
            f"Plusieurs communes répondent à «\u00a0{typed}\u00a0»\u00a0: {names}{more}. Laquelle\u00a0?"
        )
    return (found[0].code, found[0].name) if found else COMMUNES.get(commune_key(typed), ("", typed))


def told_apart(commune: Commune) -> str:
    """A commune as it is written among its namesakes: « Saint-Aubin (39) »."""
    return f"{commune.name} ({department_of(commune.code)})"


def commune_names(codes: Iterable[str]) -> dict[str, str]:
    """The names of communes by their codes, each told apart from its namesakes; those that are not known left out."""
    codes = list(codes)
    built_in = {code: place_name(code) for code in codes if place_name(code) != code}
    rows = Commune.objects.filter(code__in=codes).with_namesakes().order_by("code")
    found: dict[str, str] = {}
    for row in rows:
        namesake = row.has_namesake  # type: ignore[attr-defined] # annotated
        found[row.code] = told_apart(row) if namesake else row.name
    return built_in | found


PLACES = {
    "departments": (DEPARTMENT, "département", DEPARTMENTS),
    "epcis": (EPCI, "intercommunalité", EPCI_NAMES),
}
"""For each sort of place: how its official codes look, its French name, and the names known here."""


class CommunesField(WordsField):
    """Communes by their names, their postal codes, or their official codes; stored as codes. Of namesakes none is
    guessed.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(longest=90, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Stored codes as names."""
        if not isinstance(value, list):
            return value
        names = commune_names(value)
        return super().prepare_value([names.get(code, code) for code in value])

    def to_python(self, value: Any) -> Any:
        """Names as codes. Raises `ValidationError` naming each one that is not known, or means several communes."""
        codes, faults = [], []
        for word in super().to_python(value):
            try:
                code, _ = read_commune(word)
            except ValidationError as error:
                faults += error.messages
                continue
            if not code and COMMUNE.fullmatch(word):
                code = word
            if not code:
                faults.append(f"« {word} » : commune à vérifier. Corrigez le nom, ou écrivez son code INSEE.")
            codes.append(code)
        if faults:
            raise ValidationError(faults)
        return list(dict.fromkeys(codes))


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
