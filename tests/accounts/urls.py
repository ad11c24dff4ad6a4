"""The addresses of Relais, and a few that only tests need."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def answer(request: HttpRequest) -> HttpResponse:
    """Answer anything."""
    return HttpResponse("bonjour")


@login_not_required
def public(request: HttpRequest, token: str) -> HttpResponse:
    """Answer whoever holds the link."""
    return HttpResponse("bonjour")


@login_not_required
def fail(request: HttpRequest) -> HttpResponse:
    """Fail the way a view does that holds somebody's data."""
    raise ValueError(request.POST["name"])


urlpatterns = [
    path("api/essai/", answer),
    path("public/<str:token>/", public),
    path("echec/", fail),
    path("", include("backend.urls")),
]
