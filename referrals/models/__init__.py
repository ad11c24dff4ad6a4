"""The case: one module per step of the path."""

from referrals.models.appointment import Appointment, Notice, TooEarly
from referrals.models.attachment import AlreadyAttached, Attachment, AttachmentKind, TooManyAttachments
from referrals.models.attendance import Attendance, Half, Presence
from referrals.models.bilan import Bilan, BilanKind, BilanSource, BilanWay
from referrals.models.clarification import Clarification, ClarificationKind
from referrals.models.commission import (
    Commission,
    CommissionItem,
    CommissionState,
    CommissionTask,
    ItemKind,
    Situation,
)
from referrals.models.event import Actor, Event, EventKind, Origin
from referrals.models.exit import Exit, ExitClass, ExitKind
from referrals.models.failing import FailingAddress
from referrals.models.followup import (
    FollowUp,
    FollowUpChannel,
    FollowUpLink,
    FollowUpMonths,
    FollowUpSituation,
    FollowUpState,
)
from referrals.models.gateway import Gateway
from referrals.models.known import Known
from referrals.models.link import Key, Link
from referrals.models.merge import CannotMerge, PersonMerge
from referrals.models.message import Message, MessageChannel
from referrals.models.mobility import MobilityAnswers, MobilityReading
from referrals.models.need import Need, Prediagnosis
from referrals.models.notification import Notification
from referrals.models.person import ContactChannel, Person, Resemblance
from referrals.models.person_batch import PersonBatch
from referrals.models.policy import ReminderPolicy
from referrals.models.positioning import Positioning
from referrals.models.referral import (
    CannotReopen,
    ConsentHow,
    ConsentScope,
    Hindrance,
    NoPlaceLeft,
    Referral,
    StaleReferral,
)
from referrals.models.reminder import Reminder, ReminderKind
from referrals.models.session_report import ReportState, SessionReport

__all__ = [
    "Actor",
    "AlreadyAttached",
    "Appointment",
    "Attachment",
    "AttachmentKind",
    "Attendance",
    "Bilan",
    "BilanKind",
    "BilanSource",
    "BilanWay",
    "CannotMerge",
    "CannotReopen",
    "Clarification",
    "ClarificationKind",
    "Commission",
    "CommissionItem",
    "CommissionState",
    "CommissionTask",
    "ConsentHow",
    "ConsentScope",
    "ContactChannel",
    "Event",
    "EventKind",
    "Exit",
    "ExitClass",
    "ExitKind",
    "FailingAddress",
    "FollowUp",
    "FollowUpChannel",
    "FollowUpLink",
    "FollowUpMonths",
    "FollowUpSituation",
    "FollowUpState",
    "Gateway",
    "Half",
    "Hindrance",
    "ItemKind",
    "Key",
    "Known",
    "Link",
    "Message",
    "MessageChannel",
    "MobilityAnswers",
    "MobilityReading",
    "Need",
    "NoPlaceLeft",
    "Notice",
    "Notification",
    "Origin",
    "Person",
    "PersonBatch",
    "PersonMerge",
    "Positioning",
    "Prediagnosis",
    "Presence",
    "Referral",
    "Reminder",
    "ReminderKind",
    "ReminderPolicy",
    "ReportState",
    "Resemblance",
    "SessionReport",
    "Situation",
    "StaleReferral",
    "TooEarly",
    "TooManyAttachments",
]
