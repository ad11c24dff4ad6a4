"""When a member of the team is away, and who stands in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django import forms

from structures.forms.fields import DayField
from structures.models import Membership

LONGEST_ABSENCE = dt.timedelta(days=366)
"""Someone away for longer has left: their place is taken away instead."""


class AbsenceForm(forms.Form):
    """The first and the last day, and a colleague. Never why."""

    absent_from = DayField(label="Du", error_messages={"required": "Indiquez le premier jour."})
    absent_until = DayField(label="Au", error_messages={"required": "Indiquez le dernier jour."})
    covered_by = forms.ModelChoiceField(
        Membership.objects.none(),
        label="Qui remplace",
        required=False,
        error_messages={"invalid_choice": "Cette personne ne fait plus partie de l’équipe : choisissez-en une autre."},
        help_text="Ses lettres et ses files lui parviennent ; sans remplaçant, elles vont à l’adresse de la structure.",
    )

    def __init__(self, data: Any = None, *, member: Membership, team: Iterable[Membership], today: dt.date) -> None:
        colleagues = [one for one in team if one.pk != member.pk]
        self.today = today
        self.colleagues = {one.pk: one for one in colleagues}
        super().__init__(
            data,
            initial={
                "absent_from": member.absent_from or today,
                "absent_until": member.absent_until,
                "covered_by": member.covered_by_id,
            },
        )
        field = self.fields["covered_by"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Membership.objects.filter(pk__in=list(self.colleagues))
        field.choices = [("", "Personne en particulier"), *[(one.pk, str(one.user)) for one in colleagues]]

    def clean(self) -> dict[str, Any]:
        """One comes back after leaving, and within a year; and whoever stands in is there."""
        data = super().clean() or {}
        first, last, cover = data.get("absent_from"), data.get("absent_until"), data.get("covered_by")
        if first is None or last is None:
            return data
        if last < first:
            self.add_error("absent_until", "Le dernier jour vient avant le premier.")
        elif last < self.today:
            self.add_error("absent_until", "Cette absence est déjà passée.")
        elif last - first > LONGEST_ABSENCE:
            self.add_error("absent_until", "Une absence dure un an au plus.")
        elif (
            cover is not None
            and cover.absent_from is not None
            and (cover.absent_from <= last and cover.absent_until >= first)
        ):
            self.add_error("covered_by", "Cette personne est absente elle aussi à ces dates.")
        return data
