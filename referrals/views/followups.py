"""The six-month check: the colleagues' call list, and the person's own page."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from referrals.followup_words import ANSWER_ICONS, DEFAULT, WORDS, Words, language_of
from referrals.forms.followups import CALLED, REFUSED, UNREACHABLE, CallForm
from referrals.middleware import CaseRequest
from referrals.models import Actor, FollowUp, FollowUpSituation, Origin
from referrals.models.followup import FollowUpState
from referrals.permissions import Door
from referrals.views.keyset import page_of
from referrals.views.shown import identity_of
from structures.vocabulary import Role

PAGE_SIZE = 20


@dataclass
class Call:
    """One line of the call list."""

    followup: FollowUp
    identity: dict[str, Any]
    form: CallForm
    wants_call: bool
    is_open: bool = False
    changed: str = ""


def _call(door: Door, followup: FollowUp, today: dt.date, data: Any = None) -> Call:
    person = followup.referral.person
    form = CallForm(data, followup=followup, auto_id=f"appel-{followup.pk.hex[:8]}_%s")
    return Call(
        followup=followup,
        identity=identity_of(person, door.scopes(person), today),
        form=form,
        wants_call=followup.wants_call and followup.called_back_at is None,
        is_open=data is not None,
    )


def _list_page(request: CaseRequest, now: dt.datetime, *, tried: Call | None = None, status: int = 200) -> HttpResponse:
    door = request.door
    rows = (
        door.followups()
        .to_call()
        .select_related("referral__person", "referral__action", "referral__receiver", "referral__sender", "exit")
    )
    page = page_of(rows, ["due_on", "id"], request.GET, size=PAGE_SIZE)
    today = timezone.localdate(now)
    scopes = door.persons().filter(pk__in=[row.referral.person_id for row in page.rows]).order_by("pk")
    known = {person.pk: person for person in scopes}
    calls = []
    for row in page.rows:
        row.referral.person = known.get(row.referral.person_id, row.referral.person)
        if tried is not None and tried.followup.pk == row.pk:
            calls.append(tried)
        else:
            calls.append(_call(door, row, today))
    if tried is not None and tried not in calls:
        calls.insert(0, tried)
    context = {
        "calls": calls,
        "page": page,
        "caller": request.user,
        "structure": door.structure,
        "form": tried.form if tried is not None else None,
    }
    return render(request, "referrals/followups/list.html", context, status=status)


def _require_caller(door: Door) -> None:
    if not (door.opens_files and door.has(Role.PRESCRIBER, Role.RECEIVER)):
        raise PermissionDenied


def followup_list(request: CaseRequest) -> HttpResponse:
    """The persons to call, the longest awaited first."""
    _require_caller(request.door)
    return _list_page(request, timezone.now())


@require_POST
def followup_record(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Note the outcome of a call. When the person answered by themselves meanwhile, nothing is overwritten."""
    now = timezone.now()
    door = request.door
    followup = door.followup(pk)
    door.require("record", followup)
    call = _call(door, followup, timezone.localdate(now), request.POST)
    if request.POST.get("state") != followup.state:
        call.changed = f"Ce suivi a changé entre-temps ({followup.get_state_display().lower()}). Rien n’a été modifié."
        call.form = CallForm(followup=followup)
        return _list_page(request, now, tried=call, status=409)
    if not call.form.is_valid():
        return _list_page(request, now, tried=call, status=422)
    messages.success(request, _note(door, followup, call.form.cleaned_data, now))
    return redirect("referrals:followup_list")


def _note(door: Door, followup: FollowUp, data: dict[str, Any], now: dt.datetime) -> str:
    match data["outcome"]:
        case code if code == CALLED:
            followup.call_back(now)
            return "Rappel noté."
        case code if code in (UNREACHABLE, REFUSED):
            followup.close_without_answer(door.actor, now, refused=code == REFUSED)
            return "C’est noté : pas de réponse à six mois."
        case situation:
            followup.answer(door.actor, now, situation=situation, wants_call=data["wants_call"])
            return "Réponse à six mois enregistrée."


# The person's page. No account and no cookie: the token in the address is the only key, so there is no session that a
# forged form could borrow, and the check against forged forms would only turn away the browsers inside mail programs.


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def followup_answer(request: HttpRequest, token: str) -> HttpResponse:
    """One tap, by the person. A GET never records anything: mail scanners follow links."""
    now = timezone.now()
    language = language_of(request.GET.get("langue", ""), request.headers.get("Accept-Language", ""))
    followup = FollowUp.objects.by_token(token, now)
    if followup is None:
        return _public(request, "referrals/followups/gone.html", language, {}, status=404)
    if request.method == "POST":
        return _tapped(request, followup, language, now)
    return _public(request, "referrals/followups/answer.html", language, _shown(followup, language, now))


def _shown(followup: FollowUp, language: str, now: dt.datetime) -> dict[str, Any]:
    words = WORDS[language]
    answered = followup.state == FollowUpState.ANSWERED
    return {
        "answered": answered,
        "may_change": followup.may_answer(now),
        "answers": [
            {
                "value": code.value,
                "word": words.answers[code],
                "icon": ANSWER_ICONS[code],
                "chosen": answered and followup.situation == code,
            }
            for code in FollowUpSituation
        ],
        "wants_call": followup.wants_call,
    }


def _tapped(request: HttpRequest, followup: FollowUp, language: str, now: dt.datetime) -> HttpResponse:
    situation = request.POST.get("situation", "")
    call = request.POST.get("call") == "1"
    if call and situation not in FollowUpSituation.values:
        situation = followup.situation or FollowUpSituation.HELP
    if situation not in FollowUpSituation.values:
        shown = _shown(followup, language, now) | {"nothing_chosen": True}
        return _public(request, "referrals/followups/answer.html", language, shown, status=422)
    kept = followup.answer(Actor(origin=Origin.LINK), now, situation=situation, wants_call=call or followup.wants_call)
    if not kept:
        shown = _shown(followup, language, now) | {"too_late": True}
        return _public(request, "referrals/followups/answer.html", language, shown, status=409)
    address = request.path if language == DEFAULT else f"{request.path}?langue={language}"
    return HttpResponseRedirect(address, status=303)


def _public(
    request: HttpRequest, template: str, language: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    words: Words = WORDS[language]
    everything = {
        "words": words,
        "language": language,
        "languages": [(code, other.name, other.direction) for code, other in WORDS.items()],
        "answered": False,
        "nothing_chosen": False,
        "too_late": False,
    }
    response = render(request, template, everything | context, status=status)
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response
