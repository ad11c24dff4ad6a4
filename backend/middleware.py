"""What happens to every request: who may come in, for how long, and which headers the answer bears."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

access_log = logging.getLogger("relais.access")

GetResponse = Callable[[HttpRequest], HttpResponseBase]
View = Callable[..., HttpResponseBase]

API_PREFIX = "/api/"
ENROLMENT = "mfa_activate_totp"
# What someone without a second factor needs in order to get one, or to leave.
OPEN_WITHOUT_SECOND_FACTOR = {ENROLMENT, "account_logout", "account_reauthenticate"}
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "autoplay",
        "browsing-topics",
        "camera",
        "display-capture",
        "encrypted-media",
        "fullscreen",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "picture-in-picture",
        "screen-wake-lock",
        "usb",
        "xr-spatial-tracking",
    )
)
# How often, in seconds, the hour of the last sign of life is written: an hour's idle time needs no better.
SIGN_OF_LIFE_STEP = 60


def is_api(request: HttpRequest) -> bool:
    """Whether the caller is a program, to be answered in JSON."""
    return request.path_info.startswith(API_PREFIX)


def is_public(view: View) -> bool:
    """Whether the view is marked `login_not_required`."""
    return not getattr(view, "login_required", True)


def problem(status: int, title: str, detail: str) -> JsonResponse:
    """Return a problem document (RFC 9457)."""
    return JsonResponse(
        {"type": "about:blank", "title": title, "status": status, "detail": detail},
        status=status,
        content_type="application/problem+json",
        json_dumps_params={"ensure_ascii": False},
    )


def go_to(request: HttpRequest, url: str) -> HttpResponse:
    """Lead the whole page to `url`, also when htmx asked for a piece of it only."""
    if getattr(request, "htmx", False):
        return HttpResponseClientRedirect(url)
    return HttpResponseRedirect(url)


class AccessLogMiddleware:
    """Writes one line per request: the method, the name of the page, the status, the time.

    The name rather than the address: addresses hold signed links and numbers of files.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        start = time.perf_counter()
        response = self.get_response(request)
        match = getattr(request, "resolver_match", None)
        page = (match.view_name or match.route) if match else "-"
        elapsed = (time.perf_counter() - start) * 1000
        access_log.info("%s %s %s %.0f ms", request.method, page, response.status_code, elapsed)
        return response


class PageHeadersMiddleware:
    """Adds the headers that no other part adds, to every answer that is not a static file."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response["Permissions-Policy"] = PERMISSIONS_POLICY
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        if request.path_info.startswith(settings.STATIC_URL):
            return response
        # A shared computer's "back" button must not show the previous person's file. No-store also holds
        # for pages without a login: the person's signed page is one.
        response["Cache-Control"] = "no-store, private"
        # A view without any cookie, the person's page, asks for the strictest policy itself.
        if getattr(request, "public_page", False) and response.get("Referrer-Policy") != "no-referrer":
            # The address of a public page can be a signed link: another site, and even our own static
            # files, are told where from but not which. Stricter still, `no-referrer` makes browsers send
            # `Origin: null` with a form, which the CSRF check refuses.
            response["Referrer-Policy"] = "strict-origin"
        return response

    def process_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> None:
        """Note whether the page is public, for the headers of its answer."""
        request.public_page = is_public(view)  # type: ignore[attr-defined]


class SessionEndMiddleware:
    """Ends a session after an hour without a request, and twelve hours after the login whatever happens."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            now = int(timezone.now().timestamp())
            opened = request.session.setdefault("opened_at", now)
            seen = request.session.get("seen_at", now)
            if now - seen >= settings.SESSION_IDLE_AGE or now - opened >= settings.SESSION_COOKIE_AGE:
                logout(request)
                messages.info(request, "Votre session est terminée. Reconnectez-vous pour continuer.")
            elif "seen_at" not in request.session or now - seen >= SIGN_OF_LIFE_STEP:
                request.session["seen_at"] = now
        return self.get_response(request)


class LoginMiddleware(LoginRequiredMiddleware):
    """Asks for a login on every page that is not marked `login_not_required`.

    Views of the REST framework are marked so by the framework: their own permission classes answer for them.
    """

    def handle_no_permission(  # type: ignore[override]  # the stubs foresee nothing but a redirect
        self, request: HttpRequest, view_func: View
    ) -> HttpResponseBase:
        """Lead to the login page; a program gets 401, and a piece of a page leads the whole page there."""
        if is_api(request):
            response = problem(401, "Non authentifié", "Connectez-vous ou joignez un jeton.")
            response["WWW-Authenticate"] = "Token"
            return response
        if getattr(request, "htmx", False):
            current = urlsplit(request.headers.get("HX-Current-URL", "")).path or "/"
            url = resolve_url(settings.LOGIN_URL)
            return HttpResponseClientRedirect(f"{url}?{urlencode({'next': current})}")
        return super().handle_no_permission(request, view_func)


class SecondFactorMiddleware:
    """Leads someone who has no second factor to the page that sets one up, before anything else."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        """Answer instead of the view when a factor is missing; a program gets 403."""
        if not settings.SECOND_FACTOR_REQUIRED or not request.user.is_authenticated:
            return None
        match = request.resolver_match
        if match is not None and match.view_name in OPEN_WITHOUT_SECOND_FACTOR:
            return None
        if is_public(view) and not is_api(request):
            return None
        if is_mfa_enabled(request.user, [Authenticator.Type.TOTP]):
            return None
        if is_api(request):
            return problem(403, "Second facteur requis", "Activez la double authentification de votre compte.")
        return go_to(request, reverse(ENROLMENT))
