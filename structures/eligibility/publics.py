"""data·inclusion's publics, read from what is known of a person.

The format names its publics without defining them; each is answered here from the facts that a prescripteur records,
and stays unknown where Relais records nothing that tells (no health detail, no family).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

from data_inclusion.schema import v1

from structures.eligibility.criteria import COLON, Criterion, State, inside, listed
from structures.eligibility.profile import Profile
from structures.vocabulary import Sex, Status

YOUNG, SENIOR = 26, 55
"""The ages (years) under which the employment services speak of young people, and from which of seniors."""

LABELS = {public.value: str(public.label) for public in v1.Public if public != v1.Public.TOUS_PUBLICS}


def _either(*found: bool | None) -> bool | None:
    """True when one is; unknown when none is and one is unknown."""
    if True in found:
        return True
    return None if None in found else False


def _holds(profile: Profile, *statuses: Status) -> bool | None:
    if profile.statuses.intersection(statuses):
        return True
    return False if profile.statuses_known else None


def _age_is(profile: Profile, on: dt.date, test: Callable[[int], bool]) -> bool | None:
    age = profile.age(on)
    return None if age is None else test(age)


READERS: dict[str, Callable[[Profile, dt.date], bool | None]] = {
    "actifs": lambda p, on: _holds(p, Status.EMPLOYEE, Status.JOB_SEEKER),
    "beneficiaires-des-minimas-sociaux": lambda p, on: _holds(p, Status.RSA) or None,
    "demandeurs-emploi": lambda p, on: _holds(p, Status.JOB_SEEKER),
    "etudiants": lambda p, on: True if _holds(p, Status.PUPIL) else None,
    "femmes": lambda p, on: p.sex == Sex.WOMAN if p.sex else None,
    "jeunes": lambda p, on: _age_is(p, on, lambda age: age < YOUNG),
    "personnes-en-situation-de-handicap": lambda p, on: _holds(p, Status.DISABLED_WORKER) or None,
    "personnes-en-situation-durgence": lambda p, on: _holds(p, Status.HARDSHIP) or None,
    "personnes-en-situation-juridique-specifique": lambda p, on: _holds(p, Status.PJJ) or None,
    "personnes-exilees": lambda p, on: _either(_holds(p, Status.NEWCOMER), _holds(p, Status.FOREIGNER) and None),
    "residents-qpv-frr": lambda p, on: p.in_qpv or None,
    "seniors": lambda p, on: _age_is(p, on, lambda age: age >= SENIOR),
}
"""Each public and whether the person belongs to it; `None` when it cannot be told.

Some facts prove a public without disproving it: RSA is one of several minimas, and a QPV is not the only priority
territory. A public that has no reader is never told.
"""


def belongs(public: str, profile: Profile, on: dt.date) -> bool | None:
    """Whether the person belongs to a public of data·inclusion; `None` when it cannot be told."""
    reader = READERS.get(public)
    return reader(profile, on) if reader else None


@dataclass(frozen=True)
class PublicCriterion(Criterion):
    """Belonging to at least one of the publics listed, by their data·inclusion codes."""

    any_of: frozenset[str] = field(default_factory=frozenset)

    def _wanted(self) -> str:
        return listed(inside(label) for value, label in LABELS.items() if value in self.any_of)

    def sentence(self) -> str:
        """The publics, in words."""
        return f"Public{COLON}{self._wanted()}"

    def look(self, profile: Profile, on: dt.date) -> tuple[State, str, str]:
        """Met by one public, unmet only when every one of them is known not to be the person's."""
        found = {value: belongs(value, profile, on) for value in LABELS if value in self.any_of}
        mine = [LABELS[value] for value, answer in found.items() if answer]
        if mine:
            return "met", f"{mine[0]}{COLON}attendu {self._wanted()}", ""
        if None in found.values():
            open_ones = listed(inside(LABELS[value]) for value, answer in found.items() if answer is None)
            reason = f"Public à vérifier{COLON}attendu {self._wanted()}"
            return "unknown", reason, f"demander si la personne est concernée{COLON}{open_ones}"
        return "unmet", f"Autre public{COLON}attendu {self._wanted()}", "si sa situation change, la mettre à jour"
