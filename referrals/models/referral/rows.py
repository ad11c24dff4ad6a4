"""Questions about many fiches, and the preparation of a new one."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import models, transaction
from django.db.models import Case, Exists, ExpressionWrapper, F, Func, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact
from django.utils import timezone

from referrals import deadlines
from referrals.models.event import Actor, Event, EventKind
from referrals.models.need import Need
from referrals.models.person import Person
from referrals.states import OPEN, State
from structures.models import Action, Session

if TYPE_CHECKING:
    from referrals.models.bilan import Bilan
    from referrals.models.followup import FollowUp
    from referrals.models.referral.row import Referral

REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No I, L, O, U, 0 or 1: a reference is read aloud on the telephone."""


def new_reference() -> str:
    """A random reference such as R-7K2M4Q, unrelated to the person (30⁶ possibilities; unique in the table)."""
    return "R-" + "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(6))


LONG = frozenset(
    {
        "motive",
        "matched",
        "reason_note",
        "declined_criteria",
        "answer_note",
        "reopening_note",
        "appointment_place",
    }
)
"""What only the page of a fiche reads of it."""

OF_STRUCTURE = ("name", "short_name", "is_sensitive", "commune_code", "postal_code")
OF_MEMBER = ("first_name", "last_name", "email")
AROUND = {
    "person": ("first_name", "last_name", "contact_channel"),
    "action": ("name", "shape"),
    "session": ("starts_on",),
    "sender": OF_STRUCTURE,
    "receiver": OF_STRUCTURE,
    "sender_member": OF_MEMBER,
    "assigned_to": OF_MEMBER,
}
"""What the row of a fiche, in a list or in a pathway, reads around it."""
NOTHING: Mapping[str, Sequence[str]] = MappingProxyType({})
FROM_STEP_TO_STEP: Mapping[str, Sequence[str]] = {
    "opened_by": ("referral_id",),
    "opened_after": ("referral_id",),
    "exit": ("kind", "exit_class", "on"),
    "redirected_to": ("sender_id", "receiver_id", "sent_at"),
    "redirected_to__action": ("name",),
    "redirected_to__receiver": OF_STRUCTURE,
}
"""What a pathway reads of the fiches before and after."""


def _count(rows: models.QuerySet[Referral]) -> Subquery:
    return Subquery(rows.order_by().annotate(number=Func(F("pk"), function="COUNT")).values("number"))


