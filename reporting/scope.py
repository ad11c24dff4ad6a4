"""What a page of figures looks at: whose fiches, over which days, narrowed by which filters."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, TextChoices
from django.utils import timezone

from referrals.deadlines import add_months
from referrals.models import Exit, FollowUp, FollowUpMonths, Need, Referral
from referrals.models.exit import ExitQuerySet
from referrals.models.followup import FollowUpQuerySet
from referrals.models.need import NeedQuerySet
from referrals.models.referral import ReferralQuerySet
from referrals.permissions import Door
from structures.vocabulary import Role

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
    def opens_at(self) -> dt.datetime:
        """The first moment inside."""
        return timezone.make_aware(dt.datetime.combine(self.start, dt.time.min))

    @property
    def closes_at(self) -> dt.datetime:
        """The first moment after."""
        return timezone.make_aware(dt.datetime.combine(self.end + dt.timedelta(days=1), dt.time.min))

    @property
    def months(self) -> list[dt.date]:
        """The first day of each month touched, in order."""
        count = (self.end.year - self.start.year) * 12 + self.end.month - self.start.month + 1
        return [add_months(self.start.replace(day=1), n) for n in range(count)]

    def moments(self, field: str) -> Q:
        """The rows whose moment `field` lies inside."""
        return Q(**{f"{field}__gte": self.opens_at, f"{field}__lt": self.closes_at})

    def days_until(self, field: str, today: dt.date) -> Q:
        """The rows whose day `field` lies inside and has come."""
        return Q(**{f"{field}__gte": self.start, f"{field}__lte": min(self.end, today)})


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
    theme: str = ""
    place: str = ""

    @property
    def today(self) -> dt.date:
        """The local day."""
        return timezone.localdate(self.now)

    @property
    def masks(self) -> bool:
        """Whether small groups are masked: always, for those who see the territory without seeing its files."""
        return self.view == View.TERRITORY

    def referrals(self) -> ReferralQuerySet:
        """The fiches sent in the period. Neither drafts, nor the fiches taken back within ten minutes."""
        return self._fiches().filter(self.period.moments("sent_at"))

    def bilans_due(self) -> ReferralQuerySet:
        """The fiches whose bilan was due in the period and before tomorrow."""
        return self._fiches().filter(
            self.period.days_until("bilan_due_on", self.today),
            entered_on__isnull=False,
        )

    def exits(self) -> ExitQuerySet:
        """The exits dated in the period."""
        return Exit.objects.filter(self.period.days_until("on", self.today), referral__in=self._fiches())

    def followups(self) -> FollowUpQuerySet:
        """The six-month checks due in the period and before tomorrow; those at three months are not counted."""
        return FollowUp.objects.filter(
            self.period.days_until("due_on", self.today), months=FollowUpMonths.SIX, referral__in=self._fiches()
        )

    def needs(self) -> NeedQuerySet:
        """The needs recorded in the period: by one's structure, or those of the fiches that it received."""
        rows = Need.objects.of_standing_files() if self.view == View.TERRITORY else self.door.needs()
        rows = rows.filter(self.period.moments("created_at"))
        fiche = NEED_LINKS.objects.filter(need_id=OuterRef("pk"), referral__sent_at__isnull=False)
        if self.view == View.SENT:
            rows = rows.filter(structure=self.door.structure)
        if self.view == View.RECEIVED:
            rows = rows.filter(Exists(fiche.filter(referral__receiver=self.door.structure)))
        if self.action:
            rows = rows.filter(Exists(fiche.filter(referral__action__slug=self.action)))
        if self.receiver is not None:
            rows = rows.filter(Exists(fiche.filter(self._received_by("referral__"))))
        if self.theme:
            rows = rows.filter(theme=self.theme)
        if self.place:
            rows = rows.filter(person__in_qpv=PLACE_VALUES[self.place])
        return rows

    def _fiches(self) -> ReferralQuerySet:
        rows = Referral.objects.all() if self.view == View.TERRITORY else self.door.referrals()
        rows = rows.sent()
        if self.view == View.SENT:
            rows = rows.filter(sender=self.door.structure)
        if self.view == View.RECEIVED:
            rows = rows.filter(receiver=self.door.structure)
        if self.action:
            rows = rows.filter(action__slug=self.action)
        if self.receiver is not None:
            rows = rows.filter(self._received_by())
        if self.theme:
            answering = NEED_LINKS.objects.filter(referral_id=OuterRef("pk"), need__theme=self.theme)
            rows = rows.filter(Exists(answering))
        if self.place:
            rows = rows.filter(person__in_qpv=PLACE_VALUES[self.place])
        # The journal's order is of no use to a count, and would be grouped by.
        return rows.order_by()

    def _received_by(self, prefix: str = "") -> Q:
        if self.receiver == SENSITIVE:
            return Q(**{f"{prefix}receiver__is_sensitive": True})
        return Q(**{f"{prefix}receiver": self.receiver})
