"""The invented people: what is true of them, and what their prescripteur has noted of it."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from dataclasses import dataclass
from typing import Any

from referrals.demo.chance import weighted
from referrals.demo.kinds import Kind, Public
from referrals.demo.names import ORIGINS, Origin
from referrals.models import ContactChannel
from structures.scales import AXES, CECRL, SCALES, levels_of
from structures.text import plain
from structures.vocabulary import Cecrl, DigitalLevel, Diploma, HalfDay, Licence, Quartier, Schooling, Sex, Status

PHONES = "+3326191"
"""ARCEP keeps 02 61 91 xx xx for fiction. Its fiction range of mobiles, 06 39 98, is no French number to
libphonenumber: forms would refuse to save the people who have one."""

QUARTIERS: dict[Quartier, float] = {
    Quartier.QUINIERE: 25,
    Quartier.CORNILLETTES: 20,
    Quartier.VIENNE: 25,
    Quartier.CENTRE: 20,
    Quartier.OTHER: 10,
}
"""Where those live who live in Blois outside the quartier prioritaire."""

PLACES: dict[str, dict[str, str]] = {
    "around": {
        "41295": "Vineuil",
        "41047": "La Chaussée-Saint-Victor",
        "41212": "Saint-Gervais-la-Forêt",
        "41276": "Villebarou",
    },
    "outside": {"37003": "Amboise", "45028": "Beaugency"},
    "val_de_marne": {"94017": "Champigny-sur-Marne", "94034": "Fresnes"},
}
"""INSEE code → name."""

LADDER = tuple(Cecrl)


@dataclass(frozen=True)
class Invented:
    """One person: `noted` is what their file says on the first day, the rest is what an evaluation would find."""

    noted: dict[str, Any]
    public: Public
    french_oral: Cecrl
    french_written: Cecrl
    anlci: int | None
    levels: dict[str, int]
    is_minor: bool


class People:
    """Invents people, never the same name twice."""

    def __init__(self) -> None:
        self._names: set[tuple[str, str]] = set()
        self._telephones = 0

    def invent(self, dice: random.Random, kind: Kind, on: dt.date, **forced: Any) -> Invented:
        """One person of that kind, met on that day. `forced` replaces what is noted."""
        public = weighted(dice, kind.publics)
        woman = dice.random() < kind.women
        origin = self._origin(dice, public, kind)
        first_name, last_name = self._name(dice, origin, woman)
        age = dice.randint(*kind.ages)
        born = dt.date(on.year - age, on.month, 1) - dt.timedelta(days=dice.randrange(1, 330))
        oral, written, anlci = _french(dice, public)
        noted: dict[str, Any] = {
            "first_name": first_name,
            "last_name": last_name,
            "birth_date": born,
            "sex": Sex.WOMAN if woman else Sex.MAN,
            "language": dice.choice(origin.languages),
            "needs_interpreter": public in ("fle", "literacy") and LADDER.index(oral) <= 2 and dice.random() < 0.4,
            "schooling": _schooling(public) if dice.random() < 0.9 else "",
            "digital": dice.choice([*DigitalLevel.values, ""]),
            "diploma": weighted(dice, {Diploma.VI: 42, Diploma.V: 33, Diploma.IV: 12, Diploma.III: 5, "": 8}),
            "statuses_known": dice.random() < 0.85,
            **_contact(dice, first_name, last_name, self._telephone()),
            **_home(dice, kind),
            **_mobility(dice, age),
        }
        noted["statuses"] = _statuses(dice, kind, public, age)
        if public == "at_ease":
            noted |= {"french_oral": oral, "french_written": written}
        elif dice.random() < 0.4:
            noted |= {"french_oral": oral}
        if kind.key == "business":
            noted["availability"] = list(HalfDay.values)
        elif dice.random() < 0.35:
            noted["availability"] = sorted(dice.sample(HalfDay.values, dice.randint(3, 8)))
        return Invented(noted | forced, public, oral, written, anlci, _levels(dice, public, oral), age < 18)

    def _origin(self, dice: random.Random, public: Public, kind: Kind) -> Origin:
        if public in ("fle", "literacy"):
            return weighted(dice, {origin: origin.weight for origin in ORIGINS if not origin.from_france})
        # Schooled in France, whatever the name: the family's language is one of several.
        return weighted(dice, {origin: origin.weight * (2 if origin.from_france else 1) for origin in ORIGINS})

    def _name(self, dice: random.Random, origin: Origin, woman: bool) -> tuple[str, str]:
        while True:
            name = dice.choice(origin.women if woman else origin.men), dice.choice(origin.families)
            if name not in self._names:
                self._names.add(name)
                return name

    def _telephone(self) -> str:
        self._telephones += 1
        return f"{PHONES}{1000 + self._telephones * 37 % 9000:04d}"


def _french(dice: random.Random, public: Public) -> tuple[Cecrl, Cecrl, int | None]:
    """Oral and written level, and the ANLCI degree where it applies."""
    match public:
        case "fle":
            oral = weighted(dice, {Cecrl.NONE: 8, Cecrl.A1_1: 24, Cecrl.A1: 34, Cecrl.A2: 24, Cecrl.B1: 10})
            return oral, LADDER[max(0, LADDER.index(oral) - dice.randint(0, 1))], None
        case "literacy":
            oral = weighted(dice, {Cecrl.A1_1: 40, Cecrl.A1: 40, Cecrl.A2: 20})
            return oral, Cecrl.NONE, 1
        case "illiteracy":
            return Cecrl.C1, dice.choice((Cecrl.A1, Cecrl.A2, Cecrl.A2, Cecrl.B1)), dice.choice((1, 2, 2, 3))
        case _:
            return Cecrl.C1, dice.choice((Cecrl.B2, Cecrl.C1)), None


def _levels(dice: random.Random, public: Public, oral: Cecrl) -> dict[str, int]:
    """The Cria's axes first; on the others, the person stands about as high."""
    centre = {"fle": 2, "literacy": 1, "illiteracy": 2, "at_ease": 3}[public]
    levels = {axis.code: max(0, min(4, centre + dice.choice((-1, 0, 0, 1)))) for axis in SCALES["cria"].axes}
    if public in ("fle", "literacy"):
        levels["oral"] = min(4, LADDER.index(oral))
        levels["written"] = max(0, levels["oral"] - 1)
    elif public == "illiteracy":
        levels |= {"oral": 3, "written": dice.choice((1, 1, 2))}
    found = list(levels.values())
    others = [axis for axis in AXES.values() if axis.scale not in ("cria", CECRL)]
    for axis, level in zip(others, itertools.cycle(found)):
        levels[axis.code] = round(level / 4 * (len(levels_of(axis.code)) - 1))
    return levels


