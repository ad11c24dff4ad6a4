"""The attendance sheet, half-day by half-day: of a session, or of one fiche where the action has none."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import dateformat, timezone
from django.views.decorators.http import require_safe

from referrals.forms.attendance import HalfDayForm, MarkForm, current_half_day, is_to_come
from referrals.middleware import CaseRequest
from referrals.models import Attendance, Half, Presence, Referral
from referrals.models.attendance import ATTENDING, Attended, expected_on, half_days
from structures.models import Action, Session

NEIGHBOURS = 15
"""Days within which the half-day before and the one after are looked for."""


@dataclass
class Line:
    """One person on the sheet."""

    referral: Referral
    form: MarkForm
    sums: Attended


def _asked(data: QueryDict, action: Action, session: Session | None, now: dt.datetime) -> tuple[HalfDayForm, Any]:
    """The half-day that the address asks for, or the one to note; the form says what is wrong with it."""
    day, half = current_half_day(action, session, now)
    if "jour" not in data:
        return HalfDayForm(initial={"jour": day, "demi": half}, now=now), (day, half)
    form = HalfDayForm(data, now=now)
    if not form.is_valid():
        return form, (day, half)
    return form, (form.cleaned_data["jour"], Half(form.cleaned_data["demi"]))


def _expected(session: Session, day: dt.date) -> list[Referral]:
    """The fiches of the session whose person is expected on a day, by name."""
    rows = Referral.objects.filter(session=session, state__in=ATTENDING).with_everything()
    found = [row for row in rows.order_by("person__last_name", "person__first_name", "id") if expected_on(row, day)]
    return list({row.person_id: row for row in found}.values())


def _lines(referrals: list[Referral], day: dt.date, half: Half, now: dt.datetime) -> list[Line]:
    marks = dict(
        Attendance.objects.filter(referral__in=referrals, on=day, half=half).values_list("referral", "mark").order_by()
    )
    sums = Attendance.objects.sums(referrals)
    return [
        Line(
            row,
            MarkForm(
                initial={"jour": day, "demi": half, "mark": marks.get(row.pk, "")},
                referral=row,
                now=now,
                auto_id=f"{row.reference}_%s",
            ),
            sums[row.pk],
        )
        for row in referrals
    ]


def _neighbours(action: Action, day: dt.date, half: Half, now: dt.datetime) -> tuple[Any, Any]:
    """The half-days before and after, as the timetable has them; none that is to come."""
    local = timezone.localtime(now)
    around = [
        (day + dt.timedelta(days=away), one)
        for away in range(-NEIGHBOURS, NEIGHBOURS + 1)
        for one in half_days(action, day + dt.timedelta(days=away))
        if action.timetable or (day + dt.timedelta(days=away)).weekday() < 5
    ]
    begun = [
        one for one in around if one[0] < local.date() or (one[0] == local.date() and not is_to_come(one[1], local))
    ]
    # « am » stands before « pm » in the alphabet too.
    before = [one for one in begun if one < (day, half)]
    after = [one for one in begun if one > (day, half)]
    return (before[-1] if before else None), (after[0] if after else None)


def _address(base: str, half_day: tuple[dt.date, Half] | None) -> str:
    if half_day is None:
        return ""
    return f"{base}?{urlencode({'jour': half_day[0].isoformat(), 'demi': half_day[1].value})}"


def _page(
    request: CaseRequest,
    base: str,
    referrals: list[Referral],
    action: Action,
    session: Session | None,
    form: HalfDayForm,
    half_day: tuple[dt.date, Half],
    now: dt.datetime,
) -> HttpResponse:
    day, half = half_day
    before, after = _neighbours(action, day, half, now)
    lines = _lines(referrals, day, half, now)
    context = {
        "action": action,
        "session": session,
        "form": form,
        "base": base,
        "day": day,
        "weekday": dateformat.format(day, "l"),
        "half": half,
        "lines": lines,
        "some_left": any(not line.form.initial["mark"] for line in lines),
        "before_url": _address(base, before),
        "after_url": _address(base, after),
        "one": referrals[0] if session is None else None,
    }
    return render(request, "referrals/attendance/sheet.html", context, status=422 if form.errors else 200)


def attendance_session(request: CaseRequest, pk: int) -> HttpResponse:
    """The sheet of a session for one half-day. Posted, everybody who is not yet noted is present."""
    now = timezone.now()
    door = request.door
    session = door.session(pk)
    door.require("attend", session)
    base = reverse("referrals:attendance_session", args=[pk])
    posted = request.POST if request.method == "POST" else request.GET
    form, half_day = _asked(posted, session.action, session, now)
    expected = _expected(session, half_day[0])
    if request.method == "POST" and form.is_bound and form.is_valid():
        day, half = half_day
        noted = Attendance.objects.filter(referral__in=expected, on=day, half=half).values_list("referral", flat=True)
        left = {row: Presence.PRESENT.value for row in expected if row.pk not in set(noted)}
        Attendance.objects.mark(day, half, left, door.actor, now)
        plural = "s" if len(left) > 1 else ""
        messages.success(request, f"{len(left)} présence{plural} notée{plural}.")
        return redirect(_address(base, half_day))
    return _page(request, base, expected, session.action, session, form, half_day, now)


def attendance_referral(request: CaseRequest, reference: str) -> HttpResponse:
    """The sheet of one fiche; posted, what is noted of its person for one half-day, on whichever sheet."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    door.require("attend", referral)
    base = reverse("referrals:attendance_referral", args=[reference])
    if request.method != "POST":
        form, half_day = _asked(request.GET, referral.action, referral.session, now)
        return _page(request, base, [referral], referral.action, None, form, half_day, now)
    mark = MarkForm(request.POST, referral=referral, now=now)
    if not mark.is_valid():
        if request.htmx:
            return HttpResponse(status=422)
        form, half_day = _asked(request.POST, referral.action, referral.session, now)
        for error in (message for messages_ in mark.errors.values() for message in messages_):
            messages.warning(request, str(error))
        return _page(request, base, [referral], referral.action, None, form, half_day, now)
    data = mark.cleaned_data
    Attendance.objects.mark(data["jour"], data["demi"], {referral: data["mark"]}, door.actor, now)
    if request.htmx:
        sums = Attendance.objects.sums([referral])[referral.pk]
        return render(request, "referrals/attendance/sums.html", {"sums": sums})
    back = base
    if referral.session_id is not None and "session" in request.POST:
        back = reverse("referrals:attendance_session", args=[referral.session_id])
    return redirect(_address(back, (data["jour"], Half(data["demi"]))))


@require_safe
def attendance_print(request: CaseRequest, pk: int) -> HttpResponse:
    """An empty sheet to sign, for the day that the address asks for."""
    now = timezone.now()
    door = request.door
    session = door.session(pk)
    door.require("attend", session)
    _, (day, _half) = _asked(request.GET, session.action, session, now)
    context = {
        "session": session,
        "action": session.action,
        "structure": door.structure,
        "day": day,
        "weekday": dateformat.format(day, "l"),
        "halves": half_days(session.action, day) or list(Half),
        "rows": _expected(session, day),
    }
    return render(request, "referrals/attendance/print.html", context)
