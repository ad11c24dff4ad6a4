"""Whom an action is for, edited as sentences. The preview of a change stands in `referrals.views.previews`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from structures.door import DoorRequest, managed
from structures.eligibility import BadCriteria, parse_criteria
from structures.forms.criteria import CriteriaForm
from structures.models import Action, StaleAction
from structures.views.actions import former_criteria, seen_of, told

REDRAWS = frozenset({"add", "drop", "again"})
"""The buttons that show the sentences again without saving: one more, one less, or back from the preview."""


def _stored(action: Action, former: str) -> tuple[CriteriaForm, bool]:
    """The form of the criteria that hold, or of former ones; and whether those could be read."""
    criteria = former_criteria(action, former) if former else action.criteria
    try:
        parse_criteria(criteria)
    except BadCriteria:
        # Kept from a time with other rules: what can no longer be read is written again by hand.
        return CriteriaForm([]), False
    return CriteriaForm.of(criteria), True


def criteria_page(
    request: HttpRequest, action: Action, form: CriteriaForm, *, status: int = 200, **context: object
) -> HttpResponse:
    """The page of the sentences, with what `context` says of how they came there."""
    context = {
        "action": action,
        "form": form,
        "seen": request.POST.get("seen") or action.updated_at.isoformat(),
        "stale": False,
        "readable": True,
        "former": False,
    } | context
    return render(request, "structures/manage/criteria.html", context, status=status)


def action_criteria(request: DoorRequest, slug: str) -> HttpResponse:
    """Show the sentences; add or remove a line; save. Nothing is written before « Enregistrer »."""
    action = managed(request, "edit", slug)
    if request.method != "POST":
        former = request.GET.get("version", "")
        form, readable = _stored(action, former)
        return criteria_page(request, action, form, readable=readable, former=bool(former))
    if not REDRAWS.isdisjoint(request.POST):
        drop = request.POST.get("drop", "")
        add = request.POST.get("new", "") if "add" in request.POST else ""
        return criteria_page(request, action, CriteriaForm.redrawn(request.POST, add=add, drop=drop))
    form = CriteriaForm.posted(request.POST)
    if not form.is_valid():
        return criteria_page(request, action, form, status=422)
    try:
        change = action.set_criteria(
            request.door.user, timezone.now(), form.cleaned_data["criteria"], seen=seen_of(request)
        )
    except StaleAction as error:
        seen = error.action.updated_at.isoformat()
        return criteria_page(request, error.action, form, status=409, stale=True, seen=seen)
    told(request, change, "Conditions enregistrées.")
    return redirect("structures:action_edit", slug=slug)
