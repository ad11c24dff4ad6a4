"""Real workers, in processes of their own, on the test's database, broker and mail server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import connection

from local.processes import kill_group, spawn
from worker.celery import app

ROOT = Path(__file__).resolve().parent.parent


def database_url() -> str:
    """The address of the database that this test uses."""
    to = connection.settings_dict
    login = quote(to["USER"]) + (f":{quote(to['PASSWORD'])}" if to["PASSWORD"] else "")
    place = {"host": to["HOST"], "port": str(to["PORT"])}
    return f"postgresql://{login}@/{to['NAME']}?{urlencode({key: value for key, value in place.items() if value})}"


def environment(broker: str, smtp_port: int, site_url: str = "") -> dict[str, str]:
    """What a process needs to work on the same servers as the test."""
    return os.environ | {
        "RELAIS_DEMO": "1",
        "DATABASE_URL": database_url(),
        "REDIS_URL": broker,
        "EMAIL_URL": f"smtp://127.0.0.1:{smtp_port}",
        "SITE_URL": site_url or settings.SITE_URL,
        "PYTHONUNBUFFERED": "1",
    }


def wait_until(true: Callable[[], Any], seconds: float = 60) -> Any:
    """Poll until something is true, and return it. Raises `TimeoutError`."""
    limit = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() > limit:
            raise TimeoutError("it did not become true")
        time.sleep(0.05)
    return found


class CeleryProcess:
    """Celery processes for one test: `start()` gives a worker that is ready, `wake()` does what beat does."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self.env = env
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one worker, and wait until it is ready for tasks."""
        process = self.launch(*arguments)
        log = self._log(len(self.processes) - 1)

        def is_ready() -> bool:
            if process.poll() is not None:
                raise RuntimeError(log.read_text())
            return " ready." in log.read_text()

        wait_until(is_ready, 60)
        return process

    def launch(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one worker without waiting for it."""
        return self._spawn("worker", "--loglevel", "INFO", "--concurrency", "1", *arguments)

    def start_beat(self) -> subprocess.Popen[bytes]:
        """Start a beat."""
        return self._spawn("beat", "--schedule", str(self.folder / f"beat{len(self.processes)}"), "--pidfile=")

    def _log(self, number: int) -> Path:
        return self.folder / f"{number}.log"

    def _spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        number = len(self.processes)
        command = [sys.executable, "-m", "celery", "-A", "worker.celery:app", *arguments]
        if arguments[0] == "worker":
            command += ["--hostname", f"test{os.getpid()}-{number}@%h", "--without-gossip", "--without-mingle"]
        with self._log(number).open("wb") as output:
            # Dies with us: a run that is killed leaves no worker that would take the next one's wakes.
            process = spawn(command, cwd=ROOT, env=self.env, output=output)
        self.processes.append(process)
        return process

    def wake(self, expires: float | None = None) -> None:
        """Ask for one wake, through the broker; it is forgotten when nobody takes it within `expires` seconds."""
        with app.connection_for_write(url=self.env["REDIS_URL"]) as link:
            app.send_task("worker.tasks.wake", connection=link, expires=expires, retry=False)

    def logs(self) -> str:
        """All that the processes wrote."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def stop(self) -> None:
        """Stop every process that was started here, gently then for good."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                kill_group(process.pid)
                process.wait()
