"""What a cell says, as a value; or, in words, why it says nothing that Relais understands."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from data_inclusion.schema import v1
from django.core.exceptions import ValidationError

from accounts.validators import no_nir
from structures.eligibility.criteria import MONTHS
from structures.models.action import Action
from structures.text import plain
from structures.vocabulary import ActionShape, Cecrl, NeedTheme, Status

SEPARATORS = re.compile(r"[,;\n/|•]")
"""What parts several values in one cell."""
CLOSE = 0.75
"""Likeness (difflib, 0 to 1) from which a known word is proposed in place of an unknown one."""
YEARS = range(2000, 2101)
OLDEST = 120
MOST_HOURS = 100
"""Hours of an action in a week: more is a total, or a slip."""
MOST_WEEKS, MOST_PLACES = 520, 10_000
LONGEST_IDENTIFIER = 100
YES, NO, FIRST = "yes", "no", "priority"


class BadCell(ValueError):
    """The cell cannot be understood; the message is a French sentence for who filled it in."""


Reader = Callable[[str], Any]


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"


def folded(text: str) -> str:
    """A word as it is compared: without accents, capitals, marks or a plural's s."""
    words = re.sub(r"[^a-z0-9.+]+", " ", plain(text)).split()
    return " ".join(word.removesuffix("s") if len(word) > 3 else word for word in words)


class Choices:
    """A closed list of values, each known by its label, the parts of its label, and other words of the field."""

    def __init__(self, labels: dict[str, str], others: dict[str, str] | None = None) -> None:
        self.labels = labels
        self.known: dict[str, str] = {}
        for value, label in labels.items():
            bare = re.sub(r"\s*\(.*?\)", "", label)
            for word in (label, bare, *bare.split(","), value):
                self.known.setdefault(folded(word), value)
        for word, value in (others or {}).items():
            self.known.setdefault(folded(word), value)

    def find(self, text: str) -> str | None:
        """The value of these words."""
        return self.known.get(folded(text))

    def one(self, text: str) -> str:
        """The one value of a cell. Raises `BadCell`, with what was probably meant."""
        found = self.find(text)
        if found is None:
            raise BadCell(self._unknown(text))
        return found

    def many(self, text: str) -> list[str]:
        """The values of a cell, in the order of the list. Raises `BadCell`."""
        whole = self.find(text)
        if whole is not None:
            return [whole]
        found, unknown = set(), []
        for part in filter(None, (part.strip() for part in SEPARATORS.split(text))):
            value = self.find(part)
            if value is None:
                unknown.append(part)
            else:
                found.add(value)
        if unknown:
            raise BadCell(" ".join(map(self._unknown, unknown)))
        if not found:
            raise BadCell(f"Rien à lire ici. {self._expected()}")
        return [value for value in self.labels if value in found]

    def _unknown(self, text: str) -> str:
        close = get_close_matches(folded(text), self.known, n=1, cutoff=CLOSE)
        said = _short(text)
        if close:
            return f"« {said} » n’est pas connu : vouliez-vous dire « {self.labels[self.known[close[0]]]} » ?"
        return f"« {said} » n’est pas connu. {self._expected()}"

    def _expected(self) -> str:
        return f"Valeurs possibles : {' ; '.join(self.labels.values())}."


