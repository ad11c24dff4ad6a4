"""The fiche by the link of a letter, without an account: the receiver's own pages, behind a door of one fiche.

The token in the address is the only key. No cookie counts, so there is no session that a forged form could borrow: the
check against forged forms would only turn away the browsers inside mail programs. Reading records nothing, since mail
scanners follow links.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

from allauth.core import ratelimit
from django import forms
from django.contrib.auth.decorators import login_not_required
from django.contrib.messages.storage.cookie import CookieStorage
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, ResolverMatch, get_script_prefix, resolve, reverse, set_script_prefix
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from referrals.forms.appointments import AppointmentForm
from referrals.forms.bilans import BilanForm
from referrals.forms.clarifications import QuestionForm
from referrals.forms.exits import ExitForm
from referrals.forms.links import NewLinkForm
from referrals.forms.positionings import PositioningForm
from referrals.forms.responses import (
    AcceptForm,
    DeclineForm,
    EnterForm,
    MissForm,
    OfferForm,
    RedirectForm,
    WaitlistForm,
)
from referrals.middleware import CaseRequest
from referrals.models import Link
from referrals.permissions import Door
from referrals.views.conflict import typed_values
from referrals.views.responses import referral_detail

OPENED: dict[str, type[forms.Form] | None] = {
    "referrals:referral_detail": None,
    "referrals:referral_print": None,
    "referrals:referral_pdf": None,
    "referrals:attachment_list": None,
    "referrals:attachment_file": None,
    "referrals:response_accept": AcceptForm,
    "referrals:response_waitlist": WaitlistForm,
    "referrals:response_offer": OfferForm,
    "referrals:response_confirm": None,
    "referrals:response_decline": DeclineForm,
    "referrals:response_redirect": RedirectForm,
    "referrals:response_retract": None,
    "referrals:clarification_create": QuestionForm,
    "referrals:clarification_withdraw": None,
    "referrals:response_enter": EnterForm,
    "referrals:response_miss": MissForm,
    "referrals:referral_end": None,
    "referrals:appointment_set": AppointmentForm,
    "referrals:appointment_settle": None,
    "referrals:appointment_unsettle": None,
    "referrals:appointment_tell": None,
    "referrals:appointment_calendar": None,
    "referrals:positioning_record": PositioningForm,
    "referrals:positioning_print": None,
    "referrals:positioning_pdf": None,
    "referrals:bilan_create": None,
    "referrals:bilan_detail": None,
    "referrals:bilan_edit": BilanForm,
    "referrals:bilan_autosave": BilanForm,
    "referrals:bilan_return": BilanForm,
    "referrals:bilan_print": None,
    "referrals:bilan_pdf": None,
    "referrals:bilan_sheet_print": None,
    "referrals:bilan_sheet_pdf": None,
    "referrals:exit_record": ExitForm,
}
"""The addresses that a link opens, the receiver's part in a fiche; and the form whose text is given back when the link
has died before it was sent."""


class SaidOnce(CookieStorage):
    """What was just done, told on the next page: kept by the browser, since reading a page writes nothing here."""

    cookie_name = "relais_said"


class Typed(forms.Form):
    """What came with a form that could not be taken, to be copied."""

    def __init__(self, data: object, form: type[forms.Form]) -> None:
        super().__init__(data)  # type: ignore[arg-type] # a QueryDict, as any form takes
        for name, field in form.base_fields.items():
            # A choice among rows would say which there are.
            if not isinstance(field, forms.ModelChoiceField):
                self.fields[name] = deepcopy(field)


@csrf_exempt
@login_not_required
def link(request: CaseRequest, token: str, rest: str = "") -> HttpResponse:
    """Open the fiche of a link, or one of the pages in `OPENED` below it.

    Every address written while the page is made stands below the link's own, as if the site began there: the views
    and templates are those of an account, and cannot lead out of the link by mistake.
    """
    now = timezone.now()
    match = _match(rest)
    found = Link.objects.by_token(token, now)
    if found is None:
        return _discreet(_gone(request, match))
    reading = request.method in ("GET", "HEAD")
    if reading and request.door.referrals().filter(pk=found.referral_id).exists():
        return _discreet(redirect("referrals:referral_detail", reference=found.referral.reference))
    if not reading:
        found.mark_used(now)
    request.door = Door.of_link(found)
    request._messages = SaidOnce(request)  # type: ignore[attr-defined] # where Django's middleware looks for it
    with _site_begins_at(reverse("referrals:link", args=[token])):
        response = _opened(request, found, rest, match)
    # The forms carry a token against forgery all the same; its cookie would be of no use.
    request.META["CSRF_COOKIE_NEEDS_UPDATE"] = False
    return _discreet(response)


def _match(rest: str) -> ResolverMatch | None:
    try:
        match = resolve(f"/{rest}")
    except Resolver404:
        return None
    return match if match.view_name in OPENED else None


def _opened(request: CaseRequest, found: Link, rest: str, match: ResolverMatch | None) -> HttpResponse:
    try:
        if not rest:
            return referral_detail(request, found.referral.reference)
        if match is None:
            raise Http404
        return match.func(request, *match.args, **match.kwargs)
    except (Http404, PermissionDenied):
        return render(request, "referrals/links/elsewhere.html", {"referral": found.referral}, status=404)


@contextmanager
def _site_begins_at(prefix: str) -> Iterator[None]:
    before = get_script_prefix()
    set_script_prefix(prefix)
    try:
        yield
    finally:
        set_script_prefix(before)


def _gone(request: HttpRequest, match: ResolverMatch | None) -> HttpResponse:
    """The same page whether the link is unknown, revoked or out of date; and what was typed, when a form came."""
    form = OPENED[match.view_name] if match is not None else None
    typed = typed_values(Typed(request.POST, form)) if form is not None and request.method == "POST" else []
    return render(request, "referrals/links/gone.html", {"form": NewLinkForm(), "typed": typed}, status=404)


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def link_ask(request: HttpRequest) -> HttpResponse:
    """Ask for a new link by the fiche's reference. The answer says nothing of what is known of it."""
    form = NewLinkForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        status = 422 if form.errors else 200
        return _discreet(render(request, "referrals/links/ask.html", {"form": form}, status=status))
    if not ratelimit.consume(request, action="new_link"):
        return _discreet(ratelimit.respond_429(request))
    Link.objects.ask(form.cleaned_data["reference"], timezone.now())
    return _discreet(render(request, "referrals/links/asked.html"))


def _discreet(response: HttpResponse) -> HttpResponse:
    """Neither other sites nor search engines learn the address."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response
