"""A table of actions on its way into the catalogue: uploaded, looked at, imported, and undone as a whole."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import IntegrityError, models
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import User
from structures.models.action import Action
from structures.models.change import ActionChange, ChangeKind, Line, replaced
from structures.models.commune import Commune
from structures.models.keeping import differing, kept, read_back
from structures.models.offer import Offer
from structures.models.session import Session
from structures.models.structure import Structure
from structures.models.table_batch import (
    STATE_AGREES,
    BatchState,
    CannotImport,
    TableBatch,
    TableBatchQuerySet,
)
from structures.spreadsheet.columns import COLUMNS
from structures.spreadsheet.plan import LABELS, Plan, Planned, Planner, own_key, run_of
from structures.spreadsheet.reading import MAX_COLUMNS
from structures.text import Plain, plain

KEPT_FOR = dt.timedelta(days=30)
"""After this delay the cells of a table are erased, and its import can no longer be undone."""
SOURCE = "tableur"
"""Source of the actions that came from a table."""
SLUG_LENGTH = 70
CHUNK = 500
"""Rows written by one INSERT."""


class ImportBatchQuerySet(TableBatchQuerySet["ImportBatch"]):
    """Questions about many imports of actions."""


@dataclass
class Written:
    """What was written: the actions that searches must read again, and what the page tells."""

    actions: list[int] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)


class ImportBatch(TableBatch):
    """One uploaded table of actions."""

    columns = COLUMNS
    needed_columns = ((frozenset({"name", "identifier"}), "Indiquez quelle colonne contient le nom des actions."),)
    kept_for = KEPT_FOR

    structure = models.ForeignKey(Structure, models.CASCADE, related_name="imports", verbose_name="structure")

    objects = ImportBatchQuerySet.as_manager()

    class Meta:
        verbose_name = "import d’actions"
        verbose_name_plural = "imports d’actions"
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=STATE_AGREES, name="import_state_agrees_with_its_dates")]
        indexes = [models.Index(fields=["structure", "-id"], name="import_by_structure")]

    def plan(self) -> Plan:
        """What importing would do to the catalogue as it now stands."""
        return self._plan(self._actions(), Session.objects.filter(action__structure_id=self.structure_id))

    def _actions(self) -> models.QuerySet[Action]:
        return Action.objects.filter(structure_id=self.structure_id).order_by("pk")

    def _plan(self, actions: Iterable[Action], sessions: models.QuerySet[Session]) -> Plan:
        mapping = self.sound_mapping
        rows = self.table_rows
        place = mapping.get("commune", MAX_COLUMNS)
        names = {plain(row.cells[place]) for row in rows if place < len(row.cells)}
        communes = Commune.objects.alias(plain_name=Plain("name")).filter(plain_name__in=names).order_by("code")
        planner = Planner(mapping, self.structure_id, actions, sessions.order_by("starts_on", "pk"), communes)
        return planner.plan(rows)

    # Verbs

    def import_rows(self, now: dt.datetime, seen: str, *, partly: bool = False, user: User | None = None) -> list[int]:
        """Write what the plan of digest `seen` says, whole or not at all; return the actions added and changed.

        `partly` leaves the refused rows out; `user` (who uploaded the table when left out) signs the history of the
        actions that change. Raises `CannotImport`: imported already, catalogue changed since the
        preview, rows refused, nothing to do.
        """
        try:
            with Offer.objects.together(on=timezone.localdate(now)):
                written = self._import(now, seen, user or self.user, partly=partly)
        except IntegrityError as error:
            # Another structure took the same address or the same session code while we wrote.
            raise CannotImport("catalogue") from error
        return written.actions

    def undo(self, now: dt.datetime, *, user: User | None = None) -> list[int]:
        """Take the whole import back; return the actions that changed and are still there.

        An action that was added is deleted, unless something refers to it or someone worked on it since: it is then
        withdrawn from the catalogue. A changed one gets its former values back, but for those that someone changed
        since. `user` signs the history, as in `import_rows`. Raises `CannotImport` when it was undone already, or is
        too old.
        """
        with Offer.objects.together(on=timezone.localdate(now)):
            self.lock(BatchState.IMPORTED)
            if not self.may_be_undone:
                raise CannotImport("state")
            written = _Undoing(self.former, user or self.user, now).run()
            self.report = {**self.report, "undo": written.report}
            self.state, self.undone_at = BatchState.UNDONE, now
            self.save(update_fields=["report", "state", "undone_at"])
        return written.actions

    def _import(self, now: dt.datetime, seen: str, user: User | None, *, partly: bool) -> Written:
        self.lock(BatchState.UPLOADED)
        locked = list(self._actions().select_for_update(no_key=True))
        plan = self._plan(locked, Session.objects.filter(action__in=locked).select_for_update(no_key=True))
        if plan.digest() != seen:
            raise CannotImport("catalogue")
        added, changed, refused = plan.of("added"), plan.of("changed"), plan.of("refused")
        if refused and not partly:
            raise CannotImport("refused")
        if not added and not changed:
            raise CannotImport("nothing")
        counts, today = dict(plan.counts), timezone.localdate(now)
        lines: list[Line] = []
        former = {"actions": [*self._add(added, today), *self._change(changed, today, lines)], "sessions": []}
        # What is new has no history: undone, it leaves no trace.
        former["sessions"] = [*self._write_sessions(added, []), *self._write_sessions(changed, lines)]
        ActionChange.objects.log_all(user, now, lines)
        # Rows written at once send no signal: their offers are written here.
        Offer.objects.rebuild([record["id"] for record in former["actions"] if record["added"]], on=today)
        self.former = former
        self.report = {
            "counts": counts,
            "added": [_line(row) for row in added],
            "changed": [{**_line(row), "changes": [asdict(change) for change in row.changes]} for row in changed],
            "refused": [{**_line(row), "faults": [asdict(fault) for fault in row.faults]} for row in refused],
        }
        self.state, self.finished_at = BatchState.IMPORTED, now
        self.save(update_fields=["former", "report", "state", "finished_at"])
        return Written([record["id"] for record in former["actions"]])

    def _add(self, rows: list[Planned], today: dt.date) -> list[dict[str, Any]]:
        slugs = _free_slugs([row.values["name"] for row in rows])
        fresh = [
            Action(
                structure_id=self.structure_id,
                source=SOURCE,
                source_id=own_key(self.structure_id, row.identifier or str(uuid.uuid4())),
                slug=slug,
                confirmed_on=today,
                **row.values,
            )
            for row, slug in zip(rows, slugs, strict=True)
        ]
        Action.objects.bulk_create(fresh, batch_size=CHUNK)
        for row, action in zip(rows, fresh, strict=True):
            row.action = action
        names = [column.name for column in Action._meta.fields if column.editable and not column.primary_key]
        return [{"id": action.pk, "added": True, "was": {}, "given": kept(action, names)} for action in fresh]

    def _change(self, rows: list[Planned], today: dt.date, lines: list[Line]) -> list[dict[str, Any]]:
        records = []
        for row in rows:
            action = row.action
            assert action is not None
            given = {**row.values, "confirmed_on": today}
            was = kept(action, given)
            for name, value in given.items():
                setattr(action, name, value)
            action.save(update_fields=[*given, "updated_at"])
            records.append({"id": action.pk, "added": False, "was": was, "given": kept(action, given)})
            before, after = replaced(was, kept(action, given))
            if before:
                lines.append((action.pk, ChangeKind.IMPORTED, before, after))
        return records

    def _write_sessions(self, rows: list[Planned], lines: list[Line]) -> list[dict[str, Any]]:
        records, fresh = [], []
        for row in rows:
            action, planned = row.action, row.session
            if planned is None or action is None:
                continue
            if planned.existing is None:
                days = {"code": planned.code, "starts_on": planned.starts_on}
                fresh.append(Session(action=action, **days, **planned.values))
                continue
            session = planned.existing
            record = {"id": session.pk, "action": action.pk, "added": False, "was": kept(session, planned.values)}
            before = session.told()
            for name, value in planned.values.items():
                setattr(session, name, value)
            session.save(update_fields=[*planned.values])
            records.append({**record, "given": kept(session, planned.values)})
            lines.append((action.pk, ChangeKind.SESSION_CHANGED, before, session.told()))
        Session.objects.bulk_create(fresh, batch_size=CHUNK)
        lines += [(one.action_id, ChangeKind.SESSION_ADDED, {}, one.told()) for one in fresh]
        names = [column.name for column in Session._meta.fields if column.editable and column.name != "action"]
        records += [
            {"id": one.pk, "action": one.action_id, "added": True, "was": {}, "given": kept(one, names)}
            for one in fresh
        ]
        return records


class _Undoing:
    """Takes back what `former` says was written, in the caller's transaction."""

    def __init__(self, former: Mapping[str, Any], user: User | None, now: dt.datetime) -> None:
        self.user = user
        self.now = now
        self.lines: list[Line] = []
        self.action_records = former["actions"]
        self.session_records = former["sessions"]
        # Locked against new fiches too: nobody may refer to what is being deleted.
        wanted = {record["id"] for record in self.action_records} | {r["action"] for r in self.session_records}
        self.actions = {row.pk: row for row in Action.objects.filter(pk__in=wanted).select_for_update().order_by("pk")}
        rows = Session.objects.filter(action__in=self.actions).select_for_update().order_by("pk")
        self.sessions = {row.pk: row for row in rows}
        self.kept: dict[int, list[str]] = {}
        self.touched: set[int] = set()

    def run(self) -> Written:
        """Take back sessions, then actions."""
        self._undo_sessions()
        referred = _referred(Action, self.actions)
        peopled = {session.action_id for session in self.sessions.values()}
        removed, withdrawn, restored = [], [], []
        for record in self.action_records:
            action = self.actions.get(record["id"])
            if action is None:
                continue
            if not record["added"]:
                if self._restore(action, record):
                    restored.append(action.name)
            elif action.pk in referred | peopled or differing(action, record["given"]):
                if action.is_published:
                    self._put_back(action, {"is_published": False})
                withdrawn.append(action.name)
            else:
                removed.append(action)
        ended = {action.pk for action in removed}
        Action.objects.filter(pk__in=ended).delete()
        ActionChange.objects.log_all(self.user, self.now, [line for line in self.lines if line[0] not in ended])
        names = {pk: action.name for pk, action in self.actions.items()}
        report = {
            "removed": [action.name for action in removed],
            "withdrawn": withdrawn,
            "restored": restored,
            "kept": [{"name": names[pk], "what": what} for pk, what in self.kept.items()],
        }
        return Written(sorted(self.touched), report)

    def _restore(self, action: Action, record: Mapping[str, Any]) -> bool:
        """Give an action its former values back, but for those that someone changed since; say whether any was."""
        since = differing(action, record["given"])
        back = {name: value for name, value in read_back(Action, record["was"]).items() if name not in since}
        told = [LABELS[name] for name in since if name in LABELS]
        if told:
            self.kept.setdefault(action.pk, []).extend(told)
        if back:
            self._put_back(action, back)
        return any(name in LABELS for name in back)

    def _put_back(self, action: Action, values: Mapping[str, Any]) -> None:
        before = kept(action, values)
        for name, value in values.items():
            setattr(action, name, value)
        action.save(update_fields=[*values, "updated_at"])
        self.touched.add(action.pk)
        before, after = replaced(before, kept(action, values))
        if before:
            self.lines.append((action.pk, ChangeKind.UNDONE, before, after))

    def _undo_sessions(self) -> None:
        referred, removed = _referred(Session, self.sessions), []
        for record in self.session_records:
            session = self.sessions.get(record["id"])
            if session is None:
                continue
            since = differing(session, record["given"])
            if since or (record["added"] and session.pk in referred):
                told = f"{LABELS['session']} {run_of(session.starts_on, session.ends_on, session.places)}"
                self.kept.setdefault(session.action_id, []).append(told)
                continue
            self.touched.add(session.action_id)
            before = session.told()
            if record["added"]:
                removed.append(self.sessions.pop(session.pk).pk)
                self.lines.append((session.action_id, ChangeKind.SESSION_REMOVED, before, {}))
                continue
            for name, value in read_back(Session, record["was"]).items():
                setattr(session, name, value)
            session.save(update_fields=[*record["was"]])
            self.lines.append((session.action_id, ChangeKind.SESSION_CHANGED, before, session.told()))
        Session.objects.filter(pk__in=removed).delete()


def _line(row: Planned) -> dict[str, Any]:
    return {"number": row.number, "name": row.name, "slug": row.action.slug if row.action else ""}


def _referred(model: type[models.Model], rows: Collection[int]) -> set[int]:
    """Those rows that something refers to, on whatever floor; what goes with them or is derived is a part of them."""
    found: set[int] = set()
    for relation in model._meta.get_fields(include_hidden=True):
        if not isinstance(relation, models.ManyToOneRel) or relation.on_delete is models.CASCADE:
            continue
        if relation.related_model is Offer:
            continue
        name = relation.field.name
        managed = relation.related_model._base_manager.filter(**{f"{name}__in": rows})
        found.update(managed.order_by().values_list(f"{name}_id", flat=True).distinct())
    return found


def _free_slugs(names: list[str]) -> list[str]:
    """A short address for each new action; one that is taken gets a few random signs more."""
    stems = [slugify(name)[:SLUG_LENGTH].strip("-") or "action" for name in names]
    taken = set(Action.objects.filter(slug__in=stems).order_by().values_list("slug", flat=True))
    slugs = []
    for stem in stems:
        slug = f"{stem}-{secrets.token_hex(3)}" if stem in taken else stem
        taken.add(stem)
        slugs.append(slug)
    return slugs
