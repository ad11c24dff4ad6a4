"""The text messages to the person: one function per text, named as the letter whose place it takes.

A telephone is read over the shoulder: a text names neither the person, nor a structure, nor an action, nor a place.
Each leaves in one segment; nobody reads an answer to it, so it says whom to call.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse

from referrals import gsm7
from referrals.emails import Change
from referrals.followup_words import DEFAULT
from referrals.french import weekday_moment_words
from referrals.models import Appointment

CALL = "Pour le lieu ou une question, appelez la personne qui vous accompagne."


class TooLong(ValueError):
    """A text takes more than one segment."""


@dataclass(frozen=True)
class Text:
    """What is to be said, before it is known to which number. `name` is that of its function."""

    name: str
    body: str
    holds_link: bool = False

    @property
    def septets(self) -> int:
        """What it takes of the 160 of a segment."""
        return gsm7.septets(self.body)


def _write(name: str, body: str, *, holds_link: bool = False) -> Text:
    text = Text(name, gsm7.fitted(body), holds_link)
    if text.septets > gsm7.SEGMENT:
        raise TooLong(f"{name} takes {text.septets} septets")
    return text


def _when(moment: dt.datetime) -> str:
    """« vendredi 20 novembre à 14 h 30 »: the year is the one that comes."""
    return weekday_moment_words(moment, with_year=False)


def appointment_told(appointment: Appointment, change: Change) -> Text:
    """There is a rendez-vous, it has another date, or it no longer takes place."""
    when = _when(appointment.at)
    body = {
        "set": f"Bonjour, vous avez un rendez-vous {when}. {CALL}",
        "moved": f"Bonjour, votre rendez-vous a changé : {when}. {CALL}",
        "cancelled": f"Bonjour, votre rendez-vous ({when}) n'a plus lieu. Ne venez pas. "
        "Appelez la personne qui vous accompagne.",
    }[change]
    return _write("appointment_told", body)


def appointment_reminder(appointment: Appointment) -> Text:
    """Two days before."""
    return _write("appointment_reminder", f"Bonjour, rappel : rendez-vous {_when(appointment.at)}. {CALL}")


def six_months(token: str, language: str = DEFAULT) -> Text:
    """One question, some months later. The link opens the person's page without an account, in their `language`.

    The words stay French: few other alphabets leave in one segment.
    """
    url = settings.SITE_URL + reverse("referrals:followup_answer", args=[token])
    url += f"?langue={language}" if language != DEFAULT else ""
    return _write("six_months", f"Comment allez-vous aujourd'hui ? Une question, une minute : {url}", holds_link=True)
