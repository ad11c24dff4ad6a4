"""Model fields of the catalogue, and the writing of telephone numbers."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.forms import Field
from phonenumber_field.phonenumber import PhoneNumber
from phonenumbers import NumberParseException

FRENCH_REGIONS = ("FR", "RE", "GP", "MQ", "GF", "YT", "PM", "NC", "PF", "WF")
"""Metropolitan France first, then overseas: a national number (0692…) is looked up in each."""


def read_phone(text: str) -> PhoneNumber | None:
    """A telephone number in any usual French writing, overseas departments included; `None` when it is not one."""
    text = text.replace("(0)", "")
    for region in FRENCH_REGIONS:
        try:
            number = PhoneNumber.from_string(text, region=region)
        except NumberParseException:
            continue
        if number.is_valid():
            return number
    return None


class WebAddressField(models.URLField):
    """A web address; one typed without its scheme is read as https."""

    def formfield(self, **kwargs: Any) -> Field | None:
        """Return the field of a form, which completes what was typed."""
        return super().formfield(**{"assume_scheme": "https", **kwargs})

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        """Say Django's own field to migrations: the database sees no difference."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.URLField", args, kwargs
