"""What a page of figures looks at: whose fiches, over which days, narrowed by which filters."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet, TextChoices
from django.utils import timezone

from referrals.deadlines import add_months
from referrals.models import Referral
from referrals.permissions import Door
from reporting.facts import AGE, ALL, LEVEL, PROGRAMME, PROGRAMMES, PROTECTED, QPV, QUARTIER, SEX, THEME, THEMES
from reporting.models import Subject
from structures.vocabulary import Cecrl, Quartier, Role, Sex

NEED_LINKS = Referral.needs.through


class View(TextChoices):
    """Whose fiches are counted."""

    TERRITORY = "territoire", "Tout le territoire"
    SENT = "envoyees", "Fiches que nous envoyons"
    RECEIVED = "recues", "Fiches que nous recevons"


class Preset(TextChoices):
    """The periods offered in one click, all of them up to today."""

    MONTH = "mois", "Ce mois-ci"
    QUARTER = "3-mois", "3 mois"
    YEAR = "12-mois", "12 mois"
    CALENDAR_YEAR = "annee", "Cette année"


class Place(TextChoices):
    """Where the person lives, as far as the contrat de ville is concerned."""

    QPV = "qpv", "En quartier prioritaire (QPV)"
    ELSEWHERE = "hors-qpv", "Hors quartier prioritaire"
    UNKNOWN = "inconnu", "Non renseigné"


PLACE_VALUES: dict[str, bool | None] = {Place.QPV: True, Place.ELSEWHERE: False, Place.UNKNOWN: None}

UNKNOWN = "inconnu"
"""Stands for what is not recorded, in the filters on a person."""

COLUMN_OF = {
    QPV: "qpv",
    QUARTIER: "quartier",
    SEX: "sex",
    AGE: "age",
    LEVEL: "level",
    PROTECTED: "is_protected",
    THEME: "themes",
    PROGRAMME: "programmes",
}
"""The column of the facts behind each dimension of the cells."""

SENSITIVE = "protegees"
"""Stands for all the sensitive structures together, which are never told apart in the territory's figures."""


@dataclass(frozen=True)
class Period:
    """Days of local time, both ends included."""

    start: dt.date
    end: dt.date

    @classmethod
    def of(cls, preset: Preset | str, today: dt.date) -> Period:
        """The period of a preset, ending on `today`."""
        match Preset(preset):
            case Preset.MONTH:
                start = today.replace(day=1)
            case Preset.QUARTER:
                start = add_months(today, -3) + dt.timedelta(days=1)
            case Preset.YEAR:
                start = add_months(today, -12) + dt.timedelta(days=1)
            case Preset.CALENDAR_YEAR:
                start = today.replace(month=1, day=1)
        return cls(start, today)

    @property
    def before(self) -> Period:
        """As many days, just before."""
        length = self.end - self.start
        last = self.start - dt.timedelta(days=1)
        return Period(last - length, last)

    def whole_months(self, today: dt.date) -> tuple[dt.date, dt.date] | None:
        """The first day of the whole months inside that have passed, and the first after them; `None` without any."""
        first = self.start if self.start.day == 1 else add_months(self.start.replace(day=1), 1)
        after = (min(self.end, today) + dt.timedelta(days=1)).replace(day=1)
        return (first, after) if first < after else None

    @property
    def months(self) -> list[dt.date]:
        """The first day of each month touched, in order."""
        count = (self.end.year - self.start.year) * 12 + self.end.month - self.start.month + 1
        return [add_months(self.start.replace(day=1), n) for n in range(count)]


def views_of(door: Door) -> list[View]:
    """Whose figures a user may ask for, the usual one first. Raises `PermissionDenied` without a structure."""
    door.require("figures")
    views = [View.TERRITORY] if door.sees_territory else []
    if door.opens_files:
        own = [View.SENT, View.RECEIVED]
        views += own if door.has(Role.PRESCRIBER) else own[::-1]
    if not views:
        raise PermissionDenied
    return views


