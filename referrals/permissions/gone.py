"""A file that was made one with another: its addresses lead to the one that was kept."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404


class MergedAway(Http404):
    """The person asked for is told of in another file, which one may see. Whoever knows no better answers 404."""

    def __init__(self, gone: UUID | str, kept: UUID) -> None:
        self.gone, self.kept = gone, kept
        super().__init__("merged")
