"""Adding needs to a person, closing one."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from referrals.forms.needs import NeedsForm
from referrals.matching import note_matches
from referrals.middleware import CaseRequest
from referrals.models import Prediagnosis
from referrals.views.shown import identity_of


def need_create(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Note more needs; those that stand open already are not asked for again."""
    door = request.door
    person = door.person(pk)
    door.require("needs", person)
    now = timezone.now()
    open_needs = list(door.needs().open().filter(person=person).order_by("priority", "theme", "id"))
    posted = request.POST if request.method == "POST" else None
    form = NeedsForm(posted, held=tuple(need.theme for need in open_needs), required=True)
    if posted is not None and form.is_valid():
        with transaction.atomic():
            Prediagnosis.objects.record(
                person, form.themes, door.actor, now, note=form.cleaned_data["note"], obstacles=form.obstacles
            )
            note_matches(door, person, now)
        messages.success(request, "Besoins notés.")
        return redirect("referrals:suggestions", pk=person.pk)
    context = {
        "person": person,
        "form": form,
        "open_needs": open_needs,
        "identity": identity_of(person, door.scopes(person), timezone.localdate(now)),
    }
    return render(request, "referrals/needs/create.html", context, status=422 if form.errors else 200)


@require_POST
def need_close(request: CaseRequest, pk: UUID, need: UUID) -> HttpResponse:
    """Say that a need no longer stands; it stays in the history."""
    door = request.door
    person = door.person(pk)
    found = door.needs().filter(person=person, pk=need).first()
    if found is None:
        raise Http404
    door.require("needs", person)
    found.close(door.actor, timezone.now())
    messages.success(request, f"Besoin clos\u00a0: {found.get_theme_display()}.")
    return redirect("referrals:need_create", pk=person.pk)
