"""Persons, their needs and their suggestions, over the API."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.validators import no_health_detail, no_nir
from referrals.api.door import STRUCTURE_PARAMETER, ByDoor, FileOrProblem, KeysetPagination, a_file
from referrals.matching import note_matches, suggest
from referrals.models import ConsentScope, Need, Person, Prediagnosis
from referrals.models.need import NeedQuerySet
from referrals.models.person import PersonQuerySet
from referrals.permissions import Door
from referrals.person_export import export
from structures.spreadsheet.spilling import TYPES
from structures.vocabulary import NeedTheme

SAFE_TEXT = [no_nir, no_health_detail]
SCOPED = {
    ConsentScope.CONTACT: (
        "phone",
        "email",
        "contact_channel",
        "may_leave_message",
        "contact_note",
        "safe_from",
        "safe_until",
        "moved_on",
        "moved_to",
    ),
    ConsentScope.PROFILE: (
        "language",
        "needs_interpreter",
        "french_oral",
        "french_written",
        "schooling",
        "anlci",
        "digital",
        "licence",
        "has_vehicle",
        "diploma",
        "statuses",
        "statuses_known",
        "availability",
    ),
}
"""Which fields each part of the consent opens; identity and place are always part of a fiche."""
WHOSE = {"all": "", "mine": "miennes", "structure": "structure", "received": "recues"}
PROGRESS = {"all": "", "open_need": "besoin", "no_referral": "sans-fiche", "running": "en-cours"}
"""Whose persons are listed, and how far they are: the words here, and those of the form of the page."""


@extend_schema_field({"type": "string", "pattern": r"^\d\d:\d\d(:\d\d(\.\d{1,6})?)?$", "example": "18:30"})
class ClockField(serializers.TimeField):
    """An hour of the clock on the wall: the `time` of JSON Schema has an offset from UTC (RFC 3339), unlike this."""


class NeedSerializer(serializers.ModelSerializer[Need]):
    """One need, with the outcome that its fiches give it."""

    outcome = serializers.CharField(read_only=True)
    unmet_reason = serializers.CharField(read_only=True, allow_null=True)

    class Meta:
        model = Need
        fields = ("id", "theme", "priority", "obstacle", "created_at", "closed_at", "outcome", "unmet_reason")
        read_only_fields = ("created_at", "closed_at")


class NeedInput(serializers.ModelSerializer[Need]):
    """A need as it is recorded."""

    class Meta:
        model = Need
        fields = ("theme", "priority", "obstacle")
        extra_kwargs = {"priority": {"min_value": 1, "max_value": 3}}


class PersonSerializer(serializers.ModelSerializer[Person]):
    """A person, as far as the consent given to the caller's structure goes."""

    recorded_by = serializers.PrimaryKeyRelatedField[Any](read_only=True)

    safe_from = ClockField(required=False, allow_null=True)
    safe_until = ClockField(required=False, allow_null=True)

    class Meta:
        model = Person
        fields = (
            "id",
            "first_name",
            "last_name",
            "birth_date",
            "sex",
            "commune",
            "commune_code",
            "quartier",
            "in_qpv",
            *[name for names in SCOPED.values() for name in names],
            "recorded_by",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "moved_on", "moved_to", "created_at", "updated_at")

    def to_representation(self, instance: Person) -> dict[str, Any]:
        """Leave out what the consent does not open."""
        body = super().to_representation(instance)
        scopes = self.context["view"].door.scopes(instance)
        for scope, names in SCOPED.items():
            if scope not in scopes:
                for name in names:
                    body.pop(name)
        return body


