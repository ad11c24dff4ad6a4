"""What becomes of one fiche, decided when it is prepared."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from referrals.demo.chance import Deck, dice_for, weighted
from referrals.models import ExitKind, FollowUpSituation
from referrals.states import AppointmentState, Reason, Verb
from structures.vocabulary import ActionShape, NeedTheme

Check = Literal["answered", "wants_call", "unreachable", "refused", "moved", "open"]
"""How a six-month check ends; *wants_call*: answered, and not called back yet; *open*: nobody has got round to it."""

E = ExitKind


@dataclass(frozen=True)
class Fate:
    """What happens to one fiche. Days are working days; `None` is what has not been done by anybody, and may stay so.

    `answer` is the receiver's verb, or *cancel* for the sender's before any answer. `after_wait` may be *offer* (a
    place is offered, and not answered yet), *confirm* or *lapse*. `reason` is drawn from the decks when left out.
    `advised` are the needs that a redirection names instead of an action. `afterwards`: the fiche is opened again once
    declined, the person comes back after their exit, or leaves the territory before any answer
    (and is back the day after).
    `asks`: the receiver asks something the day after, which the sender has not answered yet (it does not go with an
    answer), or answers on the next day. `asks_link`: it asks for a new link some days after the letter.
    `entrusted`: a colleague of who accepts follows the fiche.
    `first_meeting`: what becomes of the first rendez-vous; another date follows where it came to nothing, unless the
    story stands still there.
    """

    sent: bool = True
    recalled: bool = False
    asks: Literal["open", "answered"] | None = None
    asks_link: bool = False
    answer: Verb | None = Verb.ACCEPT
    answer_days: int = 3
    reason: Reason | None = None
    advised: tuple[NeedTheme, ...] = ()
    after_wait: Verb | None = Verb.ACCEPT
    wait_days: int = 25
    meeting_days: int = 6
    joins_session: bool = True
    entrusted: bool = False
    withdrawn: bool = False
    first_meeting: AppointmentState = AppointmentState.PLANNED
    came: bool | None = True
    confirm_days: int = 1
    lasts_days: int | None = None
    ends_early: ExitKind | None = None
    midway: bool = False
    bilan: Literal["returned", "otherwise", "draft"] | None = "returned"
    bilan_days: int = 2
    closed_days: int | None = 2
    exit_kind: ExitKind | None = None
    check: Check | None = None
    afterwards: Literal["reopened", "resumed", "moved_away", "came_back"] | None = None


def answer_delay(dice: random.Random) -> int:
    """Working days to the first answer: half of them within four, and a long tail that runs into the expiry."""
    return min(round(dice.lognormvariate(1.38, 0.9)), 60)


def roll(dice: random.Random, shape: ActionShape, *, full: bool) -> Fate:
    """The fate of one fiche to an action of that shape, which fits the person. `full`: no place was left."""
    if full:
        answer = weighted(dice, {Verb.WAITLIST: 70.0, Verb.DECLINE: 15.0, Verb.ACCEPT: 15.0})
    else:
        answer = weighted(
            dice,
            {Verb.ACCEPT: 75.0, Verb.DECLINE: 10.0, Verb.WAITLIST: 7.0, Verb.REDIRECT: 4.0, Verb.CANCEL: 4.0},
        )
    early = weighted(dice, {None: 88.0, ExitKind.ABANDONED: 7.0, ExitKind.MOVED: 3.0, ExitKind.PREVENTED: 2.0})
    return Fate(
        recalled=dice.random() < 0.02,
        answer=answer,
        answer_days=answer_delay(dice),
        after_wait=weighted(dice, {Verb.ACCEPT: 50.0, Verb.DECLINE: 30.0, Verb.CANCEL: 20.0}),
        wait_days=dice.randint(10, 55),
        meeting_days=dice.randint(2, 12),
        withdrawn=dice.random() < 0.03,
        first_meeting=weighted(dice, FIRST_MEETINGS),
        came=dice.random() > 0.09,
        confirm_days=dice.choice((0, 0, 1, 1, 2, 4)),
        lasts_days=dice.randint(95, 210) if shape == ActionShape.WORKSITE else None,
        ends_early=early if shape.expects_exit else None,
        midway=dice.random() < 0.4,
        bilan=weighted(dice, {"returned": 91.0, "otherwise": 6.0, None: 3.0}),
        bilan_days=dice.choice((-6, -3, -1, 0, 1, 2, 4, 7, 12)),
        closed_days=dice.choice((0, 0, 1, 2, 3, 5)),
    )


FIRST_MEETINGS: dict[AppointmentState, float] = {
    AppointmentState.PLANNED: 62.0,
    AppointmentState.CAME: 20.0,
    AppointmentState.MOVED: 7.0,
    AppointmentState.EXCUSED: 5.0,
    AppointmentState.ABSENT: 4.0,
    AppointmentState.CANCELLED: 2.0,
}
"""What becomes of a first rendez-vous: *planned*, the entry says that the person came; *came*, it was noted before."""


def unfit(dice: random.Random, fate: Fate, reason: Reason) -> Fate:
    """The fate of a fiche to an action whose conditions the person does not meet."""
    return Fate(answer=Verb.DECLINE, answer_days=min(fate.answer_days, 9), reason=reason)


DECLINES: dict[Reason, int] = {
    Reason.NO_PLACE: 7,
    Reason.TIMETABLE: 4,
    Reason.UNREACHABLE: 3,
    Reason.NOT_INTERESTED: 2,
    Reason.COST: 1,
    Reason.FOUND_JOB: 1,
    Reason.OTHER: 1,
}
"""Fiches that fit on paper; the two reasons of those that do not are given by `stories`."""

CANCELS: dict[Reason, int] = {
    Reason.NOT_INTERESTED: 4,
    Reason.FOUND_JOB: 4,
    Reason.UNREACHABLE: 2,
    Reason.OTHER_OFFER: 2,
    Reason.MOVED: 1,
    Reason.MISTAKE: 1,
    Reason.OTHER: 1,
}

MISSES: dict[Reason, int] = {
    Reason.NO_SHOW: 8,
    Reason.UNREACHABLE: 3,
    Reason.FOUND_JOB: 2,
    Reason.NOT_INTERESTED: 2,
    Reason.OTHER: 1,
}

WORKSITE_EXITS: dict[ExitKind, int] = {
    E.CDI: 2,
    E.CDD_LONG: 3,
    E.TRAINING: 5,
    E.APPRENTICESHIP: 1,
    E.CDD_SHORT: 1,
    E.CDDI: 1,
    E.OTHER_TRAINING: 1,
    E.SEARCHING: 2,
}
"""Eleven dynamic exits of sixteen: with those who leave early, a little below the State's two thirds."""

