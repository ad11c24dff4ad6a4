"""Plain text: what two spellings of the same name have in common."""

from __future__ import annotations

import re
import unicodedata

from django.db.models import Func, TextField

ALIKE = 0.45
"""Word similarity (pg_trgm, 0 to 1) from which two texts are taken for the same with a typo."""
LEAST_ALIKE = 0.4
"""The least word similarity that the index of names looks for: `pg_trgm.word_similarity_threshold` of each session."""


class Plain(Func):
    """SQL's `relais_plain(text)`: lower case, without accents. Immutable, so that it can be indexed."""

    function = "relais_plain"
    arity = 1
    output_field = TextField()


SPELT_OUT = str.maketrans({"œ": "oe", "æ": "ae", "’": "'", "‘": "'", "ø": "o", "ł": "l", "đ": "d"})
"""Letters and marks that PostgreSQL's `unaccent` spells otherwise, and that Unicode does not take apart."""


def plain(text: str) -> str:
    """The same in Python, with spaces folded: what a person typed, ready to be compared with a stored plain text."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(SPELT_OUT))
    return " ".join("".join(char for char in decomposed if not unicodedata.combining(char)).split())


def commune_key(name: str) -> str:
    """What two writings of a commune have in common: « saint gervais la foret » is Saint-Gervais-la-Forêt."""
    return " ".join(re.sub(r"[-'’]", " ", plain(name)).split())
