"""The sessions of an action: dates, timetable, place, places."""

from __future__ import annotations

import copy

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from structures.door import DoorRequest, managed
from structures.forms.sessions import SessionForm, too_few_places
from structures.models import Session
from structures.models.session import TooFewPlaces
from structures.views.actions import told

USUAL = ("timetable", "place", "places", "reserved", "half_day_hours")


def session_create(request: DoorRequest, slug: str) -> HttpResponse:
    """Add a session."""
    action = managed(request, "edit", slug)
    last = action.sessions.order_by("-starts_on", "-id").first()
    # Where, when in the week and for how many rarely changes from one session to the next.
    usual = {name: getattr(last, name) for name in USUAL} if last else {}
    form = SessionForm(request.POST or None, instance=Session(action=action), initial=usual)
    if request.method == "POST" and form.is_valid():
        told(request, form.instance.add(request.door.user, timezone.now()), "Session ajoutée.", undo=False)
        return redirect("structures:action_edit", slug=slug)
    context = {"action": action, "form": form, "session": None, "may_remove": False}
    return render(request, "structures/manage/session.html", context, status=422 if form.errors else 200)


def session_edit(request: DoorRequest, slug: str, pk: int) -> HttpResponse:
    """Change a session."""
    action = managed(request, "edit", slug)
    session = get_object_or_404(action.sessions, pk=pk)
    session.action = action
    form = SessionForm(request.POST or None, instance=copy.copy(session))
    if request.method == "POST" and form.is_valid():
        try:
            change = session.change(request.door.user, timezone.now(), **form.cleaned_data)
        except TooFewPlaces as few:
            form.add_error("places" if "places" in form.changed_data else "reserved", too_few_places(few.taken))
        else:
            told(request, change, "Session modifiée.", undo=False)
            return redirect("structures:action_edit", slug=slug)
    context = {
        "action": action,
        "form": form,
        "session": session,
        "may_remove": not request.door.expects_someone(session),
    }
    return render(request, "structures/manage/session.html", context, status=422 if form.errors else 200)


@require_POST
def session_remove(request: DoorRequest, slug: str, pk: int) -> HttpResponse:
    """Take a session out, unless a fiche names it."""
    action = managed(request, "edit", slug)
    session = get_object_or_404(action.sessions, pk=pk)
    if request.door.expects_someone(session):
        messages.warning(request, "Des fiches sont liées à cette session : elle ne peut pas être supprimée.")
        return redirect("structures:session_edit", slug=slug, pk=pk)
    told(request, session.remove(request.door.user, timezone.now()), "Session supprimée.")
    return redirect("structures:action_edit", slug=slug)
