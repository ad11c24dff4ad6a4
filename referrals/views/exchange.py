"""The questions asked on a fiche, as its page shows them, with the forms that the reader may use."""

from __future__ import annotations

from dataclasses import dataclass, field

from referrals.forms.clarifications import ClarifyForm, QuestionForm
from referrals.models import Clarification, ClarificationKind, Referral
from referrals.permissions import Door


@dataclass
class Exchange:
    """What was asked and answered (oldest first), and what may be done now."""

    rows: list[Clarification] = field(default_factory=list)
    open: Clarification | None = None
    asking: list[Asking] = field(default_factory=list)
    clarify_form: ClarifyForm | None = None
    may_withdraw: bool = False


@dataclass
class Asking:
    """One thing that the receiver may ask for, as a panel."""

    key: str
    title: str
    icon: str
    button: str
    form: QuestionForm
    open: bool = False


ASKING = {
    ClarificationKind.QUESTION: ("Poser une question avant de décider", "message-circle-question-mark", "Envoyer"),
    ClarificationKind.CONTACT: ("Personne injoignable : demander un contact", "phone-missed", "Demander un contact"),
}
"""For each kind: its panel's title, icon and button."""


def exchange_of(
    door: Door,
    referral: Referral,
    abilities: dict[str, bool],
    *,
    asked: str = "",
    question: QuestionForm | None = None,
    clarify: ClarifyForm | None = None,
) -> Exchange:
    """The exchange on a fiche. `question` and `clarify` are forms to be corrected; `asked` names the open panel."""
    rows = list(referral.clarifications.select_related("asked_by", "answered_by"))
    found = Exchange(rows, open=next((row for row in rows if row.is_open), None))
    if abilities["ask"]:
        for kind, (title, icon, button) in ASKING.items():
            bound = question if question is not None and question.data.get("kind") == kind else None
            found.asking.append(
                Asking(kind.value, title, icon, button, bound or QuestionForm(kind=kind), asked == kind or bool(bound))
            )
    if abilities["clarify"] and found.open is not None:
        found.clarify_form = clarify or answer_form(door, referral, found.open)
    found.may_withdraw = abilities["unask"]
    return found


def answer_form(door: Door, referral: Referral, clarification: Clarification, data: object = None) -> ClarifyForm:
    """The form of the sender's answer; the coordinates are corrected by who recorded the person."""
    person = referral.person
    return ClarifyForm(data, clarification=clarification, person=person, may_correct=door.may("edit", person))
