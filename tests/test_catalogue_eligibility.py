"""For each action of the Blois catalogue: someone it is for is led to it, and someone it is not for sees why.

The persons are invented, and written by hand from the source documents that describe the actions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from referrals.matching import Suggestions, suggest
from referrals.models import Actor, Prediagnosis
from structures.catalogue import load_catalogue
from structures.models import Action, Structure
from structures.vocabulary import HalfDay
from tests.territory import NOW, TODAY, a_person

pytestmark = pytest.mark.django_db
CATALOGUE = Path(settings.BASE_DIR) / "structures" / "catalogues" / "blois.json"
SOURCE = "contrat-de-ville-blois"


@pytest.fixture(scope="module", autouse=True)
def catalogue(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The real catalogue, loaded once for the whole module and taken away at its end."""
    with django_db_blocker.unblock(), transaction.atomic():
        load_catalogue(CATALOGUE)
        yield
        transaction.set_rollback(True)


def aged(years: int) -> dict[str, Any]:
    return {"birth_date": dt.date(TODAY.year - years, 3, 1)}


def is_now(*statuses: str) -> dict[str, Any]:
    return {"statuses": list(statuses), "statuses_known": True}


NORD = {"commune": "Blois", "commune_code": "41018", "quartier": "nord"}
CENTRE = {"commune": "Blois", "commune_code": "41018", "quartier": "centre"}
VINEUIL = {"commune": "Vineuil", "commune_code": "41295", "quartier": "", "in_qpv": False}
VENDOME = {"commune": "Vendôme", "commune_code": "41269", "quartier": "", "in_qpv": False}
TOURS = {"commune": "Tours", "commune_code": "37261", "quartier": "", "in_qpv": False}
ORLEANS = {"commune": "Orléans", "commune_code": "45234", "in_qpv": False}
CHAMPIGNY = {"commune": "Champigny-sur-Marne", "commune_code": "94017", "in_qpv": False}
PARIS = {"commune": "Paris", "commune_code": "75056", "in_qpv": False}
FRESNES = {"commune": "Fresnes", "commune_code": "94034", "in_qpv": False}
LEARNS = {"schooling": "abroad", "sex": "F"}
FREE = {"availability": HalfDay.values}


@dataclass(frozen=True)
class Case:
    """One action, someone it is for, and what makes them someone it is not for."""

    slug: str
    who: str
    needs: tuple[str, ...]
    facts: dict[str, Any]
    instead: dict[str, Any]
    unmet: str
    sent_by: str = "france-travail-blois"
    instead_sent_by: str = ""
    level: str = "required"


