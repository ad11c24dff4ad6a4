"""What of a person is shown to whom, in words: the facts that a consent shares, and the short name of a colleague."""

from __future__ import annotations

from collections.abc import Collection

from django.utils import timezone

from accounts.models import User
from referrals.french import day_words
from referrals.matching import profile_of
from referrals.mobility import FILED, orient
from referrals.models import ConsentScope, Event, MobilityReading, Person, Referral
from structures.vocabulary import HalfDay, Status


def profile_facts(person: Person, scopes: Collection[str]) -> list[tuple[str, str]]:
    """Levels, mobility and situation as (label, words), what is unknown left out; empty when not shared."""
    if ConsentScope.PROFILE not in scopes:
        return []
    vehicle = {True: "dispose d’un véhicule", False: "sans véhicule", None: ""}[person.has_vehicle]
    held = ", ".join(word for word in (person.get_licence_display() if person.licence else "", vehicle) if word)
    facts = [
        ("Français oral", person.get_french_oral_display() if person.french_oral else ""),
        ("Français écrit", person.get_french_written_display() if person.french_written else ""),
        ("Scolarité", person.get_schooling_display() if person.schooling else ""),
        ("Degré ANLCI", person.get_anlci_display() if person.anlci else ""),
        ("Langue parlée", person.language),
        ("Interprète", "Souhaité" if person.needs_interpreter else ""),
        ("Numérique", person.get_digital_display() if person.digital else ""),
        ("Mobilité", "\u202f; ".join(words for words in (held, mobility_words(person)) if words)),
        ("Diplôme", person.get_diploma_display() if person.diploma else ""),
        ("Situation", ", ".join(Status(status).label for status in person.statuses)),
        ("Disponibilités", ", ".join(HalfDay(half_day).label for half_day in person.availability)),
    ]
    return [(label, words) for label, words in facts if words]


def mobility_words(person: Person) -> str:
    """« parcours mobilité conseillé (pré-diagnostic du 12 novembre 2026) », from the latest reading; else nothing."""
    reading = MobilityReading.objects.latest_of(person)
    if reading is None:
        return ""
    on = timezone.localdate(reading.recorded_at)
    branch = orient(reading.answers, profile_of(person), on).branch
    return f"{FILED[branch]} (pré-diagnostic du {day_words(on)})"


def is_hidden_on(event: Event, referral: Referral) -> bool:
    """Whether the structure of an event is a protected one that is no party to the fiche: it redirected the person."""
    structure = event.structure
    if structure is None or structure.pk in (referral.sender_id, referral.receiver_id):
        return False
    return structure.is_sensitive


def short_name(user: User | None) -> str:
    """« Camille M. »: enough to know whom to telephone, on pages that another structure reads."""
    if user is None:
        return ""
    if not user.first_name:
        return str(user)
    initial = f" {user.last_name[0].upper()}." if user.last_name else ""
    return f"{user.first_name}{initial}"
