"""Second stage: letters are claimed, posted, marked.

A letter is claimed before it is sent, by the key of a PostgreSQL advisory lock that its poster holds. When the poster
dies, its connection ends and the lock is free at once: whoever finds a claimed letter whose lock is free gives it back,
without waiting for any time-out. A claim is on the disk before the letter is handed over; its mark follows the server's
answer in one statement that does not wait for the disk, and the next claim takes it there.

Each channel has its own connection, its own limit and its own outages: a gateway that is down delays its letters alone.

The window: between the server's acceptance and our commit, nobody knows whether the letter left. A poster that dies
there has its letter resent once, with the same Message-ID, and the row says so (`interrupted`). When PostgreSQL itself
crashes, so are the letters whose marks had not reached the disk: the last one of each poster.

Celery's Django fixup closes connections around each task, and the lock goes with them: a `Poster` lives within one
task, and a connection pooler must not share a session between transactions.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Protocol

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import QuerySet

from accounts.models import AccountLetter
from referrals import freshness, notifications
from referrals.models import FailingAddress, Gateway, Message
from referrals.models.message import INTERRUPTED, MessageChannel, MessageState
from worker.channels.channel import Channel, Refused, Unreachable, Written
from worker.channels.sms import SmsChannel
from worker.channels.smtp import SmtpChannel

logger = logging.getLogger(__name__)

RECHECK_AFTER = dt.timedelta(minutes=1)
"""A letter older than this (a mail server was down, a worker died) is checked again: what it asks for may have been
done."""


class Letter(Written, Protocol):
    """A claimed row of either table of letters."""

    pk: Any
    state: str

    @property
    def is_hopeless(self) -> bool:
        """Whether it was interrupted so often that it may be what kills its poster."""

    def mark_sent(self, now: dt.datetime) -> bool:
        """The server took it."""

    def mark_failed(self, now: dt.datetime, failure: str, /, *, final: bool = False) -> bool:
        """An attempt failed."""


class Table(Protocol):
    """Either table of letters, with those that are in a poster's hand."""

    def claimants(self) -> set[int]:
        """The posters that hold letters."""

    def release(self, dead: Iterable[int], /) -> int:
        """Give back the letters of dead posters."""


@dataclass
class Tally:
    """What became of the letters handled."""

    sent: int = 0
    failed: int = 0
    withdrawn: int = 0

    @property
    def handled(self) -> int:
        """How many left the queue, for good or for later."""
        return self.sent + self.failed + self.withdrawn

    def __iadd__(self, other: Tally) -> Tally:
        self.sent += other.sent
        self.failed += other.failed
        self.withdrawn += other.withdrawn
        return self


@dataclass
class Lane:
    """The letters of one table that leave by one channel: those that may be posted, and how the next one is taken for a
    poster. `rests` once its gateway is not to be tried in this wake."""

    due: Callable[[dt.datetime], QuerySet[Any]]
    claim: Callable[[dt.datetime, int], Letter | None]
    kind: MessageChannel
    channel: Channel
    rests: bool = False


class _Throttled(Exception):
    """The gateway's share of this moment is used up: the letter stays where it is."""


class LockLost(Exception):
    """The connection was cut and another one opened: what would be claimed now would look like a dead poster's."""


