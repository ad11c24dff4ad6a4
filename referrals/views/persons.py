"""The list of persons, recording one, changing one."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Prefetch
from django.http import FileResponse, Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from referrals.forms.needs import NeedsForm
from referrals.forms.person_fields import read_date
from referrals.forms.persons import PersonForm, PersonSearchForm
from referrals.matching import note_matches
from referrals.middleware import CaseRequest
from referrals.models import ConsentScope, Person, Prediagnosis
from referrals.models.person import PersonQuerySet
from referrals.permissions import Door
from referrals.person_export import export
from referrals.person_list import MOST_FOUND, filtered
from referrals.states import State
from referrals.views.keyset import AFTER, BEFORE, Page, page_of
from referrals.views.shown import identity_of
from structures.spreadsheet.spilling import TYPES
from structures.territory import TOWNS
from structures.text import Plain

MOST_LIKELY = 4
"""Likely duplicates that are shown."""

FOLDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "Français et scolarité",
        "pour les cours, l’alphabétisation, les savoirs de base",
        ("schooling", "french_oral", "french_written", "anlci", "language", "needs_interpreter"),
    ),
    ("Numérique et mobilité", "pour les ateliers, le permis", ("digital", "licence", "has_vehicle")),
    (
        "Situation",
        "statuts, diplôme",
        ("statuses", "statuses_known", "diploma"),
    ),
    ("Disponibilités", "demi-journées possibles", ("availability",)),
)
"""The sections that stay folded until they are needed: title, what they serve for, fields."""


def _folds(form: PersonForm) -> list[dict[str, Any]]:
    """Each folded section with its fields; open when it holds an error."""
    return [
        {
            "title": title,
            "hint": hint,
            "fields": [form[name] for name in names],
            "open": any(form[name].errors for name in names),
            "filled": sum(bool(form[name].value()) for name in names),
        }
        for title, hint, names in FOLDS
    ]


# --- The list -----------------------------------------------------------------------------------------------


def _with_rows(door: Door, persons: PersonQuerySet) -> PersonQuerySet:
    """What a row shows, in two queries more, whatever the number of rows."""
    last = door.referrals().select_related("action").order_by("-created_at", "-id")[:1]
    needs = door.needs().open().order_by("priority", "theme", "id")
    return persons.prefetch_related(
        Prefetch("needs", needs, to_attr="open_needs"), Prefetch("referrals", last, to_attr="last_fiches")
    )


def _row(door: Door, person: Any, today: dt.date) -> dict[str, Any]:
    scopes = door.scopes(person)
    fiche = person.last_fiches[0] if person.last_fiches else None
    return {
        "person": person,
        "age": person.age(today),
        "place": person.place if ConsentScope.CONTACT in scopes else "",
        "moved": person.moved_on is not None and ConsentScope.CONTACT in scopes,
        "needs": person.open_needs,
        "shares_needs": ConsentScope.NEEDS in scopes,
        "fiche": fiche,
        "state_label": State(fiche.state).label if fiche else "",
    }


def person_list(request: CaseRequest) -> HttpResponse:
    """The persons one sees, in the order of an index; a search by name comes as a POST and writes nothing."""
    door = request.door
    door.require("files")
    today = timezone.localdate()
    form = PersonSearchForm(request.POST or request.GET or None)
    filters = dict.fromkeys(form.fields, "")
    if form.is_valid():
        filters |= form.cleaned_data
    # Names are searched by POST only: words that stand in an address are not read.
    words = filters["mots"].strip() if request.method == "POST" else ""
    persons = filtered(door, filters)
    query = _shareable(filters, request.GET)
    page: Page[Person]
    if words:
        found = list(_with_rows(door, persons.matching(words))[: MOST_FOUND + 1])
        page = Page(found[:MOST_FOUND], "", "")
        total = len(found)
    else:
        ordered = persons.annotate(index_last=Plain("last_name"), index_first=Plain("first_name"))
        total = persons.count()
        page = page_of(_with_rows(door, ordered), ["index_last", "index_first", "pk"], query)
    return render(
        request,
        "referrals/persons/list.html",
        {
            "form": form if form.is_bound else PersonSearchForm(),
            "rows": [_row(door, person, today) for person in page.rows],
            "page": page,
            "total": total,
            "words": words,
            "too_many": bool(words) and total > MOST_FOUND,
            "filtered": bool(words) or any(query.get(name) for name in ("besoin", "qui", "etat")),
            "may_record": door.may("record_person"),
            "exports": [(kind.upper(), reverse("referrals:person_export", args=[kind])) for kind in TYPES]
            if door.may("export_persons")
            else [],
            "asked": filters | {"mots": words},
            "pairs": door.resemblances().count() if door.may("merge_persons") else 0,
        },
    )


@require_POST
def person_export(request: CaseRequest, kind: str) -> FileResponse:
    """The list as a table, with its filters. Journalled: how many, in which format, by which filters, and no name.

    Raises `Http404` for another format.
    """
    door = request.door
    door.require("export_persons")
    if kind not in TYPES:
        raise Http404
    now = timezone.now()
    form = PersonSearchForm(request.POST)
    filters = dict.fromkeys(form.fields, "")
    if form.is_valid():
        filters |= form.cleaned_data
    file = export(door, kind, filters, now)
    name = f"personnes-{timezone.localdate(now):%Y-%m-%d}.{kind}"
    return FileResponse(file, as_attachment=True, filename=name, content_type=TYPES[kind])


def _shareable(filters: dict[str, Any], asked: QueryDict) -> QueryDict:
    """The filters that may stand in an address, with the cursor."""
    query = QueryDict(mutable=True)
    for name in ("besoin", "qui", "etat"):
        if filters[name]:
            query[name] = filters[name]
    for name in (AFTER, BEFORE):
        if name in asked:
            query[name] = str(asked[name])
    return query


# --- Recording ----------------------------------------------------------------------------------------------


def _likely(door: Door, first_name: str, last_name: str, birth_date: dt.date | None, today: dt.date) -> list[Any]:
    found = door.persons().resembling(first_name, last_name, birth_date).select_related("recorded_by")[:MOST_LIKELY]
    return [
        {
            "person": person,
            "age": person.age(today),
            "place": person.place if ConsentScope.CONTACT in door.scopes(person) else "",
            "birth_date": person.birth_date,
            "same_day": birth_date is not None and person.birth_date == birth_date,
        }
        for person in found
    ]


@require_POST
def person_duplicates(request: CaseRequest) -> HttpResponse:
    """A piece of page: who, among the persons one sees, may be the one being typed."""
    door = request.door
    door.require("record_person")
    today = timezone.localdate()
    first, last = (request.POST.get(name, "")[:80] for name in ("first_name", "last_name"))
    birth_date = read_date(request.POST.get("birth_date", ""), today)
    likely = _likely(door, first, last, birth_date, today) if first.strip() and last.strip() else []
    return render(request, "referrals/persons/duplicates.html", {"likely": likely})


def _record(door: Door, form: PersonForm, needs: NeedsForm, now: dt.datetime) -> Person:
    """Write the person, the needs, and what the matching says of them on this day, or nothing at all."""
    with transaction.atomic():
        person = form.instance.record(door.actor, now)
        if needs.themes or needs.cleaned_data["note"]:
            Prediagnosis.objects.record(
                person,
                needs.themes,
                door.actor,
                now,
                note=needs.cleaned_data["note"],
                obstacles=needs.obstacles,
            )
            note_matches(door, person, now)
    return person


def person_create(request: CaseRequest) -> HttpResponse:
    """One page: who, how to reach them, what they need. A likely duplicate asks for a second press."""
    door = request.door
    door.require("record_person")
    now = timezone.now()
    today = timezone.localdate(now)
    posted = request.POST if request.method == "POST" else None
    form = PersonForm(posted, today=today)
    needs = NeedsForm(posted)
    likely: list[Any] = []
    if posted is not None and form.is_valid() & needs.is_valid():
        data = form.cleaned_data
        if posted.get("confirmed") != "1":
            likely = _likely(door, data["first_name"], data["last_name"], data["birth_date"], today)
        if not likely:
            person = _record(door, form, needs, now)
            messages.success(request, "Personne enregistrée.")
            return redirect("referrals:suggestions", pk=person.pk)
    context = {
        "form": form,
        "needs_form": needs,
        "folds": _folds(form),
        "communes": TOWNS,
        "likely": likely,
        "ask": bool(likely),
    }
    wrong = bool(form.errors or needs.errors)
    return render(request, "referrals/persons/create.html", context, status=422 if wrong or likely else 200)


def person_update(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Change what is known of a person; what a colleague changed meanwhile is never overwritten unseen."""
    door = request.door
    person = door.person(pk)
    door.require("edit", person)
    now = timezone.now()
    today = timezone.localdate(now)
    posted = request.POST if request.method == "POST" else None
    form = PersonForm(posted, instance=copy.copy(person), today=today)
    seen = person.updated_at.isoformat()
    stale = posted is not None and posted.get("seen") != seen
    if posted is not None and form.is_valid() and not stale:
        with transaction.atomic():
            changed = person.change(door.actor, now, **form.values)
            if changed:
                note_matches(door, person, now)
        messages.success(request, "Modifications enregistrées." if changed else "Rien n’a changé.")
        return redirect(reverse("referrals:person_detail", args=[person.pk]))
    context = {
        "person": person,
        "form": form,
        "folds": _folds(form),
        "communes": TOWNS,
        "seen": seen,
        "stale": stale,
        "identity": identity_of(person, door.scopes(person), today),
        "now": now,
    }
    status = 409 if stale else 422 if form.errors else 200
    return render(request, "referrals/persons/update.html", context, status=status)
