"""The families of criteria: how each answers for a person, and how it says itself in French."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from structures.eligibility.profile import Profile
from structures.territory import EPCI_COMMUNES, epci_of, place_name
from structures.vocabulary import (
    CECRL_ORDER,
    DIGITAL_ORDER,
    AnlciDegree,
    Cecrl,
    DigitalLevel,
    Diploma,
    HalfDay,
    Language,
    LearnerPublic,
    Licence,
    Schooling,
    Status,
    StructureKind,
)

State = Literal["met", "unmet", "unknown"]

NEEDS: dict[str, str] = {
    "required": "obligatoire",
    "priority": "prioritaire",
    "to_check": "à vérifier avec la personne",
}
SOON = dt.timedelta(days=183)
"""An age limit that will pass within this delay is announced, although the criterion is met today."""
POSITIONING = "passer par un positionnement au Cria"
COLON = "\u00a0: "


@dataclass(frozen=True)
class Answer:
    """What one criterion says of one person.

    `level` is the criterion's need; `reason` and `change` are in French, without a final stop.
    """

    kind: str
    level: str
    state: State
    reason: str
    change: str = ""

    @property
    def blocks(self) -> bool:
        """Whether this answer alone closes the action."""
        return self.level == "required" and self.state == "unmet"

    @property
    def to_check(self) -> bool:
        """Whether this answer has to be checked before the action can be counted as open."""
        if self.level == "required":
            return self.state == "unknown"
        return self.level == "to_check" and self.state != "met"


@dataclass(frozen=True)
class Criterion(ABC):
    """One condition of an action. Each family answers for a profile and says itself as a French sentence."""

    kind: str
    need: str

    @abstractmethod
    def look(self, profile: Profile, on: dt.date) -> tuple[State, str, str]:
        """Return the state, the reason and what would change it."""

    @abstractmethod
    def sentence(self) -> str:
        """The condition itself, as the action's page shows it."""


def inside(label: str) -> str:
    """A label in the middle of a sentence: without its capital, unless it begins with an acronym."""
    return label[0].lower() + label[1:] if label[1:2].islower() else label


def listed(labels: Iterable[str]) -> str:
    """Join labels: « a, b ou c »."""
    *head, last = labels
    return f"{', '.join(head)} ou {last}" if head else last


MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)


def _french_date(day: dt.date) -> str:
    return f"{'1er' if day.day == 1 else day.day} {MONTHS[day.month - 1]} {day.year}"


def _birthday(born: dt.date, age: int) -> dt.date:
    """The day on which someone reaches that age (born on 29 February: on 1 March of other years)."""
    year = born.year + age
    try:
        return born.replace(year=year)
    except ValueError:
        return dt.date(year, 3, 1)


@dataclass(frozen=True)
class AgeCriterion(Criterion):
    """Between two ages in completed years, both included; either bound may be open."""

    minimum: int | None = None
    maximum: int | None = None

    def _span(self) -> str:
        if self.minimum is None:
            return f"jusqu’à {self.maximum} ans"
        if self.maximum is None:
            return f"à partir de {self.minimum} ans"
        return f"de {self.minimum} à {self.maximum} ans"

    def _reserved(self) -> str:
        if self.minimum is None:
            return f"moins de {(self.maximum or 0) + 1} ans"
        if self.maximum is None:
            return f"{self.minimum} ans et plus"
        return f"{self.minimum}–{self.maximum} ans"

    def sentence(self) -> str:
        return self._span().capitalize()

    def look(self, profile: Profile, on: dt.date) -> tuple[State, str, str]:
        age, born = profile.age(on), profile.birth_date
        if age is None or born is None:
            return (
                "unknown",
                f"Date de naissance inconnue{COLON}{self._span()}",
                "demander la date de naissance",
            )
        reserved = f"réservé aux {self._reserved()}"
        if self.minimum is not None and age < self.minimum:
            day = _french_date(_birthday(born, self.minimum))
            return "unmet", f"{age} ans{COLON}{reserved}", f"possible à partir du {day} ({self.minimum} ans)"
        if self.maximum is not None and age > self.maximum:
            return "unmet", f"{age} ans{COLON}{reserved}", ""
        change = ""
        if self.maximum is not None:
            last = _birthday(born, self.maximum + 1)
            if last - on <= SOON:
                change = f"commencer avant le {_french_date(last)} ({self.maximum + 1} ans)"
        return "met", f"{age} ans{COLON}{self._span()}", change


