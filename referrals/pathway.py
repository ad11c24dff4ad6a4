"""The pathway of a person: the chain of their fiches, as one structure may see it.

A structure sees its own fiches. It also sees the others' step, action, state, coded reason and dates, without any note,
when it recorded the person or when a consent shares the history with it. A sensitive structure is masked to any
structure that is neither the sender nor the receiver of that fiche. Pure reading, in a constant number of queries.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Prefetch, Q
from django.utils import timezone

from referrals.french import day_words, lower_first
from referrals.models import (
    Bilan,
    BilanKind,
    ConsentScope,
    Event,
    EventKind,
    FollowUpMonths,
    FollowUpSituation,
    Person,
    Referral,
    ReminderPolicy,
)
from referrals.models.followup import FollowUpState
from referrals.permissions import Door
from referrals.states import OPEN, WITHOUT_ENTRY, Reason, State
from referrals.steps import Step
from referrals.timeline import (
    TONES,
    Entry,
    fiche_entries,
    person_entries,
    reason_words,
    upcoming_entries,
    what_next,
)
from structures.models import Structure

PROTECTED = "Structure protégée"

REDIRECTED, FOLLOWS, ASKED_AFTER = "Réorientée", "Suite du bilan", "Suite des nouvelles"
"""How a fiche hangs on another one."""

BARE_KINDS = (
    EventKind.SEND,
    EventKind.ACCEPT,
    EventKind.WAITLIST,
    EventKind.OFFER,
    EventKind.CONFIRM,
    EventKind.LAPSE,
    EventKind.DECLINE,
    EventKind.REDIRECT,
    EventKind.RETRACT,
    EventKind.RETRACT_TO_LIST,
    EventKind.CANCEL,
    EventKind.REOPEN,
    EventKind.EXPIRE,
    EventKind.ENTER,
    EventKind.MISS,
    EventKind.END,
    EventKind.RESUME,
)
"""What is said of another structure's fiche: its moves and their coded reasons, without any note."""


@dataclass(eq=False)
class Node:
    """One fiche of the chain, in words that the reader may see. `reference` is empty for another structure's fiche."""

    referral: Referral
    own: bool
    masked: bool
    sender: str
    receiver: str
    action: str
    parent: Node | None = None
    link: str = ""
    lane: int = 0
    number: int = 1

    @property
    def pk(self) -> UUID:
        """The fiche's key."""
        return self.referral.pk

    @property
    def depth(self) -> int:
        """How many fiches come before it in its chain."""
        return 0 if self.parent is None else self.parent.depth + 1

    @property
    def origin(self) -> str:
        """Where it comes from, in words, as the picture's line shows it; nothing for the first step."""
        if self.parent is not None:
            word = "depuis" if self.link == REDIRECTED else "de"
            return f"{self.link} {word} l’étape {self.parent.number}"
        return "Ouverte à part" if self.number > 1 else ""

    @property
    def reference(self) -> str:
        """The reference, of one's own fiches only."""
        return self.referral.reference if self.own else ""

    @property
    def state(self) -> str:
        """The state's code."""
        return self.referral.state

    @property
    def state_label(self) -> str:
        """The state in words."""
        return self.referral.get_state_display()

    @property
    def began_on(self) -> dt.date:
        """The day it was sent; of a draft, the day it was begun."""
        return timezone.localdate(self.referral.sent_at or self.referral.created_at)

    @property
    def closed_on(self) -> dt.date | None:
        """The day it was closed."""
        return timezone.localdate(self.referral.closed_at) if self.referral.closed_at else None

    @property
    def is_open(self) -> bool:
        """Whether the path goes on."""
        return self.state in OPEN

    @property
    def is_without_entry(self) -> bool:
        """Whether it closed before any entry."""
        return self.state in WITHOUT_ENTRY

    @property
    def dates(self) -> str:
        """« Envoyée le 3 mars 2026, entrée le 10 mars 2026, close le 2 juin 2026 »."""
        began = "Préparée" if self.state == State.DRAFT else "Envoyée"
        parts = [f"{began} le {day_words(self.began_on)}"]
        if self.referral.reopened_at:
            parts.append(f"rouverte le {day_words(timezone.localdate(self.referral.reopened_at))}")
        if self.referral.entered_on:
            parts.append(f"entrée le {day_words(self.referral.entered_on)}")
        if self.closed_on:
            parts.append(f"close le {day_words(self.closed_on)}")
        return ", ".join(parts)

    @property
    def result(self) -> str:
        """What came of it: the reason of a refusal; of one's own also the bilans, the exit, the answer at six months.

        The next referrer reads why an earlier orientation came to nothing, and no note; a protected structure's
        reasons could say what it is.
        """
        referral = self.referral
        parts = []
        if referral.reason and self.is_without_entry and referral.state != State.REDIRECTED and not self.masked:
            parts.append(Reason(referral.reason).label)
        if not self.own:
            return " · ".join(parts)
        parts += [bilan.get_kind_display() for bilan in returned_bilans(referral)]
        left = getattr(referral, "exit", None)
        if left is not None:
            parts.append(f"Sortie : {lower_first(left.get_kind_display())}")
        parts += [
            f"{FollowUpMonths(check.months).label} : {lower_first(FollowUpSituation(check.situation).label)}"
            for check in sorted(referral.followups.all(), key=lambda check: check.months)
            if check.state == FollowUpState.ANSWERED
        ]
        return " · ".join(parts)

    def next_step(self, own: Structure | None, now: dt.datetime) -> Step:
        """What is expected next on this fiche."""
        return what_next(
            self.referral, own, now, bilan_is_back=awaited_bilan(returned_bilans(self.referral)) is not None
        )


