"""`bin/run`: the whole of Relais on this machine, with the demonstration territory."""

import argparse
import fcntl
import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from local.errors import DISK_FULL, CannotStart, is_full_disk, speaks_of_full_disk
from local.postgres import Postgres, binary
from local.processes import spawn, stop
from local.supervisor import Program, Supervisor, last_words
from local.temporary import private_folder, sweep
from local.valkey import Valkey, free_port

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
LOG = VAR / "log"
LARGEST_LOG = 5_000_000
# What --reset forgets: the demonstration, not the secret key nor the logs.
DEMO_DATA = ("postgres", "postgres.new", "valkey", "mail", "static", "attachments", "beat-schedule")


LOOK_EVERY = 60.0
"""Seconds between two questions to the site: do letters leave?"""

REST_AFTER_RESTART = 600.0
"""Seconds that a worker started again is given to pick something up."""


class Stopped(BaseException):
    """Someone asked for the end: Ctrl-C, a closed terminal, `kill`."""


class FrenchParser(argparse.ArgumentParser):
    """Says in French, in one line, that an option is wrong."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        print("Option inconnue ou incorrecte : voir bin/run --help.", file=sys.stderr)
        sys.exit(2)


def read_arguments(given: list[str]) -> argparse.Namespace:
    """Read the command line; its help is in French."""
    parser = FrenchParser(
        usage="bin/run [--port N] [--reset [--yes]] [--help]",
        description="Installe et lance Relais sur cette machine, avec un territoire de démonstration.",
        epilog="Ctrl-C arrête tout. Les données restent dans var/. DATABASE_URL, REDIS_URL et EMAIL_URL, s’ils sont "
        "définis, remplacent les serveurs intégrés.",
        add_help=False,
    )
    parser.add_argument("-h", "--help", action="help", help="affiche cette aide")
    parser.add_argument(
        "--port", type=int, default=8000, metavar="N", help="port du site, de 1 à 65535 (8000 par défaut)"
    )
    parser.add_argument("--reset", action="store_true", help="efface la démonstration et repart à neuf")
    parser.add_argument("--yes", action="store_true", help="avec --reset : ne demande pas confirmation")
    arguments = parser.parse_args(given)
    if not 1 <= arguments.port <= 65535:
        parser.error("port")
    return arguments


def take_lock() -> int:
    """Hold the folder for ourselves until we end. Raises CannotStart when another `bin/run` holds it."""
    handle = os.open(VAR / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        where = os.read(handle, 200).decode(errors="replace").strip() or "démarrage en cours"
        raise CannotStart(f"Relais tourne déjà dans ce dossier ({where}) : arrêtez-le d’abord par Ctrl-C.") from None
    return handle


def check_port(port: int) -> None:
    """Raise CannotStart when the site could not listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return
        except PermissionError:
            raise CannotStart(
                f"Le port {port} est réservé à l’administrateur : choisissez-en un autre, par exemple --port 8000."
            ) from None
        except OSError:
            raise CannotStart(
                f"Le port {port} est déjà pris par un autre programme : relancez avec --port {free_port()}."
            ) from None


def secret_key() -> str:
    """The key that signs sessions and links, made once and kept in a private file."""
    path = VAR / "secret_key"
    if not path.exists():
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(64))
        draft.rename(path)
    return path.read_text().strip()


def reset(confirmed: bool) -> None:
    """Forget the demonstration, after a confirmation."""
    if os.environ.get("DATABASE_URL"):
        raise CannotStart("--reset n’efface que la base intégrée, or DATABASE_URL en désigne une autre.")
    if not confirmed:
        if not sys.stdin.isatty():
            raise CannotStart("--reset efface la démonstration : ajoutez --yes pour le confirmer.")
        if input("Effacer les données de démonstration de ce dossier ? [o/N] ").strip().lower() not in {"o", "oui"}:
            raise CannotStart("Rien n’a été effacé.")
    for name in DEMO_DATA:
        path = VAR / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def trim_logs() -> None:
    """Keep the previous log of each program when it grew large."""
    for path in LOG.glob("*.log"):
        if path.stat().st_size > LARGEST_LOG:
            path.replace(path.with_suffix(".log.1"))


