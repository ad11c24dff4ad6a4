"""The queues: what a structure has to do about its fiches, as conditions that the home page and the lists share.

Each condition is a `Q` for `Door.referrals()`: counted, shown and filtered by the same words, so that the number on
the home page is always the number of rows behind it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    CharField,
    Count,
    DateTimeField,
    Exists,
    Func,
    OuterRef,
    Q,
    Subquery,
    TextChoices,
    Value,
    Window,
)
from django.db.models.functions import RowNumber
from django.utils import timezone

from accounts.models import User
from referrals import deadlines
from referrals.models import (
    Appointment,
    Bilan,
    BilanKind,
    ConsentScope,
    ContactChannel,
    FollowUp,
    Notice,
    Referral,
    ReminderPolicy,
)
from referrals.models.bilan import BilanState
from referrals.models.referral import ReferralQuerySet
from referrals.permissions import Door
from referrals.policies import SPECS, PolicyKind
from referrals.states import OPEN, TO_MEET_AGAIN, TO_REDIRECT, AppointmentState, Reason, State
from structures.vocabulary import ActionShape, Role

Side = Literal["sent", "received"]

RECENT = dt.timedelta(days=7)
"""How long an answer stays among the news of the home page."""

REDIRECTED_WITHIN = dt.timedelta(days=92)
"""How long a fiche closed without an entry waits for another orientation; later, its need is among the unmet ones."""

SOON = dt.timedelta(days=7)
"""How long before its due date a bilan enters the queue."""

UNDATED = dt.timedelta(days=14)
"""A fiche accepted without a date is to be confirmed after this delay."""

NOTHING_TO_REDIRECT = (Reason.FOUND_JOB, Reason.MOVED, Reason.MISTAKE)
"""Reasons after which the person needs no other orientation from the same sender."""

AWAITED_BILAN = Bilan.objects.filter(
    referral=OuterRef("pk"),
    state=BilanState.RETURNED,
    kind__in=[BilanKind.FINAL, BilanKind.POSITIONING],
).order_by("pk")
BILAN_IS_BACK = Exists(AWAITED_BILAN)
"""Whether the bilan that was awaited has been returned, as a condition."""
ITS_BILAN = Subquery(AWAITED_BILAN.values("pk")[:1])
"""That bilan, as something to show beside each row of a page: asked row by row. `BILAN_IS_BACK` in that place makes
PostgreSQL read all the bilans of the country first."""

ENDS_WITH_EXIT = [shape.value for shape in ActionShape if shape.expects_exit]


def _start_of(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time.min))


class _Nth(Func):
    """The nth of an array, counted from 1."""

    template = "(%(expressions)s]"
    arg_joiner = ")["
    output_field = DateTimeField()


def unanswered_late(now: dt.datetime) -> Q:
    """Without an answer although the clock has run past the first recall, by the rule of the action's structure."""
    longest = SPECS[PolicyKind.UNANSWERED].high
    starts = [_start_of(day) for day in deadlines.working_days_before(timezone.localdate(now), longest)]
    delay = ReminderPolicy.objects.first_delay(PolicyKind.UNANSWERED)
    by_delay = _Nth(Value(starts, ArrayField(DateTimeField())), delay)
    # The rules are only read of those that could be late by the shortest.
    return Q(state=State.SENT, paused_at=None, clock_from__lt=starts[0]) & Q(clock_from__lt=by_delay)


def late(now: dt.datetime) -> Q:
    """The receiver owes an answer or a bilan that is overdue."""
    bilan = Q(state=State.ENTERED, bilan_due_on__lt=timezone.localdate(now)) & ~Q(BILAN_IS_BACK)
    return unanswered_late(now) | bilan


def _to_answer(now: dt.datetime) -> Q:
    return Q(state=State.SENT, paused_at=None)


def _paused(now: dt.datetime) -> Q:
    return Q(paused_at__isnull=False)


def _waiting(now: dt.datetime) -> Q:
    return Q(state=State.WAITLISTED)


def _offered(now: dt.datetime) -> Q:
    return Q(state=State.OFFERED)


