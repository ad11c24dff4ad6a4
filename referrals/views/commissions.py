"""The commission de suivi: its agenda, what is decided on the spot, what is to be done, and its minutes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from referrals.agenda import MOST, agenda_of
from referrals.files import pdf_response
from referrals.forms.commissions import CommissionForm, DecisionForm, TaskForm
from referrals.middleware import CaseRequest
from referrals.minutes import (
    ItemWords,
    chosen_structure,
    in_charge,
    minutes_sheet,
    names_anyone,
    parts_of,
    read,
    words_for,
)
from referrals.models import Commission, CommissionItem, CommissionState
from referrals.permissions import Door
from referrals.permissions.commissions import (
    commission_of,
    commissions_of,
    item_of,
    may_convene,
    require_to_run,
    runs,
    task_of,
)
from referrals.views.keyset import page_of
from structures.models import Structure


@require_safe
def commission_list(request: CaseRequest) -> HttpResponse:
    """The commissions that one convenes or takes part in, the last first."""
    rows = commissions_of(request.door).select_related("structure")
    page = page_of(rows, ["-on", "id"], request.GET)
    context = {
        "rows": page.rows,
        "previous_url": page.previous_url,
        "next_url": page.next_url,
        "may_convene": may_convene(request.door),
    }
    return render(request, "referrals/commissions/list.html", context)


def _own_structure(door: Door) -> Structure:
    if not may_convene(door) or door.structure is None:
        raise PermissionDenied
    return door.structure


def commission_create(request: CaseRequest) -> HttpResponse:
    """Convene a commission; its agenda makes itself."""
    now = timezone.now()
    structure = _own_structure(request.door)
    form = CommissionForm(request.POST or None, structure=structure, today=timezone.localdate(now))
    if request.method == "POST" and form.is_valid():
        commission = Commission.objects.prepare(request.door.actor, now, situations=agenda_of(now), **form.cleaned_data)
        if commission is not None:
            messages.success(request, "L’ordre du jour est établi. Il peut être mis à jour jusqu’à la séance.")
            return redirect("referrals:commission_detail", pk=commission.pk)
        form.add_error("on", "Une commission est déjà prévue ce jour-là.")
    context = {"form": form, "commission": None}
    return render(request, "referrals/commissions/edit.html", context, status=422 if form.errors else 200)


def commission_edit(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Change the day or the participants, until the minutes are closed."""
    commission = commission_of(request.door, pk)
    require_to_run(request.door, commission)
    if commission.state == CommissionState.CLOSED:
        messages.info(request, "Le compte rendu est arrêté : il ne change plus.")
        return redirect("referrals:commission_detail", pk=pk)
    today = timezone.localdate()
    form = CommissionForm(request.POST or None, structure=commission.structure, today=today, commission=commission)
    if request.method == "POST" and form.is_valid():
        try:
            commission.plan(**form.cleaned_data)
        except IntegrityError:
            form.add_error("on", "Une commission est déjà prévue ce jour-là.")
        else:
            return redirect("referrals:commission_detail", pk=pk)
    context = {"form": form, "commission": commission}
    return render(request, "referrals/commissions/edit.html", context, status=422 if form.errors else 200)


