"""Gives each request its door."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django_htmx.middleware import HtmxDetails

from referrals.permissions import Door, MergedAway

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

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Lead from every address of a file that was merged to that of the one which was kept; else `None`.

        With what was posted: nothing typed is lost. Not for good, since two files can be parted again.
        """
        match = request.resolver_match
        if not isinstance(error, MergedAway) or match is None or error.gone not in match.kwargs.values():
            return None
        kwargs = {name: error.kept if value == error.gone else value for name, value in match.kwargs.items()}
        query = request.META.get("QUERY_STRING", "")
        address = reverse(match.view_name, kwargs=kwargs) + (f"?{query}" if query else "")
        return HttpResponseRedirect(address, preserve_request=True)
