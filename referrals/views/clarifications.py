"""Questions before deciding: the receiver asks on the fiche, the sender answers there."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from referrals.forms.clarifications import QuestionForm
from referrals.middleware import CaseRequest
from referrals.models import ClarificationKind, StaleReferral
from referrals.views.conflict import posted_version
from referrals.views.exchange import answer_form
from referrals.views.responses import conflict_page, page_context, render_page


@require_POST
def clarification_create(request: CaseRequest, reference: str) -> HttpResponse:
    """Ask the sender a question, or for another way to reach the person."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    door.require("ask", referral)
    asked = request.POST.get("kind", "")
    kind = ClarificationKind(asked) if asked in ClarificationKind.values else ClarificationKind.QUESTION
    form = QuestionForm(request.POST, kind=kind)
    if not door.abilities(referral, now)["ask"]:
        return conflict_page(request, StaleReferral(referral, "ask"), now, "ask", form)
    if not form.is_valid():
        context = page_context(door, referral, now, question=form)
        return render_page(request, context, status=422)
    try:
        referral.ask(
            door.actor, now, question=form.cleaned_data["question"], kind=kind, version=posted_version(request)
        )
    except StaleReferral as stale:
        return conflict_page(request, stale, now, "ask", form)
    messages.success(request, f"Question envoyée à {referral.sender}. Le délai est arrêté jusqu’à sa réponse.")
    return redirect("referrals:referral_detail", reference=reference)


@require_POST
def clarification_answer(request: CaseRequest, reference: str) -> HttpResponse:
    """Answer the open question, and correct the person's coordinates where they were asked for."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    door.require("clarify", referral)
    clarification = referral.clarifications.open().first()
    if clarification is None:
        return conflict_page(request, StaleReferral(referral, "clarify"), now, "clarify", None)
    form = answer_form(door, referral, clarification, request.POST)
    if not form.is_valid():
        return render_page(request, page_context(door, referral, now, clarify=form), status=422)
    try:
        referral.clarify(
            door.actor,
            now,
            answer=form.cleaned_data["answer"],
            contact=form.contact,
            version=posted_version(request),
        )
    except StaleReferral as stale:
        return conflict_page(request, stale, now, "clarify", form)
    messages.success(request, f"Réponse envoyée à {referral.receiver}. Le délai court de nouveau.")
    return redirect("referrals:referral_detail", reference=reference)


@require_POST
def clarification_withdraw(request: CaseRequest, reference: str) -> HttpResponse:
    """Withdraw the open question: the clock goes on."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    door.require("unask", referral)
    try:
        referral.unask(door.actor, now, version=posted_version(request))
    except StaleReferral as stale:
        return conflict_page(request, stale, now, "unask", None)
    messages.success(request, "Question retirée. Le délai court de nouveau.")
    return redirect("referrals:referral_detail", reference=reference)