CASES = [
    Case(
        "alire-apph",
        "Nadia, 41 ans, au RSA, scolarisée en France, lit avec peine et veut retravailler",
        ("basic_skills", "project", "employment"),
        NORD | aged(41) | is_now("rsa", "job_seeker") | {"sex": "F", "schooling": "france", "anlci": 2},
        aged(17),
        "17 ans\u00a0: réservé aux 18 ans et plus",
    ),
    Case(
        "alire-jeunes-ueaj",
        "Enzo, 16 ans, suivi par la PJJ, déscolarisé",
        ("schooling", "training"),
        NORD | aged(16) | is_now("pjj", "dropout") | {"sex": "M"},
        aged(19),
        "19 ans\u00a0: réservé aux moins de 18 ans",
        sent_by="ueaj-blois",
    ),
    Case(
        "alire-fli",
        "Amina, 35 ans, scolarisée au Maroc, parle un peu français, vit à Vineuil",
        ("french", "employment"),
        VINEUIL | aged(35) | LEARNS | is_now("foreigner", "job_seeker") | {"french_oral": "A1", "licence": "none"},
        {"french_oral": "B1"},
        "Oral B1\u00a0: attendu oral A1 au plus",
    ),
    Case(
        "alire-primo-arrivants",
        "Olha, 33 ans, arrivée il y a un an, niveau A2, prépare sa carte de résident",
        ("french", "citizenship"),
        NORD | aged(33) | LEARNS | is_now("newcomer", "foreigner") | {"french_oral": "A2"},
        is_now("foreigner"),
        "De nationalité étrangère\u00a0: attendu primo-arrivant",
    ),
    Case(
        "begon-asl-1",
        "Fatou, 29 ans, scolarisée au Sénégal, ne parle presque pas français",
        ("french",),
        NORD | aged(29) | LEARNS | is_now("foreigner") | {"french_oral": "A1.1"},
        {"french_oral": "A2"},
        "Oral A2\u00a0: attendu oral A1.1 au plus",
        sent_by="quartiers-proximite",
    ),
    Case(
        "begon-asl-2",
        "Mehmet, 44 ans, scolarisé en Turquie, niveau A1",
        ("french",),
        NORD | aged(44) | LEARNS | is_now("foreigner") | {"sex": "M", "french_oral": "A1"},
        {"schooling": "never"},
        "Alphabétisation\u00a0: attendu FLE",
        sent_by="quartiers-proximite",
    ),
    Case(
        "begon-asl-3",
        "Elena, 38 ans, scolarisée en Roumanie, niveau A2, veut discuter et argumenter",
        ("french",),
        CENTRE | aged(38) | LEARNS | is_now("foreigner") | {"french_oral": "A2"},
        {"french_oral": "A1"},
        "Oral A1\u00a0: attendu oral A2",
        sent_by="cias-blaisois",
    ),
    Case(
        "cria-bilan",
        "Ibrahim, 30 ans, dont on ne connaît ni le niveau ni la scolarité",
        ("french", "basic_skills"),
        NORD | aged(30) | {"sex": "M"},
        TOURS,
        "Tours\u00a0: attendu Loir-et-Cher",
    ),
    Case(
        "cria-benevoles-numerique",
        "Josette, 58 ans, n’a jamais touché un ordinateur et lit avec difficulté",
        ("digital", "basic_skills"),
        NORD | aged(58) | {"sex": "F", "digital": "none", "schooling": "france", "anlci": 1},
        {"digital": "autonomous"},
        "Autonome\u00a0: attendu débutant(e) au plus",
        sent_by="quartiers-proximite",
        level="priority",
    ),
    Case(
        "cria-rallye",
        "Bakary, 50 ans, de Vineuil, termine une formation aux savoirs de base",
        ("citizenship", "basic_skills"),
        VINEUIL | aged(50) | is_now("basic_trainee") | {"sex": "M", "anlci": 2, "schooling": "france"},
        is_now("job_seeker"),
        "Demandeur d’emploi\u00a0: attendu suit ou a suivi une formation de base",
    ),
    Case(
        "accv-diagnostic-mobilite",
        "Sandrine, 36 ans, ne peut pas rejoindre les zones d’activité ; on ne sait rien de son permis",
        ("mobility",),
        NORD | aged(36) | is_now("job_seeker") | {"sex": "F"},
        {},
        "Établissement scolaire\u00a0: attendu Mission locale, PIMMS, France Services, CIDFF, CRIA, France Travail, "
        "PLIE, Maison départementale de la cohésion sociale, CIAS ou CCAS, Maison départementale de la solidarité et "
        "de l’insertion, Mairie, Service insertion, Structure d’insertion par l’activité économique ou Association",
        sent_by="mdcs-blois",
        instead_sent_by="college-begon",
    ),
    Case(
        "accv-parcours-mobilite",
        "Karim, 27 ans, positionné par le Cria, sans permis, a peur de conduire",
        ("mobility",),
        CENTRE | aged(27) | is_now("job_seeker") | {"sex": "M", "licence": "none", "has_vehicle": False, "anlci": 3},
        TOURS,
        "Tours\u00a0: attendu Loir-et-Cher",
        sent_by="mission-locale-blaisois",
    ),
    Case(
        "accv-permis-b",
        "Lucie, 22 ans, a le code et une promesse d’embauche à Contres",
        ("mobility", "employment"),
        CENTRE | aged(22) | is_now("job_seeker") | {"sex": "F", "licence": "code", "french_written": "C1"},
        {"licence": "b"},
        "Permis B\u00a0: attendu ni code ni permis ou code obtenu",
        sent_by="mission-locale-blaisois",
    ),
    Case(
        "cidff-accompagnement",
        "Samia, 39 ans, mère isolée des quartiers Nord, veut retrouver confiance et un emploi",
        ("employment", "confidence"),
        NORD | aged(39) | is_now("job_seeker") | {"sex": "F"},
        {"sex": "M"},
        "Homme\u00a0: attendu femme",
        sent_by="mdcs-blois",
    ),
    Case(
        "cidff-permanence-droit",
        "Chantal, 47 ans, se sépare et veut connaître ses droits",
        ("rights",),
        CENTRE | aged(47) | {"sex": "F"},
        {"sex": "M"},
        "Homme\u00a0: attendu femme",
        sent_by="cias-blaisois",
        level="priority",
    ),
    Case(
        "parenthese-coaching",
        "Didier, 52 ans, éloigné de l’emploi, suivi aux Restos du Cœur, n’ose plus se présenter",
        ("confidence", "employment"),
        CENTRE | aged(52) | is_now("rsa", "hardship") | {"sex": "M"},
        is_now("employee"),
        "Salarié\u00a0: attendu demandeur d’emploi, bénéficiaire du RSA, sorti du système scolaire ou "
        "en grande difficulté sociale ou professionnelle",
    ),
    Case(
        "qp-ateliers-proximite",
        "Khadija, 55 ans, jamais scolarisée, parle français, veut remplir ses papiers seule",
        ("french", "paperwork"),
        NORD | aged(55) | {"sex": "F", "schooling": "never", "french_oral": "B1"},
        VENDOME,
        "Vendôme\u00a0: attendu Blois",
        sent_by="cias-blaisois",
    ),
    Case(
        "qp-pimms",
        "Robert, 70 ans, ne comprend pas un courrier de sa caisse",
        ("paperwork",),
        NORD | aged(70) | {"sex": "M"},
        CENTRE,
        "Hors quartier prioritaire (QPV)\u00a0: attendu quartiers Nord de Blois (QPV)",
        sent_by="cias-blaisois",
        level="priority",
    ),
    Case(
        "ml-pas-de-quartier",
        "Yanis, 22 ans, des quartiers Nord, cherche un emploi ou une formation",
        ("employment", "training"),
        NORD | aged(22) | is_now("job_seeker") | {"sex": "M"},
        aged(34),
        "34 ans\u00a0: réservé aux 14–29 ans",
    ),
    Case(
        "cdt-citoyennete",
        "Moussa, 21 ans, sans emploi, des quartiers Nord",
        ("citizenship",),
        NORD | aged(21) | is_now("job_seeker") | {"sex": "M"},
        CENTRE,
        "Hors quartier prioritaire (QPV)\u00a0: attendu quartiers Nord de Blois (QPV)",
        sent_by="mission-locale-blaisois",
    ),
    Case(
        "cdt-ateliers-creatifs",
        "Inès, 20 ans, demandeuse d’emploi, veut un CV vidéo",
        ("employment", "digital"),
        NORD | aged(20) | is_now("job_seeker") | {"sex": "F"},
        CENTRE,
        "Hors quartier prioritaire (QPV)\u00a0: attendu quartiers Nord de Blois (QPV)",
        sent_by="mission-locale-blaisois",
    ),
    Case(
        "blo-parcours-atypiques",
        "Thomas, 34 ans, de Vienne, reprend confiance après un parcours heurté",
        ("confidence", "project"),
        NORD | {"quartier": "vienne"} | aged(34) | is_now("employee") | {"sex": "M"},
        VENDOME,
        "Vendôme\u00a0: attendu Blois",
    ),
    Case(
        "cma-parcours-decouverte",
        "Léa, 19 ans, des quartiers Nord, attirée par les métiers de bouche",
        ("project", "training"),
        NORD | aged(19) | is_now("dropout") | {"sex": "F"},
        aged(31),
        "31 ans\u00a0: réservé aux 16–30 ans",
        sent_by="mission-locale-blaisois",
    ),
    Case(
        "cma-city-tour",
        "Noah, 13 ans, collégien, ne sait pas vers quel métier aller",
        ("project", "schooling"),
        NORD | aged(13) | is_now("pupil") | {"sex": "M"},
        is_now("dropout"),
        "Sorti du système scolaire\u00a0: attendu scolarisé (collège, lycée)",
        sent_by="college-begon",
    ),
    Case(
        "acesm-chantiers-educatifs",
        "Rayan, 15 ans, suivi par la prévention spécialisée, première expérience payée",
        ("employment", "confidence"),
        NORD | aged(15) | is_now("pupil") | {"sex": "M"},
        aged(27),
        "27 ans\u00a0: réservé aux 10–25 ans",
        sent_by="chasseurs-de-talents",
    ),
    Case(
        "mde-clauses-insertion",
        "Patrick, 38 ans, demandeur d’emploi, a travaillé dans le bâtiment",
        ("employment",),
        CENTRE | aged(38) | is_now("job_seeker") | {"sex": "M", "diploma": "IV"},
        is_now("employee"),
        "Salarié\u00a0: attendu demandeur d’emploi ou bénéficiaire du RSA",
    ),
    Case(
        "bio-jardin-cocagne",
        "Alain, 45 ans, en grande difficulté, aime travailler dehors",
        ("employment", "project"),
        CENTRE | aged(44) | is_now("hardship") | {"sex": "M"},
        is_now("employee"),
        "Salarié\u00a0: attendu demandeur d’emploi, bénéficiaire du RSA, reconnu travailleur handicapé ou "
        "en grande difficulté sociale ou professionnelle",
        sent_by="mdcs-blois",
    ),
    Case(
        "bio-micro-jardin",
        "Zohra, 49 ans, isolée, locataire dans les quartiers Nord",
        ("employment", "citizenship"),
        NORD | aged(49) | is_now("hardship", "tenant_social") | {"sex": "F"},
        CENTRE,
        "Hors quartier prioritaire (QPV)\u00a0: attendu quartiers Nord de Blois (QPV)",
        sent_by="cias-blaisois",
    ),
    Case(
        "bge-boutikecole",
        "Céline, 42 ans, veut ouvrir une boutique de créateurs, disponible à temps plein",
        ("business",),
        CENTRE | aged(42) | FREE | is_now("job_seeker") | {"sex": "F"},
        {"availability": ["mon_am", "tue_am"]},
        "Disponible 2 demi-journées\u00a0: attendu 10 demi-journées par semaine",
    ),
    Case(
        "bge-citeslab",
        "Ousmane, 31 ans, des quartiers Nord, a une idée de traiteur",
        ("business", "project"),
        NORD | aged(31) | is_now("job_seeker") | {"sex": "M"},
        CENTRE,
        "Hors quartier prioritaire (QPV)\u00a0: attendu quartiers Nord de Blois (QPV)",
    ),
    Case(
        "alie-chantier-ecole",
        "Franck, 35 ans, sans diplôme, motivé par les espaces verts",
        ("employment", "training"),
        ORLEANS | aged(35) | is_now("job_seeker") | {"sex": "M", "diploma": "VI"},
        {"diploma": "IV"},
        "Bac (niveau IV)\u00a0: attendu sans diplôme (niveau VI) ou CAP, BEP (niveau V)",
    ),
    Case(
        "confluences-champigny",
        "Gilles, 50 ans, dettes et logement fragile, habite Champigny",
        ("employment", "basic_skills"),
        CHAMPIGNY | aged(50) | is_now("hardship") | {"sex": "M", "anlci": 2},
        PARIS,
        "Paris\u00a0: attendu Val-de-Marne",
    ),
    Case(
        "confluences-fresnes",
        "Mariama, 41 ans, très éloignée de l’emploi, habite Fresnes",
        ("employment", "training"),
        FRESNES | aged(41) | is_now("hardship") | {"sex": "F"},
        is_now("employee"),
        "Salarié\u00a0: attendu demandeur d’emploi, bénéficiaire du RSA ou "
        "en grande difficulté sociale ou professionnelle",
    ),
    Case(
        "plie-accompagnement",
        "Sylvie, 48 ans, au chômage depuis quatre ans, de Vineuil",
        ("employment", "project", "training"),
        VINEUIL | aged(43) | is_now("job_seeker") | {"sex": "M"},
        VENDOME,
        "Vendôme\u00a0: attendu Agglopolys",
        sent_by="cias-blaisois",
    ),
    Case(
        "plateforme-mobilite-conseil",
        "Hugo, 26 ans, vient d’emménager à Vineuil, se déplace à vélo",
        ("mobility",),
        VINEUIL | aged(32) | {"sex": "M"},
        TOURS,
        "Tours\u00a0: attendu Agglopolys",
    ),
    Case(
        "cfa-prepa-apprentissage",
        "Manon, 17 ans, sortie de l’école, veut un apprentissage",
        ("training", "schooling"),
        CENTRE | aged(17) | is_now("dropout") | {"sex": "F"},
        aged(31),
        "31 ans\u00a0: réservé aux 15–29 ans",
        sent_by="mission-locale-blaisois",
    ),
    Case(
        "cap-seniors-groupe",
        "Bernard, 56 ans, licencié, ne sait plus chercher",
        ("employment", "confidence"),
        CENTRE | aged(56) | is_now("job_seeker") | {"sex": "M"},
        aged(30),
        "30 ans\u00a0: réservé aux 45 ans et plus",
    ),
    Case(
        "guichet-cours-francais",
        "Anh, 40 ans, parle peu français et cherche un cours près de Vineuil",
        ("french",),
        VINEUIL | aged(40) | LEARNS | is_now("foreigner") | {"french_oral": "A2"},
        VENDOME,
        "Vendôme\u00a0: attendu Agglopolys",
        sent_by="cias-blaisois",
    ),
]


