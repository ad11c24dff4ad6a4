"""Where those who answered stand six months after, against what they had left for."""

from __future__ import annotations

from referrals.models import ExitClass
from referrals.models.exit import CLASS_OF
from reporting.boxes import EXIT_BOXES, SITUATIONS
from reporting.indicators import SITUATION_LABELS
from reporting.tables import Crossing, Table

CLASS_LABELS = dict(ExitClass.choices)
AFTER_EXIT = "after_exit"
"""The table's name in the ledger."""


def news_of(code: int) -> tuple[str, str]:
    """The class of the exit, and the situation, behind the number by which facts keep an answer."""
    kind, situation = divmod(code, 10)
    return CLASS_OF[EXIT_BOXES[kind]].value, SITUATIONS[situation - 1]


def after_exit_table(crossing: Crossing) -> Table:
    """The table, in the order of the grid and of the answers."""
    caption = "Situation six mois après, selon la sortie"
    situations = {code.value: label for code, label in SITUATION_LABELS.items()}
    return crossing.table(caption, "Sortie", CLASS_LABELS, situations)
