"""From the mobility pre-diagnosis to an orientation and to recommendations. Pure: the same answers, the same words.

Source: contrat de ville de Blois, volet 2 (« insertion professionnelle »), 2.2, auto-école sociale ACCV:

- « Les prescripteurs (MDCS, CIAS, Mission locale, etc.) effectuent un pré-diagnostic parmi leurs bénéficiaires, pour
  les orienter sur le Diagnostic mobilité »: an answer that decides and that nobody knows leads to the diagnosis first;
- the positionnement « permet d'orienter les personnes soit vers des formations Savoirs de base pour une remise à
  niveau ; [vers] un parcours mobilité au sein de l'ACCV ; [vers] un projet de passage de permis B avec l'ACCV,
  éventuellement en autonomie »: the three branches;
- « un plan d'action individuel, qui pourra se traduire par des ateliers spécifiques […], ou encore des évaluations
  théoriques et pratiques (simulateur de conduite). Un apprentissage de la conduite […]. Enfin un accompagnement
  individuel peut se poursuivre jusqu'à l'accès à une mobilité autonome (recherche d'un véhicule, soutien à la recherche
  de financement, assurance, etc.) »: the kinds of help, and where the path ends.

The three terms are those of a mobility platform (recommendations « à court, moyen et long terme »); the bicycle comes
from the contrat de ville's call for projects (« encourager la pratique des mobilités douces dans le quartier (actions
liées au vélo) »). The documents name the branches and give no thresholds: those that stand here are Relais' own.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices

from referrals.french import listed, lower_first
from referrals.models.mobility import Bearings, BicycleUse, BusUse, Means, MobilityAnswers, MobilityReading, SearchZone
from structures.eligibility import Profile
from structures.vocabulary import AnlciDegree, Cecrl, LearnerPublic, Licence, Schooling


class Branch(TextChoices):
    """Where a reading leads first. Exactly one holds."""

    DIAGNOSIS = "diagnosis", "Diagnostic mobilité"
    BASIC_SKILLS = "basic_skills", "Savoirs de base"
    PATHWAY = "pathway", "Parcours mobilité"
    LICENCE = "licence", "Permis B"
    AUTONOMOUS = "autonomous", "Mobilité autonome"


class Term(TextChoices):
    """When a recommendation can bear."""

    SHORT = "short", "À court terme"
    MEDIUM = "medium", "À moyen terme"
    LONG = "long", "À long terme"


class Help(TextChoices):
    """The kind of action or of help that a recommendation points to."""

    DIAGNOSIS = "diagnosis", "Diagnostic mobilité"
    POSITIONING = "positioning", "Positionnement"
    BASIC_SKILLS = "basic_skills", "Savoirs de base"
    FRENCH = "french", "Cours de français"
    WORKSHOP = "workshop", "Atelier mobilité"
    ADVICE = "advice", "Conseil en mobilité"
    BICYCLE = "bicycle", "Action vélo"
    SIMULATOR = "simulator", "Simulateur de conduite"
    THEORY = "theory", "Préparation du code"
    DRIVING = "driving", "Apprentissage de la conduite"
    EXAM = "exam", "Permis B"
    FUNDING = "funding", "Aide au financement"
    VEHICLE = "vehicle", "Recherche d’un véhicule"
    INSURANCE = "insurance", "Recherche d’une assurance"
    REVIEW = "review", "Nouveau point"


DRIVING_AGE = 17
"""Age in years from which the permis B can be passed (decree 2023-1214: 17 since 1 January 2024)."""

LOW_WRITTEN = (Cecrl.NONE, Cecrl.A1_1, Cecrl.A1)
"""Levels of written French with which the code cannot be prepared yet (the catalogue's permis B checks for A2)."""

NEAR = (SearchZone.QUARTIER, SearchZone.TOWN)
"""Zones that the bus of the town, or a bicycle, covers."""

ASKED: dict[str, str] = {
    "licence": "le permis",
    "vehicle": "le véhicule",
    "insured": "l’assurance",
    "afraid": "la peur de conduire",
    "bus": "le bus",
    "bicycle": "le vélo",
    "bearings": "les repères",
    "zone": "la zone de recherche",
}
"""The answers that decide the branch, as « À éclaircir » lists them."""


UNINSURED = "Véhicule sans assurance"
WITHOUT_LICENCE = "Pas de permis B, et rien d’autre ne fait obstacle"


@dataclass(frozen=True)
class Recommendation:
    """One sentence, said to the person; when, what it points to, and the answers that call for it."""

    term: Term
    help: Help
    text: str
    reasons: tuple[str, ...]

    @property
    def why(self) -> str:
        """The reasons in one line."""
        return listed([self.reasons[0], *(lower_first(reason) for reason in self.reasons[1:])])


@dataclass(frozen=True)
class Orientation:
    """What a reading leads to. `alone`: the permis B can be prepared without the auto-école sociale."""

    branch: Branch
    reasons: tuple[str, ...]
    recommendations: tuple[Recommendation, ...]
    alone: bool = False

    @property
    def label(self) -> str:
        """The branch in words."""
        return f"{self.branch.label}, possible en autonomie" if self.alone else str(self.branch.label)

    @property
    def by_term(self) -> list[tuple[Term, list[Recommendation]]]:
        """The recommendations of each term that has some."""
        found = [(term, [one for one in self.recommendations if one.term == term]) for term in Term]
        return [(term, ones) for term, ones in found if ones]


@dataclass(frozen=True)
class _Fact:
    """Something true, false or unknown of the person; the reasons when it is true, the questions when it is unknown."""

    value: bool | None
    reasons: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def _is(answers: MobilityAnswers, question: str, wanted: tuple[Any, ...], reason: str = "") -> _Fact:
    answer = getattr(answers, question)
    if answer in ("", None):
        return _Fact(None, missing=(question,))
    return _Fact(answer in wanted, (reason,) if reason and answer in wanted else ())


def _missing(facts: tuple[_Fact, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(question for fact in facts for question in fact.missing))


def _all(*facts: _Fact, reason: str = "") -> _Fact:
    if any(fact.value is False for fact in facts):
        return _Fact(False)
    if any(fact.value is None for fact in facts):
        return _Fact(None, missing=_missing(facts))
    return _Fact(True, (reason,) if reason else tuple(one for fact in facts for one in fact.reasons))


def _any(*facts: _Fact) -> _Fact:
    true = [fact for fact in facts if fact.value]
    if true:
        return _Fact(True, tuple(dict.fromkeys(one for fact in true for one in fact.reasons)))
    if any(fact.value is None for fact in facts):
        return _Fact(None, missing=_missing(facts))
    return _Fact(False)


def _reading_is_low(profile: Profile) -> str:
    """Why the person cannot read well enough for the code, as far as their file tells; else nothing."""
    if profile.french_written == Cecrl.NONE:
        return "Ne lit pas encore le français"
    if profile.french_written in LOW_WRITTEN:
        return f"Français écrit de niveau {profile.french_written}"
    if profile.anlci == AnlciDegree.ONE:
        return "Savoirs de base au degré ANLCI 1"
    if not profile.french_written and profile.schooling == Schooling.NEVER:
        return "Jamais scolarisé(e)"
    return ""


def _lacks_basics(answers: MobilityAnswers, profile: Profile) -> _Fact:
    """The basics come first: bearings, or reading for one who still has the code to pass."""
    lost = _is(answers, "bearings", (Bearings.LOST,), "Les plans et les horaires lui sont difficiles")
    low = _reading_is_low(profile)
    if not low:
        return lost
    return _any(lost, _is(answers, "licence", (Licence.NONE,), f"{low} : le code demande de savoir lire"))


def _is_mobile(answers: MobilityAnswers) -> _Fact:
    """By car, or by bus or bicycle as far as the search goes; and finding the way alone."""
    drives = _all(
        _is(answers, "licence", (Licence.B,)),
        _is(answers, "vehicle", (True,)),
        _is(answers, "insured", (True,)),
        _is(answers, "afraid", (False,)),
        reason="Permis B, véhicule assuré, pas de peur de conduire",
    )
    rides = _all(
        _is(answers, "zone", NEAR),
        _any(
            _is(answers, "bus", (BusUse.ALONE,), "Cherche dans sa ville, où le bus lui suffit"),
            _is(answers, "bicycle", (BicycleUse.RIDES,), "Cherche dans sa ville, où le vélo lui suffit"),
        ),
    )
    finds = _is(answers, "bearings", (Bearings.ALONE,), "Prépare sans aide un trajet nouveau")
    return _all(_any(drives, rides), finds)


def _is_held_back(answers: MobilityAnswers, profile: Profile, on: dt.date) -> _Fact:
    """Something that the parcours mobilité works on, before or besides a licence."""
    licensed = _is(answers, "licence", (Licence.B,))
    facts = [
        _is(answers, "afraid", (True,), "A peur de conduire"),
        _is(answers, "bearings", (Bearings.KNOWN,), "Ne fait que des trajets connus"),
        _is(answers, "bus", (BusUse.HELPED, BusUse.NEVER), "Ne prend pas le bus sans aide"),
        _all(licensed, _is(answers, "vehicle", (False,)), reason="Permis B, sans véhicule"),
        _all(licensed, _is(answers, "vehicle", (True,)), _is(answers, "insured", (False,)), reason=UNINSURED),
    ]
    years = profile.age(on)
    if years is not None and years < DRIVING_AGE:
        facts.append(_Fact(True, (f"A {years} ans : le permis B se passe à partir de {DRIVING_AGE} ans",)))
    return _any(*facts)


def _to_clear_up(missing: tuple[str, ...]) -> str:
    return f"À éclaircir : {listed(ASKED[question] for question in missing)}"


def orient(answers: MobilityAnswers, profile: Profile, on: dt.date) -> Orientation:
    """The one branch of a reading, why, and the recommendations, for a person of that profile on that day.

    The branches are tried in this order: savoirs de base (bearings lost, or reading too low for the code); nothing in
    the way (mobilité autonome); parcours mobilité (fear, known journeys only, no bus without help, a licence without an
    insured vehicle, under 17); else permis B. The first whose condition cannot be told for want of an answer gives way
    to the diagnosis, which names the questions.
    """
    tried = (
        (Branch.BASIC_SKILLS, _lacks_basics(answers, profile)),
        (Branch.AUTONOMOUS, _is_mobile(answers)),
        (Branch.PATHWAY, _is_held_back(answers, profile, on)),
        (Branch.LICENCE, _is(answers, "licence", (Licence.NONE, Licence.CODE), WITHOUT_LICENCE)),
    )
    branch, fact = next((branch, fact) for branch, fact in tried if fact.value is not False)
    if fact.value is None:
        reasons = (_to_clear_up(fact.missing),)
        first = Recommendation(
            Term.SHORT,
            Help.DIAGNOSIS,
            "Prenez rendez-vous pour un diagnostic mobilité : il fera le point sur vos déplacements.",
            reasons,
        )
        return Orientation(Branch.DIAGNOSIS, reasons, (first, *_recommendations(answers, profile, on)))
    alone = branch == Branch.LICENCE and answers.means == Means.YES
    why = (*fact.reasons, "Peut payer : le projet peut se mener en autonomie") if alone else fact.reasons
    return Orientation(branch, why, _recommendations(answers, profile, on), alone)


LEARNING: dict[str, tuple[Help, str]] = {
    LearnerPublic.FLE: (Help.FRENCH, "Suivez un cours de français, pour lire les panneaux, les horaires et le code."),
    LearnerPublic.LITERACY: (Help.FRENCH, "Suivez un cours pour apprendre à lire et à écrire."),
    LearnerPublic.ILLITERACY: (
        Help.BASIC_SKILLS,
        "Suivez une formation pour reprendre la lecture, l’écriture et le calcul.",
    ),
}
"""Which course comes before the code, for each of the three publics."""


def _recommendations(answers: MobilityAnswers, profile: Profile, on: dt.date) -> tuple[Recommendation, ...]:
    """What known answers call for, by term. None rests on what is unknown: answering more only adds."""
    return (*_soon(answers, profile), *_next(answers, profile), *_later(answers, profile, on))


def _soon(answers: MobilityAnswers, profile: Profile) -> list[Recommendation]:
    found = []

    def add(help_: Help, text: str, *reasons: str) -> None:
        found.append(Recommendation(Term.SHORT, help_, text, reasons))

    basics = _lacks_basics(answers, profile)
    if basics.value:
        text = "Faites le point sur la lecture, les plans et les horaires, avec une personne dont c’est le métier."
        add(Help.POSITIONING, text, *basics.reasons)
    if answers.bus == BusUse.HELPED:
        add(Help.WORKSHOP, "Entraînez-vous à prendre le bus sans aide, sur un trajet utile.", "Bus avec quelqu’un")
    if answers.bus == BusUse.NEVER:
        add(Help.WORKSHOP, "Apprenez à prendre le bus : la ligne, l’arrêt, l’horaire, le ticket.", "Pas de bus")
    if answers.bus == BusUse.NO_LINE:
        text = "Cherchez une autre solution là où il n’y a pas de bus, par exemple le covoiturage."
        add(Help.ADVICE, text, "Pas de bus utile")
    if answers.bearings == Bearings.KNOWN:
        text = "Préparez un trajet nouveau avec quelqu’un, puis refaites-le sans aide."
        add(Help.WORKSHOP, text, "Trajets connus seulement")
    if answers.bicycle == BicycleUse.NO_BICYCLE:
        add(Help.BICYCLE, "Trouvez un vélo : un prêt, un don, un atelier de réparation.", "Pas de vélo")
    if answers.vehicle and answers.insured is False:
        add(Help.INSURANCE, "Assurez le véhicule avant de le conduire.", UNINSURED)
    return found


def _next(answers: MobilityAnswers, profile: Profile) -> list[Recommendation]:
    found = []

    def add(help_: Help, text: str, *reasons: str) -> None:
        found.append(Recommendation(Term.MEDIUM, help_, text, reasons))

    basics = _lacks_basics(answers, profile)
    if basics.value:
        add(*LEARNING.get(profile.learner_public(), LEARNING[LearnerPublic.ILLITERACY]), *basics.reasons)
    if answers.bicycle == BicycleUse.CANNOT:
        add(Help.BICYCLE, "Apprenez à faire du vélo, pour les trajets courts.", "Ne sait pas faire de vélo")
    if answers.afraid:
        add(Help.SIMULATOR, "Essayez la conduite sur un simulateur, sans aller sur la route.", "A peur de conduire")
    if answers.licence == Licence.NONE:
        add(Help.THEORY, "Évaluez ce que vous savez du code de la route, puis préparez l’examen.", "Sans le code")
    if answers.licence == Licence.CODE:
        add(Help.DRIVING, "Faites évaluer votre conduite, puis apprenez à conduire.", "Code obtenu")
    if answers.licence == Licence.B and answers.vehicle is False:
        add(Help.VEHICLE, "Cherchez un véhicule, puis une assurance.", "Permis B, sans véhicule")
    if answers.means in (Means.PART, Means.NO):
        reason = "Ne peut payer qu’une partie" if answers.means == Means.PART else "Ne peut pas payer"
        add(Help.FUNDING, "Demandez une aide pour payer : un dossier se prépare avec vous.", reason)
    return found


def _later(answers: MobilityAnswers, profile: Profile, on: dt.date) -> list[Recommendation]:
    found = []

    def add(help_: Help, text: str, *reasons: str) -> None:
        found.append(Recommendation(Term.LONG, help_, text, reasons))

    if answers.licence in (Licence.NONE, Licence.CODE):
        years = profile.age(on)
        waits = years is not None and years < DRIVING_AGE
        add(Help.EXAM, f"Passez le permis B{f', à partir de {DRIVING_AGE} ans' if waits else ''}.", "Sans permis B")
        if answers.vehicle is False:
            text = "Une fois le permis obtenu, cherchez un véhicule et une assurance."
            add(Help.VEHICLE, text, "Ni permis ni véhicule")
    text = "Refaites le point dans six mois, ou dès que votre situation change."
    add(Help.REVIEW, text, "Un pré-diagnostic vaut six mois")
    return found


FILED: dict[Branch, str] = {
    Branch.DIAGNOSIS: "diagnostic mobilité à faire",
    Branch.BASIC_SKILLS: "savoirs de base d’abord",
    Branch.PATHWAY: "parcours mobilité conseillé",
    Branch.LICENCE: "préparation du permis B conseillée",
    Branch.AUTONOMOUS: "mobilité autonome",
}
"""The branch as the line of a person's file says it: a licence that is advised is not a licence that is held."""

SAID: dict[Branch, str] = {
    Branch.DIAGNOSIS: "Nous vous proposons de rencontrer quelqu’un dont c’est le métier. Vous parlerez de ce qui vous "
    "aide à vous déplacer, et de ce qui vous gêne.",
    Branch.BASIC_SKILLS: "Nous vous proposons de commencer par lire, écrire et vous repérer. Ensuite, les trajets et "
    "le code de la route seront plus faciles.",
    Branch.PATHWAY: "Nous vous proposons un accompagnement pour vous déplacer plus facilement, à votre rythme.",
    Branch.LICENCE: "Nous vous proposons de préparer le permis de conduire.",
    Branch.AUTONOMOUS: "Vous vous déplacez déjà par vos propres moyens, là où vous cherchez. C’est un atout.",
}
"""What the person's own sheet says of the branch."""

SAID_TERMS: dict[Term, str] = {
    Term.SHORT: "Maintenant",
    Term.MEDIUM: "Dans quelques mois",
    Term.LONG: "Plus tard",
}
"""The terms, as the person's own sheet names them."""

SAID_QUESTIONS: dict[str, str] = {
    "licence": "Permis et code",
    "vehicle": "Vous avez un véhicule qui roule",
    "insured": "Ce véhicule est assuré",
    "afraid": "Vous avez peur de conduire",
    "bus": "Vous prenez le bus",
    "bicycle": "Vous faites du vélo",
    "bearings": "Vous trouvez votre chemin",
    "zone": "Vous cherchez un emploi ou une formation",
    "means": "Vous pouvez payer",
}
SAID_ANSWERS: dict[str, dict[str, str]] = {
    "bicycle": {BicycleUse.NO_BICYCLE: "Vous savez en faire, sans vélo", BicycleUse.CANNOT: "Pas encore"},
    "bearings": {
        Bearings.ALONE: "Même pour un trajet nouveau",
        Bearings.KNOWN: "Sur les trajets connus",
        Bearings.LOST: "Les plans et les horaires sont difficiles",
    },
    "zone": {SearchZone.QUARTIER: "Dans votre quartier", SearchZone.TOWN: "Dans votre ville"},
}
"""What the person's own sheet says differently from the professionals' page."""


def answers_said(reading: MobilityReading) -> list[tuple[str, str]]:
    """Each question that was answered, with its answer, in words said to the person."""
    words = {True: "Oui", False: "Non"}
    shown = []
    for name, value in reading.answers.known.items():
        if isinstance(value, bool):
            answer = words[value]
        else:
            answer = SAID_ANSWERS.get(name, {}).get(value) or getattr(reading, f"get_{name}_display")()
        shown.append((SAID_QUESTIONS[name], answer))
    return shown