def _appointments_today(now: dt.datetime) -> Q:
    today = timezone.localdate(now)
    return Q(
        state=State.ACCEPTED,
        appointment_state=AppointmentState.PLANNED,
        appointment_at__gte=_start_of(today),
        appointment_at__lt=_start_of(today + dt.timedelta(days=1)),
    )


def _appointments_to_settle(now: dt.datetime) -> Q:
    return Q(
        state=State.ACCEPTED,
        appointment_state=AppointmentState.PLANNED,
        appointment_at__lt=_start_of(timezone.localdate(now)),
    )


def _appointments_to_set(now: dt.datetime) -> Q:
    begun = Q(session__starts_on__lte=timezone.localdate(now))
    return Q(state=State.ACCEPTED, appointment_state__in=TO_MEET_AGAIN) & ~begun


TO_TELL = Exists(
    Appointment.objects.filter(referral=OuterRef("pk"), state=AppointmentState.PLANNED, notice=Notice.TO_TELL)
)
"""Whether the person is to be reminded of their rendez-vous by somebody: no letter is safe for them."""

TOLD_BY_SENDER = Q(person__contact_channel=ContactChannel.PRESCRIBER) | ~Q(
    consent_scope__contains=[ConsentScope.CONTACT]
)
"""Whether only the prescripteur may reach the person: they said so, or their telephone was not shared."""


def _to_tell(now: dt.datetime) -> Q:
    ahead = Q(state=State.ACCEPTED, appointment_state=AppointmentState.PLANNED, appointment_at__gt=now)
    return ahead & Q(TO_TELL)


def _to_tell_here(now: dt.datetime) -> Q:
    return _to_tell(now) & ~TOLD_BY_SENDER


def _to_tell_by_sender(now: dt.datetime) -> Q:
    return _to_tell(now) & TOLD_BY_SENDER


def _entries_to_confirm(now: dt.datetime) -> Q:
    expected = (
        Q(appointment_state=AppointmentState.CAME)
        | Q(session__starts_on__lte=timezone.localdate(now)) & ~Q(appointment_state=AppointmentState.PLANNED)
        | Q(appointment_state="", session=None, accepted_at__lte=now - UNDATED)
    )
    return Q(state=State.ACCEPTED) & ~Q(action__shape=ActionShape.POSITIONING) & expected


def _to_position(now: dt.datetime) -> Q:
    """Those whose rendez-vous is today, or is to be settled or set first, stand in the queue that says so."""
    tomorrow = _start_of(timezone.localdate(now) + dt.timedelta(days=1))
    elsewhere = Q(appointment_state=AppointmentState.PLANNED, appointment_at__lt=tomorrow)
    elsewhere |= Q(appointment_state__in=TO_MEET_AGAIN)
    return Q(
        action__shape=ActionShape.POSITIONING,
        state__in=[State.ACCEPTED, State.ENTERED],
        positioning=None,
    ) & ~(Q(state=State.ACCEPTED) & elsewhere)


def _bilans_due(now: dt.datetime) -> Q:
    soon = timezone.localdate(now) + SOON
    due = Q(state=State.ENTERED, bilan_due_on__lte=soon) & ~Q(action__shape=ActionShape.POSITIONING)
    return due & ~Q(BILAN_IS_BACK)


def _exits_to_record(now: dt.datetime) -> Q:
    return Q(state=State.ENTERED, action__shape__in=ENDS_WITH_EXIT) & Q(BILAN_IS_BACK)


TO_CALL = Exists(FollowUp.objects.to_call().filter(referral=OuterRef("pk")).order_by())
"""Whether the person is to be called for news, or asked to be called."""


def _to_call_here(now: dt.datetime) -> Q:
    return Q(TO_CALL) & ~TOLD_BY_SENDER


def _to_call_by_sender(now: dt.datetime) -> Q:
    return Q(TO_CALL) & TOLD_BY_SENDER


def _answered(now: dt.datetime) -> Q:
    return Q(answered_at__gt=now - RECENT)


def _bilans_received(now: dt.datetime) -> Q:
    return Q(bilan_received_at__gt=now - RECENT)


