"""Who is away in one's structure, until when, and who stands in."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from structures.door import DoorRequest
from structures.forms.absences import AbsenceForm
from structures.models import Membership


@require_safe
def absence_list(request: DoorRequest) -> HttpResponse:
    """The team of one's structure, with who is away or soon will be."""
    door = request.door
    door.require("team")
    today = timezone.localdate()
    rows = [_row(request, member, today) for member in door.team().select_related("covered_by__user")]
    return render(request, "structures/absences/list.html", {"rows": rows})


def _row(request: DoorRequest, member: Membership, today: dt.date) -> dict[str, Any]:
    noted = member.absent_until is not None and member.absent_until >= today
    return {
        "member": member,
        "noted": noted,
        "is_absent": member.is_absent(today),
        "may_note": request.door.may("absence", member),
    }


def absence_edit(request: DoorRequest, pk: int) -> HttpResponse:
    """Note an absence: one's own, or a colleague's for a manager."""
    door = request.door
    member = door.member(pk)
    door.require("absence", member)
    posted = request.POST if request.method == "POST" else None
    today = timezone.localdate()
    form = AbsenceForm(posted, member=member, team=door.team(), today=today)
    if posted is not None and form.is_valid():
        member.leave(**form.cleaned_data)
        cover = f" ; {member.covered_by.user} prend le relais" if member.covered_by else ""
        messages.success(request, f"Absence de {member.user} notée{cover}.")
        return redirect("structures:absence_list")
    context = {"form": form, "member": member, "is_own": member.user == door.user}
    return render(request, "structures/absences/edit.html", context, status=422 if form.errors else 200)


@require_POST
def absence_end(request: DoorRequest, pk: int) -> HttpResponse:
    """Back at work, or not leaving after all."""
    door = request.door
    member = door.member(pk)
    door.require("absence", member)
    member.come_back()
    messages.success(request, f"{member.user} reçoit de nouveau ses lettres.")
    return redirect("structures:absence_list")
