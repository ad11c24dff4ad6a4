"""Six months after the exit."""

from __future__ import annotations

import datetime as dt

from referrals import deadlines
from referrals.demo.agenda import Story
from referrals.demo.case import Case
from referrals.demo.fates import Check
from referrals.demo.office_hours import later, some_time
from referrals.models import Actor, FollowUp, FollowUpState, Origin

LINK = Actor(origin=Origin.LINK)
"""The person, who has no account."""


def six_months(case: Case, followup: FollowUp, caller: Actor, check: Check | None) -> Story:
    """The worker has asked, or put the person on the call list; then they answer, or a colleague calls."""
    dice, decks = case.dice, case.world.decks
    at = some_time(dice, followup.due_on)
    yield at
    followup.refresh_from_db()
    check = check or decks.checks.draw()
    if followup.state == FollowUpState.ASKED and check in ("answered", "wants_call"):
        at += dt.timedelta(days=dice.randint(0, 6), minutes=dice.randint(5, 300))
        yield at
        wants_call = check == "wants_call" or decks.calls.draw()
        situation = decks.situations.draw()
        followup.answer(LINK, at, situation=situation, by=followup.asked_by, wants_call=wants_call)
        if wants_call and check != "wants_call":
            at = later(dice, at, dice.randint(1, 3))
            yield at
            followup.call_back(caller, at)
        return
    if followup.state == FollowUpState.ASKED and check != "open":
        # Asked again after a week, then left to a call after another one.
        at = later(dice, at, deadlines.FOLLOWUP_ASKS * deadlines.FOLLOWUP_AGAIN_DAYS + 1)
        yield at
        followup.refresh_from_db()
    if followup.state != FollowUpState.TO_CALL or check == "open":
        return
    calls = deadlines.FOLLOWUP_CALLS if check == FollowUpState.UNREACHABLE else dice.randint(0, 1)
    for seen in range(calls):
        at = later(dice, at, dice.randint(1, 3))
        yield at
        followup.note_missed_call(caller, at, seen=seen)
    at = later(dice, at, dice.randint(1, 9))
    yield at
    if check == "answered":
        followup.answer(caller, at, situation=decks.situations.draw())
    else:
        followup.close_without_answer(caller, at, state=check)
