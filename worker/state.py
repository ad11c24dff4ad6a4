"""The state of what leaves without a click, read from the database alone.

The page, the command, the metrics, the health address, the banner and the letter to the staff all read it here, so that
they cannot disagree. `Pulse` is cheap enough for every page of the staff; `Picture` counts.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import models
from django.db.models import Count, Max, Q, QuerySet

from accounts.models import AccountLetter
from referrals.models import Message, Reminder
from referrals.models.message import MessageChannel, MessageState
from worker.models import Heartbeat, HeartbeatKind

LATE_AFTER = dt.timedelta(minutes=10)
"""What is due for longer is late; when nothing was picked up for that long while something is due, all has stopped."""

ALIVE_FOR = dt.timedelta(minutes=2)
"""A process seen within it is alive: it signs at least every ten seconds, and a letter may take a minute."""

ACCOUNT = "account"
"""Beside the channels: letters about accounts, which leave by e-mail and are never replayed (their text is erased)."""


class Verdict(models.TextChoices):
    """What is to be thought of it."""

    FINE = "fine", "Tout part à l’heure"
    LATE = "late", "Des envois sont en retard"
    STOPPED = "stopped", "Plus rien ne part"


@dataclass(frozen=True)
class Pulse:
    """When the oldest thing that waits was due, when anything was last picked up, when beat last woke the workers."""

    now: dt.datetime
    oldest_due: dt.datetime | None
    picked_up_at: dt.datetime | None
    beat_at: dt.datetime | None

    @classmethod
    def take(cls, now: dt.datetime) -> Pulse:
        """Two queries, each along an index."""
        oldest = Reminder.objects.due(now).values_list("due_at")[:1]
        others: list[QuerySet[Any, Any]] = [
            Message.objects.by(channel).due(now).values_list("not_before")[:1] for channel in MessageChannel
        ]
        others += [
            # The letter of a poster that died: taken, and given back by the next wake alone.
            Message.objects.filter(state=MessageState.SENDING).order_by("claimed_at").values_list("claimed_at")[:1],
            # Those whose digest should have been written.
            Message.objects.held(now).order_by("not_before").values_list("not_before")[:1],
            AccountLetter.objects.due(now).order_by("not_before").values_list("not_before")[:1],
        ]
        moments = [moment for (moment,) in oldest.union(*others, all=True).order_by()]
        seen = dict(Heartbeat.objects.order_by().values_list("kind").annotate(Max("seen_at")))
        return cls(
            now,
            min(moments, default=None),
            seen.get(HeartbeatKind.WORKER.value),
            seen.get(HeartbeatKind.BEAT.value),
        )

    @property
    def verdict(self) -> Verdict:
        """Fine, late, or stopped."""
        if self.oldest_due is None or self.oldest_due > self.now:
            return Verdict.FINE
        is_late = self.now - self.oldest_due >= LATE_AFTER
        if self.picked_up_at is None:
            return Verdict.STOPPED if is_late else Verdict.FINE
        if self.now - self.picked_up_at >= LATE_AFTER:
            return Verdict.STOPPED
        return Verdict.LATE if is_late else Verdict.FINE


@dataclass(frozen=True)
class Lane:
    """The letters of one channel: `due` may leave now, `late` of them for long, `retried` were refused for a time."""

    channel: str
    label: str
    due: int = 0
    late: int = 0
    retried: int = 0
    sending: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Failure:
    """Dead letters of one channel that ended by the same code."""

    channel: str
    code: str
    count: int

    @property
    def label(self) -> str:
        """« E-mail, 550 »."""
        return f"{MessageChannel(self.channel).label}, {self.code or 'sans code'}"


@dataclass(frozen=True)
class Picture:
    """All that can be counted at one moment, in a number of queries that never grows."""

    pulse: Pulse
    due: int
    late: int
    lanes: tuple[Lane, ...]
    failures: tuple[Failure, ...]
    heartbeats: tuple[Heartbeat, ...]

    @classmethod
    def take(cls, now: dt.datetime) -> Picture:
        """Count along the partial indexes of what waits and of what failed: what has left costs nothing."""
        late_before = now - LATE_AFTER
        due = Reminder.objects.due(now).order_by().aggregate(due=Count("pk"), late=_count(due_at__lte=late_before))
        failures = tuple(
            Failure(*row)
            for row in Message.objects.dead()
            .values_list("channel", "error")
            .annotate(Count("pk"))
            .order_by("channel", "error")
        )
        return cls(
            Pulse.take(now), due["due"], due["late"], _lanes(now, failures), failures, tuple(Heartbeat.objects.all())
        )

    @property
    def verdict(self) -> Verdict:
        """Fine, late, or stopped."""
        return self.pulse.verdict

    @property
    def to_post(self) -> int:
        """Letters that may leave now."""
        return sum(lane.due for lane in self.lanes)

    @property
    def late_letters(self) -> int:
        """Those that could have left long ago."""
        return sum(lane.late for lane in self.lanes)

    @property
    def retried(self) -> int:
        """Letters refused for a time, which are tried again."""
        return sum(lane.retried for lane in self.lanes)

    @cached_property
    def dead(self) -> int:
        """Letters given up that somebody can replay."""
        return sum(failure.count for failure in self.failures)

    def alive(self, kind: HeartbeatKind) -> int:
        """How many processes of that kind are alive."""
        return sum(one.kind == kind and self.is_alive(one) for one in self.heartbeats)

    def is_alive(self, heartbeat: Heartbeat) -> bool:
        """Whether it was seen lately."""
        return self.pulse.now - heartbeat.seen_at < ALIVE_FOR


def _count(**condition: Any) -> Count:
    return Count("pk", filter=Q(**condition))


def _lanes(now: dt.datetime, failures: tuple[Failure, ...]) -> tuple[Lane, ...]:
    counts = {
        "due": _count(not_before__lte=now),
        "late": _count(not_before__lte=now - LATE_AFTER),
        "retried": _count(attempts__gt=0),
    }
    pending = Message.objects.filter(state=MessageState.PENDING).order_by().values_list("channel")
    waiting = {channel: dict(zip(counts, found, strict=True)) for channel, *found in pending.annotate(**counts)}
    sending = dict(
        Message.objects.filter(state=MessageState.SENDING).order_by().values_list("channel").annotate(Count("pk"))
    )
    failed = {
        channel: sum(one.count for one in failures if one.channel == channel) for channel in MessageChannel.values
    }
    lanes = [
        Lane(
            channel.value,
            channel.label,
            sending=sending.get(channel.value, 0),
            failed=failed[channel.value],
            **waiting.get(channel.value, {}),
        )
        for channel in MessageChannel
    ]
    account = AccountLetter.objects.order_by()
    due = account.filter(state=AccountLetter.State.PENDING).aggregate(**counts)
    over = account.aggregate(
        sending=_count(state=AccountLetter.State.SENDING), failed=_count(state=AccountLetter.State.FAILED)
    )
    return (*lanes, Lane(ACCOUNT, "Lettres de compte", **due, **over))
