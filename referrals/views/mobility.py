"""The mobility pre-diagnosis: recorded in one page, read at once, printed for the person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from referrals.deadlines import MOBILITY_MONTHS, add_months
from referrals.disclosure import short_name
from referrals.forms.mobility import MobilityForm, answers_held
from referrals.matching import note_matches, profile_of
from referrals.middleware import CaseRequest
from referrals.mobility import SAID, SAID_TERMS, Orientation, answers_said, orient
from referrals.models import ConsentScope, MobilityReading, Person
from referrals.permissions import Door
from referrals.views.shown import identity_of
from structures.eligibility import Profile
from structures.vocabulary import NeedTheme


def is_to_be_read(themes: Iterable[str], last: dt.datetime | None, today: dt.date) -> bool:
    """Whether mobility is among the needs and the last reading that one may see, if any, is not recent."""
    return NeedTheme.MOBILITY in themes and (last is None or _is_old(last, today))


def _is_old(recorded_at: dt.datetime, today: dt.date) -> bool:
    return add_months(timezone.localdate(recorded_at), MOBILITY_MONTHS) <= today


def _oriented(door: Door, person: Person, reading: MobilityReading, today: dt.date) -> Orientation:
    """Where a reading leads today; levels that were not shared are not read."""
    shared = ConsentScope.PROFILE in door.scopes(person)
    profile = profile_of(person) if shared else Profile(birth_date=person.birth_date)
    return orient(reading.answers, profile, today)


def _by_whom(door: Door, reading: MobilityReading) -> str:
    """Who made a reading: a colleague by name, someone else by first name and structure, unless it is protected."""
    if reading.structure == door.structure:
        return str(reading.author or "")
    if reading.structure.is_sensitive:
        return "une structure protégée"
    return ", ".join(part for part in (short_name(reading.author), str(reading.structure)) if part)


def mobility_record(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Ask, or ask again; above, what the last reading leads to."""
    door = request.door
    person = door.person(pk)
    door.require("needs", person)
    now = timezone.now()
    today = timezone.localdate(now)
    scopes = door.scopes(person)
    reading = door.mobility_readings().latest_of(person)
    shared = ConsentScope.PROFILE in scopes
    held = answers_held(reading, person.licence if shared else "", person.has_vehicle if shared else None)
    form = MobilityForm(request.POST if request.method == "POST" else None, held=held)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            MobilityReading.objects.record(person, form.answers, door.actor, now, note=form.cleaned_data["note"])
            note_matches(door, person, now)
        messages.success(request, "Pré-diagnostic mobilité enregistré.")
        return redirect("referrals:mobility_record", pk=person.pk)
    context: dict[str, Any] = {
        "person": person,
        "identity": identity_of(person, scopes, today),
        "form": form,
        "reading": reading,
    }
    if reading is not None:
        context |= {
            "orientation": _oriented(door, person, reading, today),
            "by_whom": _by_whom(door, reading),
            "is_old": _is_old(reading.recorded_at, today),
        }
    return render(request, "referrals/mobility/record.html", context, status=422 if form.errors else 200)


def mobility_print(request: CaseRequest, pk: UUID) -> HttpResponse:
    """The sheet that the person takes home: what they said, what is proposed to them, in plain French."""
    door = request.door
    person = door.person(pk)
    door.require("view", person)
    reading = door.mobility_readings().latest_of(person)
    if reading is None:
        raise Http404
    orientation = _oriented(door, person, reading, timezone.localdate())
    masked = reading.structure.is_sensitive and reading.structure != door.structure
    context = {
        "person": person,
        "reading": reading,
        "sender": None if masked else reading.structure,
        "said": SAID[orientation.branch],
        "alone": orientation.alone,
        "answers": answers_said(reading),
        "terms": [(SAID_TERMS[term], ones) for term, ones in orientation.by_term],
        "may_record": door.may("needs", person),
    }
    return render(request, "referrals/mobility/print.html", context)
