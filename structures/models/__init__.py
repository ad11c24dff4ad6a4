"""Who we are and what we offer."""

from structures.models.action import Action
from structures.models.batch import ImportBatch
from structures.models.change import ActionChange, ChangeKind, StaleAction
from structures.models.commune import Commune
from structures.models.membership import Membership
from structures.models.offer import Offer
from structures.models.session import Session
from structures.models.structure import Closing, Structure, Weekday
from structures.models.table_batch import BatchState, CannotImport

__all__ = [
    "Action",
    "ActionChange",
    "BatchState",
    "CannotImport",
    "ChangeKind",
    "Closing",
    "Commune",
    "ImportBatch",
    "Membership",
    "Offer",
    "Session",
    "StaleAction",
    "Structure",
    "Weekday",
]
