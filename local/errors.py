"""What stops a start, said in one line of French."""

import errno


class CannotStart(Exception):
    """The start stops here; the message is one clear French sentence for the person at the terminal."""


DISK_FULL = "Le disque est plein : libérez de la place (au moins 1 Go) puis relancez la commande, rien n’est perdu."


def speaks_of_full_disk(text: str) -> bool:
    """Tell whether a program's output says that the disk (or the quota) is full."""
    return "No space left on device" in text or "Disk quota exceeded" in text or "os error 28" in text


def is_full_disk(error: OSError) -> bool:
    """Tell whether a system call failed because the disk or the quota is full."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}
