"""A table of persons on its way into the files: uploaded, looked at, imported, and undone as a whole."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

from django.db import models, transaction

from referrals.models.event import Actor, Event
from referrals.models.known import Known
from referrals.models.need import ORDINARY, Need, Prediagnosis
from referrals.models.person import Person, Resemblance
from referrals.person_columns import PERSON_COLUMNS
from structures.models import Structure
from structures.models.keeping import differing, kept, read_back
from structures.models.table_batch import (
    STATE_AGREES,
    BatchState,
    CannotImport,
    TableBatch,
    TableBatchQuerySet,
)
from structures.spreadsheet.plan import Change, Fault

Outcome = Literal["refused", "doubtful", "added", "completed", "left"]
APART = (Event, Known, Resemblance)
"""What a recording writes by itself, besides the person."""
NEW, LEAVE = "new", "leave"
"""What can be chosen for a row that resembles somebody, besides the person whom it is."""


@dataclass
class PlannedPerson:
    """One row as it will be. `values` are the fields to write; `target` is whom the row is about, when chosen."""

    number: int
    name: str
    values: dict[str, Any] = field(default_factory=dict)
    themes: list[str] = field(default_factory=list)
    likely: list[Person] = field(default_factory=list)
    choice: str = ""
    target: Person | None = None
    changes: list[Change] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """What becomes of the row."""
        if self.faults:
            return "refused"
        if self.choice == LEAVE or (self.target is not None and not self.changes):
            return "left"
        if self.target is not None:
            return "completed"
        return "doubtful" if self.likely and self.choice != NEW else "added"


@dataclass
class PersonPlan:
    """All the rows, in the order of the table."""

    rows: list[PlannedPerson]

    @property
    def counts(self) -> Counter[str]:
        """How many rows of each outcome."""
        return Counter(row.outcome for row in self.rows)

    def of(self, outcome: str) -> list[PlannedPerson]:
        """The rows of one outcome."""
        return [row for row in self.rows if row.outcome == outcome]

    def digest(self) -> str:
        """The same text for the same plan: what was seen is what is done."""
        told = [
            (
                row.number,
                row.outcome,
                str(row.target.pk) if row.target else "",
                [str(person.pk) for person in row.likely],
                [asdict(change) for change in row.changes],
            )
            for row in self.rows
        ]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


class PersonBatchQuerySet(TableBatchQuerySet["PersonBatch"]):
    """Questions about many imports of persons."""


class PersonBatch(TableBatch):
    """One uploaded table of persons. `choices` says, by the number of a row, whom it is about: a person's key, `new`
    or `leave`. The report names nobody: it holds keys, and what the refused rows say until the cells are erased.
    """

    columns = PERSON_COLUMNS
    needed_columns = (
        (frozenset({"last_name", "full_name"}), "Indiquez quelle colonne contient le nom."),
        (frozenset({"first_name", "full_name"}), "Indiquez quelle colonne contient le prénom."),
    )
    kept_for = dt.timedelta(days=7)
    forgotten: ClassVar[dict[str, Any]] = {"choices": {}}

    structure = models.ForeignKey(Structure, models.CASCADE, related_name="+", verbose_name="structure")
    choices = models.JSONField("choix", default=dict)

    objects = PersonBatchQuerySet.as_manager()

    class Meta:
        verbose_name = "import de personnes"
        verbose_name_plural = "imports de personnes"
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=STATE_AGREES, name="person_import_state_agrees_with_its_dates")]
        indexes = [models.Index(fields=["structure", "-id"], name="person_import_by_structure")]

    # Verbs

    def choose(self, choices: Mapping[int, str]) -> None:
        """Say whom some rows are about. Raises `CannotImport` once imported."""
        with transaction.atomic():
            self.lock(BatchState.UPLOADED)
            self.choices = self.choices | {str(number): choice for number, choice in choices.items()}
            self.save(update_fields=["choices"])

    def import_rows(
        self, actor: Actor, now: dt.datetime, plan_of: Callable[[PersonBatch], PersonPlan], seen: str, *, partly: bool
    ) -> list[Person]:
        """Write what the plan of digest `seen` says, whole or not at all; return the persons who have needs to match.

        `partly` leaves out the refused rows and those of which nobody said whom they are about. Raises `CannotImport`.
        """
        with transaction.atomic():
            self.lock(BatchState.UPLOADED)
            plan = plan_of(self)
            if plan.digest() != seen:
                raise CannotImport("persons")
            added, completed = plan.of("added"), plan.of("completed")
            if (plan.of("refused") or plan.of("doubtful")) and not partly:
                raise CannotImport("refused")
            if not added and not completed:
                raise CannotImport("nothing")
            counts = dict(plan.counts)
            records = [self._add(row, actor, now) for row in added]
            records += [self._complete(row, actor, now) for row in completed]
            self.former = {"persons": records}
            self.report = {
                "counts": counts,
                "added": [record["id"] for record in records if record["added"]],
                "completed": [record["id"] for record in records if not record["added"]],
            }
            self.state, self.finished_at = BatchState.IMPORTED, now
            self.save(update_fields=["former", "report", "state", "finished_at"])
        return [row.target for row in [*added, *completed] if row.themes and row.target is not None]

    def _add(self, row: PlannedPerson, actor: Actor, now: dt.datetime) -> dict[str, Any]:
        person = row.target = Person(**row.values).record(actor, now)
        return {
            "id": str(person.pk), "added": True, "was": {}, "given": kept(person, row.values),
            "reading": self._note_needs(row, person, actor, now),
        }  # fmt: skip

    def _complete(self, row: PlannedPerson, actor: Actor, now: dt.datetime) -> dict[str, Any]:
        assert row.target is not None
        person = Person.objects.select_for_update(of=("self",)).get(pk=row.target.pk)
        was = kept(person, row.values)
        person.change(actor, now, **row.values)
        return {
            "id": str(person.pk), "added": False, "was": was, "given": kept(person, row.values),
            "reading": self._note_needs(row, person, actor, now),
        }  # fmt: skip

    def _note_needs(self, row: PlannedPerson, person: Person, actor: Actor, now: dt.datetime) -> str:
        if not row.themes:
            return ""
        reading = Prediagnosis.objects.record(person, dict.fromkeys(row.themes, ORDINARY), actor, now)
        return str(reading.pk)

    def undo(self, actor: Actor, now: dt.datetime) -> None:
        """Take the whole import back.

        A person who was added is withdrawn, unless somebody worked on the file since; one who was completed gets the
        former values back, but for those that someone changed since. Raises `CannotImport`.
        """
        with transaction.atomic():
            self.lock(BatchState.IMPORTED)
            if not self.may_be_undone:
                raise CannotImport("state")
            wanted = [record["id"] for record in self.former["persons"]]
            rows = Person.objects.select_for_update(of=("self",)).filter(pk__in=wanted).order_by("pk")
            persons = {str(row.pk): row for row in rows}
            told: dict[str, list[str]] = {"withdrawn": [], "restored": [], "kept": []}
            for record in self.former["persons"]:
                person = persons[record["id"]]
                told[self._take_back(person, record, actor, now)].append(record["id"])
            self.report = {**self.report, "undo": told}
            self.state, self.undone_at = BatchState.UNDONE, now
            self.save(update_fields=["report", "state", "undone_at"])

    def _take_back(self, person: Person, record: Mapping[str, Any], actor: Actor, now: dt.datetime) -> str:
        """Undo one record; say what became of the person."""
        since = differing(person, record["given"])
        if person.merged_into_id is not None or person.withdrawn_at is not None:
            return "kept"
        if record["added"]:
            if since or person.updated_at != self.finished_at or _is_built_on(person, record["reading"]):
                return "kept"
            _readings(record).delete()
            person.withdraw(actor, now)
            return "withdrawn"
        back = {name: value for name, value in read_back(Person, record["was"]).items() if name not in since}
        person.change(actor, now, **back)
        answered = Need.objects.filter(prediagnosis__in=_readings(record), referrals__isnull=False).exists()
        if not answered:
            _readings(record).delete()
        return "kept" if since or answered else "restored"


def _readings(record: Mapping[str, Any]) -> models.QuerySet[Prediagnosis]:
    """The reading of needs that an import wrote for a person; none when the row told no need."""
    return Prediagnosis.objects.filter(pk__in=[record["reading"]] if record["reading"] else [])


def _is_built_on(person: Person, reading: str) -> bool:
    """Whether anything is about this person besides the journal and what the import itself noted."""
    for relation in Person._meta.get_fields(include_hidden=True):
        if not isinstance(relation, models.ManyToOneRel) or issubclass(relation.related_model, APART):
            continue
        rows = relation.related_model._base_manager.filter(**{relation.field.name: person})
        if issubclass(relation.related_model, Prediagnosis):
            rows = rows.exclude(pk=reading or None)
        elif issubclass(relation.related_model, Need):
            rows = rows.exclude(prediagnosis=reading or None)
        if rows.exists():
            return True
    return False
