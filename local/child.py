"""Become another program that cannot outlive its parent and, where asked, does not look like root.

Run by path (`python -I -S local/child.py SIGNAL PARENT_PID MODE program arguments…`), standard library only.

- The kernel sends SIGNAL to the program when its parent dies, even by `kill -9` (`PR_SET_PDEATHSIG`).
- MODE `namespace`: enter a user namespace in which root is seen as uid 65534. PostgreSQL refuses to run as
  root; so it accepts, while the files that it writes still belong to root.
- MODE `nobody`: where user namespaces are forbidden (some containers), become `nobody` for good.
- MODE `same`: stay who we are.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

NOBODY = 65534
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1


def hide_root() -> None:
    """Map root to uid 65534 in a new user namespace. Raises OSError where the kernel forbids it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} 0 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} 0 1")


def become_nobody() -> None:
    """Give up root for `nobody`, without a way back."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def main() -> None:
    """Change identity, ask for the death signal, become the program."""
    death_signal, parent, mode = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    command = sys.argv[4:]
    if mode == "namespace":
        hide_root()
    elif mode == "nobody":
        become_nobody()
    # A change of identity clears the death signal: it is asked for last.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
    # The parent may have died before the line above; inside a user namespace its pid reads the same.
    if parent and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
