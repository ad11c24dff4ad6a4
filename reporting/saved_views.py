"""The filters of the statistics that a user keeps under a name: saved, found again, renamed, deleted, brought back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import MOST_VIEWS, NameTaken, SavedView, SavedViewQuerySet, TooManyViews
from reporting.forms import FilterForm

NAME_TAKEN = "Une autre de vos vues porte ce nom."


class NameForm(forms.ModelForm):
    """The name of a view."""

    class Meta:
        model = SavedView
        fields = ["name"]
        labels = {"name": "Nom de la vue"}
        help_texts = {"name": "Par exemple\u00a0: QPV, contrat de ville, 12 mois. Vous seul(e) le voyez."}


def _own(request: HttpRequest) -> SavedViewQuerySet:
    """The views of who asks. Raises `PermissionDenied` for who may see no figures."""
    door = request.door  # type: ignore[attr-defined] # set by DoorMiddleware
    door.require("figures")
    return SavedView.objects.filter(user=door.user)


def _page(query: str) -> str:
    return reverse("reporting:dashboard") + query


def _form_page(request: HttpRequest, form: forms.ModelForm, **context: Any) -> HttpResponse:
    status = 422 if form.errors else 200
    return render(request, "reporting/saved_views/form.html", {"form": form} | context, status=status)


@require_safe
def saved_view_list(request: HttpRequest) -> HttpResponse:
    """The views of who asks, by name."""
    rows = [(row, _page(row.query)) for row in _own(request).standing()]
    return render(request, "reporting/saved_views/list.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
def saved_view_new(request: HttpRequest) -> HttpResponse:
    """Name the filters that stand in the address and keep them. 422 with the form when one of the two is wrong."""
    views, now = _own(request), timezone.now()
    door = request.door  # type: ignore[attr-defined] # set by DoorMiddleware
    filters = FilterForm(request.GET, door=door, now=now, today=timezone.localdate(now))
    if not filters.is_valid():
        return redirect(_page(filters.query()))
    scope = filters.scope()
    context = {
        "words": [scope.view.label, *([filters.preset.label] if filters.preset else []), *filters.narrowed],
        "period": None if filters.preset else scope.period,
        "back_url": _page(filters.query()),
        "is_new": True,
    }
    form = NameForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return _form_page(request, form, **context)
    try:
        views.keep(door.user, form.cleaned_data["name"], filters.query(), now)
    except NameTaken:
        form.add_error("name", NAME_TAKEN)
    except TooManyViews:
        form.add_error("name", f"Vous avez déjà {MOST_VIEWS} vues. Supprimez-en une pour en enregistrer une autre.")
    if form.errors:
        return _form_page(request, form, **context)
    messages.success(request, f"Vue enregistrée\u00a0: {form.cleaned_data['name']}.")
    return redirect(_page(filters.query()))


@require_http_methods(["GET", "HEAD", "POST"])
def saved_view_rename(request: HttpRequest, pk: int) -> HttpResponse:
    """Give one's view another name. 422 with the form when it is taken."""
    row = get_object_or_404(_own(request).standing(), pk=pk)
    form = NameForm(request.POST if request.method == "POST" else None, instance=row)
    if request.method == "POST" and form.is_valid():
        try:
            row.rename(form.cleaned_data["name"])
        except NameTaken:
            form.add_error("name", NAME_TAKEN)
        else:
            messages.success(request, "Nom changé.")
            return redirect("reporting:saved_view_list")
    return _form_page(request, form, back_url=reverse("reporting:saved_view_list"), is_new=False)


@require_POST
def saved_view_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Take one's view off the list; the message offers to bring it back."""
    row = get_object_or_404(_own(request).standing(), pk=pk)
    row.remove(timezone.now())
    undo = f"undo:{reverse('reporting:saved_view_restore', args=[pk])}"
    messages.success(request, f"Vue supprimée\u00a0: {row}.", extra_tags=undo)
    return redirect("reporting:saved_view_list")


@require_POST
def saved_view_restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Bring back a view that was just deleted."""
    row = get_object_or_404(_own(request), pk=pk)
    try:
        row.restore()
    except NameTaken:
        messages.error(request, "Cette vue ne peut plus revenir\u00a0: une autre porte son nom.")
    else:
        messages.success(request, f"Vue de retour\u00a0: {row}.")
    return redirect("reporting:saved_view_list")
