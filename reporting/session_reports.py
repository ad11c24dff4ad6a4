"""The published bilans collectifs, as prescripteurs and funders read them: without names, small groups masked."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from referrals.documents import Document
from referrals.files import pdf_response
from referrals.models import SessionReport
from referrals.permissions import Door
from referrals.session_report import PARTICIPANTS, Key, content, numbers, totals
from referrals.views.keyset import page_of
from reporting.secrecy import SMALLEST_GROUP, Ledger
from structures.models import Structure


def readable(report: SessionReport, door: Door) -> dict[str, Any]:
    """The words of a published report for those behind a door.

    Its own structure, which knows the persons, reads every figure; the others read neither small groups nor what
    would give them away, and the sensitive structures are counted together. Of a session that fewer people entered
    than make a group, they read no table at all: a zero beside the one class that is left would say it of each.
    """
    own = door.structure is not None and report.session.action.structure_id == door.structure.pk and door.opens_files
    figures = report.figures or {}
    rows = Structure.objects.filter(pk__in=list(figures["senders"])).values_list("pk", "name", "is_sensitive")
    senders = {str(pk): name for pk, name, _ in rows.order_by("pk")}
    sensitive = [] if own else [str(pk) for pk, _, is_sensitive in rows if is_sensitive]
    ledger = Ledger(masks=not own)
    known = numbers(figures, sensitive)
    for key, (number, people) in known.items():
        ledger.put(key, number, people)
    for total, parts in totals(list(known)):
        ledger.total(total, parts)

    def show(key: Key) -> str:
        return ledger.show(key).text

    found = content(report, figures, senders, sensitive, show) | {"is_masked": not own, "is_small": False}
    if own or figures["participants"] >= SMALLEST_GROUP:
        return found
    return found | {"facts": [("Participants", show(PARTICIPANTS))], "tables": [], "is_small": True}


@require_safe
def session_report_list(request: HttpRequest) -> HttpResponse:
    """The published reports that one may read, the last published first."""
    door = request.door  # type: ignore[attr-defined] # set by DoorMiddleware
    door.require("figures")
    rows = door.session_reports().select_related("session__action__structure")
    page = page_of(rows, ["-published_at", "id"], request.GET)
    context = {"rows": page.rows, "previous_url": page.previous_url, "next_url": page.next_url}
    return render(request, "reporting/session_reports/list.html", context)


@require_safe
def session_report_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One published report."""
    door = request.door  # type: ignore[attr-defined] # set by DoorMiddleware
    context = {"report": readable(door.session_report(pk), door), "pk": pk}
    return render(request, "reporting/session_reports/detail.html", context)


def _sheet(request: HttpRequest, pk: int) -> Document:
    door = request.door  # type: ignore[attr-defined] # set by DoorMiddleware
    context = {"report": readable(door.session_report(pk), door), "pk": pk}
    return Document("reporting/session_reports/print.html", context, f"bilan-collectif-{pk}.pdf")


@require_safe
def session_report_print(request: HttpRequest, pk: int) -> HttpResponse:
    """The same on sheets of paper."""
    document = _sheet(request, pk)
    return render(request, document.template, document.context)


@require_safe
def session_report_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """The same as an accessible PDF."""
    return pdf_response(_sheet(request, pk))
