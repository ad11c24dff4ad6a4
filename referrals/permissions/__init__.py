"""The one door: what a user may do in the name of a structure, and which rows they see; and what the support may."""

from referrals.permissions.door import Door
from referrals.permissions.gone import MergedAway
from referrals.permissions.roles import CASE_ROLES
from referrals.permissions.support import is_support, support_actor, support_only

__all__ = ["CASE_ROLES", "Door", "MergedAway", "is_support", "support_actor", "support_only"]
