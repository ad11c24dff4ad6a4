"""Bringing checked rows into the catalogue: a temporary table filled by COPY, then statements over many rows at a time.

The rows of the catalogue are touched only once the whole file has been read. What a structure chose itself is safe
from three sides: a shared field that someone changed since the file gave it stays as it is, as the history tells;
derived fields are replaced where the stored value is still the derived one, on a locked row; and no other field of ours
is named in an UPDATE.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, models
from django.utils.text import slugify
from psycopg import sql
from psycopg.types.json import Jsonb

from structures.exchange.checking import Checked
from structures.exchange.deriving import BASIS, derive, same
from structures.exchange.faults import FaultLog
from structures.exchange.format import SERVICES, Kind
from structures.models import Action, ActionChange, ChangeKind, Structure
from structures.models.keeping import differing

BATCH = 2000
"""Rows of one statement."""
SLUG_BASE = 64
"""Characters of a name in an address: with a suffix, and a longer one where it is taken, it stays below 80."""


def slug_of(name: str, source: str, identifier: str) -> str:
    """A readable address that no other row has, but for one chance in a billion: the name and eight characters."""
    digest = hashlib.blake2b(f"{source}\x1f{identifier}".encode(), digest_size=5).digest()
    suffix = base64.b32encode(digest).decode().lower()
    return f"{slugify(name)[:SLUG_BASE].strip('-') or 'action'}-{suffix}"


@dataclass
class Tally:
    """What became of the rows of one kind.

    `fields` counts the changes and `kept` the values that a structure chose and that stayed, by data·inclusion's name
    of the field, or ours for those that are derived. `unpublished` counts the actions that the file holds and that
    stay out of the catalogue, because a structure or an earlier import took them out.
    """

    read: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    absent: int = 0
    unpublished: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    ids: list[Any] = field(default_factory=list)


class Merge:
    """The rows of one kind on their way into the catalogue, in a transaction that the caller holds.

    `now` stamps what is written; `republish` publishes again the actions that the file holds.
    """

    def __init__(self, kind: Kind, log: FaultLog, now: dt.datetime, *, republish: bool = False) -> None:
        self.kind = kind
        self.log = log
        self.now = now
        self.republish = republish and kind is SERVICES
        self.tally = Tally()
        self.shared = [*kind.fields.values()]
        self.names = {ours: theirs for theirs, ours in kind.fields.items()}
        own = ["slug"] if kind is SERVICES else []
        self.staged = ["source", "source_id", *own, *self.shared, *kind.derived]
        self.json = {name for name in self.staged if isinstance(kind.column(name), models.JSONField)}
        self.parts = {
            "stage": sql.Identifier(f"staged_{kind.name}"),
            "target": sql.Identifier(kind.model._meta.db_table),
            "history": sql.Identifier(ActionChange._meta.db_table),
            "parents": sql.Identifier(Structure._meta.db_table),
            "staged": _list(self.staged),
            "same": sql.SQL("t.source = s.source AND t.source_id = s.source_id"),
            "batch": sql.SQL("s.sound AND s.number BETWEEN %(low)s AND %(high)s"),
            "stored_shared": _list(self.shared, "t"),
            "read_shared": _list(self.shared, "s"),
            "stored_derived": _list(kind.derived, "t"),
            "read_derived": _list(kind.derived, "s"),
        }

    def run(self, template: str, parameters: dict[str, Any] | None = None, **parts: sql.Composable) -> list[tuple]:
        """Run one statement; the rows that it returns, at most a batch of them."""
        text = sql.SQL(template).format(**self.parts, **parts).as_string()  # type: ignore[arg-type]
        with connection.cursor() as cursor:
            cursor.execute(text, parameters)
            return cursor.fetchall() if cursor.description else []

    # Laying down

    def stage(self, rows: Iterable[Checked]) -> None:
        """Lay the rows down in a temporary table, as they come, and report their faults."""
        self.run("DROP TABLE IF EXISTS pg_temp.{stage}")
        flags = sql.SQL(", ").join(sql.SQL("false AS {}").format(_takes(name)) for name in self.kind.derived)
        self.run(
            "CREATE TEMPORARY TABLE {stage} ON COMMIT DROP AS SELECT 0 AS number, true AS sound, "
            "''::text AS structure_ref, {staged}, {flags} FROM {target} WITH NO DATA",
            flags=flags,
        )
        copy = sql.SQL("COPY {stage} (number, sound, structure_ref, {staged}) FROM STDIN").format(**self.parts)
        with connection.cursor() as cursor, cursor.copy(copy.as_string()) as stream:
            for row in rows:
                self._report(row)
                if row.source and row.id:
                    stream.write_row(self._line(row))
        self.run("CREATE UNIQUE INDEX ON {stage} (number)")
        self.run("CREATE INDEX ON {stage} (source, source_id)")
        self.run("ANALYZE {stage}")

    def _report(self, row: Checked) -> None:
        self.tally.read += 1
        self.log.ignore(row.unknown)
        if row.values is None:
            self.log.refuse(self.kind, row.number, row.id if row.source else "", row.refused)
        elif row.emptied:
            self.log.empty(self.kind, row.number, row.id, row.emptied)

    def _line(self, row: Checked) -> list[Any]:
        """What COPY writes: a row that is refused counts as present in the file, and is nothing else."""
        longest = self.kind.column("source_id").max_length
        if row.values is None:
            empty = [None] * (len(self.staged) - 2)
            return [
                row.number,
                False,
                "",
                row.source[: self.kind.column("source").max_length],
                row.id[:longest],
                *empty,
            ]
        values: dict[str, Any] = {**row.values, "source": row.source, "source_id": row.id}
        if self.kind is SERVICES:
            values["slug"] = slug_of(values["name"], row.source, row.id)
        line = (Jsonb(values[name]) if name in self.json else values[name] for name in self.staged)
        return [row.number, True, row.structure_id, *line]

    # Bringing in

    def batches(self) -> Iterator[dict[str, int]]:
        """The ranges of rows, one after the other."""
        low, high = self.run("SELECT coalesce(min(number), 1), coalesce(max(number), 0) FROM {stage}")[0]
        for start in range(low, high + 1, BATCH):
            yield {"low": start, "high": min(start + BATCH - 1, high)}

    def bring(self, bounds: dict[str, int]) -> None:
        """Bring one range of rows into the catalogue."""
        self._drop_repeated(bounds)
        if self.kind is SERVICES:
            self._refuse_orphans(bounds)
        self._settle_derived(bounds, self._leave_theirs(bounds) if self.kind is SERVICES else {})
        found = self._count(bounds)
        changed = self._update(bounds)
        added = self._insert(bounds)
        self.tally.changed += len(changed)
        self.tally.added += len(added)
        self.tally.unchanged += found - len(changed)
        if self.kind is SERVICES:
            self.tally.ids += changed + added

    def _drop_repeated(self, bounds: dict[str, int]) -> None:
        """Of the rows with the same identity, the first in the file is kept."""
        rows = self.run(
            "DELETE FROM {stage} s USING {stage} t WHERE {same} AND t.number < s.number "
            "AND s.number BETWEEN %(low)s AND %(high)s RETURNING s.number, s.source_id, s.sound",
            bounds,
        )
        for number, identifier, sound in sorted(set(rows)):
            if sound:
                self.log.refuse(self.kind, number, identifier, [("id", "déjà dans le fichier, plus haut")])

    def _refuse_orphans(self, bounds: dict[str, int]) -> None:
        rows = self.run(
            "UPDATE {stage} s SET sound = false WHERE {batch} AND NOT EXISTS (SELECT FROM {parents} p "
            "WHERE p.source = s.source AND p.source_id = s.structure_ref) RETURNING s.number, s.source_id",
            bounds,
        )
        for number, identifier in sorted(rows):
            self.log.refuse(self.kind, number, identifier, [("structure_id", "structure inconnue")])

    def _leave_theirs(self, bounds: dict[str, int]) -> dict[int, dict[str, Any]]:
        """Give the staged rows what people changed of the stored ones; return, by row, what the file gave before."""
        rows = self.run(
            "SELECT s.number, t.id FROM {stage} s JOIN {target} t ON {same} WHERE {batch} AND EXISTS (SELECT FROM "
            "{history} c WHERE c.action_id = t.id AND c.user_id IS NOT NULL AND c.fields && %(shared)s::varchar[]) "
            "FOR NO KEY UPDATE OF t",
            {**bounds, "shared": self.shared},
        )
        actions = Action.objects.in_bulk([action for _, action in rows])
        held = ActionChange.objects.held(actions)
        given: dict[int, dict[str, Any]] = {}
        theirs: defaultdict[str, list[int]] = defaultdict(list)
        for number, action in rows:
            fields = held[action].fields
            given[number] = {name: fields[name] for name in self.shared if name in fields}
            for name in differing(actions[action], given[number]):
                theirs[name].append(number)
        for name, numbers in theirs.items():
            left = self.run(
                "UPDATE {stage} s SET {column} = t.{column} FROM {target} t WHERE {same} "
                "AND s.number = ANY(%(numbers)s) AND s.{column} IS DISTINCT FROM t.{column} RETURNING s.number",
                {"numbers": numbers},
                column=sql.Identifier(name),
            )
            if left:
                self.tally.kept[self.names[name]] += len(left)
        return given

    def _settle_derived(self, bounds: dict[str, int], given: Mapping[int, Mapping[str, Any]]) -> None:
        """Decide, for each derived field that would change, whether it is still ours to change.

        `given` is what the file gave before of the fields that people changed since: what we derived, we derived from
        that.
        """
        kind, basis = self.kind, BASIS[self.kind.name]
        rows = self.run(
            "SELECT s.number, {stored_derived}, {read_derived}, {basis} FROM {stage} s JOIN {target} t ON {same} "
            "WHERE {batch} AND ROW({stored_derived}) IS DISTINCT FROM ROW({read_derived}) FOR NO KEY UPDATE OF t",
            bounds,
            basis=_list(basis, "t"),
        )
        names = [*kind.derived, *kind.derived, *basis]
        taken: dict[str, list[int]] = {name: [] for name in kind.derived}
        for number, *values in rows:
            read = [self._read(name, value) for name, value in zip(names, values, strict=True)]
            count = len(kind.derived)
            stored = dict(zip(kind.derived, read[:count], strict=True))
            fresh = dict(zip(kind.derived, read[count : 2 * count], strict=True))
            before = derive(kind, dict(zip(basis, read[2 * count :], strict=True)) | dict(given.get(number, {})))
            for name in kind.derived:
                if same(name, stored[name], fresh[name]):
                    continue
                if same(name, stored[name], before[name]):
                    taken[name].append(number)
                else:
                    self.tally.kept[name] += 1
        for name, numbers in taken.items():
            if numbers:
                self.run(
                    "UPDATE {stage} SET {flag} = true WHERE number = ANY(%(numbers)s)",
                    {"numbers": numbers},
                    flag=_takes(name),
                )

    def _read(self, name: str, value: Any) -> Any:
        """A value of the database in Python: Django leaves the text of a JSON column to its fields."""
        return json.loads(value) if name in self.json else value

    def _joined(self) -> dict[str, sql.Composable]:
        """The join that gives a service its structure, and what makes a stored row differ from the file's."""
        reasons: list[sql.Composable] = [
            sql.SQL("ROW({stored_shared}) IS DISTINCT FROM ROW({read_shared})").format(**self.parts)
        ]
        reasons += [sql.SQL("s.{}").format(_takes(name)) for name in self.kind.derived]
        parent: sql.Composable = sql.SQL("")
        if self.kind is SERVICES:
            parent = sql.SQL("JOIN {parents} p ON p.source = s.source AND p.source_id = s.structure_ref").format(
                **self.parts
            )
            reasons.append(sql.SQL("t.structure_id <> p.id"))
        if self.republish:
            reasons.append(sql.SQL("NOT t.is_published"))
        return {"parent": parent, "differs": sql.SQL("(") + sql.SQL(" OR ").join(reasons) + sql.SQL(")")}

    def _count(self, bounds: dict[str, int]) -> int:
        """How many rows are stored already; count the fields that are about to change."""
        counted: list[tuple[str, sql.Composable]] = [
            (self.names[name], sql.SQL("t.{0} IS DISTINCT FROM s.{0}").format(sql.Identifier(name)))
            for name in self.shared
        ]
        counted += [(name, sql.SQL("s.{}").format(_takes(name))) for name in self.kind.derived]
        if self.kind is SERVICES:
            counted.append(("structure_id", sql.SQL("t.structure_id <> p.id")))
            counted.append(("is_published", sql.SQL("NOT t.is_published")))
        columns = sql.SQL(", ").join(sql.SQL("count(*) FILTER (WHERE {})").format(test) for _, test in counted)
        found, *changes = self.run(
            "SELECT count(*), {columns} FROM {stage} s {parent} JOIN {target} t ON {same} WHERE {batch}",
            bounds,
            columns=columns,
            parent=self._joined()["parent"],
        )[0]
        counts = Counter({name: count for (name, _), count in zip(counted, changes, strict=True) if count})
        if not self.republish:
            self.tally.unpublished += counts.pop("is_published", 0)
        self.tally.fields += counts
        return int(found)

    def _update(self, bounds: dict[str, int]) -> list[Any]:
        changes: list[sql.Composable] = [sql.SQL("{0} = s.{0}").format(sql.Identifier(name)) for name in self.shared]
        # A structure may have changed a row since it was looked at: what is not ours to change is left as it is now.
        changes += [
            sql.SQL("{0} = CASE WHEN s.{1} THEN s.{0} ELSE t.{0} END").format(sql.Identifier(name), _takes(name))
            for name in self.kind.derived
        ]
        if self.kind is SERVICES:
            changes.append(sql.SQL("structure_id = p.id"))
        if self.republish:
            changes.append(sql.SQL("is_published = true"))
        if self.kind is SERVICES:
            changed = sql.SQL("FROM {stage} s {parent} JOIN {target} t ON {same} WHERE {batch} AND {differs}")
            self._remember(bounds, changed, **self._joined())
        rows = self.run(
            "UPDATE {target} t SET {changes}, updated_at = %(now)s FROM {stage} s {parent} "
            "WHERE {same} AND {batch} AND {differs} RETURNING t.id",
            {**bounds, "now": self.now},
            changes=sql.SQL(", ").join(changes),
            **self._joined(),
        )
        if self.kind is SERVICES and rows:
            self._log()
        return [identifier for (identifier,) in rows]

    def _remember(self, parameters: dict[str, Any], chosen: sql.Composable, **parts: sql.Composable) -> None:
        """Keep the actions that are about to change as they are, locked, for their history."""
        self.run("DROP TABLE IF EXISTS pg_temp.former")
        self.run(
            "CREATE TEMPORARY TABLE former ON COMMIT DROP AS SELECT t.id, to_jsonb(t) AS was "
            + chosen.as_string()
            + " FOR NO KEY UPDATE OF t",
            parameters,
            **parts,
        )

    def _log(self) -> None:
        """Write a line in the history of each action that changed; a new date in the source alone is no news."""
        self.run(
            "WITH changed AS (SELECT f.id, new.key AS name, f.was -> new.key AS was, new.value AS given FROM former f "
            "JOIN {target} t ON t.id = f.id CROSS JOIN jsonb_each(to_jsonb(t)) new "
            "WHERE new.value IS DISTINCT FROM f.was -> new.key AND new.key <> 'updated_at') "
            "INSERT INTO {history} (action_id, kind, at, fields, before, after) "
            "SELECT id, %(kind)s, %(now)s, array_agg(name ORDER BY name), jsonb_object_agg(name, was), "
            "jsonb_object_agg(name, given) FROM changed GROUP BY id "
            "HAVING bool_or(name <> 'source_updated_on') ORDER BY id",
            {"kind": ChangeKind.IMPORTED, "now": self.now},
        )

    def _insert(self, bounds: dict[str, int]) -> list[Any]:
        """Add the rows that are not stored; our own fields take the defaults of a new row."""
        if self.kind is SERVICES:
            self._free_slugs(bounds)
        given: dict[str, sql.Composable] = {name: sql.SQL("s.{}").format(sql.Identifier(name)) for name in self.staged}
        given |= {"created_at": sql.SQL("%(now)s"), "updated_at": sql.SQL("%(now)s")}
        given |= {"structure_id": sql.SQL("p.id")} if self.kind is SERVICES else {"id": sql.SQL("gen_random_uuid()")}
        parameters: dict[str, Any] = {**bounds, "now": self.now}
        for column in self.kind.model._meta.concrete_fields:
            name = str(column.column)
            if name not in given and not isinstance(column, models.AutoField):
                given[name] = sql.Placeholder(name)
                parameters[name] = column.get_db_prep_save(column.get_default(), connection)
        rows = self.run(
            "INSERT INTO {target} ({columns}) SELECT {values} FROM {stage} s {parent} WHERE {batch} "
            "AND NOT EXISTS (SELECT FROM {target} t WHERE {same}) ORDER BY s.number RETURNING id",
            parameters,
            columns=_list(given),
            values=sql.SQL(", ").join(given.values()),
            parent=self._joined()["parent"],
        )
        return [identifier for (identifier,) in rows]

    def _free_slugs(self, bounds: dict[str, int]) -> None:
        """Lengthen the address of a new row where another row has it."""
        self.run(
            "UPDATE {stage} s SET slug = s.slug || '-' || right(md5(s.source_id), 4) WHERE {batch} "
            "AND NOT EXISTS (SELECT FROM {target} t WHERE {same}) AND (EXISTS (SELECT FROM {target} t WHERE "
            "t.slug = s.slug) OR EXISTS (SELECT FROM {stage} t WHERE t.slug = s.slug AND t.number < s.number "
            "AND t.number >= %(low)s))",
            bounds,
        )

    # Leaving

    def holds(self, source: str) -> bool:
        """Whether the file holds a row of that source, sound or not."""
        return bool(self.run("SELECT 1 FROM {stage} WHERE source = %(source)s LIMIT 1", {"source": source}))

    def withdraw(self, source: str) -> None:
        """Unpublish the actions of a source that the file no longer holds; count the structures that left it.

        A structure stays: people work there, and its actions say by themselves whether they are offered.
        """
        gone = sql.SQL("t.source = %(source)s AND NOT EXISTS (SELECT FROM {stage} s WHERE {same})").format(**self.parts)
        if self.kind is not SERVICES:
            rows = self.run("SELECT count(*) FROM {target} t WHERE {gone}", {"source": source}, gone=gone)
            self.tally.absent += rows[0][0]
            return
        self._remember({"source": source}, sql.SQL("FROM {target} t WHERE t.is_published AND {gone}"), gone=gone)
        rows = self.run(
            "UPDATE {target} t SET is_published = false, updated_at = %(now)s "
            "WHERE t.is_published AND {gone} RETURNING t.id",
            {"source": source, "now": self.now},
            gone=gone,
        )
        self._log()
        self.tally.withdrawn += len(rows)
        self.tally.ids += [identifier for (identifier,) in rows]


def _list(names: Iterable[str], table: str = "") -> sql.Composable:
    """Columns, with the letter of their table when there is one."""
    return sql.SQL(", ").join(sql.Identifier(table, name) if table else sql.Identifier(name) for name in names)


def _takes(name: str) -> sql.Identifier:
    """The flag of a staged row that says that a derived field is to be replaced."""
    return sql.Identifier(f"takes_{name}")
