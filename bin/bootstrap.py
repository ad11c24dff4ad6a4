"""Make `.venv` hold exactly what the lock says, then become the command. Standard library only.

`bin/run` needs `requirements.lock`; the others need `requirements-dev.lock`, which holds the
same versions and more: one `.venv` serves all of them, also at the same time. A stamp in `.venv` holds the
hash of what was installed, so the second start neither reads the network nor calls pip.
"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
VAR = ROOT / "var"
LOG = VAR / "log" / "install.log"
RUN_LOCK = "requirements.lock"
DEV_LOCK = "requirements-dev.lock"
INTERRUPTED = ".relais-installing"
# What a full installation takes, with some room for the demonstration's data.
BYTES_NEEDED = {RUN_LOCK: 500_000_000, DEV_LOCK: 900_000_000}

DISK_FULL = "Le disque est plein : libérez de la place (au moins 1 Go) puis relancez la commande, rien n’est perdu."
NO_NETWORK = "L’index de paquets est injoignable : vérifiez la connexion à Internet (ou le réglage de pip)."
NETWORK_SIGNS = (
    "NewConnectionError",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Name or service not known",
    "Network is unreachable",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "Connection refused",
    "Connection reset",
    "Max retries exceeded",
    "ProxyError",
)
DISK_SIGNS = ("No space left on device", "Disk quota exceeded", "Errno 28", "Errno 122")
REQUIREMENT = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^]]*\])?==\S+")


def refuse(message: str) -> NoReturn:
    """End with one clear line."""
    print(message, file=sys.stderr)
    sys.exit(1)


def read_lock(name: str) -> tuple[str, int]:
    """The hash of a lock file and how many packages it pins; refuses a missing or damaged file."""
    path = ROOT / name
    damaged = f"Le fichier {name} est absent ou abîmé : rétablissez-le par « git checkout -- {name} »."
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        refuse(damaged)
    # One requirement per logical line, each pinned and with at least one hash.
    logical = [line.strip() for line in re.sub(r"\\\n", " ", text).splitlines()]
    requirements = [line for line in logical if line and not line.startswith("#")]
    sound = all(REQUIREMENT.match(line) and "--hash=sha256:" in line for line in requirements)
    if not requirements or not sound:
        refuse(damaged)
    return hashlib.sha256(text.encode()).hexdigest(), len(requirements)


def stamp(name: str) -> Path:
    """Where the hash of an installed lock is kept."""
    return VENV / f".relais-{name}.sha256"


class Progress:
    """One refreshed line on a terminal; elsewhere, one line every tenth of the way."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.last = ""

    def show(self, label: str, done: int, total: int) -> None:
        """Show how far we are."""
        done = min(done, total)
        tenth = 10 * done // max(total, 1)
        if self.live:
            bar = "#" * (2 * tenth) + "." * (20 - 2 * tenth)
            sys.stderr.write(f"\r\033[K{label} [{bar}] {done}/{total}")
        elif self.last != f"{label} {tenth}":
            self.last = f"{label} {tenth}"
            sys.stderr.write(f"{label} : {done}/{total}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the line."""
        if self.live:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def explain(output: str) -> str:
    """Turn the output of a failed installation into one French line."""
    if any(sign in output for sign in DISK_SIGNS):
        return DISK_FULL
    if "DO NOT MATCH THE HASHES" in output:
        return (
            "Un paquet téléchargé ne correspond pas à l’empreinte du verrou : il n’a pas été installé. "
            f"Relancez ; si cela se répète, prévenez l’équipe. Détail : {LOG}"
        )
    if any(sign in output for sign in NETWORK_SIGNS):
        return NO_NETWORK
    missing = re.search(r"No matching distribution found for ([^\s;]+)", output)
    if missing:
        return f"L’index de paquets n’a pas {missing[1]} pour ce système et Python {sys.version.split()[0]}."
    last = [line for line in output.splitlines() if line.startswith("ERROR")] or ["cause inconnue"]
    return f"L’installation a échoué ({last[-1].removeprefix('ERROR: ')}). Détail : {LOG}"


def run_logged(command: list[str], watch: Callable[[str], None]) -> tuple[int, str]:
    """Run a program; call `watch` about five times a second with all it has said so far; keep that in LOG."""
    said = b""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT) as program:
        assert program.stdout is not None
        os.set_blocking(program.stdout.fileno(), False)
        while program.poll() is None:
            said += program.stdout.read() or b""
            watch(said.decode(errors="replace"))
            time.sleep(0.2)
        said += program.stdout.read() or b""
    text = said.decode(errors="replace")
    LOG.parent.mkdir(parents=True, exist_ok=True)
    LOG.write_text(text, encoding="utf-8")
    return program.returncode, text


def has_room(size: int) -> bool:
    """Tell whether the disk of `.venv` has so many free bytes."""
    place = Path(os.path.realpath(VENV))
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free >= size


