"""The one door: what a user may do in the name of a structure, and which rows they see."""

from referrals.permissions.door import Door
from referrals.permissions.gone import MergedAway
from referrals.permissions.roles import CASE_ROLES

__all__ = ["CASE_ROLES", "Door", "MergedAway"]
