"""The figures counted one row after the other, in Python, from the case alone: what every fast way must agree with."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from django.utils import timezone

from referrals.deadlines import working_days_between
from referrals.models import Bilan, Exit, FollowUp, Need, Referral
from referrals.models.exit import DYNAMIC
from referrals.states import OPEN, UNMET_BY_REASON, State

Counted = Callable[[Any], bool]


def _local(moment: dt.datetime) -> dt.date:
    return timezone.localdate(moment)


def _fiche_names(fiche: Referral) -> Iterator[str]:
    """The indicators that one fiche counts in."""
    state, answered = fiche.state, fiche.answered_at is not None
    yield "sent"
    if state == State.CANCELLED and not answered:
        yield "withdrawn"
        return
    yield "answerable"
    if not answered:
        yield "waiting" if state == State.SENT else "silent"
        return
    yield "answered"
    if fiche.accepted_at is not None:
        yield "accepted"
        yield {
            State.ENTERED: "entered",
            State.ENDED: "entered",
            State.MISSED: "missed",
            State.ACCEPTED: "expected",
            State.CANCELLED: "cancelled_late",
        }[State(state)]
    elif state == State.DECLINED:
        yield "declined"
        yield f"declined_{fiche.reason}"
    else:
        yield {
            State.WAITLISTED: "waitlisted",
            State.OFFERED: "offered",
            State.REDIRECTED: "redirected",
            State.CANCELLED: "abandoned_wait",
            State.EXPIRED: "abandoned_wait",
        }[State(state)]


def _bilan_names(fiche: Referral) -> Iterator[str]:
    yield "bilans_due"
    awaited = [one for one in Bilan.objects.filter(referral=fiche).order_by("id") if one.kind != "intermediate"]
    sources = {one.source for one in awaited if one.state == "returned"}
    if not sources:
        yield "bilans_missing"
        return
    yield "bilans_returned"
    yield "bilans_by_receiver" if "receiver" in sources else "bilans_otherwise"


def _exit_names(one: Exit) -> Iterator[str]:
    yield "exits"
    if one.exit_class == "withdrawn":
        yield "exits_neutralised"
        return
    yield "exits_counted"
    yield "exits_dynamic" if one.kind in DYNAMIC else "exits_not_dynamic"
    yield f"exits_{one.exit_class}"


def _check_names(one: FollowUp) -> Iterator[str]:
    yield "checks_due"
    if one.asked_at is None and one.state in ("planned", "to_call"):
        yield "checks_not_asked"
        return
    yield "checks_asked"
    if one.state == "answered":
        yield "checks_answered"
        yield f"checks_{one.situation}"
    else:
        yield f"checks_{one.state}" if one.state in ("unreachable", "refused", "moved") else "checks_open"
    ways = [one.asked_by] if one.asked_by else []
    if one.answered_by == "call" or one.state in ("unreachable", "refused", "moved"):
        ways.append("call")
    for way in ways:
        yield f"checks_asked_by_{way}"
        yield f"checks_answered_by_{way}" if one.answered_by == way else f"checks_silent_by_{way}"


def steps_of(fiche: Referral) -> tuple[Any, str, int | None]:
    """The fiche that this one follows, the kind of its exit, and the days from its sending to the entry."""
    assert fiche.sent_at is not None
    before = [one.referral_id for one in (fiche.opened_by, fiche.opened_after) if one is not None]
    left = Exit.objects.filter(referral=fiche).first()
    entered = None if fiche.entered_on is None else (fiche.entered_on - _local(fiche.sent_at)).days
    return fiche.redirected_from_id or (before[0] if before else None), left.kind if left else "", entered


def _why_unmet(need: Need) -> str:
    fiches = list(need.referrals.order_by("id"))
    if need.closed_at is not None or any(fiche.state in (*OPEN, State.ENDED) for fiche in fiches):
        return ""
    blamed = [fiche for fiche in fiches if fiche.reason in UNMET_BY_REASON or fiche.state == State.EXPIRED]
    if not blamed:
        return need.unmatched_reason
    last = max(blamed, key=lambda fiche: (fiche.closed_at, fiche.pk))
    return UNMET_BY_REASON[last.reason].value if last.reason else "no_answer"  # type: ignore[index] # a reason


class Plain:
    """Everything that a page shows, for the rows that `keeps` lets through (given a fiche or a need, and its day)."""

    def __init__(
        self, start: dt.date, end: dt.date, now: dt.datetime, keeps: Callable[[Any, dt.date], bool] = lambda *_: True
    ) -> None:
        self.numbers: Counter[str] = Counter()
        self.people: defaultdict[str, set[Any]] = defaultdict(set)
        self.months: Counter[tuple[dt.date, str]] = Counter()
        self.answered: Counter[int] = Counter()
        self.unanswered: Counter[int] = Counter()
        self.unmet: Counter[tuple[str, str]] = Counter()
        self.places: Counter[tuple[str, bool | None]] = Counter()
        self.news: Counter[tuple[str, str]] = Counter()
        self.structures: Counter[tuple[Any, str]] = Counter()
        today = _local(now)
        due_until = min(end, today)
        for fiche in Referral.objects.filter(sent_at__isnull=False).select_related("person", "action").order_by("id"):
            assert fiche.sent_at is not None
            day = _local(fiche.sent_at)
            if start <= day <= end and keeps(fiche, day):
                self._enter(fiche, _fiche_names(fiche), fiche.person_id)
                self._wait(fiche, day, today)
            due = fiche.bilan_due_on
            if due and fiche.entered_on and start <= due <= due_until and keeps(fiche, due):
                self._enter(None, _bilan_names(fiche), fiche.person_id)
        for left in Exit.objects.select_related("referral__person", "referral__action").order_by("id"):
            if start <= left.on <= due_until and keeps(left.referral, left.on):
                self._enter(None, _exit_names(left), left.referral.person_id)
        checks = FollowUp.objects.filter(months=6).select_related("exit", "referral__person", "referral__action")
        for check in checks.order_by("id"):
            if start <= check.due_on <= due_until and keeps(check.referral, check.due_on):
                self._enter(None, _check_names(check), check.referral.person_id)
                if check.state == "answered":
                    self.news[check.exit.exit_class, check.situation] += 1
        for need in Need.objects.filter(person__merged_into=None).select_related("person").order_by("id"):
            day = _local(need.created_at)
            if start <= day <= end and keeps(need, day):
                self._need(need)

    def _enter(self, fiche: Referral | None, names: Iterator[str], person: Any) -> None:
        for name in names:
            self.numbers[name] += 1
            self.people[name].add(person)
            if fiche is not None:
                self.structures[fiche.receiver_id, name] += 1
                if name in ("sent", "answered"):
                    assert fiche.sent_at is not None
                    self.months[_local(fiche.sent_at).replace(day=1), name] += 1

    def _wait(self, fiche: Referral, day: dt.date, today: dt.date) -> None:
        since = day if fiche.reopened_at is None else _local(fiche.reopened_at)
        until = fiche.answered_at or fiche.closed_at
        days = working_days_between(since, today if until is None else _local(until))
        (self.answered if fiche.answered_at else self.unanswered)[days] += 1

    def _need(self, need: Need) -> None:
        self.numbers["needs"] += 1
        self.people["needs"].add(need.person_id)
        if reason := _why_unmet(need):
            self.numbers["unmet"] += 1
            self.people["unmet"].add(need.person_id)
            self.unmet[need.theme, reason] += 1
            self.places[need.person.quartier, need.person.in_qpv] += 1
