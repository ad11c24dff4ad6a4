"""The antivirus, when the site has one: any command that is given a file's path and answers by its exit code."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

from django.conf import settings
from django.db.models import TextChoices

SECONDS = 30
"""How long an analysis may last."""
CLEAN, INFECTED = 0, 1
"""Exit codes, as clamscan and clamdscan give them; any other one says that nothing was analysed."""

log = logging.getLogger("relais.scanning")


class Scan(TextChoices):
    """What is known of a file that was kept."""

    CLEAN = "clean", "Analysée, rien de suspect"
    NONE = "none", "Non analysée"


class Infected(Exception):
    """The antivirus found something: the file is not kept."""


class ScannerFailed(Exception):
    """The antivirus did not answer: the file is not kept, since nothing is known of it."""


def scan(path: Path) -> Scan:
    """Have a file analysed by the command of `ATTACHMENT_SCANNER`; `NONE` when the site has none.

    Raises `Infected` and `ScannerFailed`. The log says the exit code, never what the command wrote.
    """
    if not settings.ATTACHMENT_SCANNER:
        return Scan.NONE
    command = [*settings.ATTACHMENT_SCANNER, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        log.error("the antivirus did not run: %s", type(error).__name__)
        raise ScannerFailed from error
    if done.returncode == INFECTED:
        raise Infected
    if done.returncode != CLEAN:
        log.error("the antivirus ended with code %s", done.returncode)
        raise ScannerFailed
    return Scan.CLEAN
