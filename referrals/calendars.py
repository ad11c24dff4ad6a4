"""A rendez-vous as people's calendars take it: iCalendar (RFC 5545), sent as an invitation (RFC 5546).

A calendar is shown on shared screens and copied to other machines: nothing in it says who is met, nor which structure
it is. The place of a protected structure stays out too.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Literal

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from icalendar import Calendar, Event, Timezone, vCalAddress, vText

from referrals.models import Appointment

Method = Literal["REQUEST", "CANCEL", "PUBLISH"]
"""What the calendar is asked to do: take the entry or its change, drop it, or only show it (a file fetched by hand)."""

PARIS = """BEGIN:VTIMEZONE
TZID:Europe/Paris
BEGIN:DAYLIGHT
DTSTART:19970330T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
TZNAME:CEST
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
BEGIN:STANDARD
DTSTART:19961027T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZNAME:CET
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
END:VTIMEZONE
"""
"""The change of clocks as directive 2000/84/CE fixes it: the last Sundays of March and October, at one o'clock UTC."""


@dataclass(frozen=True)
class Invitation:
    """One entry of a calendar, and what is asked of it. `url` is empty for who has no account."""

    method: Method
    uid: str
    sequence: int
    summary: str
    at: dt.datetime
    ends_at: dt.datetime
    place: str = ""
    url: str = ""

    def text(self, now: dt.datetime, attendee: str = "") -> str:
        """The iCalendar text, for one address; nobody reads to whom else it went."""
        event = Event()
        event.add("uid", self.uid)
        event.add("sequence", self.sequence)
        event.add("dtstamp", now.astimezone(dt.UTC))
        event.add("dtstart", timezone.localtime(self.at))
        event.add("dtend", timezone.localtime(self.ends_at))
        event.add("summary", self.summary)
        event.add("class", "PRIVATE")
        event.add("status", "CANCELLED" if self.method == "CANCEL" else "CONFIRMED")
        if self.place:
            event.add("location", self.place)
        if self.url:
            event.add("url", self.url)
        if attendee:
            _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
            organizer = vCalAddress(f"mailto:{address}")
            organizer.params["cn"] = vText("Relais")
            event.add("organizer", organizer)
            guest = vCalAddress(f"mailto:{attendee}")
            # Nobody is asked to answer: no answer would be read.
            guest.params["partstat"] = vText("ACCEPTED")
            guest.params["rsvp"] = vText("FALSE")
            event.add("attendee", guest)
        calendar = Calendar()
        calendar.add("version", "2.0")
        calendar.add("prodid", "-//Relais//Rendez-vous//FR")
        calendar.add("method", self.method)
        calendar.add_component(Timezone.from_ical(PARIS))
        calendar.add_component(event)
        return calendar.to_ical().decode()


def invitation(appointment: Appointment, method: Method, *, has_account: bool = True) -> Invitation:
    """The entry of a rendez-vous: the same at each sending, so that a change replaces it wherever it stands.

    Without an account it holds no address: the person has no page, and the token of a letter's link is nobody else's.
    """
    referral = appointment.referral
    # A withdrawal comes after the last date (RFC 5546, 2.1.4).
    sequence = appointment.sequence + (method == "CANCEL")
    return Invitation(
        method=method,
        uid=f"{referral.reference}-{appointment.number}@{settings.MESSAGE_ID_DOMAIN}",
        sequence=sequence,
        summary=f"Rendez-vous {referral.reference}",
        at=appointment.at,
        ends_at=appointment.ends_at,
        place="" if referral.receiver.is_sensitive else appointment.place,
        url=""
        if not has_account
        else settings.SITE_URL + reverse("referrals:referral_detail", args=[referral.reference]),
    )
