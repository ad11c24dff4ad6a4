"""Bilans: begun from the fiche, saved while typing, returned once; then the next fiche."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from referrals.documents import bilan_sheet, person_sheet
from referrals.drawings import draw_progress
from referrals.forms.bilans import BilanForm
from referrals.middleware import CaseRequest
from referrals.models import Bilan, BilanKind, BilanSource, Exit, Referral, StaleReferral
from referrals.models.bilan import BilanState
from referrals.permissions import Door
from referrals.timeline import told
from referrals.views.conflict import conflict_context, posted_version
from referrals.views.documents import returned_bilan
from referrals.views.exits import exit_message
from referrals.views.shown import identity_of
from structures.vocabulary import NeedTheme


@require_POST
def bilan_create(request: CaseRequest, reference: str, kind: str) -> HttpResponse:
    """Begin a bilan, or take up the draft that is open."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    if kind not in BilanKind.values:
        raise Http404
    abilities = door.abilities(referral, now)
    if not (door.may("bilan", referral) or door.may("receive_otherwise", referral)):
        raise PermissionDenied
    if not _may_begin(referral, kind, abilities):
        messages.info(request, told(StaleReferral(referral, "bilan"), now))
        return redirect("referrals:referral_detail", reference=reference)
    # The day is local: just after midnight in Paris it is still the day before in UTC.
    bilan = Bilan.objects.start(referral, kind, door.actor, now, on=timezone.localdate(now))
    return redirect("referrals:bilan_edit", pk=bilan.pk)


def _may_begin(referral: Referral, kind: str, abilities: dict[str, bool]) -> bool:
    shape = referral.action.get_shape()
    positions = shape == shape.POSITIONING
    if (kind == BilanKind.POSITIONING) != positions:
        return False
    once = kind in (BilanKind.POSITIONING, BilanKind.FINAL)
    if once and referral.bilans.returned().filter(kind=kind).exists():
        return False
    return abilities["bilan"] or abilities["receive_otherwise"]


def _takes_exit(door: Door, bilan: Bilan, now: dt.datetime) -> bool:
    """Whether the typed exit can be noted in the same go."""
    return bilan.kind == BilanKind.FINAL and door.abilities(bilan.referral, now)["exit"]


def _editing(door: Door, bilan: Bilan, form: BilanForm, now: dt.datetime) -> dict:
    referral = bilan.referral
    return {
        "bilan": bilan,
        "referral": referral,
        "form": form,
        "identity": identity_of(
            referral.person,
            door.scopes(referral.person),
            timezone.localdate(now),
            link=door.may("view", referral.person),
        ),
        "otherwise": bilan.source == BilanSource.OTHERWISE,
    }


