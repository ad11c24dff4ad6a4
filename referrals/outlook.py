"""What will leave, and when: the rules in words, on an example fiche, and on a real one from its own rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from referrals import deadlines
from referrals.french import listed
from referrals.models import Referral, Reminder
from referrals.models.policy import POLICY_OF
from referrals.models.reminder import ReminderKind, ReminderState
from referrals.policies import PolicyKind, Rule
from structures.clocks import Clock

EXAMPLE_MEETING_DAYS = 14
"""Days from the sending to the rendez-vous of the example."""

EXAMPLE_MONTHS = 3
"""Months that the action of the example lasts."""

TO_WHOM: Mapping[ReminderKind, str] = {
    ReminderKind.SENT: "à la structure",
    ReminderKind.ANSWERED: "au prescripteur",
    ReminderKind.CANCELLED: "à la structure",
    ReminderKind.MISSED: "au prescripteur",
    ReminderKind.EXPIRED: "à la structure et au prescripteur",
    ReminderKind.REOPENED: "à l’autre structure",
    ReminderKind.RESUMED: "au prescripteur",
    ReminderKind.OFFERED: "au prescripteur",
    ReminderKind.OFFER_RECALL: "au prescripteur",
    ReminderKind.OFFER_EXPIRY: "la place passe à la personne suivante",
    ReminderKind.OFFER_PASSED: "à la structure et au prescripteur",
    ReminderKind.OFFER_CONFIRMED: "à la structure",
    ReminderKind.BILAN_RETURNED: "au prescripteur",
    ReminderKind.APPOINTMENT_TOLD: "à la structure, au prescripteur et à la personne",
    ReminderKind.REPORT_PUBLISHED: "aux prescripteurs de la session",
    ReminderKind.THREE_MONTHS: "à la personne, par son moyen de contact sûr",
    ReminderKind.SIX_MONTHS: "à la personne, par son moyen de contact sûr",
    ReminderKind.ASKED: "au prescripteur",
    ReminderKind.UNCLARIFIED: "au prescripteur",
    ReminderKind.CLARIFIED: "à la structure",
    ReminderKind.ASSIGNED: "au membre de l’équipe",
    ReminderKind.LINK: "à la structure",
}
"""Who receives what no rule plans; the others say it themselves."""


@dataclass(frozen=True)
class Leaving:
    """One thing that leaves on a day: what, and to whom by role."""

    day: dt.date
    what: str
    to_whom: str


@dataclass(frozen=True)
class Chapter:
    """What leaves at one moment of the path."""

    title: str
    lines: list[Leaving]


def sentence_of(rule: Rule) -> str:
    """« Une fiche sans réponse : relancer la structure après 3, 7 et 12 jours ouvrés »."""
    spec = rule.spec
    ends = spec.ends.replace("jours ouvrés", "jour ouvré").replace("jours", "jour") if is_one(rule) else spec.ends
    return " ".join(filter(None, [spec.asks, delay_words(rule.delays), ends]))


def is_one(rule: Rule) -> bool:
    """Whether a single day is all that its delays count."""
    return len(rule.delays) == 1 and abs(rule.delays[0]) == 1


def delay_words(delays: tuple[int, ...]) -> str:
    """« 3, 7 et 12 »; delays before an event are read without their sign, the nearest last."""
    return listed(str(abs(delay)) for delay in delays)


def planned_for(referral: Referral, *, sends: bool) -> list[Leaving]:
    """What is planned for a fiche, from its own rows, in order; its sender never reads who follows it there."""
    rows = Reminder.objects.filter(referral=referral, state=ReminderState.PLANNED).order_by("due_at", "kind", "id")
    rows = rows.exclude(kind=ReminderKind.ASSIGNED) if sends else rows
    return [_of_row(row, referral) for row in rows]


def _of_row(row: Reminder, referral: Referral) -> Leaving:
    kind = ReminderKind(row.kind)
    policy = POLICY_OF.get(kind)
    to_whom = TO_WHOM[kind] if policy is None else referral.rules[policy].to_whom(_tier(row, referral, policy))
    return Leaving(referral.clock.day_of(row.due_at), kind.label, to_whom)


def _tier(row: Reminder, referral: Referral, policy: PolicyKind) -> int | None:
    days = referral.days_of(policy)
    day = referral.clock.day_of(row.due_at)
    return days.index(day) if day in days else None


def example(rules: Mapping[PolicyKind, Rule], clock: Clock, today: dt.date) -> list[Chapter]:
    """What would leave for a fiche sent today, if nobody answers, then if the person enters the action."""

    def lines(kind: PolicyKind, day: dt.date, *, after: dt.date | None = None) -> list[Leaving]:
        rule = rules[kind]
        days = rule.days_from(day, clock) if rule.delays else [day] * rule.is_on
        rows = [Leaving(one, kind.label, rule.to_whom(tier)) for tier, one in enumerate(days)]
        return [row for row in rows if after is None or row.day > after]

    (closing,) = rules[PolicyKind.EXPIRY].days_from(today, clock)
    meeting = today + dt.timedelta(days=EXAMPLE_MEETING_DAYS)
    end = deadlines.add_months(meeting, EXAMPLE_MONTHS)
    half = deadlines.add_months(end, deadlines.FOLLOWUP_MONTHS)
    six = Leaving(half, ReminderKind.SIX_MONTHS.label, TO_WHOM[ReminderKind.SIX_MONTHS])
    return [
        Chapter(
            "Sans réponse",
            _in_order(
                *lines(PolicyKind.ACKNOWLEDGEMENT, today),
                *lines(PolicyKind.UNANSWERED, today),
                *lines(PolicyKind.ESCALATION, today),
                *lines(PolicyKind.EXPIRY_NOTICE, closing, after=today),
                *lines(PolicyKind.EXPIRY, today),
            ),
        ),
        Chapter(
            "Acceptée, avec un rendez-vous dans deux semaines",
            _in_order(*lines(PolicyKind.APPOINTMENT, meeting, after=today), *lines(PolicyKind.ENTRY, meeting)),
        ),
        Chapter(
            "Dans l’action, pendant trois mois",
            _in_order(
                *[one for one in lines(PolicyKind.INTERIM_BILAN, meeting) if one.day < end],
                *lines(PolicyKind.FINAL_BILAN, end),
                *lines(PolicyKind.EXIT, end),
            ),
        ),
        Chapter("Après la sortie", _in_order(*lines(PolicyKind.THREE_MONTHS, deadlines.add_months(end, 3)), six)),
    ]


def _in_order(*lines: Leaving) -> list[Leaving]:
    return sorted(lines, key=lambda line: line.day)
