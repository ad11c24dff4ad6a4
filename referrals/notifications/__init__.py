"""Which reminder makes which letters, to whom; and, when it is due, whether it is still true.

`decide` reads only. `carry_out` writes: it belongs in the transaction that settles the reminder.

A structure is written to at one address: that of the action, else its own. That is what it publishes to be reached,
it survives holidays and departures, and a queue read by several is answered by the first one free; writing to each
member as well would bring every fiche two or three times into the same office. Members of the right role are written
to only where no such address is known. A sender is answered personally: they follow the person; so is the member to
whom the receiver assigned the fiche. While they are away, who stands in is written to, else the structure.
"""

from referrals.notifications.addressing import LATE_AFTER, message_id, next_morning, notified, paced, stable_id
from referrals.notifications.batches import Batch
from referrals.notifications.carrying_out import NoAddress, carry_out, given_up, plan_anew, rewritten
from referrals.notifications.deciding import decide, outlived, overtaken, tier_of
from referrals.notifications.kinds import JOURNALLED
from referrals.notifications.recipients import Recipient, members_of, quiet_of_person, receiver_of, sender_of

__all__ = [
    "JOURNALLED",
    "LATE_AFTER",
    "Batch",
    "NoAddress",
    "Recipient",
    "carry_out",
    "decide",
    "given_up",
    "members_of",
    "message_id",
    "next_morning",
    "notified",
    "outlived",
    "overtaken",
    "paced",
    "plan_anew",
    "quiet_of_person",
    "receiver_of",
    "rewritten",
    "sender_of",
    "stable_id",
    "tier_of",
]
