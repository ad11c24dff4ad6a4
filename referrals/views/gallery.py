"""Each letter as it leaves, with invented examples, for those who answer for them."""

from __future__ import annotations

from itertools import groupby

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp, csp_update
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from referrals.gallery import Example, examples
from referrals.gsm7 import SEGMENT
from referrals.middleware import CaseRequest

HTML_POLICY = {"default-src": [NONE], "style-src": [UNSAFE_INLINE], "frame-ancestors": [SELF], "sandbox": []}
"""A letter brings its style with it, as mail programs want it, and nothing else."""


def _example(name: str) -> Example:
    found = next((one for one in examples(timezone.now()) if one.name == name), None)
    if found is None:
        raise Http404
    return found


@require_safe
def letter_list(request: CaseRequest) -> HttpResponse:
    """All letters and text messages, by whom they are written to."""
    request.door.require("letters")
    found = examples(timezone.now())
    families = [(family, list(rows)) for family, rows in groupby(found, key=lambda one: one.family)]
    return render(request, "referrals/gallery/list.html", {"families": families, "segment": SEGMENT})


@require_safe
@csp_update({"frame-src": [SELF]})  # type: ignore[arg-type] # typed for requests without a door
def letter_detail(request: CaseRequest, name: str) -> HttpResponse:
    """One letter: its text, and its formatted form in a frame of its own."""
    request.door.require("letters")
    return render(request, "referrals/gallery/detail.html", {"example": _example(name), "segment": SEGMENT})


@require_safe
@xframe_options_sameorigin
@csp(HTML_POLICY)  # type: ignore[arg-type] # typed for requests without a door
def letter_html(request: CaseRequest, name: str) -> HttpResponse:
    """The formatted form alone, as a mail program would show it: no script, nothing fetched, no link followed."""
    request.door.require("letters")
    example = _example(name)
    if not example.html:
        raise Http404
    return HttpResponse(example.html)
