"""From a figure to the rows behind it, for those who may open them."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from referrals.states import Reason, State
from reporting.indicators import (
    DECLINED,
    DECLINED_FOR,
    EXPECTED,
    MISSED,
    OFFERED,
    REDIRECTED,
    SENT,
    WAITING,
    WAITLISTED,
    Indicator,
)
from reporting.scope import Scope, View

STATES: dict[str, State | None] = {
    SENT.name: None,
    WAITING.name: State.SENT,
    WAITLISTED.name: State.WAITLISTED,
    OFFERED.name: State.OFFERED,
    DECLINED.name: State.DECLINED,
    REDIRECTED.name: State.REDIRECTED,
    MISSED.name: State.MISSED,
    EXPECTED.name: State.ACCEPTED,
} | {one.name: State.DECLINED for one in DECLINED_FOR.values()}
"""The indicators that are the fiches in one state, which is what a list of fiches can filter on."""

REASONS: dict[str, Reason] = {one.name: reason for reason, one in DECLINED_FOR.items()}


def rows_url(scope: Scope, indicator: Indicator) -> str:
    """The list of fiches behind an indicator; empty where none is to be opened.

    The territory's figures lead to no file. A receiver, a theme or a place of living is no filter of that list: the
    link would show other rows than those counted, so there is none then.
    """
    narrowed = scope.is_narrowed
    if scope.view == View.TERRITORY or indicator.name not in STATES or narrowed:
        return ""
    try:
        url = reverse("referrals:referral_list")
    except NoReverseMatch:
        return ""
    state = STATES[indicator.name]
    query = {
        "onglet": scope.view.value,
        "du": scope.period.start.isoformat(),
        "au": scope.period.end.isoformat(),
        "etat": state.value if state is not None else "",
        "motif": REASONS[indicator.name].value if indicator.name in REASONS else "",
        "action": scope.action,
    }
    return f"{url}?{urlencode({name: value for name, value in query.items() if value})}"
