"""Files that may be about the same person, over the API: the pairs, making one of two, parting them again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from referrals.api.door import ByDoor, KeysetPagination
from referrals.api.problems import faults_of
from referrals.forms.merges import FIRST, SECOND, MergeForm
from referrals.merging import merge_files, part_files
from referrals.models import CannotMerge, Person, PersonMerge, Resemblance
from referrals.models.merge import PersonMergeQuerySet, version_of
from referrals.models.person import ResemblanceQuerySet

KEEP, LOSE = "keep", "lose"
SIDES = {KEEP: FIRST, LOSE: SECOND}
"""Which file says a field right: its word here, and in the form."""


class SideSerializer(serializers.ModelSerializer[Person]):
    """One of two files, as far as it is needed to tell them apart."""

    class Meta:
        model = Person
        fields = ("id", "first_name", "last_name", "birth_date", "commune", "quartier", "created_at")


class DuplicateSerializer(serializers.ModelSerializer[Resemblance]):
    """Two files of the caller's structure that may be about the same person; `likeness` (0 to 1) is of the names."""

    first = SideSerializer()
    second = SideSerializer()

    class Meta:
        model = Resemblance
        fields = ("id", "likeness", "noted_at", "first", "second")


class MergeSerializer(serializers.ModelSerializer[PersonMerge]):
    """One merge, and until when it can be undone."""

    kept = serializers.PrimaryKeyRelatedField[Any](read_only=True)
    gone = serializers.PrimaryKeyRelatedField[Any](read_only=True)
    undo_until = serializers.DateTimeField(read_only=True)

    class Meta:
        model = PersonMerge
        fields = ("id", "kept", "gone", "merged_at", "undone_at", "undo_until")


class PairInput(serializers.Serializer[Any]):
    """The file that is kept, and the one whose content it takes."""

    keep = serializers.UUIDField()
    lose = serializers.UUIDField()


class MergeInput(PairInput):
    """Make one file of two. `seen` comes from the preview; what is not chosen is what the preview proposes."""

    seen = serializers.CharField(max_length=200)
    choices = serializers.DictField(child=serializers.ChoiceField([KEEP, LOSE]), required=False, default=dict)


class DifferenceSerializer(serializers.Serializer[Any]):
    """A part in which the two files differ, in words, and which of them is proposed."""

    field = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment] # a field has an attribute of this name too
    keep = serializers.CharField()
    lose = serializers.CharField()
    proposed = serializers.ChoiceField([KEEP, LOSE])


class MergePreviewSerializer(serializers.Serializer[Any]):
    """What is to be chosen before the two files are made one."""

    seen = serializers.CharField()
    differences = DifferenceSerializer(many=True)


class ByLikeness(KeysetPagination):
    """The closest first."""

    ordering = ("-likeness", "id")


class DuplicateViewSet(ByDoor, viewsets.GenericViewSet[Resemblance]):
    """Pairs of files that the caller's structure recorded and that may be about the same person."""

    serializer_class = DuplicateSerializer
    pagination_class = ByLikeness
    lookup_value_converter = "int"

    def get_queryset(self) -> ResemblanceQuerySet:
        return self.door.resemblances().select_related("first", "second")

    @extend_schema(responses=DuplicateSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The pairs to look at, the closest first."""
        self.door.require("merge_persons")
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: int) -> Response:
        """These are two persons: the pair is not told of again."""
        pair = self.door.resemblance(pk)
        self.door.require("merge_persons")
        pair.dismiss(self.door.actor, timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class LatestMerges(KeysetPagination):
    """The latest first."""

    ordering = ("-merged_at", "-id")


class MergeViewSet(ByDoor, viewsets.GenericViewSet[PersonMerge]):
    """Merges of files by the caller's structure."""

    serializer_class = MergeSerializer
    pagination_class = LatestMerges
    lookup_value_converter = "int"

    def get_queryset(self) -> PersonMergeQuerySet:
        return self.door.merges()

    def _pair(self, keep: UUID, lose: UUID) -> tuple[Person, Person]:
        if keep == lose:
            raise CannotMerge("same")
        pair = self.door.person(keep), self.door.person(lose)
        for person in pair:
            self.door.require("merge", person)
        return pair

    @extend_schema(responses=MergeSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The merges, the latest first."""
        self.door.require("merge_persons")
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=PairInput, responses=MergePreviewSerializer)
    @action(detail=False, methods=["post"], pagination_class=None)
    def preview(self, request: Request) -> Response:
        """Where the two files differ, and what is proposed. Nothing is written."""
        asked = PairInput(data=request.data)
        asked.is_valid(raise_exception=True)
        keep, lose = self._pair(**asked.validated_data)
        form = MergeForm(keep=keep, lose=lose)
        differences = [
            {
                "field": name,
                "label": part.label,
                KEEP: part.words(keep),
                LOSE: part.words(lose),
                "proposed": LOSE if form.fields[name].initial == SECOND else KEEP,
            }
            for name, part in form.parts.items()
        ]
        return Response(MergePreviewSerializer({"seen": version_of(keep, lose), "differences": differences}).data)

    @extend_schema(request=MergeInput, responses={201: MergeSerializer})
    def create(self, request: Request) -> Response:
        """Make one file of two."""
        asked = MergeInput(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        keep, lose = self._pair(values["keep"], values["lose"])
        proposed = {name: field.initial for name, field in MergeForm(keep=keep, lose=lose).fields.items()}
        unknown = sorted(values["choices"].keys() - proposed.keys())
        if unknown:
            raise serializers.ValidationError({"choices": dict.fromkeys(unknown, "Rien n’est à choisir ici.")})
        chosen = {name: SIDES[side] for name, side in values["choices"].items()}
        form = MergeForm(proposed | chosen, keep=keep, lose=lose)
        if not form.is_valid():
            raise faults_of(form)
        merge = merge_files(self.door, keep, lose, timezone.now(), values=form.values, seen=values["seen"])
        return Response(self.get_serializer(merge).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=MergeSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: int) -> Response:
        """Part the two files again."""
        merge = self.door.merge(pk)
        self.door.require("merge_persons")
        part_files(self.door, merge, timezone.now())
        return Response(self.get_serializer(merge).data)
