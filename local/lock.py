"""`bin/lock [options]`: write the two locks from `requirements.in` and `requirements-dev.in`.

The tool is `uv`, installed for the occasion in a throw-away environment. Versions already locked are kept, unless an
option says otherwise: `--upgrade`, or `--upgrade-package NAME`.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Every platform and every Python from the oldest that we support; hashes; no address of an index.
OPTIONS = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--quiet"]


def main(given: list[str]) -> int:
    """Write the lock, then the development one bound to the same versions; return an exit code."""
    with tempfile.TemporaryDirectory(prefix="relais-lock-") as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        compile_lock = [python, "-m", "uv", "pip", "compile", *OPTIONS, *given]
        for command in (
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"],
            [*compile_lock, "-o", "requirements.lock", "requirements.in"],
            [*compile_lock, "-c", "requirements.lock", "-o", "requirements-dev.lock", "requirements-dev.in"],
        ):
            done = subprocess.run(command, cwd=ROOT, check=False)
            if done.returncode != 0:
                print("Les verrous n’ont pas pu être refaits : voir le message ci-dessus.", file=sys.stderr)
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
