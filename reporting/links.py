"""From a figure to the rows behind it, for those who may open them."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from referrals.states import Reason, State
from reporting.indicators import (
    CANCELLED_LATE,
    DECLINED,
    DECLINED_FOR,
    ENTERED,
    EXPECTED,
    MISSED,
    REDIRECTED,
    SENT,
    SILENT,
    WAITING,
    WAITLISTED,
    Indicator,
)
from reporting.scope import Scope, View

STATES: dict[str, tuple[State, ...]] = {
    SENT.name: (),
    WAITING.name: (State.SENT,),
    SILENT.name: (State.EXPIRED,),
    WAITLISTED.name: (State.WAITLISTED,),
    DECLINED.name: (State.DECLINED,),
    REDIRECTED.name: (State.REDIRECTED,),
    ENTERED.name: (State.ENTERED, State.ENDED),
    MISSED.name: (State.MISSED,),
    EXPECTED.name: (State.ACCEPTED,),
    CANCELLED_LATE.name: (State.CANCELLED,),
} | {one.name: (State.DECLINED,) for one in DECLINED_FOR.values()}
"""The indicators whose rows a list of fiches can show, with the states that it filters on."""

REASONS: dict[str, Reason] = {one.name: reason for reason, one in DECLINED_FOR.items()}


def rows_url(scope: Scope, indicator: Indicator) -> str:
    """The list of fiches behind an indicator; empty where none is to be opened.

    The territory's figures lead to no file. A theme or a place of living is no filter of that list: the link would
    show other rows than those counted, so there is none then.
    """
    if scope.view == View.TERRITORY or indicator.name not in STATES or scope.theme or scope.place:
        return ""
    try:
        url = reverse("referrals:referral_list")
    except NoReverseMatch:
        return ""
    query: list[tuple[str, str]] = [
        ("sens", scope.view.value),
        ("du", scope.period.start.isoformat()),
        ("au", scope.period.end.isoformat()),
    ]
    query += [("etat", state.value) for state in STATES[indicator.name]]
    if indicator.name in REASONS:
        query.append(("motif", REASONS[indicator.name].value))
    if scope.action_id is not None:
        query.append(("action", str(scope.action_id)))
    if scope.receiver is not None:
        query.append(("structure", str(scope.receiver)))
    return f"{url}?{urlencode(query)}"
