"""The statistics: read only, for a period and filters that stand in the address."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from reporting.dashboard import Dashboard
from reporting.exports import csv_lines, file_of
from reporting.forms import FilterForm
from reporting.pathways import Pathways
from reporting.scope import Preset, View
from structures.spreadsheet.spilling import TYPES

FORMATS = (("xlsx", "Excel (XLSX)"), ("ods", "LibreOffice (ODS)"), ("csv", "CSV"))
"""The tables that a page offers."""


def _form(request: HttpRequest) -> FilterForm:
    now = timezone.now()
    door = request.door  # type: ignore[attr-defined] # set by DoorMiddleware
    return FilterForm(request.GET, door=door, now=now, today=timezone.localdate(now))


def _context(form: FilterForm) -> dict[str, Any]:
    return {
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
        "saved": [{"label": name, "url": query, "current": query == form.query()} for name, query in form.saved],
        "is_territory": form.view == View.TERRITORY,
        "view_label": form.view.label,
        "structure": form.door.structure,
        "figures": None,
        "pathways_url": reverse("reporting:pathways") + form.query(),
    }


@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show the figures. 403 without a structure; 422 with the form alone when a filter is wrong."""
    form = _form(request)
    if not form.is_valid():
        return render(request, "reporting/dashboard.html", _context(form), status=422)
    scope = form.scope()
    figures = {
        "figures": Dashboard(scope),
        "period": scope.period,
        "narrowed": form.narrowed,
        "save_url": reverse("reporting:saved_view_new") + form.query(),
        "exports": [(label, reverse("reporting:export", args=[kind]) + form.query()) for kind, label in FORMATS],
    }
    return render(request, "reporting/dashboard.html", _context(form) | figures)


@require_safe
def export(request: HttpRequest, kind: str) -> HttpResponseBase:
    """The figures as a table: a CSV file is sent while it is read. 422 with the form when a filter is wrong.

    Raises `Http404` for another format.
    """
    if kind not in TYPES:
        raise Http404
    form = _form(request)
    if not form.is_valid():
        return render(request, "reporting/dashboard.html", _context(form), status=422)
    scope = form.scope()
    name = f"relais-{scope.view}-{scope.period.start}-{scope.period.end}.{kind}"
    if kind != "csv":
        return FileResponse(file_of(scope, kind), as_attachment=True, filename=name, content_type=TYPES[kind])
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(csv_lines(scope), content_type=TYPES[kind], headers=headers)


@require_safe
def pathways(request: HttpRequest) -> HttpResponse:
    """Show who sends to whom and what becomes of it. 403 without a structure; 422 when a filter is wrong."""
    form = _form(request)
    address = reverse("reporting:pathways")
    is_valid = form.is_valid()
    context = _context(form) | {
        "action": address,
        "dashboard_url": reverse("reporting:dashboard") + (form.query() if is_valid else ""),
        "pathways": None,
    }
    if not is_valid:
        return render(request, "reporting/pathways.html", context, status=422)
    found = Pathways(form)
    shown = {"pathways": found, "period": found.scope.period, "narrowed": form.narrowed}
    return render(request, "reporting/pathways.html", context | shown)
