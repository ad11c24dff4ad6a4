"""Which figures may be shown to who sees no names: small groups are masked, and what would give them away."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

SMALLEST_GROUP = 5
"""A group of one to four people is masked. Nobody at all is shown as 0: it points at no one."""


@dataclass(frozen=True)
class Figure:
    """One number as it may be shown: `n` is `None` when it is masked, and `text` then says so."""

    n: int | None
    text: str
    is_small: bool = False

    @property
    def is_masked(self) -> bool:
        """Whether the number is withheld."""
        return self.n is None


SMALL = Figure(None, "<\u00a05", is_small=True)
"""One to four."""

WITHHELD = Figure(None, "n.c.")
"""A larger number, withheld because a small one could be worked out from it, or because few people stand behind it
(« non communiqué »)."""


def shown(n: int) -> Figure:
    """A number shown as it is, with French separators."""
    return Figure(n, f"{n:,}".replace(",", "\u202f"))


class Ledger:
    """The numbers of one page, and how they add up, so that no masked one can be recomputed from the others.

    Each `total` says that some numbers add up to another. Within such a line one masked number alone would be the
    difference of the others: the next smallest is masked too, until two are and at least five people stand behind
    them; the total itself goes last. Numbers shared by several lines (a table with both totals, a partition of a
    partition) are settled together.
    """

    def __init__(self, *, masks: bool) -> None:
        self.masks = masks
        self._numbers: dict[Hashable, int] = {}
        self._people: dict[Hashable, int] = {}
        self._lines: list[tuple[Hashable, tuple[Hashable, ...]]] = []
        self._hidden: set[Hashable] | None = None

    def put(self, key: Hashable, n: int, people: int | None = None) -> None:
        """Enter a number; `people` is how many distinct persons stand behind it, `n` unless given."""
        self._numbers[key] = n
        self._people[key] = n if people is None else people
        self._hidden = None

    def total(self, key: Hashable, parts: Iterable[Hashable]) -> None:
        """Say that the numbers of `parts`, entered before or after, add up to the one of `key`."""
        self._lines.append((key, tuple(parts)))
        self._hidden = None

    def number(self, key: Hashable) -> int:
        """The number itself, for what is never shown as it is (the length of a bar, an empty page)."""
        return self._numbers[key]

    def people(self, key: Hashable) -> int:
        """How many persons stand behind a number, or surely stand behind it when they are five or more."""
        return self._people[key]

    def show(self, key: Hashable) -> Figure:
        """The number as it may be shown."""
        if key not in self._masked():
            return shown(self._numbers[key])
        return SMALL if self._numbers[key] < SMALLEST_GROUP else WITHHELD

    def share(self, part: Hashable, whole: Hashable) -> float | None:
        """A ratio from 0 to 1; `None` without a denominator, or when one of the two is masked."""
        if not self._numbers[whole] or self._masked() & {part, whole}:
            return None
        return self._numbers[part] / self._numbers[whole]

    def _is_small(self, key: Hashable) -> bool:
        return 0 < self._people[key] < SMALLEST_GROUP

    def _masked(self) -> set[Hashable]:
        if self._hidden is None:
            self._hidden = self._settle() if self.masks else set()
        return self._hidden

    def _settle(self) -> set[Hashable]:
        hidden = {key for key in self._numbers if self._is_small(key)}
        changed = True
        while changed:
            changed = False
            for total, parts in self._lines:
                one_more = self._next_to_hide(total, parts, hidden)
                if one_more is not None:
                    hidden.add(one_more)
                    changed = True
        return hidden

    def _next_to_hide(self, total: Hashable, parts: tuple[Hashable, ...], hidden: set[Hashable]) -> Hashable | None:
        """What must be masked besides in one line, or `None` when the line gives nothing away."""
        masked = [part for part in parts if part in hidden]
        if total in hidden:
            gives_away = len(masked) == 0 and any(self._numbers[part] for part in parts)
        else:
            gives_away = bool(masked) and (
                len(masked) == 1 or sum(self._people[part] for part in masked) < SMALLEST_GROUP
            )
        if not gives_away:
            return None
        left = [part for part in parts if part not in hidden and self._numbers[part]]
        if left:
            return min(left, key=lambda part: self._numbers[part])
        return None if total in hidden else total
