"""A real SMTP server that keeps what it is given."""

import email
import email.policy
from collections.abc import Callable
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from local.valkey import free_port


class Inbox(list[EmailMessage]):
    """Letters in the order of their arrival; `X-Rcpt-To` holds the addresses of the envelope."""

    def message_ids(self) -> list[str]:
        """The Message-ID of each letter."""
        return [str(letter["Message-ID"]) for letter in self]

    def to(self, address: str) -> list[EmailMessage]:
        """The letters whose envelope names this address."""
        return [letter for letter in self if address in str(letter["X-Rcpt-To"]).split(", ")]


class Handler:
    """Accept every letter, or answer `refusal` when a test sets one (for instance `451 try later`).

    `refused` gives the answer to some addresses (`550 unknown`); `when_kept` is called once a letter is kept, before
    it is answered: it may take its time, or cut the line (`server.transport.abort()`).
    """

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.refusal: str | None = None
        self.refused: dict[str, str] = {}
        self.when_kept: Callable[[SMTP], None] | None = None

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Called by the server for each address of the envelope."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Called by the server at the end of each letter."""
        if self.refusal is not None:
            return self.refusal
        letter = email.message_from_bytes(envelope.original_content or b"", policy=email.policy.default)
        letter["X-Rcpt-To"] = ", ".join(envelope.rcpt_tos)
        self.inbox.append(letter)
        if self.when_kept is not None:
            self.when_kept(server)
        return "250 OK"


class SmtpServer:
    """One server on a random loopback port, in a thread of its own."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.handler = Handler(self.inbox)
        self.port = free_port()
        self._controller = Controller(self.handler, hostname="127.0.0.1", port=self.port)

    def start(self) -> None:
        """Listen."""
        self._controller.start()

    def stop(self) -> None:
        """Stop listening."""
        self._controller.stop()
