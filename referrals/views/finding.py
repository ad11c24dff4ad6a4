"""Finding anything: a page that works alone, and the piece of page that the dialog of every page asks for."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from referrals.finding import find
from referrals.forms.finding import FindForm
from referrals.middleware import CaseRequest


def find_anything(request: CaseRequest) -> HttpResponse:
    """What a few words mean. They come as a POST, which writes nothing: they may be a name."""
    form = FindForm(request.POST if request.method == "POST" else None)
    asked = form.is_bound and form.is_valid()
    groups = find(request.door, form.cleaned_data["mots"]) if asked else []
    context = {
        "form": form,
        "groups": groups,
        "asked": asked,
        "total": sum(len(group.results) for group in groups),
        "as_options": bool(request.htmx),
    }
    if request.htmx:
        return render(request, "referrals/finding/found.html", context)
    status = 422 if form.errors else 200
    return render(request, "referrals/finding/page.html", context, status=status)
