"""The columns that a table of persons may have, in imports and in exports alike.

A reader gives what the form of a person takes; the form then says what is wrong, with the words of the page.
"""

from __future__ import annotations

import re

from referrals.models.person import ContactChannel
from structures.spreadsheet import values
from structures.spreadsheet.headings import Column, Columns
from structures.spreadsheet.values import BadCell, Choices, Reader
from structures.vocabulary import (
    AnlciDegree,
    DigitalLevel,
    Diploma,
    HalfDay,
    Licence,
    Quartier,
    Schooling,
    Sex,
)

OTHER_WRITINGS = frozenset({"full_name", "address", "postal_code"})
"""Columns that say otherwise what other columns say: they are read, and never written."""
CIVILITY = re.compile(r"(?:m\.|mr|mme|mlle|monsieur|madame|mademoiselle)\s+", re.IGNORECASE)
END_OF_ADDRESS = re.compile(
    r"(?:^|[\s,;])([0-9]{5})[\s,]+([^0-9,;]+?)(?:\s+cedex(?:\s+[0-9]+)?)?(?:[\s,]+france)?[\s,.]*$", re.IGNORECASE
)
MOST_PERSONS = 500
"""Rows of one table: each is compared with everybody, written and matched while the reader waits."""

SEXES = Choices(dict(Sex.choices), {"féminin": "F", "masculin": "M", "mme": "F", "madame": "F", "monsieur": "M"})
CHANNELS = Choices(
    dict(ContactChannel.choices),
    {
        "texto": ContactChannel.SMS, "téléphone": ContactChannel.CALL, "appel": ContactChannel.CALL,
        "mail": ContactChannel.EMAIL, "courriel": ContactChannel.EMAIL, "prescripteur": ContactChannel.PRESCRIBER,
        "aucun": ContactChannel.PRESCRIBER,
    },
)  # fmt: skip
QUARTIERS = Choices(dict(Quartier.choices))
SCHOOLINGS = Choices(dict(Schooling.choices))
DEGREES = Choices({str(value): str(label) for value, label in AnlciDegree.choices})
DIGITAL = Choices(dict(DigitalLevel.choices))
LICENCES = Choices(dict(Licence.choices), {"B": Licence.B, "permis B": Licence.B, "non": Licence.NONE})
DIPLOMAS = Choices(dict(Diploma.choices))
HALF_DAYS = Choices(dict(HalfDay.choices))
ANSWERS = Choices(
    {"oui": "Oui", "non": "Non"},
    {"o": "oui", "x": "oui", "vrai": "oui", "1": "oui", "n": "non", "faux": "non", "0": "non"},
)


def text(cell: str) -> str:
    """A text on one line; the field says how long it may be."""
    return " ".join(cell.split())


def phone(cell: str) -> str:
    """A telephone number; a spreadsheet that took it for a number lost the first zero."""
    digits = re.sub(r"[\s.\-]", "", cell)
    return f"0{digits}" if re.fullmatch(r"[1-9][0-9]{8}", digits) else cell


def ticked(cell: str) -> str:
    """A box of the form: ticked by « oui »."""
    return "on" if ANSWERS.one(cell) == "oui" else ""


def names(cell: str) -> tuple[str, str]:
    """First and last name of one cell, where capitals tell them apart: « DIALLO Aïssatou », « Aïssatou DIALLO ».

    Raises `BadCell` for any other writing: which is which is not guessed.
    """
    words = CIVILITY.sub("", text(cell)).split()
    # One letter is its own capital, and a word without any would belong to either side.
    clear = all(sum(map(str.isalpha, word)) > 1 and not word.islower() for word in words)
    capital = [word.isupper() for word in words]
    if clear and capital == sorted(capital) and len(set(capital)) == 2:
        last = capital.index(True)
        return " ".join(words[:last]), " ".join(words[last:])
    if clear and capital == sorted(capital, reverse=True) and len(set(capital)) == 2:
        first = capital.index(False)
        return " ".join(words[first:]), " ".join(words[:first])
    raise BadCell(
        f"« {cell[:60]} » : où finit le nom ? Écrivez-le en capitales, par exemple DIALLO Aïssatou, "
        "ou mettez le nom et le prénom dans deux colonnes."
    )


def place(cell: str) -> tuple[str, str]:
    """The postal code and the commune at the end of an address; empty where it does not tell them."""
    found = END_OF_ADDRESS.search(text(cell))
    return (found[1], found[2].strip()) if found else ("", "")


def degree(cell: str) -> str:
    """An ANLCI degree: « 2 », « degré 2 »."""
    found = re.fullmatch(r"(?:degr[ée]\s*)?([1-4])", cell.strip(), re.IGNORECASE)
    if found is None:
        raise BadCell(f"« {cell[:60]} » n’est pas un degré : 1, 2, 3 ou 4 est attendu.")
    return found[1]


