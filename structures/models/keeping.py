"""Values of a row as JSON keeps them, and back: what the history and the imports need to undo themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models


def column(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    """A column of a model, by the name of its field or of the column. Raises `FieldDoesNotExist`."""
    found = model._meta.get_field(name)
    assert isinstance(found, models.Field)
    return found


def kept(row: models.Model, names: Iterable[str]) -> dict[str, Any]:
    """The values of some fields of a row, by the names of their columns: of another row, its key."""
    columns = [column(type(row), name) for name in names]
    return {one.attname: one.get_prep_value(getattr(row, one.attname)) for one in columns}


def read_back(model: type[models.Model], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values that were kept, as the model has them; without the fields that the model has lost since."""
    found = {}
    for name, value in values.items():
        try:
            one = column(model, name)
        except FieldDoesNotExist:
            continue
        found[one.attname] = one.to_python(value)
    return found


def differing(row: models.Model, values: Mapping[str, Any]) -> set[str]:
    """The columns of a row that no longer hold the values that were kept."""
    return {
        name
        for name, value in read_back(type(row), values).items()
        # A row that was just written may still hold the text of its number: both are read alike.
        if column(type(row), name).to_python(getattr(row, name)) != value
    }
