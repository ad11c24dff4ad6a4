"""Documents attached to a fiche: seen, added, read, removed."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from referrals.files import file_response
from referrals.forms.attachments import AttachForm
from referrals.middleware import CaseRequest
from referrals.models import Attachment, Referral, StaleReferral
from referrals.models.attachment import MAX_PER_FICHE, REFUSALS
from referrals.permissions import Door
from referrals.timeline import told
from referrals.views.shown import identity_of


def _context(door: Door, referral: Referral, form: AttachForm, now: dt.datetime) -> dict[str, Any]:
    rows = list(door.attachments().filter(referral=referral).listed())
    attaches = door.abilities(referral, now)["attach"]
    for row in rows:
        row.referral = referral
    return {
        "referral": referral,
        "identity": identity_of(
            referral.person,
            door.scopes(referral.person),
            timezone.localdate(now),
            link=door.may("view", referral.person),
        ),
        "rows": [(row, attaches and door.may("detach", row)) for row in rows],
        "attaches": attaches,
        "is_full": len(rows) >= MAX_PER_FICHE,
        "most": MAX_PER_FICHE,
        "form": form,
    }


@require_http_methods(["GET", "HEAD", "POST"])
def attachment_list(request: CaseRequest, reference: str) -> HttpResponse:
    """The documents of a fiche, and the form that adds one."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    posted = request.method == "POST"
    door.require("attach" if posted else "view", referral)
    form = AttachForm(request.POST, request.FILES) if posted else AttachForm()
    if posted and form.is_valid():
        try:
            Attachment.objects.attach(referral, door.actor, now, **form.cleaned_data)
        except StaleReferral as stale:
            messages.error(request, told(stale, now))
            return redirect("referrals:referral_detail", reference=reference)
        except tuple(REFUSALS) as refusal:
            form.add_error("file", REFUSALS[type(refusal)])
        else:
            messages.success(request, "Document joint à la fiche.")
            return redirect("referrals:attachment_list", reference=reference)
    context = _context(door, referral, form, now)
    return render(request, "referrals/attachments/list.html", context, status=422 if form.errors else 200)


@require_safe
def attachment_file(request: CaseRequest, pk: UUID) -> FileResponse:
    """One document."""
    attachment = request.door.attachment(pk)
    request.door.require("view", attachment)
    return file_response(attachment)


@require_POST
def attachment_remove(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Remove a document that one's structure attached."""
    now = timezone.now()
    attachment = request.door.attachment(pk)
    request.door.require("detach", attachment)
    reference = attachment.referral.reference
    try:
        attachment.detach(request.door.actor, now)
    except StaleReferral as stale:
        messages.error(request, told(stale, now))
        return redirect("referrals:referral_detail", reference=reference)
    messages.success(request, "Document retiré.")
    return redirect("referrals:attachment_list", reference=reference)
