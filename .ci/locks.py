"""Check the two locks: one `.venv` must be able to serve both, from any index."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def pins(name: str) -> dict[str, str]:
    """Each requirement of a lock, with its version, marker and hashes."""
    text = re.sub(r"\\\n", " ", (ROOT / name).read_text())
    lines = (line.strip() for line in text.splitlines())
    return {line.partition("==")[0]: " ".join(line.split()) for line in lines if line and not line.startswith("#")}


def main() -> int:
    """Return 0 when the locks are sound; print what is not."""
    run, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    faults = [f"{name} differs between the locks" for name, line in run.items() if dev.get(name) != line]
    faults += [f"{name} has no hash" for name, line in dev.items() if "--hash=sha256:" not in line]
    for name in ("requirements.lock", "requirements-dev.lock"):
        if re.search(r"://|--(?:extra-)?index-url|--find-links|--trusted-host", (ROOT / name).read_text()):
            faults.append(f"{name} names an index")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
