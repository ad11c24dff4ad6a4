"""The launcher of one machine notices a worker that hangs, says so and starts it again."""

from __future__ import annotations

import http.server
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.run import LOOK_EVERY, REST_AFTER_RESTART, Launch, posting_has_stopped
from local.supervisor import Program, Supervisor
from local.valkey import free_port


@pytest.fixture
def site() -> Iterator[Any]:
    """A site whose answer the test chooses: `answer = (status, text)`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = self.server.answer  # type: ignore[attr-defined]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("answer", "stopped"),
    [((200, b"fine\n"), False), ((200, b"late\n"), False), ((503, b"unknown\n"), False), ((503, b"stopped\n"), True)],
)
def test_only_a_stop_that_the_site_tells_is_one(site: Any, answer: tuple[int, bytes], stopped: bool) -> None:
    site.answer = answer
    assert posting_has_stopped(site.server_address[1]) is stopped


def test_a_site_that_does_not_answer_says_nothing_of_the_worker() -> None:
    assert posting_has_stopped(free_port()) is False


def test_a_worker_that_hangs_is_started_again_and_its_log_says_why(site: Any, tmp_path: Path) -> None:
    launch = Launch(site.server_address[1])
    launch.supervisor = supervisor = Supervisor(tmp_path / "processes.json")

    def start() -> subprocess.Popen:
        # Deaf to a gentle stop, as what hangs may be.
        deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
        process = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, start_new_session=True)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    log = tmp_path / "worker.log"
    supervisor.add(Program("worker", start, log, (signal.SIGTERM,), patience=0.2))
    (program,) = supervisor.programs
    first = program.process
    assert first is not None
    try:
        site.answer = (200, b"late\n")
        assert launch.look_after_posting() == LOOK_EVERY
        assert first.poll() is None
        site.answer = (503, b"stopped\n")
        assert launch.look_after_posting() == REST_AFTER_RESTART
        assert first.poll() is not None
        assert "depuis dix minutes" in log.read_text()
        supervisor.watch()
        assert program.process is not None
        assert program.process.pid != first.pid
        assert program.deaths == []
    finally:
        supervisor.stop_all()
