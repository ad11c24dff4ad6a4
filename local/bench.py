"""`bin/bench NAME [options]`: one benchmark of `tests/benchmarks/` on real servers of its own.

The servers keep their safety on (`fsync`): a figure taken without it would promise what production cannot hold.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from local.errors import CannotStart
from local.temporary import temporary_servers

ROOT = Path(__file__).resolve().parent.parent
NOT_BENCHMARKS = {"__init__", "harness"}


def names() -> list[str]:
    """The benchmarks that exist."""
    return sorted({path.stem for path in (ROOT / "tests" / "benchmarks").glob("*.py")} - NOT_BENCHMARKS)


def main(given: list[str]) -> int:
    """Run one benchmark with its options; return its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if not given or given[0] not in names():
        asked = not given or given[0] in {"-h", "--help"}
        print(
            f"Usage : bin/bench NOM [options]. Mesures disponibles : {', '.join(names()) or 'aucune'}.",
            file=sys.stdout if asked else sys.stderr,
        )
        return 0 if asked else 2
    command = [sys.executable, "-m", f"tests.benchmarks.{given[0]}", *given[1:]]
    try:
        with temporary_servers(durable=True) as env:
            django = {"DJANGO_SETTINGS_MODULE": "backend.settings"}
            process = subprocess.Popen(command, cwd=ROOT, env=os.environ | env | django)
            try:
                return process.wait()
            except KeyboardInterrupt:
                return process.wait(timeout=30)
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