def awaited_bilan(bilans: Iterable[Bilan]) -> Bilan | None:
    """Among returned bilans, the one that was awaited: the final one, or the return of the positionnement."""
    return next((bilan for bilan in bilans if bilan.kind in (BilanKind.FINAL, BilanKind.POSITIONING)), None)


def returned_bilans(referral: Referral) -> list[Bilan]:
    """The returned bilans of a fiche that came from `rows_of`, without a query."""
    return list(getattr(referral, "bilans_returned", ()))


@dataclass
class Pathway:
    """The chain, its timeline and what comes next."""

    nodes: list[Node]
    lanes: int
    sees_all: bool
    entries: list[Entry] = field(default_factory=list)

    @property
    def own(self) -> list[Node]:
        """One's own fiches, the newest first."""
        return [node for node in reversed(self.nodes) if node.own]


def sees_all(door: Door, person: Person, scopes: Iterable[str]) -> bool:
    """Whether the other structures' steps are shown."""
    mine = door.structure is not None and person.recorded_by_id == door.structure.pk
    return mine or ConsentScope.HISTORY in set(scopes)


def rows_of(door: Door, person: Person, *, everything: bool) -> list[Referral]:
    """The fiches of the chain, the oldest first: one's own, and the others' that were really sent."""
    if not door.opens_files:
        return []
    own = Q(sender=door.structure) | Q(receiver=door.structure, sent_at__isnull=False)
    shown = own | Q(sent_at__isnull=False) if everything else own
    bilans = Prefetch("bilans", Bilan.objects.returned().order_by("on", "created_at", "id"), "bilans_returned")
    return list(
        Referral.objects.kept()
        .filter(person=person)
        .filter(shown)
        .as_steps()
        .prefetch_related(bilans, "followups")
        .order_by("created_at", "id")
    )


def _name(structure: Structure, *, hidden: bool) -> str:
    return PROTECTED if hidden and structure.is_sensitive else str(structure)


def _node(referral: Referral, own: Structure | None) -> Node:
    mine = own is not None and own.pk in (referral.sender_id, referral.receiver_id)
    masked = not mine and referral.receiver.is_sensitive
    return Node(
        referral=referral,
        own=mine,
        masked=masked,
        sender=_name(referral.sender, hidden=not mine),
        receiver=_name(referral.receiver, hidden=not mine),
        action=PROTECTED if masked else str(referral.action),
    )


