"""The check after the exit: the colleagues' call list, and the person's own page."""

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
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from referrals.followup_words import ANSWER_ICONS, WORDS, Words, language_of
from referrals.forms.followups import CALL, CALLED, NO_ANSWER, REFERRAL, CallForm
from referrals.middleware import CaseRequest
from referrals.models import Actor, FollowUp, FollowUpLink, FollowUpSituation, FollowUpState, Origin
from referrals.models.followup import WITHOUT_ANSWER
from referrals.permissions import Door
from referrals.views.keyset import page_of
from referrals.views.shown import identity_of
from structures.vocabulary import Role

PAGE_SIZE = 20


@dataclass
class Call:
    """One line of the call list. `orient_url` leads to another orientation, for those who may open one."""

    followup: FollowUp
    identity: dict[str, Any]
    form: CallForm
    orient_url: str = ""
    is_open: bool = False
    changed: str = ""


def orient_url(followup: FollowUp) -> str:
    """The suggestions for a person who gave news: the fiche that is prepared there stays linked to them."""
    return f"{reverse('referrals:suggestions', args=[followup.referral.person_id])}?suivi={followup.pk}"


def _call(door: Door, followup: FollowUp, now: dt.datetime, data: Any = None) -> Call:
    person = followup.referral.person
    may_refer = door.may("refer", person)
    name = f"appel-{followup.pk.hex[:8]}_%s"
    return Call(
        followup=followup,
        identity=identity_of(person, door.scopes(person), timezone.localdate(now)),
        form=CallForm(data, followup=followup, now=now, may_refer=may_refer, auto_id=name),
        orient_url=orient_url(followup) if may_refer else "",
        is_open=data is not None,
    )


def _known(door: Door, rows: list[FollowUp]) -> list[FollowUp]:
    """The same, each with its person as the door shows them."""
    persons = door.persons().filter(pk__in=[row.referral.person_id for row in rows]).order_by("pk")
    known = {person.pk: person for person in persons}
    for row in rows:
        row.referral.person = known.get(row.referral.person_id, row.referral.person)
    return rows


def _list_page(request: CaseRequest, now: dt.datetime) -> HttpResponse:
    door = request.door
    rows = door.followups().to_call().called_by(door.structure).with_everything()
    page = page_of(rows, ["due_on", "id"], request.GET, size=PAGE_SIZE)
    calls = [_call(door, row, now) for row in _known(door, page.rows)]
    context = {"calls": calls, "page": page, "caller": request.user, "structure": door.structure, "form": None}
    return render(request, "referrals/followups/list.html", context)


def _one_page(request: CaseRequest, call: Call, status: int = 200) -> HttpResponse:
    call.is_open = True
    context = {"call": call, "caller": request.user, "structure": request.door.structure, "form": call.form}
    return render(request, "referrals/followups/detail.html", context, status=status)


def _require_caller(door: Door) -> None:
    if not (door.opens_files and door.has(Role.PRESCRIBER, Role.RECEIVER)):
        raise PermissionDenied


def followup_list(request: CaseRequest) -> HttpResponse:
    """The persons to call, the longest awaited first."""
    _require_caller(request.door)
    return _list_page(request, timezone.now())


def _opened(door: Door, pk: UUID) -> FollowUp:
    followup = door.followup(pk)
    door.require("record", followup)
    return _known(door, [followup])[0]


def followup_detail(request: CaseRequest, pk: UUID) -> HttpResponse:
    """One call, with its script: where the task of the day leads."""
    door = request.door
    return _one_page(request, _call(door, _opened(door, pk), timezone.now()))


