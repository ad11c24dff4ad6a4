"""Which role does what: the table that the door reads."""

from __future__ import annotations

from referrals.states import Verb
from structures.vocabulary import Role

SENDER_VERBS = {Verb.SEND, Verb.RECALL, Verb.LAPSE, Verb.CANCEL}
RECEIVER_VERBS = {
    Verb.ACCEPT,
    Verb.WAITLIST,
    Verb.OFFER,
    Verb.DECLINE,
    Verb.REDIRECT,
    Verb.RETRACT,
    Verb.ENTER,
    Verb.MISS,
    Verb.END,
    Verb.RESUME,
}
ASKING = {"ask", "unask"}
"""What a receiver does before deciding; answering is the sender's."""
CASE_ROLES = frozenset({Role.PRESCRIBER, Role.RECEIVER, Role.MANAGER})
"""The roles that open files; a coordinator sees figures only."""

ACTION_VERBS = {"edit", "confirm", "pause"}
"""What the managers of a structure do to its actions."""

SESSION_VERBS = {"attend", "report"}
"""What the receivers of a structure do to the sessions of its actions: note who came, write the bilan collectif."""
RECEIVER_STEPS = {"meet", "settle", "unsettle", "position", "bilan", "exit", "attend"}
"""What a fiche's receiver does besides answering it."""

BOTH_SIDES = {Verb.REOPEN, "attach", "tell", "revoke_links"}
"""What a fiche's sender and its receiver may do alike."""

BY_LINK = frozenset(
    {
        Verb.ACCEPT,
        Verb.WAITLIST,
        Verb.OFFER,
        Verb.CONFIRM,
        Verb.DECLINE,
        Verb.REDIRECT,
        Verb.RETRACT,
        Verb.ENTER,
        Verb.MISS,
        Verb.END,
        "ask",
        "unask",
        "meet",
        "settle",
        "unsettle",
        "tell",
        "position",
        "bilan",
        "exit",
        "view",
        "print",
    }
)
"""What can be done to a fiche by the link of a letter; the address of each stands in `views.links.OPENED`."""

STEPS = (
    "edit",
    "ask",
    "unask",
    "clarify",
    "assign",
    "hand_over",
    "attach",
    "meet",
    "settle",
    "unsettle",
    "tell",
    "position",
    "bilan",
    "exit",
    "receive_otherwise",
    "next",
    "attend",
)
"""What can be done to a fiche besides moving it."""
