"""A country of fiches for the benchmarks: one row is written through the models, PostgreSQL multiplies it.

One fiche in fifty leaves from one large Mission locale and one in fifty goes to one large training centre; the others
are spread over small structures. Most fiches are years old and closed, as in a tool that has lived: what is open is the
work of some weeks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.db import connection, models

from referrals.models import (
    Actor,
    Bilan,
    BilanKind,
    BilanSource,
    ConsentHow,
    ConsentScope,
    Event,
    EventKind,
    Known,
    Need,
    Person,
    Prediagnosis,
    Referral,
)
from referrals.models.bilan import BilanState
from referrals.states import Reason, State
from structures.models import Action, Structure
from structures.vocabulary import ActionShape, NeedTheme, StructureKind

FICHES_OF_A_STRUCTURE = 500
"""Fiches received by a small structure over the years."""
LARGE = 50
"""One fiche in so many is the large structures'."""
FICHES_OF_A_PERSON = 2.5
DAYS = 4 * 365
LARGE_SENDER, LARGE_RECEIVER = 1, 2

FIRST_NAMES = (
    *("Awa", "Fatou", "Élodie", "Zoé", "Inès", "Sofia", "Olena", "Yasmine", "Léa", "Chloé", "Nadia", "Aïcha", "Rose"),
    *("Karim", "Ahmed", "Yanis", "Louis", "Noé", "Hugo", "Ivan", "Emre", "Omar", "Idriss", "Paul", "Samir", "Loïc"),
)
SYLLABLES = (
    *("ba", "ben", "bou", "cha", "da", "dia", "di", "du", "fa", "fer", "ga", "gar", "go", "ha", "ka", "ko", "la"),
    *("le", "lo", "ma", "mar", "mo", "na", "no", "ou", "pa", "ra", "ri", "ro", "sa"),
)


def words_of(words: Sequence[str]) -> str:
    return "(ARRAY[" + ", ".join(f"'{word}'" for word in words) + "])"


def dice(salt: int, faces: int, of: str = "n") -> str:
    """A number from 0 to faces − 1, drawn from a number: the same at each run."""
    return f"mod(hashint4({of} * 31 + {salt}) & 2147483647, {faces})"


def sql_key(table: str, number: str) -> str:
    """The key of row `number` of a table: as scattered as a random one, and known."""
    return f"md5('{table}' || ({number}))::uuid"


