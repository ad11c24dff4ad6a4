"""`bin/screens`: the pictures of `docs/screens/`, taken by a real browser on a fresh demonstration of its own.

The demonstration ends today, as in `bin/run`: pages compare their dates with the clock, and would otherwise show every
fiche as late.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.errors import CannotStart
from local.processes import spawn, stop
from local.temporary import temporary_servers
from local.valkey import free_port

ROOT = Path(__file__).resolve().parent.parent
USAGE = "Usage : bin/screens [NOM…]. Refait les images de docs/screens (toutes, ou celles qui sont nommées)."


def manage(env: dict[str, str], *arguments: str) -> None:
    """Run a management command to its end. Raises CannotStart when it fails."""
    done = subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, check=False)
    if done.returncode != 0:
        raise CannotStart(f"Échec de « manage.py {arguments[0]} » : voir ci-dessus.")


@contextmanager
def site(env: dict[str, str], port: int, log: Path) -> Iterator[None]:
    """Serve the site as production does, with its compressed and versioned static files."""
    listen = ["--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--threads", "4"]
    command = [sys.executable, "-m", "gunicorn", "backend.wsgi:application", *listen, "--no-control-socket"]
    with log.open("wb") as output:
        process = spawn(command, output=output, env=env, cwd=ROOT)
    try:
        yield
    finally:
        stop(process, signal.SIGTERM)


def main(given: list[str]) -> int:
    """Take the pictures; return the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if any(word.startswith("-") for word in given):
        asked = given[0] in {"-h", "--help"}
        print(USAGE, file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 2
    try:
        with temporary_servers() as servers, tempfile.TemporaryDirectory() as folder:
            port = free_port()
            address = f"http://localhost:{port}"
            env = os.environ | servers | {"DJANGO_SETTINGS_MODULE": "backend.settings", "SITE_URL": address}
            env |= {"STATIC_ROOT": f"{folder}/static", "LOG_LEVEL": "WARNING"}
            manage(env, "collectstatic", "--noinput", "-v0")
            manage(env, "migrate", "--noinput", "-v0")
            manage(env, "load_demo")
            with site(env, port, Path(folder) / "web.log"):
                taking = [sys.executable, "-m", "tests.screens", address, *given]
                return subprocess.run(taking, cwd=ROOT, env=env, check=False).returncode
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