@dataclass(frozen=True)
class Fact:
    """How one fact of a profile is read and said: its values' labels, and how it is asked."""

    read: Callable[[Profile], Any]
    labels: dict[Any, str]
    unknown: str
    ask: str
    order: tuple[Any, ...] = ()
    lead: str = ""
    advice: str = ""

    def say(self, value: Any) -> str:
        """A value for a reader, with the name of the scale when there is one: « écrit A2 »."""
        return f"{self.lead} {self.labels[value]}".strip()


def _short(labels: dict[Any, str]) -> dict[Any, str]:
    """Keep what stands before the parenthesis of each label."""
    return {value: label.split(" (")[0] for value, label in labels.items()}


SCALES: dict[str, Fact] = {
    "french_oral": Fact(
        read=lambda p: p.french_oral,
        labels={**dict(Cecrl.choices), "none": "inférieur à A1.1", "C1": "C1"},
        unknown="Niveau de français à l’oral inconnu",
        ask=POSITIONING,
        order=CECRL_ORDER,
        lead="oral",
        advice=POSITIONING,
    ),
    "french_written": Fact(
        read=lambda p: p.french_written,
        labels={**dict(Cecrl.choices), "none": "inférieur à A1.1", "C1": "C1"},
        unknown="Niveau de français à l’écrit inconnu",
        ask=POSITIONING,
        order=CECRL_ORDER,
        lead="écrit",
        advice=POSITIONING,
    ),
    "anlci": Fact(
        read=lambda p: p.anlci,
        labels={degree.value: str(degree.value) for degree in AnlciDegree},
        unknown="Degré de maîtrise des savoirs de base inconnu",
        ask=POSITIONING,
        order=tuple(AnlciDegree.values),
        lead="degré",
        advice=POSITIONING,
    ),
    "digital": Fact(
        read=lambda p: p.digital,
        labels={level.value: level.label.lower() for level in DigitalLevel},
        unknown="Aisance avec le numérique inconnue",
        ask="demander si la personne se sert seule d’un ordinateur ou d’un téléphone",
        order=DIGITAL_ORDER,
    ),
}
"""Facts that stand on an ordered scale, each with a `min` and a `max`."""

CHOICES: dict[str, Fact] = {
    "sex": Fact(
        read=lambda p: p.sex,
        labels={"F": "femme", "M": "homme", "X": "autre"},
        unknown="Sexe non renseigné",
        ask="demander à la personne",
    ),
    "schooling": Fact(
        read=lambda p: p.schooling,
        labels={value: label.lower().replace("france", "France") for value, label in Schooling.choices},
        unknown="Scolarité inconnue",
        ask="demander où la personne est allée à l’école",
    ),
    "learner_public": Fact(
        read=lambda p: p.learner_public(),
        labels=_short(dict(LearnerPublic.choices)),
        unknown="Public de formation inconnu",
        ask="demander où la personne est allée à l’école",
        advice=POSITIONING,
    ),
    "licence": Fact(
        read=lambda p: p.licence,
        labels={value: label[0].lower() + label[1:] for value, label in Licence.choices},
        unknown="Permis de conduire non renseigné",
        ask="demander si la personne a le code ou le permis",
    ),
    "vehicle": Fact(
        read=lambda p: "" if p.has_vehicle is None else "yes" if p.has_vehicle else "no",
        labels={"yes": "dispose d’un véhicule", "no": "n’a pas de véhicule"},
        unknown="Véhicule non renseigné",
        ask="demander si la personne dispose d’un véhicule",
    ),
    "language": Fact(
        read=lambda p: p.language,
        labels=dict(Language.choices),
        unknown="Langue parlée inconnue",
        ask="demander la langue que parle la personne",
    ),
    "diploma": Fact(
        read=lambda p: p.diploma,
        labels={v: label if v == "V" else label[0].lower() + label[1:] for v, label in Diploma.choices},
        unknown="Diplôme inconnu",
        ask="demander le diplôme le plus élevé",
    ),
    "prescriber": Fact(
        read=lambda p: p.prescriber_kind,
        labels=dict(StructureKind.choices),
        unknown="Prescripteur inconnu",
        ask="choisir la structure qui envoie la fiche",
        advice="faire envoyer la fiche par l’une de ces structures",
    ),
}
"""Facts that hold one value among a closed list, each with an `any_of`."""


