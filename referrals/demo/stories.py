"""A person's path: from one fiche to the next, as long as something is left to answer."""

from __future__ import annotations

import datetime as dt

from referrals.demo.agenda import Story
from referrals.demo.case import AFTERWARDS, Case
from referrals.demo.chance import dice_for
from referrals.demo.fiche import Ending, Turn, tell_fiche
from referrals.demo.kinds import Kind
from referrals.demo.office_hours import later
from referrals.demo.world import World
from referrals.models import Actor, Bilan

RETRIES = 0.68
"""How often a prescripteur tries again after a fiche that led to no entry; the need else stays without a place."""

ASIDE = 0.8
"""How often a second fiche is under way for another need."""

RECEIVER_GOES_ON = 0.6
"""How often the next fiche is sent by the structure that returned the bilan, when it prescribes."""


def new_case(world: World, kind: Kind, number: int, on: dt.date) -> Case:
    """The case of one person of that kind, first met on that day."""
    dice = dice_for(world.seed, f"{kind.key} {number}")
    return Case(
        world,
        kind,
        dice,
        world.prescriber(dice, dice.choice(kind.prescribers)),
        world.people.invent(dice, kind, on),
        dice.choice(kind.needs),
        list(dice.choice(kind.routes)),
    )


def walk(case: Case, start: dt.datetime) -> Story:
    """The whole path of a person met at `start`; beside it, often, a second one for what the first leaves aside."""
    yield start
    case.meet(start)
    at = start + dt.timedelta(minutes=case.dice.randint(12, 30))
    if len(case.kind.fiches) > 1 and case.dice.random() < ASIDE:
        case.world.agenda.add(_path(case, later(case.dice, at, case.dice.randint(4, 45))))
    yield from _path(case, at)


def _path(case: Case, at: dt.datetime) -> Story:
    """One fiche after the other, each opened by what came of the one before."""
    dice = case.dice
    fiches = dice.choices(range(1, len(case.kind.fiches) + 1), case.kind.fiches)[0]
    actor, opened_by = case.sender, None
    for _ in range(fiches):
        yield at
        needs = case.needs_to_answer() or case.read(dice.choice(AFTERWARDS), actor, at)
        chosen = case.choose(needs, actor, at)
        if chosen is None:
            return
        ending = yield from tell_fiche(case, actor, chosen, at, opened_by)
        if ending is None or ending.turn == Turn.OVER:
            return
        if ending.turn == Turn.RETRY and dice.random() > RETRIES:
            return
        at = later(dice, ending.at, dice.randint(1, 8))
        actor, opened_by = _goes_on(case, ending)


def _goes_on(case: Case, ending: Ending) -> tuple[Actor, Bilan | None]:
    """Who sends the next fiche, and the bilan that opens it."""
    bilan = ending.bilan
    if bilan is None:
        return case.sender, None
    receiver = bilan.referral.receiver
    if case.world.prescribes(receiver) and case.dice.random() < RECEIVER_GOES_ON:
        return case.world.prescriber_of(case.dice, receiver), bilan
    return case.sender, bilan
