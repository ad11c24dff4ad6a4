"""The page of a person: who they are, what they need, and their whole pathway in one picture."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from referrals.disclosure import profile_facts
from referrals.drawings import draw_pathway
from referrals.middleware import CaseRequest
from referrals.models import ConsentScope, Need, Person, PersonMerge
from referrals.pathway import next_steps, pathway_of
from referrals.permissions import Door
from referrals.permissions.mending import failing_for
from referrals.states import UnmetReason
from referrals.views.merges import twins_of
from referrals.views.shown import identity_of

RECENT = 12
"""Lines of the timeline shown at once; the older ones are one click away."""

OUTCOMES: dict[str, tuple[str, str]] = {
    "answered": ("ended", "Une action y répond"),
    "running": ("sent", "Orientation en cours"),
    "unmet": ("late", "Sans solution"),
    "untried": ("draft", "À orienter"),
}
"""For each derived outcome of a need: the pill, and its word."""


def _outcome(need: Need) -> dict[str, str]:
    state, label = OUTCOMES[getattr(need, "outcome", "untried")]
    reason = getattr(need, "unmet_reason", "") or ""
    if state == "late" and reason in UnmetReason.values:
        label = f"{label} : {UnmetReason(reason).label.lower()}"
    return {"state": state, "label": label}


def _last_merge(door: Door, person: Person, now: dt.datetime) -> PersonMerge | None:
    """The latest merge into this file, while it can be undone by who reads."""
    if not door.may("merge", person):
        return None
    found = door.merges().standing().filter(kept=person).order_by("-merged_at", "-id").first()
    return found if found is not None and found.may_be_undone(now) else None


def person_detail(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Everything that one may see of a person's pathway, with what comes next."""
    now = timezone.now()
    door = request.door
    person = door.person(pk)
    scopes = door.scopes(person)
    today = timezone.localdate(now)
    pathway = pathway_of(door, person, scopes, now)
    needs = door.needs().filter(person=person).with_outcome().select_related("structure")
    rows = list(needs.order_by("closed_at", "priority", "theme", "id"))
    steps = next_steps(pathway, door.structure, now)
    context = {
        "person": person,
        "identity": identity_of(person, scopes, today, link=False),
        "now": now,
        "needs": [(need, _outcome(need)) for need in rows if need.closed_at is None],
        "closed_needs": [need for need in rows if need.closed_at is not None],
        "sees_needs": ConsentScope.NEEDS in scopes,
        "facts": profile_facts(person, scopes),
        "sees_profile": ConsentScope.PROFILE in scopes,
        "pathway": pathway,
        "recent": pathway.entries[:RECENT],
        "older": pathway.entries[RECENT:],
        "picture": draw_pathway(pathway) if pathway.nodes else None,
        "next_steps": steps,
        "documents": list(door.attachments().filter(referral__person=person).listed().select_related("referral")),
        "may_edit": door.may("edit", person),
        "failing": list(failing_for(door, now).filter(person=person).order_by("since", "id")),
        "may_move_away": door.may("move_away", person),
        "twins": twins_of(door, person, today),
        "merge": _last_merge(door, person, now),
        "may_suggest": door.may("suggest", person),
        "may_note_needs": door.may("needs", person),
        "is_ours": door.structure is not None and person.recorded_by_id == door.structure.pk,
    }
    return render(request, "referrals/persons/detail.html", context)
