"""A table on its way into the database: uploaded, its columns recognised, looked at, imported, forgotten."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Generic, Self, TypeVar

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from accounts.models import User
from structures.models.structure import Structure
from structures.spreadsheet.headings import Columns
from structures.spreadsheet.reading import Row, Table

REFUSALS = {
    "state": "Quelqu’un a déjà terminé cet import : voici où il en est.",
    "catalogue": "Vos actions ont changé depuis cet aperçu : rien n’a été importé. Vérifiez le nouvel aperçu.",
    "persons": "Des fiches ont changé depuis cet aperçu : rien n’a été importé. Vérifiez le nouvel aperçu.",
    "refused": "Des lignes sont à corriger : corrigez-les, ou choisissez d’importer les autres sans elles.",
    "nothing": "Il n’y a rien à importer : aucune ligne n’apporte quelque chose de nouveau.",
}


class CannotImport(Exception):
    """Nothing was written. `code` is a key of `REFUSALS`; the message is a sentence for the reader."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(REFUSALS[code])


class BatchState(models.TextChoices):
    """How far an import is."""

    UPLOADED = "uploaded", "À terminer"
    IMPORTED = "imported", "Importé"
    UNDONE = "undone", "Annulé"


STATE_AGREES = (
    models.Q(state=BatchState.UPLOADED, finished_at=None, undone_at=None)
    | models.Q(state=BatchState.IMPORTED, finished_at__isnull=False, undone_at=None)
    | models.Q(state=BatchState.UNDONE, finished_at__isnull=False, undone_at__isnull=False)
)
"""What the state says of the dates: a constraint of each kind of batch."""

B = TypeVar("B", bound="TableBatch")


class TableBatchQuerySet(models.QuerySet[B], Generic[B]):
    """Questions about many imports. On screens, start from the door: it decides which ones may be seen."""

    def upload(self, structure: Structure, user: User | None, file_name: str, table: Table, now: dt.datetime) -> B:
        """Keep the cells of a table, with the columns that its headings suggest. Raises `Unreadable`."""
        columns = self.model.columns
        head, rows = columns.split(table.rows)
        return self.create(
            structure=structure,
            user=user,
            created_at=now,
            file_name=file_name[-200:],
            kind=table.kind,
            sheet=table.sheet[:200],
            sheets_left_out=table.left_out,
            heading_row=head.number,
            headings=head.cells,
            mapping=columns.guess(head.cells),
            rows=[asdict(row) for row in rows],
        )

    def listed(self) -> Self:
        """The imports with the `counts` of their rows, without the rows."""
        return self.defer("rows", "former", "report").annotate(counts=models.F("report__counts"))

    def forget(self, now: dt.datetime) -> int:
        """Erase the cells and the former values of old tables, and what was never imported; say how many."""
        old = self.filter(created_at__lt=now - self.model.kept_for)
        abandoned, _ = old.filter(state=BatchState.UPLOADED).delete()
        return abandoned + old.filter(rows_forgotten=False).update(
            rows=[], former={}, rows_forgotten=True, **self.model.forgotten
        )


class TableBatch(models.Model):
    """One uploaded table. Its cells wait here between the steps: never in the session, never in hidden fields.

    `mapping` says which column (from 0) holds what, by the keys of `columns`. `former` says, for each row of the
    database that the import wrote, what stood there and what was given, so that it can be undone.
    """

    columns: ClassVar[Columns]
    needed_columns: ClassVar[tuple[tuple[frozenset[str], str], ...]]
    """The columns of which one at least must be there, and what is said when none is."""
    kept_for: ClassVar[dt.timedelta]
    """After this delay the cells of a table are erased, and its import can no longer be undone."""
    forgotten: ClassVar[dict[str, Any]] = {}
    """What else is written over when the cells are erased."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name="déposé par"
    )
    created_at = models.DateTimeField("déposé le")
    state = models.CharField("état", max_length=10, choices=BatchState, default=BatchState.UPLOADED)
    file_name = models.CharField("fichier", max_length=200)
    kind = models.CharField("format", max_length=4)
    sheet = models.CharField("feuille", max_length=200, blank=True)
    sheets_left_out = models.JSONField("feuilles non lues", default=list)
    heading_row = models.PositiveIntegerField("ligne des titres")
    headings = models.JSONField("titres", default=list)
    mapping = models.JSONField("colonnes", default=dict)
    rows = models.JSONField("lignes", default=list)
    rows_forgotten = models.BooleanField("cellules effacées", default=False)
    report = models.JSONField("compte rendu", default=dict)
    former = models.JSONField("valeurs d’avant", default=dict, encoder=DjangoJSONEncoder)
    finished_at = models.DateTimeField("importé le", null=True)
    undone_at = models.DateTimeField("annulé le", null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.file_name} ({self.created_at:%d/%m/%Y})"

    @property
    def table_rows(self) -> list[Row]:
        """The rows of the table, below its headings."""
        return [Row(**row) for row in self.rows]

    @property
    def sound_mapping(self) -> Mapping[str, int]:
        """The mapping, without what is not a column of ours."""
        return self.columns.sound_mapping(self.mapping, len(self.headings))

    @property
    def may_be_undone(self) -> bool:
        """Whether the import stands and what was there before is still known."""
        return self.state == BatchState.IMPORTED and not self.rows_forgotten

    @property
    def keeps_until(self) -> dt.datetime:
        """When the cells are erased, at the earliest."""
        return self.created_at + self.kept_for

    def map_columns(self, mapping: Mapping[str, int]) -> None:
        """Say which column holds what. Raises `CannotImport` once imported."""
        sound = dict(self.columns.sound_mapping(mapping, len(self.headings)))
        waiting = type(self)._default_manager.filter(pk=self.pk, state=BatchState.UPLOADED)
        if not waiting.update(mapping=sound):
            raise CannotImport("state")
        self.mapping = sound

    def lock(self, state: BatchState) -> None:
        """Wait for other imports of the structure, read the row again, and check its state. Raises `CannotImport`."""
        Structure.objects.select_for_update(no_key=True).get(pk=self.structure_id)
        self.refresh_from_db(from_queryset=type(self)._default_manager.select_for_update(of=("self",)))
        if self.state != state:
            raise CannotImport("state")

    structure_id: Any
