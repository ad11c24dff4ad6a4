"""What the screens of the catalogue ask of the door that each request brings. Who may what is decided upstairs."""

from __future__ import annotations

from typing import Protocol

from django.http import HttpRequest

from accounts.models import User
from structures.models import ImportBatch, Structure
from structures.models.batch import ImportBatchQuerySet


class Door(Protocol):
    """What one user may do and see, in the name of one of their structures."""

    user: User | None
    structure: Structure | None

    def may(self, what: str, subject: ImportBatch | None = None) -> bool:
        """Whether the role allows it."""

    def require(self, what: str, subject: ImportBatch | None = None) -> None:
        """Raise `PermissionDenied` (403) unless the role allows it."""

    def imports(self) -> ImportBatchQuerySet:
        """The imports of one's structure."""

    def batch(self, pk: int) -> ImportBatch:
        """One import. Raises `Http404` for a stranger's."""


class DoorRequest(HttpRequest):
    """A request as these screens get it, for annotations only: with its door."""

    door: Door
