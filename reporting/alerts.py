"""What drifts, told before anybody asks: worked out from the fiches of the last months at each reading, kept nowhere.

Each alert says its figures and its rule, and looks at its own last weeks, whatever period the page shows. Those who
read the territory without its files get no exact size of a group: sizes are rounded down, a median or a share rests
on five persons at least on each of its sides, and a protected structure is told among the others or not at all.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Aggregate, Case, Count, F, FloatField, Min, Q, QuerySet, TextChoices, Value, When
from django.db.models.functions import Coalesce, TruncDate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from referrals.agenda import at_least
from referrals.deadlines import UNANSWERED_WORKING_DAYS, add_months
from referrals.models import Exit, Referral
from referrals.models.referral import ReferralQuerySet
from referrals.permissions import Door
from referrals.states import State
from reporting.delays import WorkingCalendar, WorkingDayNumber
from reporting.indicators import DYNAMIC_TARGET, IS_COUNTED, IS_DYNAMIC, WITHDRAWN
from reporting.scope import View, views_of
from reporting.secrecy import SMALLEST_GROUP

RECENT = dt.timedelta(days=30)
USUAL = dt.timedelta(days=90)
"""The last month, and the three before, which say what is usual."""

DECLINING_DAYS = 60
FULL = dt.timedelta(days=60)
"""How long an action may decline everyone, or take nobody from its waiting list, before it is told (our choice)."""

FEWEST = SMALLEST_GROUP
"""Fewer answers, exits or persons than that say nothing yet."""

QUICK = dt.timedelta(days=7)
FEWEST_SENT = 20
POINTS = 0.10
"""Of so many fiches, the share answered within a week is told when it loses ten points: on fewer, one late answer
would be an alert (our choice)."""

MOST = 10
"""Alerts of one kind: more of them would be read by nobody."""


class AlertKind(TextChoices):
    """What drifts, in the order of the page."""

    DELAY = "delay", "Un délai double"
    DECLINES = "declines", "Une action décline tout le monde"
    FULL = "full", "Une action est pleine depuis longtemps"
    ANSWERS = "answers", "Les réponses en une semaine baissent"
    EXITS = "exits", "Les sorties dynamiques passent sous l’objectif"


RULES: dict[str, str] = {
    AlertKind.DELAY: (
        f"Le délai médian de réponse des {RECENT.days} derniers jours est au moins le double de celui des "
        f"{USUAL.days} jours d’avant, et dépasse {UNANSWERED_WORKING_DAYS[0]} jours ouvrés ; au moins {FEWEST} "
        "réponses de chaque côté, comptées à leur date."
    ),
    AlertKind.DECLINES: (
        f"Parmi les fiches envoyées depuis {DECLINING_DAYS} jours, au moins {FEWEST} réponses, toutes déclinées ou "
        "réorientées ; les listes d’attente ne comptent pas."
    ),
    AlertKind.FULL: (
        f"Au moins {FEWEST} fiches en liste d’attente, dont une depuis {FULL.days} jours ou plus, et aucune fiche "
        f"acceptée depuis {FULL.days} jours."
    ),
    AlertKind.ANSWERS: (
        f"La part de fiches répondues en {QUICK.days} jours perd au moins dix points : fiches envoyées pendant "
        f"{RECENT.days} jours, jusqu’à il y a une semaine, et pendant les {USUAL.days} jours d’avant ; au moins "
        f"{FEWEST_SENT} fiches de chaque côté, sans celles annulées avant réponse."
    ),
    AlertKind.EXITS: (
        "Moins de deux tiers de sorties dynamiques depuis trois mois, l’objectif de l’État ; au moins "
        f"{FEWEST} sorties, retraits neutralisés à part."
    ),
}
"""The rule of each kind, as the page says it."""

TABS = {View.SENT: "envoyees", View.RECEIVED: "recues"}
TO_ANSWER = {View.SENT: "sans-reponse", View.RECEIVED: "a-repondre"}
"""The queue of the fiches that wait for an answer, by who looks."""

PROTECTED = "Structures protégées"


@dataclass(frozen=True)
class Alert:
    """One thing that drifts: whose, its figures in words, and where to look at it."""

    kind: AlertKind
    subject: str
    figures: str
    href: str = ""
    link: str = ""

    @property
    def rule(self) -> str:
        """When it is told."""
        return RULES[self.kind]


class Median(Aggregate):
    """The value between the two halves of a group; null when there is none."""

    name = "Median"
    template = "percentile_cont(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()
    allow_distinct = False


def _day_starts(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time.min))


def _days(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0").replace(".", ",")


def _percent(ratio: float) -> str:
    return f"{round(ratio * 100)}\u202f%"


def _people(condition: Q) -> Count:
    return Count("person", filter=condition, distinct=True)


class Watch:
    """The alerts of one reader: on their own fiches, or on the whole territory, masked."""

    def __init__(self, door: Door, view: View, now: dt.datetime) -> None:
        self.door, self.view, self.now = door, view, now
        self.today = timezone.localdate(now)
        self.masks = view == View.TERRITORY

    def alerts(self) -> list[Alert]:
        """Everything that drifts, in the order of the page: six queries at most, whatever there is."""
        return [*self.delays(), *self.declines(), *self.full(), *self.answers(), *self.exits()]

    # Each kind

    def delays(self) -> list[Alert]:
        """The structures whose median delay has doubled; the protected ones count as one."""
        first = self.now - RECENT - USUAL
        calendar = WorkingCalendar.between(timezone.localdate(first - dt.timedelta(days=365)), self.today)
        begun = Coalesce("reopened_at", "sent_at")
        delay = WorkingDayNumber(TruncDate("answered_at"), calendar) - WorkingDayNumber(TruncDate(begun), calendar)
        recent = Q(answered_at__gt=self.now - RECENT)
        # The type of the rows does not know the names that are given to columns.
        rows: Any = (
            self._fiches()
            .filter(answered_at__gt=first, answered_at__lte=self.now)
            .values(**self._named("receiver"))
            .annotate(
                recent=Count("pk", filter=recent),
                before=Count("pk", filter=~recent),
                recent_people=_people(recent),
                before_people=_people(~recent),
                recent_days=Median(delay, filter=recent),
                before_days=Median(delay, filter=~recent),
            )
            .filter(recent_people__gte=FEWEST, before_people__gte=FEWEST, recent_days__gt=UNANSWERED_WORKING_DAYS[0])
            .filter(recent_days__gte=2 * F("before_days"))
        )
        return [
            Alert(
                AlertKind.DELAY,
                row["short"] or row["name"] or PROTECTED,
                f"Délai médian de {_days(row['recent_days'])} jours ouvrés sur {RECENT.days} jours "
                f"({self._size(row['recent'], 'réponse')}), contre {_days(row['before_days'])} les {USUAL.days} jours "
                f"d’avant ({self._size(row['before'], 'réponse')}).",
                *self._to_structure(row["key"]),
            )
            for row in rows.order_by("-recent_days", "name")[:MOST]
        ]

    def declines(self) -> list[Alert]:
        """The actions that answered and accepted nobody."""
        since = self.today - dt.timedelta(days=DECLINING_DAYS)
        declined, redirected = Q(state=State.DECLINED), Q(state=State.REDIRECTED)
        refused = Q(answered_at__isnull=False) & (declined | redirected)
        rows = (
            self._of_actions()
            .filter(sent_at__gte=_day_starts(since), sent_at__lte=self.now)
            .values("action__slug", "action__name")
            .annotate(
                refused=Count("pk", filter=refused),
                redirected=Count("pk", filter=refused & redirected),
                accepted=Count("pk", filter=Q(accepted_at__isnull=False)),
                people=_people(refused),
            )
            .filter(people__gte=FEWEST, accepted=0)
        )
        found = []
        for row in rows.order_by("-refused", "action__slug")[:MOST]:
            part = f", dont {row['redirected']} par une réorientation" if row["redirected"] and not self.masks else ""
            figures = f"{self._size(row['refused'], 'réponse').capitalize()} en {DECLINING_DAYS} jours, aucune acceptée"
            link = self._to_action(row["action__slug"], du=since.isoformat())
            found.append(Alert(AlertKind.DECLINES, row["action__name"], f"{figures}{part}.", *link))
        return found

    def full(self) -> list[Alert]:
        """The actions on whose list people wait while nobody is taken."""
        since = self.now - FULL
        waiting = list(
            self._of_actions()
            .filter(state=State.WAITLISTED)
            .values("action_id", "action__slug", "action__name")
            .annotate(fiches=Count("pk"), people=Count("person", distinct=True), oldest=Min("waitlisted_at"))
            .filter(people__gte=FEWEST, oldest__lte=since)
            .order_by("oldest", "action__slug")
        )
        if not waiting:
            return []
        taking = self._fiches().filter(action__in=[row["action_id"] for row in waiting], accepted_at__gt=since)
        takes = set(taking.values_list("action_id", flat=True).distinct())
        return [
            Alert(
                AlertKind.FULL,
                row["action__name"],
                f"{self._size(row['fiches'], 'fiche').capitalize()} en liste d’attente, la plus ancienne depuis "
                f"{FULL.days if self.masks else (self.today - timezone.localdate(row['oldest'])).days} jours"
                f"{' ou plus' if self.masks else ''} ; aucune acceptée depuis {FULL.days} jours.",
                *self._to_action(row["action__slug"], etat=State.WAITLISTED.value),
            )
            for row in [row for row in waiting if row["action_id"] not in takes][:MOST]
        ]

    def answers(self) -> list[Alert]:
        """Whether fewer fiches are answered within a week than before."""
        until, middle = self.now - QUICK, self.now - QUICK - RECENT
        recent = Q(sent_at__gt=middle)
        quick = Q(answered_at__lte=Coalesce("reopened_at", "sent_at") + Value(QUICK))
        rows = self._fiches().filter(sent_at__gt=middle - USUAL, sent_at__lte=until).exclude(WITHDRAWN.counts)
        found = _counted(rows, {"recent": recent, "before": ~recent}, quick, "person")
        if min(found["recent"], found["before"]) < FEWEST_SENT:
            return []
        share, usual = (found[f"{name}_in"] / found[name] for name in ("recent", "before"))
        if share > usual - POINTS:
            return []
        sent = self._size(found["recent"], "fiche")
        if self._may_tell(found, "recent") and self._may_tell(found, "before"):
            figures = (
                f"{_percent(share)} des fiches répondues en {QUICK.days} jours ({sent} sur {RECENT.days} jours), "
                f"contre {_percent(usual)} les {USUAL.days} jours d’avant."
            )
        else:
            figures = f"La part de fiches répondues en {QUICK.days} jours perd au moins dix points, sur {sent}."
        return [Alert(AlertKind.ANSWERS, self._whole, figures, *self._to_structure(None))]

    def exits(self) -> list[Alert]:
        """Whether dynamic exits fall under the State's target."""
        middle = add_months(self.today, -3)
        recent = Q(on__gt=middle)
        rows = Exit.objects.filter(IS_COUNTED, on__gt=add_months(self.today, -6), on__lte=self.today)
        if self.view != View.TERRITORY:
            rows = rows.filter(referral__in=self._fiches())
        found = _counted(rows, {"recent": recent, "before": ~recent}, IS_DYNAMIC, "referral__person")
        if found["recent_people"] < FEWEST or found["recent_in"] >= DYNAMIC_TARGET * found["recent"]:
            return []
        size = self._size(found["recent"], "sortie")
        figures = f"Moins de deux tiers de sorties dynamiques depuis trois mois, sur {size}."
        if self._may_tell(found, "recent"):
            share = _percent(found["recent_in"] / found["recent"])
            figures = f"{share} de sorties dynamiques depuis trois mois, sur {size}."
        if found["before_people"] >= FEWEST and self._may_tell(found, "before"):
            figures += f" Les trois mois d’avant : {_percent(found['before_in'] / found['before'])}."
        return [Alert(AlertKind.EXITS, self._whole, figures)]

    # What is looked at, and how it is told

    def _fiches(self) -> ReferralQuerySet:
        """The fiches sent that the reader's figures are about."""
        if self.view == View.TERRITORY:
            return Referral.objects.sent().order_by()
        return self.door.referrals_of("sent" if self.view == View.SENT else "received").sent().order_by()

    def _of_actions(self) -> ReferralQuerySet:
        """The same, without those whose action would give a protected structure away."""
        rows = self._fiches()
        return rows.filter(receiver__is_sensitive=False) if self.masks else rows

    def _named(self, side: str) -> dict[str, Any]:
        columns = {"key": F(f"{side}_id"), "name": F(f"{side}__name"), "short": F(f"{side}__short_name")}
        if not self.masks:
            return columns
        return {
            name: Case(When(**{f"{side}__is_sensitive": True}, then=Value(None)), default=column)
            for name, column in columns.items()
        }

    @property
    def _whole(self) -> str:
        return self.view.label

    def _size(self, number: int, word: str) -> str:
        """« 12 réponses »; « au moins 10 réponses » to who sees no files."""
        plural = "s" if number > 1 else ""
        return f"au moins {at_least(number)} {word}s" if self.masks else f"{number} {word}{plural}"

    def _may_tell(self, found: dict[str, int], window: str) -> bool:
        """Whether a share can be told: nobody, or five persons at least, on each of its two sides."""
        sides = (found[f"{window}_in_people"], found[f"{window}_out_people"])
        return not self.masks or all(people == 0 or people >= FEWEST for people in sides)

    def _to_structure(self, key: Any) -> tuple[str, str]:
        """The fiches that wait for an answer; the structure's figures, for who sees no files."""
        if self.view == View.TERRITORY:
            return self._to_figures(structure=key) if key is not None else ("", "")
        query = urlencode({"onglet": TABS[self.view], "file": TO_ANSWER[self.view]})
        return f"{reverse('referrals:referral_list')}?{query}", "Voir les fiches qui attendent une réponse"

    def _to_action(self, slug: str, **narrowed: str) -> tuple[str, str]:
        """The action's fiches; its figures, for who sees no files."""
        if self.view == View.TERRITORY:
            return self._to_figures(action=slug)
        query = urlencode({"onglet": TABS[self.view], "action": slug, **narrowed})
        return f"{reverse('referrals:referral_list')}?{query}", "Voir les fiches de cette action"

    def _to_figures(self, **narrowed: Any) -> tuple[str, str]:
        query = urlencode({"vue": self.view.value, "periode": "3-mois", **narrowed})
        return f"{reverse('reporting:dashboard')}?{query}", "Voir ses chiffres sur trois mois"