def _one(key: str, label: str, choices: Choices, *others: str, about: str = "Une des valeurs possibles.") -> Column:
    example = next(iter(choices.labels.values()))
    return Column(key, label, about, example, choices.one, others, choices)


def _plain(key: str, label: str, about: str, example: str, *others: str, read: Reader = text) -> Column:
    return Column(key, label, about, example, read, others)


PERSON_COLUMNS = Columns(
    (
        _plain("last_name", "Nom", "Obligatoire.", "DIALLO", "nom de famille", "nom d’usage", "nom usuel"),
        _plain("first_name", "Prénom", "Obligatoire.", "Aïssatou", "prénoms"),
        _plain(
            "full_name", "Nom et prénom", "Le nom en capitales. Inutile s’ils ont chacun leur colonne.",
            "DIALLO Aïssatou", "nom prénom", "nom et prénoms", "nom complet", "prénom et nom", "prénom nom",
            "bénéficiaire", read=names,
        ),
        _plain(
            "birth_date", "Date de naissance", "Une date.", "04/05/1990", "né le", "née le", "né(e) le",
            "naissance", "ddn",
        ),
        _one("sex", "Sexe", SEXES, "genre", "civilité"),
        _plain(
            "phone", "Téléphone", "Un numéro.", "06 39 98 00 00", "tél", "tel", "portable", "mobile",
            "numéro de téléphone", read=phone,
        ),
        _plain("email", "Adresse e-mail", "Une adresse.", "prenom@example.org", "e-mail", "email", "mail", "courriel"),
        _one(
            "contact_channel", "Moyen de contact sûr", CHANNELS, "contact", "moyen de contact", "joindre par",
            about="Celui que la personne a choisi. Par son prescripteur seulement si rien n’est dit.",
        ),
        Column(
            "may_leave_message", "Message vocal possible", "Oui ou Non.", "Non", ticked, ("message vocal",), ANSWERS
        ),
        _plain("contact_note", "Précisions sur le contact", "En quelques mots.", "après 17 h", "horaires d’appel"),
        _one("quartier", "Quartier", QUARTIERS, "quartier de résidence", about="À Blois."),
        _plain("commune", "Commune", "Hors de Blois.", "Vineuil", "ville", "commune de résidence"),
        _plain(
            "postal_code", "Code postal", "Cinq chiffres. Il distingue les communes de même nom.", "41350", "cp",
            read=values.postal_code,
        ),
        _plain(
            "address", "Adresse", "Seule la commune, à la fin, en est gardée.", "3 rue du Port, 41350 Vineuil",
            "adresse postale", "adresse complète", "domicile", read=place,
        ),
        _plain("language", "Langue parlée", "En un mot.", "Peul", "langue", "langue maternelle"),
        Column("needs_interpreter", "Interprète souhaité", "Oui ou Non.", "Non", ticked, ("interprète",), ANSWERS),
        _one("schooling", "Scolarité", SCHOOLINGS, "scolarisation"),
        Column(
            "french_oral", "Français oral", "A1.1, A1, A2…", "A1", values.LEVELS.one,
            ("niveau oral", "niveau de français", "oral", "niveau de français à l’oral"), values.LEVELS,
        ),
        Column(
            "french_written", "Français écrit", "A1.1, A1, A2…", "A1", values.LEVELS.one,
            ("niveau écrit", "écrit", "niveau de français à l’écrit"), values.LEVELS,
        ),
        Column("anlci", "Degré ANLCI", "De 1 à 4.", "2", degree, ("anlci", "savoirs de base")),
        _one("digital", "Numérique", DIGITAL, "niveau numérique"),
        _one("licence", "Permis de conduire", LICENCES, "permis"),
        Column("has_vehicle", "Véhicule", "Oui ou Non.", "Non", ANSWERS.one, ("voiture", "véhiculé"), ANSWERS),
        _one("diploma", "Diplôme", DIPLOMAS, "diplôme le plus élevé", "niveau de diplôme"),
        Column(
            "statuses", "Situation", "Plusieurs : séparez-les par ;", "Demandeur d’emploi ; Bénéficiaire du RSA",
            values.STATUSES.many, ("statut", "statuts", "situation professionnelle"), values.STATUSES,
        ),
        Column(
            "availability", "Disponibilités", "Des demi-journées, séparées par ;", "Lundi matin", HALF_DAYS.many,
            ("demi-journées",), HALF_DAYS,
        ),
        Column(
            "needs", "Besoins", "Plusieurs : séparez-les par ;", "Apprendre le français ; Mobilité",
            values.THEMES.many, ("besoin", "freins", "thématiques"), values.THEMES,
        ),
    ),
    MOST_PERSONS,
)  # fmt: skip
