"""Six months after the exit."""

from __future__ import annotations

import datetime as dt

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
        followup.answer(LINK, at, situation=decks.situations.draw(), wants_call=wants_call)
        if wants_call and check != "wants_call":
            at = later(dice, at, dice.randint(1, 3))
            yield at
            followup.call_back(at)
        return
    if followup.state == FollowUpState.ASKED and check != "open":
        at = later(dice, at, 10)
        yield at
        followup.put_on_call_list()
    if followup.state != FollowUpState.TO_CALL or check == "open":
        return
    at = later(dice, at, dice.randint(1, 9))
    yield at
    if check == "answered":
        followup.answer(caller, at, situation=decks.situations.draw())
    else:
        followup.close_without_answer(caller, at, refused=check == "refused")
