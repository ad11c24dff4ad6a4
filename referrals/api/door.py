"""What every endpoint shares: who asks, in the name of which structure, and how lists are paged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import BaseParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils.mediatypes import media_type_matches
from rest_framework.views import APIView

from referrals.models import Origin
from referrals.permissions import Door

STRUCTURE_HEADER = "Relais-Structure"

STRUCTURE_PARAMETER = OpenApiParameter(
    STRUCTURE_HEADER,
    str,
    OpenApiParameter.HEADER,
    description="Identifier of the structure in whose name the call is made; the first of one's own by default.",
)


class OpensFiles(IsAuthenticated):
    """Logged in, and with a role that opens files: a coordinator's figures are elsewhere."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return super().has_permission(request, view) and view.door.opens_files


class ByDoor(APIView):
    """Mix-in: `self.door` decides, exactly as on the screens."""

    permission_classes: Sequence[Any] = (OpensFiles,)

    @cached_property
    def door(self) -> Door:
        """The door of the token's or the session's user."""
        return Door.of(self.request.user, self.request.headers.get(STRUCTURE_HEADER), origin=Origin.API)


class FileOrProblem(BaseContentNegotiation):
    """For addresses that answer a file: whatever the caller accepts, errors are problem documents."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """The parser of what was sent; `None` when there is none."""
        return next((parser for parser in parsers if media_type_matches(parser.media_type, request.content_type)), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The first one."""
        first = next(iter(renderers))
        return first, first.media_type


def a_file(*content_types: str) -> dict[tuple[int, str], Any]:
    """What the OpenAPI document says of an address that answers a file."""
    return {(200, content_type): OpenApiTypes.BINARY for content_type in content_types}


class KeysetPagination(CursorPagination):
    """Pages by key: the last page of a long list costs what the first one does. The cursor holds no name."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering: tuple[str, ...] = ("-created_at", "id")
