"""What every way of posting has in common: what it is given, and how it tells that it could not."""

from __future__ import annotations

import datetime as dt
from typing import Protocol


class Written(Protocol):
    """What is posted: a row of either table of letters."""

    to: str
    subject: str
    body_text: str
    body_html: str
    calendar: str

    @property
    def message_id(self) -> str:
        """The Message-ID header, the same at each attempt."""


class Unreachable(Exception):
    """The gateway cannot be reached, or lets nobody in: no letter is to blame."""


class Refused(Exception):
    """One letter was not posted. `code` says why, without an address; `final` that trying again is useless;
    `doubtful` that the gateway may have taken it all the same.

    `rest` says that the gateway itself is unwell: it is left in peace until the next wake, or for that long.
    """

    def __init__(
        self, code: str, *, final: bool = False, doubtful: bool = False, rest: bool | dt.timedelta = False
    ) -> None:
        super().__init__(code)
        self.code = code
        self.final = final
        self.doubtful = doubtful
        self.rest = rest


class Channel(Protocol):
    """One gateway, on one connection that a `Poster` opens and closes."""

    per_minute: int
    """The most that the gateway takes from all workers together; 0 when it sets no limit."""

    @property
    def is_ready(self) -> bool:
        """Whether a letter can be posted without connecting first."""

    def open(self) -> None:
        """Be connected. Raises `Unreachable`. To be called before a letter is claimed: an outage then costs none of
        them an attempt."""

    def post(self, letter: Written, /) -> None:
        """Post one letter. Raises `Refused`."""

    def close(self) -> None:
        """Hang up; harmless twice."""