def bilan_edit(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Write the draft; what is typed is also saved on the way (`bilan_autosave`)."""
    now = timezone.now()
    door = request.door
    bilan = door.bilan(pk)
    door.require("edit", bilan)
    if bilan.state != BilanState.DRAFT and request.method != "POST":
        return redirect("referrals:bilan_detail", pk=pk)
    form = BilanForm(request.POST or None, bilan=bilan, now=now, with_exit=_takes_exit(door, bilan, now))
    if request.method == "POST" and form.is_valid():
        if not bilan.write(**form.values()):
            return _returned_meanwhile(request, bilan, form, now)
        messages.success(request, "Brouillon enregistré. Rien n’est encore envoyé.")
        return redirect("referrals:bilan_edit", pk=pk)
    context = _editing(door, bilan, form, now)
    return render(request, "referrals/bilans/edit.html", context, status=422 if form.errors else 200)


def _returned_meanwhile(request: CaseRequest, bilan: Bilan, form: BilanForm, now: dt.datetime) -> HttpResponse:
    stale = StaleReferral(bilan.referral, "bilan")
    context = _editing(request.door, bilan, form, now) | conflict_context(stale, now, form) | {"gone": True}
    return render(request, "referrals/bilans/edit.html", context, status=409)


@require_POST
def bilan_autosave(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Save what is being typed. 422 when something typed is refused, 409 once the bilan has been returned."""
    now = timezone.now()
    door = request.door
    bilan = door.bilan(pk)
    door.require("edit", bilan)
    form = BilanForm(request.POST, bilan=bilan, now=now, with_exit=_takes_exit(door, bilan, now))
    if not form.is_valid():
        return HttpResponse(status=422)
    return HttpResponse(status=204 if bilan.write(**form.values()) else 409)


@require_POST
def bilan_return(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Return the bilan to the other structure, with the typed exit when it was filled in."""
    now = timezone.now()
    door = request.door
    bilan = door.bilan(pk)
    door.require("edit", bilan)
    form = BilanForm(request.POST, bilan=bilan, now=now, returning=True, with_exit=_takes_exit(door, bilan, now))
    if not form.is_valid():
        return render(request, "referrals/bilans/edit.html", _editing(door, bilan, form, now), status=422)
    try:
        said = _hand_in(request, bilan, form, now)
    except (StaleReferral, IntegrityError):
        return _returned_meanwhile(request, door.bilan(pk), form, now)
    messages.success(request, said)
    return redirect("referrals:bilan_detail", pk=pk)


def _hand_in(request: CaseRequest, bilan: Bilan, form: BilanForm, now: dt.datetime) -> str:
    """Write, return and note the exit, all or nothing. Raises `StaleReferral` when someone acted first."""
    actor = request.door.actor
    referral = bilan.referral
    left = form.exit_values()
    with transaction.atomic():
        if not bilan.write(**form.values()) or not bilan.hand_in(actor, now):
            raise StaleReferral(referral, "bilan")
        row = Exit.objects.record(referral, actor, now, version=posted_version(request), **left) if left else None
    said = "Bilan enregistré."
    if bilan.source == BilanSource.RECEIVER:
        said = f"Bilan rendu. {referral.sender} peut le lire."
    return f"{said} {exit_message(row)}" if row else said


def bilan_detail(request: CaseRequest, pk: UUID) -> HttpResponse:
    """A bilan as both structures read it: before and after in one picture, and what comes next."""
    now = timezone.now()
    door = request.door
    bilan = door.bilan(pk)
    if bilan.state == BilanState.DRAFT:
        return redirect("referrals:bilan_edit", pk=pk)
    referral = bilan.referral
    context = {
        "bilan": bilan,
        "referral": referral,
        "now": now,
        "identity": identity_of(
            referral.person,
            door.scopes(referral.person),
            timezone.localdate(now),
            link=door.may("view", referral.person),
        ),
        "progress": draw_progress(bilan),
        "obstacles": [NeedTheme(theme).label for theme in bilan.obstacles_left],
        "themes": [NeedTheme(theme).label for theme in bilan.recommended],
        "exit": getattr(referral, "exit", None),
        "may_open_next": door.may("next", bilan),
        "may_record_exit": door.abilities(referral, now)["exit"],
        "opened": list(door.referrals().filter(opened_by=bilan).select_related("action", "receiver")),
    }
    return render(request, "referrals/bilans/detail.html", context)


def bilan_print(request: CaseRequest, pk: UUID) -> HttpResponse:
    """The page that the person takes home."""
    document = person_sheet(returned_bilan(request, pk))
    return render(request, document.template, document.context)


def bilan_sheet_print(request: CaseRequest, pk: UUID) -> HttpResponse:
    """The bilan on paper, as both structures read it."""
    document = bilan_sheet(returned_bilan(request, pk), timezone.localdate())
    return render(request, document.template, document.context)


def bilan_next(request: CaseRequest, pk: UUID) -> HttpResponse:
    """From a bilan to the next fiche: the suggestions for what it recommends, with the levels it found."""
    door = request.door
    bilan = door.bilan(pk)
    door.require("next", bilan)
    if bilan.state == BilanState.DRAFT:
        raise Http404
    address = reverse("referrals:suggestions", args=[bilan.referral.person_id])
    return redirect(f"{address}?bilan={bilan.pk}")
