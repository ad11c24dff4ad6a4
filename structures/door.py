"""What the screens of the catalogue ask of the door that each request brings. Who may what is decided upstairs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Protocol

from django.http import HttpRequest

from accounts.models import User
from structures.models import Action, ImportBatch, Membership, Session, Structure
from structures.models.action import ActionQuerySet
from structures.models.batch import ImportBatchQuerySet
from structures.models.membership import MembershipQuerySet


class Door(Protocol):
    """What one user may do and see, in the name of one of their structures."""

    user: User | None
    structure: Structure | None

    def may(self, what: str, subject: Action | ImportBatch | Membership | None = None) -> bool:
        """Whether the role allows it."""

    def require(self, what: str, subject: Action | ImportBatch | Membership | None = None) -> None:
        """Raise `PermissionDenied` (403) unless the role allows it."""

    def team(self) -> MembershipQuerySet:
        """Those who work in one's structure."""

    def member(self, pk: int) -> Membership:
        """One of them. Raises `Http404` for a stranger."""

    def imports(self) -> ImportBatchQuerySet:
        """The imports of one's structure."""

    def batch(self, pk: int) -> ImportBatch:
        """One import. Raises `Http404` for a stranger's."""

    def actions(self) -> ActionQuerySet:
        """The actions of one's structure."""

    def action(self, slug: str) -> Action:
        """One of them. Raises `Http404` for a stranger's."""

    def declined_on(self, actions: Collection[Action], since: dt.datetime) -> dict[int, dict[str, int]]:
        """By action, how many fiches each condition closed since a moment."""

    def expects_someone(self, session: Session) -> bool:
        """Whether a fiche names this session."""


class DoorRequest(HttpRequest):
    """A request as these screens get it, for annotations only: with its door."""

    door: Door


def managed(request: DoorRequest, what: str, slug: str) -> Action:
    """The action of one's structure to which that is to be done. Raises `Http404` and `PermissionDenied`."""
    action = request.door.action(slug)
    request.door.require(what, action)
    return action
