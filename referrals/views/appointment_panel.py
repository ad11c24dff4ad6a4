"""The rendez-vous on the page of a fiche: what stands, what can be done, and what came of the earlier ones."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from referrals.forms.appointments import LENGTHS, AppointmentForm
from referrals.forms.responses import usual_place
from referrals.models import Appointment, Notice, Referral
from referrals.permissions import Door
from referrals.states import TO_MEET_AGAIN, AppointmentState


@dataclass(frozen=True)
class Tap:
    """One outcome that its hour allows, as a button."""

    value: str
    label: str
    icon: str


TAPS = (
    Tap(AppointmentState.CAME, "Venue", "check"),
    Tap(AppointmentState.EXCUSED, "Excusée", "message-circle-off"),
    Tap(AppointmentState.ABSENT, "Absente", "user-x"),
)
"""The outcomes of the day, in the order in which they are offered."""

CALL_OFF = Tap(AppointmentState.CANCELLED, "Annuler le rendez-vous", "calendar-x")


@dataclass(frozen=True)
class AppointmentPanel:
    """What `referrals/appointments/panel.html` draws."""

    row: Appointment | None
    length: str
    is_over: bool
    taps: list[Tap]
    call_off: Tap | None
    form: Any
    is_to_set_again: bool
    is_open: bool
    by_sender: bool
    to_tell: bool
    may_tell: bool
    may_unsettle: bool

    @property
    def title(self) -> str:
        """« Déplacer le rendez-vous », « Fixer un rendez-vous »."""
        return "Déplacer le rendez-vous" if self.row is not None else "Fixer un rendez-vous"


def taps_of(state: str, at: dt.datetime, now: dt.datetime) -> list[Tap]:
    """The outcomes that can be noted now of a rendez-vous in that state, at that hour."""
    if state != AppointmentState.PLANNED:
        return []
    return [tap for tap in TAPS if Appointment(at=at).may_end_as(tap.value, now)]


def form_of(
    door: Door, referral: Referral, row: Appointment | None, now: dt.datetime, data: Any = None
) -> AppointmentForm:
    """The form that sets the rendez-vous of a fiche, or moves the one that is planned."""
    initial = {"at": row.at, "minutes": row.minutes} if row is not None else {}
    place = row.place if row is not None else usual_place(referral.action)
    return AppointmentForm(
        data,
        referral=referral,
        now=now,
        place=place,
        names_others=door.link is None,
        initial=initial,
        auto_id="meet_%s",
    )


def panel_of(
    door: Door, referral: Referral, abilities: dict[str, bool], now: dt.datetime, *, asked: str = "", bound: Any = None
) -> AppointmentPanel | None:
    """What the page of a fiche shows of its rendez-vous; nothing where there is none and none can be set."""
    planned = referral.appointment_state == AppointmentState.PLANNED
    row = referral.appointments.planned().first() if planned else None
    if row is None and not abilities["meet"]:
        return None
    form = None
    if abilities["meet"]:
        form = bound if asked == "meet" and bound is not None else form_of(door, referral, row, now)
    by_sender = referral.is_told_by_sender
    sends = door.structure is not None and referral.sender_id == door.structure.pk
    to_set_again = form is not None and referral.appointment_state in TO_MEET_AGAIN
    to_tell = row is not None and row.notice == Notice.TO_TELL and row.at > now
    return AppointmentPanel(
        row=row,
        length=length_words(row.minutes) if row is not None else "",
        is_over=row is not None and row.at <= now,
        taps=taps_of(row.state, row.at, now) if row is not None and abilities["settle"] else [],
        call_off=CALL_OFF if row is not None and abilities["settle"] and row.at > now else None,
        form=form,
        is_to_set_again=to_set_again,
        is_open=asked == "meet" or to_set_again,
        by_sender=by_sender,
        to_tell=to_tell,
        may_tell=to_tell and abilities["tell"] and by_sender == sends,
        may_unsettle=abilities["unsettle"],
    )


def length_words(minutes: int) -> str:
    """« 1 h 30 », « 25 min »."""
    if minutes in LENGTHS:
        return LENGTHS[minutes]
    hours, rest = divmod(minutes, 60)
    return (f"{hours} h {rest:02d}" if rest else f"{hours} h") if hours else f"{rest} min"
