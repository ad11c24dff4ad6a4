"""Chance that can be repeated: the same seed tells the same stories."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


def dice_for(seed: int, key: str) -> random.Random:
    """The dice of one person or one deck: nobody's throws change anybody else's."""
    # Invents people, protects nothing.
    return random.Random(f"{seed}/{key}")  # noqa: S311  # nosec B311


def weighted(dice: random.Random, weights: Mapping[T, float]) -> T:
    """One of the keys, as often as its weight says."""
    return dice.choices(list(weights), list(weights.values()))[0]


class Deck(Generic[T]):
    """Cards drawn one by one and shuffled again when none is left: shares that hold even for few draws.

    `first` is drawn before the rest, in its own shuffled order: what must be seen at least once comes early.
    """

    def __init__(self, dice: random.Random, cards: Mapping[T, int], *, first: Sequence[T] = ()) -> None:
        self._dice = dice
        self._cards = [card for card, number in cards.items() for _ in range(number)]
        self._left = list(first)
        self._dice.shuffle(self._left)

    def draw(self) -> T:
        """The next card."""
        if not self._left:
            self._left = list(self._cards)
            self._dice.shuffle(self._left)
        return self._left.pop()
