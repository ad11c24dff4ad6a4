"""The one question to ask: the unknown fact of the person whose answer separates the most suggestions. Pure functions.

The answers that a fact can have are tried one after the other, and the verdict of every action that reads the fact is
taken again. What a question is worth is the number of actions whose verdict changes, averaged over the answers: each
answer weighs the same, since nothing tells beforehand which is the likelier. Ties go to the fact that stands first in
`FACTS`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from referrals.models import Person
from structures.eligibility import Answer, Criterion, Profile, Verdict, evaluate, verdict
from structures.eligibility.criteria import ResidenceCriterion
from structures.models import Action
from structures.territory import EPCI_COMMUNES, department_of, epci_of
from structures.vocabulary import (
    AnlciDegree,
    Cecrl,
    DigitalLevel,
    Diploma,
    HalfDay,
    Language,
    Licence,
    Schooling,
    Sex,
    Status,
)

MOST_MATCHES = 100
"""Actions that are looked at, from the best: beyond, a question would cost more time than it saves."""
AGES = (16, 20, 27, 35, 50, 60)
"""The ages tried for a birth date (years): one in each band that the actions of the field tell apart."""
MOST_PLACES = 8
"""Places tried for a commune, besides one that no action names."""
ELSEWHERE = "00000"
"""A commune code that no place has: somewhere that no action names."""

Shape = Literal["choice", "several", "date", "commune", "language"]
Answers = Callable[[Profile, Collection[Criterion], dt.date], list[Profile]]
Choice = tuple[str, str]


class Considered(Protocol):
    """What a question reads of one suggestion."""

    @property
    def action(self) -> Action: ...
    @property
    def answers(self) -> tuple[Answer, ...]: ...
    @property
    def verdict(self) -> Verdict: ...


class Found(Protocol):
    """What a question reads of the suggestions."""

    @property
    def considered(self) -> Sequence[Considered]: ...
    @property
    def profile(self) -> Profile: ...
    @property
    def on(self) -> dt.date: ...


def _ages(profile: Profile, criteria: Collection[Criterion], on: dt.date) -> list[Profile]:
    return [replace(profile, birth_date=dt.date(on.year - age, 1, 1)) for age in AGES]


def _places(profile: Profile, criteria: Collection[Criterion], on: dt.date) -> list[Profile]:
    """The communes that the criteria name, one in each of their intercommunalités and départements, and one apart."""
    named: set[str] = set()
    for one in criteria:
        if isinstance(one, ResidenceCriterion):
            named |= one.communes
            named |= {min(EPCI_COMMUNES[siren]) for siren in one.epcis if siren in EPCI_COMMUNES}
            named |= {f"{department}000"[:5] for department in one.departments}
    return [
        replace(profile, commune_code=code, department=department_of(code), epci=epci_of(code))
        for code in [*sorted(named)[:MOST_PLACES], ELSEWHERE]
    ]


def _statuses(profile: Profile, criteria: Collection[Criterion], on: dt.date) -> list[Profile]:
    """Nothing more than what is known already, then each situation in addition to it."""
    more = [frozenset[str](), *(frozenset([status]) for status in Status.values)]
    return [replace(profile, statuses=profile.statuses | one, statuses_known=True) for one in more]


def _half_days(profile: Profile, criteria: Collection[Criterion], on: dt.date) -> list[Profile]:
    """Free one half-day, the mornings, the afternoons, the whole week."""
    week = frozenset[str](HalfDay.values)
    mornings = frozenset(day for day in week if day.endswith("am"))
    one = frozenset[str]([HalfDay.MON_AM])
    return [replace(profile, availability=free) for free in (one, mornings, week - mornings, week)]


def _each(name: str, values: Iterable[Any]) -> Answers:
    """Each of these values of one field of the profile."""
    tried = list(values)
    return lambda profile, criteria, on: [replace(profile, **{name: value}) for value in tried]


@dataclass(frozen=True)
class Fact:
    """One fact of a person that criteria read, and how it is asked for.

    `name` is the field of `Person`; `kinds` are the criteria that read it. The question is a French sentence without
    its capital, where `{who}` and `{she}` stand for the person; `label` names the field when something is typed.
    """

    name: str
    question: str
    label: str
    kinds: frozenset[str]
    answers: Answers = field(compare=False)
    choices: tuple[Choice, ...] = ()
    shape: Shape = "choice"
    hint: str = ""

    def is_known(self, person: Person, profile: Profile) -> bool:
        """Whether there is nothing left to ask: what was typed counts, even where the criteria cannot read it."""
        if self.name == "statuses":
            return profile.statuses_known
        if self.name == "commune":
            return bool(profile.commune_code or person.commune)
        if self.name == "language":
            return bool(profile.language or person.language)
        return getattr(profile, self.name) not in ("", None)

    def said_of(self, person: Person) -> str:
        """The question as it is put: by the first name where the pronoun is known, else by « la personne »."""
        if person.sex == Sex.MAN:
            return self.question.format(who=person.first_name, she="il")
        return self.question.format(who=person.first_name if person.sex == Sex.WOMAN else "la personne", she="elle")


YES_NO: tuple[Choice, ...] = (("oui", "Oui"), ("non", "Non"))


def _fact(name: str, question: str, label: str, *kinds: str, vocabulary: Any, **values: Any) -> Fact:
    """A fact with one value of a closed list."""
    choices = tuple((str(value), str(words)) for value, words in vocabulary.choices)
    return Fact(name, question, label, frozenset(kinds), _each(name, vocabulary.values), choices, **values)


FACTS: tuple[Fact, ...] = (
    Fact(
        "birth_date",
        "quelle est sa date de naissance ?",
        "Date de naissance",
        frozenset({"age", "public"}),
        _ages,
        shape="date",
    ),
    _fact("sex", "quel est son sexe ?", "Sexe", "sex", "public", vocabulary=Sex),
    Fact(
        "commune",
        "dans quelle commune {who} habite-t-{she} ?",
        "Commune",
        frozenset({"residence", "zone"}),
        _places,
        shape="commune",
    ),
    Fact(
        "in_qpv",
        "{who} habite-t-{she} dans un quartier prioritaire (QPV) ?",
        "Quartier prioritaire",
        frozenset({"residence", "public"}),
        _each("in_qpv", [True, False]),
        YES_NO,
    ),
    Fact(
        "statuses",
        "quelle est sa situation ?",
        "Situation",
        frozenset({"status", "public"}),
        _statuses,
        tuple(Status.choices),
        "several",
        "Cochez tout ce qui convient : le reste sera noté comme ne la concernant pas.",
    ),
    _fact(
        "schooling",
        "où {who} a-t-{she} été à l’école ?",
        "Scolarité",
        "schooling",
        "learner_public",
        vocabulary=Schooling,
    ),
    _fact(
        "french_oral",
        "quel est son niveau de français à l’oral ?",
        "Français oral",
        "french_oral",
        "learner_public",
        vocabulary=Cecrl,
    ),
    _fact(
        "french_written",
        "quel est son niveau de français à l’écrit ?",
        "Français écrit",
        "french_written",
        vocabulary=Cecrl,
    ),
    _fact(
        "language",
        "quelle langue {who} parle-t-{she} ?",
        "Langue parlée",
        "language",
        vocabulary=Language,
        shape="language",
    ),
    _fact("licence", "{who} a-t-{she} le permis de conduire ?", "Permis de conduire", "licence", vocabulary=Licence),
    Fact(
        "has_vehicle",
        "{who} dispose-t-{she} d’un véhicule ?",
        "Véhicule",
        frozenset({"vehicle"}),
        _each("has_vehicle", [True, False]),
        YES_NO,
    ),
    Fact(
        "availability",
        "quand {who} est-{she} disponible ?",
        "Disponibilités",
        frozenset({"availability"}),
        _half_days,
        tuple(HalfDay.choices),
        "several",
    ),
    _fact("diploma", "quel est son diplôme le plus élevé ?", "Diplôme", "diploma", vocabulary=Diploma),
    _fact("digital", "{who} est-{she} à l’aise avec le numérique ?", "Numérique", "digital", vocabulary=DigitalLevel),
    _fact(
        "anlci",
        "quel est son degré de maîtrise des savoirs de base ?",
        "Savoirs de base",
        "anlci",
        vocabulary=AnlciDegree,
    ),
)
"""Every fact that can be asked for, from the easiest to say to the hardest to establish: the order of ties.

