"""The catalogue, browsed without a person: the list of actions, and a page for each."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any
from urllib.parse import urlencode

from data_inclusion.schema import v1
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from structures.door import DoorRequest
from structures.eligibility import NEEDS
from structures.forms.catalogue import STARTS, ActionFilter
from structures.models import Action, Offer
from structures.pagination import page_of
from structures.scales import scale_choices
from structures.text import plain
from structures.vocabulary import Cecrl, HalfDay, LearnerPublic, Programme

PAGE_SIZE = 20
NEIGHBOURHOOD_KM = 30
"""How far an action may be from the commune that one looks around."""


def _filtered(form: ActionFilter) -> tuple[QuerySet[Action], list[str]]:
    """The actions that the form leaves, and the keys of their order. A field in error narrows nothing."""
    form.is_valid()
    asked = form.cleaned_data
    rows = Action.objects.published().with_next_start(timezone.localdate())
    if asked.get("theme"):
        rows = rows.filter(themes__contains=[asked["theme"]])
    if asked.get("public"):
        rows = rows.for_public(asked["public"])
    if asked.get("level"):
        rows = rows.filter(level_in=asked["level"])
    if asked.get("commune"):
        rows = rows.filter(pk__in=Offer.objects.serving(asked["commune"], NEIGHBOURHOOD_KM).values("action"))
    if asked.get("start"):
        today = timezone.localdate()
        rows = rows.filter(Q(next_start__lte=today + dt.timedelta(days=STARTS[asked["start"]])))
    if asked.get("places"):
        rows = rows.with_entry(timezone.localdate())
    words = plain(asked.get("q", ""))
    rows = rows.matching(words).select_related("structure")
    return rows, ["-rank", "plain_name", "id"] if words else ["plain_name", "id"]


@require_safe
def action_list(request: DoorRequest) -> HttpResponse:
    """The catalogue, searched and filtered."""
    form = ActionFilter(request.GET)
    today = timezone.localdate()
    rows, keys = _filtered(form)
    page = page_of(rows, keys, request.GET.get("page", ""), PAGE_SIZE)
    address = reverse("structures:action_list")
    asked = {name: value for name, value in request.GET.items() if name in form.fields and value}

    def at(cursor: str) -> str:
        return f"{address}?{urlencode({**asked, 'page': cursor})}" if cursor else ""

    context = {
        "form": form,
        "actions": page.rows,
        "previous_url": at(page.previous),
        "next_url": at(page.next),
        "filter_url": address,
        "reset_url": address if asked else "",
        "today": today,
        "stale": {action.pk for action in page.rows if not action.is_fresh(today)},
        "may_manage": request.door.may("manage"),
        "may_import": request.door.may("import_actions"),
    }
    return render(request, "structures/actions/list.html", context)


def _labels(choices: Any, values: list[str]) -> str:
    """Codes in words, in the order of their list; a code that is not in it is left out."""
    return ", ".join(str(label) for value, label in choices if value in values)


def _facts(action: Action) -> list[tuple[str, str]]:
    """What the action's page says of it, without what is not known."""
    publics = [(public.value, public.label) for public in v1.Public]
    hours = f"{action.weekly_hours.normalize():f} h par semaine".replace(".", ",") if action.weekly_hours else ""
    total = f"{action.total_hours.normalize():f} h en tout".replace(".", ",") if action.total_hours else ""
    weeks = f"{action.weeks} semaines" if action.weeks else ""
    levels = dict(Cecrl.choices)
    facts = [
        ("Forme", action.get_shape_display()),
        ("Besoins", ", ".join(action.theme_labels)),
        ("Public", action.publics_precisions or _labels(publics, action.publics)),
        ("Public de formation", _labels(LearnerPublic.choices, action.learner_publics)),
        ("Niveau à l’entrée", levels.get(action.level_in, "")),
        ("Niveau visé", levels.get(action.level_out, "")),
        ("Certifications", ", ".join(action.certificates)),
        ("Rythme", action.rhythm),
        ("Durée", ", ".join(filter(None, [hours, weeks, total]))),
        ("Demi-journées", _labels(HalfDay.choices, action.timetable)),
        ("Échelles de progression", _labels(scale_choices(), action.scales)),
        ("Places", str(action.places or "")),
        ("Frais", {"gratuit": "Gratuit", "payant": "Payant"}.get(action.frais, "")),
        ("Précisions sur les frais", action.frais_precisions),
        ("Lieu", " ".join(filter(None, [action.address, action.postal_code, action.commune]))),
        ("Programme", action.programme or _labels(Programme.choices, action.programmes)),
    ]
    return [(label, value) for label, value in facts if value]


def _page_of(slug: str) -> dict[str, Any]:
    """Everything that the action's page and its printed sheet show. Raises `Http404`."""
    today = timezone.localdate()
    action = get_object_or_404(Action.objects.published().select_related("structure"), slug=slug)
    conditions: dict[str, list[str]] = defaultdict(list)
    for criterion in action.conditions():
        conditions[criterion.need].append(criterion.sentence())
    return {
        "action": action,
        "facts": _facts(action),
        "conditions": [(label, conditions[need]) for need, label in NEEDS.items() if conditions[need]],
        "sessions": action.sessions.current(today),
        "is_paused": action.is_paused(today),
        "is_fresh": action.is_fresh(today),
    }


@require_safe
def action_detail(request: DoorRequest, slug: str) -> HttpResponse:
    """One action: its facts, whom it is for, its sessions, and how to refer someone."""
    context = _page_of(slug)
    context["may_edit"] = request.door.may("edit", context["action"])
    return render(request, "structures/actions/detail.html", context)


@require_safe
def action_sheet(request: HttpRequest, slug: str) -> HttpResponse:
    """The same on a sheet of paper."""
    return render(request, "structures/actions/sheet.html", _page_of(slug))
