"""What the figures are read from: one narrow row per thing that is counted, and these rows added up beforehand.

Nothing here is typed in. The triggers below only note which fiche or which need has changed; `reporting.facts` turns
that into facts and cells, and `reporting.reading` reads both together (docs/adr/0015).
"""

from __future__ import annotations

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from referrals.models import Bilan, Exit, FollowUp, Need, Person, Referral
from structures.models import Action, Structure


class Subject(models.IntegerChoices):
    """What a fact is about."""

    FICHE = 1, "Fiche envoyée"
    BILAN = 2, "Bilan attendu"
    EXIT = 3, "Sortie"
    CHECK = 4, "Suivi à six mois"
    NEED = 5, "Besoin noté"


class Wait(models.IntegerChoices):
    """How the wait for an answer ended."""

    ANSWERED = 1, "Répondue"
    CLOSED = 2, "Close sans réponse"
    WAITING = 3, "Attend encore"


class Age(models.IntegerChoices):
    """Age on the day of the fact, by bands."""

    UNKNOWN = 0, "Âge non renseigné"
    MINOR = 1, "Moins de 18 ans"
    YOUNG = 2, "18 à 25 ans"
    UP_TO_34 = 3, "26 à 34 ans"
    UP_TO_44 = 4, "35 à 44 ans"
    UP_TO_54 = 5, "45 à 54 ans"
    SENIOR = 6, "55 ans et plus"


class Fact(models.Model):
    """One fiche sent, one bilan due, one exit, one six-month check or one need, on its day, with coarse values only.

    No foreign key: erasing somebody does not change the past. `source` is the fiche, or the need, `previous` the fiche
    that this one follows (redirected from it, or opened by its bilan or its check) and `person` whose it is; once they
    are erased the fact has `outlived` them, and the three are keys that lead nowhere.

    `days` are working days to the answer or to the closing; for a fiche that still waits, the day its wait began (days
    since 2000). `span` are the days from the sending to the entry, and for an exit those from the entry. `left_for` is
    the kind of the fiche's exit. Closed lists are kept by the place of their values, counted from 1; 0 is not known.
    """

    source = models.UUIDField()
    subject = models.SmallIntegerField(choices=Subject)
    day = models.DateField()
    box = models.SmallIntegerField()
    wait = models.SmallIntegerField(choices=Wait, null=True)
    days = models.IntegerField(null=True)
    person = models.UUIDField()
    sender = models.UUIDField()
    receiver = models.UUIDField(null=True)
    action = models.BigIntegerField(null=True)
    themes = models.IntegerField()
    programmes = models.SmallIntegerField()
    quartier = models.SmallIntegerField()
    qpv = models.SmallIntegerField()
    sex = models.SmallIntegerField()
    age = models.SmallIntegerField(choices=Age)
    level = models.SmallIntegerField()
    is_protected = models.BooleanField()
    left_for = models.SmallIntegerField()
    previous = models.UUIDField(null=True)
    span = models.IntegerField(null=True)
    outlived = models.BooleanField(default=False, db_default=False)

    class Meta:
        verbose_name = "fait compté"
        verbose_name_plural = "faits comptés"
        constraints = [models.UniqueConstraint(fields=["source", "subject"], name="fact_once")]
        indexes = [
            models.Index(
                fields=["receiver", "subject", "day"],
                include=["box", "wait", "days", "is_protected"],
                name="fact_by_receiver",
            ),
            models.Index(fields=["receiver", "box"], condition=Q(subject=1), name="fact_by_box_of_receiver"),
            models.Index(fields=["sender", "subject", "day"], name="fact_by_sender"),
            models.Index(fields=["action", "subject", "day"], name="fact_by_action"),
            models.Index(fields=["subject", "box", "day"], name="fact_by_box"),
            models.Index(fields=["person", "subject"], name="fact_by_person"),
            BrinIndex(fields=["day"], name="fact_by_day", pages_per_range=32),
        ]

    def __str__(self) -> str:
        return f"{Subject(self.subject).label} ({self.day:%d/%m/%Y})"


