"""Keep a handful of programs alive, and leave none behind."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from local.errors import DISK_FULL, CannotStart, speaks_of_full_disk
from local.processes import kill_group, started_at, stop, wait_end, wait_gone

DEATHS_ALLOWED = 5
DEATHS_WINDOW = 60.0
LONGEST_PAUSE = 8.0


@dataclass
class Program:
    """One program under watch: how it is started, how it is asked to stop, and its recent deaths."""

    name: str
    start: Callable[[], subprocess.Popen]
    log: Path
    signals: tuple[int, ...] = (signal.SIGTERM,)
    patience: float = 10
    # The others need it until their end: it stops after them.
    is_server: bool = False
    process: subprocess.Popen | None = None
    deaths: list[float] = field(default_factory=list)
    start_again_at: float = 0


def last_words(log: Path) -> str:
    """The last line that a program wrote, for a message of one line."""
    try:
        text = log.read_bytes()[-4000:].decode(errors="replace")
    except OSError:
        return ""
    return next((line.strip()[:160] for line in reversed(text.splitlines()) if line.strip()), "")


class Supervisor:
    """Start programs in order, start them again when they die, stop them in good order.

    The pids stand in a file, so that the next start can end what a `kill -9` of this process left behind; the
    programs also ask the kernel for a signal at our death (see `local/child.py`).
    """

    def __init__(self, record: Path) -> None:
        self.record = record
        self.programs: list[Program] = []

    def clear_leftovers(self) -> None:
        """End what a killed supervisor left: it is already stopping, it gets ten seconds."""
        try:
            left = json.loads(self.record.read_text())
        except (OSError, ValueError):
            return
        limit = time.monotonic() + 10
        for pid, started in left:
            if not wait_gone(pid, started, max(limit - time.monotonic(), 0)):
                kill_group(pid)
                wait_gone(pid, started, 5)
        self.record.unlink(missing_ok=True)

    def add(self, program: Program) -> None:
        """Start a program and watch it from now on."""
        self.programs.append(program)
        self._start(program)

    def watch(self) -> None:
        """Look once: start again what died. Raises CannotStart when a program keeps dying."""
        now = time.monotonic()
        for program in self.programs:
            if program.process is None:
                if now >= program.start_again_at:
                    self._start(program)
            elif program.process.poll() is not None:
                self._bury(program, now)

    def restart(self, name: str, reason: str) -> None:
        """Stop a program that lives but does not work, and start it again at the next look; its log says why."""
        for program in self.programs:
            if program.name == name and program.process is not None:
                stop(program.process, *program.signals, patience=program.patience)
                program.process = None
                program.start_again_at = 0
                said = f"{time.strftime('%Y-%m-%d %H:%M:%S')} « {name} » {reason} : je le relance."
                with program.log.open("a") as log:
                    print(said, file=log)
                print(said, file=sys.stderr)

    def stop_all(self) -> None:
        """Ask the programs to stop, all together, then the servers that they use, and wait for each."""
        for servers in (False, True):
            living = [p for p in reversed(self.programs) if p.process is not None and p.is_server is servers]
            for program in living:
                assert program.process is not None
                program.process.send_signal(program.signals[0])
            for program in living:
                assert program.process is not None
                wait_end(program.process, program.patience)
                stop(program.process, *program.signals[1:], patience=program.patience)
                program.process = None
        self.record.unlink(missing_ok=True)

    def _start(self, program: Program) -> None:
        program.process = program.start()
        living = [program.process for program in self.programs if program.process is not None]
        self.record.write_text(json.dumps([(process.pid, started_at(process.pid)) for process in living]))

    def _bury(self, program: Program, now: float) -> None:
        assert program.process is not None
        kill_group(program.process.pid)  # Its own children must not work beside its successor.
        program.process = None
        program.deaths = [moment for moment in program.deaths if now - moment < DEATHS_WINDOW] + [now]
        if len(program.deaths) >= DEATHS_ALLOWED:
            said = last_words(program.log)
            if speaks_of_full_disk(said):
                raise CannotStart(DISK_FULL)
            raise CannotStart(
                f"« {program.name} » s’arrête sans cesse : tout est arrêté. Détail : {program.log} ({said})"
            )
        program.start_again_at = now + min(0.5 * 2 ** (len(program.deaths) - 1), LONGEST_PAUSE)
        print(f"« {program.name} » s’est arrêté, je le relance (journal : {program.log}).", file=sys.stderr)
