"""The answers that a receiver gives right on the page of a fiche: which, in which words, and which one comes first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.forms import BaseForm
from django.urls import reverse
from django.utils import timezone

from referrals.forms.responses import (
    AcceptForm,
    AnswerForm,
    DeclineForm,
    EnterForm,
    MissForm,
    OfferForm,
    PlainForm,
    RedirectForm,
    ReopenForm,
    ResumeForm,
    WaitlistForm,
)
from referrals.matching import Match
from referrals.models import Referral
from referrals.permissions import Door
from referrals.states import Verb
from referrals.views.appointment_panel import AppointmentPanel
from referrals.views.onwards import better_actions
from structures.models import Session

SESSIONS = 12
"""Sessions proposed at most."""


@dataclass
class Panel:
    """One answer on the page: its form, its words, whether it stands open, or `first`, on a card of its own."""

    verb: Verb
    title: str
    icon: str
    button: str
    url: str
    form: BaseForm
    open: bool = False
    first: bool = False
    primary: bool = False
    danger: bool = False
    help: str = ""
    matches: list[Match] = field(default_factory=list)
    fetched: bool = True


WORDS: dict[Verb, tuple[str, str, str, str]] = {
    Verb.CONFIRM: ("Confirmer la place", "check", "Confirmer la place", ""),
    Verb.LAPSE: (
        "Renoncer à la place",
        "corner-up-right",
        "Y renoncer",
        "La place va à la personne suivante ; la fiche reste en liste d’attente, en dernière position.",
    ),
    Verb.ACCEPT: ("Accepter", "check", "Accepter la fiche", ""),
    Verb.WAITLIST: ("Mettre en liste d’attente", "hourglass", "Mettre en liste d’attente", ""),
    Verb.OFFER: (
        "Proposer une place",
        "ticket",
        "Proposer la place",
        "La place est gardée quelques jours ouvrés : le prescripteur la confirme avec la personne, ou y renonce.",
    ),
    Verb.DECLINE: (
        "Décliner",
        "x",
        "Décliner la fiche",
        "Le motif est lu par le prescripteur, jamais par la personne.",
    ),
    Verb.REDIRECT: (
        "Réorienter",
        "corner-up-right",
        "Réorienter la fiche",
        "Vers une action, la nouvelle fiche part tout de suite, avec le même accord ; le prescripteur la suit. Sans "
        "action, il reçoit votre conseil.",
    ),
    Verb.ENTER: ("Confirmer l’entrée", "door-open", "La personne entre dans l’action", ""),
    Verb.MISS: (
        "La personne ne viendra pas",
        "user-x",
        "Clore la fiche",
        "La fiche se ferme et le prescripteur est prévenu.",
    ),
    Verb.END: ("Terminer", "flag", "Noter la fin de l’action", "La fiche se ferme ; elle reste lisible."),
    Verb.REOPEN: (
        "Rouvrir la fiche",
        "rotate-ccw",
        "Rouvrir la fiche",
        "Elle attend de nouveau une réponse, sous le même accord de la personne ; l’autre structure est prévenue.",
    ),
    Verb.RESUME: (
        "La personne est revenue",
        "rotate-ccw",
        "Noter le retour dans l’action",
        "La sortie et la question à six mois sont retirées ; le prescripteur est prévenu.",
    ),
}
"""For each verb: the panel's title, its icon, its button, and a line of help."""


def lead_of(
    abilities: Mapping[str, bool], meeting: AppointmentPanel | None, *, owes_bilan: bool, opens_next: bool
) -> str:
    """The one primary action of a fiche's page, by the name of its verb or step: what is expected now of its reader.

    A rendez-vous comes before the entry that it leads to, and a bilan before the end.
    """
    tells = meeting is not None and meeting.may_tell
    settles = meeting is not None and meeting.is_over and bool(meeting.taps)
    meets = meeting is not None and meeting.is_to_set_again
    in_order = (
        ("edit", abilities["edit"]),
        ("clarify", abilities["clarify"]),
        (Verb.ACCEPT, abilities[Verb.ACCEPT]),
        (Verb.CONFIRM, abilities[Verb.CONFIRM]),
        ("tell", tells),
        ("meet", meets),
        ("position", abilities["position"]),
        ("settle", settles),
        (Verb.ENTER, abilities[Verb.ENTER]),
        ("next", opens_next),
        ("bilan", owes_bilan),
        ("exit", abilities["exit"]),
        (Verb.END, abilities[Verb.END]),
    )
    return next((str(name) for name, may in in_order if may), "")


