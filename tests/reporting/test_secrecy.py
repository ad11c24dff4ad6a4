"""Masking: what is small is not shown, and what is shown does not give it away."""

from __future__ import annotations

from reporting.secrecy import Ledger
from reporting.tables import Crossing


def a_line(*numbers: int, masks: bool = True) -> list[str]:
    """The texts of a total and its parts."""
    ledger = Ledger(masks=masks)
    for n, number in enumerate(numbers):
        ledger.put(n, number)
    ledger.put("total", sum(numbers))
    ledger.total("total", range(len(numbers)))
    return [ledger.show("total").text, *(ledger.show(n).text for n in range(len(numbers)))]


def test_a_group_under_five_is_masked_and_the_next_smallest_with_it() -> None:
    assert a_line(3, 20, 9) == ["32", "<\u00a05", "20", "n.c."]


def test_two_groups_whose_sum_is_under_five_take_a_third_with_them() -> None:
    assert a_line(1, 2, 30, 40) == ["73", "<\u00a05", "<\u00a05", "n.c.", "40"]


def test_two_small_groups_that_hold_five_people_protect_each_other() -> None:
    assert a_line(2, 4, 30) == ["36", "<\u00a05", "<\u00a05", "30"]


def test_nobody_is_shown_as_zero_and_hides_no_one() -> None:
    assert a_line(3, 0, 0) == ["<\u00a05", "<\u00a05", "0", "0"]
    assert a_line(0, 12) == ["12", "0", "12"]


def test_where_nothing_else_can_hide_a_group_its_total_does() -> None:
    ledger = Ledger(masks=True)
    ledger.put("part", 3)
    ledger.put("total", 8, people=8)
    ledger.total("total", ["part"])
    assert ledger.show("total").text == "n.c."


def test_five_are_shown_and_four_are_not() -> None:
    assert a_line(5, 6) == ["11", "5", "6"]
    assert a_line(4, 6) == ["10", "<\u00a05", "n.c."]


def test_those_who_may_open_the_files_see_every_number() -> None:
    assert a_line(1, 2, 30, masks=False) == ["33", "1", "2", "30"]


def test_many_fiches_of_one_person_are_still_one_person() -> None:
    ledger = Ledger(masks=True)
    ledger.put("fiches", 12, people=1)
    assert ledger.show("fiches").text == "n.c."


def test_a_masked_total_is_not_given_away_by_its_parts() -> None:
    ledger = Ledger(masks=True)
    ledger.put("total", 11, people=4)
    ledger.put("a", 5)
    ledger.put("b", 6)
    ledger.total("total", ["a", "b"])
    assert ledger.show("total").is_masked
    assert ledger.show("a").is_masked


def test_a_share_needs_both_its_numbers() -> None:
    ledger = Ledger(masks=True)
    ledger.put("part", 3)
    ledger.put("whole", 30)
    ledger.put("nobody", 0)
    assert ledger.share("part", "whole") is None
    assert ledger.share("whole", "nobody") is None
    assert ledger.share("nobody", "whole") == 0


def test_in_a_table_no_row_and_no_column_holds_one_masked_cell_alone() -> None:
    ledger = Ledger(masks=True)
    numbers = {("a", "x"): 3, ("a", "y"): 10, ("b", "x"): 12, ("b", "y"): 20, ("c", "x"): 30, ("c", "y"): 40}
    ledger.put("whole", sum(numbers.values()))
    Crossing(ledger, "t", "whole", numbers)
    hidden = {cell for cell in numbers if ledger.show(("t", *cell)).is_masked}
    assert ("a", "x") in hidden
    for row in "abc":
        assert sum(cell[0] == row for cell in hidden) != 1
    for column in "xy":
        assert sum(cell[1] == column for cell in hidden) != 1
    assert not ledger.show("whole").is_masked