THEMES = Choices(
    dict(NeedTheme.choices),
    {
        "français": NeedTheme.FRENCH, "FLE": NeedTheme.FRENCH, "langue française": NeedTheme.FRENCH,
        "illettrisme": NeedTheme.BASIC_SKILLS, "alphabétisation": NeedTheme.BASIC_SKILLS,
        "informatique": NeedTheme.DIGITAL, "permis": NeedTheme.MOBILITY, "transport": NeedTheme.MOBILITY,
        "orientation professionnelle": NeedTheme.PROJECT, "projet": NeedTheme.PROJECT,
        "emploi": NeedTheme.EMPLOYMENT, "recherche d’emploi": NeedTheme.EMPLOYMENT,
        "création d’entreprise": NeedTheme.BUSINESS, "droits": NeedTheme.RIGHTS,
        "démarches": NeedTheme.PAPERWORK, "administratif": NeedTheme.PAPERWORK,
        "garde d’enfant": NeedTheme.CHILDCARE, "confiance": NeedTheme.CONFIDENCE,
        "estime de soi": NeedTheme.CONFIDENCE, "école": NeedTheme.SCHOOLING,
    },
)  # fmt: skip
SHAPES = Choices(
    dict(ActionShape.choices),
    {
        "positionnement": ActionShape.POSITIONING, "diagnostic": ActionShape.POSITIONING,
        "bilan": ActionShape.POSITIONING, "formation": ActionShape.COURSE, "atelier": ActionShape.COURSE,
        "cours": ActionShape.COURSE, "stage": ActionShape.COURSE, "collectif": ActionShape.COURSE,
        "accompagnement": ActionShape.SUPPORT, "individuel": ActionShape.SUPPORT, "suivi": ActionShape.SUPPORT,
        "chantier": ActionShape.WORKSITE, "chantier école": ActionShape.WORKSITE, "ACI": ActionShape.WORKSITE,
        "permanence": ActionShape.DROP_IN, "accueil": ActionShape.DROP_IN, "événement": ActionShape.EVENT,
    },
)  # fmt: skip
COST = Choices(
    {"gratuit": "Gratuit", "payant": "Payant"},
    {"gratuite": "gratuit", "payante": "payant", "0": "gratuit", "0 €": "gratuit", "aucun": "gratuit"},
)
LEVELS = Choices(
    dict(Cecrl.choices),
    {
        **{f"{word} {level}": level for level in Cecrl.values for word in ("niveau", "oral", "à partir de")},
        **{f"{level} {word}": level for level in Cecrl.values for word in ("oral", "minimum", "au moins")},
        "sans": Cecrl.NONE, "langue maternelle": Cecrl.C1, "A1-1": Cecrl.A1_1,
    },
)  # fmt: skip
PUBLICS = Choices(
    {public.value: str(public.label) for public in v1.Public},
    {
        "tout public": "tous-publics", "tous": "tous-publics", "jeune": "jeunes", "senior": "seniors",
        "handicap": "personnes-en-situation-de-handicap", "RQTH": "personnes-en-situation-de-handicap",
        "minima sociaux": "beneficiaires-des-minimas-sociaux", "QPV": "residents-qpv-frr",
        "réfugiés": "personnes-exilees", "primo-arrivants": "personnes-exilees",
        "sous main de justice": "personnes-en-situation-juridique-specifique",
    },
)  # fmt: skip
STATUSES = Choices(
    dict(Status.choices),
    {
        "RSA": Status.RSA, "BRSA": Status.RSA, "allocataire du RSA": Status.RSA, "DE": Status.JOB_SEEKER,
        "inscrit à France Travail": Status.JOB_SEEKER, "chômeur": Status.JOB_SEEKER,
        "nationalité étrangère": Status.FOREIGNER, "étranger": Status.FOREIGNER, "PJJ": Status.PJJ,
        "collégien": Status.PUPIL, "lycéen": Status.PUPIL, "décrocheur": Status.DROPOUT,
        "RQTH": Status.DISABLED_WORKER, "travailleur handicapé": Status.DISABLED_WORKER,
        "parc social": Status.TENANT_SOCIAL,
    },
)  # fmt: skip
WISHES = Choices(
    {YES: "Oui", NO: "Non", FIRST: "En priorité"},
    {
        **dict.fromkeys(("o", "x", "vrai", "true", "1", "obligatoire", "exigé", "réservé", "yes"), YES),
        **dict.fromkeys(("n", "faux", "false", "0", "no", "aucun"), NO),
        **dict.fromkeys(("prioritaire", "priorité", "d’abord", "plutôt"), FIRST),
    },
)


def text_of(field: str, longest: int | None = None) -> Reader:
    """Reads a text, as far as the action's field goes; never a social security number."""

    def read(text: str) -> str:
        if longest and len(text) > longest:
            raise BadCell(f"Ce texte a {len(text)} caractères : {longest} au plus.")
        return str(checked(field, text))

    return read


def checked(field: str, value: Any) -> Any:
    """A value as the action's own field accepts it. Raises `BadCell` with the field's words."""
    column = Action._meta.get_field(field)
    try:
        no_nir(value)
        return column.clean(value, None)  # type: ignore[union-attr] # a plain column of ours
    except ValidationError as error:
        raise BadCell(" ".join(error.messages)) from error


def one_line(field: str) -> Reader:
    """Reads a text that stands on one line."""
    longest = Action._meta.get_field(field).max_length  # type: ignore[union-attr] # a plain column of ours
    read = text_of(field, longest)
    return lambda text: read(" ".join(text.split()))


