"""Where those who answered stand six months after, against what they had left for."""

from __future__ import annotations

from django.db.models import Count, F

from referrals.models import ExitClass, FollowUpState
from referrals.models.followup import FollowUpQuerySet
from reporting.indicators import CHECKS_ANSWERED, CHECKS_OF_SITUATION, SITUATION_LABELS
from reporting.secrecy import Ledger
from reporting.tables import Crossing, Table

CLASS_LABELS = dict(ExitClass.choices)
NAME = "after_exit"


def count_after_exit(ledger: Ledger, followups: FollowUpQuerySet) -> Crossing:
    """Count the answers by class of exit and situation, masked with the other figures, in two queries.

    The situations were counted already, with their persons: the columns are those numbers, hence masked alike.
    """
    answered = followups.filter(state=FollowUpState.ANSWERED).order_by()
    people = Count(F("referral__person"), distinct=True)
    cells = {
        (row["exit__exit_class"], row["situation"]): (row["n"], row["people"])
        for row in answered.values("exit__exit_class", "situation").annotate(n=Count("pk"), people=people)
    }
    crossing = Crossing(ledger, NAME, CHECKS_ANSWERED.name, {key: n for key, (n, _) in cells.items()})
    for key, (_, persons) in cells.items():
        crossing.people(key, persons)
    for row in answered.values("exit__exit_class").annotate(people=people):
        crossing.people(("row", row["exit__exit_class"]), row["people"])
    for situation, indicator in CHECKS_OF_SITUATION.items():
        if situation in crossing.column_keys:
            column = (NAME, "column", situation)
            crossing.people(("column", situation), ledger.people(indicator.name))
            ledger.total(indicator.name, [column])
    return crossing


def after_exit_table(crossing: Crossing) -> Table:
    """The table, in the order of the grid and of the answers."""
    caption = "Situation six mois après, selon la sortie"
    situations = {code.value: label for code, label in SITUATION_LABELS.items()}
    return crossing.table(caption, "Sortie", CLASS_LABELS, situations)
