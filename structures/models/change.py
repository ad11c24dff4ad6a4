"""What changed in the catalogue, and by whom. Append-only, by the database itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import FieldDoesNotExist
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from accounts.models import User

if TYPE_CHECKING:
    from structures.models.action import Action


class StaleAction(Exception):
    """Someone changed the action meanwhile: nothing was written. Carries the action as it now stands."""

    def __init__(self, action: Action) -> None:
        self.action = action
        super().__init__(f"action {action.pk} changed at {action.updated_at:%Y-%m-%dT%H:%M:%S}")


class ChangeKind(models.TextChoices):
    """What a manager does to an action; the label is the history's line."""

    CREATED = "created", "Action créée"
    REWRITTEN = "rewritten", "Présentation modifiée"
    CRITERIA = "criteria", "Conditions modifiées"
    PAUSED = "paused", "Mise en pause"
    RESUMED = "resumed", "Pause levée"
    CONFIRMED = "confirmed", "Confirmée à jour"
    SESSION_ADDED = "session_added", "Session ajoutée"
    SESSION_CHANGED = "session_changed", "Session modifiée"
    SESSION_REMOVED = "session_removed", "Session supprimée"
    UNDONE = "undone", "Modification annulée"


SESSION_KINDS = (ChangeKind.SESSION_ADDED, ChangeKind.SESSION_CHANGED, ChangeKind.SESSION_REMOVED)


def kept(row: models.Model, names: Iterable[str]) -> dict[str, Any]:
    """The values of some fields of a row, as the history keeps them."""
    return {name: _field(type(row), name).get_prep_value(getattr(row, name)) for name in names}


def read_back(model: type[models.Model], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values that the history kept, as the model has them; without the fields that the model has lost since."""
    found = {}
    for name, value in values.items():
        try:
            found[name] = _field(model, name).to_python(value)
        except FieldDoesNotExist:
            continue
    return found


def _field(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)
    return field


class ActionChangeQuerySet(models.QuerySet["ActionChange"]):
    """Questions about the history."""

    def log(
        self,
        action: Action,
        kind: ChangeKind,
        user: User | None,
        now: dt.datetime,
        before: dict[str, Any],
        after: dict[str, Any],
    ) -> ActionChange:
        """Write one line, in the caller's transaction. `before` and `after` hold the fields that changed."""
        fields = sorted({*before, *after})
        return self.create(action=action, kind=kind, at=now, user=user, fields=fields, before=before, after=after)


class ActionChange(models.Model):
    """One line of an action's history.

    `before` and `after` hold the values of `fields`; for a session, the session's own (empty where it did not exist).
    An action that has a history is withdrawn from the catalogue, never deleted.
    """

    action = models.ForeignKey("structures.Action", models.PROTECT, related_name="changes", verbose_name="action")
    kind = models.CharField("quoi", max_length=16, choices=ChangeKind)
    at = models.DateTimeField("quand")
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name="qui")
    fields = ArrayField(models.CharField(max_length=40), verbose_name="champs", default=list)
    before = models.JSONField("avant", default=dict, encoder=DjangoJSONEncoder)
    after = models.JSONField("après", default=dict, encoder=DjangoJSONEncoder)

    objects = ActionChangeQuerySet.as_manager()

    class Meta:
        verbose_name = "modification d’une action"
        verbose_name_plural = "modifications des actions"
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["action", "-at", "-id"], name="change_by_action")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.at:%d/%m/%Y %H:%M})"
