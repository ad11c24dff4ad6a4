"""The pages of the project itself: the choice of a theme, and the style guide of the demonstration."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from backend.context import THEME_COOKIE, THEMES
from backend.style import style_context


def back_to(request: HttpRequest) -> str:
    """The address posted as `next` when it belongs to this site, else the home page."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else "/"


@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponseBase:
    """Keep the chosen theme in a cookie for a year; any other value gives the choice back to the device."""
    response = HttpResponseRedirect(back_to(request))
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(
            THEME_COOKIE,
            chosen,
            max_age=timedelta(days=365),
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
    else:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")
    return response


@login_not_required
@require_safe
def style(request: HttpRequest) -> HttpResponse:
    """Show every component in every state; only a demonstration answers."""
    if not settings.DEMO:
        raise Http404
    return render(request, "style.html", style_context())