def _counted(rows: QuerySet[Any], windows: dict[str, Q], condition: Q, person: str) -> dict[str, int]:
    """In one query, for each window: how many rows, how many meet a condition, and the persons on both sides of it."""
    counts: dict[str, Count] = {}
    for name, window in windows.items():
        counts |= {
            name: Count("pk", filter=window),
            f"{name}_in": Count("pk", filter=window & condition),
            f"{name}_people": Count(person, filter=window, distinct=True),
            f"{name}_in_people": Count(person, filter=window & condition, distinct=True),
            f"{name}_out_people": Count(person, filter=window & ~condition, distinct=True),
        }
    found: dict[str, int] = rows.order_by().aggregate(**counts)
    return found


@require_safe
def alerts(request: HttpRequest) -> HttpResponse:
    """The alerts of one view of the figures: a page of its own, or what the page of figures asks for by itself."""
    door = request.door  # type: ignore[attr-defined] # set by DoorMiddleware
    views = views_of(door)
    asked = request.GET.get("vue", "")
    view = View(asked) if asked in views else views[0]
    context = {
        "alerts": Watch(door, view, timezone.now()).alerts(),
        "rules": [(kind.label, RULES[kind]) for kind in AlertKind],
        "view": view,
        "is_territory": view == View.TERRITORY,
    }
    is_part = request.htmx  # type: ignore[attr-defined] # set by HtmxMiddleware
    return render(request, "reporting/alerts/list.html" if is_part else "reporting/alerts/page.html", context)
