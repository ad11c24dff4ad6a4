"""A territory small enough to be counted by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from referrals.models import Actor, Referral
from referrals.permissions import Door
from reporting.dashboard import Dashboard
from reporting.scope import Period, Scope, View
from structures.models import Action, Structure
from structures.vocabulary import Role, StructureKind
from tests.territory import a_door, a_person, a_sent, a_structure, an_action

NOW = dt.datetime(2026, 11, 17, 10, 0, tzinfo=dt.UTC)


def at(month: int, day: int, hour: int = 12, year: int = 2026) -> dt.datetime:
    """A moment of 2026 in UTC; noon is early afternoon in Blois, whatever the season."""
    return dt.datetime(year, month, day, hour, tzinfo=dt.UTC)


class Field:
    """Two prescribers, one receiver with an action, one coordinator; fiches are sent in one line."""

    def __init__(self) -> None:
        self.mission: Structure = a_structure("Mission locale")
        self.pimms: Structure = a_structure("PIMMS")
        self.alire: Structure = a_structure("Alire", is_prescriber=False)
        self.ville: Structure = a_structure("Ville de Blois", kind=StructureKind.COORDINATION, is_prescriber=False)
        self.action: Action = an_action(self.alire, "FLI")
        self.doors: dict[Structure, Door] = {
            self.mission: a_door(self.mission, Role.PRESCRIBER),
            self.pimms: a_door(self.pimms, Role.PRESCRIBER),
            self.alire: a_door(self.alire, Role.RECEIVER),
            self.ville: a_door(self.ville, Role.COORDINATOR),
        }

    def user(self, structure: Structure) -> User:
        """The one who stands at the structure's door."""
        user = self.doors[structure].user
        assert user is not None
        return user

    @property
    def sender(self) -> Actor:
        return self.doors[self.mission].actor

    @property
    def receiver(self) -> Actor:
        return self.doors[self.alire].actor

    def sent(
        self, on: dt.datetime, by: Structure | None = None, action: Action | None = None, **person: Any
    ) -> Referral:
        """A fiche sent at that moment, about a new person."""
        actor = self.doors[by or self.mission].actor
        return a_sent(action or self.action, actor, a_person(actor, on, **person), now=on)

    def figures(
        self,
        structure: Structure | None = None,
        view: View = View.SENT,
        period: Period | None = None,
        now: dt.datetime = NOW,
        **filters: Any,
    ) -> Dashboard:
        """The figures as a structure sees them: those of its sent fiches in 2026 unless told otherwise."""
        return Dashboard(
            Scope(
                door=self.doors[structure or self.mission],
                view=view,
                period=period or Period(dt.date(2026, 1, 1), dt.date(2026, 12, 31)),
                now=now,
                **filters,
            )
        )


@pytest.fixture
def field(db: None) -> Field:
    return Field()


@pytest.fixture
def numbers(field: Field) -> Callable[..., dict[str, int]]:
    """The indicators asked for by name, counted on the field."""

    def read(*names: str, **asked: Any) -> dict[str, int]:
        ledger = field.figures(**asked).ledger
        return {name: ledger.number(name) for name in names}

    return read