def chain(referrals: Iterable[Referral], own: Structure | None) -> Pathway:
    """Link the fiches (oldest first): each follows the one that was redirected to it, or whose bilan or
    news opened it.

    Each chain runs down one lane; a second continuation takes a lane of its own.
    """
    by_pk = {referral.pk: _node(referral, own) for referral in referrals}
    for node in by_pk.values():
        referral = node.referral
        if referral.redirected_from_id in by_pk:
            node.parent, node.link = by_pk[referral.redirected_from_id], REDIRECTED
        elif referral.opened_by is not None and referral.opened_by.referral_id in by_pk:
            node.parent, node.link = by_pk[referral.opened_by.referral_id], FOLLOWS
        elif referral.opened_after is not None and referral.opened_after.referral_id in by_pk:
            node.parent, node.link = by_pk[referral.opened_after.referral_id], ASKED_AFTER
    # Two fiches can be born in the same instant: what follows always comes below.
    nodes = sorted(by_pk.values(), key=lambda node: (node.referral.created_at, node.depth))
    for number, node in enumerate(nodes, 1):
        node.number = number
    lanes = _give_lanes(nodes)
    return Pathway(nodes, lanes, sees_all=False)


def _give_lanes(nodes: list[Node]) -> int:
    """Give each node its lane; return how many lanes there are."""
    last_child = {id(node.parent): row for row, node in enumerate(nodes) if node.parent is not None}
    busy: list[Node | None] = []
    for row, node in enumerate(nodes):
        for lane, tail in enumerate(busy):
            if tail is not None and last_child.get(id(tail), -1) < row:
                busy[lane] = None
        if node.parent is not None and node.parent in busy:
            lane = busy.index(node.parent)
            # The parent has another child to come: the line to it must not run through this one.
            if last_child[id(node.parent)] > row:
                lane = _free_lane(busy)
        else:
            lane = _free_lane(busy)
        busy[lane] = node
        node.lane = lane
    return max(len(busy), 1)


def _free_lane(busy: list[Node | None]) -> int:
    if None in busy:
        return busy.index(None)
    busy.append(None)
    return len(busy) - 1


def pathway_of(door: Door, person: Person, scopes: Iterable[str], now: dt.datetime) -> Pathway:
    """The pathway of a person, as the door's structure may see it, with its timeline (newest first)."""
    everything = sees_all(door, person, scopes)
    found = chain(rows_of(door, person, everything=everything), door.structure)
    found.sees_all = everything
    ReminderPolicy.objects.attach(node.referral for node in found.nodes if node.own and node.state == State.SENT)
    found.entries = _entries(door, person, found, now)
    return found


def _entries(door: Door, person: Person, found: Pathway, now: dt.datetime) -> list[Entry]:
    own = door.structure
    mine = own is not None and person.recorded_by_id == own.pk
    rows = Event.objects.about(person).told().select_related("user", "structure").order_by("at", "id")
    by_fiche: dict[UUID, list[Event]] = {}
    about_person: list[Event] = []
    for event in rows:
        if event.referral_id is not None:
            by_fiche.setdefault(event.referral_id, []).append(event)
        elif mine or (own is not None and event.structure_id == own.pk):
            about_person.append(event)
    entries = person_entries(about_person, own)
    upcoming: list[Entry] = []
    for node in found.nodes:
        events = by_fiche.get(node.pk, [])
        if node.own:
            entries += fiche_entries(node.referral, events, own, named=True)
            upcoming += upcoming_entries(node.referral, node.next_step(own, now), now, named=True)
        else:
            entries += _bare_entries(node, events)
    entries.sort(key=lambda entry: entry.when_sort, reverse=True)
    upcoming.sort(key=lambda entry: entry.when_sort, reverse=True)
    return [*upcoming, *entries]


def _bare_entries(node: Node, events: Iterable[Event]) -> list[Entry]:
    """Another structure's fiche: its moves, their dates and coded reasons, nothing else."""
    sent_at = node.referral.sent_at
    lines = []
    for event in events:
        if event.kind in BARE_KINDS and sent_at is not None and event.at >= sent_at:
            tone, icon = TONES[event.kind]
            label = f"{event.get_kind_display()} · {node.action}"
            hidden = node.masked
            reason = "" if hidden else reason_words(event)
            lines.append(Entry(event.at, label, "" if hidden else node.receiver, reason, tone=tone, icon=icon))
    return lines


def next_steps(found: Pathway, own: Structure | None, now: dt.datetime) -> list[tuple[Node, dt.date, str, bool]]:
    """The dated things awaited on one's own fiches: the fiche, the day, what, and whether it is late; soonest first."""
    steps = []
    for node in found.nodes:
        if node.own:
            step = node.next_step(own, now)
            if step.due is not None:
                steps.append((node, step.due, step.label, step.tone == "late"))
    return sorted(steps, key=lambda step: step[1])