@dataclass(frozen=True)
class Scope:
    """The rows that the figures of one page are counted on. They come from the door, or from the whole territory."""

    door: Door
    view: View
    period: Period
    now: dt.datetime
    action: str = ""
    receiver: UUID | str | None = None
    sender: UUID | None = None
    theme: str = ""
    place: str = ""
    quartier: str = ""
    age: int | None = None
    sex: str = ""
    level: str = ""
    programme: str = ""

    @property
    def today(self) -> dt.date:
        """The local day."""
        return timezone.localdate(self.now)

    @property
    def masks(self) -> bool:
        """Whether small groups are masked: always, for those who see the territory without seeing its files."""
        return self.view == View.TERRITORY

    @property
    def other(self) -> str:
        """The column of the structures that stand on the other side: those a page tells apart."""
        return "sender" if self.view == View.RECEIVED else "receiver"

    def _narrowed(self) -> dict[int, int]:
        """The filters by which cells are kept, each with its value as the facts write it."""
        found: dict[int, int] = {}
        if self.receiver == SENSITIVE:
            found[PROTECTED] = 1
        if self.place:
            found[QPV] = {True: 1, False: 2, None: 0}[PLACE_VALUES[self.place]]
        for cut, value, values in (
            (QUARTIER, self.quartier, Quartier.values),
            (SEX, self.sex, Sex.values),
            (LEVEL, self.level, Cecrl.values),
        ):
            if value:
                found[cut] = 0 if value == UNKNOWN else list(values).index(value) + 1
        if self.age is not None:
            found[AGE] = self.age
        if self.theme:
            found[THEME] = THEMES.index(self.theme)
        if self.programme:
            found[PROGRAMME] = PROGRAMMES.index(self.programme)
        return found

    @property
    def is_narrowed(self) -> bool:
        """Whether a filter beside the days and the action is in force."""
        return bool(self._narrowed()) or self.receiver is not None or self.sender is not None

    @property
    def _is_wide(self) -> bool:
        """Whether the fiches of all the structures and actions are counted."""
        names_one = isinstance(self.receiver, UUID) or self.sender is not None or bool(self.action)
        return self.view == View.TERRITORY and not names_one

    def cut(self) -> tuple[int, int] | None:
        """The cells that hold these figures; `None` when two filters or a structure ask for the facts themselves."""
        narrowed = self._narrowed()
        if not self._is_wide or len(narrowed) > 1:
            return None
        return next(iter(narrowed.items()), (ALL, 0))

    def days(self, subject: str) -> tuple[str, list[Any]]:
        """The days looked at, as a condition: what was due counts up to today. `subject` is its column, or measure."""
        start, end = self.period.start, self.period.end
        if end <= self.today:
            return "day >= %s AND day <= %s", [start, end]
        due = f"{subject} IN ({Subject.BILAN}, {Subject.EXIT}, {Subject.CHECK})"
        return f"day >= %s AND day <= %s AND (day <= %s OR NOT {due})", [start, end, self.today]

    def facts(self) -> tuple[list[str], list[list[Any]]]:
        """The facts of the scope: conditions with their parameters, each for a part of them, none of them twice.

        A need has no receiver of its own: it is counted with the fiches sent for it.
        """
        days, params = self.days("subject")
        where = [days]
        for cut, value in self._narrowed().items():
            column = COLUMN_OF[cut]
            if cut in (THEME, PROGRAMME):
                where.append(f"{column} & %s > 0")
                params.append(1 << value)
            elif cut == PROTECTED:
                where.append(column)
            else:
                where.append(f"{column} = %s")
                params.append(value)
        own = self.door.structure.pk if self.door.structure is not None else None
        sender = own if self.view == View.SENT else self.sender
        if sender is not None:
            where.append("sender = %s")
            params.append(sender)
        receiver = own if self.view == View.RECEIVED else self.receiver
        if not isinstance(receiver, UUID) and not self.action:
            return [" AND ".join(where)], [params]
        fiches = ["subject IN (1, 2, 3, 4)"]
        fiche_params: list[Any] = []
        if isinstance(receiver, UUID):
            fiches.append("receiver = %s")
            fiche_params.append(receiver)
        if self.action:
            fiches.append("action = (SELECT id FROM structures_action WHERE slug = %s)")
            fiche_params.append(self.action)
        needs = ["subject = 5"]
        need_params: list[Any] = []
        ids, given = self._needs_of_fiches(receiver).query.sql_with_params()
        needs.append(f"source IN ({ids})")
        need_params += given
        both = [(fiches, fiche_params), (needs, need_params)]
        return [" AND ".join([*own_where, *where]) for own_where, _ in both], [[*given, *params] for _, given in both]

    def _needs_of_fiches(self, receiver: UUID | str | None) -> QuerySet:
        """The needs for which such a fiche was sent; in the figures of who receives, those they may read."""
        links = NEED_LINKS.objects.filter(referral__sent_at__isnull=False)
        if isinstance(receiver, UUID):
            links = links.filter(referral__receiver=receiver)
        if self.action:
            links = links.filter(referral__action__slug=self.action)
        ids = links.order_by().values("need_id")
        if self.view == View.RECEIVED:
            return self.door.needs().filter(pk__in=ids).order_by().values("pk")
        return ids
