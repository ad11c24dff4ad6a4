"""Fields that read what French caseworkers really type."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from phonenumber_field.phonenumber import PhoneNumber

from structures.fields import read_phone

OLDEST = dt.date(1900, 1, 1)
_DAY_FIRST = re.compile(r"(\d{1,2})[\s/.\-]+(\d{1,2})[\s/.\-]+(\d{4}|\d{2})")
_YEAR_FIRST = re.compile(r"(\d{4})[\s/.\-]+(\d{1,2})[\s/.\-]+(\d{1,2})")
_RUN_TOGETHER = re.compile(r"(\d{2})(\d{2})(\d{4})")


def read_date(text: str, today: dt.date) -> dt.date | None:
    """« 04/05/1990 », « 4 5 90 », « 04051990 » or « 1990-05-04 » as a day; `None` when it is no date.

    Two digits of a year are the last such year that is not in the future.
    """
    text = text.strip()
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day = map(int, match.groups())
    elif match := _DAY_FIRST.fullmatch(text) or _RUN_TOGETHER.fullmatch(text):
        day, month, year = map(int, match.groups())
        if year < 100:
            year += 2000 if 2000 + year <= today.year else 1900
    else:
        return None
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


class BirthDateField(forms.Field):
    """A birth date typed in one go. `today` is set by the form, so that no date lies in the future."""

    today: dt.date
    widget = forms.TextInput(attrs={"inputmode": "numeric", "placeholder": "jj/mm/aaaa", "autocomplete": "off"})

    def prepare_value(self, value: Any) -> Any:
        """A stored date as people write it; what was typed stays as it was."""
        return value.strftime("%d/%m/%Y") if isinstance(value, dt.date) else value

    def to_python(self, value: Any) -> dt.date | None:
        """Read the date. Raises `ValidationError` with what to type instead."""
        if value in self.empty_values or not str(value).strip():
            return None
        found = read_date(str(value), self.today)
        if found is None:
            raise ValidationError("Cette date n’existe pas. Écrivez par exemple 04/05/1990.", code="invalid")
        if found > self.today:
            raise ValidationError("Cette date est dans le futur.", code="future")
        if found < OLDEST:
            raise ValidationError("Vérifiez l’année : elle est avant 1900.", code="too_old")
        return found


class FrenchPhoneField(forms.CharField):
    """A telephone number in any usual French writing, overseas departments included."""

    widget = forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "off"})

    def prepare_value(self, value: Any) -> Any:
        """A stored number as it is dialled from France; what was typed stays as it was."""
        return value.as_national if isinstance(value, PhoneNumber) and value.is_valid() else value

    def clean(self, value: Any) -> PhoneNumber | str:
        """Read the number. Raises `ValidationError` with an example."""
        text = str(super().clean(value) or "").strip()
        if not text:
            return ""
        if number := read_phone(text):
            return number
        raise ValidationError("Ce numéro n’est pas complet. Écrivez par exemple 06 12 34 56 78.", code="invalid")


def with_unknown(choices: list[tuple[Any, str]], label: str = "Non précisé") -> list[tuple[Any, str]]:
    """The choices, after the one that says that nobody knows."""
    return [("", label), *choices]


class ChoiceChips(forms.TypedChoiceField):
    """One choice among a few, drawn as chips; it can be left or put back to « Non précisé »."""

    widget = forms.RadioSelect

    def __init__(self, *, choices: list[tuple[Any, str]], unknown: str = "Non précisé", **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        super().__init__(choices=with_unknown(choices, unknown), **kwargs)


class ManyChips(forms.MultipleChoiceField):
    """Any number of choices, drawn as chips."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        super().__init__(**kwargs)


def yes_no(value: Any) -> bool | None:
    """« oui », « non » or nothing, as stored."""
    return {"oui": True, "non": False, True: True, False: False}.get(value)


class YesNoChips(ChoiceChips):
    """Yes, no, or nobody asked."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=[("oui", "Oui"), ("non", "Non")], coerce=yes_no, empty_value=None, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """The stored value as its chip."""
        return {True: "oui", False: "non", None: ""}.get(value, value)
