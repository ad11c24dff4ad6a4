"""The letterbox of a demonstration: an SMTP server that keeps every letter as a file and sends none on.

Run as `python -m local.mail PORT FOLDER`. Each letter becomes one `.eml` file, readable by any mail program.
"""

import asyncio
import signal
import sys
import time
from itertools import count
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class Letterbox:
    """Write each letter under a name that sorts by arrival."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = count(1)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Called at the end of each letter; a letter that cannot be kept is refused for now, not lost."""
        name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{next(self.numbers):06}"
        draft, kept = self.folder / f"{name}.part", self.folder / f"{name}.eml"
        try:
            draft.write_bytes(envelope.original_content or b"")
            draft.rename(kept)
        except OSError:
            return "452 Insufficient storage"
        return "250 OK"


async def serve(port: int, folder: Path) -> None:
    """Answer on the loopback until told to stop."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    letterbox = Letterbox(folder)
    server = await loop.create_server(lambda: SMTP(letterbox, enable_SMTPUTF8=True), "127.0.0.1", port)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
