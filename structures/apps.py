"""The catalogue's application: it keeps what is derived from the actions in step with the code."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils import timezone


def rebuild_offers(**kwargs: Any) -> None:
    """Write the offers again where there are none yet, or where they were written with another vocabulary."""
    # Models can be imported only once the applications are ready: they are asked for by name.
    offers: Any = apps.get_model("structures", "Offer")._default_manager
    actions: Any = apps.get_model("structures", "Action")._default_manager
    if offers.unreadable().exists() or (actions.published().exists() and not offers.exists()):
        offers.rebuild(on=timezone.localdate())


class StructuresConfig(AppConfig):
    """Who we are and what we offer."""

    name = "structures"
    verbose_name = "Structures et actions"

    def ready(self) -> None:
        """After each migration the offers are checked."""
        post_migrate.connect(rebuild_offers, sender=self)
