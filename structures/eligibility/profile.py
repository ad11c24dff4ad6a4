"""What is known of a person, as far as eligibility is concerned."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from structures.vocabulary import CECRL_ORDER, Cecrl, LearnerPublic, Schooling


@dataclass(frozen=True)
class Profile:
    """The facts known of a person. Empty text and `None` mean unknown, never "no".

    `statuses` are those that the person holds; a status that is absent is "not held" only when
    `statuses_known`, and unknown otherwise. `availability` is `None` when nobody asked. `prescriber_kind`
    is the kind of the structure that would send the fiche.
    """

    birth_date: dt.date | None = None
    sex: str = ""
    commune_code: str = ""
    commune_name: str = ""
    department: str = ""
    epci: str = ""
    in_qpv: bool | None = None
    statuses: frozenset[str] = frozenset()
    statuses_known: bool = False
    french_oral: str = ""
    french_written: str = ""
    schooling: str = ""
    anlci: int | None = None
    digital: str = ""
    licence: str = ""
    has_vehicle: bool | None = None
    diploma: str = ""
    language: str = ""
    availability: frozenset[str] | None = None
    prescriber_kind: str = ""

    def learner_public(self) -> str:
        """Which of the three publics of basic training the person belongs to; empty when it cannot be told.

        Never schooled: alphabétisation, whatever the language. Schooled abroad: FLE, unless the person
        speaks French as a mother tongue, and then savoirs de base. Schooled in France: savoirs de base,
        unless the person speaks little French (below B1: arrived late at school), and then FLE.
        """
        if self.schooling == Schooling.NEVER:
            return LearnerPublic.LITERACY
        if self.schooling == Schooling.ABROAD:
            return LearnerPublic.ILLITERACY if self.french_oral == Cecrl.C1 else LearnerPublic.FLE
        if self.schooling == Schooling.FRANCE:
            learns = self.french_oral and CECRL_ORDER.index(self.french_oral) < CECRL_ORDER.index(Cecrl.B1)
            return LearnerPublic.FLE if learns else LearnerPublic.ILLITERACY
        return ""

    def age(self, on: dt.date) -> int | None:
        """Age in completed years on that day."""
        born = self.birth_date
        return on.year - born.year - ((on.month, on.day) < (born.month, born.day)) if born else None
