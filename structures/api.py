"""The directory over the API: structures and actions, for any professional who is logged in."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers, viewsets
from rest_framework.pagination import CursorPagination

from structures.models import Action, Session, Structure
from structures.vocabulary import ActionShape, NeedTheme


class StructureSerializer(serializers.ModelSerializer[Structure]):
    """A structure as the directory shows it."""

    class Meta:
        model = Structure
        fields = (
            "id",
            "source",
            "source_id",
            "name",
            "short_name",
            "kind",
            "description",
            "siret",
            "address",
            "postal_code",
            "commune",
            "commune_code",
            "phone",
            "email",
            "website",
            "opening_hours",
            "is_prescriber",
        )


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A dated run of an action."""

    class Meta:
        model = Session
        fields = ("id", "code", "starts_on", "ends_on", "timetable", "place", "places", "reserved", "half_day_hours")


class ActionSerializer(serializers.ModelSerializer[Action]):
    """An action with its structured criteria."""

    structure = serializers.PrimaryKeyRelatedField[Structure](read_only=True)
    structure_name = serializers.CharField(source="structure.name", read_only=True)
    sessions = SessionSerializer(many=True, read_only=True)

    class Meta:
        model = Action
        fields = (
            "slug",
            "source",
            "source_id",
            "structure",
            "structure_name",
            "name",
            "description",
            "shape",
            "type",
            "themes",
            "thematiques",
            "publics",
            "criteria",
            "learner_publics",
            "level_in",
            "level_out",
            "certificates",
            "rhythm",
            "weekly_hours",
            "weeks",
            "total_hours",
            "frais",
            "conditions_acces",
            "mobilisation_precisions",
            "timetable",
            "scales",
            "places",
            "programmes",
            "paused_until",
            "confirmed_on",
            "sessions",
        )


class ByName(CursorPagination):
    """The directory in the order of the names."""

    page_size = 50
    ordering = ("name", "id")


class ActionFilter(django_filters.FilterSet):
    """What a list of actions can be narrowed by."""

    theme = django_filters.ChoiceFilter(choices=NeedTheme.choices, method="by_theme")
    shape = django_filters.ChoiceFilter(choices=ActionShape.choices)
    structure = django_filters.UUIDFilter(field_name="structure_id")

    class Meta:
        model = Action
        fields = ("theme", "shape", "structure")

    def by_theme(self, rows: QuerySet[Action], name: str, value: str) -> QuerySet[Action]:
        """Actions that cover a need."""
        return rows.filter(themes__contains=[value])


class StructureViewSet(viewsets.ReadOnlyModelViewSet[Structure]):
    """Structures of the territory."""

    serializer_class = StructureSerializer
    pagination_class = ByName
    filterset_fields = ("kind", "is_prescriber", "commune_code")
    queryset = Structure.objects.filter(is_active=True)


class ActionViewSet(viewsets.ReadOnlyModelViewSet[Action]):
    """Published actions, with their criteria and sessions."""

    serializer_class = ActionSerializer
    pagination_class = ByName
    filterset_class = ActionFilter
    lookup_field = "slug"

    def get_queryset(self) -> QuerySet[Any]:
        return (
            Action.objects.filter(is_published=True, structure__is_active=True)
            .select_related("structure")
            .prefetch_related("sessions")
        )
