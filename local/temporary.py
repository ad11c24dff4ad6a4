"""Folders and servers that last as long as one process."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.postgres import Postgres, socket_folder
from local.processes import started_at, unprivileged_mode
from local.valkey import Valkey

PREFIX = "relais-tmp-"
SECRET_KEY = "not-a-secret-only-for-temporary-servers-0123456789abcdefghijklmnopqrstuvwxyz"  # noqa: S105


def sweep() -> None:
    """Remove the folders of runs that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and started_at(int(pid)) is None and folder.stat().st_uid == os.geteuid():
            shutil.rmtree(folder, ignore_errors=True)


def private_folder() -> Path:
    """A new folder for sockets and short-lived files, named after this process so that `sweep` can judge it."""
    folder = socket_folder(f"{PREFIX}{os.getpid()}-")
    if unprivileged_mode() == "nobody":
        folder.chmod(0o711)  # It must pass through to its own folders.
    (folder / "s").mkdir(mode=0o700)
    return folder


@contextmanager
def temporary_servers(*, durable: bool = False) -> Iterator[dict[str, str]]:
    """Start PostgreSQL and Valkey in a temporary folder; yield the environment that leads to them."""
    sweep()
    folder = private_folder()
    postgres = Postgres(folder / "postgres", folder / "s", folder / "postgres.log", durable=durable)
    valkey = Valkey(folder / "valkey", folder, folder / "valkey.log", durable=durable)
    try:
        postgres.start()
        valkey.start()
        yield {
            "DATABASE_URL": postgres.url(),
            "REDIS_URL": valkey.url(),
            "SECRET_KEY": SECRET_KEY,
            "RELAIS_DEMO": "1",
        }
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
