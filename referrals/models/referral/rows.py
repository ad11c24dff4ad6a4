"""Questions about many fiches, and the preparation of a new one."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import models, transaction
from django.db.models import OuterRef, Q, Subquery, Value

from referrals.models.event import Actor, Event, EventKind
from referrals.models.need import Need
from referrals.models.person import Person
from referrals.states import OPEN, State
from structures.models import Action, Session

if TYPE_CHECKING:
    from referrals.models.bilan import Bilan
    from referrals.models.referral.row import Referral

REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No I, L, O, U, 0 or 1: a reference is read aloud on the telephone."""


def new_reference() -> str:
    """A random reference such as R-7K2M4Q, unrelated to the person (30⁶ possibilities; unique in the table)."""
    return "R-" + "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(6))


class ReferralQuerySet(models.QuerySet["Referral"]):
    """Questions about many fiches. Always start from `Door.referrals()`: it decides which rows one may see."""

    def with_everything(self) -> ReferralQuerySet:
        """What a list or a page shows of each fiche, without a query per row."""
        return self.select_related(
            "person", "action", "session", "sender", "receiver", "sender_member", "action__structure"
        )

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
                redirected_from=redirected_from,
                created_at=now,
                updated_at=now,
            )
            referral.needs.add(*needs)
            Event.objects.log(EventKind.DRAFTED, actor, now, referral=referral, data=place)
        return referral
