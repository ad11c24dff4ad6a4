"""Remove the files of documents that no fiche names."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from referrals.models import Attachment


class Command(BaseCommand):
    """What an upload cut short by a power failure left behind. Running it twice does no harm."""

    help = "Remove the files of documents that no fiche names, an hour old or more."

    def handle(self, *args: Any, **options: Any) -> None:
        """Say how many were removed."""
        self.stdout.write(f"{Attachment.objects.sweep(timezone.now())} file(s) removed")
