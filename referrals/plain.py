"""Levels in plain French, for the pages that the person takes home: no code, no jargon."""

from __future__ import annotations

from collections.abc import Mapping

from structures.vocabulary import Axis, Cecrl, NeedTheme

AXES: dict[Axis, str] = {
    Axis.ORAL: "Parler et comprendre",
    Axis.WRITTEN: "Lire et écrire",
    Axis.ARITHMETIC: "Compter",
    Axis.REASONING: "Réfléchir et résoudre un problème",
    Axis.SPACE_TIME: "Se repérer : plans, trajets, heures, calendrier",
    Axis.TECHNOLOGY: "Utiliser l’ordinateur et le téléphone",
}

LEVELS: dict[int, str] = {
    0: "À apprendre depuis le début",
    1: "Vous avez les premiers repères",
    2: "Vous savez faire dans la vie de tous les jours",
    3: "Vous savez faire dans beaucoup de situations",
    4: "Vous êtes autonome",
}

FRENCH: dict[Cecrl, str] = {
    Cecrl.NONE: "Vous allez commencer à apprendre le français.",
    Cecrl.A1_1: "Vous connaissez les premiers mots de français (A1.1).",
    Cecrl.A1: "Vous comprenez et utilisez des phrases très simples (A1).",
    Cecrl.A2: "Vous vous débrouillez dans la vie de tous les jours (A2).",
    Cecrl.B1: "Vous vous débrouillez dans la plupart des situations (B1).",
    Cecrl.B2: "Vous discutez facilement, même de sujets compliqués (B2).",
    Cecrl.C1: "Vous êtes très à l’aise en français (C1).",
}

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
    return [(AXES[axis], LEVELS[levels[axis]]) for axis in Axis if axis in levels]


def french_in_words(oral: str, written: str) -> list[tuple[str, str]]:
    """Spoken and written French, with what the level means."""
    found = [("En parlant", oral), ("En écrivant", written)]
    return [(label, FRENCH[Cecrl(level)]) for label, level in found if level]


def next_in_words(themes: list[str]) -> list[str]:
    """What comes next, in words said to the person."""
    return [NEXT[NeedTheme(theme)] for theme in themes]


def progress_in_words(before: Mapping[str, int], after: Mapping[str, int]) -> list[tuple[str, str, str]]:
    """Each axis evaluated at the end: what it is, what the level means, and whether it rose."""
    found = []
    for axis in Axis:
        if axis in after:
            start, end = before.get(axis), after[axis]
            change = "Vous avez progressé." if start is not None and end > start else ""
            found.append((AXES[axis], LEVELS[end], change))
    return found
