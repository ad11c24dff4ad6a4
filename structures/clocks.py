"""The time of a place: its zone and its public holidays, by its official codes. Pure functions."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from structures.territory import department_of


@dataclass(frozen=True)
class Clock:
    """Where one reads the hour: an IANA time zone, and a subdivision of France for public holidays (empty: none)."""

    time_zone: str = "Europe/Paris"
    holidays: str = ""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone, with its changes of the hour."""
        return ZoneInfo(self.time_zone)

    def day_of(self, moment: dt.datetime) -> dt.date:
        """The day that it is there at a moment."""
        return moment.astimezone(self.zone).date()

    def moment(self, day: dt.date, time: dt.time) -> dt.datetime:
        """A local hour of a day there; one that a change of the hour leaves out is read as the hour after it."""
        local = dt.datetime.combine(day, time, self.zone)
        return local.astimezone(dt.UTC).astimezone(self.zone)


METROPOLE = Clock()
"""Mainland France and Corsica, but for Alsace and Moselle."""

CLOCKS: dict[str, Clock] = {
    # Good Friday and 26 December (code du travail, L. 3134-13).
    "57": Clock(holidays="57"),
    "67": Clock(holidays="6AE"),
    "68": Clock(holidays="6AE"),
    # The day slavery was abolished (code du travail, L. 3422-2), and local feasts.
    "971": Clock("America/Guadeloupe", "971"),
    "972": Clock("America/Martinique", "972"),
    "973": Clock("America/Cayenne", "973"),
    "974": Clock("Indian/Reunion", "974"),
    "975": Clock("America/Miquelon", "PM"),
    "976": Clock("Indian/Mayotte", "976"),
    "977": Clock("America/St_Barthelemy", "BL"),
    "978": Clock("America/Marigot", "MF"),
    "984": Clock("Indian/Kerguelen", "TF"),
    "986": Clock("Pacific/Wallis", "WF"),
    "987": Clock("Pacific/Tahiti", "PF"),
    "988": Clock("Pacific/Noumea", "NC"),
}
"""By département or collectivity, those that do not live as the others do. Holidays: ISO 3166-2:FR subdivisions."""

POSTAL_CODES = {"97133": "977", "97150": "978"}
"""Saint-Barthélemy and Saint-Martin kept the postal codes that they had as parts of Guadeloupe."""


def clock_of(commune_code: str, postal_code: str = "") -> Clock:
    """The clock of a commune: by its INSEE code, else by its postal code, else that of mainland France.

    The INSEE code comes first: some postal codes begin like the neighbouring département.
    """
    code = commune_code or POSTAL_CODES.get(postal_code, postal_code)
    # The two islands were communes of Guadeloupe until 2007, and old files still name them so.
    code = {"97123": "977", "97127": "978"}.get(commune_code, code)
    return CLOCKS.get(department_of(code), METROPOLE)
