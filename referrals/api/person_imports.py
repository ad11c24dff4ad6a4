"""Importing persons from a table, over the API: upload, look, decide, apply, take back."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from referrals.api.door import ByDoor, KeysetPagination
from referrals.api.problems import faults_of
from referrals.forms.person_imports import ChoiceForm, PersonUploadForm
from referrals.models import PersonBatch
from referrals.models.person_batch import PersonBatchQuerySet, PersonPlan
from referrals.person_columns import PERSON_COLUMNS
from referrals.person_import import import_table, plan_of
from structures.imports.forms import ColumnsForm
from structures.models import BatchState, CannotImport
from structures.spreadsheet.headings import unused
from structures.spreadsheet.reading import Unreadable

OUTCOMES = ("refused", "doubtful", "added", "completed", "left")


class ImportSerializer(serializers.ModelSerializer[PersonBatch]):
    """An import: how far it is, and the number of its rows by outcome once it was applied."""

    counts = serializers.DictField(child=serializers.IntegerField(), read_only=True, allow_null=True)

    class Meta:
        model = PersonBatch
        fields = ("id", "state", "file_name", "kind", "created_at", "finished_at", "undone_at", "counts")


class FaultSerializer(serializers.Serializer[Any]):
    """A fault: the cell (« C7 », or the row), its column, what it holds, and why it is refused."""

    cell = serializers.CharField(source="address")
    column = serializers.CharField(source="key")
    text = serializers.CharField()
    message = serializers.CharField()


class ChangeSerializer(serializers.Serializer[Any]):
    """What a row adds to a file, in words."""

    field = serializers.CharField(source="label")
    value = serializers.CharField(source="after")


class LikelySerializer(serializers.Serializer[Any]):
    """Somebody whom the caller sees, and who may be the person of a row."""

    id = serializers.UUIDField(source="pk")
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    birth_date = serializers.DateField(allow_null=True)


class RowSerializer(serializers.Serializer[Any]):
    """One row as it will be."""

    row = serializers.IntegerField(source="number")
    name = serializers.CharField()
    outcome = serializers.ChoiceField(OUTCOMES)
    choice = serializers.CharField()
    likely = LikelySerializer(many=True)
    changes = ChangeSerializer(many=True)
    faults = FaultSerializer(many=True)


class PreviewSerializer(serializers.Serializer[PersonPlan]):
    """What applying would do. `seen` is what `apply` asks for: what was seen is what is done."""

    seen = serializers.CharField(source="digest")
    counts = serializers.DictField(child=serializers.IntegerField())
    rows = RowSerializer(many=True)


class ImportDetailSerializer(ImportSerializer):
    """An import with its columns; its preview until it is applied, then the keys of the persons by what was done."""

    counts = serializers.DictField(
        source="report.counts", child=serializers.IntegerField(), read_only=True, allow_null=True
    )
    headings = serializers.ListField(child=serializers.CharField(), read_only=True)
    mapping = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    unused = serializers.SerializerMethodField()
    may_be_undone = serializers.BooleanField(read_only=True)
    preview = serializers.SerializerMethodField()
    persons = serializers.SerializerMethodField()

    class Meta(ImportSerializer.Meta):
        fields = (  # type: ignore[assignment] # more of them
            *ImportSerializer.Meta.fields,
            "headings",
            "mapping",
            "unused",
            "may_be_undone",
            "preview",
            "persons",
        )

    def get_unused(self, batch: PersonBatch) -> list[str]:
        """The headings that nothing is read from."""
        return unused(batch.headings, batch.mapping)

    @extend_schema_field(PreviewSerializer(allow_null=True))
    def get_preview(self, batch: PersonBatch) -> dict[str, Any] | None:
        """The rows as they will be; nothing once applied."""
        if batch.state != BatchState.UPLOADED:
            return None
        plan = plan_of(self.context["view"].door, batch, timezone.localdate())
        return dict(PreviewSerializer(plan).data)

    def get_persons(self, batch: PersonBatch) -> dict[str, list[str]]:
        """The keys of the persons added and completed; once taken back, of those withdrawn, restored and kept."""
        told = batch.report.get("undo")
        return told or {name: batch.report[name] for name in ("added", "completed") if name in batch.report}


class UploadInput(serializers.Serializer[Any]):
    """A table: XLSX, ODS or CSV, at most 500 rows."""

    file = serializers.FileField()


class ColumnsInput(serializers.Serializer[Any]):
    """The place (from 0) of each column that is read."""

    mapping = serializers.DictField(child=serializers.IntegerField(min_value=0, max_value=59))

    def validate_mapping(self, mapping: dict[str, int]) -> dict[str, int]:
        """Columns of ours only."""
        unknown = sorted(mapping.keys() - PERSON_COLUMNS.by_key.keys())
        if unknown:
            raise serializers.ValidationError(dict.fromkeys(unknown, "Cette colonne n’existe pas."))
        if len(set(mapping.values())) < len(mapping):
            raise serializers.ValidationError("Une même colonne est choisie deux fois.")
        return mapping


class ChoiceInput(serializers.Serializer[Any]):
    """Whom a row is about: a person's identifier, `new`, `leave`, or nothing to decide later."""

    row = serializers.IntegerField()
    choice = serializers.CharField(allow_blank=True, max_length=36)


