"""What belongs to the support staff: how the site works, never what a file says."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.models import User
from referrals.models import Actor, Origin

View = Callable[..., HttpResponseBase]


def is_support(user: User | AnonymousUser | None) -> bool:
    """Whether the user is of the support staff."""
    return isinstance(user, User) and user.is_active and user.is_staff


def support_only(view: View) -> View:
    """Answer 403 to everyone else. The second factor was asked for before any view."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not is_support(getattr(request, "user", None)):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


def support_actor(request: HttpRequest) -> Actor:
    """Who signs what the support does."""
    assert isinstance(request.user, User)
    return Actor(user=request.user, origin=Origin.ADMIN)
