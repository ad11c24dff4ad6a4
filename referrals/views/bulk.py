"""Several fiches answered in one go: each is answered by itself, or it is said why not."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from referrals.forms.responses import AcceptForm, AnswerForm, DeclineForm, WaitlistForm
from referrals.middleware import CaseRequest
from referrals.models import NoPlaceLeft, Referral, ReminderPolicy, StaleReferral
from referrals.permissions import Door
from referrals.states import Verb
from referrals.views.answer_panels import sessions_of
from referrals.views.keyset import PAGE_SIZE

VERBS = (Verb.ACCEPT, Verb.WAITLIST, Verb.DECLINE)
"""What can be answered to several fiches at once."""

ANSWERED = "answered_together"
"""Where the session of the browser keeps what became of the last ones: references and codes."""


def ticked(data: QueryDict) -> dict[str, int]:
    """Reference → version, of the boxes that were ticked: a page of them at most."""
    found = {}
    for value in data.getlist("fiche")[:PAGE_SIZE]:
        reference, _, version = value.partition(":")
        if version.isascii() and version.isdigit() and len(version) < 10:
            found[reference] = int(version)
    return found


def _rows(door: Door, references: Any, verb: Verb) -> list[Referral]:
    """The fiches in the order of their sending. Raises `Http404` for a stranger's, `PermissionDenied` for the role."""
    rows = list(
        door.referrals()
        .with_everything()
        .filter(reference__in=list(references))
        .order_by("sent_at", "created_at", "id")
    )
    if len(rows) != len(references):
        raise Http404
    for row in rows:
        door.require(verb, row)
    return rows


@dataclass
class Panel:
    """One answer to all of them."""

    verb: Verb
    title: str
    icon: str
    button: str
    form: AnswerForm


def _form(verb: Verb, rows: list[Referral], now: dt.datetime, data: QueryDict | None) -> AnswerForm:
    first = rows[0]
    common: dict[str, Any] = {"referral": first, "now": now, "auto_id": f"{verb.value}_%s"}
    if verb == Verb.DECLINE:
        return DeclineForm(data, together=rows, **common)
    sessions = sessions_of(first, timezone.localdate(now)) if _is_one_action(rows) else []
    if len({row.session_id for row in rows}) > 1:
        common["initial"] = {"session": None}
    return (
        AcceptForm(data, sessions=sessions, **common)
        if verb == Verb.ACCEPT
        else WaitlistForm(data, sessions=sessions, **common)
    )


def _is_one_action(rows: list[Referral]) -> bool:
    return len({row.action_id for row in rows}) == 1


def _panels(rows: list[Referral], now: dt.datetime, bound: dict[Verb, AnswerForm]) -> list[Panel]:
    count = f"les {len(rows)} fiches" if len(rows) > 1 else "la fiche"
    words = {
        Verb.ACCEPT: (f"Accepter {count}", "check", f"Accepter {count}"),
        Verb.WAITLIST: ("Mettre en liste d’attente", "hourglass", f"Mettre {count} en liste d’attente"),
        Verb.DECLINE: ("Décliner", "x", f"Décliner {count}"),
    }
    # A rendez-vous, a session, a place: they are those of one action.
    verbs = [verb for verb in VERBS if verb != Verb.ACCEPT or _is_one_action(rows)]
    return [Panel(verb, *words[verb], bound.get(verb) or _form(verb, rows, now, None)) for verb in verbs]


def bulk_answer(request: CaseRequest) -> HttpResponse:
    """The fiches that were ticked, and the answers that they can be given together."""
    now = timezone.now()
    door = request.door
    door.require("answer")
    posted = request.POST if request.method == "POST" else None
    versions = ticked(request.GET if posted is None else posted)
    if not versions:
        messages.info(request, "Cochez d’abord les fiches auxquelles répondre.")
        return redirect(f"{reverse('referrals:referral_list')}?onglet=recues")
    asked = posted.get("verbe", "") if posted is not None else ""
    verb = Verb(asked) if asked in VERBS else Verb.ACCEPT
    rows = _rows(door, versions, verb)
    form = None
    if posted is not None:
        form = _form(verb, rows, now, posted)
        if form.is_valid() and (verb != Verb.ACCEPT or _is_one_action(rows)):
            request.session[ANSWERED] = _answer(door, rows, versions, verb, form, now)
            return redirect("referrals:bulk_result")
    context = {
        "rows": rows,
        "panels": _panels(rows, now, {verb: form} if form is not None else {}),
        "asked": verb if form is not None else Verb.ACCEPT,
        "is_one_action": _is_one_action(rows),
        "form": form,
    }
    return render(request, "referrals/bulk/answer.html", context, status=422 if form is not None else 200)


def _answer(
    door: Door, rows: list[Referral], versions: dict[str, int], verb: Verb, form: AnswerForm, now: dt.datetime
) -> dict[str, Any]:
    """Answer each fiche by itself, in the order of their sending; what became of each."""
    arguments = form.arguments()
    session = arguments.get("session")
    kept: dict[str, Any] = {"verb": verb.value, "session": session.pk if session else None}
    kept |= {"done": [], "full": [], "stale": []}
    ReminderPolicy.objects.attach(rows)
    for row in rows:
        try:
            getattr(row, verb.value)(door.actor, now, version=versions[row.reference], **arguments)
            kept["done"].append(row.reference)
        except NoPlaceLeft:
            kept["full"].append(row.reference)
        except StaleReferral:
            kept["stale"].append(row.reference)
    return kept


DONE = {Verb.ACCEPT: "acceptée", Verb.WAITLIST: "mise en liste d’attente", Verb.DECLINE: "déclinée"}


def bulk_result(request: CaseRequest) -> HttpResponse:
    """What became of each of the fiches, with « Annuler » for ten minutes."""
    now = timezone.now()
    request.door.require("files")
    kept: dict[str, Any] = request.session.get(ANSWERED, {})
    found = request.door.referrals().with_everything().order_by("sent_at", "created_at", "id")
    found = found.filter(reference__in=[one for key in ("done", "full", "stale") for one in kept.get(key, [])])
    groups: dict[str, list[Referral]] = {"done": [], "full": [], "stale": []}
    for row in found:
        groups[next(key for key in groups if row.reference in kept[key])].append(row)
    if not any(groups.values()):
        return redirect(f"{reverse('referrals:referral_list')}?onglet=recues")
    context = groups | {
        "deed": DONE[Verb(kept["verb"])],
        "session": kept["session"],
        "retractable": [row for row in groups["done"] if row.may_be_retracted(now)],
    }
    return render(request, "referrals/bulk/result.html", context)


@require_POST
def bulk_retract(request: CaseRequest) -> HttpResponse:
    """Take the answers back, all those that still can be."""
    now = timezone.now()
    door = request.door
    door.require("answer")
    versions = ticked(request.POST)
    undone, late = [], []
    for row in _rows(door, versions, Verb.RETRACT):
        try:
            row.retract(door.actor, now, version=versions[row.reference])
            undone.append(row.reference)
        except StaleReferral:
            late.append(row.reference)
    request.session.pop(ANSWERED, None)
    if undone:
        messages.success(request, f"Réponses annulées : {', '.join(undone)}.")
    if late:
        messages.warning(request, f"Trop tard, ou la fiche a changé entre-temps : {', '.join(late)}.")
    return redirect(f"{reverse('referrals:referral_list')}?onglet=recues")
