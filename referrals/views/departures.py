"""A person leaves the territory: what will be closed is shown before it is; and the way back."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from referrals.forms.departures import DepartureForm
from referrals.middleware import CaseRequest
from referrals.states import State
from referrals.views.shown import identity_of


def departure_record(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Show the needs and the fiches of one's structure that the departure closes; close them on one press."""
    door = request.door
    person = door.person(pk)
    door.require("move_away", person)
    now = timezone.now()
    today = timezone.localdate(now)
    if person.moved_on is not None:
        messages.info(request, "Le départ de cette personne est déjà noté.")
        return redirect("referrals:person_detail", pk=pk)
    form = DepartureForm(request.POST or None, today=today)
    if request.method == "POST" and form.is_valid():
        if person.move_away(door.actor, now, **form.cleaned_data):
            messages.success(request, "Départ noté. Les structures concernées sont prévenues.")
        return redirect("referrals:person_detail", pk=pk)
    fiches = list(person.fiches_without_entry_of(door.structure).with_everything())
    going_on = door.referrals().filter(person=person, sender=door.structure, state=State.ENTERED)
    context = {
        "person": person,
        "form": form,
        "identity": identity_of(person, door.scopes(person), today),
        "needs": list(person.open_needs_of(door.structure)),
        "drafts": [fiche for fiche in fiches if fiche.state == State.DRAFT],
        "fiches": [fiche for fiche in fiches if fiche.state != State.DRAFT],
        "going_on": list(going_on.with_everything().order_by("created_at", "id")),
    }
    return render(request, "referrals/departures/record.html", context, status=422 if form.errors else 200)


@require_POST
def departure_undo(request: CaseRequest, pk: UUID) -> HttpResponse:
    """The person lives here again."""
    door = request.door
    person = door.person(pk)
    door.require("move_away", person)
    if person.come_back(door.actor, timezone.now()):
        messages.success(request, "Retour noté. Les besoins clos le restent : notez ceux d’aujourd’hui.")
    return redirect("referrals:person_detail", pk=pk)
