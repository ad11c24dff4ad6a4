"""« À faire aujourd’hui », and the switch from one structure to another."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import F, Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.http import require_POST

from accounts.models import User
from referrals.french import day_words
from referrals.middleware import SESSION_KEY, CaseRequest
from referrals.models import FailingAddress, FollowUp, MessageChannel, Referral, ReminderPolicy
from referrals.permissions import Door
from referrals.permissions.commissions import opened_by, tasks_of
from referrals.permissions.mending import failing_for
from referrals.queues import ITS_BILAN, Followed, Queue, Whose, queues_of, standings
from referrals.views.appointment_panel import taps_of
from referrals.views.followups import orient_url
from referrals.views.shown import queue_row, ranks_of, suggestions_url
from structures.models import Action
from structures.vocabulary import Role

SHOWN = 5
"""Rows of a queue on the home page; the rest is one click away."""

CALLS = {"appels", "appels-recus"}
"""The queues whose rows are calls after an exit."""

MOST_TASKS = 20
"""Tasks of the commission on the home page, the soonest first: ticking them brings the next ones."""

TABS = {"received": "recues", "sent": "envoyees"}


def list_url(queue: Queue, whose: str = "") -> str:
    """The list of fiches, filtered as the queue is."""
    tab = "brouillons" if queue.key == "brouillons" else TABS[queue.side]
    query = {"onglet": tab} if queue.key == "brouillons" else {"onglet": tab, "file": queue.key}
    if whose:
        query["qui"] = whose
    return f"{reverse('referrals:referral_list')}?{urlencode(query)}"


def _row(
    door: Door,
    queue: Queue,
    referral: Referral,
    other: str,
    now: dt.datetime,
    rank: str,
    absentees: Mapping[User, dt.date],
) -> dict[str, Any]:
    """The row of a fiche, whose button leads straight to what is to be done."""
    row = queue_row(referral, other=other, now=now, action_label=queue.action_label, rank=rank, absentees=absentees)
    row["at"] = referral.appointment_at if queue.is_settled_in_place else None
    if queue.is_settled_in_place and referral.appointment_at is not None:
        may_settle = door.may("settle", referral)
        row["taps"] = taps_of(referral.appointment_state, referral.appointment_at, now) if may_settle else []
        row["version"] = referral.version
        row["late"] = timezone.localdate(referral.appointment_at) < timezone.localdate(now)
    if queue.key == "a-reorienter":
        row["action_url"] = suggestions_url(referral)
    elif queue.key in CALLS:
        _lead_to_call(row, door, next(iter(referral.followups.all()), None))
    return row


def _lead_to_call(row: dict[str, Any], door: Door, check: FollowUp | None) -> None:
    """Open the call of a row; where the person asked to be called, another orientation stands beside it."""
    if check is None:
        return
    row["action_url"] = reverse("referrals:followup_detail", args=[check.pk])
    row["due"] = check.due_on
    if check.is_to_call_back:
        row["note"] = "Souhaite être rappelé(e)"
        if door.may("refer", check.referral.person):
            row["second_label"], row["second_url"] = "Orienter", orient_url(check)


def _to_confirm(door: Door, today: dt.date) -> list[dict[str, Any]]:
    """The actions that a manager is to confirm, as the last queue; none for the others."""
    if not door.may("manage"):
        return []
    stale = door.actions().stale(today)
    count = stale.count()
    rows = [
        {
            "title": action.name,
            "url": reverse("structures:action_edit", args=[action.slug]),
            "meta": f"vérifiée le {day_words(action.confirmed_on)}" if action.confirmed_on else "jamais vérifiée",
            "reference": "",
            "partner": "",
            "note": "",
            "state": "late",
            "state_label": "À confirmer",
            "due": None,
            "late": False,
            "action_label": "Vérifier",
            "action_url": reverse("structures:action_edit", args=[action.slug]),
            "at": None,
        }
        for action in (stale.order_by(F("confirmed_on").asc(nulls_first=True), "name", "id")[:SHOWN] if count else [])
    ]
    section = {
        "queue": {"key": "actions", "title": "Actions à confirmer"},
        "count": count,
        "url": f"{reverse('structures:own_actions')}?etat=a-confirmer",
        "more": count > SHOWN,
        "more_label": f"Voir les {count} actions",
        "rows": rows,
    }
    return [section] if count else []


def _to_mend(door: Door, now: dt.datetime) -> list[dict[str, Any]]:
    """The addresses that letters do not reach and that whoever reads can mend, as the first queue."""
    failing = list(failing_for(door, now).order_by("since", "id")[: SHOWN + 1])
    if not failing:
        return []
    assert door.user is not None
    actions = {one.email.lower(): one for one in door.actions().exclude(email="").order_by("pk")}
    team = {one.user.email.lower(): one.user for one in door.team()}
    rows = []
    for one in failing[:SHOWN]:
        title, note, url = _mend_words(door, one, actions, team)
        what = "SMS" if one.channel == MessageChannel.SMS else "E-mail"
        rows.append(
            {
                "title": title,
                "url": url,
                "meta": f"{what} en échec depuis le {day_words(timezone.localdate(one.since))}",
                "reference": "",
                "partner": "",
                "note": note,
                "state": "late",
                "state_label": "En échec",
                "due": None,
                "late": False,
                "action_label": "" if note else "Corriger",
                "action_url": url,
                "at": None,
            }
        )
    section = {
        "queue": {"key": "adresses", "title": "Adresses en échec"},
        "count": len(failing),
        "url": "",
        "more": False,
        "more_label": "",
        "rows": rows,
    }
    return [section]


def _mend_words(
    door: Door, one: FailingAddress, actions: Mapping[str, Action], team: Mapping[str, User]
) -> tuple[str, str, str]:
    """Whose address it is, who else than the reader mends it, and where."""
    if one.person is not None:
        return one.person.full_name, "", reverse("referrals:person_update", args=[one.person.pk])
    if door.user is not None and one.address == door.user.email.lower():
        return "Votre adresse", "", reverse("account_email")
    if one.address in actions:
        return actions[one.address].name, "", reverse("structures:action_edit", args=[actions[one.address].slug])
    if one.address in team:
        note = "À lui dire : chacun change son adresse dans son compte."
        return str(team[one.address]), note, reverse("structures:absence_list")
    return str(door.structure), "", reverse("structures:letter_choices")


def _commission_tasks(door: Door, today: dt.date) -> list[dict[str, Any]]:
    """What the commission gave one's structure to do, the soonest first; about whom, where the fiche is open here."""
    tasks = list(tasks_of(door).open().order_by("due_on", "id")[:MOST_TASKS])
    opened = opened_by(door, [task.item for task in tasks])
    rows = []
    for task in tasks:
        referral = task.item.referral
        is_opened = referral is not None and referral.pk in opened
        url = reverse("referrals:commission_detail", args=[task.item.commission_id])
        if referral is not None and is_opened:
            url = reverse("referrals:referral_detail", args=[referral.reference])
        about = "" if referral is None else referral.person.full_name if is_opened else referral.reference
        rows.append({"task": task, "url": url, "about": about, "late": task.due_on < today})
    return rows


