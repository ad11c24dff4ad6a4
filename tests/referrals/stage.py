"""One fiche between two structures, brought as far as a test needs, with a browser session on each side."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.models import User
from referrals.models import Bilan, BilanKind, ConsentHow, Exit, ExitKind, Referral
from referrals.permissions import Door
from structures.models import Action, Structure
from structures.vocabulary import ActionShape, NeedTheme, Role
from tests.territory import EVERYTHING, a_member, a_need, a_person, a_structure, an_action


def session_of(user: User | None) -> Client:
    """A logged-in browser."""
    assert user is not None
    client = Client()
    client.force_login(user)
    return client


class Stage:
    """A sender, a receiver and one fiche. Dates follow the real clock, as the views do."""

    def __init__(
        self, shape: ActionShape = ActionShape.COURSE, *, scopes: list[str] | None = None, **action: Any
    ) -> None:
        self.now = timezone.now()
        self.today = timezone.localdate(self.now)
        self.sender: Structure = a_structure("Mission locale")
        self.receiver: Structure = a_structure("Alire", address="3 rue Verte", postal_code="41000", commune="Blois")
        self.prescriber = a_member(self.sender, first_name="Inès", last_name="Morel")
        self.trainer = a_member(self.receiver, first_name="Paul", last_name="Roux")
        self.sends = Door.of(self.prescriber).actor
        self.receives = Door.of(self.trainer).actor
        scales = ["cecrl", "cria"]
        self.action: Action = an_action(
            self.receiver, "Atelier de français", **{"shape": shape, "scales": scales} | action
        )
        sent_at = self.now - dt.timedelta(days=3)
        self.person = a_person(self.sends, sent_at, phone="+33199000101", commune="Blois")
        self.need = a_need(self.person, self.sends)
        self.referral: Referral = Referral.objects.draft(
            self.person, self.action, self.sends, sent_at, needs=[self.need], motive="Cherche un cours du soir."
        )
        self.referral.send(
            self.sends,
            sent_at,
            consent_how=ConsentHow.ORAL,
            consent_scope=EVERYTHING if scopes is None else scopes,
        )
        self.at_sender = session_of(self.prescriber)
        self.at_receiver = session_of(self.trainer)
        self.at_stranger = session_of(a_member(a_structure("Ailleurs")))
        self.manager = session_of(a_member(self.receiver, Role.MANAGER))

    def accept(self) -> Stage:
        """Accepted, with a rendez-vous yesterday."""
        self.referral.accept(self.receives, self.now, appointment_at=self.now - dt.timedelta(days=1))
        return self

    def enter(self) -> Stage:
        """The person came."""
        self.accept()
        self.referral.enter(self.receives, self.now, on=self.today - dt.timedelta(days=1))
        return self

    def bilan(self, kind: BilanKind = BilanKind.FINAL, **values: Any) -> Bilan:
        """A returned bilan."""
        defaults: dict[str, Any] = {
            "levels_before": {"oral": 1, "written": 0},
            "levels_after": {"oral": 3, "written": 1},
            "summary": "Sait lire un horaire.",
            "private_notes": "À revoir avec la MDSI.",
            "recommended": [NeedTheme.DIGITAL],
        }
        row = Bilan.objects.start(self.referral, kind, self.receives, self.now, **defaults | values)
        row.hand_in(self.receives, self.now)
        self.referral.refresh_from_db()
        return row

    def leave(self, kind: ExitKind = ExitKind.CDI) -> Exit:
        """A typed exit, today."""
        return Exit.objects.record(self.referral, self.receives, self.now, on=self.today, kind=kind)

    def reload(self) -> Referral:
        """The fiche as it now stands in the database."""
        return Referral.objects.get(pk=self.referral.pk)
