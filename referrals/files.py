"""Answers that are files, for the screens and the API alike: to be saved, under a name that tells of no person."""

from __future__ import annotations

import datetime as dt

from django.http import FileResponse, Http404, HttpResponse

from referrals.calendars import invitation
from referrals.documents import Document
from referrals.filechecks import CONTENT_TYPES, FileType
from referrals.models import Appointment, Attachment

SANDBOX = "default-src 'none'; sandbox"
"""Even opened in the browser, a document may run nothing and reach nothing."""


def pdf_response(document: Document) -> HttpResponse:
    """The file, to be kept under a name that tells nothing of the person."""
    headers = {"Content-Disposition": f'attachment; filename="{document.file_name}"'}
    return HttpResponse(document.pdf(), content_type="application/pdf", headers=headers)


def calendar_response(appointment: Appointment, now: dt.datetime, *, has_account: bool = True) -> HttpResponse:
    """The rendez-vous as an entry for one's own calendar."""
    text = invitation(appointment, "PUBLISH", has_account=has_account).text(now)
    name = f"{appointment.referral.reference}-rendez-vous.ics"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="text/calendar; charset=utf-8", headers=headers)


def file_response(attachment: Attachment) -> FileResponse:
    """The file, to be saved and never shown in the page's place. Raises `Http404` when the disk lost it."""
    try:
        file = attachment.path.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    content_type = CONTENT_TYPES[FileType(attachment.file_type)]
    response = FileResponse(file, as_attachment=True, filename=attachment.file_name, content_type=content_type)
    response["Content-Security-Policy"] = SANDBOX
    response["X-Content-Type-Options"] = "nosniff"
    return response