class Cell(models.Model):
    """How many facts of one day have one value of one dimension (`cut`), for each code of each measure.

    Or of one whole month, kept on its first day: under another `cut` (`reporting.facts.MONTHLY`).
    """

    cut = models.SmallIntegerField()
    value = models.SmallIntegerField()
    day = models.DateField()
    measure = models.SmallIntegerField()
    code = models.IntegerField()
    n = models.IntegerField()

    class Meta:
        verbose_name = "case comptée"
        verbose_name_plural = "cases comptées"
        constraints = [
            models.UniqueConstraint(fields=["cut", "value", "day", "measure", "code"], include=["n"], name="cell_once"),
        ]
        indexes = [models.Index(fields=["n"], condition=Q(n=0), name="cell_empty")]

    def __str__(self) -> str:
        return f"{self.cut}/{self.value} {self.day} {self.measure}/{self.code} : {self.n}"


class Volume(models.Model):
    """How many fiches a structure was sent in a month: says whom a page lists, and is never shown."""

    receiver = models.UUIDField()
    month = models.DateField()
    n = models.IntegerField()

    class Meta:
        verbose_name = "volume reçu"
        verbose_name_plural = "volumes reçus"
        constraints = [models.UniqueConstraint(fields=["month", "receiver"], include=["n"], name="volume_once")]

    def __str__(self) -> str:
        return f"{self.receiver} {self.month} : {self.n}"


class Most(models.Model):
    """At most so many facts of a subject are one person's: from how many on a number surely hides five people."""

    subject = models.SmallIntegerField(primary_key=True, choices=Subject)
    n = models.IntegerField()

    class Meta:
        verbose_name = "maximum par personne"
        verbose_name_plural = "maximums par personne"

    def __str__(self) -> str:
        return f"{Subject(self.subject).label} : {self.n}"


class Pending(models.Model):
    """A fiche or a need that changed since the facts were written: a queue, where whoever writes waits for nobody."""

    fiche = models.UUIDField(null=True)
    need = models.UUIDField(null=True)

    class Meta:
        verbose_name = "changement à compter"
        verbose_name_plural = "changements à compter"

    def __str__(self) -> str:
        return str(self.fiche or self.need)


# --- What changes a figure: proxies, since a table belongs to its own floor and its watcher to this one ------------

OF_A_FICHE = """
    INSERT INTO reporting_pending (fiche)
    VALUES (CASE WHEN TG_OP = 'DELETE' THEN OLD.referral_id ELSE NEW.referral_id END);
    RETURN NULL;
"""


def _watch(operation: pgtrigger.Operation, func: str) -> list[pgtrigger.Trigger]:
    return [pgtrigger.Trigger(name="counted", when=pgtrigger.After, operation=operation, func=func)]


class CountedReferral(Referral):
    """A fiche, watched. Drafts count nowhere."""

    class Meta:
        proxy = True
        triggers = _watch(
            pgtrigger.Insert
            | pgtrigger.Delete
            | pgtrigger.UpdateOf(
                *("person_id", "sender_id", "receiver_id", "action_id", "state", "reason", "sent_at", "reopened_at"),
                *("answered_at", "accepted_at", "closed_at", "entered_on", "bilan_due_on"),
                *("redirected_from_id", "opened_by_id", "opened_after_id"),
            ),
            """
            IF TG_OP = 'DELETE' THEN
                INSERT INTO reporting_pending (fiche) VALUES (OLD.id);
            ELSIF NEW.sent_at IS NOT NULL OR (TG_OP = 'UPDATE' AND OLD.sent_at IS NOT NULL) THEN
                INSERT INTO reporting_pending (fiche) VALUES (NEW.id);
            END IF;
            RETURN NULL;
            """,
        )


class CountedBilan(Bilan):
    """A bilan, watched: whether it is returned, and by whom."""

    class Meta:
        proxy = True
        triggers = _watch(
            pgtrigger.Insert | pgtrigger.Delete | pgtrigger.UpdateOf("state", "source", "kind", "referral_id"),
            OF_A_FICHE,
        )


