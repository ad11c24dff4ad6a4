"""The positionnement: recorded by the structure that received the person, printed for the person."""

from __future__ import annotations

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from referrals.documents import positioning_sheet
from referrals.forms.positionings import PositioningForm
from referrals.middleware import CaseRequest
from referrals.models import Positioning, StaleReferral
from referrals.timeline import told
from referrals.views.conflict import check_version, conflict_context
from referrals.views.shown import identity_of


def positioning_record(request: CaseRequest, reference: str) -> HttpResponse:
    """Record the interview; its return goes to the sender at once."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    door.require("position", referral)
    form = PositioningForm(request.POST or None, referral=referral, now=now)
    context = {
        "referral": referral,
        "identity": identity_of(
            referral.person,
            door.scopes(referral.person),
            timezone.localdate(now),
            link=door.may("view", referral.person),
        ),
        "form": form,
    }
    if not door.abilities(referral, now)["position"]:
        stale = StaleReferral(referral, "position")
        if request.method == "POST":
            context |= conflict_context(stale, now, form) | {"gone": True}
            return render(request, "referrals/positionings/record.html", context, status=409)
        messages.info(request, told(stale, now))
        return redirect("referrals:referral_detail", reference=reference)
    if request.method == "POST" and form.is_valid():
        try:
            check_version(referral, request, "position")
            with transaction.atomic():
                Positioning.objects.record(referral, door.actor, now, version=referral.version, **form.arguments())
        except (StaleReferral, IntegrityError):
            fresh = door.referral(reference)
            gone = not door.abilities(fresh, now)["position"]
            context |= conflict_context(StaleReferral(fresh, "position"), now, form if gone else None)
            context |= {"referral": fresh, "gone": gone}
            return render(request, "referrals/positionings/record.html", context, status=409)
        messages.success(request, f"Positionnement enregistré. {referral.sender} en reçoit le retour.")
        return redirect("referrals:referral_detail", reference=reference)
    return render(request, "referrals/positionings/record.html", context, status=422 if form.errors else 200)


def positioning_print(request: CaseRequest, reference: str) -> HttpResponse:
    """The page that the person takes home, in plain French and without the professionals' notes."""
    referral = request.door.referral(reference)
    request.door.require("print", referral)
    row: Positioning | None = getattr(referral, "positioning", None)
    if row is None:
        raise Http404
    document = positioning_sheet(row)
    return render(request, document.template, document.context)