def suggestions_for(facts: dict[str, Any], needs: tuple[str, ...], sent_by: str) -> Suggestions:
    """Record a real person with these needs (the first one first), and ask what there is for them."""
    prescriber = Structure.objects.get(source=SOURCE, source_id=f"{SOURCE}--{sent_by}")
    actor = Actor(structure=prescriber)
    person = a_person(actor, **facts)
    Prediagnosis.objects.record(person, {theme: rank for rank, theme in enumerate(needs, start=1)}, actor, NOW)
    return suggest(person, person.needs.open(), prescriber=prescriber, on=TODAY)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
def test_someone_it_is_for_finds_the_action_among_the_first_three_suggestions(case: Case) -> None:
    found = suggestions_for(case.facts, case.needs, case.sent_by)
    first = [match.action.slug for match in found.matches[:3]]
    assert case.slug in first, [(match.score, match.action.slug) for match in found.matches[:6]]
    assert all(answer.reason for answer in found.matches[first.index(case.slug)].answers)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
def test_someone_it_is_not_for_sees_the_criterion_that_is_not_met(case: Case) -> None:
    found = suggestions_for(case.facts | case.instead, case.needs, case.instead_sent_by or case.sent_by)
    shown = {match.action.slug: match for match in [*found.matches, *found.near_misses]}
    assert case.slug in shown
    match = shown[case.slug]
    unmet = [(answer.level, answer.reason) for answer in match.answers if answer.state == "unmet"]
    assert (case.level, case.unmet) in unmet
    # An unconditional welcome turns nobody away: it only comes after what is meant for the person.
    assert (match.verdict == "ineligible") == (case.level == "required")