FOR_A_SESSION = (Verb.ACCEPT, Verb.WAITLIST, Verb.OFFER)
"""The verbs that may be for one session of the action."""

FIRST = (Verb.CONFIRM, Verb.ACCEPT, Verb.ENTER, Verb.END)
"""The verbs by which the path goes on."""

PANELS = tuple(WORDS)
URLS = {verb: f"referrals:response_{verb.value}" for verb in PANELS} | {Verb.END: "referrals:referral_end"}


def sessions_of(referral: Referral, today: dt.date) -> list[Session]:
    """The sessions that a fiche can be accepted for: those to come, and those that run."""
    current = Session.objects.filter(action=referral.action).exclude(ends_on__lt=today)
    return list(current.filter(starts_on__gte=today - dt.timedelta(days=365)).order_by("starts_on", "id")[:SESSIONS])


def _to_come(sessions: list[Session], today: dt.date) -> list[Session]:
    """Those in which a place can be offered: an answer must come before they begin."""
    return [session for session in sessions if session.starts_on > today and session.places_left != 0]


def form_of(
    door: Door,
    verb: Verb,
    referral: Referral,
    now: dt.datetime,
    data: Any,
    matches: list[Match],
    sessions: list[Session],
) -> AnswerForm:
    """The form of one answer."""
    common: dict[str, Any] = {"referral": referral, "now": now, "auto_id": f"{verb.value}_%s"}
    match verb:
        case Verb.ACCEPT:
            return AcceptForm(data, sessions=sessions, names_others=door.link is None, **common)
        case Verb.REDIRECT:
            return RedirectForm(data, actions=[one.action for one in matches], **common)
        case Verb.WAITLIST:
            return WaitlistForm(data, sessions=sessions, **common)
        case Verb.OFFER:
            return OfferForm(data, sessions=_to_come(sessions, timezone.localdate(now)), **common)
        case Verb.DECLINE:
            return DeclineForm(data, **common)
        case Verb.ENTER:
            return EnterForm(data, **common)
        case Verb.MISS:
            return MissForm(data, **common)
        case Verb.REOPEN:
            return ReopenForm(data, **common)
        case Verb.RESUME:
            return ResumeForm(data, **common)
        case _:
            return PlainForm(data, **common)


def _may_offer(referral: Referral, sessions: list[Session], today: dt.date) -> bool:
    """Whether a place is there to be offered: in a session to come, or in an action that has none."""
    return bool(_to_come(sessions, today)) if sessions else referral.action.places_left != 0


def panels_of(
    door: Door,
    referral: Referral,
    abilities: dict[str, bool],
    now: dt.datetime,
    *,
    asked: str = "",
    bound: BaseForm | None = None,
    lead: str = "",
    closed_for_good: str = "",
) -> list[Panel]:
    """The answers that the page offers. `asked` names the one that stands open, `lead` the page's primary action."""
    panels = []
    today = timezone.localdate(now)
    sessions = sessions_of(referral, today) if abilities[Verb.ACCEPT] else []
    for verb in PANELS:
        if not abilities[verb.value] or (verb == Verb.ENTER and abilities["position"]):
            continue
        if verb == Verb.OFFER and not _may_offer(referral, sessions, today):
            continue
        if verb == Verb.REOPEN and closed_for_good:
            continue
        is_asked = asked == verb.value
        # Few open it, and ranking the actions is half of the page's price: it is fetched when it is opened.
        fetched = verb != Verb.REDIRECT or is_asked
        matches = better_actions(referral, today) if verb == Verb.REDIRECT and fetched else []
        form = bound if bound is not None and is_asked else form_of(door, verb, referral, now, None, matches, sessions)
        title, icon, button, help_text = WORDS[verb]
        panels.append(
            Panel(
                verb=verb,
                title=title,
                icon=icon,
                button=button,
                help=help_text,
                url=reverse(URLS[verb], args=[referral.reference]),
                form=form,
                open=is_asked,
                first=verb in FIRST,
                primary=verb == lead,
                danger=verb in (Verb.DECLINE, Verb.MISS),
                matches=matches,
                fetched=fetched,
            )
        )
    return panels