def _to_redirect(now: dt.datetime) -> Q:
    """Closed without an entry, while one of its needs stands open with nothing else under way or tried since.

    A redirection counts when it named no action, until another fiche follows it."""
    links = Referral.needs.through.objects
    same_need = links.filter(need_id=OuterRef("need_id"))
    busy = same_need.filter(
        Q(referral__state__in=[*OPEN, State.ENDED])
        | Q(referral__state=State.DRAFT, referral__sender_id=OuterRef("referral__sender_id"))
    )
    tried_since = same_need.filter(
        referral__sent_at__isnull=False, referral__closed_at__gt=OuterRef("referral__closed_at")
    )
    standing = links.filter(~Exists(busy), ~Exists(tried_since), referral_id=OuterRef("pk"), need__closed_at=None)
    closed = Q(state__in=TO_REDIRECT, closed_at__gt=now - REDIRECTED_WITHIN)
    followed = Q(state=State.REDIRECTED) & (Q(advised=[]) | Q(redirected_to__isnull=False))
    return closed & ~followed & ~Q(reason__in=NOTHING_TO_REDIRECT) & Q(Exists(standing))


def _drafts(now: dt.datetime) -> Q:
    return Q(state=State.DRAFT)


FOLLOWER: dict[Side, str] = {"sent": "sender_member", "received": "assigned_to"}
"""For each side, who follows a fiche there."""


class Whose(TextChoices):
    """Whose fiches are shown."""

    MINE = "moi", "Les miennes"
    NOBODYS = "personne", "Sans personne"


@dataclass(frozen=True)
class Followed:
    """A choice of fiches by who follows them: `whose` as the address says it, and those whom one works for."""

    whose: str = ""
    users: tuple[User, ...] = ()

    @classmethod
    def by(cls, door: Door, whose: str, absentees: Iterable[User]) -> Followed:
        """One's own choice; « Les miennes » are also those of the colleagues for whom one stands in."""
        own = [door.user] if door.user is not None else []
        return cls(whose, (*own, *absentees))

    def where(self, side: Side) -> Q:
        """The condition on a side; everything when nothing is chosen."""
        name = FOLLOWER[side]
        match self.whose:
            case Whose.MINE:
                return Q(**{f"{name}__in": self.users})
            case Whose.NOBODYS:
                return Q(**{name: None})
            case _:
                return Q()


ANYBODYS = Followed()


@dataclass(frozen=True)
class Queue:
    """One thing to do: whose it is, which fiches it holds, in which order, and the verb of its button.

    `is_settled_in_place`: its rows are rendez-vous, shown with their hour, whose outcome is noted right there.
    """

    key: str
    title: str
    side: Side
    where: Callable[[dt.datetime], Q]
    order: tuple[str, ...]
    action_label: str
    is_settled_in_place: bool = False

    @property
    def roles(self) -> tuple[Role, Role]:
        """The roles to which it is shown."""
        return (Role.PRESCRIBER if self.side == "sent" else Role.RECEIVER), Role.MANAGER

    def rows(self, door: Door, now: dt.datetime, followed: Followed = ANYBODYS) -> ReferralQuerySet:
        """Its fiches, the most pressing first."""
        rows = door.referrals_of(self.side).filter(followed.where(self.side), self.where(now))
        return rows.order_by(*self.order, "id")


