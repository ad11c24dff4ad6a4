"""A person's facts, as the criteria read them."""

from __future__ import annotations

from referrals.models import Person
from structures.eligibility import Profile
from structures.geography import Point
from structures.models import Commune, Structure
from structures.territory import department_of, epci_of
from structures.text import plain
from structures.vocabulary import Language, Quartier

BLOIS = "41018"
COMMUNES = "SELECT * FROM structures_commune WHERE code = ANY(%s)"
"""By hand: this is asked for every suggestion, and composing the query costs twice what asking it does."""


def language_of(words: str) -> str:
    """The code of a language typed in words, whatever its accents and capitals; empty when it is not listed."""
    said = set(plain(words).replace(",", " ").split())
    return next((code for code, label in Language.choices if said & set(plain(label).replace(",", " ").split())), "")


def commune_code_of(person: Person) -> str:
    """The commune in which a person lives: the one noted, else that of their quartier."""
    in_blois = bool(person.quartier) and person.quartier != Quartier.OTHER
    return person.commune_code or (BLOIS if in_blois else "")


def profile_of(person: Person, *, prescriber_kind: str = "", commune: Commune | None = None) -> Profile:
    """The facts of a person as the criteria read them; what is not known stays unknown.

    A quartier of Blois tells the commune, and whether it is a quartier prioritaire. `commune` tells the
    intercommunalité where the built-in list does not.
    """
    in_blois = bool(person.quartier) and person.quartier != Quartier.OTHER
    commune_code = commune_code_of(person)
    in_qpv = person.in_qpv
    if in_qpv is None and in_blois:
        in_qpv = person.quartier == Quartier.NORD
    return Profile(
        birth_date=person.birth_date,
        sex=person.sex,
        commune_code=commune_code,
        commune_name=person.commune or ("Blois" if in_blois else ""),
        department=department_of(commune_code),
        epci=epci_of(commune_code) or (commune.epci if commune else ""),
        in_qpv=in_qpv,
        statuses=frozenset(person.statuses),
        statuses_known=person.statuses_known,
        french_oral=person.french_oral,
        french_written=person.french_written,
        schooling=person.schooling,
        anlci=person.anlci,
        digital=person.digital,
        licence=person.licence,
        has_vehicle=person.has_vehicle,
        diploma=person.diploma,
        language=language_of(person.language),
        availability=frozenset(person.availability) if person.availability else None,
        prescriber_kind=prescriber_kind,
    )


def whereabouts(person: Person, prescriber: Structure | None) -> tuple[Commune | None, Point | None]:
    """The commune in which the person lives, and the point from which distances are counted. At most one query.

    Where the person's commune is not known, or has no point, that of the structure which they came to see stands in.
    """
    codes = [commune_code_of(person), prescriber.commune_code if prescriber else ""]
    known = [code for code in codes if code]
    found = {row.code: row for row in Commune.objects.raw(COMMUNES, [known])} if known else {}
    home, desk = (found.get(code) for code in codes)
    start = home or desk
    return home, Point(start.latitude, start.longitude) if start else None
