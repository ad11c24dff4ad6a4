"""The agenda of the month's commission: which situations stand still, since when, and after which delay.

Nobody types it: each line is one question about the fiches (or the needs), answered in one query that stops at
`MOST` rows, those that have stood still for the longest. All the delays stand in `LINES`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils import timezone

from referrals import deadlines
from referrals.models import Bilan, BilanKind, FollowUpMonths, FollowUpState, ItemKind, Need, Referral, Situation
from referrals.models.bilan import BilanState
from referrals.models.referral import ReferralQuerySet
from referrals.queues import BILAN_IS_BACK, BY_KEY, unanswered_late
from referrals.states import OPEN, AppointmentState, State
from structures.vocabulary import NeedTheme

MOST = 30
"""Situations of one line, the oldest first: two hours of meeting do not hold more."""

WAITING = dt.timedelta(days=60)
"""On a waiting list: longer than most actions take to open another session (our choice)."""

NOT_ENTERED = dt.timedelta(days=30)
"""Accepted, and nobody has said whether the person came: a month, twice what the queue of entries leaves."""

BILAN_OVERDUE = dt.timedelta(days=deadlines.BILAN_REMINDER_DAYS[-1])
"""After its due date: once the last recall of the bilan has brought nothing."""

NOT_CHAINED = dt.timedelta(days=30)
"""After a bilan that recommends something: one meeting has gone by without a fiche."""

NOT_REDIRECTED = dt.timedelta(days=14)
"""After a fiche was closed without an entry: its sender had two weeks to find something else (our choice)."""

FORGOTTEN = dt.timedelta(days=183)
"""A bilan older than that no longer says what the person needs: the file is to be taken up anew (our choice)."""

FOLLOWUP = dt.timedelta(days=deadlines.FOLLOWUP_LINK_DAYS)
"""After the six months: the person's link no longer opens, and the calls have had their month."""

UNMET_WITHIN = dt.timedelta(days=365)
"""A need noted before that counts no more: it was not looked at for a year."""

FLOORS = (100, 50, 20, 10, 5)
"""Sizes of groups are told as « at least »: an exact number could be compared with another page's, and give away
the few people who make the difference. Below the last one, a group is not told at all."""


def at_least(people: int) -> int:
    """The size of a group rounded down to one of `FLOORS`; 0 for a group too small to be told."""
    return next((floor for floor in FLOORS if people >= floor), 0)


def _moment(field: str, before: dt.datetime, **conditions: Any) -> ReferralQuerySet:
    rows = Referral.objects.filter(**{f"{field}__lte": before}, **conditions)
    return rows.annotate(still_since=F(field))


def unanswered(now: dt.datetime) -> ReferralQuerySet:
    """The fiches without an answer, late by the rule of their structure, as everywhere."""
    return Referral.objects.filter(unanswered_late(now)).annotate(still_since=F("clock_from"))


def waiting(now: dt.datetime) -> ReferralQuerySet:
    """The fiches on a waiting list for too long."""
    return _moment("waitlisted_at", now - WAITING, state=State.WAITLISTED)


def not_entered(now: dt.datetime) -> ReferralQuerySet:
    """The fiches accepted long ago, without a rendez-vous or a session to come, and without an entry."""
    today = timezone.localdate(now)
    ahead = Q(appointment_state=AppointmentState.PLANNED, appointment_at__gt=now) | Q(session__starts_on__gt=today)
    return _moment("accepted_at", now - NOT_ENTERED, state=State.ACCEPTED).exclude(ahead)


def bilan_overdue(now: dt.datetime) -> ReferralQuerySet:
    """The fiches whose bilan was recalled for the last time and has not come."""
    last_day = timezone.localdate(now) - BILAN_OVERDUE
    rows = Referral.objects.filter(state=State.ENTERED, bilan_due_on__lt=last_day).exclude(BILAN_IS_BACK)
    return rows.annotate(still_since=F("bilan_due_on"))


def not_chained(now: dt.datetime) -> ReferralQuerySet:
    """The fiches whose awaited bilan recommends something for which no fiche has left."""
    advising = Bilan.objects.filter(
        referral=OuterRef("pk"),
        state=BilanState.RETURNED,
        kind__in=[BilanKind.FINAL, BilanKind.POSITIONING],
        recommended__len__gt=0,
    )
    rows = Referral.objects.filter(
        Exists(advising), bilan_received_at__gt=now - FORGOTTEN, bilan_received_at__lte=now - NOT_CHAINED
    )
    others = Referral.objects.filter(person=OuterRef("person")).exclude(pk=OuterRef("pk"))
    following = others.filter(Q(state__in=OPEN) | Q(sent_at__gt=OuterRef("bilan_received_at")))
    return rows.exclude(Exists(following)).annotate(still_since=F("bilan_received_at"))


