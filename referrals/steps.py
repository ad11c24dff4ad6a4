"""What comes next on a fiche, as its page says it; and what comes after the exit, which ends the fiche."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from referrals.french import lower_first
from referrals.models import FollowUpMonths, FollowUpSituation, FollowUpState, Referral
from referrals.models.followup import current_check


@dataclass(frozen=True)
class Step:
    """What comes next: a sentence, the day it is expected (if any), and its tone (a `note` of the stylesheet)."""

    text: str
    due: dt.date | None = None
    tone: str = ""
    icon: str = "arrow-right"
    label: str = ""


def after_end(referral: Referral) -> Step:
    """Where the check after the exit stands; that the action is over, when there is none."""
    check = current_check(referral.followups.all())
    if check is None:
        return Step("L’action est terminée.", tone="accepted", icon="flag")
    when = FollowUpMonths(check.months).label
    if check.is_to_call_back:
        said = f"{when}, la personne a répondu : {FollowUpSituation(check.situation).label}."
        return Step(f"{said} Elle souhaite être rappelée.", tone="late", icon="phone")
    match check.state:
        case FollowUpState.ANSWERED:
            text = f"{when}, la personne a répondu : {FollowUpSituation(check.situation).label}."
            return Step(text, tone="accepted", icon="message-circle")
        case FollowUpState.UNREACHABLE | FollowUpState.REFUSED | FollowUpState.MOVED:
            return Step(f"Suivi {lower_first(when)} : {lower_first(check.get_state_display())}.", icon="flag")
        case FollowUpState.TO_CALL:
            text = f"La personne est à appeler pour le suivi {lower_first(when)}."
            return Step(text, check.due_on, "late", "phone", "Prévu")
        case FollowUpState.ASKED:
            return Step(f"La question {lower_first(when)} est posée, la réponse est attendue.", icon="message-circle")
        case _:
            months = "Trois" if check.months == FollowUpMonths.THREE else "Six"
            return Step(
                f"{months} mois après la sortie, Relais prendra des nouvelles.",
                check.due_on,
                label=f"Suivi {lower_first(when)}",
            )
