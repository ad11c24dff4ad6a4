"""The support staff's site: same login as everyone, same second factor, staff only."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator


class RelaisAdminSite(AdminSite):
    """Django's admin, entered through the ordinary login page.

    The second factor is asked for by `backend.middleware.SecondFactorMiddleware`, before any view.
    """

    site_header = "Relais\u00a0: administration"
    site_title = "Relais"
    index_title = "Assistance"

    @method_decorator(secure_admin_login)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send a visitor to the login page; answer 403 to someone who is not of the staff."""
        return super().login(request, extra_context)
