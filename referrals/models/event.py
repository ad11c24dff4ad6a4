"""The journal: who did what, on what, when, from where. Append-only, by the database itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pgtrigger
from django.db import models

from accounts.models import User
from structures.models import Structure

if TYPE_CHECKING:
    from referrals.models.person import Person
    from referrals.models.referral import Referral


class Origin(models.TextChoices):
    """Where a verb came from."""

    WEB = "web", "Écran"
    API = "api", "API"
    LINK = "link", "Lien signé"
    WORKER = "worker", "Envoi automatique"
    ADMIN = "admin", "Support"


@dataclass(frozen=True)
class Actor:
    """Who acts: a user in the name of a structure, or nobody (a signed link, the worker)."""

    user: User | None = None
    structure: Structure | None = None
    origin: Origin = Origin.WEB


WORKER = Actor(origin=Origin.WORKER)
"""What happens without a click."""


class EventKind(models.TextChoices):
    """What the journal can say; the label is the timeline's line."""

    PERSON_RECORDED = "person_recorded", "Personne enregistrée"
    PERSON_CHANGED = "person_changed", "Fiche personne modifiée"
    PERSON_WITHDRAWN = "person_withdrawn", "Enregistrement annulé"
    MERGED = "merged", "Deux fiches personne réunies"
    SPLIT = "split", "Fiches personne séparées"
    EXPORTED = "exported", "Liste de personnes exportée"
    MOVED_AWAY = "moved_away", "Départ du territoire"
    CAME_BACK = "came_back", "Retour sur le territoire"
    NEEDS_RECORDED = "needs_recorded", "Besoins notés"
    NEED_CLOSED = "need_closed", "Besoin clos"
    MOBILITY_READ = "mobility_read", "Pré-diagnostic mobilité"
    DRAFTED = "drafted", "Fiche préparée"
    SEND = "send", "Fiche envoyée"
    RECALL = "recall", "Envoi annulé"
    ACCEPT = "accept", "Fiche acceptée"
    WAITLIST = "waitlist", "Mise en liste d’attente"
    OFFER = "offer", "Place proposée"
    CONFIRM = "confirm", "Place confirmée"
    LAPSE = "lapse", "Place laissée"
    DECLINE = "decline", "Fiche déclinée"
    REDIRECT = "redirect", "Réorientation"
    RETRACT = "retract", "Réponse annulée"
    RETRACT_TO_LIST = "retract_to_list", "Réponse annulée, retour en liste d’attente"
    ASKED = "asked", "Question posée au prescripteur"
    CONTACT_ASKED = "contact_asked", "Contact demandé au prescripteur"
    CLARIFIED = "clarified", "Réponse du prescripteur"
    UNASKED = "unasked", "Question retirée"
    ASSIGNED = "assigned", "Fiche confiée à un membre de l’équipe"
    HANDED_OVER = "handed_over", "Suivi passé à un membre de l’équipe"
    CANCEL = "cancel", "Fiche annulée"
    REOPEN = "reopen", "Fiche rouverte"
    EXPIRE = "expire", "Restée sans réponse"
    ENTER = "enter", "Entrée dans l’action"
    MISS = "miss", "N’est jamais venu(e)"
    APPOINTMENT_SET = "appointment_set", "Rendez-vous fixé"
    APPOINTMENT_MOVED = "appointment_moved", "Rendez-vous déplacé"
    APPOINTMENT_CAME = "appointment_came", "Venue au rendez-vous"
    APPOINTMENT_EXCUSED = "appointment_excused", "Rendez-vous : personne excusée"
    APPOINTMENT_ABSENT = "appointment_absent", "Rendez-vous : personne absente"
    APPOINTMENT_CANCELLED = "appointment_cancelled", "Rendez-vous annulé"
    APPOINTMENT_UNSETTLED = "appointment_unsettled", "Issue du rendez-vous annulée"
    APPOINTMENT_REMINDED = "appointment_reminded", "Rendez-vous rappelé à la personne"
    ATTENDED = "attended", "Présence notée"
    POSITIONED = "positioned", "Positionnement réalisé"
    BILAN_RETURNED = "bilan_returned", "Bilan rendu"
    REPORT_PUBLISHED = "report_published", "Bilan collectif publié"
    END = "end", "Fin de l’action"
    RESUME = "resume", "Retour dans l’action"
    ATTACHED = "attached", "Document joint"
    DETACHED = "detached", "Document retiré"
    FOLLOWUP_ASKED = "followup_asked", "Nouvelles demandées à la personne"
    FOLLOWUP_ANSWERED = "followup_answered", "Nouvelles de la personne"
    FOLLOWUP_CALLED = "followup_called", "Appel sans réponse"
    FOLLOWUP_CALLED_BACK = "followup_called_back", "Personne rappelée"
    FOLLOWUP_UNREACHABLE = "followup_unreachable", "Personne injoignable"
    FOLLOWUP_REFUSED = "followup_refused", "Ne souhaite pas donner de nouvelles"
    FOLLOWUP_MOVED = "followup_moved", "Appelée : a quitté le territoire"
    REMINDED = "reminded", "Relance envoyée"
    RESENT = "resent", "Lettre renvoyée après une coupure, peut-être reçue deux fois"
    LETTER_REPLAYED = "letter_replayed", "Lettre renvoyée par le support"
    LETTER_ABANDONED = "letter_abandoned", "Lettre abandonnée par le support"
    LINK_ASKED = "link_asked", "Nouveau lien demandé"
    LINKS_REVOKED = "links_revoked", "Liens retirés"
    COMMISSION_PREPARED = "commission_prepared", "Commission de suivi préparée"
    COMMISSION_HELD = "commission_held", "Commission de suivi ouverte"
    COMMISSION_CLOSED = "commission_closed", "Compte rendu de commission arrêté"
    DECIDED = "decided", "Décision de la commission de suivi"
    TASK_GIVEN = "task_given", "Tâche confiée par la commission de suivi"
    TASK_DONE = "task_done", "Tâche de la commission de suivi faite"
    TASK_UNDONE = "task_undone", "Tâche de la commission de suivi remise à faire"


