"""A mail server in a process of its own, that remembers what it took and, while the storm lasts, misbehaves.

`python -m tests.worker.mailbox PORT FOLDER`. `journal` in the folder gets one line per letter, written before the
answer: what became of it, and its Message-ID. While `storm` exists there, one letter in some dozens is answered late,
refused for now, refused for good, or has its line cut: before the letter is taken, after it is taken and before the
answer, or after the answer. `delay` holds the seconds that each letter takes.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import sys
from collections import Counter
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.MULTILINE | re.IGNORECASE)
SLOW_SECONDS = 0.4

TAKEN, UNANSWERED, HUNG_UP = "taken", "unanswered", "hung_up"
"""The letter was taken: and said so; and its line was cut before the answer; and its line was cut after it."""
LATER, NEVER, CUT = "later", "never", "cut"
"""The letter was not taken: refused for now, refused for good, its line cut."""

ODDS = {"slow": 0.01, LATER: 0.01, NEVER: 0.003, CUT: 0.003, UNANSWERED: 0.002, HUNG_UP: 0.003}
"""What happens to a letter in the storm, and how often."""


class Handler:
    """Writes one line for each letter."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.storm = folder / "storm"
        self.delay = float((folder / "delay").read_text())
        # Each line is one write to a file opened for appending: none is torn, and none is lost with this process.
        self.journal = os.open(folder / "journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.dice = random.Random(seed)

    def _draw(self) -> str:
        if not self.storm.exists():
            return TAKEN
        return self.dice.choices([*ODDS, TAKEN], [*ODDS.values(), 1 - sum(ODDS.values())])[0]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Called by the server at the end of each letter."""
        fate = self._draw()
        if fate == "slow":
            await asyncio.sleep(SLOW_SECONDS)
            fate = TAKEN
        elif self.delay:
            await asyncio.sleep(self.delay)
        found = MESSAGE_ID.search(envelope.original_content or b"")
        line = server.transport
        assert isinstance(line, asyncio.Transport)  # a letter has just come by it
        os.write(self.journal, f"{fate} {found[1].decode() if found else '?'}\n".encode())
        match fate:
            case "later":
                return "451 try later"
            case "never":
                return "554 no"
            case "cut" | "unanswered":
                line.abort()
            case "hung_up":
                asyncio.get_running_loop().call_later(0.001, line.close)
        return "250 OK"


class Mailbox:
    """The journal of a mail server, as another process reads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self, delay: float = 0) -> None:
        """Make the folder ready, in a storm."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "delay").write_text(str(delay))
        (self.folder / "storm").touch()
        (self.folder / "journal").touch()

    def calm(self) -> None:
        """From now on every letter is taken at once."""
        (self.folder / "storm").unlink(missing_ok=True)

    def fates(self) -> list[tuple[str, str]]:
        """What became of each letter, with its Message-ID, in their order."""
        lines = (self.folder / "journal").read_text().splitlines()
        return [(fate, message_id) for fate, _, message_id in (line.partition(" ") for line in lines)]

    def taken(self) -> Counter[str]:
        """How often each Message-ID was taken, whether its poster heard of it or not."""
        return Counter(message_id for fate, message_id in self.fates() if fate in (TAKEN, UNANSWERED, HUNG_UP))


def main(port: int, folder: Path) -> None:
    """Serve until a signal ends it."""
    controller = Controller(Handler(folder, seed=port), hostname="127.0.0.1", port=port)
    controller.start()
    signal.pause()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
