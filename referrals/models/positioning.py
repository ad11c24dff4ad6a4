"""The positionnement: an evaluation interview that places the person on the action's axes."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction

from accounts.fields import FreeTextField
from referrals.models.bilan import Bilan, BilanKind
from referrals.models.event import Actor, Event, EventKind
from referrals.models.referral import Referral
from referrals.states import State
from structures.scales import check_levels
from structures.vocabulary import AnlciDegree, Cecrl, NeedTheme


class PositioningManager(models.Manager["Positioning"]):
    """Records positionnements."""

    def record(
        self,
        referral: Referral,
        actor: Actor,
        now: dt.datetime,
        *,
        on: dt.date,
        levels: dict[str, int],
        french_oral: str = "",
        french_written: str = "",
        anlci: int | None = None,
        conclusion: str = "",
        private_notes: str = "",
        recommended: list[str] | None = None,
        version: int | None = None,
    ) -> Positioning:
        """Write the interview, and its return to the sender (a bilan of kind *positioning*), in one transaction.

        An accepted fiche to a positionnement enters by it: the person came. The levels found become those of the
        person's file. Raises `ValueError` on an unknown axis, `StaleReferral` when the fiche has moved.
        """
        check_levels(levels)
        with transaction.atomic():
            if referral.state != State.ENTERED:
                referral.enter(actor, now, on=on, version=version)
            row = self.create(
                referral=referral,
                on=on,
                author=actor.user,
                levels=levels,
                french_oral=french_oral,
                french_written=french_written,
                anlci=anlci,
                conclusion=conclusion,
                private_notes=private_notes,
                recommended=recommended or [],
                created_at=now,
            )
            found: dict[str, Any] = {
                "french_oral": french_oral,
                "french_written": french_written,
                "anlci": anlci,
            }
            referral.person.change(actor, now, **{name: value for name, value in found.items() if value})
            Event.objects.log(EventKind.POSITIONED, actor, now, referral=referral, data={"on": on.isoformat()})
            bilan = Bilan.objects.start(
                referral,
                BilanKind.POSITIONING,
                actor,
                now,
                on=on,
                levels_after=levels,
                french_oral_after=french_oral,
                french_written_after=french_written,
                summary=conclusion,
                private_notes=private_notes,
                recommended=recommended or [],
            )
            bilan.hand_in(actor, now)
        return row


class Positioning(models.Model):
    """One interview, on one fiche."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    referral = models.OneToOneField(Referral, models.CASCADE, related_name="positioning", verbose_name="fiche")
    author = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="réalisé par"
    )
    on = models.DateField("date de l’entretien")
    levels = models.JSONField("niveaux", default=dict)
    french_oral = models.CharField("français oral", max_length=5, choices=Cecrl, blank=True)
    french_written = models.CharField("français écrit", max_length=5, choices=Cecrl, blank=True)
    anlci = models.PositiveSmallIntegerField("degré ANLCI", choices=AnlciDegree, null=True, blank=True)
    conclusion = FreeTextField("conclusion", blank=True)
    private_notes = FreeTextField("notes entre professionnels", blank=True)
    recommended = ArrayField(
        models.CharField(max_length=20, choices=NeedTheme),
        verbose_name="suite conseillée",
        default=list,
        blank=True,
    )
    created_at = models.DateTimeField("enregistré le")

    objects = PositioningManager()

    class Meta:
        verbose_name = "positionnement"
        ordering = ["-on", "id"]

    def __str__(self) -> str:
        return f"Positionnement {self.referral.reference}"
