"""What may never be written down: a social security number, a detail of someone's health.

Both rules come from the register's terms of use: the NIR may only be processed by bodies named in decree
2019-341 of 19 April 2019, and health data are special data (GDPR, article 9). Relais needs neither.
"""

from __future__ import annotations

import re
import unicodedata

from django.core.exceptions import ValidationError
from stdnum.fr import nir

NIR_MESSAGE = "Ne notez jamais de numéro de sécurité sociale\u00a0: retirez-le de ce champ."
HEALTH_MESSAGE = (
    "Écrivez ce que la personne peut ou ne peut pas faire, pas son état de santé "
    "(par exemple\u00a0: «\u00a0ne peut pas porter de charges\u00a0», "
    "«\u00a0disponible le matin seulement\u00a0»)."
)

# What people put between the digits. Bounded, so that the search stays linear.
_GAP = r"[\s.,:;·_/\\|‐‑‒–—―−-]{0,3}"
_DIGIT = "[0-9]"
_PIECES = ["[1-478]", *[_DIGIT] * 4, rf"(?:{_DIGIT}{_GAP}{_DIGIT}|2{_GAP}[AB])", *[_DIGIT] * 6]
# The look-ahead lets candidates overlap: a stray digit before the number must not hide it.
_CANDIDATE = re.compile(rf"(?<![0-9])(?=({_GAP.join(_PIECES)}(?:{_GAP}{_DIGIT}{_GAP}{_DIGIT})?)(?![0-9]))")
_NOT_SIGNIFICANT = re.compile(r"[^0-9AB]")
_PLAUSIBLE_MONTHS = {*range(1, 13), 20, *range(30, 43), *range(50, 100)}


def _flattened(text: str) -> str:
    """Upper case, compatibility forms folded (full-width digits, exotic spaces), invisible characters
    removed.
    """
    folded = unicodedata.normalize("NFKC", text).upper()
    return "".join(char for char in folded if unicodedata.category(char) != "Cf")


def find_nir(text: str) -> str | None:
    """Return the first social security number found in `text`, without separators, or `None`.

    Thirteen characters (without its key) or fifteen; with spaces, dots or dashes; Corsica (2A, 2B) too. A
    number whose month and department are possible counts even with a wrong key: a mistyped number is still
    one. An impossible month counts when the key is right (`stdnum.fr.nir`). Month values: INSEE, 01–12, 20,
    30–42, 50–99.
    """
    for match in _CANDIDATE.finditer(_flattened(text)):
        number = _NOT_SIGNIFICANT.sub("", match.group(1))
        plausible = int(number[3:5]) in _PLAUSIBLE_MONTHS and number[5:7] != "00"
        if plausible or (len(number) == 15 and nir.is_valid(number)):
            return number
    return None


def no_nir(value: object) -> None:
    """Refuse a text that holds a social security number. Raises `ValidationError` (code `nir`)."""
    if value and find_nir(str(value)):
        raise ValidationError(NIR_MESSAGE, code="nir")


# Stems of named conditions and treatments, without accents. Deliberately short: each word here names a
# state of health and has no everyday meaning in a referral. "Handicap", "RQTH" and "fatigue" are not here:
# the first two are administrative statuses that open rights, the third is a daily word.
HEALTH_STEMS = (
    "addict",
    "alcooli(?:que|sme)",
    "anorexi",
    "antidepresseur",
    "anxiolytique",
    "autis(?:me|te)",
    "bipolaire",
    "boulimi",
    r"cancer(?:s|eux|euse)?\b",
    "chimiotherapie",
    "depressi(?:on|f|ve)",
    "diabet",
    r"enceinte de \w+ (?:mois|semaines?)",
    r"est enceinte\b",
    "epilep",
    "grossesse",
    "hepatite",
    "hopital psychiatrique",
    "hospitalis\\w* en psychiatrie",
    r"ivg\b",
    "methadone",
    "neuroleptique",
    "psychos",
    "psychotique",
    "schizophr",
    "sclerose en plaque",
    "seropositi",
    r"sida\b",
    "subutex",
    "suicid",
    "toxicoman",
    "traitements? psychiatrique",
    "tumeur",
    r"vih\b",
)
_HEALTH = re.compile(rf"\b(?:{'|'.join(HEALTH_STEMS)})")


def find_health_detail(text: str) -> str | None:
    """Return the first word of `HEALTH_STEMS` found in `text`, whatever its case and accents, or `None`."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(char for char in decomposed if unicodedata.category(char) not in {"Mn", "Cf"})
    match = _HEALTH.search(re.sub(r"\s+", " ", plain))
    return match.group(0) if match else None


def no_health_detail(value: object) -> None:
    """Refuse a text that names an illness or a treatment. Raises `ValidationError` (code `health`)."""
    if value and find_health_detail(str(value)):
        raise ValidationError(HEALTH_MESSAGE, code="health")
