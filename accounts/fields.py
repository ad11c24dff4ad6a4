"""Model fields that refuse what may never be written down, in forms, in the API and in imports alike."""

from __future__ import annotations

from django.db import models

from accounts.validators import no_health_detail, no_nir


class PlainCharField(models.CharField):
    """A short text with a meaning of its own (a name, a reference, a title): no social security number in
    it.
    """

    default_validators = [no_nir]


class FreeCharField(models.CharField):
    """A short text where anything can be typed: neither a social security number nor a detail of health."""

    default_validators = [no_nir, no_health_detail]


class FreeTextField(models.TextField):
    """A long text where anything can be typed: neither a social security number nor a detail of health."""

    default_validators = [no_nir, no_health_detail]
