"""Second stage: letters are claimed, posted, marked.

A letter is claimed before it is sent, by the key of a PostgreSQL advisory lock that its poster holds. When the poster
dies, its connection ends and the lock is free at once: whoever finds a claimed letter whose lock is free gives it back,
without waiting for any time-out. One commit marks a letter sent and claims the next.

The window: between the server's acceptance and our commit, nobody knows whether the letter left. A poster that dies
there has its letter resent once, with the same Message-ID, and the row says so (`interrupted`).

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
from types import TracebackType
from typing import Any, Protocol

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import QuerySet

from accounts.models import AccountLetter
from referrals import freshness, notifications
from referrals.models import Message
from referrals.models.message import INTERRUPTED, MessageState
from worker.channels.smtp import Refused, SmtpChannel, Written

logger = logging.getLogger(__name__)

RECHECK_AFTER = dt.timedelta(minutes=10)
"""A letter older than this (a mail server was down) is checked again: what it asks for may have been done."""


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
    """Either table of letters."""

    def due(self, now: dt.datetime, /) -> QuerySet[Any]:
        """Letters that may be posted."""

    def claimants(self) -> set[int]:
        """The posters that hold letters."""

    def release(self, dead: Iterable[int], /) -> int:
        """Give back the letters of dead posters."""

    def claim(self, now: dt.datetime, claimed_by: int, /) -> Letter | None:
        """Take the next due letter."""


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


class Poster:
    """Posts letters under one advisory lock, on one SMTP connection. A context manager, outside any transaction."""

    def __init__(self, clock: Callable[[], dt.datetime]) -> None:
        self._clock = clock
        self.key = secrets.randbelow(2**62) + 1
        self.channel = SmtpChannel()
        # Letters about accounts first: somebody is waiting for them in front of a screen.
        self.tables: tuple[Table, ...] = (AccountLetter.objects.all(), Message.objects.all())

    def __enter__(self) -> Poster:
        _ask("SELECT pg_advisory_lock(%s)", self.key)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self.channel.__exit__(kind, error, tb)
        finally:
            try:
                _ask("SELECT pg_advisory_unlock(%s)", self.key)
            except (DatabaseError, InterfaceError):
                # The connection is broken, and its locks with it.
                connection.close()

    def take_over(self) -> int:
        """Give back the letters of posters that died; return how many."""
        given_back = 0
        for table in self.tables:
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
        """Post up to `limit` letters, until `deadline` (of `time.monotonic`). Raises `smtp.Unreachable`."""
        tally = Tally()
        for table in self.tables:
            letter = self._next(table, None, wanted=True)
            while letter is not None:
                mark = self._handle(letter, tally)
                letter = self._next(table, mark, wanted=tally.handled < limit and time.monotonic() < deadline)
        return tally

    def _next(self, table: Table, mark: Callable[[], None] | None, *, wanted: bool) -> Letter | None:
        """Mark the last letter and claim the next one, in one commit; claim nothing that could not be posted now."""
        if not self.channel.is_ready:
            if mark is not None:
                # Connecting takes time: what is known of the last letter does not wait for it.
                with transaction.atomic(durable=True):
                    mark()
                mark = None
            if wanted and table.due(self._clock()).exists():
                self.channel.open()
        with transaction.atomic(durable=True):
            if mark is not None:
                mark()
            return table.claim(self._clock(), self.key) if wanted and self.channel.is_ready else None

    def _handle(self, letter: Letter, tally: Tally) -> Callable[[], None]:
        """Post one claimed letter; return what is to be written of it."""
        if letter.is_hopeless:
            tally.failed += 1
            return lambda: self._failed(letter, "interrupted too often", final=True)
        if isinstance(letter, Message) and (reason := self._overtaken(letter)):
            tally.withdrawn += 1
            return lambda: self._withdrawn(letter, reason)
        try:
            self.channel.post(letter)
        except Refused as refused:
            tally.failed += 1
            code = f"{INTERRUPTED}, {refused.code}" if refused.doubtful else refused.code
            final = refused.final
            return lambda: self._failed(letter, code, final=final)
        tally.sent += 1
        return lambda: self._sent(letter)

    def _overtaken(self, message: Message) -> str:
        now = self._clock()
        if now - message.created_at <= RECHECK_AFTER:
            return ""
        return notifications.overtaken(message, now) or freshness.overtaken(message, now)

    def _sent(self, letter: Letter) -> None:
        if not letter.mark_sent(self._clock()):
            # Our lock was lost (a cut connection) and another poster took the letter over: it resends it.
            logger.warning("letter %s was posted by a poster that had lost it: it may arrive twice", letter.pk)

    def _failed(self, letter: Letter, code: str, *, final: bool) -> None:
        letter.mark_failed(self._clock(), code, final=final)
        given_up = letter.state == MessageState.FAILED
        logger.warning("letter %s was not posted (%s): %s", letter.pk, code, "given up" if given_up else "tried later")
        if given_up and isinstance(letter, Message):
            notifications.given_up(letter)

    def _withdrawn(self, message: Message, reason: str) -> None:
        message.withdraw(reason)
        logger.info("letter %s was withdrawn: %s", message.pk, reason)


def _ask(sql: str, key: int) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql, [key])
        return cursor.fetchone()[0]
