"""Look the locked packages up among the known vulnerabilities, with `pip-audit --strict`.

A vulnerability fails the build, and so does a package that alone could not be looked up. A service that knows nothing
of any package does not: that says nothing of the packages, and a build must be possible without a network or behind a
mirror of the index; it is said in one line.
"""

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
UNREACHABLE = (
    "ConnectionError",
    "NameResolutionError",
    "ConnectTimeout",
    "ReadTimeout",
    "ServiceError",
    "ProxyError",
    "SSLError",
)


def audit(*options: str) -> subprocess.CompletedProcess[str]:
    """Run pip-audit on the lock, which holds every package with its hashes: nothing is resolved or installed."""
    command = ["--requirement", str(LOCK), "--require-hashes", "--disable-pip", "--progress-spinner", "off"]
    return subprocess.run(
        [sys.executable, "-m", "pip_audit", *command, *options], capture_output=True, text=True, check=False
    )


def knows_nothing(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether the service could not be asked, or had no answer about any package at all."""
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return any(sign in done.stderr for sign in UNREACHABLE)
    return all("skip_reason" in package for package in packages)


def main() -> int:
    """Return 0 when nothing is known against the lock, or when nobody could be asked."""
    strict = audit("--strict")
    if strict.returncode != 0 and knows_nothing(audit("--format", "json")):
        print("NOT CHECKED: the service of known vulnerabilities cannot be reached from here.")
        return 0
    print(strict.stdout + strict.stderr, end="")
    return strict.returncode


if __name__ == "__main__":
    sys.exit(main())