def whole(low: int, high: int, unit: str = "") -> Reader:
    """Reads a whole number between two bounds, which may be followed by its unit."""

    def read(text: str) -> int:
        found = re.fullmatch(r"(\d{1,9})(?:,0+)?\s*([^\W\d]*)", text.strip())
        if found is None or (found[2] and not (unit and folded(found[2]).startswith(folded(unit)))):
            raise BadCell(f"« {_short(text)} » n’est pas un nombre entier.")
        number = int(found[1])
        if not low <= number <= high:
            raise BadCell(f"Un nombre de {low} à {high} est attendu.")
        return number

    return read


def hours(text: str) -> Decimal:
    """Hours in a week: « 12 », « 12,5 », « 12 h 30 », « 1h30 »."""
    found = re.fullmatch(r"(\d{1,4})(?:[.,](\d{1,4}))?\s*(?:h(?:eures?)?)?\s*(?:([0-5]\d)\s*(?:min)?)?", plain(text))
    if found is None or (found[2] and found[3]):
        clock = re.fullmatch(r"(\d{1,2}):([0-5]\d)", text.strip())
        if clock is None:
            raise BadCell(f"« {_short(text)} » n’est pas un nombre d’heures (par exemple 12 ou 3,5).")
        number = Decimal(clock[1]) + Decimal(clock[2]) / 60
    elif found[3]:
        number = Decimal(found[1]) + Decimal(found[3]) / 60
    else:
        number = Decimal(f"{found[1]}.{found[2] or 0}")
    if not 0 < number <= MOST_HOURS:
        raise BadCell(f"Plus de 0 et au plus {MOST_HOURS} heures par semaine sont attendues.")
    return number.quantize(Decimal("0.01"))


def _month(word: str) -> int | None:
    word = plain(word).rstrip(".")
    found = [number for number, name in enumerate(MONTHS, start=1) if plain(name).startswith(word)]
    return found[0] if len(word) >= 3 and len(found) == 1 else None


def day(text: str) -> dt.date:
    """A date: « 12/01/2027 », « 12.1.27 », « 2027-01-12 », « mardi 12 janvier 2027 », « 1er mars 2027 »."""
    text = text.strip()
    digits = re.fullmatch(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4}|\d{2})(?: 00:00)?", text)
    iso = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text)
    words = re.fullmatch(r"(?:[^\W\d]+\s+)?(\d{1,2})(?:er)?\s+([^\W\d]+\.?)\s+(\d{4})", text, re.IGNORECASE)
    parts: tuple[int, int | None, int]
    if digits:
        parts = (int(digits[3]), int(digits[2]), int(digits[1]))
    elif iso:
        parts = (int(iso[1]), int(iso[2]), int(iso[3]))
    elif words:
        parts = (int(words[3]), _month(words[2]), int(words[1]))
    else:
        raise BadCell(f"« {_short(text)} » n’est pas une date. Écrivez-la ainsi : 12/01/2027 ou 12 janvier 2027.")
    year, month, number = parts
    year += 2000 if year < 100 else 0
    try:
        found = dt.date(year, month or 0, number)
    except ValueError as error:
        raise BadCell(f"« {_short(text)} » : ce jour n’existe pas.") from error
    if found.year not in YEARS:
        raise BadCell(f"« {_short(text)} » : vérifiez l’année.")
    return found


def identifier(text: str) -> str:
    """A structure's own number for an action."""
    if len(text) > LONGEST_IDENTIFIER:
        raise BadCell(f"Cet identifiant a {len(text)} caractères : {LONGEST_IDENTIFIER} au plus.")
    return " ".join(text.split())


def postal_code(text: str) -> str:
    """Five digits; a spreadsheet that took it for a number lost the first zero."""
    digits = text.replace(" ", "").replace("\u00a0", "")
    if not re.fullmatch(r"[0-9]{4,5}", digits):
        raise BadCell(f"« {_short(text)} » n’est pas un code postal : cinq chiffres sont attendus.")
    return digits.zfill(5)


def phone(text: str) -> Any:
    """A French telephone number; a spreadsheet that took it for a number lost the first zero."""
    digits = re.sub(r"[\s.\-]", "", text)
    number = f"0{digits}" if re.fullmatch(r"[1-9][0-9]{8}", digits) else text
    try:
        return checked("phone", number)
    except BadCell as error:
        # The field's own words are in English.
        raise BadCell(f"« {_short(text)} » n’est pas un numéro de téléphone français.") from error


def listed(values: Iterable[str], choices: Choices) -> str:
    """Codes in words."""
    return ", ".join(choices.labels.get(value, value) for value in values)