def runs(*arguments: str) -> bool:
    """Tell whether the Python of `.venv` exists, starts and succeeds."""
    try:
        return subprocess.run([PYTHON, "-I", *arguments], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def is_installed(name: str, digest: str) -> bool:
    """Tell whether `.venv` works and holds this lock."""
    try:
        return stamp(name).read_text() == digest and not (VENV / INTERRUPTED).exists() and runs("-c", "")
    except OSError:
        return False


def make_venv() -> None:
    """Create `.venv`; one that does not work, or whose installation was cut short, is made anew."""
    if runs("-c", "import pip") and not (VENV / INTERRUPTED).exists():
        return
    target = Path(os.path.realpath(VENV))  # It may be a link, even to a folder that does not exist yet.
    target.mkdir(parents=True, exist_ok=True)
    # We may be running from the very environment that is about to be cleared.
    base_python = getattr(sys, "_base_executable", sys.executable)
    code, said = run_logged([base_python, "-m", "venv", "--clear", str(target)], lambda _: None)
    if code != 0:
        if any(sign in said for sign in DISK_SIGNS) or not has_room(50_000_000):
            refuse(DISK_FULL)
        refuse(f"Impossible de créer l’environnement Python. Détail : {LOG}")


def install(name: str, digest: str, total: int) -> None:
    """Install a lock into `.venv`, showing progress; ends with one French line when it cannot."""
    first = not runs("-c", "import pip")
    if first and not has_room(BYTES_NEEDED[name]):
        refuse(DISK_FULL)
    if (VENV / INTERRUPTED).exists():
        print("L’installation précédente n’a pas abouti : je la recommence…", file=sys.stderr)
    else:
        print("Première installation, une à trois minutes…" if first else "Mise à jour des paquets…", file=sys.stderr)
    make_venv()
    for lock in (RUN_LOCK, DEV_LOCK):
        stamp(lock).unlink(missing_ok=True)
    (VENV / INTERRUPTED).touch()
    progress = Progress()

    def watch(said: str) -> None:
        listed = re.search(r"^Installing collected packages: (.*)$", said, re.MULTILINE)
        if listed is None:
            ignored = len(re.findall(r"^Ignoring ", said, re.MULTILINE))
            found = len(re.findall(r"^(?:Collecting|Processing|Requirement already) ", said, re.MULTILINE))
            progress.show("Téléchargement", found, total - ignored)
        else:
            unpacked = {path.name.partition("-")[0].lower() for path in VENV.glob("lib/*/site-packages/*.dist-info")}
            wanted = {word.strip().replace("-", "_").replace(".", "_").lower() for word in listed[1].split(",")}
            progress.show("Installation", len(wanted & unpacked), len(wanted))

    options = [
        "--require-hashes",
        "--no-deps",
        "--no-input",
        "--no-color",
        "--progress-bar=off",
        "--retries=2",
    ]
    command = [
        str(PYTHON),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        *options,
        "-r",
        str(ROOT / name),
    ]
    code, said = run_logged(command, watch)
    progress.end()
    if code != 0:
        refuse(explain(said))
    stamp(name).write_text(digest)
    (VENV / INTERRUPTED).unlink()


def ensure_installed(name: str) -> None:
    """Make `.venv` hold this lock (or the development one, which holds the same versions and more)."""
    digest, total = read_lock(name)
    if is_installed(name, digest) or is_installed(DEV_LOCK, read_lock(DEV_LOCK)[0]):
        return
    VAR.mkdir(exist_ok=True)
    with (VAR / "install.lock").open("w") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Une autre commande installe déjà les paquets : j’attends qu’elle finisse…", file=sys.stderr)
            fcntl.flock(guard, fcntl.LOCK_EX)
        if not is_installed(name, digest):
            install(name, digest, total)


def main() -> None:
    """Install what is missing, then become the command."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr] # a real stream: this is a script
    command, arguments = sys.argv[1], sys.argv[2:]
    if not sys.platform.startswith("linux"):
        refuse("Ces commandes demandent Linux : ailleurs, utilisez docker compose (voir README.md).")
    python = Path(sys.executable)
    if command != "lock" and not {"-h", "--help"} & set(arguments[:1]):
        try:
            ensure_installed(RUN_LOCK if command == "run" else DEV_LOCK)
        except OSError as problem:
            refuse(
                DISK_FULL if problem.errno in {errno.ENOSPC, errno.EDQUOT} else f"Installation impossible : {problem}"
            )
        except KeyboardInterrupt:
            refuse("\nInstallation interrompue : relancez la commande, elle reprendra.")
        python = PYTHON
    elif command in {"test", "bench", "screens"} and runs("-c", ""):
        python = PYTHON
    # Accents in paths and messages whatever the locale; `local` is found from whatever folder.
    env = os.environ | {"PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)}
    os.execve(python, [str(python), "-m", f"local.{command}", *arguments], env)


if __name__ == "__main__":
    main()
