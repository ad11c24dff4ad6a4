"""The bilan collectif of a session, as its structure prepares and publishes it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from referrals.forms.session_reports import SessionReportForm
from referrals.middleware import CaseRequest
from referrals.models import Referral, ReportState, SessionReport
from referrals.models.session_report import count, participants
from referrals.session_report import content, numbers
from structures.models import Session, Structure


def _report_of(session: Session, now: dt.datetime) -> SessionReport:
    """The report of a session, or one that is not written yet."""
    found = SessionReport.objects.filter(session=session).first() or SessionReport(created_at=now)
    found.session = session
    return found


def _people(session: Session) -> list[Any]:
    """Everybody whom a fiche brought towards the session: none of them is to be named."""
    rows = Referral.objects.filter(session=session, sent_at__isnull=False).select_related("person")
    return [row.person for row in rows.order_by("pk")]


def _page(request: CaseRequest, session: Session, form: SessionReportForm | None, now: dt.datetime) -> HttpResponse:
    report = _report_of(session, now)
    figures = count(session)
    known = numbers(figures, ())
    rows = Structure.objects.filter(pk__in=list(figures["senders"])).values_list("pk", "name")
    senders = {str(pk): name for pk, name in rows.order_by("pk")}
    if form is None:
        form = SessionReportForm(initial={"comment": report.comment}, people=())
    context = {
        "session": session,
        "form": form,
        "report": content(report, figures, senders, (), lambda key: str(known[key][0])),
        "empty": not figures["participants"],
    }
    return render(request, "referrals/session_reports/edit.html", context, status=422 if form.errors else 200)


def _read_page(session: Session) -> str:
    return reverse("reporting:session_report_detail", args=[session.pk])


def session_report_edit(request: CaseRequest, pk: int) -> HttpResponse:
    """The figures as they stand, and the comment; what is written is kept as a draft."""
    now = timezone.now()
    door = request.door
    session = door.session(pk)
    door.require("report", session)
    if _report_of(session, now).state == ReportState.PUBLISHED:
        return redirect(_read_page(session))
    if request.method != "POST":
        return _page(request, session, None, now)
    form = SessionReportForm(request.POST, people=_people(session))
    if not form.is_valid():
        return _page(request, session, form, now)
    if not SessionReport.objects.write(session, form.cleaned_data["comment"], door.actor, now):
        return redirect(_read_page(session))
    messages.success(request, "Brouillon enregistré. Personne d’autre ne le lit encore.")
    return redirect("referrals:session_report_edit", pk=pk)


@require_POST
def session_report_publish(request: CaseRequest, pk: int) -> HttpResponse:
    """Publish the report: its figures and its comment no longer change."""
    now = timezone.now()
    door = request.door
    session = door.session(pk)
    door.require("report", session)
    form = SessionReportForm(request.POST, people=_people(session))
    if not form.is_valid():
        return _page(request, session, form, now)
    if not participants(session):
        messages.warning(request, "Personne n’est encore entré dans cette session : il n’y a rien à publier.")
        return redirect("referrals:session_report_edit", pk=pk)
    written = SessionReport.objects.write(session, form.cleaned_data["comment"], door.actor, now)
    if written and _report_of(session, now).publish(door.actor, now):
        messages.success(request, "Bilan collectif publié. Les prescripteurs et les financeurs peuvent le lire.")
    else:
        messages.info(request, "Ce bilan collectif est déjà publié : il ne change plus.")
    return redirect(_read_page(session))
