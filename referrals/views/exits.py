"""The typed exit, which ends the fiche and plans the six-month check."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from referrals.forms.exits import ExitForm
from referrals.french import day_words
from referrals.middleware import CaseRequest
from referrals.models import Exit, FollowUp, StaleReferral
from referrals.timeline import told
from referrals.views.conflict import conflict_context, posted_version
from referrals.views.shown import identity_of


def exit_record(request: CaseRequest, reference: str) -> HttpResponse:
    """Record what the person left for."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    door.require("exit", referral)
    form = ExitForm(request.POST or None, referral=referral, now=now)
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
    if not door.abilities(referral, now)["exit"]:
        stale = StaleReferral(referral, "exit")
        if request.method == "POST":
            context |= conflict_context(stale, now, form) | {"gone": True}
            return render(request, "referrals/exits/record.html", context, status=409)
        messages.info(request, told(stale, now))
        return redirect("referrals:referral_detail", reference=reference)
    if request.method == "POST" and form.is_valid():
        try:
            row = Exit.objects.record(referral, door.actor, now, version=posted_version(request), **form.cleaned_data)
        except StaleReferral as stale:
            fresh = door.referral(reference)
            gone = not door.abilities(fresh, now)["exit"]
            context |= conflict_context(stale, now, form if gone else None) | {"referral": fresh, "gone": gone}
            return render(request, "referrals/exits/record.html", context, status=409)
        messages.success(request, exit_message(row))
        return redirect("referrals:referral_detail", reference=reference)
    return render(request, "referrals/exits/record.html", context, status=422 if form.errors else 200)


def exit_message(row: Exit) -> str:
    """Say the class, whether the two-thirds target counts it, and when the person will be asked for news."""
    dynamic = "sortie dynamique" if row.is_dynamic else "sortie non dynamique"
    check = FollowUp.objects.filter(exit=row).order_by("pk").first()
    news = f" Des nouvelles seront prises le {day_words(check.due_on)}." if check else ""
    return f"Sortie enregistrée : {row.get_kind_display()} ({row.get_exit_class_display().lower()}, {dynamic}).{news}"