@dataclass(frozen=True)
class ScaleCriterion(Criterion):
    """Between two steps of an ordered scale, both included; either bound may be open."""

    minimum: Any = None
    maximum: Any = None

    def _span(self) -> str:
        fact = SCALES[self.kind]
        low, high = self.minimum, self.maximum
        if low == high:
            return fact.say(low)
        if low is None:
            return f"{fact.say(high)} au plus"
        if high is None:
            return f"{fact.say(low)} au moins"
        return f"{fact.say(low)} à {fact.labels[high]}"

    def sentence(self) -> str:
        name = {"anlci": "Savoirs de base", "digital": "Numérique"}.get(self.kind, "Français")
        return f"{name}{COLON}{self._span()}"

    def look(self, profile: Profile, on: dt.date) -> tuple[State, str, str]:
        fact = SCALES[self.kind]
        value = fact.read(profile)
        if value in {None, ""}:
            return "unknown", f"{fact.unknown}{COLON}attendu {self._span()}", fact.ask
        rank = fact.order.index
        if self.minimum is not None and rank(value) < rank(self.minimum):
            state: State = "unmet"
        elif self.maximum is not None and rank(value) > rank(self.maximum):
            state = "unmet"
        else:
            state = "met"
        said = fact.say(value)
        reason = f"{said[0].upper()}{said[1:]}{COLON}attendu {self._span()}"
        return state, reason, f"{said}{COLON}{fact.advice}" if state == "unmet" and fact.advice else ""


@dataclass(frozen=True)
class ChoiceCriterion(Criterion):
    """One value among those listed."""

    any_of: frozenset[str] = field(default_factory=frozenset)

    def _wanted(self) -> str:
        labels = CHOICES[self.kind].labels
        return listed(label for value, label in labels.items() if value in self.any_of)

    def sentence(self) -> str:
        wanted = self._wanted()
        if self.kind == "sex":
            return f"Réservé{COLON}{wanted}s" if self.need == "required" else f"En priorité{COLON}{wanted}s"
        names = {
            "schooling": "Scolarité", "learner_public": "Public", "licence": "Permis", "diploma": "Diplôme",
            "vehicle": "Véhicule", "language": "Langue parlée", "prescriber": "Fiche envoyée par",
        }  # fmt: skip
        return f"{names[self.kind]}{COLON}{wanted}"

    def look(self, profile: Profile, on: dt.date) -> tuple[State, str, str]:
        fact = CHOICES[self.kind]
        value = fact.read(profile)
        if not value:
            return "unknown", f"{fact.unknown}{COLON}attendu {self._wanted()}", fact.ask
        said = fact.say(value)
        reason = f"{said[0].upper()}{said[1:]}{COLON}attendu {self._wanted()}"
        return ("met", reason, "") if value in self.any_of else ("unmet", reason, fact.advice)


@dataclass(frozen=True)
class StatusCriterion(Criterion):
    """At least one of the situations listed."""

    any_of: frozenset[str] = field(default_factory=frozenset)

    def _wanted(self) -> str:
        return listed(inside(status.label) for status in Status if status in self.any_of)

    def sentence(self) -> str:
        return f"Situation{COLON}{self._wanted()}"

    def look(self, profile: Profile, on: dt.date) -> tuple[State, str, str]:
        held = [status.label for status in Status if status in profile.statuses & self.any_of]
        if held:
            return "met", f"{held[0]}{COLON}attendu {self._wanted()}", ""
        if not profile.statuses_known:
            return (
                "unknown",
                f"Situation inconnue{COLON}attendu {self._wanted()}",
                "demander la situation de la personne",
            )
        others = [status.label for status in Status if status in profile.statuses]
        said = ", ".join(others) if others else "Aucune de ces situations"
        return "unmet", f"{said}{COLON}attendu {self._wanted()}", "si sa situation change, la mettre à jour"


