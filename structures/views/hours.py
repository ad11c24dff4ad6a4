"""When letters may reach one's structure: a manager's page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from structures.door import DoorRequest
from structures.forms.hours import HoursForm


def hours_edit(request: DoorRequest) -> HttpResponse:
    """Closed days, hours and closing periods of one's structure."""
    door = request.door
    door.require("manage")
    assert door.structure is not None  # by the role
    today = door.structure.clock.day_of(timezone.now())
    form = HoursForm(request.POST if request.method == "POST" else None, structure=door.structure, today=today)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Horaires enregistrés : les lettres attendront les heures ouvertes.")
        return redirect("structures:hours_edit")
    context = {"form": form, "structure": door.structure}
    return render(request, "structures/hours/edit.html", context, status=422 if form.errors else 200)
