"""The answers to a request that could not be served, in plain French."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@login_not_required
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 to a form whose protection did not match: most often a page left open for too long."""
    return render(request, "403_csrf.html", status=403)