What only a human judges (`manual`) and who sends the fiche (`prescriber`) are no facts of the person.
"""

BY_NAME = {fact.name: fact for fact in FACTS}


@dataclass(frozen=True)
class Question:
    """The fact to ask for, what the answer is worth on average, and how many actions it may decide (`concerns`)."""

    fact: Fact
    worth: float
    concerns: int


def _worth(
    fact: Fact, read: Sequence[tuple[Verdict, tuple[Criterion, ...]]], said: dict[Criterion, Answer], found: Found
) -> Question:
    """Try each answer on the actions of `read`, whose criteria now say `said`."""
    told = {one for _, criteria in read for one in criteria if one.kind in fact.kinds}
    answers = fact.answers(found.profile, told, found.on)
    changes = 0
    touched: set[int] = set()
    for answered in answers:
        then = said | {one: evaluate(one, answered, found.on) for one in told}
        changed = {
            rank for rank, (decided, criteria) in enumerate(read) if verdict(then[one] for one in criteria) != decided
        }
        changes += len(changed)
        touched |= changed
    return Question(fact, changes / len(answers), len(touched))


def next_question(person: Person, found: Found, skipped: Collection[str] = ()) -> Question | None:
    """The question that separates the most suggestions; `None` when no answer would change any of them.

    `skipped` names the facts that are not to be asked for now.
    """
    considered = found.considered[:MOST_MATCHES]
    asked = {answer.kind for one in considered for answer in one.answers if answer.state == "unknown"}
    read = [(one.verdict, one.action.conditions()) for one in considered]
    said = {one: evaluate(one, found.profile, found.on) for one in {one for _, criteria in read for one in criteria}}
    best: Question | None = None
    for fact in FACTS:
        if fact.name in skipped or not fact.kinds & asked or fact.is_known(person, found.profile):
            continue
        concerned = [row for row in read if any(one.kind in fact.kinds for one in row[1])]
        question = _worth(fact, concerned, said, found)
        if question.worth > (best.worth if best else 0):
            best = question
    return best
