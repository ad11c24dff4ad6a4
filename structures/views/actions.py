"""« Nos actions »: what the managers of a structure write, pause and confirm."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from structures.door import Door, DoorRequest, managed
from structures.eligibility import NEEDS, OTHER_CRITERION, BadCriteria, Criterion, closing
from structures.forms.actions import ActionForm, PauseForm
from structures.models import Action, ActionChange, ChangeKind, StaleAction
from structures.models.change import NOT_OF_THE_MANAGERS, SESSION_KINDS
from structures.models.keeping import differing
from structures.pagination import page_of
from structures.territory import TOWNS
from structures.text import Plain

PAGE_SIZE = 50
LATEST = 10
"""Lines of the history that the page shows."""
PAST = 10
"""Sessions that are over that the page shows."""
DECLINES_DAYS = 90
"""How long a manager is told which conditions closed the door to someone."""


# The list


def _state(action: Action, today: dt.date) -> tuple[str, str]:
    """The state of an action, as a pill's family and words."""
    if not action.is_published:
        return "draft", "Non publiée"
    if action.is_paused(today):
        return "waitlisted", "Complet, en pause"
    return ("accepted", "Publiée") if action.is_fresh(today) else ("late", "À confirmer")


@dataclass(frozen=True)
class Declines:
    """How many fiches a condition of an action closed lately; `sentence` is empty for one that is not written."""

    sentence: str
    count: int


def _declines(door: Door, actions: Collection[Action], now: dt.datetime) -> dict[int, list[Declines]]:
    """By action, the conditions that closed fiches lately, as they stand now: one that was mended is left out."""
    found = door.declined_on(actions, now - dt.timedelta(days=DECLINES_DAYS))
    told: dict[int, list[Declines]] = {}
    for action in actions:
        counts = found.get(action.pk)
        if counts:
            standing = {one["code"]: one["sentence"] for one in closing(action.conditions())} | {OTHER_CRITERION: ""}
            lines = [Declines(words, counts[code]) for code, words in standing.items() if code in counts]
            told[action.pk] = sorted(lines, key=lambda line: -line.count)
    return told


def _row(action: Any, today: dt.date, declines: Sequence[Declines]) -> dict[str, Any]:
    state, label = _state(action, today)
    return {
        "action": action,
        "state": state,
        "state_label": label,
        "may_confirm": state == "late",
        "paused_until": action.paused_until if action.is_paused(today) else None,
        "next_start": action.next_start,
        "declines": declines[0] if declines else None,
    }


@require_safe
def own_actions(request: DoorRequest) -> HttpResponse:
    """The actions of one's structure, with their state; those to confirm first come by the filter."""
    door = request.door
    door.require("manage")
    now = timezone.now()
    today = timezone.localdate(now)
    shown = request.GET.get("etat", "")
    rows = door.actions()
    stale = rows.stale(today).count()
    if shown == "a-confirmer":
        rows = rows.stale(today)
    rows = rows.with_next_start(today).annotate(plain_name=Plain("name"))
    page = page_of(rows, ["plain_name", "id"], request.GET.get("page", ""), PAGE_SIZE)
    address = reverse("structures:own_actions")
    query = "etat=a-confirmer&" if shown == "a-confirmer" else ""
    declines = _declines(door, page.rows, now)
    context = {
        "rows": [_row(action, today, declines.get(action.pk, [])) for action in page.rows],
        "stale": stale,
        "only_stale": shown == "a-confirmer",
        "previous_url": f"{address}?{query}page={page.previous}" if page.previous else "",
        "next_url": f"{address}?{query}page={page.next}" if page.next else "",
    }
    return render(request, "structures/manage/list.html", context)


# Writing


def action_create(request: DoorRequest) -> HttpResponse:
    """Write a new action."""
    door = request.door
    door.require("manage")
    now = timezone.now()
    form = ActionForm(
        request.POST or None, initial={"is_published": True, "email": getattr(door.structure, "email", "")}
    )
    if request.method == "POST" and form.is_valid() and door.structure is not None:
        values = form.values | {"confirmed_on": timezone.localdate(now)}
        action = Action.objects.start(door.structure, door.user, now, **values)
        messages.success(request, "Action créée. Dites maintenant à qui elle est ouverte.")
        return redirect("structures:action_criteria", slug=action.slug)
    context = {"form": form, "towns": TOWNS}
    return render(request, "structures/manage/create.html", context, status=422 if form.errors else 200)


def seen_of(request: HttpRequest) -> dt.datetime | None:
    """The `updated_at` that the manager saw when the form was drawn; `None` when it says none that can be read."""
    try:
        return parse_datetime(request.POST.get("seen", ""))
    except ValueError:
        return None


def action_edit(request: DoorRequest, slug: str) -> HttpResponse:
    """The manager's page of an action: what it says, its sessions, its history."""
    action = managed(request, "edit", slug)
    now = timezone.now()
    posted = request.POST if request.method == "POST" else None
    form = ActionForm(posted, instance=copy.copy(action))
    stale = False
    if posted is not None and form.is_valid():
        try:
            change = action.rewrite(request.door.user, now, seen=seen_of(request), **form.values)
        except StaleAction as error:
            action, stale = error.action, True
        else:
            told(request, change, "Modifications enregistrées.")
            return redirect("structures:action_edit", slug=slug)
    context = page_of_action(request, action, now) | {"form": form, "stale": stale}
    status = 409 if stale else 422 if form.errors else 200
    return render(request, "structures/manage/edit.html", context, status=status)


