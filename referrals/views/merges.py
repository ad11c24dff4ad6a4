"""Files that may be about the same person: the list, making one of two, and parting them again."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from referrals.forms.merges import MergeForm
from referrals.merging import merge_files, part_files
from referrals.middleware import CaseRequest
from referrals.models import CannotMerge, Person
from referrals.models.merge import REFUSALS, UNDO_FOR, version_of
from referrals.permissions import Door, MergedAway
from structures.pagination import page_of

PAIRS_SHOWN, MERGES_SHOWN = 20, 10


def _side(person: Person, today: dt.date) -> dict[str, Any]:
    """What tells two files apart. Both are one's own structure's: nothing is hidden."""
    return {"person": person, "age": person.age(today), "place": person.place}


def twins_of(door: Door, person: Person, today: dt.date) -> list[dict[str, Any]]:
    """The other files that may be about this person, for who may make one of them."""
    if not door.may("merge", person):
        return []
    pairs = door.resemblances().of(person).select_related("first", "second").order_by("-likeness", "id")
    return [_side(pair.second if pair.first_id == person.pk else pair.first, today) | {"pair": pair} for pair in pairs]


@require_safe
def merge_list(request: CaseRequest) -> HttpResponse:
    """« Doublons possibles »: the pairs to look at, and the latest merges while they can be undone."""
    door = request.door
    door.require("merge_persons")
    now = timezone.now()
    today = timezone.localdate(now)
    pairs = door.resemblances().select_related("first", "second")
    page = page_of(pairs, ["-likeness", "pk"], request.GET.get("page", ""), PAIRS_SHOWN)
    recent = door.merges().standing().filter(merged_at__gte=now - UNDO_FOR).select_related("kept", "gone", "user")
    address = reverse("referrals:merge_list")
    context = {
        "pairs": [(pair, [_side(pair.first, today), _side(pair.second, today)]) for pair in page.rows],
        "merges": list(recent.order_by("-merged_at", "-id")[:MERGES_SHOWN]),
        "previous_url": f"{address}?page={page.previous}" if page.previous else "",
        "next_url": f"{address}?page={page.next}" if page.next else "",
        "now": now,
    }
    return render(request, "referrals/merges/list.html", context)


def _brings(door: Door, person: Person) -> str:
    """« 2 fiches, 1 besoin »: what comes with a file."""
    fiches = door.referrals().filter(person=person).count()
    needs = person.needs.count()
    parts = [
        f"{fiches} fiche{'s' if fiches > 1 else ''}" if fiches else "",
        f"{needs} besoin{'s' if needs > 1 else ''}" if needs else "",
    ]
    return ", ".join(filter(None, parts)) or "aucune fiche, aucun besoin"


def merge_preview(request: CaseRequest, pk: UUID, other: UUID) -> HttpResponse:
    """The two files side by side: what the kept one will say is chosen, then they are made one."""
    door = request.door
    try:
        keep, lose = door.person(pk), door.person(other)
    except MergedAway as settled:
        messages.info(request, REFUSALS["state"])
        return redirect("referrals:person_detail", pk=settled.kept)
    for person in (keep, lose):
        door.require("merge", person)
    now = timezone.now()
    posted = request.POST if request.method == "POST" else None
    form = MergeForm(posted, keep=keep, lose=lose)
    stale = posted is not None and posted.get("seen") != version_of(keep, lose)
    refusal = REFUSALS["changed"] if stale else ""
    if posted is not None and not stale and form.is_valid():
        try:
            merge_files(door, keep, lose, now, values=form.values, seen=posted.get("seen", ""))
        except CannotMerge as error:
            if error.code == "state":
                messages.info(request, str(error))
                return redirect("referrals:merge_list")
            # The reader looks at what stands now, with what was chosen.
            refusal = str(error)
            keep, lose = door.person(pk), door.person(other)
            form = MergeForm(posted, keep=keep, lose=lose)
        else:
            messages.success(
                request, "Les deux fiches n’en font plus qu’une. Vous pouvez les séparer pendant 30 jours."
            )
            return redirect("referrals:person_detail", pk=keep.pk)
    context = {
        "form": form,
        "keep": keep,
        "lose": lose,
        "brings": [_brings(door, keep), _brings(door, lose)],
        "seen": version_of(keep, lose),
        "refusal": refusal,
        "now": now,
    }
    status = 409 if refusal else 422 if form.errors else 200
    return render(request, "referrals/merges/preview.html", context, status=status)


@require_POST
def merge_dismiss(request: CaseRequest, pk: int) -> HttpResponse:
    """These are two persons: the pair is not shown again."""
    door = request.door
    pair = door.resemblance(pk)
    door.require("merge_persons")
    pair.dismiss(door.actor, timezone.now())
    messages.success(request, "Noté : ce sont deux personnes différentes.")
    return redirect("referrals:merge_list")


@require_POST
def merge_undo(request: CaseRequest, pk: int) -> HttpResponse:
    """Part two files again."""
    door = request.door
    merge = door.merge(pk)
    door.require("merge_persons")
    now = timezone.now()
    try:
        part_files(door, merge, now)
    except CannotMerge as refusal:
        messages.info(request, str(refusal))
    else:
        messages.success(request, "Les deux fiches sont à nouveau séparées.")
    return redirect("referrals:person_detail", pk=merge.kept_id)
