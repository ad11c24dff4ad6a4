"""The typed exit: one chip says it, the class follows."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone

from referrals import deadlines
from referrals.forms.inputs import FreeText, not_after
from referrals.french import day_words
from referrals.models import ExitClass, ExitKind, Referral
from referrals.models.exit import CLASS_OF, DYNAMIC
from structures.forms.fields import DayField

CLASS_WORDS: dict[ExitClass, str] = {
    ExitClass.DURABLE: "Un emploi durable",
    ExitClass.TRANSITION: "Un emploi pour un temps",
    ExitClass.POSITIVE: "Une formation, un engagement, un objectif atteint",
    ExitClass.OTHER: "Pas encore de solution",
    ExitClass.WITHDRAWN: "Un départ qui ne compte pas dans les calculs",
}
"""The grid's classes in words that nobody has to learn."""

DYNAMIC_HELP = (
    "Les sorties marquées ◆ sont dites dynamiques : elles comptent dans l’objectif des deux tiers fixé par l’État."
)


def kind_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """The kinds under their class, the dynamic ones marked."""
    groups: dict[ExitClass, list[tuple[str, str]]] = {name: [] for name in ExitClass}
    for kind in ExitKind:
        groups[CLASS_OF[kind]].append((kind.value, f"{kind.label} ◆" if kind in DYNAMIC else kind.label))
    return [(CLASS_WORDS[name], kinds) for name, kinds in groups.items()]


def check_day(day: dt.date, referral: Referral, today: dt.date) -> dt.date:
    """An exit comes after the entry and is not to come. Raises `ValidationError`."""
    not_after(day, today, "Cette date est à venir : notez la sortie quand elle a eu lieu.")
    if referral.entered_on is not None and day < referral.entered_on:
        message = f"La personne est entrée le {day_words(referral.entered_on)} : la sortie vient après."
        raise forms.ValidationError(message, code="early")
    return day


class ExitForm(forms.Form):
    """What the person left for, and when."""

    kind = forms.ChoiceField(
        label="La personne sort vers",
        choices=kind_choices,
        widget=forms.RadioSelect,
        help_text=DYNAMIC_HELP,
        error_messages={"required": "Choisissez ce vers quoi la personne sort."},
    )
    on = DayField(label="Date de sortie")
    note = FreeText(label="Précision", required=False, rows=2)

    def __init__(self, *args: Any, referral: Referral, now: dt.datetime, **kwargs: Any) -> None:
        self.referral, self.today = referral, timezone.localdate(now)
        super().__init__(*args, **kwargs)
        self.fields["on"].initial = self.today

    def clean_on(self) -> dt.date:
        """After the entry, and not to come."""
        return check_day(self.cleaned_data["on"], self.referral, self.today)

    @property
    def check_on(self) -> dt.date:
        """When the person would be asked for news, from the date in the form."""
        day = self.today
        if self.is_bound and "on" not in self.errors:
            day = self.cleaned_data.get("on") or day
        return deadlines.add_months(day, deadlines.FOLLOWUP_MONTHS)