def not_redirected(now: dt.datetime) -> ReferralQuerySet:
    """The fiches that have stood in their sender's queue « À réorienter » for too long."""
    return _moment("closed_at", now - NOT_REDIRECTED).filter(BY_KEY["a-reorienter"].where(now))


def followup(now: dt.datetime) -> ReferralQuerySet:
    """The fiches whose six-month question, written or by telephone, has found no answer."""
    asked = (FollowUpState.ASKED, FollowUpState.TO_CALL)
    last_day = timezone.localdate(now) - FOLLOWUP
    # In one condition: all of it is asked of one check, of which a fiche has one at six months.
    rows = Referral.objects.filter(
        followups__months=FollowUpMonths.SIX, followups__state__in=asked, followups__due_on__lt=last_day
    )
    return rows.annotate(still_since=F("followups__due_on"))


@dataclass(frozen=True)
class Line:
    """One line of the agenda: its question, and its rule in words."""

    kind: ItemKind
    rows: Callable[[dt.datetime], ReferralQuerySet]
    rule: str

    def situations(self, now: dt.datetime) -> list[Situation]:
        """Its situations, those that have stood still for the longest first, in one query."""
        found: Any = self.rows(now)  # annotated with `still_since`, which the type of the rows does not know
        rows = found.filter(person__merged_into=None).order_by("still_since", "id")[:MOST]
        return [Situation(self.kind, referral=row, since=_day(row.still_since)) for row in rows]


def _day(moment: dt.datetime | dt.date) -> dt.date:
    return timezone.localdate(moment) if isinstance(moment, dt.datetime) else moment


LINES: tuple[Line, ...] = (
    Line(
        ItemKind.UNANSWERED,
        unanswered,
        f"Sans réponse au-delà du délai de la structure ({deadlines.UNANSWERED_WORKING_DAYS[0]} jours ouvrés, si elle "
        "n’en a pas choisi un autre) : c’est le retard compté partout.",
    ),
    Line(ItemKind.WAITING, waiting, f"En liste d’attente depuis {WAITING.days} jours ou plus."),
    Line(
        ItemKind.NOT_ENTERED,
        not_entered,
        f"Acceptée depuis {NOT_ENTERED.days} jours ou plus, sans rendez-vous ni session à venir, sans entrée notée.",
    ),
    Line(
        ItemKind.BILAN_OVERDUE,
        bilan_overdue,
        f"Bilan attendu depuis plus de {BILAN_OVERDUE.days} jours : la dernière relance n’a rien donné.",
    ),
    Line(
        ItemKind.NOT_CHAINED,
        not_chained,
        f"Un bilan rendu depuis {NOT_CHAINED.days} jours ou plus conseille une suite, et aucune fiche n’est partie.",
    ),
    Line(
        ItemKind.NOT_REDIRECTED,
        not_redirected,
        f"Close sans entrée depuis {NOT_REDIRECTED.days} jours à trois mois, rien d’autre tenté depuis pour ce besoin.",
    ),
    Line(
        ItemKind.FOLLOWUP,
        followup,
        f"Question à six mois sans réponse depuis plus de {FOLLOWUP.days} jours.",
    ),
)
"""In the order of the agenda."""

UNMET_RULE = (
    f"Besoins notés depuis un an, ouverts, sans place trouvée. Seuls les groupes d’au moins {FLOORS[-1]} personnes "
    "sont dits, arrondis vers le bas."
)

RULES: dict[str, str] = {line.kind.value: line.rule for line in LINES} | {ItemKind.UNMET.value: UNMET_RULE}
"""The rule of each line, as the page says it."""


def unmet(now: dt.datetime) -> list[Situation]:
    """The themes for which at least five people wait without a place, the largest first, in one query.

    A person has one open need of a theme, and lives in one place: the groups add up.
    """
    needs = Need.objects.of_standing_files().filter(created_at__gt=now - UNMET_WITHIN).unmet()
    rows = needs.order_by().values("theme", "person__quartier").annotate(people=Count("pk"))
    groups: dict[str, dict[str, int]] = {}
    for row in rows.order_by("theme", "person__quartier"):
        groups.setdefault(row["theme"], {})[row["person__quartier"]] = row["people"]
    found = []
    order = list(NeedTheme.values)
    for theme, places in groups.items():
        size = at_least(sum(places.values()))
        told = {place: at_least(people) for place, people in places.items() if place and at_least(people)}
        if size:
            found.append(Situation(ItemKind.UNMET, theme=theme, figures={"at_least": size, "quartiers": told}))
    return sorted(found, key=lambda one: (-one.figures["at_least"], order.index(one.theme)))


def agenda_of(now: dt.datetime) -> list[Situation]:
    """Everything that stands still on a day, in the order of the agenda: one query for each line."""
    return [situation for line in LINES for situation in line.situations(now)] + unmet(now)