@dataclass(frozen=True)
class ResidenceCriterion(Criterion):
    """Living in one of the communes, départements or EPCI listed, *and* in a QPV when `qpv` is true."""

    communes: frozenset[str] = field(default_factory=frozenset)
    departments: frozenset[str] = field(default_factory=frozenset)
    epcis: frozenset[str] = field(default_factory=frozenset)
    qpv: bool = False
    label: str = ""
    names: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    """What the communes are called that the built-in list does not hold."""

    def _zone(self) -> str:
        if self.label:
            return self.label
        far = dict(self.names)
        codes = self.communes | self.departments | self.epcis
        parts = sorted(far.get(code) or place_name(code) for code in codes)
        if self.qpv:
            return ", ".join(["quartier prioritaire (QPV)", *([listed(parts)] if parts else [])])
        return listed(parts)

    def sentence(self) -> str:
        return f"Habiter{COLON}{self._zone()}"

    def _in_epcis(self, profile: Profile) -> bool | None:
        """Whether the commune lies in one of the intercommunalités; unknown when their communes are not listed."""
        epci = profile.epci or epci_of(profile.commune_code)
        if epci:
            return epci in self.epcis
        return False if profile.commune_code and self.epcis <= set(EPCI_COMMUNES) else None

    def _in_zone(self, profile: Profile) -> bool | None:
        found: list[bool | None] = []
        if self.communes:
            found.append(profile.commune_code in self.communes if profile.commune_code else None)
        if self.departments:
            found.append(profile.department in self.departments if profile.department else None)
        if self.epcis:
            found.append(self._in_epcis(profile))
        if not found or True in found:
            return True
        return None if None in found else False

    def look(self, profile: Profile, on: dt.date) -> tuple[State, str, str]:
        zone = self._in_zone(profile)
        wanted = f"attendu {self._zone()}"
        if zone is False:
            place = f"{profile.commune_name or profile.commune_code}" if profile.commune_code else "Lieu de résidence"
            return "unmet", f"{place}{COLON}{wanted}", "en cas de déménagement, mettre à jour l’adresse"
        if self.qpv and profile.in_qpv is False:
            return "unmet", f"Hors quartier prioritaire (QPV){COLON}{wanted}", ""
        if zone is None:
            return "unknown", f"Lieu de résidence inconnu{COLON}{wanted}", "demander la commune"
        if self.qpv and profile.in_qpv is None:
            return "unknown", f"Quartier inconnu{COLON}{wanted}", "demander le quartier"
        said = "Habite un quartier prioritaire (QPV)" if self.qpv else "Habite la zone"
        return "met", f"{said}{COLON}{wanted}", ""


@dataclass(frozen=True)
class AvailabilityCriterion(Criterion):
    """Free on at least `minimum` half-days, counted among those listed when some are."""

    any_of: frozenset[str] = field(default_factory=frozenset)
    minimum: int = 1

    def _wanted(self) -> str:
        count = f"{self.minimum} demi-journée{'s' if self.minimum > 1 else ''}"
        if not self.any_of:
            return f"{count} par semaine"
        return f"{count} parmi {', '.join(day.label for day in HalfDay if day in self.any_of)}"

    def sentence(self) -> str:
        return f"Disponibilité{COLON}{self._wanted()}"

    def look(self, profile: Profile, on: dt.date) -> tuple[State, str, str]:
        if profile.availability is None:
            return (
                "unknown",
                f"Disponibilités inconnues{COLON}attendu {self._wanted()}",
                "demander les disponibilités",
            )
        free = profile.availability & self.any_of if self.any_of else profile.availability
        said = f"Disponible {len(free)} demi-journée{'s' if len(free) > 1 else ''}"
        if len(free) >= self.minimum:
            return "met", f"{said}{COLON}attendu {self._wanted()}", ""
        return (
            "unmet",
            f"{said}{COLON}attendu {self._wanted()}",
            "chercher avec la personne ce qui libérerait ces créneaux",
        )


@dataclass(frozen=True)
class ManualCriterion(Criterion):
    """A condition that only a human can judge: always unknown here."""

    text: str = ""

    def sentence(self) -> str:
        return self.text

    def look(self, profile: Profile, on: dt.date) -> tuple[State, str, str]:
        return "unknown", self.text, "à vérifier avec la personne"
