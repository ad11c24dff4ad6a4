"""Model fields of the catalogue."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.forms import Field


class WebAddressField(models.URLField):
    """A web address; one typed without its scheme is read as https."""

    def formfield(self, **kwargs: Any) -> Field | None:
        """Return the field of a form, which completes what was typed."""
        return super().formfield(**{"assume_scheme": "https", **kwargs})

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        """Say Django's own field to migrations: the database sees no difference."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.URLField", args, kwargs
