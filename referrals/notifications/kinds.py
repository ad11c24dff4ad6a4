"""What holds of each kind of reminder: how late it may leave, and whether it asks for something."""

from __future__ import annotations

import datetime as dt

from referrals import emails
from referrals.models.reminder import ReminderKind
from referrals.states import State

STALE_AFTER: dict[ReminderKind, dt.timedelta] = {
    ReminderKind.ANSWERED: dt.timedelta(days=30),
    ReminderKind.CANCELLED: dt.timedelta(days=30),
    ReminderKind.MISSED: dt.timedelta(days=30),
    ReminderKind.EXPIRED: dt.timedelta(days=30),
    ReminderKind.REOPENED: dt.timedelta(days=14),
    ReminderKind.RESUMED: dt.timedelta(days=30),
    ReminderKind.OFFER_PASSED: dt.timedelta(days=30),
    ReminderKind.OFFER_CONFIRMED: dt.timedelta(days=30),
    ReminderKind.BILAN_RETURNED: dt.timedelta(days=60),
    ReminderKind.REPORT_PUBLISHED: dt.timedelta(days=60),
    ReminderKind.APPOINTMENT_TOLD: dt.timedelta(days=30),
    ReminderKind.THREE_MONTHS: dt.timedelta(days=30),
    ReminderKind.SIX_MONTHS: dt.timedelta(days=90),
    ReminderKind.ASKED: dt.timedelta(days=14),
    ReminderKind.UNCLARIFIED: dt.timedelta(days=14),
    ReminderKind.CLARIFIED: dt.timedelta(days=30),
    ReminderKind.ASSIGNED: dt.timedelta(days=14),
    ReminderKind.LINK: dt.timedelta(days=1),
}
"""How late a letter about a verb may leave after a stop of the workers; later, it is dropped as stale. What a rule
plans stops when the rule says. A fiche not yet announced to its receiver is announced while it awaits an answer, and a
place is offered until its hour."""

JOURNALLED = (
    ReminderKind.UNANSWERED,
    ReminderKind.UNCLARIFIED,
    ReminderKind.OFFER_RECALL,
    ReminderKind.ESCALATED,
    ReminderKind.EXPIRY_NOTICE,
    ReminderKind.ENTRY_TO_CONFIRM,
    ReminderKind.INTERIM_BILAN,
    ReminderKind.BILAN_DUE,
    ReminderKind.EXIT_DUE,
    ReminderKind.CONSENT_ENDING,
    ReminderKind.RETENTION,
)
"""Kinds that leave « Relance envoyée » in the journal. The others tell of a verb that already stands in it; the
question after an exit leaves its own line."""

RECALLS = (
    ReminderKind.SENT,
    ReminderKind.ACKNOWLEDGED,
    ReminderKind.ASKED,
    ReminderKind.OFFERED,
    ReminderKind.APPOINTMENT,
    ReminderKind.THREE_MONTHS,
    ReminderKind.SIX_MONTHS,
    *JOURNALLED,
)
"""Kinds that ask for something, or say that it is awaited: a letter kept waiting is withdrawn once it has been done."""

ANSWER_LETTERS = {
    State.ACCEPTED: emails.referral_accepted,
    State.ENTERED: emails.referral_accepted,
    State.ENDED: emails.referral_accepted,
    State.WAITLISTED: emails.referral_waitlisted,
    State.DECLINED: emails.referral_declined,
    State.REDIRECTED: emails.referral_redirected,
}