class CountedExit(Exit):
    """An exit, watched."""

    class Meta:
        proxy = True
        triggers = _watch(
            pgtrigger.Insert | pgtrigger.Delete | pgtrigger.UpdateOf("on", "kind", "referral_id"), OF_A_FICHE
        )


class CountedFollowUp(FollowUp):
    """A six-month check, watched."""

    class Meta:
        proxy = True
        triggers = _watch(
            pgtrigger.Insert
            | pgtrigger.Delete
            | pgtrigger.UpdateOf(
                "months",
                "due_on",
                "state",
                "situation",
                "asked_at",
                "asked_by",
                "answered_by",
                "referral_id",
                "exit_id",
            ),
            OF_A_FICHE,
        )


class CountedLink(Referral.needs.through):  # type: ignore[misc, name-defined] # made by Django
    """What a fiche answers, watched."""

    class Meta:
        proxy = True
        triggers = _watch(
            pgtrigger.Insert | pgtrigger.Delete | pgtrigger.Update,
            """
            IF TG_OP <> 'INSERT' THEN
                INSERT INTO reporting_pending (fiche, need) VALUES (OLD.referral_id, OLD.need_id);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO reporting_pending (fiche, need) VALUES (NEW.referral_id, NEW.need_id);
            END IF;
            RETURN NULL;
            """,
        )


class CountedNeed(Need):
    """A need, watched; its theme is also its fiches'."""

    class Meta:
        proxy = True
        triggers = _watch(
            pgtrigger.Insert
            | pgtrigger.Delete
            | pgtrigger.UpdateOf("person_id", "structure_id", "theme", "unmatched_reason", "created_at", "closed_at"),
            """
            INSERT INTO reporting_pending (need) VALUES (CASE WHEN TG_OP = 'DELETE' THEN OLD.id ELSE NEW.id END);
            IF TG_OP = 'UPDATE' AND OLD.theme <> NEW.theme THEN
                INSERT INTO reporting_pending (fiche)
                SELECT l.referral_id FROM referrals_referral_needs l WHERE l.need_id = NEW.id;
            END IF;
            RETURN NULL;
            """,
        )


class CountedPerson(Person):
    """A person, watched: what the figures are narrowed by."""

    class Meta:
        proxy = True
        triggers = [
            pgtrigger.Trigger(
                name="counted",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf(
                    "sex", "birth_date", "quartier", "in_qpv", "french_oral", "merged_into_id"
                ),
                condition=pgtrigger.AnyChange(
                    "sex", "birth_date", "quartier", "in_qpv", "french_oral", "merged_into_id"
                ),
                func="""
                INSERT INTO reporting_pending (fiche, need)
                SELECT r.id, NULL::uuid FROM referrals_referral r WHERE r.person_id = NEW.id AND r.sent_at IS NOT NULL
                UNION ALL SELECT NULL, n.id FROM referrals_need n WHERE n.person_id = NEW.id;
                RETURN NULL;
                """,
            )
        ]


class CountedAction(Action):
    """An action, watched: its programmes are its fiches'."""

    class Meta:
        proxy = True
        triggers = [
            pgtrigger.Trigger(
                name="counted",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("programmes"),
                condition=pgtrigger.AnyChange("programmes"),
                func="""
                INSERT INTO reporting_pending (fiche)
                SELECT r.id FROM referrals_referral r WHERE r.action_id = NEW.id AND r.sent_at IS NOT NULL;
                RETURN NULL;
                """,
            )
        ]


class CountedStructure(Structure):
    """A structure, watched: whether it is shown apart."""

    class Meta:
        proxy = True
        triggers = [
            pgtrigger.Trigger(
                name="counted",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("is_sensitive"),
                condition=pgtrigger.AnyChange("is_sensitive"),
                func="""
                INSERT INTO reporting_pending (fiche)
                SELECT r.id FROM referrals_referral r WHERE r.receiver_id = NEW.id AND r.sent_at IS NOT NULL;
                RETURN NULL;
                """,
            )
        ]