EXITS: dict[ActionShape, dict[ExitKind, int]] = {
    ActionShape.COURSE: {
        E.OTHER_TRAINING: 6,
        E.CERTIFICATE: 4,
        E.SEARCHING: 4,
        E.TRAINING: 3,
        E.CDD_SHORT: 2,
        E.CDD_LONG: 1,
        E.CDI: 1,
        E.VOLUNTEERING: 1,
        E.INACTIVE: 1,
    },
    ActionShape.SUPPORT: {
        E.CDI: 2,
        E.CDD_LONG: 3,
        E.CDD_SHORT: 3,
        E.TRAINING: 3,
        E.APPRENTICESHIP: 1,
        E.SEARCHING: 4,
        E.OTHER_TRAINING: 2,
        E.CIVIC_SERVICE: 1,
        E.BUSINESS: 1,
    },
    ActionShape.WORKSITE: WORKSITE_EXITS,
}

CHECKS: dict[Check, int] = {"answered": 7, "unreachable": 2, "refused": 1, "moved": 1}
CALLS: dict[bool, int] = {True: 1, False: 3}
"""Whether who answers by the link asks to be called."""

SITUATIONS: dict[FollowUpSituation, int] = {
    FollowUpSituation.JOB: 6,
    FollowUpSituation.TRAINING: 4,
    FollowUpSituation.SEARCHING: 4,
    FollowUpSituation.HELP: 2,
}


class Decks:
    """The decks that all stories draw from, so that rare outcomes are seen and shares hold in four hundred fiches."""

    def __init__(self, seed: int) -> None:
        self.declines = Deck(dice_for(seed, "declines"), DECLINES, first=tuple(DECLINES))
        self.cancels = Deck(dice_for(seed, "cancels"), CANCELS, first=tuple(CANCELS))
        self.misses = Deck(dice_for(seed, "misses"), MISSES, first=tuple(MISSES))
        self.exits = {shape: Deck(dice_for(seed, f"exits {shape}"), cards) for shape, cards in EXITS.items()}
        self.checks = Deck(dice_for(seed, "checks"), CHECKS, first=tuple(CHECKS))
        self.calls = Deck(dice_for(seed, "calls"), CALLS)
        self.situations = Deck(dice_for(seed, "situations"), SITUATIONS, first=tuple(SITUATIONS))