class Poster:
    """Posts letters under one advisory lock, on one connection per gateway. A context manager, outside any transaction.

    `unreachable` tells why a channel's gateway could not be reached. Once `stopping`, no other letter is claimed.
    """

    def __init__(self, clock: Callable[[], dt.datetime], stopping: Callable[[], bool] = lambda: False) -> None:
        self._clock = clock
        self._stopping = stopping
        self.key = secrets.randbelow(2**62) + 1
        self.unreachable: dict[MessageChannel, str] = {}
        self._failing: set[str] = set()
        smtp, sms = SmtpChannel(), SmsChannel()
        # Letters about accounts first: somebody is waiting for them in front of a screen.
        account = AccountLetter.objects
        self.lanes = (
            Lane(account.due, account.claim, MessageChannel.EMAIL, smtp),
            *(
                Lane(Message.objects.by(kind).due, partial(Message.objects.claim, channel=kind), kind, channel)
                for kind, channel in ((MessageChannel.EMAIL, smtp), (MessageChannel.SMS, sms))
            ),
        )

    def __enter__(self) -> Poster:
        if connection.in_atomic_block:
            raise RuntimeError("a claim must be durable before its letter is posted: not within a transaction")
        _ask("SELECT pg_advisory_lock(%s)", self.key)
        self._failing = set(FailingAddress.objects.order_by().values_list("address", flat=True))
        self._session = connection.connection
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            for lane in self.lanes:
                lane.channel.close()
        finally:
            try:
                _ask("SELECT pg_advisory_unlock(%s)", self.key)
            except (DatabaseError, InterfaceError):
                # The connection is broken, and its locks with it.
                connection.close()

    def take_over(self) -> int:
        """Give back the letters of posters that died; return how many."""
        given_back = 0
        tables: tuple[Table, ...] = (AccountLetter.objects.all(), Message.objects.all())
        for table in tables:
            for key in table.claimants() - {self.key}:
                if not _ask("SELECT pg_try_advisory_lock(%s)", key):
                    continue
                try:
                    count = table.release([key])
                finally:
                    _ask("SELECT pg_advisory_unlock(%s)", key)
                if count:
                    logger.warning("%s letter(s) of a dead poster are resent with the same Message-ID", count)
                given_back += count
        return given_back

    def post_batch(self, limit: int, deadline: float) -> Tally:
        """Post up to `limit` letters of each channel, until `deadline` (of `time.monotonic`)."""
        tally = Tally()
        held = Gateway.objects.held(self._clock())
        for lane in self.lanes:
            if lane.kind in self.unreachable or lane.rests or lane.kind in held:
                continue
            try:
                tally += self._post_lane(lane, limit, deadline)
            except Unreachable as error:
                self.unreachable[lane.kind] = str(error)
                logger.warning("the gateway of %s cannot be reached (%s): letters wait", lane.kind.value, error)
        return tally

    def _post_lane(self, lane: Lane, limit: int, deadline: float) -> Tally:
        tally = Tally()
        while not (tally.handled >= limit or time.monotonic() >= deadline or lane.rests or self._stopping()):
            letter = self._next(lane)
            if letter is None:
                break
            self._handle(lane, letter, tally)
        return tally

    def _next(self, lane: Lane) -> Letter | None:
        """Claim the next letter; none that could not be posted now."""
        if not lane.channel.is_ready:
            if not lane.due(self._clock()).exists():
                return None
            lane.channel.open()
        if connection.connection is not self._session:
            raise LockLost
        now = self._clock()
        if not lane.channel.per_minute:
            return lane.claim(now, self.key)
        try:
            with transaction.atomic(durable=True):
                letter = lane.claim(now, self.key)
                if letter is not None and not Gateway.objects.take(lane.kind, now, lane.channel.per_minute):
                    raise _Throttled
                return letter
        except _Throttled:
            lane.rests = True
            return None

    def _handle(self, lane: Lane, letter: Letter, tally: Tally) -> None:
        """Post one claimed letter, and write at once what came of it."""
        if letter.is_hopeless:
            tally.failed += 1
            self._failed(letter, "interrupted too often", final=True)
            return
        if isinstance(letter, Message) and (reason := self._overtaken(letter)):
            tally.withdrawn += 1
            self._withdrawn(letter, reason)
            return
        try:
            lane.channel.post(letter)
        except Refused as refused:
            tally.failed += 1
            code = f"{INTERRUPTED}, {refused.code}" if refused.doubtful else refused.code
            lane.rests = bool(refused.rest) or lane.rests
            self._failed(letter, code, final=refused.final, hold=(lane.kind, refused.rest))
            return
        tally.sent += 1
        self._sent(letter)

    def _overtaken(self, message: Message) -> str:
        now = self._clock()
        if now - message.created_at <= RECHECK_AFTER:
            return ""
        return notifications.overtaken(message, now) or freshness.overtaken(message, now)

    def _sent(self, letter: Letter) -> None:
        now = self._clock()
        try:
            marked = letter.mark_sent(now)
        except (OperationalError, InterfaceError):
            # Our connection was cut while the server had the letter: its answer is written by another one, unless
            # somebody has taken the letter over since. Nothing more is claimed then: `LockLost`.
            connection.close()
            marked = letter.mark_sent(now)
        if not marked:
            # Our lock was lost (a cut connection) and another poster took the letter over: it resends it.
            logger.warning("letter %s was posted by a poster that had lost it: it may arrive twice", letter.pk)
        if letter.to.lower() in self._failing:
            FailingAddress.objects.taken(letter.to, now)

    @transaction.atomic(durable=True)
    def _failed(
        self, letter: Letter, code: str, *, final: bool, hold: tuple[MessageChannel, bool | dt.timedelta] | None = None
    ) -> None:
        now = self._clock()
        letter.mark_failed(now, code, final=final)
        if hold is not None and isinstance(hold[1], dt.timedelta):
            Gateway.objects.hold(hold[0], now + hold[1])
        given_up = letter.state == MessageState.FAILED
        logger.warning("letter %s was not posted (%s): %s", letter.pk, code, "given up" if given_up else "tried later")
        if not given_up:
            return
        # Nothing is known against an address that did not answer, nor of one whose server only asked to come back later
        # with a letter about an account, which is given up after two hours.
        answered = not code.startswith(INTERRUPTED)
        if answered and (isinstance(letter, Message) or (isinstance(letter, AccountLetter) and final)):
            FailingAddress.objects.note(letter, code, now)
            self._failing.add(letter.to.lower())
        if isinstance(letter, Message):
            notifications.given_up(letter)

    def _withdrawn(self, message: Message, reason: str) -> None:
        message.withdraw(reason)
        logger.info("letter %s was withdrawn: %s", message.pk, reason)


def _ask(sql: str, key: int) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql, [key])
        return cursor.fetchone()[0]
