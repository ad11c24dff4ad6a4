"""What people answer to the mobility pre-diagnosis: drawn apart, so that it changes nothing else of the stories."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from referrals.demo.chance import dice_for, weighted
from referrals.models import Actor, MobilityAnswers, MobilityReading, Person
from referrals.models.mobility import Bearings, BicycleUse, BusUse, Means, SearchZone
from structures.vocabulary import Licence

READ = 0.7
"""How often a prescripteur who notes the need « Mobilité » makes the pre-diagnosis at once."""


def read_mobility(person: Person, seed: int, actor: Actor, at: dt.datetime) -> None:
    """Record the reading of that person, or none; it repeats what the file says of the licence and the vehicle."""
    dice = dice_for(seed, f"mobility {person.full_name}")
    if dice.random() < READ:
        MobilityReading.objects.record(person, _answers(dice, person), actor, at)


def _answers(dice: random.Random, person: Person) -> MobilityAnswers:
    drives = person.licence == Licence.B
    drawn: dict[str, Any] = {
        "insured": dice.random() < 0.7 if person.has_vehicle else None,
        "afraid": weighted(dice, {True: 25 if drives else 15, False: 65, None: 15}),
        "bus": weighted(dice, {BusUse.ALONE: 46, BusUse.HELPED: 18, BusUse.NEVER: 16, BusUse.NO_LINE: 14, "": 6}),
        "bicycle": weighted(dice, {BicycleUse.RIDES: 22, BicycleUse.NO_BICYCLE: 32, BicycleUse.CANNOT: 26, "": 20}),
        "bearings": weighted(dice, {Bearings.ALONE: 52, Bearings.KNOWN: 28, Bearings.LOST: 14, "": 6}),
        "zone": weighted(
            dice,
            {
                SearchZone.QUARTIER: 8,
                SearchZone.TOWN: 34,
                SearchZone.AGGLOMERATION: 42,
                SearchZone.BEYOND: 12,
                "": 4,
            },
        ),
        "means": weighted(dice, {Means.YES: 12, Means.PART: 40, Means.NO: 36, "": 12}),
    }
    return MobilityAnswers(licence=person.licence, vehicle=person.has_vehicle, **drawn)
