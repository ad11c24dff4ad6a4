"""The sheets as PDF files: the same permission and the same content as their pages to print."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from referrals.documents import bilan_sheet, fiche_sheet, person_sheet, positioning_sheet
from referrals.files import pdf_response
from referrals.middleware import CaseRequest
from referrals.models import Bilan, Positioning
from referrals.models.bilan import BilanState


@require_safe
def referral_pdf(request: CaseRequest, reference: str) -> HttpResponse:
    """The fiche de prescription et de liaison."""
    referral = request.door.referral(reference)
    request.door.require("print", referral)
    return pdf_response(fiche_sheet(request.door, referral, timezone.localdate()))


@require_safe
def positioning_pdf(request: CaseRequest, reference: str) -> HttpResponse:
    """What the person takes home after a positionnement."""
    referral = request.door.referral(reference)
    request.door.require("print", referral)
    row: Positioning | None = getattr(referral, "positioning", None)
    if row is None:
        raise Http404
    return pdf_response(positioning_sheet(row))


def returned_bilan(request: CaseRequest, pk: UUID) -> Bilan:
    """A returned bilan that may be printed. Raises `Http404` for a draft."""
    bilan = request.door.bilan(pk)
    request.door.require("print", bilan)
    if bilan.state == BilanState.DRAFT:
        raise Http404
    return bilan


@require_safe
def bilan_pdf(request: CaseRequest, pk: UUID) -> HttpResponse:
    """The person's copy of a bilan."""
    return pdf_response(person_sheet(returned_bilan(request, pk)))


@require_safe
def bilan_sheet_pdf(request: CaseRequest, pk: UUID) -> HttpResponse:
    """A bilan as both structures read it."""
    return pdf_response(bilan_sheet(returned_bilan(request, pk), timezone.localdate()))
