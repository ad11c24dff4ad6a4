"""A row read again after a conditional UPDATE, without forgetting the rows around it."""

from __future__ import annotations

from django.db import models


def reread(row: models.Model, *joins: str) -> None:
    """Take over a row's own columns as the database now has them, and the foreign keys named in `joins`.

    Its other foreign keys are set once and for all: the rows behind them stay as they were loaded, instead of being
    fetched again one by one.
    """
    own = [field.name for field in row._meta.concrete_fields if not field.is_relation]
    row.refresh_from_db(fields=[*own, *joins])