QUEUES: tuple[Queue, ...] = (
    Queue("places", "Places à confirmer", "sent", _offered, ("offered_until",), "Confirmer"),
    Queue("precisions", "Questions qui attendent votre réponse", "sent", _paused, ("paused_at",), "Répondre"),
    Queue(
        "rendez-vous", "Rendez-vous d’aujourd’hui", "received", _appointments_today, ("appointment_at",), "Noter", True
    ),
    Queue("a-repondre", "Réponses à donner", "received", _to_answer, ("sent_at",), "Répondre"),
    Queue(
        "rendez-vous-passes",
        "Rendez-vous passés à noter",
        "received",
        _appointments_to_settle,
        ("appointment_at",),
        "Noter",
        True,
    ),
    Queue("a-prevenir", "Rendez-vous à rappeler par téléphone", "received", _to_tell_here, ("appointment_at",), "Voir"),
    Queue("a-fixer", "Nouvelle date à proposer", "received", _appointments_to_set, ("updated_at",), "Fixer"),
    Queue(
        "entrees",
        "Entrées à confirmer",
        "received",
        _entries_to_confirm,
        ("appointment_at", "session__starts_on"),
        "Confirmer",
    ),
    Queue("positionnements", "Positionnements à faire", "received", _to_position, ("appointment_at",), "Saisir"),
    Queue("bilans", "Bilans à rendre", "received", _bilans_due, ("bilan_due_on",), "Rendre"),
    Queue("sorties", "Sorties à noter", "received", _exits_to_record, ("bilan_due_on",), "Noter"),
    Queue("appels-recus", "Appels après la sortie", "received", _to_call_here, ("exit__on",), "Appeler"),
    Queue("sans-reponse", "Sans réponse, en retard", "sent", unanswered_late, ("sent_at",), "Voir"),
    Queue(
        "rendez-vous-a-dire",
        "Rendez-vous à rappeler vous-même",
        "sent",
        _to_tell_by_sender,
        ("appointment_at",),
        "Voir",
    ),
    Queue("a-reorienter", "À réorienter", "sent", _to_redirect, ("-closed_at",), "Réorienter"),
    Queue("reponses", "Réponses reçues cette semaine", "sent", _answered, ("-answered_at",), "Lire"),
    Queue("bilans-recus", "Bilans reçus cette semaine", "sent", _bilans_received, ("-bilan_received_at",), "Lire"),
    Queue("appels", "Appels à passer vous-même", "sent", _to_call_by_sender, ("exit__on",), "Appeler"),
    Queue("brouillons", "Brouillons à terminer", "sent", _drafts, ("-updated_at",), "Reprendre"),
    Queue("en-pause", "En pause, question posée", "received", _paused, ("paused_at",), "Voir"),
    Queue("attente", "En liste d’attente chez vous", "received", _waiting, ("waitlisted_at",), "Voir"),
    Queue("offres", "Places proposées, à confirmer", "received", _offered, ("offered_until",), "Voir"),
)
"""In the order in which the home page shows them: what others wait for comes first."""

BY_KEY = {queue.key: queue for queue in QUEUES}


def queues_of(door: Door) -> list[Queue]:
    """The queues that the door's roles work on."""
    return [queue for queue in QUEUES if door.opens_files and door.has(*queue.roles)]


@dataclass(frozen=True)
class Standing:
    """Where a queue stands: how many fiches it holds, and the keys of the most pressing ones, in their order."""

    count: int = 0
    first: tuple[UUID, ...] = ()


def standings(
    door: Door, queues: Iterable[Queue], now: dt.datetime, most: int, followed: Followed = ANYBODYS
) -> dict[str, Standing]:
    """Where each queue that holds fiches stands, by key, with `most` of them at most.

    One query; each part of it goes by the index of its own queue, and never over all the fiches of a structure.
    """
    parts = [
        door.referrals_of(queue.side)
        .filter(followed.where(queue.side), queue.where(now))
        .annotate(
            queue=Value(queue.key, CharField()),
            place=Window(RowNumber(), order_by=[*queue.order, "id"]),
            count=Window(Count("pk")),
        )
        .order_by("place")
        .values_list("queue", "place", "count", "pk")[:most]
        for queue in queues
    ]
    if not parts:
        return {}
    rows = sorted(parts[0].union(*parts[1:], all=True)) if len(parts) > 1 else list(parts[0])
    found: dict[str, Standing] = {}
    for key, _, count, pk in rows:
        found[key] = Standing(count, (*found.get(key, Standing()).first, pk))
    return found


def count_queues(
    door: Door, queues: Iterable[Queue], now: dt.datetime, followed: Followed = ANYBODYS
) -> dict[str, int]:
    """How many fiches each queue holds, by key, in one query."""
    queues = list(queues)
    found = standings(door, queues, now, 1, followed)
    return {queue.key: found.get(queue.key, Standing()).count for queue in queues}
