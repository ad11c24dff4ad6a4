"""Levels in plain French, for the pages that the person takes home: no code, no jargon."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from referrals.french import day_words
from referrals.models import Bilan
from referrals.models.bilan import certificate_words
from structures.certificates import CertificateResult
from structures.scales import AXES, CECRL, french_levels, level_of
from structures.vocabulary import NeedTheme

NEXT: dict[NeedTheme, str] = {
    NeedTheme.FRENCH: "Apprendre le français",
    NeedTheme.BASIC_SKILLS: "Renforcer la lecture, l’écriture et le calcul",
    NeedTheme.DIGITAL: "Apprendre à utiliser l’ordinateur et Internet",
    NeedTheme.MOBILITY: "Se déplacer plus facilement (permis, transports)",
    NeedTheme.PROJECT: "Trouver un métier qui vous convient",
    NeedTheme.EMPLOYMENT: "Chercher un emploi",
    NeedTheme.TRAINING: "Suivre une formation, passer un diplôme",
    NeedTheme.BUSINESS: "Créer votre activité",
    NeedTheme.RIGHTS: "Connaître et faire valoir vos droits",
    NeedTheme.PAPERWORK: "Faire vos démarches administratives",
    NeedTheme.HOUSING: "Trouver ou garder un logement",
    NeedTheme.CHILDCARE: "Faire garder vos enfants",
    NeedTheme.CONFIDENCE: "Reprendre confiance en vous",
    NeedTheme.CITIZENSHIP: "Rencontrer du monde, participer à la vie du quartier",
    NeedTheme.SCHOOLING: "Reprendre ou réussir l’école",
}


def levels_in_words(levels: Mapping[str, int]) -> list[tuple[str, str]]:
    """Each axis evaluated, with what the level means."""
    return [(axis.plain, level_of(code, levels[code]).plain) for code, axis in AXES.items() if code in levels]


def french_in_words(oral: str, written: str) -> list[tuple[str, str]]:
    """Spoken and written French, with what the level means."""
    return levels_in_words(french_levels(oral, written))


def next_in_words(themes: list[str]) -> list[str]:
    """What comes next, in words said to the person."""
    return [NEXT[NeedTheme(theme)] for theme in themes]


def progress_in_words(bilan: Bilan) -> list[tuple[str, str, str]]:
    """Each axis evaluated at the end but those of French: what it is, what the level means, and whether it rose."""
    found = []
    for code, start, end in bilan.progress:
        if end is not None and AXES[code].scale != CECRL:
            change = "Vous avez progressé." if start is not None and end > start else ""
            found.append((AXES[code].plain, level_of(code, end).plain, change))
    return found


RESULTS: dict[CertificateResult, str] = {
    CertificateResult.OBTAINED: "vous l’avez",
    CertificateResult.FAILED: "pas encore ; vous pourrez le repasser",
    CertificateResult.PLANNED: "c’est prévu",
}


def certificates_in_words(bilan: Bilan) -> list[tuple[str, str]]:
    """Each certificate with what came of it, said to the person; the day where it is known."""
    found = []
    for entry in bilan.certificates:
        said = RESULTS[CertificateResult(entry["result"])]
        day = f" ({day_words(dt.date.fromisoformat(entry['on']))})" if "on" in entry else ""
        found.append((certificate_words(entry), f"{said}{day}"))
    return found
