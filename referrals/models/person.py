"""The person accompanied."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pgtrigger
import phonenumbers
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import TrigramSimilarity, TrigramWordSimilarity
from django.core.exceptions import ValidationError
from django.db import connections, models, transaction
from django.db.models import F, FilteredRelation, Value
from django.db.models.functions import Concat
from django.utils import timezone
from phonenumber_field.modelfields import PhoneNumberField

from accounts.fields import FreeCharField, PlainCharField
from referrals.models.event import Actor, Event, EventKind
from referrals.models.known import RECORDED
from referrals.states import MOVES, Reason, Verb
from structures.models import Structure
from structures.text import ALIKE, Plain, plain
from structures.vocabulary import (
    AnlciDegree,
    Cecrl,
    DigitalLevel,
    Diploma,
    HalfDay,
    Licence,
    Quartier,
    Schooling,
    Sex,
    Status,
)

if TYPE_CHECKING:
    from referrals.models.need import NeedQuerySet
    from referrals.models.referral import ReferralQuerySet

EARLIEST_BIRTH = dt.date(1900, 1, 1)
SAME_NAMES, CLOSE_NAMES = 0.6, 0.4
"""Likeness of two names (pg_trgm, 0 to 1, whatever the order of the words): enough alone, or with a close date."""
MOBILE = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
"""Numbers that may take a text message."""
MOST_TWINS = 5
"""Resemblances that are kept of one person."""

ONE_LEVEL = """
IF NEW.merged_into_id IS NOT NULL AND (
    EXISTS (SELECT 1 FROM referrals_person WHERE id = NEW.merged_into_id AND merged_into_id IS NOT NULL)
    OR EXISTS (SELECT 1 FROM referrals_person WHERE merged_into_id = NEW.id)
) THEN
    RAISE EXCEPTION 'a person is merged into one that stands, and nobody was merged into them'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'person_merged_at_one_level';
END IF;
RETURN NEW;
"""
RESEMBLING_EACH = """
SELECT asked.number, twin.id, twin.likeness
  FROM jsonb_to_recordset(%(asked)s::jsonb) AS asked (number int, needle text, days date[])
 CROSS JOIN LATERAL (
    SELECT p.id, similarity(k.search_name, asked.needle) AS likeness
      FROM referrals_known k JOIN referrals_person p ON p.id = k.person_id
     WHERE k.structure_id = %(structure)s AND k.search_name %% asked.needle
       AND p.merged_into_id IS NULL AND p.withdrawn_at IS NULL
       AND (similarity(k.search_name, asked.needle) >= %(same)s
            OR (similarity(k.search_name, asked.needle) >= %(close)s AND p.birth_date = ANY (asked.days)))
     ORDER BY likeness DESC, p.id LIMIT %(most)s
 ) AS twin
 ORDER BY asked.number, twin.likeness DESC, twin.id
