"""What a second person reads when someone acted first: who, what, when; and what they had typed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.forms import BaseForm
from django.http import HttpRequest

from referrals.models import Referral, StaleReferral
from referrals.timeline import told

NEVER = -1
"""A version that no fiche has: a form without its version is refused as out of date."""


def posted_version(request: HttpRequest) -> int:
    """The version of the fiche that the page showed."""
    value = request.POST.get("version", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else NEVER


def check_version(referral: Referral, request: HttpRequest, what: str) -> None:
    """Raise `StaleReferral` when the page showed an older fiche, for the steps that do not move it."""
    if referral.version != posted_version(request):
        raise StaleReferral(referral, what)


def conflict_context(stale: StaleReferral, now: dt.datetime, form: BaseForm | None = None) -> dict[str, Any]:
    """For `referrals/responses/conflict.html`: the sentence, and what was typed, to be copied if it still matters."""
    return {"conflict": told(stale, now), "typed": typed_values(form) if form is not None else []}


def typed_values(form: BaseForm) -> list[tuple[str, str]]:
    """Each visible field that was filled in, with its words."""
    found = []
    for bound in form.visible_fields():
        values = bound.data if isinstance(bound.data, list) else [bound.data or ""]
        choices = getattr(bound.field, "choices", None)
        labels = dict(_flat(choices)) if choices is not None and any(values) else {}
        words = ", ".join(labels.get(str(value), str(value)) for value in values)
        if words.strip():
            found.append((str(bound.label), words))
    return found


def _flat(choices: Any) -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for value, label in choices:
        if isinstance(label, list | tuple):
            flat += [(str(one), str(word)) for one, word in label]
        else:
            flat.append((str(value), str(label)))
    return flat