def key_of(table: str, number: int) -> str:
    """The same key, asked of PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql_key(table, str(number))}")  # nosec B608: a number
        return str(cursor.fetchone()[0])


STATE = f"""
    CASE WHEN days < 1 AND roll < 30 THEN '{State.DRAFT}'
         WHEN days < 12 THEN CASE WHEN roll < 45 THEN '{State.SENT}' WHEN roll < 55 THEN '{State.WAITLISTED}'
              WHEN roll < 80 THEN '{State.ACCEPTED}' WHEN roll < 85 THEN '{State.ENTERED}'
              WHEN roll < 95 THEN '{State.DECLINED}' ELSE '{State.CANCELLED}' END
         WHEN days < 120 THEN CASE WHEN roll < 5 THEN '{State.WAITLISTED}' WHEN roll < 13 THEN '{State.ACCEPTED}'
              WHEN roll < 55 THEN '{State.ENTERED}' WHEN roll < 70 THEN '{State.ENDED}'
              WHEN roll < 85 THEN '{State.DECLINED}' WHEN roll < 92 THEN '{State.CANCELLED}'
              ELSE '{State.EXPIRED}' END
         ELSE CASE WHEN roll < 64 THEN '{State.ENDED}' WHEN roll < 80 THEN '{State.DECLINED}'
              WHEN roll < 86 THEN '{State.CANCELLED}' WHEN roll < 92 THEN '{State.EXPIRED}'
              ELSE '{State.MISSED}' END
    END"""


def is_in(*states: State) -> str:
    return f"numbers.state IN ({', '.join(repr(state.value) for state in states)})"


DRAFT = is_in(State.DRAFT)
UNANSWERED = is_in(State.DRAFT, State.SENT, State.EXPIRED, State.CANCELLED)
ACCEPTED = is_in(State.ACCEPTED, State.ENTERED, State.ENDED, State.MISSED)
ENTERED = is_in(State.ENTERED, State.ENDED)
CLOSED = is_in(State.ENDED, State.DECLINED, State.CANCELLED, State.EXPIRED, State.MISSED)


def after(days: int, condition: str) -> str:
    """The moment so many days after the sending, where the condition holds."""
    return f"CASE WHEN {condition} THEN numbers.sent_at + INTERVAL '{days} days' END"


def multiply(row: models.Model, numbers: str, values: Mapping[str, str]) -> None:
    """Write a row again for each row of `numbers` (SQL), with these columns as SQL expressions over it.

    Raises `ValueError` for a column that the table does not have.
    """
    table = row._meta.db_table
    pk = row._meta.pk
    columns = [
        str(field.column)
        for field in row._meta.concrete_fields
        if not field.generated and not isinstance(field, models.AutoField)
    ]
    unknown = set(values) - set(columns)
    if unknown:
        raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
    picked = ", ".join(values.get(column, f't."{column}"') for column in columns)
    named = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({named}) SELECT {picked} FROM {table} t, ({numbers}) numbers"
            f" WHERE t.{pk.column} = %s",
            [row.pk],
        )


@contextmanager
def without_triggers(*kinds: type[models.Model]) -> Iterator[None]:
    """Write history as it was: the triggers judge what is done now."""
    tables = [kind._meta.db_table for kind in kinds]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@contextmanager
def _without_trigrams(*kinds: type[models.Model]) -> Iterator[None]:
    """Index the names once they are all there: name by name, most of the time would go into that."""
    tables = [kind._meta.db_table for kind in kinds]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND indexdef LIKE '%%gin_trgm_ops%%'",
            [tables],
        )
        found = cursor.fetchall()
        for name, _ in found:
            cursor.execute(f"DROP INDEX {name}")
        yield
        for _, definition in found:
            cursor.execute(definition)


class Country:
    """Structures, persons and fiches in a proportion that does not depend on how many fiches there are yet.

    A country of another kind says other columns of its persons, needs and fiches, as SQL over the same numbers.
    """

    OF_PERSONS: Mapping[str, str] = {}
    OF_NEEDS: Mapping[str, str] = {}
    OF_FICHES: Mapping[str, str] = {}

    def __init__(self, size: int, now: dt.datetime) -> None:
        self.now = now
        self.structures = max(20, size // FICHES_OF_A_STRUCTURE)
        self.persons = int(size / FICHES_OF_A_PERSON)
        self.written = 0
        self._models()

    def _models(self) -> None:
        """One row of each kind, and from it all that does not grow with the fiches."""
        structure = Structure.objects.create(
            name="Modèle", source_id="modele", kind=StructureKind.MISSION_LOCALE, is_prescriber=True
        )
        action = Action.objects.create(
            structure=structure,
            name="Cours de français",
            slug="modele",
            source_id="modele",
            description="Cours du soir, en petits groupes.",
            shape=ActionShape.COURSE,
            themes=[NeedTheme.FRENCH],
            weeks=12,
        )
        numbers = f"SELECT n::int FROM generate_series(1, {self.structures}) AS n"
        multiply(
            structure,
            numbers,
            {
                "id": sql_key("structure", "n"),
                "name": "'Structure ' || n",
                "source_id": "'structure-' || n",
                "email": "'structure-' || n || '@example.org'",
            },
        )
        multiply(
            action,
            numbers,
            {
                "structure_id": sql_key("structure", "n"),
                "slug": "'action-' || n",
                "source_id": "'action-' || n",
                "name": "'Cours de français ' || n",
            },
        )
        actor = Actor(structure=structure)
        self.person = Person(first_name="Awa", last_name="Modèle", birth_date=dt.date(1990, 5, 4))
        self.person.record(actor, self.now)
        Prediagnosis.objects.record(self.person, {NeedTheme.FRENCH: 1}, actor, self.now)
        self.need = Need.objects.get(person=self.person)
        self.fiche = Referral.objects.draft(self.person, action, actor, self.now, needs=[self.need])
        self.event = Event.objects.filter(kind=EventKind.DRAFTED).get()
        self.bilan = Bilan.objects.create(
            referral=self.fiche,
            kind=BilanKind.FINAL,
            source=BilanSource.RECEIVER,
            state=BilanState.RETURNED,
            structure=structure,
            on=self.now.date(),
            created_at=self.now,
            returned_at=self.now,
        )

    def _receiver(self) -> str:
        """The structure that fiche `n` about person `who` is sent to, by its number."""
        return f"CASE WHEN {dice(11, LARGE)} = 0 THEN {LARGE_RECEIVER} ELSE {self._small(12, 'n')} END"

    def _small(self, salt: int, of: str) -> str:
        return f"(3 + {dice(salt, self.structures - 2, of)})"

    def _sender(self, of: str) -> str:
        """The structure that recorded person `of`, by its number."""
        return f"CASE WHEN {dice(1, LARGE, of)} = 0 THEN {LARGE_SENDER} ELSE {self._small(2, of)} END"

    def grow(self, size: int) -> None:
        """Bring the country to so many fiches."""
        first, last = self.written + 1, size
        known = round(self.written / FICHES_OF_A_PERSON)
        people = round(last / FICHES_OF_A_PERSON)
        watched = (Referral, Event, Person, Bilan, Referral.needs.through)
        with _without_trigrams(Person, Known), without_triggers(*watched):
            self._people(known + 1, people)
            self._fiches(first, last, people)
            self._acquaint(known + 1, people, first, last)
        self.written = last
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")

    def _people(self, first: int, last: int) -> None:
        numbers = f"SELECT n::int FROM generate_series({first}, {last}) AS n"
        name = " || ".join(f"{words_of(SYLLABLES)}[1 + {dice(salt, len(SYLLABLES))}]" for salt in (3, 4, 5))
        multiply(
            self.person,
            numbers,
            {
                "id": sql_key("person", "n"),
                "first_name": f"{words_of(FIRST_NAMES)}[1 + {dice(6, len(FIRST_NAMES))}]",
                "last_name": f"initcap({name})",
                "birth_date": f"DATE '2008-01-01' - {dice(7, 16000)}",
                "recorded_by_id": sql_key("structure", self._sender("n")),
                **self.OF_PERSONS,
            },
        )
        multiply(
            self.need,
            numbers,
            {
                "id": sql_key("need", "n"),
                "person_id": sql_key("person", "n"),
                "structure_id": sql_key("structure", self._sender("n")),
                **self.OF_NEEDS,
            },
        )

    def _fiches(self, first: int, last: int, people: int) -> None:
        drawn = f"""
            SELECT n, who, days, roll, {self._sender("who")} AS sender, receiver,
                   '{self.now.isoformat()}'::timestamptz - make_interval(days => days, mins => roll) AS sent_at,
                   {STATE} AS state
              FROM (SELECT n::int, 1 + {dice(8, people)} AS who, {dice(9, DAYS)} AS days, {dice(10, 100)} AS roll,
                           {self._receiver()} AS receiver
                      FROM generate_series({first}, {last}) AS n) throws
        """
        scope = ", ".join(f"'{one}'" for one in ConsentScope.values)
        multiply(
            self.fiche,
            drawn,
            {
                "id": sql_key("fiche", "n"),
                # Sixteen letters and figures for sixteen: no reference is drawn twice.
                "reference": "'R-' || translate(lpad(upper(to_hex(n)), 6, '0'), '01', 'XY')",
                "person_id": sql_key("person", "who"),
                "sender_id": sql_key("structure", "sender"),
                "receiver_id": sql_key("structure", "receiver"),
                "action_id": "(SELECT a.id FROM structures_action a WHERE a.slug = 'action-' || receiver)",
                "state": "numbers.state",
                "version": "1",
                "consent_how": f"CASE WHEN {DRAFT} THEN '' ELSE '{ConsentHow.ORAL}' END",
                "consent_at": after(0, f"NOT {DRAFT}"),
                "consent_scope": f"ARRAY[{scope}]::varchar[]",
                "sent_at": after(0, f"NOT {DRAFT}"),
                "clock_from": after(0, f"NOT {DRAFT}"),
                "created_at": "numbers.sent_at",
                "updated_at": "numbers.sent_at",
                "answered_at": after(3, f"NOT {UNANSWERED}"),
                "waitlisted_at": after(3, is_in(State.WAITLISTED)),
                "accepted_at": after(3, ACCEPTED),
                "appointment_at": after(9, ACCEPTED),
                "appointment_state": f"CASE WHEN {ENTERED} THEN 'came' WHEN {ACCEPTED} THEN 'planned' ELSE '' END",
                "entered_on": f"({after(9, ENTERED)})::date",
                "bilan_due_on": f"({after(99, ENTERED)})::date",
                "closed_at": after(15, CLOSED),
                "bilan_received_at": after(99, f"{is_in(State.ENDED)} AND {dice(13, 5)} > 0"),
                "reason": f"CASE numbers.state WHEN '{State.DECLINED}' THEN '{Reason.NO_PLACE}'"
                f" WHEN '{State.CANCELLED}' THEN '{Reason.NOT_INTERESTED}'"
                f" WHEN '{State.MISSED}' THEN '{Reason.NO_SHOW}' ELSE '' END",
                **self.OF_FICHES,
            },
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO referrals_referral_needs (referral_id, need_id)"
                f" SELECT {sql_key('fiche', 'n')}, {sql_key('need', f'1 + {dice(8, people)}')}"
                f" FROM generate_series({first}, {last}) AS n"
            )
            cursor.execute(
                "CREATE TEMPORARY TABLE fresh AS"
                " SELECT n, r.id AS fiche, r.person_id, r.sender_id, r.receiver_id, r.state, r.sent_at"
                f" FROM generate_series({first}, {last}) AS n"
                f" JOIN referrals_referral r ON r.id = {sql_key('fiche', 'n')}"
                " WHERE r.sent_at IS NOT NULL"
            )
        for kind, which, days in (
            (EventKind.SEND, "TRUE", 0),
            (EventKind.ACCEPT, ACCEPTED, 3),
            (EventKind.ENTER, ENTERED, 9),
        ):
            side = "sender_id" if kind == EventKind.SEND else "receiver_id"
            multiply(
                self.event,
                f"SELECT * FROM fresh numbers WHERE {which}",
                {
                    "kind": f"'{kind}'",
                    "at": after(days, "TRUE"),
                    "structure_id": f"numbers.{side}",
                    "person_id": "numbers.person_id",
                    "referral_id": "numbers.fiche",
                },
            )
        multiply(
            self.bilan,
            f"SELECT * FROM fresh numbers WHERE {is_in(State.ENDED)} AND {dice(13, 5)} > 0",
            {
                "id": sql_key("bilan", "n"),
                "referral_id": "numbers.fiche",
                "structure_id": "numbers.receiver_id",
                "on": f"({after(99, 'TRUE')})::date",
                "created_at": after(99, "TRUE"),
                "returned_at": after(99, "TRUE"),
            },
        )
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE fresh")

    def _acquaint(self, first_person: int, last_person: int, first: int, last: int) -> None:
        """What the triggers of a person and of a sending write."""
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO referrals_known (structure_id, person_id, search_name)"
                " SELECT p.recorded_by_id, p.id, p.search_name FROM generate_series(%s::int, %s::int) AS n"
                f" JOIN referrals_person p ON p.id = {sql_key('person', 'n')}",
                [first_person, last_person],
            )
            cursor.execute(
                "INSERT INTO referrals_known (structure_id, person_id, search_name)"
                " SELECT r.receiver_id, p.id, p.search_name"
                f" FROM generate_series({first}, {last}) AS n"
                f" JOIN referrals_referral r ON r.id = {sql_key('fiche', 'n')}"
                " JOIN referrals_person p ON p.id = r.person_id WHERE r.sent_at IS NOT NULL"
                " ON CONFLICT (structure_id, person_id) DO NOTHING"
            )