@require_POST
def followup_record(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Note the outcome of a call. When the person answered by themselves meanwhile, nothing is overwritten."""
    now = timezone.now()
    door = request.door
    followup = _opened(door, pk)
    call = _call(door, followup, now, request.POST)
    seen = (request.POST.get("state"), request.POST.get("calls", "0"))
    if seen != (followup.state, str(followup.calls)):
        return _changed(request, call, now)
    if not call.form.is_valid():
        return _one_page(request, call, status=422)
    data = call.form.cleaned_data
    done = _note(door, followup, data, now)
    if not done:
        return _changed(request, call, now)
    messages.success(request, done)
    if data.get("wish") == REFERRAL and data["outcome"] in FollowUpSituation.values:
        return redirect(call.orient_url)
    return redirect("referrals:followup_list")


def _changed(request: CaseRequest, call: Call, now: dt.datetime) -> HttpResponse:
    """Somebody was first: what stands is shown, with a fresh form."""
    fresh = _call(request.door, call.followup, now)
    fresh.changed = (
        f"Ce suivi a changé entre-temps ({call.followup.get_state_display().lower()}). Rien n’a été modifié."
    )
    return _one_page(request, fresh, status=409)


def _note(door: Door, followup: FollowUp, data: dict[str, Any], now: dt.datetime) -> str:
    """Write the outcome and say so; nothing when somebody was first."""
    outcome, actor = data["outcome"], door.actor
    if outcome == NO_ANSWER:
        done = followup.note_missed_call(actor, now, seen=followup.calls)
        return f"Appel sans réponse noté ({followup.calls})." if done else ""
    if followup.state == FollowUpState.ANSWERED:
        return "Rappel noté." if followup.call_back(actor, now, reached=outcome == CALLED) else ""
    if outcome in WITHOUT_ANSWER:
        done = followup.close_without_answer(actor, now, state=outcome)
        return "C’est noté : pas de réponse." if done else ""
    wish, since, note = data["wish"], data["since"], data["note"]
    done = followup.answer(actor, now, situation=outcome, wants_call=wish == CALL, since=since, note=note)
    return "Réponse enregistrée." if done else ""


# The person's page. No account and no cookie: the token in the address is the only key, so there is no session that a
# forged form could borrow, and the check against forged forms would only turn away the browsers inside mail programs.


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def followup_answer(request: HttpRequest, token: str) -> HttpResponse:
    """One tap, by the person. A GET never records anything: mail scanners follow links."""
    now = timezone.now()
    language = language_of(request.GET.get("langue", ""), request.headers.get("Accept-Language", ""))
    link = FollowUpLink.objects.by_token(token, now)
    if link is None:
        return _gone(request, language)
    if request.method == "POST":
        return _tapped(request, link, language, now)
    return _public(request, "referrals/followups/answer.html", language, _shown(link.followup, language, now))


def _gone(request: HttpRequest, language: str) -> HttpResponse:
    return _public(request, "referrals/followups/gone.html", language, {}, status=404)


def _shown(followup: FollowUp, language: str, now: dt.datetime) -> dict[str, Any]:
    words = WORDS[language]
    answered = followup.state == FollowUpState.ANSWERED
    return {
        "intro": words.intro[followup.months],
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
        "is_to_call_back": followup.is_to_call_back,
    }


def _tapped(request: HttpRequest, link: FollowUpLink, language: str, now: dt.datetime) -> HttpResponse:
    followup = link.followup
    situation = request.POST.get("situation", "")
    call = {"1": True, "0": False}.get(request.POST.get("call", ""))
    if call is not None and situation not in FollowUpSituation.values:
        situation = followup.situation or FollowUpSituation.HELP
    if situation not in FollowUpSituation.values:
        shown = _shown(followup, language, now) | {"nothing_chosen": True}
        return _public(request, "referrals/followups/answer.html", language, shown, status=422)
    by_link = Actor(origin=Origin.LINK)
    try:
        kept = followup.answer(by_link, now, situation=situation, by=link.channel, wants_call=call)
    except FollowUp.DoesNotExist:  # the exit was taken back meanwhile
        return _gone(request, language)
    if not kept:
        shown = _shown(followup, language, now) | {"too_late": True}
        return _public(request, "referrals/followups/answer.html", language, shown, status=409)
    asked = request.GET.get("langue", "")
    address = f"{request.path}?langue={asked}" if asked in WORDS else request.path
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