def _page(
    request: CaseRequest,
    commission: Commission,
    *,
    wrong: CommissionItem | None = None,
    decision: DecisionForm | None = None,
    task: TaskForm | None = None,
    theirs: CommissionItem | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole agenda; with what was typed for one situation (`wrong`), and what somebody else noted (`theirs`)."""
    door = request.door
    keeps = runs(door, commission)
    is_held = commission.state == CommissionState.HELD
    participants = list(commission.participants.order_by("name", "id"))
    found = read(door, commission)
    rows: dict[UUID, dict[str, Any]] = {}
    for before, words, after in zip([None, *found[:-1]], found, [*found[1:], None], strict=True):
        here = wrong is not None and wrong.pk == words.item.pk
        writes = keeps and is_held
        rows[words.item.pk] = {
            "words": words,
            "before": before.item.pk if before is not None else None,
            "after": after.item.pk if after is not None else None,
            "decision": (decision if here else None) or (DecisionForm(item=words.item) if writes else None),
            "task": (task if here else None)
            or (_task_form(door, commission, words, participants, None) if writes else None),
            "is_open": here and task is not None,
            "theirs": theirs if here else None,
        }
    context = {
        "commission": commission,
        "participants": participants,
        "parts": [(part, [rows[words.item.pk] for words in part.items]) for part in parts_of(found)],
        "count": len(found),
        "decided": sum(bool(words.item.decision) for words in found),
        "keeps": keeps,
        "names": names_anyone(found),
        "most": MOST,
        "is_prepared": commission.state == CommissionState.PREPARED,
        "is_held": is_held,
        "form": task or decision,
    }
    return render(request, "referrals/commissions/detail.html", context, status=status)


def _task_form(
    door: Door, commission: Commission, words: ItemWords, participants: list[Structure], data: Any
) -> TaskForm:
    choices = in_charge(door, commission, words, participants)
    return TaskForm(data, item=words.item, choices=choices, today=timezone.localdate())


@require_safe
def commission_detail(request: CaseRequest, pk: UUID) -> HttpResponse:
    """The agenda on one screen, with what is decided of each situation."""
    return _page(request, commission_of(request.door, pk))


@require_POST
def commission_refresh(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Look again at what stands still; the agenda no longer moves once the meeting has begun."""
    commission = commission_of(request.door, pk)
    require_to_run(request.door, commission)
    now = timezone.now()
    if commission.refresh(agenda_of(now), now):
        messages.success(request, "L’ordre du jour est à jour.")
    else:
        messages.info(request, "La séance a commencé : l’ordre du jour ne change plus.")
    return redirect("referrals:commission_detail", pk=pk)


@require_POST
def commission_hold(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Begin the meeting."""
    commission = commission_of(request.door, pk)
    require_to_run(request.door, commission)
    if commission.hold(request.door.actor, timezone.now()):
        messages.success(request, "La séance est ouverte : notez les décisions, elles s’enregistrent d’elles-mêmes.")
    else:
        messages.info(request, "La séance est déjà ouverte.")
    return redirect("referrals:commission_detail", pk=pk)


@require_POST
def commission_close(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Close the minutes."""
    commission = commission_of(request.door, pk)
    require_to_run(request.door, commission)
    if commission.close(request.door.actor, timezone.now()):
        messages.success(request, "Le compte rendu est arrêté. Chaque structure y lit ce qui la concerne.")
    else:
        messages.info(request, "Le compte rendu ne peut être arrêté qu’une fois, après l’ouverture de la séance.")
    return redirect("referrals:commission_detail", pk=pk)


def _point_url(commission: Commission, item: CommissionItem) -> str:
    return f"{reverse('referrals:commission_detail', args=[commission.pk])}#point-{item.pk}"


def _seen(request: HttpRequest, form: DecisionForm) -> int:
    """The version that the page showed; the other's, when one chose to replace what the other had noted."""
    replaced = request.POST.get("replace", "")
    version: int = form.cleaned_data["version"]
    return int(replaced) if replaced.isascii() and replaced.isdigit() and len(replaced) < 10 else version


@require_POST
def commission_decide(request: CaseRequest, pk: UUID, item: UUID) -> HttpResponse:
    """Note what is decided of a situation, while it is typed or when it is saved.

    422 when what is typed is refused. When somebody noted something since, both texts are shown: 409, or 422 to htmx,
    which shows nothing else.
    """
    now = timezone.now()
    door = request.door
    commission = commission_of(door, pk)
    row = item_of(door, commission, item)
    require_to_run(door, commission)
    form = DecisionForm(request.POST, item=row)
    if not form.is_valid():
        errors = [str(error) for found in form.errors.values() for error in found]
        if request.htmx:
            return _saved(request, row, errors=errors, status=422)
        return _page(request, commission, wrong=row, decision=form, status=422)
    said = form.cleaned_data["decision"]
    if said == row.decision or row.decide(said, door.actor, now, seen=_seen(request, form)):
        return _saved(request, row) if request.htmx else redirect(_point_url(commission, row))
    commission.refresh_from_db(fields=["state"])
    if commission.state != CommissionState.HELD:
        closed = ["La séance n’est pas ouverte : cette décision n’est pas enregistrée."]
        if request.htmx:
            return _saved(request, row, errors=closed, status=422)
        form.add_error("decision", closed[0])
        return _page(request, commission, wrong=row, decision=form, status=409)
    theirs = item_of(door, commission, item)
    if request.htmx:
        return _saved(request, row, theirs=theirs, status=422)
    return _page(request, commission, wrong=row, decision=form, theirs=theirs, status=409)


def _saved(
    request: CaseRequest,
    item: CommissionItem,
    *,
    errors: list[str] | None = None,
    theirs: CommissionItem | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"item": item, "errors": errors or [], "theirs": theirs, "saved": status == 200}
    return render(request, "referrals/commissions/saved.html", context, status=status)


@require_POST
def commission_give(request: CaseRequest, pk: UUID, item: UUID) -> HttpResponse:
    """Make a decision a task of a structure."""
    now = timezone.now()
    door = request.door
    commission = commission_of(door, pk)
    row = item_of(door, commission, item)
    require_to_run(door, commission)
    participants = list(commission.participants.order_by("name", "id"))
    form = _task_form(door, commission, words_for(door, row), participants, request.POST)
    if not form.is_valid():
        return _page(request, commission, wrong=row, task=form, status=422)
    structure = chosen_structure(row, form.cleaned_data["to"], participants)
    what, due_on = form.cleaned_data["what"], form.cleaned_data["due_on"]
    if row.give(structure, door.actor, now, what=what, due_on=due_on) is None:
        form.add_error(None, "La séance n’est pas ouverte : cette tâche n’est pas enregistrée.")
        return _page(request, commission, wrong=row, task=form, status=409)
    return redirect(_point_url(commission, row))


@require_POST
def task_done(request: CaseRequest, pk: int) -> HttpResponse:
    """Tick a task of one's structure."""
    task = task_of(request.door, pk)
    if task.tick(request.door.actor, timezone.now()):
        messages.success(request, "C’est noté. La coordination le lit dans le compte rendu.")
    else:
        messages.info(request, "Quelqu’un l’avait déjà noté.")
    return redirect("referrals:home")


@require_POST
def task_undone(request: CaseRequest, pk: int) -> HttpResponse:
    """Untick a task of one's structure, ticked by mistake."""
    task = task_of(request.door, pk)
    if task.untick(request.door.actor, timezone.now()):
        messages.success(request, "La tâche est de nouveau à faire.")
    return redirect("referrals:commission_detail", pk=task.item.commission_id)


@require_safe
def commission_print(request: CaseRequest, pk: UUID) -> HttpResponse:
    """The minutes on sheets of paper."""
    document = minutes_sheet(request.door, commission_of(request.door, pk))
    return render(request, document.template, document.context)


@require_safe
def commission_pdf(request: CaseRequest, pk: UUID) -> HttpResponse:
    """The minutes as an accessible PDF."""
    return pdf_response(minutes_sheet(request.door, commission_of(request.door, pk)))
