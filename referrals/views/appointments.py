"""The rendez-vous of a fiche: set or moved, its outcome, the person told, and the file for one's own calendar."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from referrals.files import calendar_response
from referrals.forms.appointments import OutcomeForm
from referrals.french import moment_words
from referrals.middleware import CaseRequest
from referrals.models import Appointment, Referral, StaleReferral
from referrals.states import AppointmentState
from referrals.views.appointment_panel import form_of
from referrals.views.conflict import posted_version
from referrals.views.responses import conflict_page, page_context, render_page


def _planned(referral: Referral) -> Appointment | None:
    row = referral.appointments.planned().first()
    if row is not None:
        row.referral = referral
    return row


def appointment_set(request: CaseRequest, reference: str) -> HttpResponse:
    """Set the rendez-vous of an accepted fiche, or move the one that is planned."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    door.require("meet", referral)
    if request.method != "POST":
        address = reverse("referrals:referral_detail", args=[reference])
        return redirect(f"{address}?repondre=meet#rendez-vous")
    form = form_of(door, referral, _planned(referral), now, request.POST)
    if not door.abilities(referral, now)["meet"]:
        return conflict_page(request, StaleReferral(referral, "meet"), now, "meet", form)
    if not form.is_valid():
        context = page_context(door, referral, now, asked="meet", bound=form)
        return render_page(request, context | {"form": form}, status=422)
    try:
        row = referral.meet(door.actor, now, version=posted_version(request), **form.cleaned_data)
    except StaleReferral as stale:
        return conflict_page(request, stale, now, "meet", form)
    told = f" La personne reçoit un {referral.person.written_by}." if referral.person.written_by else ""
    messages.success(
        request, f"Rendez-vous fixé le {moment_words(row.at)}. {referral.sender} reçoit l’invitation.{told}"
    )
    return redirect("referrals:referral_detail", reference=reference)


@require_POST
def appointment_settle(request: CaseRequest, reference: str) -> HttpResponse:
    """Note what came of the rendez-vous, in one tap; what follows is shown at once."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    door.require("settle", referral)
    row = _planned(referral)
    if row is None or not door.abilities(referral, now)["settle"]:
        return conflict_page(request, StaleReferral(referral, "settle"), now, "settle", None)
    form = OutcomeForm(request.POST, appointment=row, now=now)
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["outcome"])))
        return redirect("referrals:referral_detail", reference=reference)
    outcome = form.cleaned_data["outcome"]
    try:
        row.close(outcome, door.actor, now, version=posted_version(request))
    except StaleReferral as stale:
        return conflict_page(request, stale, now, "settle", None)
    undo = reverse("referrals:appointment_unsettle", args=[reference])
    messages.success(request, DONE[outcome].format(sender=referral.sender), extra_tags=f"undo:{undo}")
    if outcome == AppointmentState.CAME and door.abilities(referral, now)["position"]:
        return redirect("referrals:positioning_record", reference=reference)
    return redirect("referrals:referral_detail", reference=reference)


DONE: dict[str, str] = {
    AppointmentState.CAME: "C’est noté : la personne est venue.",
    AppointmentState.EXCUSED: "C’est noté : la personne s’est excusée. {sender} en est informé.",
    AppointmentState.ABSENT: "C’est noté : la personne n’est pas venue. {sender} en est informé.",
    AppointmentState.CANCELLED: "Le rendez-vous est annulé. {sender} en est informé.",
}
"""What is said once an outcome is noted."""


@require_POST
def appointment_unsettle(request: CaseRequest, reference: str) -> HttpResponse:
    """Take back what was noted of the rendez-vous, within ten minutes: nobody hears of it."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    door.require("unsettle", referral)
    row = referral.appointments.current()
    if row is None or not door.abilities(referral, now)["unsettle"]:
        return conflict_page(request, StaleReferral(referral, "unsettle"), now, "unsettle", None)
    row.referral = referral
    try:
        row.unsettle(door.actor, now)
    except StaleReferral as stale:
        return conflict_page(request, stale, now, "unsettle", None)
    messages.success(request, f"C’est annulé : le rendez-vous est toujours prévu le {moment_words(row.at)}.")
    return redirect("referrals:referral_detail", reference=reference)


@require_POST
def appointment_tell(request: CaseRequest, reference: str) -> HttpResponse:
    """Note that the person was reminded by telephone."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    door.require("tell", referral)
    row = _planned(referral)
    if row is not None and row.tell(door.actor, now):
        messages.success(request, "C’est noté : la personne est prévenue.")
    else:
        messages.info(request, "Il n’y a plus personne à prévenir pour cette fiche.")
    return redirect("referrals:referral_detail", reference=reference)


def appointment_calendar(request: CaseRequest, reference: str) -> HttpResponse:
    """The rendez-vous that stands, as a file for one's own calendar. 404 where there is none."""
    door = request.door
    referral = door.referral(reference)
    door.require("view", referral)
    row = _planned(referral)
    if row is None:
        raise Http404
    return calendar_response(row, timezone.now(), has_account=door.link is None)
