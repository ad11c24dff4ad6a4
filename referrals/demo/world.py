"""What every story shares: the structures, who works there, the actions, the decks, and the agenda."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from accounts.models import User
from referrals.demo.agenda import Agenda
from referrals.demo.fates import Decks
from referrals.demo.people import People
from referrals.models import Actor
from structures.models import Action, Structure
from structures.vocabulary import Role


@dataclass
class World:
    """The territory while it is being told. Structures go by the end of their identifier, actions by their slug."""

    seed: int
    agenda: Agenda
    structures: Mapping[str, Structure]
    members: Mapping[str, list[tuple[User, tuple[Role, ...]]]]
    actions: Mapping[str, Action]
    decks: Decks
    told: Callable[[], None]
    people: People = field(default_factory=People)

    def __post_init__(self) -> None:
        self._keys = {structure.pk: key for key, structure in self.structures.items()}

    def prescriber(self, dice: random.Random, key: str) -> Actor:
        """A member of the structure who prescribes. Raises `LookupError` when nobody there does."""
        return self._member(dice, key, Role.PRESCRIBER)

    def receiver(self, dice: random.Random, structure: Structure) -> Actor:
        """A member of the structure who answers fiches. Raises `LookupError` when nobody there does."""
        return self._member(dice, self._keys[structure.pk], Role.RECEIVER)

    def prescribes(self, structure: Structure) -> bool:
        """Whether somebody in the structure sends fiches."""
        return any(Role.PRESCRIBER in roles for _, roles in self.members[self._keys[structure.pk]])

    def prescriber_of(self, dice: random.Random, structure: Structure) -> Actor:
        """A member of that structure who prescribes."""
        return self.prescriber(dice, self._keys[structure.pk])

    def colleague(self, receiver: Actor) -> User | None:
        """Another member of the structure who answers fiches; oneself, where one is alone."""
        assert receiver.structure is not None
        users = [user for user, roles in self.members[self._keys[receiver.structure.pk]] if Role.RECEIVER in roles]
        return next((user for user in users if user != receiver.user), receiver.user)

    def _member(self, dice: random.Random, key: str, role: Role) -> Actor:
        users = [user for user, roles in self.members[key] if role in roles]
        if not users:
            raise LookupError(f"nobody is a {role} in {key}")
        return Actor(user=dice.choice(users), structure=self.structures[key])
