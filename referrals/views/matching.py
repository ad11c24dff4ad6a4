"""The suggestions: which actions fit a person, best first, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone

from referrals.matching import Match, Suggestions, suggest
from referrals.middleware import CaseRequest
from referrals.models import Bilan, Need, Person, Referral
from referrals.permissions import Door
from referrals.states import OPEN, State, UnmetReason
from referrals.views.mobility import is_to_be_read
from referrals.views.shown import identity_of
from structures.vocabulary import NeedTheme

FIRST_MATCHES, FIRST_NEAR = 8, 4
"""Cards shown before one asks for all of them: a page to read, not a catalogue."""

ORDER = {"unmet": 0, "unknown": 1, "met": 2}
"""What stands in the way is read first."""

WHAT_TO_DO: dict[str, str] = {
    UnmetReason.NO_OFFER: "Aucune action du catalogue ne répond à ce besoin.",
    UnmetReason.NO_PLACE: "Des actions conviennent, mais aucune n’a de place : une fiche irait en liste d’attente.",
    UnmetReason.ZONE: "Les actions existent, mais pas pour sa commune.",
    UnmetReason.NOT_ELIGIBLE: "Les actions existent, mais une condition au moins n’est pas remplie.",
    UnmetReason.TIMETABLE: "Les actions existent, mais pas à ses disponibilités.",
    UnmetReason.COST: "Les actions qui conviennent sont payantes : cherchez une aide au financement.",
}
"""What an unmet reason means for the one who reads it."""


@dataclass
class Wanted:
    """A need that a bilan recommends and that nobody has noted yet."""

    theme: str
    priority: int = 1


def bilan_of(door: Door, person: Person, value: str) -> Bilan | None:
    """The bilan from which the next fiche is opened. Raises `Http404` for a stranger's, or another person's."""
    if not value:
        return None
    try:
        bilan = door.bilan(UUID(value))
    except ValueError as error:
        raise Http404 from error
    if bilan.referral.person_id != person.pk:
        raise Http404
    door.require("next", bilan)
    return bilan


def wanted_needs(needs: list[Need], bilan: Bilan | None) -> list[Need | Wanted]:
    """The needs that stand open, with those that the bilan recommends on top."""
    held = {need.theme for need in needs}
    recommended = [theme for theme in bilan.recommended if theme not in held] if bilan else []
    return [*needs, *(Wanted(theme) for theme in recommended)]


def _card(match: Match, fiches: dict[int, Referral]) -> dict[str, Any]:
    fiche = fiches.get(match.action.pk)
    return {
        "match": match,
        "action": match.action,
        "answers": sorted(match.answers, key=lambda answer: ORDER[answer.state]),
        "fiche": fiche,
        "fiche_is_draft": fiche is not None and fiche.state == State.DRAFT,
    }


def _unmet(found: Suggestions, needs: list[Need | Wanted]) -> list[dict[str, str]]:
    reasons = {need.theme: found.why_unmatched(need.theme) for need in needs}
    return [
        {"need": NeedTheme(theme).label, "reason": UnmetReason(reason).label, "text": WHAT_TO_DO[reason]}
        for theme, reason in reasons.items()
        if reason
    ]


def _hidden(found: Suggestions) -> int:
    return max(len(found.matches) - FIRST_MATCHES, 0) + max(len(found.near_misses) - FIRST_NEAR, 0)


def _everything(asked: QueryDict) -> str:
    """The same page with all its cards."""
    query = asked.copy()
    query["toutes"] = "1"
    return query.urlencode()


def suggestions(request: CaseRequest, pk: UUID) -> HttpResponse:
    """The actions that fit, best first, each with its criteria; then those that nearly fit, and what is in the way."""
    door = request.door
    person = door.person(pk)
    door.require("suggest", person)
    today = timezone.localdate()
    bilan = bilan_of(door, person, request.GET.get("bilan", ""))
    needs = list(door.needs().open().filter(person=person).order_by("priority", "theme", "id"))
    wanted = wanted_needs(needs, bilan)
    theme = request.GET.get("besoin", "")
    everything = request.GET.get("toutes") == "1"
    chosen = [need for need in wanted if need.theme == theme] or wanted
    found = suggest(person, chosen, prescriber=door.structure, on=today)
    running = door.referrals().filter(person=person, sender=door.structure, state__in=[State.DRAFT, *OPEN])
    fiches = {fiche.action_id: fiche for fiche in running.order_by("created_at", "id")}
    return render(
        request,
        "referrals/matching/suggestions.html",
        {
            "person": person,
            "identity": identity_of(person, door.scopes(person), today),
            "bilan": bilan,
            "recommended": [NeedTheme(value).label for value in bilan.recommended] if bilan else [],
            "needs": [
                {"theme": need.theme, "label": NeedTheme(need.theme).label, "current": [need] == chosen}
                for need in wanted
            ],
            "all_needs": len(chosen) == len(wanted),
            "cards": [_card(match, fiches) for match in found.matches[: None if everything else FIRST_MATCHES]],
            "near": [_card(match, fiches) for match in found.near_misses[: None if everything else FIRST_NEAR]],
            "match_count": len(found.matches),
            "hidden": 0 if everything else _hidden(found),
            "all_url": f"?{_everything(request.GET)}",
            "unmet": _unmet(found, chosen),
            "may_edit": door.may("edit", person),
            "mobility_to_read": is_to_be_read(door, person, [need.theme for need in wanted], today),
        },
    )
