"""« À faire aujourd’hui », and the switch from one structure to another."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.http import require_POST

from referrals.middleware import SESSION_KEY, CaseRequest
from referrals.models import Referral
from referrals.queues import BILAN_IS_BACK, Queue, count_queues, queues_of
from referrals.views.shown import queue_row

SHOWN = 5
"""Rows of a queue on the home page; the rest is one click away."""

TABS = {"received": "recues", "sent": "envoyees"}


def list_url(queue: Queue) -> str:
    """The list of fiches, filtered as the queue is."""
    tab = "brouillons" if queue.key == "brouillons" else TABS[queue.side]
    query = {"onglet": tab} if queue.key == "brouillons" else {"onglet": tab, "file": queue.key}
    return f"{reverse('referrals:referral_list')}?{urlencode(query)}"


def _row(queue: Queue, referral: Referral, other: str, now: dt.datetime) -> dict[str, Any]:
    """The row of a fiche, whose button leads straight to what is to be done."""
    row = queue_row(referral, other=other, now=now, action_label=queue.action_label)
    if queue.key == "a-reorienter":
        row["action_url"] = reverse("referrals:suggestions", args=[referral.person_id])
    elif queue.key in ("appels", "appels-recus"):
        row["action_url"] = reverse("referrals:followup_record", args=[referral.followup.pk])
        row["due"] = referral.followup.due_on
    return row


def home(request: CaseRequest) -> HttpResponse:
    """What is to be done today: each queue of one's roles with its most pressing fiches."""
    now = timezone.now()
    door = request.door
    if door.structure is None:
        return render(request, "referrals/home/no_structure.html")
    queues = queues_of(door)
    counts = count_queues(door, queues, now)
    sections = []
    for queue in queues:
        if not counts[queue.key]:
            continue
        other = "receiver" if queue.side == "sent" else "sender"
        rows = queue.rows(door, now).with_everything().select_related("followup").annotate(bilan_is_back=BILAN_IS_BACK)
        sections.append(
            {
                "queue": queue,
                "count": counts[queue.key],
                "url": list_url(queue),
                "more": counts[queue.key] > SHOWN,
                "rows": [_row(queue, row, other, now) for row in rows[:SHOWN]],
            }
        )
    return render(
        request,
        "referrals/home/home.html",
        {
            "now": now,
            "sections": sections,
            "opens_files": door.opens_files,
            "may_record": door.may("record_person"),
            "has_persons": bool(sections) or door.persons().exists(),
        },
    )


@require_POST
def switch_structure(request: CaseRequest) -> HttpResponse:
    """Work for another of one's structures; the page left is shown again unless it belongs to the former one."""
    chosen = request.POST.get("structure", "")
    if chosen not in {str(membership.structure_id) for membership in request.door.memberships}:
        raise Http404
    request.session[SESSION_KEY] = str(UUID(chosen))
    return redirect(_where_to_go(request))


def _where_to_go(request: HttpRequest) -> str:
    """The page named by `next` when it is one of this site's and shows no single person or fiche, else the home."""
    target = request.POST.get("next", "")
    home_url = reverse("referrals:home")
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    if not safe or not target.startswith("/"):
        return home_url
    try:
        match = resolve(target.partition("?")[0])
    except Resolver404:
        return home_url
    return home_url if match.kwargs or match.args else target
