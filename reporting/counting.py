"""Enters the figures of a scope in a ledger, each with the persons behind it, in a fixed number of queries."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from reporting import indicators as what
from reporting.boxes import BOXES_OF, SUBJECTS
from reporting.facts import NEED_CODES, REASONS_OF_NEED, THEMES
from reporting.indicators import Indicator, add_totals
from reporting.models import Subject
from reporting.news import AFTER_EXIT, news_of
from reporting.reading import OTHERS, TOGETHER, Doubt, Group, People, Reading, Tally, count_of
from reporting.scope import Scope
from reporting.secrecy import Ledger
from reporting.tables import Crossing
from reporting.unmet import NEEDS, UNMET, UnmetNeeds, place_of

PROTECTED = "Structures protégées"
OF_STRUCTURE = (what.SENT, what.ANSWERED, what.ACCEPTED, what.DECLINED, what.ENTERED)
"""What the table by structure shows, besides the median delay."""
SERIES = {"sent": what.SENT, "answered": what.ANSWERED}
"""What the columns of the months show."""

CellKey = tuple[str, str]


@dataclass(frozen=True)
class Line:
    """One line of the table by structure."""

    key: UUID
    name: str
    group: Group


def theme_of(code: int) -> str:
    """The theme of a need's box."""
    return THEMES[code // NEED_CODES]


def reason_of(code: int) -> str:
    """Why a need is unmet; empty when it is not."""
    place = code % NEED_CODES
    return REASONS_OF_NEED[place - 1] if place else ""


class Counting:
    """The numbers of one scope."""

    def __init__(self, scope: Scope, beside: Counting | None = None) -> None:
        """Count a scope; `beside` another, it is compared with it: on the same state of the queue, in whole numbers."""
        self.scope = scope
        self.reading: Reading = Reading(scope, beside.reading if beside is not None else None)
        self.tally: Tally = self.reading.tally()
        self.groups = self._groups() if beside is None else {}
        self.ledger = Ledger(masks=scope.masks)
        self.people = self._people() if scope.masks else People()
        self._enter_indicators()
        self._enter_months()
        self.lines = self._enter_structures()
        self.unmet = self._enter_needs()
        self.after_exit = self._enter_news()

    # What there is

    def _groups(self) -> dict[UUID, Group]:
        """By structure, with the sum of those that are not listed."""
        sent = self.tally.number(Subject.FICHE, what.SENT)
        groups = self.reading.groups(self.scope.other, sent)
        left = Group()
        for (subject, box), n in self.tally.boxes.items():
            if subject == Subject.FICHE:
                left.boxes[box] = n - sum(group.boxes.get(box, 0) for group in groups.values())
        for days, n in self.tally.delays.answered.items():
            left.answered[days] = n - sum(group.answered.get(days, 0) for group in groups.values())
        return groups | {OTHERS: left} if any(left.boxes.values()) else groups

    @property
    def _unmet_boxes(self) -> dict[int, int]:
        return {box: n for (subject, box), n in self.tally.boxes.items() if subject == Subject.NEED and reason_of(box)}

    def _doubts(self) -> Doubt:
        """The numbers behind which there may be fewer than five persons."""
        doubt = Doubt()
        unsure = self.reading.is_doubtful
        for (subject, box), n in self.tally.boxes.items():
            if unsure(Subject(subject), n):
                doubt.boxes.add((subject, box))
        for month in self.scope.period.months:
            if any(unsure(Subject.FICHE, self._in_month(month, one)) for one in SERIES.values()):
                doubt.months.add(month)
        for key, group in self.groups.items():
            for one in OF_STRUCTURE:
                if unsure(Subject.FICHE, group.number(one)):
                    doubt.groups |= {(key, box) for box in BOXES_OF[one.name]}
        for place, n in self.tally.places.items():
            if unsure(Subject.NEED, n):
                doubt.places.add(place)
        doubt.news |= {code for code, n in self.tally.news.items() if unsure(Subject.CHECK, n)}
        return doubt

    def _people(self) -> People:
        listed = [key for key in self.groups if key != OTHERS]
        return self.reading.people(self._doubts(), self.scope.other, listed)

    def _in_month(self, month: dt.date, indicator: Indicator) -> int:
        return sum(self.tally.months.get((month, box), 0) for box in BOXES_OF[indicator.name])

    def _behind(self, subject: Subject, n: int, sets: Callable[[], Iterable[set[Any]]]) -> int | None:
        """How many persons stand behind a number: looked up when they may be few, else at least so many."""
        if not self.scope.masks:
            return None
        return count_of(sets()) if self.reading.is_doubtful(subject, n) else self.reading.surely(subject, n)

    # Entering

    def _enter_indicators(self) -> None:
        for subject, indicators in SUBJECTS.items():
            for one in indicators:
                boxes = [(subject.value, box) for box in BOXES_OF[one.name]]
                n = self.tally.number(subject, one)
                behind = self._behind(subject, n, lambda boxes=boxes: [self.people.boxes[box] for box in boxes])  # type: ignore[misc]
                self.ledger.put(one.name, n, behind)
        add_totals(self.ledger)

    def _enter_months(self) -> None:
        months = self.scope.period.months
        for series, one in SERIES.items():
            for month in months:
                keys = [(month, box) for box in BOXES_OF[one.name]]
                n = self._in_month(month, one)
                behind = self._behind(Subject.FICHE, n, lambda keys=keys: [self.people.months[key] for key in keys])  # type: ignore[misc]
                self.ledger.put(("month", month, series), n, behind)
            self.ledger.total(series, [("month", month, series) for month in months])

    def _enter_structures(self) -> list[Line]:
        named = {TOGETHER: PROTECTED, OTHERS: "Autres structures"}
        lines = [Line(key, named.get(key, group.name), group) for key, group in self.groups.items()]
        lines.sort(key=lambda line: (line.key == OTHERS, line.key == TOGETHER, line.name.lower()))
        for line in lines:
            for one in OF_STRUCTURE:
                keys = [(line.key, box) for box in BOXES_OF[one.name]]
                n = line.group.number(one)
                behind = self._behind(Subject.FICHE, n, lambda keys=keys: [self.people.groups[key] for key in keys])  # type: ignore[misc]
                self.ledger.put(("structure", line.key, one.name), n, behind)
        for one in OF_STRUCTURE:
            if lines:
                self.ledger.total(one.name, [("structure", line.key, one.name) for line in lines])
        return lines

    def _enter_needs(self) -> UnmetNeeds:
        boxes = self._unmet_boxes
        every = [box for subject, box in self.tally.boxes if subject == Subject.NEED]
        self._put_needs(NEEDS.name, self.tally.total(Subject.NEED), every)
        self._put_needs(UNMET.name, sum(boxes.values()), boxes)
        themes = Crossing(
            self.ledger, "unmet_themes", UNMET.name, {(theme_of(box), reason_of(box)): n for box, n in boxes.items()}
        )
        cells = {(theme_of(box), reason_of(box)): [box] for box in boxes}
        self._behind_crossing(Subject.NEED, themes, cells, lambda box: self.people.boxes[Subject.NEED, box], boxes)
        numbers = dict(self.tally.places)
        places = Crossing(self.ledger, "unmet_places", UNMET.name, {place_of(code): n for code, n in numbers.items()})
        where = {place_of(code): [code] for code in numbers}
        self._behind_crossing(Subject.NEED, places, where, lambda code: self.people.places[code], numbers)
        return UnmetNeeds(themes, places)

    def _enter_news(self) -> Crossing:
        """What is answered after an exit, by its class: the columns are the situations, hence masked like them."""
        numbers = dict(self.tally.news)
        cells: dict[CellKey, list[int]] = defaultdict(list)
        for code in numbers:
            cells[news_of(code)].append(code)
        added = {key: sum(numbers[code] for code in codes) for key, codes in cells.items()}
        crossing = Crossing(self.ledger, AFTER_EXIT, what.CHECKS_ANSWERED.name, added)
        self._behind_crossing(Subject.CHECK, crossing, cells, lambda code: self.people.news[code], numbers)
        for situation, indicator in what.CHECKS_OF_SITUATION.items():
            if situation in crossing.column_keys:
                self.ledger.total(indicator.name, [(AFTER_EXIT, "column", situation.value)])
        return crossing

    def _put_needs(self, name: str, n: int, boxes: Iterable[int]) -> None:
        behind = self._behind(Subject.NEED, n, lambda: [self.people.boxes[Subject.NEED, box] for box in boxes])
        self.ledger.put(name, n, behind)

    def _behind_crossing(
        self,
        subject: Subject,
        crossing: Crossing,
        cells: Mapping[CellKey, list[int]],
        persons: Callable[[int], set[Any]],
        numbers: Mapping[int, int],
    ) -> None:
        """Say how many persons stand behind each cell and each total of a table."""
        if not self.scope.masks:
            return
        lines: dict[CellKey, list[int]] = dict(cells)
        for (row, column), codes in cells.items():
            for total in (("row", row), ("column", column)):
                lines[total] = [*lines.get(total, []), *codes]
        for key, codes in lines.items():
            n = sum(numbers[code] for code in codes)
            behind = self._behind(subject, n, lambda codes=codes: [persons(code) for code in codes])  # type: ignore[misc]
            assert behind is not None
            crossing.people(key, behind)