def test_every_action_of_the_catalogue_has_its_persons() -> None:
    assert sorted(case.slug for case in CASES) == sorted(Action.objects.values_list("slug", flat=True))


def test_without_a_known_level_the_first_suggestion_for_french_is_a_positionnement() -> None:
    for facts in (NORD | LEARNS, CENTRE | {"schooling": "never"}, {}):
        found = suggestions_for(facts, ("french", "employment"), "quartiers-proximite")
        assert found.matches[0].action.slug == "cria-bilan"
        assert ("Niveau inconnu\u00a0: commencer par un positionnement", 60) in found.matches[0].parts


@pytest.mark.parametrize(
    ("level", "group"), [("A1.1", "begon-asl-1"), ("A1", "begon-asl-2"), ("A2", "begon-asl-3"), ("none", "begon-asl-1")]
)
def test_the_level_decides_the_group_and_the_others_propose_a_positionnement(level: str, group: str) -> None:
    found = suggestions_for(NORD | LEARNS | {"french_oral": level}, ("french",), "quartiers-proximite")
    open_groups = [match.action.slug for match in found.matches if match.action.slug.startswith("begon")]
    closed = [match for match in found.near_misses if match.action.slug.startswith("begon")]
    assert open_groups == [group]
    assert len(closed) == 2
    for match in closed:
        assert "passer par un positionnement au Cria" in match.obstacles[0].change
