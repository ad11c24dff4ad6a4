"""`bin/test`: pytest on temporary servers of its own, so that it may run beside `bin/run`."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from local.errors import CannotStart
from local.temporary import temporary_servers

ROOT = Path(__file__).resolve().parent.parent
MAX_WORKERS = 8
# These say how tests are spread, or cannot live with several workers.
OWN_SPREAD = (
    "-n",
    "--numprocesses",
    "--dist",
    "--pdb",
    "--trace",
    "no:xdist",
    "-pno:xdist",
    "--collect-only",
    "--co",
)


def pytest_arguments(given: list[str], cores: int) -> list[str]:
    """Add the spread over the cores, unless the caller chose one or points at particular tests."""
    names_tests = any("::" in word or word.endswith(".py") for word in given)
    if names_tests or any(word.startswith(OWN_SPREAD) for word in given):
        return given
    # By scope: a file's costly shared fixtures are built once, not once per worker. In the order of the collection,
    # which `tests/conftest.py` makes: the longest files first, so that no worker ends long after the others.
    spread = ["-n", str(min(max(cores, 2), MAX_WORKERS)), "--dist", "loadscope", "--no-loadscope-reorder"]
    return [*spread, *given]


def main(given: list[str]) -> int:
    """Run pytest with the given arguments; return its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    arguments = pytest_arguments(given, len(os.sched_getaffinity(0)))
    try:
        with temporary_servers() as env:
            process = subprocess.Popen([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, env=os.environ | env)
            try:
                return process.wait()
            except KeyboardInterrupt:
                # The terminal sent it to pytest too, which prints its summary before it ends.
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
