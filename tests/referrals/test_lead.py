"""The page of a fiche has one primary action at most, whatever its state and whoever reads it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from referrals.models import BilanKind, ClarificationKind, Positioning
from referrals.states import AppointmentState, Reason
from structures.vocabulary import ActionShape, NeedTheme
from tests.referrals.stage import Stage

DAY = dt.timedelta(days=1)


def met(stage: Stage, days: int) -> None:
    stage.referral.accept(stage.receives, stage.now, appointment_at=stage.now + days * DAY)


def came_to_nothing(stage: Stage, outcome: str) -> None:
    met(stage, -1)
    stage.referral.appointments.planned().get().close(outcome, stage.receives, stage.now)


def to_tell(stage: Stage) -> None:
    met(stage, 2)
    type(stage.person).objects.update(contact_channel="call")
    stage.referral.appointments.planned().get().ask_to_tell()


def positioned(stage: Stage) -> None:
    met(stage, -1)
    Positioning.objects.record(stage.referral, stage.receives, stage.now, on=stage.today, levels={"oral": 2})


def ends_with_its_bilan(stage: Stage) -> Stage:
    stage.enter()
    stage.bilan()
    return stage


def nothing_came_of_it(outcome: str) -> Callable[[Stage], None]:
    return lambda stage: came_to_nothing(stage, outcome)


CASES: dict[str, tuple[ActionShape, Callable[[Stage], Any], str, str]] = {
    "sent": (ActionShape.COURSE, lambda stage: None, "", "Accepter la fiche"),
    "asked": (
        ActionShape.COURSE,
        lambda stage: stage.referral.ask(
            stage.receives, stage.now, question="A-t-elle le permis ?", kind=ClarificationKind.QUESTION
        ),
        "Répondre à Alire",
        "Accepter la fiche",
    ),
    "waitlisted": (
        ActionShape.COURSE,
        lambda stage: stage.referral.waitlist(stage.receives, stage.now),
        "",
        "Accepter la fiche",
    ),
    "declined": (
        ActionShape.COURSE,
        lambda stage: stage.referral.decline(stage.receives, stage.now, reason=Reason.NO_PLACE),
        "",
        "",
    ),
    "advised": (
        ActionShape.COURSE,
        lambda stage: stage.referral.advise(stage.receives, stage.now, themes=[NeedTheme.DIGITAL]),
        "Voir les suggestions pour ces besoins",
        "",
    ),
    "without a date": (
        ActionShape.COURSE,
        lambda stage: stage.referral.accept(stage.receives, stage.now),
        "",
        "La personne entre dans l’action",
    ),
    "planned": (ActionShape.COURSE, lambda stage: met(stage, 2), "", "La personne entre dans l’action"),
    "to tell": (ActionShape.COURSE, to_tell, "", "La personne est prévenue"),
    "over": (ActionShape.COURSE, lambda stage: met(stage, -1), "", "Venue"),
    **{
        outcome.value: (
            ActionShape.COURSE,
            nothing_came_of_it(outcome),
            "",
            "Fixer le rendez-vous",
        )
        for outcome in (AppointmentState.EXCUSED, AppointmentState.ABSENT, AppointmentState.CANCELLED)
    },
    "came": (
        ActionShape.COURSE,
        lambda stage: came_to_nothing(stage, AppointmentState.CAME),
        "",
        "La personne entre dans l’action",
    ),
    "to position": (ActionShape.POSITIONING, lambda stage: met(stage, -1), "", "Noter le positionnement"),
    "to position, absent": (
        ActionShape.POSITIONING,
        lambda stage: came_to_nothing(stage, AppointmentState.ABSENT),
        "",
        "Fixer le rendez-vous",
    ),
    "positioned": (ActionShape.POSITIONING, positioned, "Ouvrir la suite", "Ouvrir la suite"),
    "entered": (ActionShape.COURSE, lambda stage: stage.enter(), "", "Bilan final"),
    "with a bilan half-way": (
        ActionShape.COURSE,
        lambda stage: (stage.enter(), stage.bilan(BilanKind.INTERMEDIATE)),
        "",
        "Bilan final",
    ),
    "with its bilan": (ActionShape.COURSE, ends_with_its_bilan, "Ouvrir la suite", "Ouvrir la suite"),
    "at an event": (ActionShape.EVENT, lambda stage: stage.enter(), "", "Noter la fin de l’action"),
    "left": (
        ActionShape.COURSE,
        lambda stage: ends_with_its_bilan(stage).leave(),
        "Ouvrir la suite",
        "Ouvrir la suite",
    ),
}


def primaries(html: str) -> list[str]:
    """The words of the buttons that are neither quiet nor dangerous, in the main part of a page."""
    main = html[html.index("<main") : html.index("</main>")]
    found = re.findall(
        r'<(?:a|button)\b[^>]*class="button(?: button-small)?"[^>]*>(.*?)</(?:a|button)>', main, re.DOTALL
    )
    return [re.sub(r"<[^>]+>", "", words).strip() for words in found]


@pytest.mark.parametrize("name", CASES)
def test_one_action_stands_out(db: None, name: str) -> None:
    shape, act, sender, receiver = CASES[name]
    stage = Stage(shape)
    act(stage)
    page = reverse("referrals:referral_detail", args=[stage.referral.reference])
    for client, expected in ((stage.at_sender, sender), (stage.at_receiver, receiver)):
        assert primaries(client.get(page).content.decode()) == ([expected] if expected else [])
    assert len(primaries(stage.manager.get(page).content.decode())) <= 1