class EventQuerySet(models.QuerySet["Event"]):
    """Questions about the journal."""

    def about(self, person: Person) -> EventQuerySet:
        """What was written about a person: in their file, and in those that were merged into it."""
        return self.filter(person__in=[person.pk, *person.merged_away.values_list("pk", flat=True)])

    def told(self) -> EventQuerySet:
        """What a timeline tells: all but the half-days attended, which stand on their sheet."""
        return self.exclude(kind=EventKind.ATTENDED)

    def log_each(
        self, kind: EventKind, actor: Actor, now: dt.datetime, lines: Iterable[tuple[Referral, dict[str, Any]]]
    ) -> None:
        """Write one line for each fiche, with its data (as for `log`), in the caller's transaction."""
        written_by: dict[str, Any] = {"user": actor.user, "structure": actor.structure, "origin": actor.origin}
        Event.objects.bulk_create(
            [
                Event(kind=kind, at=now, person_id=referral.person_id, referral=referral, data=data, **written_by)
                for referral, data in lines
            ]
        )

    def log(
        self,
        kind: EventKind | str,
        actor: Actor,
        now: dt.datetime,
        *,
        person: Person | None = None,
        referral: Referral | None = None,
        data: dict[str, Any] | None = None,
    ) -> Event:
        """Write one line, in the caller's transaction. `data` holds codes and dates only, never free text or names."""
        return self.create(
            kind=kind,
            at=now,
            user=actor.user,
            structure=actor.structure,
            origin=actor.origin,
            # By its number alone: the journal does not need the row that the fiche points at.
            person_id=person.pk if person is not None else getattr(referral, "person_id", None),
            referral=referral,
            data=data or {},
        )


class Event(models.Model):
    """One line of the journal."""

    kind = models.CharField("quoi", max_length=24, choices=EventKind)
    at = models.DateTimeField("quand")
    user = models.ForeignKey(User, models.DO_NOTHING, null=True, related_name="+", verbose_name="qui")
    structure = models.ForeignKey(Structure, models.DO_NOTHING, null=True, related_name="+", verbose_name="au nom de")
    origin = models.CharField("d’où", max_length=6, choices=Origin)
    person = models.ForeignKey(
        "referrals.Person", models.DO_NOTHING, null=True, related_name="events", verbose_name="personne"
    )
    referral = models.ForeignKey(
        "referrals.Referral", models.DO_NOTHING, null=True, related_name="events", verbose_name="fiche"
    )
    data = models.JSONField("précisions", default=dict)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = "événement"
        ordering = ["at", "id"]
        indexes = [
            models.Index(fields=["person", "at"], name="event_by_person"),
            models.Index(fields=["referral", "at"], name="event_by_referral"),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.at:%d/%m/%Y %H:%M})"
