"""Answering the question that the suggestions ask, and taking the answer back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from referrals.forms.questions import QuestionForm
from referrals.matching import note_matches, profile_of
from referrals.middleware import CaseRequest
from referrals.models import Person
from referrals.questions import BY_NAME
from referrals.views.matching import address_of, suggestions_context

ANSWERED = "answered"
"""Where the session keeps what the last answer replaced."""


def _back(request: CaseRequest, person: Person) -> HttpResponse:
    return redirect(reverse("referrals:suggestions", args=[person.pk]) + address_of(request.GET))


def _write(request: CaseRequest, person: Person, form: QuestionForm) -> bool:
    """Write the answer unless somebody gave it meanwhile, and keep aside what it replaces."""
    now = timezone.now()
    with transaction.atomic():
        held = Person.objects.select_for_update(of=("self",)).get(pk=person.pk)
        if form.fact.is_known(held, profile_of(held)):
            return False
        before = {name: getattr(held, name) for name in form.changes}
        held.change(request.door.actor, now, **form.changes)
        note_matches(request.door, held, now)
    request.session[ANSWERED] = {"person": str(held.pk), "before": before, "at": held.updated_at.isoformat()}
    return True


@require_POST
def question_answer(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Write one fact of the person, then show the list again: the part that changed, or the whole page."""
    door = request.door
    person = door.person(pk)
    door.require("edit", person)
    fact = BY_NAME.get(request.POST.get("fact", ""))
    if fact is None:
        raise Http404
    today = timezone.localdate()
    form = QuestionForm(request.POST, fact=fact, person=person, today=today)
    if not form.is_valid():
        page = "referrals/matching/answered.html" if request.htmx else "referrals/matching/suggestions.html"
        context = suggestions_context(door, person, request.GET, today, form)
        return render(request, page, context, status=422)
    undo = f"undo:{reverse('referrals:question_undo', args=[pk])}{address_of(request.GET)}"
    written = _write(request, person, form)
    if not request.htmx:
        _tell(request, written, undo, "La liste est à jour.")
        return _back(request, person)
    context = suggestions_context(door, door.person(pk), request.GET, today)
    count = context["match_count"]
    _tell(request, written, undo, f"{count or 'Aucune'} action{'s'[: count > 1]} possible{'s'[: count > 1]}.")
    return render(request, "referrals/matching/answered.html", context)


def _tell(request: CaseRequest, written: bool, undo: str, outcome: str) -> None:
    if written:
        messages.success(request, f"Réponse notée. {outcome}", extra_tags=undo)
    else:
        messages.info(request, f"Quelqu’un l’avait déjà noté. {outcome}")


@require_POST
def question_undo(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Put back what the last answer replaced, unless the person was changed since."""
    door = request.door
    person = door.person(pk)
    door.require("edit", person)
    kept: dict[str, Any] = request.session.pop(ANSWERED, {})
    now = timezone.now()
    with transaction.atomic():
        held = Person.objects.select_for_update(of=("self",)).get(pk=person.pk)
        stands = kept.get("person") == str(held.pk) and kept.get("at") == held.updated_at.isoformat()
        if stands:
            held.change(door.actor, now, **kept["before"])
            note_matches(door, held, now)
    if stands:
        messages.success(request, "Réponse retirée.")
    else:
        messages.info(request, "Il n’y a plus rien à annuler : modifiez le profil si la réponse est fausse.")
    return _back(request, person)