class NewPersonSerializer(PersonSerializer):
    """A person to be recorded, with their needs."""

    needs = NeedInput(many=True, write_only=True, required=False, default=list)

    class Meta(PersonSerializer.Meta):
        fields = (*PersonSerializer.Meta.fields, "needs")

    def validate_needs(self, needs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The same theme stands once."""
        themes = [need["theme"] for need in needs]
        if len(themes) != len(set(themes)):
            raise serializers.ValidationError("Un même besoin est noté deux fois.")
        return needs


class DepartureInput(serializers.Serializer[Any]):
    """When the person left the territory, and for which commune."""

    on = serializers.DateField()
    to = serializers.CharField(max_length=80, required=False, default="", allow_blank=True, validators=SAFE_TEXT)

    def validate_on(self, day: dt.date) -> dt.date:
        """Not to come."""
        if day > timezone.localdate():
            raise serializers.ValidationError("Cette date est à venir.")
        return day


class ExportInput(serializers.Serializer[Any]):
    """The filters of the list, and the format. Words of a name stand in a body, never in an address."""

    format = serializers.ChoiceField(list(TYPES))
    words = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)
    need = serializers.ChoiceField(NeedTheme.choices, required=False, default="")
    whose = serializers.ChoiceField(list(WHOSE), required=False, default="all")
    progress = serializers.ChoiceField(list(PROGRESS), required=False, default="all")

    @property
    def filters(self) -> dict[str, str]:
        """The same, as the form of the page names them."""
        data = self.validated_data
        return {
            "mots": data["words"],
            "besoin": data["need"],
            "qui": WHOSE[data["whose"]],
            "etat": PROGRESS[data["progress"]],
        }


class NameSearch(serializers.Serializer[Any]):
    """Words of a name. In a body, never in an address: addresses are logged."""

    words = serializers.CharField(max_length=120)


class AnswerSerializer(serializers.Serializer[Any]):
    """One criterion and its answer."""

    kind = serializers.CharField()
    level = serializers.ChoiceField(["required", "priority", "to_check"])
    state = serializers.ChoiceField(["met", "unmet", "unknown"])
    reason = serializers.CharField()
    change = serializers.CharField()


class SuggestionSerializer(serializers.Serializer[Any]):
    """One action for one person, and why."""

    action = serializers.CharField(source="action.slug")
    name = serializers.CharField(source="action.name")
    structure = serializers.CharField(source="action.structure.name")
    score = serializers.FloatField()
    verdict = serializers.CharField()
    needs_covered = serializers.ListField(child=serializers.CharField())
    answers = AnswerSerializer(many=True)


class SuggestionsSerializer(serializers.Serializer[Any]):
    """What fits, best first, then the near misses with what stands in the way."""

    matches = SuggestionSerializer(many=True)
    near_misses = SuggestionSerializer(many=True)


def record_needs(person: Person, needs: list[dict[str, Any]], door: Door, now: dt.datetime) -> None:
    """Write a pre-diagnosis from validated needs, with what the matching says of them."""
    with transaction.atomic():
        Prediagnosis.objects.record(
            person,
            {need["theme"]: need.get("priority", 2) for need in needs},
            door.actor,
            now,
            obstacles={need["theme"]: need.get("obstacle", "") for need in needs},
        )
        note_matches(door, person, now)


@extend_schema_view(
    list=extend_schema(parameters=[STRUCTURE_PARAMETER]),
    retrieve=extend_schema(parameters=[STRUCTURE_PARAMETER]),
    create=extend_schema(parameters=[STRUCTURE_PARAMETER], responses={201: PersonSerializer}),
)
class PersonViewSet(
    ByDoor,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Person],
):
    """Persons that the caller's structure recorded, or about whom it was sent a fiche."""

    serializer_class = PersonSerializer
    pagination_class = KeysetPagination
    lookup_value_converter = "uuid"

    def get_queryset(self) -> PersonQuerySet:
        return self.door.persons()

    def get_object(self) -> Person:
        return self.door.person(self.kwargs["pk"])

    @extend_schema(request=NewPersonSerializer, responses={201: PersonSerializer})
    def create(self, request: Request) -> Response:
        """Record a person, with their needs."""
        self.door.require("record_person")
        form = NewPersonSerializer(data=request.data, context=self.get_serializer_context())
        form.is_valid(raise_exception=True)
        values = form.validated_data
        needs = values.pop("needs")
        now = timezone.now()
        with transaction.atomic():
            person = Person(**values).record(self.door.actor, now)
            if needs:
                record_needs(person, needs, self.door, now)
        return Response(self.get_serializer(person).data, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Correct a person's file."""
        person = self.door.person(pk)
        self.door.require("edit", person)
        form = self.get_serializer(person, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        now = timezone.now()
        with transaction.atomic():
            if person.change(self.door.actor, now, **form.validated_data):
                note_matches(self.door, person, now)
        return Response(self.get_serializer(person).data)

    @extend_schema(request=DepartureInput, responses=PersonSerializer)
    @action(detail=True, methods=["post"], url_path="move-away", pagination_class=None)
    def move_away(self, request: Request, pk: UUID) -> Response:
        """The person left the territory: the open needs and the unanswered fiches of one's structure are closed."""
        person = self.door.person(pk)
        self.door.require("move_away", person)
        form = DepartureInput(data=request.data)
        form.is_valid(raise_exception=True)
        person.move_away(self.door.actor, timezone.now(), **form.validated_data)
        return Response(self.get_serializer(person).data)

    @extend_schema(request=None, responses=PersonSerializer)
    @action(detail=True, methods=["post"], url_path="come-back", pagination_class=None)
    def come_back(self, request: Request, pk: UUID) -> Response:
        """The person lives here again; what was closed stays closed."""
        person = self.door.person(pk)
        self.door.require("move_away", person)
        person.come_back(self.door.actor, timezone.now())
        return Response(self.get_serializer(person).data)

    @extend_schema(request=ExportInput, responses=a_file(*TYPES.values()))
    @action(detail=False, methods=["post"], pagination_class=None, content_negotiation_class=FileOrProblem)
    def export(self, request: Request) -> FileResponse:
        """The list as a table, with the columns of the import; what a consent does not open stays empty."""
        self.door.require("export_persons")
        form = ExportInput(data=request.data)
        form.is_valid(raise_exception=True)
        kind, now = form.validated_data["format"], timezone.now()
        name = f"personnes-{timezone.localdate(now):%Y-%m-%d}.{kind}"
        file = export(self.door, kind, form.filters, now)
        return FileResponse(file, as_attachment=True, filename=name, content_type=TYPES[kind])

    @extend_schema(request=NameSearch, responses=PersonSerializer(many=True))
    @action(detail=False, methods=["post"], pagination_class=None)
    def search(self, request: Request) -> Response:
        """The fifty persons whose name is closest; accents and small typos are forgiven."""
        form = NameSearch(data=request.data)
        form.is_valid(raise_exception=True)
        rows = self.get_queryset().matching(form.validated_data["words"])[:50]
        return Response(self.get_serializer(rows, many=True).data)

    @extend_schema(methods=["GET"], responses=NeedSerializer(many=True))
    @extend_schema(methods=["POST"], request=NeedInput(many=True), responses={201: NeedSerializer(many=True)})
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def needs(self, request: Request, pk: UUID) -> Response:
        """The needs of a person, or new ones."""
        person = self.door.person(pk)
        code: int = status.HTTP_200_OK
        if request.method == "POST":
            self.door.require("needs", person)
            form = NeedInput(data=request.data, many=True, allow_empty=False)
            form.is_valid(raise_exception=True)
            record_needs(person, form.validated_data, self.door, timezone.now())
            code = status.HTTP_201_CREATED
        rows = self.door.needs().filter(person=person).with_outcome()
        return Response(NeedSerializer(rows, many=True).data, status=code)

    @extend_schema(responses=SuggestionsSerializer)
    @action(detail=True, pagination_class=None)
    def suggestions(self, request: Request, pk: UUID) -> Response:
        """The actions that fit the open needs, each criterion answered, and the near misses."""
        person = self.door.person(pk)
        self.door.require("suggest", person)
        needs = list(self.door.needs().filter(person=person).open())
        theme = request.query_params.get("theme")
        if theme:
            if theme not in NeedTheme.values:
                raise serializers.ValidationError({"theme": "Ce besoin n’existe pas."})
            needs = [need for need in needs if need.theme == theme]
        found = suggest(person, needs, prescriber=self.door.structure, on=timezone.localdate())
        return Response(SuggestionsSerializer(found).data)


class NeedViewSet(ByDoor, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Need]):
    """One need at a time; a person's needs are listed with the person."""

    serializer_class = NeedSerializer
    lookup_value_converter = "uuid"

    def get_queryset(self) -> NeedQuerySet:
        return self.door.needs().with_outcome()

    @extend_schema(request=None, responses=NeedSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: UUID) -> Response:
        """The need no longer stands."""
        need = get_object_or_404(self.get_queryset(), pk=pk)
        self.door.require("needs", need.person)
        need.close(self.door.actor, timezone.now())
        return Response(self.get_serializer(self.get_queryset().get(pk=pk)).data)
