"""Loading the demo: where it refuses, the same people for the same seed, and how time is told."""

from __future__ import annotations

import datetime as dt
import io
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from referrals.demo.agenda import Agenda
from referrals.demo.chance import Deck, dice_for
from referrals.demo.kinds import KINDS
from referrals.demo.logins import LOGINS, PASSWORD
from referrals.demo.office_hours import later, local, not_before, some_time, working_days_before
from referrals.demo.scenes import SCENES
from referrals.demo.territory import load, worker_stopped_at
from referrals.management.commands.load_demo import last_ten_o_clock
from referrals.models import (
    Event,
    Exit,
    Person,
    Referral,
    Reminder,
)
from structures.models import Structure
from tests.territory import a_structure

NOW = dt.datetime(2026, 11, 17, 9, 0, tzinfo=dt.UTC)
"""A Tuesday, ten o'clock in Blois."""


class Undo(Exception):
    """Takes a load back."""


def dump() -> dict[str, Any]:
    """What does not depend on random identifiers."""
    return {
        "persons": list(
            Person.objects.order_by("last_name", "first_name", "created_at").values_list(
                "last_name", "first_name", "birth_date", "sex", "phone", "email", "quartier", "statuses", "created_at"
            )
        ),
        "fiches": list(
            Referral.objects.order_by("created_at", "person__last_name", "action__slug").values_list(
                "person__last_name",
                "action__slug",
                "sender__name",
                "sender_member__email",
                "state",
                "reason",
                "created_at",
                "sent_at",
                "answered_at",
                "entered_on",
                "closed_at",
                "motive",
                "matched__score",
            )
        ),
        "exits": list(
            Exit.objects.order_by("created_at", "referral__person__last_name", "kind").values_list("on", "kind")
        ),
        "events": list(Event.objects.order_by("at", "kind", "person__last_name").values_list("at", "kind")),
        "reminders": list(
            Reminder.objects.order_by("due_at", "kind", "referral__person__last_name", "state", "reason").values_list(
                "due_at", "kind", "state", "reason"
            )
        ),
    }


# Where it refuses


@pytest.mark.django_db
def test_outside_a_demo_nothing_is_loaded(settings) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="RELAIS_DEMO=1"):
        call_command("load_demo")
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_database_with_other_structures_is_left_alone(settings) -> None:
    settings.DEMO = True
    a_structure("Vraie association")
    with pytest.raises(CommandError, match="contient déjà d’autres données"):
        call_command("load_demo")
    assert Structure.objects.count() == 1


@pytest.mark.django_db
def test_no_login_is_printed_where_the_demo_was_not_loaded() -> None:
    out = io.StringIO()
    call_command("load_demo", "--logins", stdout=out)
    assert out.getvalue() == ""


def test_a_moment_that_is_none_is_refused() -> None:
    with pytest.raises(CommandError, match="n’est pas un moment"):
        call_command("load_demo", "--now", "hier")


@pytest.mark.parametrize(
    ("moment", "day"), [("2026-11-17T09:59", 16), ("2026-11-17T10:00", 17), ("2026-11-17T23:30", 17)]
)
def test_the_demo_stops_at_the_last_ten_o_clock_so_that_nothing_lies_ahead(moment, day) -> None:
    found = last_ten_o_clock(timezone.make_aware(dt.datetime.fromisoformat(moment)))
    assert timezone.localtime(found).replace(tzinfo=None) == dt.datetime(2026, 11, day, 10, 0)


# The same seed, the same people


@pytest.mark.django_db
def test_two_loads_with_the_same_seed_and_moment_tell_the_same_and_another_seed_does_not() -> None:
    told = []
    for seed in (5, 5, 6):
        with pytest.raises(Undo), transaction.atomic():
            load(NOW, seed, kinds=[replace(kind, count=1) for kind in KINDS], scenes=SCENES[:3])
            told.append(dump())
            raise Undo
    for what, rows in told[0].items():
        assert rows == told[1][what], what
    assert told[0] != told[2]


@pytest.mark.django_db
@pytest.mark.parametrize("day", [dt.date(2026, 1, 4), dt.date(2027, 5, 17), dt.date(2028, 9, 5)])
def test_today_s_situations_can_be_told_on_a_sunday_on_a_holiday_and_when_all_sessions_are_over(day) -> None:
    now = local(day, dt.time(10))
    load(now, kinds=(), scenes=SCENES)
    assert Referral.objects.count() == len(SCENES)
    assert not Reminder.objects.due(now - dt.timedelta(days=2)).exists()
    assert Reminder.objects.due(now).exists()
    assert not Event.objects.filter(at__gt=now).exists()


@pytest.mark.parametrize("day", [dt.date(2026, 11, 17) + dt.timedelta(days=n) for n in range(0, 60, 1)])
def test_the_worker_stopped_less_than_two_days_ago_whatever_the_day(day) -> None:
    now = local(day, dt.time(10))
    assert now - dt.timedelta(days=2) < worker_stopped_at(now) < now


# The logins


def test_the_password_passes_the_validators_of_every_login() -> None:
    assert len(PASSWORD) >= 15
    for login in LOGINS:
        validate_password(PASSWORD, User(email=login.email, first_name=login.first_name, last_name=login.last_name))


# How time is told


def test_a_story_that_goes_back_in_time_is_refused() -> None:
    def story():
        yield NOW - dt.timedelta(days=1)
        yield NOW - dt.timedelta(days=2)

    agenda = Agenda(NOW, NOW)
    agenda.add(story())
    agenda._begin_day = lambda at: None  # type: ignore[method-assign] # no database here
    with pytest.raises(ValueError, match="goes back"):
        agenda.run()


def test_what_lies_after_now_does_not_happen() -> None:
    steps: list[str] = []

    def story(name: str, *moments: dt.datetime):
        for moment in moments:
            yield moment
            steps.append(f"{name} {moment:%d}")

    agenda = Agenda(NOW, NOW)
    agenda._begin_day = agenda.post_letters = lambda at: None  # type: ignore[method-assign] # no database here
    day = dt.timedelta(days=1)
    agenda.add(story("a", NOW - 3 * day, NOW - day, NOW + day))
    agenda.add(story("b", NOW - 2 * day, NOW))
    agenda.run()
    assert steps == ["a 14", "b 15", "a 16", "b 17"]


def test_a_deck_shows_its_first_cards_early_and_keeps_its_shares() -> None:
    deck = Deck(dice_for(1, "deck"), {"often": 3, "rare": 1}, first=("rare",))
    drawn = [deck.draw() for _ in range(9)]
    assert drawn[0] == "rare"
    assert Counter(drawn[1:]) == {"often": 6, "rare": 2}


def test_working_moments_skip_week_ends_holidays_and_nights() -> None:
    dice = dice_for(1, "hours")
    friday_evening = local(dt.date(2026, 11, 13), dt.time(17, 29))
    for _ in range(50):
        monday = timezone.localtime(later(dice, friday_evening, 0))
        assert monday.date() == dt.date(2026, 11, 16)
        assert dt.time(9) <= monday.time() <= dt.time(17, 30)
        assert some_time(dice, dt.date(2026, 11, 11)).date() == dt.date(2026, 11, 12)
        assert not_before(dice, friday_evening, dt.date(2026, 11, 2)) > friday_evening
    assert working_days_before(dt.date(2026, 11, 16), 3) == dt.date(2026, 11, 10)
