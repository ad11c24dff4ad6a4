"""What was told to oneself: unread first; opening one reads it."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Case, Value, When
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from referrals.middleware import CaseRequest
from referrals.views.keyset import page_of

ORDER = ["is_read", "-created_at", "-id"]


@require_safe
def notification_list(request: CaseRequest) -> HttpResponse:
    """The notifications of one's place in this structure."""
    door = request.door
    door.require("notifications")
    rows = door.notifications().annotate(is_read=Case(When(read_at=None, then=Value(0)), default=Value(1)))
    page = page_of(rows.select_related("referral"), ORDER, request.GET)
    context = {"page": page, "unread": door.counts.get("referrals:notification_list", 0)}
    return render(request, "referrals/notifications/list.html", context)


@require_POST
def notification_open(request: CaseRequest, pk: int) -> HttpResponse:
    """Read one, and go to its fiche, or to the figures for who opens no file."""
    door = request.door
    door.require("notifications")
    one = get_object_or_404(door.notifications().select_related("referral"), pk=pk)
    door.notifications().filter(pk=one.pk).mark_read(timezone.now())
    if not door.opens_files:
        return redirect("reporting:dashboard")
    return redirect("referrals:referral_detail", reference=one.referral.reference)


@require_POST
def notification_read(request: CaseRequest) -> HttpResponse:
    """Read them all, or the one that is named."""
    door = request.door
    door.require("notifications")
    rows = door.notifications()
    if pk := request.POST.get("notification", ""):
        rows = rows.filter(pk=pk) if pk.isdigit() and len(pk) < 19 else rows.none()
    if rows.mark_read(timezone.now()):
        messages.success(request, "C’est lu." if pk else "Tout est marqué comme lu.")
    return redirect("referrals:notification_list")
