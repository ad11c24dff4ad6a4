"""Who sends to whom and what becomes of it, as flows that may be shown: small ones are gathered, or withheld.

Two tables share the receiving structures: prescriber by structure, and structure by outcome. Both stand in one ledger
with all their totals. A structure or an outcome whose own number may not be shown is added to the others of its side,
until every number that a node shows may be; a flow that may not be shown is gathered with those that leave the same
node, of which the sum is no news: it is what the node holds, less what is shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from referrals.models.exit import CLASS_OF, ExitClass
from referrals.states import Reason
from reporting import indicators as what
from reporting.boxes import BOXES_OF, EXIT_BOXES, FICHE_BOXES
from reporting.funnel import ACCEPTED, ANSWERED, ENTERED, SENT, Funnel
from reporting.indicators import Indicator
from reporting.models import Subject
from reporting.reading import OTHERS, TOGETHER
from reporting.secrecy import SMALLEST_GROUP, Ledger
from reporting.tables import Crossing
from reporting.tracing import Strand, Tracing

WHOLE = "flows"
SENDER, RECEIVER, OUTCOME = range(3)
"""The three columns of nodes."""

Triple = tuple[Hashable, Hashable, Hashable]
"""A sender, a receiver and an outcome."""


@dataclass(frozen=True)
class Outcome:
    """What became of fiches: the indicators that it adds up, or the class of the exits that follow an entry."""

    name: str
    label: str
    tone: str
    parts: tuple[Indicator, ...] = ()
    exit_class: ExitClass | None = None

    @property
    def alone(self) -> Indicator | None:
        """The indicator that it is, where it adds up no other."""
        return self.parts[0] if len(self.parts) == 1 and self.exit_class is None and self.name != STILL_IN else None


STILL_IN = "still_in"
_DECLINED = what.DECLINED_FOR
OUTCOMES: dict[str, Outcome] = {
    one.name: one
    for one in (
        *(
            Outcome(f"left_{exit_class}", f"Sortie\u00a0: {exit_class.label.lower()}", "left", (), exit_class)
            for exit_class in ExitClass
        ),
        Outcome(STILL_IN, "Entrées, sans sortie notée", "in", (what.ENTERED,)),
        Outcome("not_entered", "Acceptées, sans entrée", "waits", (what.EXPECTED, what.MISSED, what.CANCELLED_LATE)),
        Outcome("waitlisted", "En liste d’attente", "waits", (what.WAITLISTED, what.OFFERED)),
        Outcome("waiting", "En attente d’une réponse", "waits", (what.WAITING,)),
        Outcome("redirected", "Réorientées", "waits", (what.REDIRECTED,)),
        Outcome(
            "declined_offer",
            "Déclinées\u00a0: place, horaires, coût",
            "stopped",
            (_DECLINED[Reason.NO_PLACE], _DECLINED[Reason.TIMETABLE], _DECLINED[Reason.COST]),
        ),
        Outcome(
            "declined_criteria",
            "Déclinées\u00a0: critères ou zone",
            "stopped",
            (_DECLINED[Reason.NOT_ELIGIBLE], _DECLINED[Reason.OUT_OF_ZONE]),
        ),
        Outcome(
            "declined_otherwise",
            "Déclinées\u00a0: autres motifs",
            "stopped",
            tuple(
                _DECLINED[reason]
                for reason in (Reason.UNREACHABLE, Reason.NOT_INTERESTED, Reason.FOUND_JOB, Reason.OTHER)
            ),
        ),
        Outcome("abandoned_wait", "Closes en liste d’attente", "stopped", (what.ABANDONED_WAIT,)),
        Outcome("unanswered", "Annulées ou closes sans réponse", "stopped", (what.SILENT, what.WITHDRAWN)),
    )
}
"""Every fiche sent ends in one of these, in the order of the drawing."""

STOPPED_AT: dict[Indicator, tuple[str, ...]] = {
    SENT: ("waiting", "unanswered"),
    ANSWERED: (
        *("waitlisted", "redirected", "abandoned_wait"),
        *("declined_offer", "declined_criteria", "declined_otherwise"),
    ),
    ACCEPTED: ("not_entered",),
}
"""The outcomes of the fiches that went no further than a step of the funnel; all the others entered."""

OUTCOME_OF_BOX = {box: one.name for one in OUTCOMES.values() for part in one.parts for box in BOXES_OF[part.name]}
ENTERED_BOXES = BOXES_OF[what.ENTERED.name]
assert set(OUTCOME_OF_BOX) == set(FICHE_BOXES)


def outcome_of(box: int, left_for: int) -> str:
    """The outcome of a fiche, from its box and the kind of its exit."""
    if box in ENTERED_BOXES and left_for:
        return f"left_{CLASS_OF[EXIT_BOXES[left_for]]}"
    return OUTCOME_OF_BOX[box]


def _bridges(edges: Iterable[tuple[Hashable, Hashable]]) -> set[tuple[Hashable, Hashable]]:
    """The masked cells of a table that its totals give away: those that lie on no cycle of masked cells.

    Around a cycle one may add to a cell and take from the next without changing a total; a cell on none of them is the
    difference of the totals on one side of it.
    """
    every = set(edges)
    found = set()
    for row, column in every:
        reached: set[Any] = {("row", row)}
        frontier = [("row", row)]
        while frontier:
            side, node = frontier.pop()
            for one, other in every - {(row, column)}:
                near, far = (one, ("column", other)) if side == "row" else (other, ("row", one))
                if near == node and far not in reached:
                    reached.add(far)
                    frontier.append(far)
        if ("column", column) not in reached:
            found.add((row, column))
    return found


class Flows:
    """The flows of a scope, settled: what `into` and `out` show of each may be shown."""

    def __init__(self, reading: Tracing, funnel: Funnel) -> None:
        self._reading = reading
        self._funnel = funnel
        strands, self.names = reading.strands()
        self._triples: dict[Triple, int] = defaultdict(int)
        self._strands: dict[Triple, list[Strand]] = defaultdict(list)
        for strand, n in strands.items():
            source, target, box, left_for = strand
            self._triples[source, target, outcome_of(box, left_for)] += n
            self._strands[source, target, outcome_of(box, left_for)].append(strand)
        self.is_withheld = False
        self._people = reading.behind_strands(self._doubtful(), strands) if reading.scope.masks else {}
        self._ends = {
            name: (self._number(triples), self._behind(triples)) for name, triples in self._added(OUTCOME).items()
        }
        self._other_ends: set[Hashable] = set()
        self._settle()

    # Counting

    @property
    def total(self) -> int:
        """How many fiches there are; not to be shown as it is."""
        return sum(self._triples.values())

    def _added(self, *places: int) -> dict[Any, list[Triple]]:
        """The triples by what stands in some of their places."""
        found: dict[Any, list[Triple]] = defaultdict(list)
        for triple in self._triples:
            key = tuple(triple[place] for place in places)
            found[key if len(key) > 1 else key[0]].append(triple)
        return found

    def _number(self, triples: Iterable[Triple]) -> int:
        return sum(self._triples[triple] for triple in triples)

    def _doubtful(self) -> set[Strand]:
        """The strands behind every flow that fewer than five persons may stand behind."""
        found: set[Strand] = set()
        for pair in ((SENDER, RECEIVER), (RECEIVER, OUTCOME)):
            for triples in self._added(*pair).values():
                if self._reading.is_doubtful(Subject.FICHE, self._number(triples)):
                    found |= {strand for triple in triples for strand in self._strands[triple]}
        return found

    def _behind(self, triples: Sequence[Triple]) -> int:
        """How many persons stand behind some flows, at least where they are many."""
        n = self._number(triples)
        if not self._reading.scope.masks or not self._reading.is_doubtful(Subject.FICHE, n):
            return self._reading.surely(Subject.FICHE, n)
        strands = [strand for triple in triples for strand in self._strands[triple]]
        return len(set().union(*(self._people.get(strand, set()) for strand in strands)))

    # Settling

    def _settle(self) -> None:
        """Add up nodes until each may show its number; withhold everything when even that is too few."""
        while True:
            self._enter()
            if not self.ledger.masks:
                return
            if self.ledger.show(WHOLE).is_masked:
                self.is_withheld = True
                return
            unsafe = self._unsafe()
            if not any(unsafe):
                return
            # One column at a time, structures last: what one gains by it, another need not lose.
            if not any(unsafe[place] and self._merge(place, unsafe[place]) for place in (SENDER, OUTCOME, RECEIVER)):
                self.is_withheld = True
                return

    def _enter(self) -> None:
        """Enter every flow and every total in a ledger of its own."""
        self.ledger = Ledger(masks=self._reading.scope.masks)
        self.ledger.put(WHOLE, self.total, self._behind(list(self._triples)))
        into, out = self._added(SENDER, RECEIVER), self._added(RECEIVER, OUTCOME)
        self.into = Crossing(self.ledger, "into", WHOLE, {key: self._number(triples) for key, triples in into.items()})
        self.out = Crossing(self.ledger, "out", WHOLE, {key: self._number(triples) for key, triples in out.items()})
        for crossing, cells, row, column in (
            (self.into, into, SENDER, RECEIVER),
            (self.out, out, RECEIVER, OUTCOME),
        ):
            lines = {
                **cells,
                **{("row", key): triples for key, triples in self._added(row).items()},
                **{("column", key): triples for key, triples in self._added(column).items()},
            }
            for key, triples in lines.items():
                crossing.people(key, self._behind(triples))
        for receiver in self._added(RECEIVER):
            self.ledger.total(("into", "column", receiver), [("out", "row", receiver)])
        self._enter_funnel()

    def _enter_funnel(self) -> None:
        """The funnel adds the same fiches up otherwise: what it shows is settled with what becomes of them."""
        self._funnel.enter(self.ledger)
        self.ledger.total(SENT.name, [WHOLE])
        for name, (n, people) in self._ends.items():
            self.ledger.put(("end", name), n, people)
            if name not in self._other_ends:
                self.ledger.total(("out", "column", name), [("end", name)])
        if self._other_ends:
            self.ledger.total(("out", "column", OTHERS), [("end", name) for name in self._other_ends])
        before: set[Hashable] = set()
        for step, names in STOPPED_AT.items():
            self._add_ends(("lost", step.name), set(names))
            before |= set(names)
        self._add_ends(ENTERED.name, set(self._ends) - before)

    def _add_ends(self, total: Hashable, names: set[Hashable]) -> None:
        parts = [("end", name) for name in self._ends if name in names]
        if parts:
            self.ledger.total(total, parts)

    def _is_hidden(self, *key: Hashable) -> bool:
        return self.ledger.show(key).is_masked

    def _unsafe(self) -> list[set[Hashable]]:
        """The nodes of each column that may not stand alone: masked, or whose gathered flows say too much."""
        unsafe: list[set[Hashable]] = [set(), set(), set()]
        tables = ((self.into, "into", SENDER, RECEIVER), (self.out, "out", RECEIVER, OUTCOME))
        for crossing, name, row, column in tables:
            unsafe[row] |= {key for key in crossing.row_keys if self._is_hidden(name, "row", key)}
            unsafe[column] |= {key for key in crossing.column_keys if self._is_hidden(name, "column", key)}
            hidden = [cell for cell in crossing.cells if self._is_hidden(name, *cell)]
            cells = self._added(row, column)
            for side, place in ((0, row), (1, column)):
                for key in {cell[side] for cell in hidden}:
                    triples = [triple for cell in hidden if cell[side] == key for triple in cells[cell]]
                    if self._behind(triples) < SMALLEST_GROUP:
                        unsafe[place].add(key)
            side, place = (0, row) if len(crossing.row_keys) > len(crossing.column_keys) else (1, column)
            unsafe[place] |= {cell[side] for cell in _bridges(hidden)}
        return unsafe

    def _merge(self, place: int, nodes: set[Hashable]) -> bool:
        """Add nodes of a column to its others; the smallest with them where they alone are still too few.

        False when the column is one node already: nothing more can be added up.
        """
        numbers = {key: self._number(triples) for key, triples in self._added(place).items()}
        if len(numbers) == 1:
            return False
        into_others = nodes | {OTHERS} if OTHERS in numbers else set(nodes)
        if len(into_others) == 1:
            into_others.add(
                min((key for key in numbers if key not in into_others), key=lambda key: (numbers[key], str(key)))
            )
        if place == OUTCOME:
            self._other_ends |= into_others - {OTHERS}
        triples, strands = self._triples, self._strands
        self._triples, self._strands = defaultdict(int), defaultdict(list)
        for triple, n in triples.items():
            ends = [OTHERS if at == place and key in into_others else key for at, key in enumerate(triple)]
            self._triples[ends[0], ends[1], ends[2]] += n
            self._strands[ends[0], ends[1], ends[2]] += strands[triple]
        return True

    # Reading

    def nodes(self, place: int) -> list[Hashable]:
        """The nodes of a column: structures by the number of their fiches, outcomes in their order; others last."""
        numbers = {key: self._number(triples) for key, triples in self._added(place).items()}
        if place == OUTCOME:
            return [name for name in (*OUTCOMES, OTHERS) if name in numbers]
        return sorted(numbers, key=lambda key: (key == OTHERS, key == TOGETHER, -numbers[key], self.names.get(key, "")))  # type: ignore[call-overload] # structures
