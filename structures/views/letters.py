"""How often letters come, and where."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from structures.door import DoorRequest
from structures.forms.letters import LettersForm


def letter_choices(request: DoorRequest) -> HttpResponse:
    """Choose the pace of one's letters; a manager also that of the structure's, and its address."""
    door = request.door
    door.require("team")
    member = door.team().filter(user=door.user).first()
    if member is None:
        raise Http404
    structure = door.structure if door.may("manage") else None
    posted = request.POST if request.method == "POST" else None
    form = LettersForm(posted, member=member, structure=structure)
    if posted is not None and form.is_valid():
        chosen = form.cleaned_data
        with transaction.atomic():
            member.choose_letters(chosen["own"])
            if structure is not None:
                structure.choose_letters(chosen["structure"], chosen["email"])
        messages.success(request, "Vos choix sont enregistrés.")
        return redirect("structures:letter_choices")
    context = {"form": form, "is_manager": structure is not None}
    return render(request, "structures/letters/choices.html", context, status=422 if form.errors else 200)
