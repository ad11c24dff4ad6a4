"""The support's page of what leaves without a click, with its dead letters; and the address that watchers call."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from referrals.models import Message
from referrals.models.message import AbandonReason
from referrals.permissions import support_actor, support_only
from referrals.views.keyset import page_of
from worker import dead_letters
from worker.dead_letters import Replay
from worker.forms import AbandonForm, DeadLetterFilter, ReplayForm
from worker.state import Failure, Picture, Pulse, Verdict

ORDER = ("-created_at", "-id")
SHOWN = (
    *("id", "letter", "channel", "error", "attempts", "created_at", "replayed_at"),
    *("referral__reference", "reminder__kind"),
)
"""What the list reads of a letter: never its address nor its text."""

NAMES = {
    "actions_to_confirm": "Actions à confirmer",
    "digest": "Récapitulatif",
    "posting_resumed": "Reprise des envois",
}
"""The letters that no reminder makes."""

LANE_COLUMNS = ("Canal", "À envoyer", "En retard", "Réessayés", "En cours", "Abandonnés")

TONES = {Verdict.FINE: ("accepted", "circle-check"), Verdict.LATE: ("late", "alarm-clock")}


@support_only
@require_safe
def operation(request: HttpRequest) -> HttpResponse:
    """Show the state, the processes and the dead letters."""
    picture = Picture.take(timezone.now())
    return render(request, "worker/operation.html", _context(request, picture))


def _context(request: HttpRequest, picture: Picture) -> dict[str, Any]:
    rows = DeadLetterFilter(request.GET).narrow(Message.objects.dead())
    page = page_of(rows.select_related("referral", "reminder").only(*SHOWN), ORDER, request.GET)
    here = reverse("worker:operation")
    tone, icon = TONES.get(picture.verdict, ("declined", "circle-alert"))
    return {
        "picture": picture,
        "pulse": picture.pulse,
        "tone": tone,
        "icon_name": icon,
        "late_reminders": f"dont {picture.late} en retard de plus de dix minutes",
        "late_letters": f"dont {picture.late_letters} en retard de plus de dix minutes",
        "processes": [(one, picture.is_alive(one)) for one in picture.heartbeats],
        "lane_columns": LANE_COLUMNS,
        "lane_rows": [
            (lane.label, lane.due, lane.late, lane.retried, lane.sending, lane.failed) for lane in picture.lanes
        ],
        "choices": _choices(request, picture.failures),
        "page": page,
        "letters": [(letter, _name(letter)) for letter in page.rows],
        "previous_url": here + page.previous_url if page.previous_url else "",
        "next_url": here + page.next_url if page.next_url else "",
        "here": request.get_full_path(),
        "reasons": AbandonReason.choices,
        "refused": None,
    }


def _name(letter: Message) -> str:
    """What the letter says, in words."""
    if letter.reminder is not None:
        return letter.reminder.get_kind_display()
    return NAMES.get(letter.letter, letter.letter)


def _choices(request: HttpRequest, failures: tuple[Failure, ...]) -> list[dict[str, Any]]:
    """« Toutes », then each channel and code that has dead letters."""
    here = reverse("worker:operation")
    asked = (request.GET.get("canal", ""), request.GET.get("code"))
    everything = {
        "label": "Toutes",
        "url": here,
        "count": sum(one.count for one in failures),
        "current": asked == ("", None),
    }
    return [everything] + [
        {
            "label": one.label,
            "url": f"{here}?{urlencode({'canal': one.channel, 'code': one.code})}",
            "count": one.count,
            "current": asked == (one.channel, one.code),
        }
        for one in failures
    ]


@support_only
@require_POST
def replay(request: HttpRequest) -> HttpResponse:
    """Post dead letters again; say how many leave, and why the others do not."""
    form = ReplayForm(request.POST)
    if not form.is_valid():
        messages.error(request, str(form.errors["lettre"][0]))
        return redirect(_back(request))
    actor, now = support_actor(request), timezone.now()
    became = Counter(dead_letters.replay(pk, actor, now) for pk in form.cleaned_data["lettre"])
    for outcome in Replay:
        if count := became[outcome]:
            say = messages.success if outcome == Replay.DONE else messages.warning
            say(request, _told(outcome, count))
    return redirect(_back(request))


def _told(outcome: Replay, count: int) -> str:
    """« 3 lettres repartent. »"""
    one, many = {
        Replay.DONE: ("lettre repart", "lettres repartent"),
        Replay.GONE: ("lettre n’était plus dans la liste", "lettres n’étaient plus dans la liste"),
        Replay.OUTLIVED: (
            "lettre n’est pas renvoyée\u00a0: elle ne dit plus la vérité",
            "lettres ne sont pas renvoyées\u00a0: elles ne disent plus la vérité",
        ),
        Replay.UNWRITABLE: (
            "lettre n’est pas renvoyée\u00a0: son adresse a changé, ou un collègue appelle déjà la personne",
            "lettres ne sont pas renvoyées\u00a0: leur adresse a changé, ou un collègue appelle déjà la personne",
        ),
    }[outcome]
    return f"{count} {one if count == 1 else many}."


@support_only
@require_POST
def abandon(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a dead letter off the list, with a reason; 404 when it never existed."""
    form = AbandonForm(request.POST)
    if not form.is_valid():
        picture = Picture.take(timezone.now())
        context = _context(request, picture) | {"refused": pk, "refusal": str(form.errors["reason"][0])}
        return render(request, "worker/operation.html", context, status=422)
    reason = AbandonReason(form.cleaned_data["reason"])
    if dead_letters.abandon(pk, reason, support_actor(request), timezone.now()):
        messages.success(request, "1 lettre abandonnée.")
    else:
        messages.warning(request, _told(Replay.GONE, 1))
    return redirect(_back(request))


def _back(request: HttpRequest) -> str:
    """The page of the list that was left."""
    wanted, here = request.POST.get("next", ""), reverse("worker:operation")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe and wanted.partition("?")[0] == here else here


@login_not_required
@never_cache
@require_safe
def posting_health(request: HttpRequest) -> HttpResponse:
    """Answer 503 when nothing was picked up for ten minutes while something is due, or when the database is away."""
    try:
        verdict = Pulse.take(timezone.now()).verdict
    except DatabaseError:
        return _plain("unknown", 503)
    return _plain(verdict.value, 503 if verdict == Verdict.STOPPED else 200)


def _plain(word: str, status: int) -> HttpResponse:
    return HttpResponse(f"{word}\n", status=status, content_type="text/plain; charset=utf-8")
