"""Gives each request its door."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject
from django_htmx.middleware import HtmxDetails

from referrals.permissions import Door

SESSION_KEY = "structure"
"""Where the structure chosen in the switcher is kept."""


class CaseRequest(HttpRequest):
    """A request as the views of the case get it, for annotations only: with its door, and what htmx says of itself."""

    door: Door
    htmx: HtmxDetails


class DoorMiddleware:
    """Sets `request.door`, in the structure that the user last chose; costs nothing until it is asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.door = SimpleLazyObject(lambda: Door.of(request.user, request.session.get(SESSION_KEY)))  # type: ignore[attr-defined]
        return self.get_response(request)