def _choices(door: Door, whose: str) -> list[dict[str, Any]]:
    """« Toutes », « Les miennes », « Sans personne »; and the received fiches that are late, in their list."""
    here = reverse("referrals:home")
    late = f"{reverse('referrals:referral_list')}?{urlencode({'onglet': 'recues', 'retard': 'on'})}"
    receives = door.has(Role.RECEIVER, Role.MANAGER)
    return [
        {"label": label, "url": f"{here}?{urlencode({'qui': value})}" if value else here, "current": value == whose}
        for value, label in [("", "Toutes"), *Whose.choices]
    ] + ([{"label": "En retard", "url": late, "current": False}] if receives else [])


def home(request: CaseRequest) -> HttpResponse:
    """What is to be done today: each queue of one's roles with its most pressing fiches."""
    now = timezone.now()
    door = request.door
    if door.structure is None:
        return render(request, "referrals/home/no_structure.html")
    queues = queues_of(door)
    absentees = door.absentees(timezone.localdate(now))
    whose = request.GET.get("qui", "")
    whose = whose if whose in Whose.values else ""
    found = standings(door, queues, now, SHOWN, Followed.by(door, whose, absentees))
    shown = {pk for standing in found.values() for pk in standing.first}
    calls = Prefetch("followups", FollowUp.objects.to_call().order_by("due_on"))
    rows = door.referrals().as_rows().annotate(its_bilan=ITS_BILAN).prefetch_related(calls)
    by_pk = {row.pk: row for row in rows.filter(pk__in=shown).order_by("pk")}
    ReminderPolicy.objects.attach(by_pk.values())
    ranks = ranks_of(by_pk.values(), timezone.localdate(now))
    sections = [
        {
            "queue": queue,
            "count": found[queue.key].count,
            "url": list_url(queue, whose),
            "more": found[queue.key].count > SHOWN,
            "more_label": f"Voir les {found[queue.key].count} fiches",
            "rows": [
                _row(
                    door,
                    queue,
                    by_pk[pk],
                    "receiver" if queue.side == "sent" else "sender",
                    now,
                    ranks.get(pk, ""),
                    absentees,
                )
                for pk in found[queue.key].first
                if pk in by_pk
            ],
        }
        for queue in queues
        if queue.key in found
    ]
    if not whose:
        sections = [*_to_mend(door, now), *sections, *_to_confirm(door, timezone.localdate(now))]
    return render(
        request,
        "referrals/home/home.html",
        {
            "now": now,
            "sections": sections,
            "tasks": [] if whose else _commission_tasks(door, timezone.localdate(now)),
            "whose": whose,
            "choices": _choices(door, whose) if door.opens_files else [],
            "covered": list(absentees.items()),
            "opens_files": door.opens_files,
            "may_record": door.may("record_person"),
            "may_manage": door.may("manage"),
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
