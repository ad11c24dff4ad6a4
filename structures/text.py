"""Plain text: what two spellings of the same name have in common."""

from __future__ import annotations

import unicodedata

from django.db.models import Func, TextField


class Plain(Func):
    """SQL's `relais_plain(text)`: lower case, without accents. Immutable, so that it can be indexed."""

    function = "relais_plain"
    arity = 1
    output_field = TextField()


def plain(text: str) -> str:
    """The same in Python, with spaces folded: what a person typed, ready to be compared with a stored plain text."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(char for char in decomposed if not unicodedata.combining(char)).split())
