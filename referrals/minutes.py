"""The commission as one reader may read it: the same words for its page, its sheet, its PDF and the API.

A fiche that the reader's door opens is told with the person's name and its step. Any other, which only who keeps the
minutes reads, is told by its reference; where a protected structure sends or receives it, neither its action, nor its
step, nor why it stands on the agenda is told: each of them could give the structure away.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from referrals.agenda import RULES
from referrals.documents import Document
from referrals.models import Commission, CommissionItem, CommissionState, CommissionTask, ItemKind
from referrals.permissions import Door
from referrals.permissions.commissions import items_of, opened_by, runs
from referrals.states import State
from structures.models import Structure
from structures.vocabulary import NeedTheme, Quartier

PROTECTED = "Structure protégée"
PROTECTED_KIND = "protected"
PROTECTED_TITLE = "Situations d’une structure protégée"
PROTECTED_RULE = "Le motif et l’étape n’en sont pas dits : ils désigneraient la structure."

COORDINATION = "coordination"
SENDER, RECEIVER = "sender", "receiver"


@dataclass(frozen=True)
class TaskWords:
    """One task, with its structure as the reader may know it."""

    task: CommissionTask
    structure: str


@dataclass(frozen=True)
class ItemWords:
    """One situation in words. What the reader may not know is empty."""

    item: CommissionItem
    kind: str
    title: str
    reference: str
    action: str
    sender: str
    receiver: str
    step: str
    since: dt.date | None
    days: int
    is_opened: bool
    places: list[str] = field(default_factory=list)
    tasks: list[TaskWords] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """One line of the agenda: its title, its rule, and its situations."""

    kind: str
    title: str
    rule: str
    items: list[ItemWords]


def shown_structure(structure: Structure, *, is_opened: bool) -> str:
    """Its name, or that it is protected."""
    return PROTECTED if structure.is_sensitive and not is_opened else str(structure)


def _need_words(item: CommissionItem) -> ItemWords:
    size = item.figures["at_least"]
    labels = dict(Quartier.choices)
    places = [
        f"{labels.get(place, place)} : au moins {people}"
        for place, people in sorted(item.figures["quartiers"].items(), key=lambda one: (-one[1], one[0]))
    ]
    return ItemWords(
        item=item,
        kind=item.kind,
        title=f"{NeedTheme(item.theme).label} : au moins {size} personnes sans place",
        reference="",
        action="",
        sender="",
        receiver="",
        step="",
        since=None,
        days=0,
        is_opened=True,
        places=places,
        tasks=[TaskWords(task, str(task.structure)) for task in item.tasks.all()],
    )


def words_of(item: CommissionItem, opened: set[UUID]) -> ItemWords:
    """One situation, as who opens these fiches may read it."""
    referral = item.referral
    if referral is None or item.since is None:
        return _need_words(item)
    is_opened = referral.pk in opened
    is_protected = not is_opened and (referral.sender.is_sensitive or referral.receiver.is_sensitive)
    return ItemWords(
        item=item,
        kind=PROTECTED_KIND if is_protected else item.kind,
        title=referral.person.full_name if is_opened else referral.reference,
        reference=referral.reference,
        action="" if is_protected else str(referral.action),
        sender=shown_structure(referral.sender, is_opened=is_opened),
        receiver=shown_structure(referral.receiver, is_opened=is_opened),
        step="" if is_protected else State(item.step).label,
        since=item.since,
        days=max((item.commission.on - item.since).days, 0),
        is_opened=is_opened,
        tasks=[TaskWords(task, shown_structure(task.structure, is_opened=is_opened)) for task in item.tasks.all()],
    )


def words_for(door: Door, item: CommissionItem) -> ItemWords:
    """One situation that the door shows, in its words."""
    return words_of(item, opened_by(door, [item]))


def read(door: Door, commission: Commission) -> list[ItemWords]:
    """The situations that the door shows of a commission, each in its words, in the order of the agenda.

    Protected situations come together, after the others of fiches.
    """
    items = list(items_of(door, commission).with_everything().order_by("position", "id"))
    for item in items:
        item.commission = commission
    opened = opened_by(door, items)
    kinds = [*(kind for kind in ItemKind.values if kind != ItemKind.UNMET), PROTECTED_KIND, ItemKind.UNMET]
    # A protected situation's place among the others would tell its reason: they are put in the order of their days.
    found = [words_of(item, opened) for item in items]
    return sorted(
        found, key=lambda one: (kinds.index(one.kind), -one.days if one.kind == PROTECTED_KIND else one.item.position)
    )


def names_anyone(items: Iterable[ItemWords]) -> bool:
    """Whether one of the situations is told with the person's name."""
    return any(one.is_opened and one.reference for one in items)


def parts_of(items: Iterable[ItemWords]) -> list[Part]:
    """The situations by line of the agenda."""
    titles = dict(ItemKind.choices)
    found: dict[str, list[ItemWords]] = {}
    for item in items:
        found.setdefault(item.kind, []).append(item)
    return [
        Part(kind, titles.get(kind, PROTECTED_TITLE), RULES.get(kind, PROTECTED_RULE), rows)
        for kind, rows in found.items()
    ]


def in_charge(
    door: Door, commission: Commission, words: ItemWords, participants: Iterable[Structure]
) -> list[tuple[str, str]]:
    """To whom a task can be given: for a fiche its two structures, which alone open it, and the coordination.

    Each by the side that it is on, so that not even its identifier tells who a protected one is.
    """
    choices = [(COORDINATION, str(commission.structure))] if runs(door, commission) else []
    if words.item.referral is not None:
        sides = [(RECEIVER, f"{words.receiver} (accueil)"), (SENDER, f"{words.sender} (prescripteur)")]
        return [*sides, *choices]
    return [*[(str(one.pk), str(one)) for one in participants], *choices]


def chosen_structure(item: CommissionItem, choice: str, participants: Iterable[Structure]) -> Structure:
    """The structure that a choice of `in_charge` stands for. Raises `LookupError` for any other."""
    if choice == COORDINATION:
        return item.commission.structure
    if item.referral is not None and choice in (SENDER, RECEIVER):
        return item.referral.sender if choice == SENDER else item.referral.receiver
    found = next((one for one in participants if str(one.pk) == choice), None)
    if found is None or item.referral is not None:
        raise LookupError(choice)
    return found


def minutes_sheet(door: Door, commission: Commission) -> Document:
    """The minutes as the reader of this door may read them; the agenda, before the meeting."""
    found = read(door, commission)
    context = {
        "commission": commission,
        "participants": list(commission.participants.order_by("name", "id")),
        "parts": parts_of(found),
        "names": names_anyone(found),
        "is_prepared": commission.state == CommissionState.PREPARED,
        "keeps": runs(door, commission),
    }
    return Document("referrals/commissions/print.html", context, f"commission-{commission.on.isoformat()}.pdf")
