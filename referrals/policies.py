"""The rules of the reminders, as data: what may be set, within which bounds, and what holds where nothing was.

A rule of an action wins over that of its structure, that over the usual one written here. Pure: the rows that
structures write are `referrals.models.policy`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from django.core.exceptions import ValidationError
from django.db.models import TextChoices

from referrals import deadlines
from structures.clocks import Clock

Side = Literal["receiver", "sender"]
Unit = Literal["working", "calendar"]


class PolicyKind(TextChoices):
    """What a rule is about; the label is its title."""

    ACKNOWLEDGEMENT = "acknowledgement", "Accusé de réception"
    UNANSWERED = "unanswered", "Fiche sans réponse"
    ESCALATION = "escalation", "Signalement à la coordination"
    EXPIRY_NOTICE = "expiry_notice", "Clôture annoncée"
    EXPIRY = "expiry", "Clôture sans réponse"
    OFFER = "offer", "Place proposée"
    APPOINTMENT = "appointment", "Rappel du rendez-vous"
    ENTRY = "entry", "Entrée à confirmer"
    INTERIM_BILAN = "interim_bilan", "Bilan intermédiaire"
    FINAL_BILAN = "final_bilan", "Bilan final"
    EXIT = "exit", "Sortie à noter"
    THREE_MONTHS = "three_months", "Question à trois mois"
    CONSENT = "consent", "Accord à redemander"
    RETENTION = "retention", "Dossier sans suite"
    CATALOGUE = "catalogue", "Actions à confirmer"


@dataclass(frozen=True)
class Spec:
    """What a kind of rule is: who decides, in which days, within which bounds, and how it reads.

    `delays` are the usual ones, in days of `unit` after the event that the kind counts from; negative ones come
    before it. `most` is how many may be set: none when there is only something to switch on or off. `stop_after` is
    how many calendar days late a reminder may still leave. The sentence is `asks`, the delays, then `ends`. Its
    letters go `to_whom`, and the last one `at_last` where that is further.
    """

    side: Side
    unit: Unit
    delays: tuple[int, ...]
    low: int
    high: int
    most: int
    stop_after: int
    asks: str
    ends: str
    to_whom: str
    is_on: bool = True
    may_be_off: bool = True
    by_action: bool = True
    at_last: str = ""

    @property
    def is_before(self) -> bool:
        """Whether it comes before its event: its delays are read and typed without their sign."""
        return self.high < 0

    @property
    def bounds(self) -> str:
        """« de 1 à 40 »."""
        low, high = sorted((abs(self.low), abs(self.high)))
        return f"de {low} à {high}"


LONGEST_STOP = 180
"""Calendar days: nothing is sent half a year late."""

SPECS: Mapping[PolicyKind, Spec] = {
    PolicyKind.ACKNOWLEDGEMENT: Spec(
        "receiver", "calendar", (), 0, 0, 0, 7,
        "Une fiche envoyée : dire au prescripteur qu’elle est bien arrivée", "", "au prescripteur", is_on=False,
    ),
    PolicyKind.UNANSWERED: Spec(
        "receiver", "working", deadlines.UNANSWERED_WORKING_DAYS, 1, 40, 5, 14,
        "Une fiche sans réponse : relancer la structure après", "jours ouvrés",
        "à la structure", at_last="à la structure et au prescripteur",
    ),
    PolicyKind.ESCALATION: Spec(
        "receiver", "working", deadlines.ESCALATION_WORKING_DAYS, 2, 60, 1, 14,
        "Une fiche toujours sans réponse : la signaler à la coordination après", "jours ouvrés",
        "à la coordination du département",
    ),
    PolicyKind.EXPIRY_NOTICE: Spec(
        "receiver", "calendar", (-deadlines.EXPIRY_NOTICE_DAYS,), -14, -1, 1, 13,
        "Une fiche sans réponse : annoncer sa clôture", "jours avant", "à la structure et au prescripteur",
    ),
    PolicyKind.EXPIRY: Spec(
        "receiver", "calendar", (deadlines.EXPIRY_DAYS,), 15, 90, 1, LONGEST_STOP,
        "Une fiche sans réponse : la clore après", "jours", "à la structure et au prescripteur", may_be_off=False,
    ),
    PolicyKind.OFFER: Spec(
        "receiver", "working", (deadlines.OFFER_WORKING_DAYS,), 1, 10, 1, 14,
        "Une place proposée : la garder pendant", "jours ouvrés, avec un rappel à mi-chemin", "au prescripteur",
        may_be_off=False,
    ),
    PolicyKind.APPOINTMENT: Spec(
        "receiver", "calendar", (-deadlines.APPOINTMENT_REMINDER_DAYS,), -14, -1, 2, 14,
        "Un rendez-vous : le rappeler à la personne", "jours avant", "à la personne, par son moyen de contact sûr",
    ),
    PolicyKind.ENTRY: Spec(
        "receiver", "working", (deadlines.ENTRY_WORKING_DAYS,), 1, 20, 3, 30,
        "Une personne attendue : demander si elle est venue après", "jours ouvrés", "à la structure",
    ),
    PolicyKind.INTERIM_BILAN: Spec(
        "receiver", "calendar", (deadlines.INTERIM_BILAN_DAYS,), 7, 365, 3, 30,
        "Après l’entrée dans l’action : demander un bilan intermédiaire au bout de", "jours", "à la structure",
        is_on=False,
    ),
    PolicyKind.FINAL_BILAN: Spec(
        "receiver", "calendar", deadlines.BILAN_REMINDER_DAYS, 0, 60, 4, 30,
        "Un bilan final attendu : le demander", "jours après sa date",
        "à la structure", at_last="à la structure, et au prescripteur qui peut alors le remplir",
    ),
    PolicyKind.EXIT: Spec(
        "receiver", "calendar", deadlines.EXIT_DAYS, 1, 90, 3, 30,
        "Une action terminée : demander la sortie", "jours après sa fin", "à la structure",
    ),
    PolicyKind.THREE_MONTHS: Spec(
        "receiver", "calendar", (), 0, 0, 0, 30,
        "Trois mois après la sortie : demander aussi des nouvelles à la personne", "",
        "à la personne, par son moyen de contact sûr", is_on=False,
    ),
    PolicyKind.CONSENT: Spec(
        "sender", "calendar", (-deadlines.CONSENT_NOTICE_DAYS,), -90, -7, 1, 30,
        "Un accord qui aura deux ans, sur une fiche en cours : proposer de le redemander", "jours avant",
        "au prescripteur", by_action=False,
    ),
    PolicyKind.RETENTION: Spec(
        "sender", "calendar", (-deadlines.RETENTION_NOTICE_DAYS,), -90, -7, 1, 60,
        "Un dossier qui sera sans rien de nouveau depuis deux ans : annoncer son archivage", "jours avant",
        "au prescripteur",
        by_action=False,
    ),
    PolicyKind.CATALOGUE: Spec(
        "receiver", "calendar", (), 0, 0, 0, 30,
        "Une action que personne n’a confirmée depuis six mois : demander si elle est à jour", "",
        "aux responsables de la structure", by_action=False,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """What holds for one kind."""

    kind: PolicyKind
    is_on: bool
    delays: tuple[int, ...]
    stop_after: int

    @property
    def spec(self) -> Spec:
        """What the kind is."""
        return SPECS[self.kind]

    @property
    def last_tier(self) -> int:
        """The number of its last reminder, from 0; -1 when there is none."""
        return len(self.delays) - 1

    def to_whom(self, tier: int | None) -> str:
        """To whom, by role, its reminder of that number goes."""
        return self.spec.at_last if self.spec.at_last and tier == self.last_tier else self.spec.to_whom

    def check(self) -> None:
        """Raise `ValidationError`, by field, for what no structure may set."""
        spec = self.spec
        errors = {}
        if not (self.is_on or spec.may_be_off):
            errors["is_on"] = "Cette règle s’applique toujours."
        if wrong := self._wrong_delays():
            errors["delays"] = wrong
        if not 1 <= self.stop_after <= LONGEST_STOP:
            errors["stop_after"] = f"Choisissez de 1 à {LONGEST_STOP} jours."
        if errors:
            raise ValidationError(errors)

    def _wrong_delays(self) -> str:
        spec, delays = self.spec, self.delays
        if not spec.most:
            return "Cette règle n’a pas de délai." if delays else ""
        if not delays:
            return "Écrivez le nombre de jours."
        if len(delays) > spec.most:
            return f"{'Un seul nombre' if spec.most == 1 else f'{spec.most} nombres au plus'} : retirez les autres."
        if len(set(delays)) < len(delays):
            return "Le même nombre y est deux fois."
        if any(not spec.low <= one <= spec.high for one in delays):
            return f"Choisissez {spec.bounds} jours."
        return "" if list(delays) == sorted(delays) else "Rangez les délais dans l’ordre."

    def days_from(self, day: dt.date, clock: Clock) -> list[dt.date]:
        """The days of its reminders, counted from an event's day; none when it is switched off."""
        if not self.is_on:
            return []
        if self.spec.unit == "working":
            return [deadlines.add_working_days(day, delay, clock.holidays) for delay in self.delays]
        return [day + dt.timedelta(days=delay) for delay in self.delays]


USUAL: Mapping[PolicyKind, Rule] = {
    kind: Rule(kind, spec.is_on, spec.delays, spec.stop_after) for kind, spec in SPECS.items()
}
"""What holds where no structure says otherwise."""