def page_of_action(request: DoorRequest, action: Action, now: dt.datetime) -> dict[str, Any]:
    """Everything around the form on the manager's page of an action."""
    today = timezone.localdate(now)
    state, label = _state(action, today)
    return {
        "action": action,
        "seen": action.updated_at.isoformat(),
        "state": state,
        "state_label": label,
        "is_paused": action.is_paused(today),
        "is_fresh": action.is_fresh(today),
        "pause_form": PauseForm(today=today),
        "conditions": conditions_of(action.conditions()),
        "declines": _declines(request.door, [action], now).get(action.pk, []),
        "sessions": action.sessions.current(today),
        "past_sessions": action.sessions.over(today)[:PAST],
        "history": [_told_of(change) for change in action.changes.select_related("user")[:LATEST]],
        "towns": TOWNS,
        "now": now,
    }


def conditions_of(criteria: tuple[Criterion, ...]) -> list[tuple[str, list[str]]]:
    """Criteria as sentences, under the words of their level."""
    return [
        (label, sentences)
        for need, label in NEEDS.items()
        if (sentences := [criterion.sentence() for criterion in criteria if criterion.need == need])
    ]


def _words_of(columns: Iterable[str]) -> str:
    """The names of an action's fields, in words."""
    names = {field.attname: field.verbose_name for field in Action._meta.fields}
    return ", ".join(str(names[name]) for name in columns if name in names)


def _told_of(change: ActionChange) -> dict[str, Any]:
    """One line of the history: what, when, who, and which fields."""
    if change.kind in SESSION_KINDS:
        detail = str((change.after or change.before).get("code", ""))
    elif change.kind in (ChangeKind.REWRITTEN, ChangeKind.UNDONE, ChangeKind.IMPORTED):
        detail = _words_of(change.fields)
    else:
        detail = ""
    only_criteria = list(change.before) == ["criteria"]
    return {
        "pk": change.pk,
        "kind": change.get_kind_display(),
        "at": change.at,
        "user": change.user,
        "detail": detail,
        # Criteria are looked at, with what they would change, before they come back.
        "only_criteria": only_criteria,
        "is_restorable": change.is_restorable and not only_criteria,
    }


# One click


def told(request: HttpRequest, change: ActionChange | None, sentence: str, *, undo: bool = True) -> None:
    """Say what was done, with a way back where there is one; or that nothing changed."""
    if change is None:
        messages.info(request, "Rien n’a changé.")
    elif undo:
        address = reverse("structures:action_undo", args=[change.action.slug, change.pk])
        messages.success(request, sentence, extra_tags=f"undo:{address}")
    else:
        messages.success(request, sentence)


@require_POST
def action_pause(request: DoorRequest, slug: str) -> HttpResponse:
    """« Complet jusqu’au … »: no fiche is proposed until then."""
    action = managed(request, "pause", slug)
    now = timezone.now()
    form = PauseForm(request.POST, today=timezone.localdate(now))
    if not form.is_valid():
        context = page_of_action(request, action, now)
        context |= {"form": ActionForm(instance=copy.copy(action)), "stale": False, "pause_form": form}
        return render(request, "structures/manage/edit.html", context, status=422)
    told(request, action.pause(request.door.user, now, form.cleaned_data["until"]), "Action mise en pause.")
    return redirect("structures:action_edit", slug=slug)


@require_POST
def action_resume(request: DoorRequest, slug: str) -> HttpResponse:
    """Take fiches again."""
    action = managed(request, "pause", slug)
    told(request, action.resume(request.door.user, timezone.now()), "L’action est de nouveau ouverte.")
    return redirect("structures:action_edit", slug=slug)


@require_POST
def action_confirm(request: DoorRequest, slug: str) -> HttpResponse:
    """« Tout est à jour »: fresh for six months. Leads back to the list when it was asked for there."""
    action = managed(request, "confirm", slug)
    now = timezone.now()
    change = action.confirm(request.door.user, now, timezone.localdate(now))
    told(request, change, f"« {action.name} » est confirmée à jour.")
    if request.POST.get("from") == "list":
        return redirect("structures:own_actions")
    return redirect("structures:action_edit", slug=slug)


@require_POST
def action_undo(request: DoorRequest, slug: str, pk: int) -> HttpResponse:
    """Bring back what a change replaced, unless something else was written since."""
    action = managed(request, "edit", slug)
    change = get_object_or_404(action.changes, pk=pk)
    if not NOT_OF_THE_MANAGERS.isdisjoint(change.fields):
        raise Http404
    try:
        undone = action.undo(change, request.door.user, timezone.now())
    except StaleAction as error:
        since = "" if change.kind in SESSION_KINDS else _words_of(sorted(differing(error.action, change.after)))
        what = f" ({since})" if since else ""
        messages.warning(request, f"L’action a encore changé depuis{what} : rien n’a été annulé.")
    except BadCriteria:
        messages.warning(request, "Les conditions d’alors ne peuvent plus être lues : rien n’a été annulé.")
    else:
        messages.success(request, "C’est annulé." if undone is not None else "Rien n’a changé.")
    return redirect("structures:action_edit", slug=slug)


def former_criteria(action: Action, pk: str) -> list[dict[str, Any]]:
    """The criteria that a change replaced. Raises `Http404` for a change that is not the action's or replaced none."""
    change = action.changes.filter(pk=int(pk)).first() if pk.isascii() and pk.isdigit() and len(pk) < 18 else None
    if change is None or "criteria" not in change.before:
        raise Http404
    former: list[dict[str, Any]] = change.before["criteria"]
    return former