def _schooling(public: Public) -> str:
    if public == "literacy":
        return Schooling.NEVER
    return Schooling.ABROAD if public == "fle" else Schooling.FRANCE


def _statuses(dice: random.Random, kind: Kind, public: Public, years: int) -> list[str]:
    found = set(kind.statuses)
    if public in ("fle", "literacy"):
        found.add(Status.FOREIGNER)
        if dice.random() < 0.5:
            found.add(Status.NEWCOMER)
    if years >= 25 and dice.random() < 0.38:
        found.add(Status.RSA)
    if years >= 18 and dice.random() < 0.45:
        found.add(Status.JOB_SEEKER)
    if years >= 18 and Status.JOB_SEEKER not in found and dice.random() < 0.3:
        found.add(Status.EMPLOYEE)
    for status, share in ((Status.TENANT_SOCIAL, 0.4), (Status.DISABLED_WORKER, 0.05), (Status.HARDSHIP, 0.15)):
        if years >= 18 and dice.random() < share:
            found.add(status)
    return sorted(found)


def _contact(dice: random.Random, first_name: str, last_name: str, telephone: str) -> dict[str, Any]:
    channel = weighted(
        dice,
        {ContactChannel.SMS: 36, ContactChannel.CALL: 28, ContactChannel.EMAIL: 24, ContactChannel.PRESCRIBER: 12},
    )
    values: dict[str, Any] = {"contact_channel": channel, "phone": telephone}
    if channel == ContactChannel.EMAIL or dice.random() < 0.25:
        letters = (char for char in plain(f"{first_name}.{last_name}") if char.isascii() and char in _ADDRESS)
        values["email"] = "".join(letters) + "@example.org"
    if channel == ContactChannel.PRESCRIBER:
        values |= {"phone": ""} if dice.random() < 0.4 else {}
        values["contact_note"] = dice.choice(("Ne pas appeler le domicile", "Passer par la référente", ""))
    else:
        values["may_leave_message"] = dice.random() < 0.6
        values["contact_note"] = dice.choice(
            ("", "", "Plutôt le matin", "Après 17 h", "Parle lentement au téléphone", "Le fils peut traduire")
        )
    return values


_ADDRESS = frozenset("abcdefghijklmnopqrstuvwxyz.-")


def _home(dice: random.Random, kind: Kind) -> dict[str, Any]:
    where = weighted(dice, kind.where)
    if where != "blois":
        code, name = dice.choice(sorted(PLACES[where].items()))
        return {"commune": name, "commune_code": code, "in_qpv": False if where == "around" else None}
    in_qpv = dice.random() < kind.in_qpv
    quartier = Quartier.NORD if in_qpv else weighted(dice, QUARTIERS)
    return {"commune": "Blois", "commune_code": "41018", "quartier": quartier, "in_qpv": in_qpv}


def _mobility(dice: random.Random, years: int) -> dict[str, Any]:
    if years < 18:
        return {"licence": Licence.NONE, "has_vehicle": False}
    licence = weighted(dice, {Licence.NONE: 58, Licence.CODE: 8, Licence.B: 26, "": 8})
    vehicle = dice.random() < 0.5 if licence == Licence.B else (False if dice.random() < 0.6 else None)
    return {"licence": licence, "has_vehicle": vehicle}
