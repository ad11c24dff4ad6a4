"""What changed in the catalogue, and by whom. Append-only, by the database itself."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pgtrigger
from django.contrib.postgres.fields import ArrayField
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
    """What a manager or a file does to an action; the label is the history's line."""

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
    IMPORTED = "imported", "Mise à jour par un fichier"


NOT_OF_THE_MANAGERS = frozenset({"structure_id", "slug", "source", "source_id"})
"""What only the support staff and the files write: no manager brings it back."""
SESSION_KINDS = (ChangeKind.SESSION_ADDED, ChangeKind.SESSION_CHANGED, ChangeKind.SESSION_REMOVED)

CHUNK = 500
"""Lines written by one INSERT."""
Line = tuple[int, ChangeKind, dict[str, Any], dict[str, Any]]
"""What a line says: the action's key, what was done, and the fields before and after."""


def replaced(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same values before and after, without those that stayed as they were."""
    names = [name for name, value in before.items() if value != after[name]]
    return {name: before[name] for name in names}, {name: after[name] for name in names}


@dataclass
class Held:
    """What people changed of an action that a file brought.

    `fields` are what the file last gave of the columns that were changed since; `sessions`, by the file's code of a
    session, its code today (`None` once it was removed) and what the file last gave of it (nothing where people added
    it). A value is theirs while it differs from what the file gave.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    sessions: dict[str, tuple[str | None, dict[str, Any]]] = field(default_factory=dict)

    def follow(self, change: ActionChange) -> None:
        """Take the next line of the history into account."""
        from_file = change.user_id is None
        if change.kind in SESSION_KINDS:
            former, code = change.before.get("code"), change.after.get("code")
            known = next((name for name, (today, _) in self.sessions.items() if today and today == former), None)
            name = str(known or former or code)
            _, given = self.sessions.get(name, (None, change.before))
            news = {key: value for key, value in change.after.items() if change.before.get(key) != value}
            self.sessions[name] = code, given | news if from_file else given
            return
        for name, value in change.before.items():
            self.fields.setdefault(name, value)
        if from_file and change.kind == ChangeKind.IMPORTED:
            self.fields |= change.after


class ActionChangeQuerySet(models.QuerySet["ActionChange", "ActionChange"]):
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
        [change] = self.log_all(user, now, [(action.pk, kind, before, after)])
        change.action = action
        return change

    def log_all(self, user: User | None, now: dt.datetime, lines: Iterable[Line]) -> list[ActionChange]:
        """Write several lines at once, in the caller's transaction."""
        return ActionChange.objects.bulk_create(
            [
                ActionChange(
                    action_id=action,
                    kind=kind,
                    at=now,
                    user=user,
                    fields=sorted({*before, *after}),
                    before=before,
                    after=after,
                )
                for action, kind, before, after in lines
            ],
            batch_size=CHUNK,
        )

    def held(self, actions: Iterable[int]) -> dict[int, Held]:
        """What people changed of each of these actions; nothing of those without a history."""
        found: dict[int, Held] = defaultdict(Held)
        for change in self.filter(action__in=actions).order_by("at", "id"):
            found[change.action_id].follow(change)
        return found


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

    @property
    def is_restorable(self) -> bool:
        """Whether a manager may ask for what it replaced. `Action.undo` says if nothing stands in the way."""
        if self.kind in (ChangeKind.CREATED, ChangeKind.SESSION_ADDED, ChangeKind.SESSION_CHANGED):
            return False
        return NOT_OF_THE_MANAGERS.isdisjoint(self.fields)
