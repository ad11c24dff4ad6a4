"""The communes that one may be typing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from structures.door import DoorRequest
from structures.forms.fields import told_apart
from structures.models import Commune
from structures.territory import TOWNS
from structures.text import commune_key

MOST = 12
"""Communes offered at once."""


@require_POST
def commune_options(request: DoorRequest) -> HttpResponse:
    """The options of a datalist: communes of the country, or where none begins so, those that are built in."""
    typed = (request.POST.get("commune") or request.POST.get("answer") or "")[:80]
    rows: Iterable[Any] = Commune.objects.beginning(typed)[:MOST]
    found = [
        (told_apart(commune) if commune.has_namesake else commune.name, " ".join(commune.postal_codes))
        for commune in rows
    ]
    key = commune_key(typed)
    found = found or [(name, "") for name in TOWNS if key and commune_key(name).startswith(key)][:MOST]
    return render(request, "structures/communes/options.html", {"options": found})
