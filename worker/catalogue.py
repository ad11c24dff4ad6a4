"""What the passing of days changes in the catalogue: the session that an offer proposes begins, then is over."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from structures.models import Offer


def refresh_offers(today: dt.date | None = None) -> int:
    """Write the offers again whose session has begun or is over since they were written; return how many."""
    day = today or timezone.localdate()
    stale = Offer.objects.outdated(day).order_by("action_id").values_list("action_id", flat=True).distinct()
    return Offer.objects.rebuild(list(stale), on=day)