class ReferralQuerySet(models.QuerySet["Referral"]):
    """Questions about many fiches. Always start from `Door.referrals()`: it decides which rows one may see."""

    def with_everything(self) -> ReferralQuerySet:
        """What a list or a page shows of each fiche, without a query per row."""
        return self.select_related(
            "person", "action", "session", "sender", "receiver", "sender_member", "assigned_to", "action__structure"
        )

    def as_rows(self) -> ReferralQuerySet:
        """What a row of a list shows of each fiche; a list of forty would otherwise read forty whole catalogues."""
        return self._with_names(LONG)

    def as_steps(self) -> ReferralQuerySet:
        """What a pathway shows of each fiche: all that was said on it, the names around it, what led to it and on."""
        return self._with_names(frozenset({"matched"}), FROM_STEP_TO_STEP)

    def _with_names(self, without: frozenset[str], beyond: Mapping[str, Sequence[str]] = NOTHING) -> ReferralQuerySet:
        own = (field.name for field in self.model._meta.concrete_fields if field.name not in without)
        read = AROUND | dict(beyond)
        around = (f"{name}__{column}" for name, columns in read.items() for column in columns)
        return self.select_related(*read).only(*own, *around)

    def kept(self) -> ReferralQuerySet:
        """All but the drafts that were thrown away."""
        return self.exclude(state=State.CANCELLED, sent_at__isnull=True)

    def sent(self) -> ReferralQuerySet:
        """The fiches that left their sender."""
        return self.filter(sent_at__isnull=False)

    def open(self) -> ReferralQuerySet:
        """The fiches whose path goes on."""
        return self.filter(state__in=OPEN)

    def with_plan(self) -> ReferralQuerySet:
        """Annotate `plan`, `step` and `after`: the plan a fiche was prepared in, its place, the step it waits for."""
        drafted = Event.objects.filter(referral=OuterRef("pk"), kind=EventKind.DRAFTED).order_by("at", "id")
        return self.annotate(**{key: Subquery(drafted.values(f"data__{key}")[:1]) for key in ("plan", "step", "after")})

    def with_wish(self, today: dt.date) -> ReferralQuerySet:
        """Annotate `wish`: the session that a fiche waits for; none when any does, or when that one has begun."""
        to_come = When(session__starts_on__gt=today, then=F("session_id"))
        return self.annotate(wish=Case(to_come, default=None, output_field=models.BigIntegerField()))

    def with_rank(self, today: dt.date) -> ReferralQuerySet:
        """Annotate `rank` and `waiting`: « 2nd of 5 » on its waiting list; they are read of those that wait only.

        The list of a fiche holds those that wait for the same session of its action, or for any.
        """
        others: ReferralQuerySet = self.model.objects.filter(action=OuterRef("action"), state=State.WAITLISTED)
        # No wish is the other's: two that wait for different sessions are the only ones that stand in two lists.
        own, theirs = ExpressionWrapper(OuterRef("wish"), output_field=models.BigIntegerField()), F("wish")
        others = others.with_wish(today).filter(Exact(Coalesce(theirs, own, 0), Coalesce(own, theirs, 0)))
        before = Q(waitlisted_at__lt=OuterRef("waitlisted_at")) | Q(
            waitlisted_at=OuterRef("waitlisted_at"), id__lte=OuterRef("pk")
        )
        ranks = {"rank": _count(others.filter(before)), "waiting": _count(others)}
        return self.with_wish(today).annotate(**ranks)

    def to_offer(self, now: dt.datetime) -> ReferralQuerySet:
        """The first of each list for which a place is free, annotated with `free_session` (none: of the action).

        Left out: actions that are withdrawn or paused, sessions that have begun, places that are not counted; answers
        that can still be taken back; and fiches that let a place go lately.
        """
        today = timezone.localdate(now)
        free = Session.objects.filter(
            action=OuterRef("action"), starts_on__gt=today, places__gt=F("reserved") + F("taken")
        )
        free = free.order_by("starts_on", "id")
        undated = ~Exists(Session.objects.filter(action=OuterRef("action"))) & Q(action__places__gt=F("action__taken"))
        refused = Q(offered_until__isnull=False, waitlisted_at__gt=now - dt.timedelta(days=deadlines.OFFER_AGAIN_DAYS))
        the_one, any_one = free.filter(pk=OuterRef("wish")).values("pk")[:1], free.values("pk")[:1]
        wanted = {"free_session": Case(When(wish__isnull=False, then=Subquery(the_one)), default=Subquery(any_one))}
        rows: ReferralQuerySet = self.filter(state=State.WAITLISTED, action__in=Action.objects.open_on(today))
        rows = rows.exclude(Q(retractable_until__gt=now) | refused)
        rows = rows.with_wish(today).annotate(**wanted)
        return (
            rows.filter(Q(free_session__isnull=False) | undated)
            .select_related("session", "receiver")
            .order_by("action_id", "waitlisted_at", "id")
            .distinct("action_id")
        )

    def with_themes(self) -> ReferralQuerySet:
        """Annotate `themes`: the needs that a fiche answers."""
        return self.annotate(themes=ArrayAgg("needs__theme", filter=Q(needs__isnull=False), default=Value([])))

    def draft(
        self,
        person: Person,
        action: Action,
        actor: Actor,
        now: dt.datetime,
        *,
        needs: Iterable[Need] = (),
        motive: str = "",
        matched: dict[str, Any] | None = None,
        opened_by: Bilan | None = None,
        opened_after: FollowUp | None = None,
        redirected_from: Referral | None = None,
        session: Session | None = None,
        place: dict[str, Any] | None = None,
    ) -> Referral:
        """Prepare a fiche to the action's structure; its `place` in a plan (see `with_plan`) is kept in the journal.

        Raises `ValueError` when the actor has no structure.
        """
        if actor.structure is None:
            raise ValueError("a fiche is sent by a structure")
        with transaction.atomic():
            referral = self.create(
                reference=new_reference(),
                person=person,
                sender=actor.structure,
                sender_member=actor.user,
                receiver=action.structure,
                action=action,
                session=session,
                motive=motive,
                matched=matched or {},
                opened_by=opened_by,
                opened_after=opened_after,
                redirected_from=redirected_from,
                created_at=now,
                updated_at=now,
            )
            referral.needs.add(*needs)
            Event.objects.log(EventKind.DRAFTED, actor, now, referral=referral, data=place)
        return referral
