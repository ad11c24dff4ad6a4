"""The fiche de prescription et de liaison, its verbs by who does them, and the questions about many of them."""

from referrals.models.referral.consent import ConsentHow, ConsentScope
from referrals.models.referral.moving import NoPlaceLeft, StaleReferral
from referrals.models.referral.reopening import CannotReopen, Hindrance
from referrals.models.referral.row import Referral
from referrals.models.referral.rows import ReferralQuerySet

__all__ = [
    "CannotReopen",
    "ConsentHow",
    "ConsentScope",
    "Hindrance",
    "NoPlaceLeft",
    "Referral",
    "ReferralQuerySet",
    "StaleReferral",
]
