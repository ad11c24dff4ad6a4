"""What each sheet says: one function per document, for the page to print, the PDF and the API alike."""

from __future__ import annotations

import datetime as dt

from referrals.disclosure import profile_facts
from referrals.documents.document import Document
from referrals.drawings import level_lines
from referrals.forms.referrals import MAJORITY, USUAL_SCOPE
from referrals.models import Bilan, BilanKind, ConsentScope, Positioning, Referral
from referrals.permissions import Door
from referrals.plain import (
    certificates_in_words,
    french_in_words,
    levels_in_words,
    next_in_words,
    progress_in_words,
)
from structures.vocabulary import NeedTheme

BILAN_FILES = {
    BilanKind.POSITIONING: "retour-de-positionnement",
    BilanKind.INTERMEDIATE: "bilan-intermediaire",
    BilanKind.FINAL: "bilan-final",
}


def fiche_sheet(door: Door, referral: Referral, on: dt.date) -> Document:
    """The fiche de prescription et de liaison, as far as the consent goes; a draft is printed to be signed."""
    person = referral.person
    agreed = set(referral.consent_scope) if referral.consent_at else {*(referral.consent_scope or USUAL_SCOPE)}
    scopes = agreed & door.scopes(person)
    age = person.age(on)
    context = {
        "referral": referral,
        "person": person,
        "age": age,
        "is_minor": age is not None and age < MAJORITY,
        "shows_contact": ConsentScope.CONTACT in scopes,
        "shows_needs": ConsentScope.NEEDS in scopes,
        "needs": list(referral.needs.order_by("priority", "theme", "id")),
        "facts": profile_facts(person, scopes),
        "scope_labels": [scope.label for scope in ConsentScope if scope in agreed],
        "withheld": [scope.label for scope in ConsentScope if scope not in agreed],
        "attachments": list(referral.attachments.listed()),
    }
    return Document("referrals/referrals/print.html", context, f"{referral.reference}-fiche.pdf")


def positioning_sheet(positioning: Positioning) -> Document:
    """The page that the person takes home after a positionnement, without the professionals' notes."""
    referral = positioning.referral
    context = {
        "referral": referral,
        "positioning": positioning,
        "levels": levels_in_words(positioning.levels),
        "french": french_in_words(positioning.french_oral, positioning.french_written),
        "next": next_in_words(positioning.recommended),
        "themes": [NeedTheme(theme).label for theme in positioning.recommended],
    }
    return Document("referrals/positionings/print.html", context, f"{referral.reference}-positionnement.pdf")


def bilan_sheet(bilan: Bilan, on: dt.date) -> Document:
    """A bilan as both structures read it, with the professionals' notes."""
    referral = bilan.referral
    context = {
        "bilan": bilan,
        "referral": referral,
        "age": referral.person.age(on),
        "levels": level_lines(bilan),
        "obstacles": [NeedTheme(theme).label for theme in bilan.obstacles_left],
        "themes": [NeedTheme(theme).label for theme in bilan.recommended],
        "exit": getattr(referral, "exit", None),
    }
    name = BILAN_FILES[BilanKind(bilan.kind)]
    return Document("referrals/bilans/sheet.html", context, f"{referral.reference}-{name}.pdf")


def person_sheet(bilan: Bilan) -> Document:
    """The page that the person takes home, in plain French and without the professionals' notes."""
    context = {
        "bilan": bilan,
        "referral": bilan.referral,
        "levels": progress_in_words(bilan),
        "certificates": certificates_in_words(bilan),
        "french": french_in_words(bilan.french_oral_after, bilan.french_written_after),
        "next": next_in_words(bilan.recommended),
    }
    return Document("referrals/bilans/print.html", context, f"{bilan.referral.reference}-bilan-personne.pdf")
