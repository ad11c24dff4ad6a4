"""The alphabet of text messages (GSM 03.38): what one segment holds, counted in septets.

A single character outside it makes the whole message leave in another code, of 70 characters a segment.
"""

from __future__ import annotations

import unicodedata

SEGMENT = 160
"""Septets of a message that leaves in one piece."""

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""Characters of one septet."""

EXTENDED = frozenset("\f^{}\\[~]|€")
"""Characters of two septets: an escape stands before them."""

ALIKE = {
    "’": "'",
    "‘": "'",
    "«": '"',
    "»": '"',
    "“": '"',
    "”": '"',
    "–": "-",
    "—": "-",
    "…": "...",
    "œ": "oe",
    "Œ": "OE",
}
SPACES = dict.fromkeys(map(ord, "\u00a0\u202f\u2009\t"), " ")


class NotGsm7(ValueError):
    """A text holds a character that the alphabet has not."""


def septets(text: str) -> int:
    """How many septets a text takes. Raises `NotGsm7`."""
    unknown = set(text) - BASIC - EXTENDED
    if unknown:
        raise NotGsm7(" ".join(f"U+{ord(character):04X}" for character in sorted(unknown)))
    return len(text) + sum(character in EXTENDED for character in text)


def fitted(text: str) -> str:
    """The same text with what the alphabet has not replaced by what is closest: « août » becomes « aout »."""
    known = BASIC | EXTENDED
    written = []
    for character in text.translate(SPACES):
        found = character if character in known else ALIKE.get(character)
        if found is None:
            bare = unicodedata.normalize("NFD", character)[0]
            found = bare if bare in known else "?"
        written.append(found)
    return "".join(written)
