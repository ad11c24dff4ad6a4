"""`manage.py rebuild_offers`: write what the suggestions search again, from the actions."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from structures.models import Offer


class Command(BaseCommand):
    """Write the offers of every action again. Harmless at any time; suggestions wait while it ends."""

    help = "Réécrit les offres que parcourent les suggestions, à partir des actions."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{Offer.objects.rebuild(on=timezone.localdate())} offres.")