class ApplyInput(serializers.Serializer[Any]):
    """Do what the preview says; `partly` leaves out the rows refused or still to decide."""

    seen = serializers.CharField(max_length=64)
    partly = serializers.BooleanField(default=False)


class LatestFirst(KeysetPagination):
    """The latest first."""

    ordering = ("-id",)


class PersonImportViewSet(ByDoor, viewsets.GenericViewSet[PersonBatch]):
    """Imports of persons by the caller's structure."""

    serializer_class = ImportSerializer
    pagination_class = LatestFirst
    lookup_value_converter = "int"
    parser_classes = (JSONParser, MultiPartParser)

    def get_queryset(self) -> PersonBatchQuerySet:
        return self.door.person_batches().listed()

    def _batch(self, pk: int) -> PersonBatch:
        batch = self.door.person_batch(pk)
        self.door.require("import_persons")
        return batch

    def _detail(self, pk: int, code: int = status.HTTP_200_OK) -> Response:
        batch = self.door.person_batch(pk)
        return Response(ImportDetailSerializer(batch, context=self.get_serializer_context()).data, status=code)

    @extend_schema(responses=ImportSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The imports, the latest first."""
        self.door.require("import_persons")
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request={"multipart/form-data": UploadInput}, responses={201: ImportDetailSerializer})
    def create(self, request: Request) -> Response:
        """Upload a table. Nothing is recorded: the answer says what each row would become."""
        self.door.require("import_persons")
        assert self.door.structure is not None
        form = PersonUploadForm({}, request.FILES)
        if not form.is_valid():
            raise faults_of(form)
        table = form.cleaned_data["file"]
        try:
            batch = PersonBatch.objects.upload(
                self.door.structure, self.door.user, form.file_name, table, timezone.now()
            )
        except Unreadable as error:
            raise serializers.ValidationError({"file": str(error)}) from error
        return self._detail(batch.pk, status.HTTP_201_CREATED)

    @extend_schema(responses=ImportDetailSerializer)
    def retrieve(self, request: Request, pk: int) -> Response:
        """The preview; once applied, the result."""
        self._batch(pk)
        return self._detail(pk)

    @extend_schema(request=ColumnsInput, responses=ImportDetailSerializer)
    @action(detail=True, methods=["post"])
    def columns(self, request: Request, pk: int) -> Response:
        """Say which column holds what."""
        batch = self._batch(pk)
        asked = ColumnsInput(data=request.data)
        asked.is_valid(raise_exception=True)
        mapping: dict[str, int] = asked.validated_data["mapping"]
        form = ColumnsForm({f"column_{place}": key for key, place in mapping.items()}, batch=batch)
        if not form.is_valid():
            raise faults_of(form)
        batch.map_columns(mapping)
        return self._detail(pk)

    @extend_schema(request=ChoiceInput(many=True), responses=ImportDetailSerializer)
    @action(detail=True, methods=["post"])
    def choose(self, request: Request, pk: int) -> Response:
        """Say whom some rows are about."""
        batch = self._batch(pk)
        asked = ChoiceInput(data=request.data, many=True)
        asked.is_valid(raise_exception=True)
        if batch.state != BatchState.UPLOADED:
            raise CannotImport("state")
        plan = plan_of(self.door, batch, timezone.localdate())
        open_rows = {row.number: row for row in plan.rows if row.likely and not row.faults}
        choices: dict[int, str] = {}
        faults: dict[str, str] = {}
        for place, one in enumerate(asked.validated_data):
            row = open_rows.get(one["row"])
            form = None if row is None else ChoiceForm({f"qui_{row.number}": one["choice"]}, row=row, door=self.door)
            if form is None:
                faults[f"{place}/row"] = "Cette ligne ne ressemble à personne, ou elle est à corriger."
            elif not form.is_valid():
                faults[f"{place}/choice"] = "Ce choix n’est pas proposé pour cette ligne."
            else:
                choices[one["row"]] = form.choice
        if faults:
            raise serializers.ValidationError(faults)
        batch.choose(choices)
        return self._detail(pk)

    @extend_schema(request=ApplyInput, responses=ImportDetailSerializer)
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, pk: int) -> Response:
        """Record what the preview says, whole or not at all."""
        batch = self._batch(pk)
        asked = ApplyInput(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        import_table(self.door, batch, timezone.now(), values["seen"], partly=values["partly"])
        return self._detail(pk)

    @extend_schema(request=None, responses=ImportDetailSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: int) -> Response:
        """Take the whole import back, but for what served since."""
        self._batch(pk).undo(self.door.actor, timezone.now())
        return self._detail(pk)
