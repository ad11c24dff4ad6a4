"""The preview of a change of criteria: a piece of the manager's form, or the step before saving without JavaScript."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from referrals.middleware import CaseRequest
from referrals.previews import preview
from structures.eligibility import parse_criteria
from structures.forms.criteria import CriteriaForm
from structures.views.actions import conditions_of
from structures.views.criteria import criteria_page

NOT_TYPED = frozenset({"csrfmiddlewaretoken", "new"})
"""What the form sends besides the conditions."""


@require_POST
def criteria_preview(request: CaseRequest, slug: str) -> HttpResponse:
    """Say who would newly match and who no longer would. Nothing is written."""
    door = request.door
    action = door.action(slug)
    door.require("edit", action)
    form = CriteriaForm.posted(request.POST)
    if not form.is_valid():
        if request.htmx:
            return render(request, "referrals/previews/part.html", {"preview": None})
        return criteria_page(request, action, form, status=422)
    criteria = form.cleaned_data["criteria"]
    found = preview(action, criteria, door, timezone.localdate())
    if request.htmx:
        return render(request, "referrals/previews/part.html", {"preview": found})
    typed = [(name, value) for name, values in request.POST.lists() for value in values if name not in NOT_TYPED]
    conditions = conditions_of(parse_criteria(criteria))
    context = {"action": action, "preview": found, "conditions": conditions, "typed": typed}
    return render(request, "referrals/previews/confirm.html", context)
