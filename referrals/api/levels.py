"""Levels on scales, as the API takes them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from structures.scales import check_levels


def known_levels(levels: Any) -> dict[str, int]:
    """Levels by axis. Raises the API's `ValidationError` unless each is a level on a known axis."""
    try:
        return check_levels(levels)
    except ValueError as error:
        raise serializers.ValidationError("Donnez pour chaque axe connu l’un de ses niveaux.") from error
