"""How a worker that is asked to stop tells its children, which are at work, to finish their letter and leave the rest.

Celery tells the parent alone and waits for the children. One byte of memory that they share says it to them: nothing
that a child killed at the wrong moment could leave locked.
"""

from __future__ import annotations

import mmap
from typing import Any

# Made before the children are forked: they share it.
_asked = mmap.mmap(-1, 1)


def ask(**_: Any) -> None:
    """From now on, nothing new is begun. For the signal `worker_shutting_down`."""
    _asked[0] = 1


def is_asked() -> bool:
    """Whether the worker of this process is to stop."""
    return _asked[0] == 1