@dataclass
class Command:
    """A management command that runs to its end before Relais is ready."""

    what: str
    process: subprocess.Popen
    log: Path


class Launch:
    """One run: prepares the servers and the data, then keeps everything alive until told to stop."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.address = f"http://localhost:{port}"
        self.supervisor = Supervisor(VAR / "processes.json")
        self.private: Path | None = None
        self.commands: list[Command] = []
        self.env = os.environ | {
            "RELAIS_DEMO": "1",
            "DJANGO_SETTINGS_MODULE": "backend.settings",
            "SITE_URL": self.address,
            "STATIC_ROOT": str(VAR / "static"),
            "PYTHONUNBUFFERED": "1",
        }

    def prepare(self) -> None:
        """Bring up the servers and the data, in order."""
        sweep()
        trim_logs()
        check_port(self.port)
        self.private = private_folder()
        if not self.env.get("SECRET_KEY"):
            self.env["SECRET_KEY"] = secret_key()
        self._start_servers()
        collecting = self._manage("la préparation des fichiers statiques", "collectstatic", "--noinput", "-v0")
        self._finish(self._manage("la mise à jour de la base", "migrate", "--noinput", "-v0"))
        self._finish(collecting)
        if not self._has_users():
            print("Chargement du territoire de démonstration (la première fois seulement)…", flush=True)
            self._finish(self._manage("le chargement de la démonstration", "load_demo"))

    def serve(self) -> None:
        """Start the worker, its clock and the site; wait for the first answer; print where to go."""
        celery = ["-m", "celery", "--app", "worker.celery:app"]
        # One worker has nobody to talk to: without these three it starts and stops seconds faster.
        alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        self._watch("worker", [*celery, "worker", "--loglevel", "INFO", "--concurrency", "2", *alone])
        self._watch("beat", [*celery, "beat", "--schedule", str(VAR / "beat-schedule"), "--pidfile="])
        listen = ["--bind", f"127.0.0.1:{self.port}", "--worker-class", "gthread", "--workers", "2", "--threads", "4"]
        gentle = ["--graceful-timeout", "5", "--no-control-socket"]
        self._watch("web", ["-m", "gunicorn", "backend.wsgi:application", *listen, *gentle])
        logins = self._manage("la lecture des comptes de démonstration", "load_demo", "--logins")
        self._wait_answer()
        self._finish(logins)
        rows = [line.split("\t") for line in logins.log.read_text().splitlines() if line.count("\t") == 3]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        print(f"\nRelais est prêt : {self.address}\n")
        print("Comptes de démonstration (rôle, courriel, mot de passe, structure) :")
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print("  " + "  ".join(cells).rstrip())
        print("\nLettres envoyées : var/mail. Journaux : var/log. Ctrl-C arrête tout.", flush=True)

    def keep_alive(self) -> NoReturn:
        """Watch until a signal raises Stopped or a program dies too often."""
        look_at = time.monotonic() + LOOK_EVERY
        while True:
            self.supervisor.watch()
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + self.look_after_posting()
            time.sleep(0.3)

    def look_after_posting(self) -> float:
        """Start a worker and a clock that hang again; return in how many seconds to look again."""
        if not posting_has_stopped(self.port):
            return LOOK_EVERY
        for name in ("worker", "beat"):
            self.supervisor.restart(name, "n’a rien pris en charge depuis dix minutes")
        return REST_AFTER_RESTART

    def end(self) -> None:
        """Stop everything, leaving no process and no temporary folder."""
        for command in self.commands:
            stop(command.process, signal.SIGTERM, patience=5)
        self.supervisor.stop_all()
        if self.private is not None:
            shutil.rmtree(self.private, ignore_errors=True)

    def _start_servers(self) -> None:
        assert self.private is not None
        if not self.env.get("DATABASE_URL"):
            postgres = Postgres(VAR / "postgres", self.private / "s", LOG / "postgres.log", durable=True)
            signals = (signal.SIGINT, signal.SIGQUIT)
            self.supervisor.add(Program("postgres", postgres.start, postgres.log, signals, 30, is_server=True))
            self.env["DATABASE_URL"] = postgres.url()
        if not self.env.get("REDIS_URL"):
            valkey = Valkey(VAR / "valkey", self.private, LOG / "valkey.log", durable=True)
            self.supervisor.add(Program("valkey", valkey.start, valkey.log, is_server=True))
            self.env["REDIS_URL"] = valkey.url()
        if not self.env.get("EMAIL_URL"):
            port = free_port()
            (VAR / "mail").mkdir(exist_ok=True, mode=0o700)
            self._watch("mail", ["-m", "local.mail", str(port), str(VAR / "mail")])
            self.env["EMAIL_URL"] = f"smtp://127.0.0.1:{port}"

    def _watch(self, name: str, arguments: list[str]) -> None:
        log = LOG / f"{name}.log"

        def start() -> subprocess.Popen:
            with log.open("ab") as output:
                return spawn([sys.executable, *arguments], output=output, env=self.env, cwd=ROOT)

        self.supervisor.add(Program(name, start, log))

    def _manage(self, what: str, *arguments: str) -> Command:
        log = LOG / f"{arguments[0]}.log"
        with log.open("wb") as output:
            process = spawn([sys.executable, "manage.py", *arguments], output=output, env=self.env, cwd=ROOT)
        command = Command(what, process, log)
        self.commands.append(command)
        return command

    def _finish(self, command: Command) -> None:
        code = command.process.wait()
        if code != 0:
            if speaks_of_full_disk(command.log.read_text(errors="replace")):
                raise CannotStart(DISK_FULL)
            raise CannotStart(f"Échec : {command.what} ({last_words(command.log)}). Détail : {command.log}")

    def _has_users(self) -> bool:
        # Asked of the database itself: it may be another one than last time. The demonstration is loaded in one
        # transaction, so a single user means that it is there.
        ask = [binary("psql"), self.env["DATABASE_URL"], "-XqAt", "-c", "SELECT EXISTS (SELECT FROM accounts_user)"]
        answer = subprocess.run(ask, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise CannotStart(f"La base ne répond pas ({answer.stderr.strip().splitlines()[-1]}).")
        return answer.stdout.strip() == "t"

    def _wait_answer(self) -> None:
        limit = time.monotonic() + 180
        while time.monotonic() < limit:
            self.supervisor.watch()
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=20) as link:
                    link.sendall(b"GET /sante HTTP/1.0\r\nHost: localhost\r\n\r\n")
                    if link.recv(12).startswith(b"HTTP/1."):
                        return
            except OSError:
                time.sleep(0.1)
        raise CannotStart(f"Le site ne répond pas. Détail : {LOG / 'web.log'} ({last_words(LOG / 'web.log')})")


def posting_has_stopped(port: int) -> bool:
    """Ask the site whether nothing was picked up for ten minutes; a site that does not answer says nothing of it."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        link.request("GET", "/sante/envois", headers={"Host": "localhost"})
        answer = link.getresponse()
        return answer.status == 503 and answer.read(20).strip() == b"stopped"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Turn a signal into Stopped, once: the end must not be interrupted."""
    for again in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(again, signal.SIG_IGN)
    raise Stopped


def main(given: list[str]) -> int:
    """Run until told to stop; return the exit code. Every problem is one line of French."""
    arguments = read_arguments(given)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    launch = Launch(arguments.port)
    try:
        LOG.mkdir(parents=True, exist_ok=True)
        lock = take_lock()
        launch.supervisor.clear_leftovers()
        if arguments.reset:
            reset(arguments.yes)
        launch.prepare()
        launch.serve()
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{launch.address}, processus {os.getpid()}".encode(), 0)
        launch.keep_alive()
    except Stopped:
        print("\nArrêt…", file=sys.stderr)
        return 0
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as problem:
        print(DISK_FULL if is_full_disk(problem) else f"Relais ne peut pas démarrer : {problem}", file=sys.stderr)
        return 1
    finally:
        launch.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
