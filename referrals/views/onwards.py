"""What a fiche may lead to elsewhere: the other actions that answer its needs, for its receiver or its sender."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from django.utils import timezone

from referrals.matching import Match, suggest
from referrals.models import Need, Referral
from referrals.permissions import Door
from referrals.queues import BY_KEY
from referrals.states import WITHOUT_ENTRY, UnmetReason
from structures.vocabulary import NeedTheme

REDIRECTIONS = 8
"""Actions proposed at most to whom redirects a fiche."""

ELSEWHERE = 3
"""Actions proposed at most to a sender whose fiche came to nothing; the others are among the suggestions."""


def better_actions(
    referral: Referral, today: dt.date, needs: Collection[Need] | None = None, tried: Collection[int] = ()
) -> list[Match]:
    """The other actions that fit the needs of the fiche, best first, without those that were tried."""
    asked = list(referral.needs.all()) if needs is None else list(needs)
    if not asked:
        return []
    found = suggest(referral.person, asked, prescriber=referral.sender, on=today)
    left_out = {referral.action_id, *tried}
    return [match for match in found.matches if match.action.pk not in left_out][:REDIRECTIONS]


@dataclass(frozen=True)
class Onwards:
    """The same needs elsewhere; where nothing fits, the needs that count as unmet, each with why."""

    matches: list[Match]
    unmet: list[str]


def onwards_of(door: Door, referral: Referral, now: dt.datetime) -> Onwards | None:
    """What its sender can do in one click after a refusal; `None` while nothing is to be done again."""
    if not door.may("edit", referral) or not referral.is_closed_without_entry or referral.is_redirected_nowhere:
        return None
    if not Referral.objects.filter(BY_KEY["a-reorienter"].where(now), pk=referral.pk).exists():
        return None
    needs = list(referral.needs.open().with_outcome())
    tried = Referral.objects.filter(person=referral.person_id, sender=referral.sender_id, state__in=WITHOUT_ENTRY)
    actions = set(tried.order_by().values_list("action", flat=True))
    matches = better_actions(referral, timezone.localdate(now), needs, actions)[:ELSEWHERE]
    unmet = [_unmet_words(need) for need in needs if need.outcome == "unmet"]
    return Onwards(matches, [] if matches else unmet)


def _unmet_words(need: Need) -> str:
    """« Apprendre le français (plus de place) »."""
    why = UnmetReason(need.unmet_reason).label.lower() if need.unmet_reason else ""
    return f"{NeedTheme(need.theme).label} ({why})" if why else NeedTheme(need.theme).label