"""
FOLLOW_THE_MERGE = pgtrigger.Trigger(
    name="follow_the_merge",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    # Waits for a merge under way: what is written meanwhile would otherwise hang on a file that nobody opens again.
    func="""
        SELECT COALESCE(merged_into_id, id) INTO NEW.person_id
          FROM referrals_person WHERE id = NEW.person_id FOR KEY SHARE;
        RETURN NEW;
    """,
)
"""For the tables of what is about a person: a new row goes to the file that stands."""

MOVES_WITH_THE_FILE = pgtrigger.Trigger(
    name="moves_with_the_file",
    when=pgtrigger.Before,
    operation=pgtrigger.UpdateOf("person_id"),
    func="""
        IF NOT EXISTS (
            SELECT 1 FROM referrals_person
             WHERE (id, merged_into_id) IN ((OLD.person_id, NEW.person_id), (NEW.person_id, OLD.person_id))
        ) THEN
            RAISE EXCEPTION 'Cannot update the person of a row of %', TG_TABLE_NAME;
        END IF;
        RETURN NEW;
    """,
)
"""For the tables whose rows are about one person for good: only a merge, or its undoing, hands them over."""


def close_dates(day: dt.date) -> list[dt.date]:
    """The day itself, its day and month swapped, and those that differ from it by one digit."""
    written = f"{day:%Y%m%d}"
    found = {written, written[:4] + written[6:] + written[4:6]}
    found |= {written[:place] + digit + written[place + 1 :] for place in range(len(written)) for digit in "0123456789"}
    days = []
    for one in sorted(found):
        try:
            days.append(dt.date(int(one[:4]), int(one[4:6]), int(one[6:])))
        except ValueError:
            continue
    return days


def plausible_birth_date(value: dt.date) -> None:
    """Refuse a birth date before 1900 or in the future: a slip of the keyboard."""
    if not EARLIEST_BIRTH <= value <= timezone.localdate():
        raise ValidationError("Vérifiez la date de naissance : elle va de 1900 à aujourd’hui.")


class ContactChannel(models.TextChoices):
    """The channel that the person says is safe; nobody is written to by another one."""

    SMS = "sms", "SMS"
    CALL = "call", "Appel téléphonique"
    EMAIL = "email", "E-mail"
    PRESCRIBER = "prescriber", "Par son prescripteur seulement"


class PersonQuerySet(models.QuerySet["Person"]):
    """Questions about many persons. Always start from `Door.persons()`: it decides which rows one may see."""

    def known_to(self, structure: Structure | None) -> PersonQuerySet:
        """The persons whom a structure recorded, or about whom it was sent a fiche: what the names are searched in."""
        link = FilteredRelation("known", condition=models.Q(known__structure=structure))
        return self.alias(link=link).filter(link__pk__isnull=False)

    def matching(self, words: str) -> PersonQuerySet:
        """Of `known_to`, those whose name resembles `words`, best first; accents, case and small typos are forgiven."""
        needle = plain(words)
        if not needle:
            return self
        close = models.Q(link__search_name__trigram_word_similar=needle, likeness__gte=ALIKE)
        return (
            self.annotate(likeness=TrigramWordSimilarity(needle, "search_name"))
            .filter(models.Q(link__search_name__contains=needle) | close)
            .order_by(F("likeness").desc(), "last_name", "first_name", "id")
        )

    def standing(self) -> PersonQuerySet:
        """The persons of whom there is a file: neither merged into another one, nor taken back with their import."""
        return self.filter(merged_into=None, withdrawn_at=None)

    def resembling(self, first_name: str, last_name: str, birth_date: dt.date | None) -> PersonQuerySet:
        """Of `known_to`, those likely to be the same, the closest first; `likeness` is that of the names, in any order.

        Names that are nearly the same, or close ones with a birth date that is the same but for a slip: day and month
        swapped, one digit wrong.
        """
        needle = plain(f"{first_name} {last_name}")
        if len(needle) < 3:
            return self.none()
        close = models.Q(likeness__gte=SAME_NAMES)
        if birth_date is not None:
            close |= models.Q(likeness__gte=CLOSE_NAMES, birth_date__in=close_dates(birth_date))
        # The first condition (`%`, 0.3) says less than the second: it is the one that the index answers.
        rows = self.filter(link__search_name__trigram_similar=needle)
        return (
            rows.annotate(likeness=TrigramSimilarity("search_name", needle)).filter(close).order_by("-likeness", "id")
        )

    def resembling_each(
        self, asked: Mapping[int, tuple[str, dt.date | None]], structure: Structure
    ) -> dict[int, list[tuple[uuid.UUID, float]]]:
        """For each numbered (name, birth date), what `resembling` says of those whom the structure knows, in one query.

        Keys and likenesses, the closest first. The rows themselves come from the door.
        """
        rows = [
            {"number": number, "needle": plain(name), "days": [f"{day}" for day in close_dates(born)] if born else []}
            for number, (name, born) in asked.items()
        ]
        found: dict[int, list[tuple[uuid.UUID, float]]] = {}
        with connections[self.db].cursor() as cursor:
            cursor.execute(
                RESEMBLING_EACH,
                {
                    "asked": json.dumps(rows),
                    "structure": structure.pk,
                    "same": SAME_NAMES,
                    "close": CLOSE_NAMES,
                    "most": MOST_TWINS,
                },
            )
            for number, pk, likeness in cursor.fetchall():
                found.setdefault(number, []).append((pk, likeness))
        return found

    def by_name(self) -> PersonQuerySet:
        """In the order of a French index: É with E, whatever the case."""
        return self.order_by(Plain("last_name"), Plain("first_name"), "id")


class Person(models.Model):
    """A person, recorded once by one structure. No NIR and no health detail, in any field.

    Empty or null means "not known": the matching asks for it instead of guessing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    first_name = PlainCharField("prénom", max_length=80)
    last_name = PlainCharField("nom", max_length=80)
    birth_date = models.DateField("date de naissance", null=True, blank=True, validators=[plausible_birth_date])
    sex = models.CharField("sexe", max_length=1, choices=Sex, blank=True)
    phone = PhoneNumberField("téléphone", blank=True)
    email = models.EmailField("adresse e-mail", blank=True)
    contact_channel = models.CharField(
        "moyen de contact sûr", max_length=10, choices=ContactChannel, default=ContactChannel.PRESCRIBER
    )
    may_leave_message = models.BooleanField("peut-on laisser un message vocal ?", default=False)
    safe_from = models.TimeField("joignable à partir de", null=True, blank=True)
    safe_until = models.TimeField("joignable jusqu’à", null=True, blank=True)
    contact_note = FreeCharField("précisions sur le contact", max_length=120, blank=True)
    language = PlainCharField("langue parlée", max_length=60, blank=True)
    needs_interpreter = models.BooleanField("interprète souhaité", default=False)

    commune = PlainCharField("commune", max_length=80, blank=True)
    commune_code = models.CharField("code commune (INSEE)", max_length=5, blank=True)
    quartier = models.CharField("quartier", max_length=20, choices=Quartier, blank=True)
    in_qpv = models.BooleanField("habite un quartier prioritaire", null=True, blank=True)

    french_oral = models.CharField("français oral", max_length=5, choices=Cecrl, blank=True)
    french_written = models.CharField("français écrit", max_length=5, choices=Cecrl, blank=True)
    schooling = models.CharField("scolarité", max_length=8, choices=Schooling, blank=True)
    anlci = models.PositiveSmallIntegerField("degré ANLCI", choices=AnlciDegree, null=True, blank=True)
    digital = models.CharField("numérique", max_length=12, choices=DigitalLevel, blank=True)
    licence = models.CharField("permis", max_length=4, choices=Licence, blank=True)
    has_vehicle = models.BooleanField("dispose d’un véhicule", null=True, blank=True)
    diploma = models.CharField("diplôme", max_length=3, choices=Diploma, blank=True)
    statuses = ArrayField(
        models.CharField(max_length=20, choices=Status), verbose_name="situation", default=list, blank=True
    )
    statuses_known = models.BooleanField("situation vérifiée", default=False)
    availability = ArrayField(
        models.CharField(max_length=6, choices=HalfDay),
        verbose_name="disponibilités",
        default=list,
        blank=True,
    )

    recorded_by = models.ForeignKey(
        Structure, models.PROTECT, related_name="recorded_persons", verbose_name="enregistrée par"
    )
    moved_on = models.DateField("a quitté le territoire le", null=True, blank=True)
    moved_to = PlainCharField("partie vers", max_length=80, blank=True)
    created_at = models.DateTimeField("enregistrée le")
    updated_at = models.DateTimeField("modifiée le")
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, editable=False, related_name="merged_away",
        verbose_name="réunie à",
    )  # fmt: skip
    withdrawn_at = models.DateTimeField("enregistrement annulé le", null=True, blank=True, editable=False)
    search_name = models.GeneratedField(
        expression=Plain(Concat("first_name", Value(" "), "last_name", output_field=models.TextField())),
        output_field=models.TextField(),
        db_persist=True,
    )

    objects = PersonQuerySet.as_manager()

    # What `resembling()` and `matching()` add to a row.
    likeness: float

    class Meta:
        verbose_name = "personne"
        ordering = ["last_name", "first_name", "id"]
        indexes = [
            GinIndex(OpClass(F("search_name"), name="gin_trgm_ops"), name="person_by_name_trigram"),
            models.Index("recorded_by", Plain("last_name"), Plain("first_name"), "id", name="person_by_name"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="merged_at_one_level",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("merged_into_id"),
                func=ONE_LEVEL,
            ),
            pgtrigger.Trigger(
                name="known_to_its_structure",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("first_name", "last_name", "recorded_by_id"),
                func=RECORDED,
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(birth_date__isnull=True) | models.Q(birth_date__gte=EARLIEST_BIRTH),
                name="person_born_after_1900",
            ),
            models.CheckConstraint(
                condition=models.Q(anlci__isnull=True) | models.Q(anlci__range=(1, 4)),
                name="person_anlci_degree_1_to_4",
            ),
            models.CheckConstraint(
                condition=models.Q(safe_from=None)
                | models.Q(safe_until=None)
                | models.Q(safe_until__gt=models.F("safe_from")),
                name="person_safe_hours_in_order",
            ),
            models.CheckConstraint(
                condition=models.Q(moved_to="") | models.Q(moved_on__isnull=False),
                name="person_moved_somewhere_on_a_day",
            ),
            models.CheckConstraint(
                condition=models.Q(merged_into=None) | ~models.Q(merged_into=F("id")),
                name="person_not_merged_into_themselves",
            ),
            models.CheckConstraint(
                condition=models.Q(withdrawn_at=None)
                | models.Q(first_name="", last_name="", birth_date=None, phone="", email=""),
                name="person_withdrawn_without_identity",
            ),
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        """First name, then the family name in capitals, as the field's documents write it."""
        return f"{self.first_name} {self.last_name.upper()}"

    def age(self, on: dt.date) -> int | None:
        """Age in whole years on a day; `None` when the birth date is not known."""
        if self.birth_date is None:
            return None
        return on.year - self.birth_date.year - ((on.month, on.day) < (self.birth_date.month, self.birth_date.day))

    @property
    def place(self) -> str:
        """Where the person lives, as precisely as is known: the quartier, else the commune."""
        return self.get_quartier_display() if self.quartier else self.commune

    @property
    def takes_letters(self) -> bool:
        """Whether a letter is the safe way to reach the person."""
        return self.contact_channel == ContactChannel.EMAIL and bool(self.email)

    @property
    def takes_texts(self) -> bool:
        """Whether a text message is the safe way to reach the person: a gateway is there, and the telephone mobile."""
        if self.contact_channel != ContactChannel.SMS or settings.SMS_GATEWAY is None or not self.phone:
            return False
        return phonenumbers.number_type(self.phone) in MOBILE

    @property
    def written_by(self) -> str:
        """How the person is written to, as screens say it; empty when somebody must tell them."""
        if self.takes_letters:
            return "e-mail"
        return "SMS" if self.takes_texts else ""

    @property
    def safe_hours(self) -> str:
        """The hours at which the person may be written to, in words; empty when any will do."""
        hours = (self.safe_from, self.safe_until)
        first, last = [f"{one:%-H\u00a0h\u00a0%M}".removesuffix("\u00a000") if one else "" for one in hours]
        if first and last:
            return f"entre {first} et {last}"
        return f"à partir de {first}" if first else f"avant {last}" if last else ""

    def record(self, actor: Actor, now: dt.datetime) -> Person:
        """Write a new person, recorded by the actor's structure."""
        if actor.structure is None:
            raise ValueError("a person is recorded by a structure")
        self.recorded_by = actor.structure
        self.created_at = self.updated_at = now
        with transaction.atomic():
            self.save(force_insert=True)
            Event.objects.log(EventKind.PERSON_RECORDED, actor, now, person=self)
            Resemblance.objects.note(self, now)
        return self

    def change(self, actor: Actor, now: dt.datetime, **values: Any) -> list[str]:
        """Write the values that differ; the names of the fields changed are journalled, never their contents."""
        changed = [name for name, value in values.items() if getattr(self, name) != value]
        if changed:
            for name in changed:
                setattr(self, name, values[name])
            self.updated_at = now
            with transaction.atomic():
                self.save(update_fields=[*changed, "updated_at"])
                Event.objects.log(EventKind.PERSON_CHANGED, actor, now, person=self, data={"fields": changed})
                if {"first_name", "last_name", "birth_date"}.intersection(changed):
                    Resemblance.objects.filter(dismissed_at=None).of(self).delete()
                    Resemblance.objects.note(self, now)
        return changed

    def withdraw(self, actor: Actor, now: dt.datetime) -> None:
        """Take the recording back: all that was known is erased, and an empty row stays for the journal.

        The caller has made sure that nothing was built on this person.
        """
        empty = Person(recorded_by_id=self.recorded_by_id)
        for column in self._meta.concrete_fields:
            if column.editable and not column.generated and column.name not in {"recorded_by", "created_at"}:
                setattr(self, column.attname, getattr(empty, column.attname))
        self.updated_at = self.withdrawn_at = now
        with transaction.atomic():
            self.save()
            Resemblance.objects.of(self).delete()
            Event.objects.log(EventKind.PERSON_WITHDRAWN, actor, now, person=self)

    def open_needs_of(self, structure: Structure | None) -> NeedQuerySet:
        """The needs that a structure noted and that nobody has closed."""
        return self.needs.open().filter(structure=structure).order_by("priority", "theme", "id")

    def fiches_without_entry_of(self, structure: Structure | None) -> ReferralQuerySet:
        """The fiches of a structure, drafts too, that can still be cancelled: the person has not entered the action."""
        return self.referrals.filter(sender=structure, state__in=MOVES[Verb.CANCEL].sources).order_by(
            "created_at", "id"
        )

    def move_away(self, actor: Actor, now: dt.datetime, *, on: dt.date, to: str = "") -> bool:
        """The person left the territory: the open needs and the fiches of the actor's structure are closed.

        Each by its own verb, so that its letter and its line in the journal follow; what has led to an entry goes on,
        and so do the six-month checks. `False`, and nothing written, when they had left already.
        """
        with transaction.atomic():
            # The fiches first, as every verb does that writes a fiche and then its person.
            fiches = self.fiches_without_entry_of(actor.structure)
            list(fiches.select_for_update(of=("self",), no_key=True))
            if not Person.objects.filter(pk=self.pk, moved_on=None).update(moved_on=on, moved_to=to, updated_at=now):
                return False
            self.moved_on, self.moved_to, self.updated_at = on, to, now
            Event.objects.log(EventKind.MOVED_AWAY, actor, now, person=self, data={"on": on.isoformat()})
            for referral in fiches.all():
                referral.cancel(actor, now, reason=Reason.MOVED)
            for need in self.open_needs_of(actor.structure):
                need.close(actor, now)
        return True

    def come_back(self, actor: Actor, now: dt.datetime) -> bool:
        """The person lives here again; what was closed stays closed. `False` when they had not left."""
        with transaction.atomic():
            gone = Person.objects.filter(pk=self.pk, moved_on__isnull=False)
            if not gone.update(moved_on=None, moved_to="", updated_at=now):
                return False
            self.moved_on, self.moved_to, self.updated_at = None, "", now
            Event.objects.log(EventKind.CAME_BACK, actor, now, person=self)
        return True


class ResemblanceQuerySet(models.QuerySet["Resemblance"]):
    """Questions about pairs of files. Start from `Door.resemblances()` on screens."""

    def of(self, person: Person) -> ResemblanceQuerySet:
        """The pairs that this person is in."""
        return self.filter(models.Q(first=person) | models.Q(second=person))

    def standing(self) -> ResemblanceQuerySet:
        """The pairs of two files that stand, of which nobody said that they are two persons."""
        gone = {f"{side}__{name}": None for side in ("first", "second") for name in ("merged_into", "withdrawn_at")}
        return self.filter(dismissed_at=None, **gone)

    def note(self, person: Person, now: dt.datetime) -> None:
        """Keep who, in the structure that recorded this person, is likely to be the same; a dismissed pair stays so."""
        own = Person.objects.known_to(person.recorded_by).standing().filter(recorded_by=person.recorded_by_id)
        found = own.exclude(pk=person.pk).resembling(person.first_name, person.last_name, person.birth_date)
        pairs = []
        for twin in found[:MOST_TWINS]:
            first, second = sorted((person.pk, twin.pk))
            pairs.append(self.model(first_id=first, second_id=second, likeness=twin.likeness, noted_at=now))
        if pairs:
            self.bulk_create(pairs, ignore_conflicts=True)


class Resemblance(models.Model):
    """Two files of one structure that may be about the same person: noted when one of them is written."""

    first = models.ForeignKey(Person, models.CASCADE, related_name="+", verbose_name="l’une")
    second = models.ForeignKey(Person, models.CASCADE, related_name="+", verbose_name="l’autre")
    likeness = models.FloatField("ressemblance des noms")
    noted_at = models.DateTimeField("vue le")
    dismissed_at = models.DateTimeField("écartée le", null=True, blank=True)
    dismissed_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="écartée par"
    )

    objects = ResemblanceQuerySet.as_manager()

    class Meta:
        verbose_name = "ressemblance"
        ordering = ["-likeness", "id"]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="resemblance_once_per_pair"),
            models.CheckConstraint(condition=models.Q(first__lt=F("second")), name="resemblance_in_order"),
        ]

    def __str__(self) -> str:
        return f"Ressemblance {self.pk}"

    def dismiss(self, actor: Actor, now: dt.datetime) -> None:
        """Say that these are two persons; said twice, the first stands."""
        waiting = Resemblance.objects.filter(pk=self.pk, dismissed_at=None)
        waiting.update(dismissed_at=now, dismissed_by=actor.user)
