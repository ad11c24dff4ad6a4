"""Start, recognise and stop the processes of one machine."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any

CHILD = Path(__file__).with_name("child.py")


@cache
def unprivileged_mode() -> str:
    """How a program that refuses root is started here: a mode of `local/child.py`."""
    if os.geteuid() != 0:
        return "same"
    probe = subprocess.run(
        [sys.executable, "-I", "-S", CHILD, "9", "0", "namespace", "/bin/true"],
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return "namespace" if probe.returncode == 0 else "nobody"


def unprivileged_owner() -> int:
    """The uid, as seen from outside, of what a program started in `unprivileged_mode` writes."""
    return 65534 if unprivileged_mode() == "nobody" else os.geteuid()


def spawn(
    command: list[str],
    *,
    output: IO[Any] | int | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    death_signal: int = signal.SIGTERM,
    mode: str = "same",
) -> subprocess.Popen:
    """Start a program in its own process group; the kernel sends it `death_signal` when we die.

    Must be called from the main thread: the kernel watches the thread that started the program.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(CHILD), str(int(death_signal)), str(os.getpid()), mode, *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        env=env,
        cwd=cwd,
        start_new_session=True,
    )


def started_at(pid: int) -> str | None:
    """The kernel's start time of a process: it tells it from a later one with its pid. None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else fields[19]


def command_line(pid: int) -> list[str]:
    """The arguments of a living process; empty when it is gone."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [os.fsdecode(part) for part in raw.split(b"\0") if part]


def kill_group(pid: int) -> None:
    """Kill whatever is left of the process group led by `pid`."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def wait_gone(pid: int, started: str | None, seconds: float) -> bool:
    """Wait until a process that is not ours has gone; tell whether it has."""
    limit = time.monotonic() + seconds
    while started is not None and started_at(pid) == started:
        if time.monotonic() > limit:
            return False
        time.sleep(0.05)
    return True


def stop(process: subprocess.Popen, *signals: int, patience: float = 10) -> None:
    """Send the signals in turn, each with `patience` seconds to be obeyed; then kill the whole group."""
    for number in signals:
        if process.poll() is None:
            process.send_signal(number)
            wait_end(process, patience)
    kill_group(process.pid)
    process.wait()


def wait_end(process: subprocess.Popen, patience: float) -> None:
    """Give a program of ours some seconds to end by itself."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience)
