"""The statistics: read only, for a period and filters that stand in the address."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from reporting.dashboard import Dashboard
from reporting.forms import FilterForm
from reporting.scope import Preset, View


@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show the figures. 403 without a structure; 422 with the form alone when a filter is wrong."""
    now = timezone.now()
    door = request.door  # type: ignore[attr-defined] # set by DoorMiddleware
    form = FilterForm(request.GET, door=door, now=now, today=timezone.localdate(now))
    context = {
        "form": form,
        "action": reverse("reporting:dashboard"),
        "presets": [
            {
                "label": preset.label,
                "url": form.query(periode=preset.value),
                "current": preset == form.preset,
                "count": None,
            }
            for preset in Preset
        ],
        "views": [
            {"label": view.label, "url": form.query(vue=view.value), "current": view == form.view}
            for view in form.views
        ],
        "is_territory": form.view == View.TERRITORY,
        "view_label": form.view.label,
        "structure": door.structure,
        "figures": None,
    }
    if not form.is_valid():
        return render(request, "reporting/dashboard.html", context, status=422)
    scope = form.scope()
    return render(
        request,
        "reporting/dashboard.html",
        context | {"figures": Dashboard(scope), "period": scope.period, "narrowed": form.narrowed},
    )
