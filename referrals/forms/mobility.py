"""The mobility pre-diagnosis, in one page of chips."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django import forms

from referrals.forms.inputs import FreeText
from referrals.forms.person_fields import ChoiceChips, YesNoChips
from referrals.models.mobility import (
    QUESTIONS,
    Bearings,
    BicycleUse,
    BusUse,
    Means,
    MobilityAnswers,
    MobilityReading,
    SearchZone,
)
from structures.vocabulary import Licence


class MobilityForm(forms.Form):
    """What the person answers. Nothing is to be typed; what is not known stays « Non précisé »."""

    licence = ChoiceChips(label="Permis et code", choices=Licence.choices)
    vehicle = YesNoChips(label="A un véhicule qui roule")
    insured = YesNoChips(label="Ce véhicule est assuré")
    afraid = YesNoChips(label="A peur de conduire")
    bus = ChoiceChips(label="Prend le bus", choices=BusUse.choices)
    bicycle = ChoiceChips(label="Fait du vélo", choices=BicycleUse.choices)
    bearings = ChoiceChips(label="Trouve son chemin", choices=Bearings.choices)
    zone = ChoiceChips(label="Cherche un emploi ou une formation", choices=SearchZone.choices)
    means = ChoiceChips(
        label="Peut payer", choices=Means.choices, help_text="Le permis, un véhicule ou un abonnement de transport."
    )
    note = FreeText(
        label="Précisions",
        rows=2,
        required=False,
        max_length=1000,
        help_text="Par exemple « une voiture familiale le week-end ». Ni détail de santé, ni "
        "numéro de sécurité sociale.",
    )

    def __init__(self, data: Any = None, *, held: MobilityAnswers) -> None:
        super().__init__(data, initial=asdict(held))

    @property
    def driving(self) -> list[forms.BoundField]:
        """The questions about a car."""
        return [self[name] for name in ("licence", "vehicle", "insured", "afraid")]

    @property
    def moving(self) -> list[forms.BoundField]:
        """The questions about getting around without one."""
        return [self[name] for name in ("bus", "bicycle", "bearings")]

    @property
    def searching(self) -> list[forms.BoundField]:
        """The questions about what the person looks for, and can pay."""
        return [self[name] for name in ("zone", "means")]

    def clean(self) -> dict[str, Any]:
        """Something must be answered, and only a vehicle that exists is insured."""
        data = super().clean() or self.cleaned_data
        if data.get("insured") and data.get("vehicle") is False:
            self.add_error("insured", "Sans véhicule, il n’y a rien à assurer : corrigez l’une des deux réponses.")
        if not self.errors and not self.answers.known:
            self.add_error("licence", "Répondez à une question au moins.")
        return data

    @property
    def answers(self) -> MobilityAnswers:
        """The answers, as they are recorded."""
        return MobilityAnswers(**{name: self.cleaned_data[name] for name in QUESTIONS})


def answers_held(reading: MobilityReading | None, licence: str, has_vehicle: bool | None) -> MobilityAnswers:
    """What the page starts from: the last reading, and above it what the person's file says today.

    An insurance goes with its vehicle: it is asked again when the vehicle is gone.
    """
    held = asdict(reading.answers) if reading is not None else asdict(MobilityAnswers())
    held["licence"] = licence or held["licence"]
    held["vehicle"] = held["vehicle"] if has_vehicle is None else has_vehicle
    held["insured"] = held["insured"] if held["vehicle"] else None
    return MobilityAnswers(**held)
