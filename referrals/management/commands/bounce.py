"""Take in a letter that came back: what a mail server pipes its delivery status notifications to."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from referrals.bounces import NotABounce, take_in

MOST_READ = 1_000_000
"""Bytes of a notification that are read; the letter that came back stands near its end, and ours are small."""

BAD_DATA = 65
"""What mail servers expect of a command that was given nonsense (sysexits.h: EX_DATAERR)."""


class Command(BaseCommand):
    """Reads one notification on its standard input. The same one twice does no harm."""

    help = "Take in one delivery status notification (RFC 3464), read on standard input."

    def handle(self, *args: Any, **options: Any) -> None:
        """Say what became of it, without an address."""
        raw = sys.stdin.buffer.read(MOST_READ)
        try:
            noted = take_in(raw, timezone.now())
        except NotABounce as error:
            raise CommandError(f"refused: {error}", returncode=BAD_DATA) from error
        self.stdout.write("noted" if noted else "nothing to note")
