"""The suggestions: which actions fit a person, best first, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Subquery
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from referrals.forms.questions import QuestionForm
from referrals.matching import Match, Suggestions, suggest
from referrals.middleware import CaseRequest
from referrals.models import Bilan, FollowUp, Need, Person, Referral
from referrals.permissions import Door
from referrals.plan import propose
from referrals.questions import BY_NAME, next_question
from referrals.states import OPEN, State, UnmetReason
from referrals.views.mobility import is_to_be_read
from referrals.views.shown import identity_of
from structures.territory import TOWNS
from structures.vocabulary import NeedTheme

FIRST_MATCHES, FIRST_NEAR = 8, 4
"""Cards shown before one asks for all of them: a page to read, not a catalogue."""

ALL_NEEDS = "tous"
"""What the address says to widen to all the needs the suggestions that an advice narrows."""

SKIPPED = "passer"
"""The part of the address that names the questions to leave out."""

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


def advice_of(door: Door, person: Person, value: str) -> Referral | None:
    """The fiche whose receiver said which needs to answer elsewhere. Raises `Http404` for a stranger's."""
    if not value:
        return None
    fiche = door.referral(value)
    if fiche.person_id != person.pk or not fiche.is_redirected_nowhere:
        raise Http404
    door.require("edit", fiche)
    return fiche


def followup_of(door: Door, person: Person, value: str) -> FollowUp | None:
    """The news of the person from which the next fiche is opened. Raises `Http404` for a stranger's."""
    if not value:
        return None
    try:
        followup = door.followup(UUID(value))
    except ValueError as error:
        raise Http404 from error
    if followup.referral.person_id != person.pk:
        raise Http404
    return followup


def recommended_by(bilan: Bilan | None, advice: Referral | None) -> list[str]:
    """The needs that a bilan, or a redirection without an action, recommends to answer."""
    return (bilan.recommended if bilan else []) + (advice.advised if advice else [])


def wanted_needs(needs: Sequence[Need], recommended: Sequence[str]) -> list[Need | Wanted]:
    """The needs that stand open, with those that are recommended on top."""
    held = {need.theme for need in needs}
    return [*needs, *(Wanted(theme) for theme in recommended if theme not in held)]


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


def address_of(asked: QueryDict, **changes: str) -> str:
    """The query string of the same page with some of it changed; an empty value leaves its name out."""
    query = asked.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value:
            query[name] = value
    return f"?{query.urlencode(safe=',')}"


def skipped_in(asked: QueryDict) -> list[str]:
    """The questions that are not to be put again during this visit: names of facts, nothing of the person."""
    return [name for name in asked.get(SKIPPED, "").split(",") if name in BY_NAME]


def fiches_of(door: Door, person: Person) -> list[Referral]:
    """The fiches of one's structure for a person, in preparation, under way or ended, as a plan reads them."""
    mine = door.referrals().filter(person=person, sender=door.structure, state__in=[State.DRAFT, *OPEN, State.ENDED])
    return list(mine.select_related("action").with_themes().with_plan().order_by("created_at", "id"))


def _question(
    door: Door, person: Person, found: Suggestions, asked: QueryDict, form: QuestionForm | None
) -> dict[str, Any] | None:
    """The one question, for those who may write its answer; the one that was answered wrongly comes back as it was."""
    if not door.may("edit", person):
        return None
    skipped = skipped_in(asked)
    question = next_question(person, found, skipped)
    if form is None and question is None:
        return None
    if form is None and question is not None:
        form = QuestionForm(fact=question.fact, person=person, today=found.on)
    assert form is not None
    fact = form.fact
    return {
        "fact": fact,
        "text": fact.said_of(person),
        "concerns": question.concerns if question is not None and question.fact == fact else 0,
        "form": form,
        "communes": TOWNS if fact.shape == "commune" else [],
        "url": reverse("referrals:question_answer", args=[person.pk]) + address_of(asked),
        "skip_url": address_of(asked, **{SKIPPED: ",".join([*skipped, fact.name])}),
    }


def suggestions_context(
    door: Door, person: Person, asked: QueryDict, today: dt.date, form: QuestionForm | None = None
) -> dict[str, Any]:
    """What the page shows, and the part of it that is swapped when a question is answered.

    `form` is an answer that could not be read. Raises `Http404` for a bilan that is not the person's.
    """
    bilan = bilan_of(door, person, asked.get("bilan", ""))
    advice = advice_of(door, person, asked.get("conseil", ""))
    followup = followup_of(door, person, asked.get("suivi", ""))
    recommended = recommended_by(bilan, advice)
    # The last mobility reading comes along with the needs: the page answers in twelve queries.
    readings = door.mobility_readings().filter(person=person).order_by("-recorded_at").values("recorded_at")
    open_needs = door.needs().open().filter(person=person).annotate(mobility_read_at=Subquery(readings[:1]))
    needs = list(open_needs.order_by("priority", "theme", "id"))
    last_read = next((need.mobility_read_at for need in needs), None)
    wanted = wanted_needs(needs, recommended)
    theme = asked.get("besoin", "")
    everything = asked.get("toutes") == "1"
    first = [theme] if theme else advice.advised if advice else []
    chosen = [need for need in wanted if need.theme in first] or wanted
    found = suggest(person, chosen, prescriber=door.structure, on=today)
    past = fiches_of(door, person)
    running = [fiche for fiche in past if fiche.state != State.ENDED]
    fiches = {fiche.action_id: fiche for fiche in running}
    may_plan = len(chosen) == len(wanted) and advice is None and door.may("refer", person)
    return {
        "person": person,
        "identity": identity_of(person, door.scopes(person), today),
        "may_edit": door.may("edit", person),
        "bilan": bilan,
        "advice": advice,
        "followup": followup,
        "recommended": [NeedTheme(value).label for value in recommended],
        "needs": [
            {
                "url": address_of(asked, besoin=need.theme, toutes=""),
                "label": NeedTheme(need.theme).label,
                "current": [need] == chosen,
            }
            for need in wanted
        ],
        "all_needs": len(chosen) == len(wanted),
        "all_needs_url": address_of(asked, besoin=ALL_NEEDS if advice else "", toutes=""),
        "question": _question(door, person, found, asked, form) if wanted else None,
        "plan": propose(found, needs, past) if may_plan else (),
        "plan_drafts": sum(bool(fiche.plan) and fiche.state == State.DRAFT for fiche in running),
        "cards": [_card(match, fiches) for match in found.matches[: None if everything else FIRST_MATCHES]],
        "near": [_card(match, fiches) for match in found.near_misses[: None if everything else FIRST_NEAR]],
        "match_count": len(found.matches),
        "hidden": 0 if everything else _hidden(found),
        "all_url": address_of(asked, toutes="1"),
        "unmet": _unmet(found, chosen),
        "mobility_to_read": is_to_be_read([need.theme for need in needs], last_read, today),
    }


def suggestions(request: CaseRequest, pk: UUID) -> HttpResponse:
    """The actions that fit, best first, each with its criteria; then those that nearly fit, and what is in the way."""
    door = request.door
    person = door.person(pk)
    door.require("suggest", person)
    today = timezone.localdate()
    context = suggestions_context(door, person, request.GET, today)
    return render(request, "referrals/matching/suggestions.html", context)
