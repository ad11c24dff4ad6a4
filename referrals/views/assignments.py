"""Who follows a fiche: entrusted to a colleague by the receiver, passed to a colleague by the sender."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.text import format_lazy
from django.views.decorators.http import require_POST

from accounts.models import User
from referrals.forms.assignments import AssignForm, HandOverForm
from referrals.middleware import CaseRequest
from referrals.models import Referral, StaleReferral
from referrals.permissions import Door
from referrals.states import OPEN
from referrals.views.bulk import ticked
from referrals.views.conflict import posted_version
from referrals.views.responses import conflict_page, page_context, render_page
from structures.vocabulary import Role

RECEIVED = format_lazy("{}?onglet=recues", reverse_lazy("referrals:referral_list"))


@require_POST
def assignment_assign(request: CaseRequest, reference: str) -> HttpResponse:
    """Entrust a received fiche to a member of the team, or to nobody."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    door.require("assign", referral)
    form = AssignForm(request.POST, team=door.colleagues(Role.RECEIVER))
    if not form.is_valid():
        return render_page(request, page_context(door, referral, now, assigning=form), status=422)
    try:
        referral.assign(door.actor, now, to=form.cleaned_data["to"], version=posted_version(request))
    except StaleReferral as stale:
        return conflict_page(request, stale, now, "assign", form)
    to = referral.assigned_to
    messages.success(request, f"Fiche confiée à {to}." if to else "La fiche n’est plus confiée à personne.")
    return redirect("referrals:referral_detail", reference=reference)


@require_POST
def assignment_hand_over(request: CaseRequest, reference: str) -> HttpResponse:
    """Pass what one follows, as the sender, to another member of the team."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    door.require("hand_over", referral)
    form = HandOverForm(request.POST, team=door.colleagues(Role.PRESCRIBER))
    if not form.is_valid():
        return render_page(request, page_context(door, referral, now, assigning=form), status=422)
    try:
        referral.hand_over(door.actor, now, to=form.cleaned_data["to"], version=posted_version(request))
    except StaleReferral as stale:
        return conflict_page(request, stale, now, "hand_over", form)
    messages.success(request, f"Le suivi de cette fiche est passé à {referral.sender_member}.")
    return redirect("referrals:referral_detail", reference=reference)


def assignment_many(request: CaseRequest) -> HttpResponse:
    """Entrust the fiches ticked in the received list to one member; those that are closed are passed over."""
    now = timezone.now()
    door = request.door
    door.require("assign_many")
    posted = request.POST if request.method == "POST" else None
    versions = ticked(request.GET if posted is None else posted)
    rows = door.referrals_of("received").filter(reference__in=versions, state__in=OPEN)
    rows = rows.with_everything().order_by("sent_at", "id")
    form = AssignForm(posted, team=door.colleagues(Role.RECEIVER))
    if posted is None or not form.is_valid():
        found = list(rows)
        if not found:
            messages.warning(request, "Cochez au moins une fiche encore ouverte.")
            return redirect(RECEIVED)
        context = {"rows": found, "form": form}
        return render(request, "referrals/assignments/many.html", context, status=422 if form.errors else 200)
    to = form.cleaned_data["to"]
    found = [referral for referral in rows if referral.assigned_to != to]
    done = sum(_assigned(referral, door, now, to, versions[referral.reference]) for referral in found)
    many = "s" if done > 1 else ""
    left = f"confiée{many} à {to}" if to else f"remise{many} à toute l’équipe"
    messages.success(request, f"{done} fiche{many} {left}." if done else "Rien n’a changé.")
    if done < len(found):
        messages.warning(request, "Une fiche au moins a changé entre-temps : elle est restée comme elle était.")
    return redirect(RECEIVED)


def _assigned(referral: Referral, door: Door, now: dt.datetime, to: User | None, version: int) -> bool:
    """Entrust one fiche; `False` when someone acted first."""
    try:
        referral.assign(door.actor, now, to=to, version=version)
    except StaleReferral:
        return False
    return True
