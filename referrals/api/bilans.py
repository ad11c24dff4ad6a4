"""Bilans and the checks after an exit, over the API."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.validators import no_health_detail, no_nir
from referrals.api.door import ByDoor, FileOrProblem, KeysetPagination, a_file
from referrals.api.levels import known_levels
from referrals.documents import bilan_sheet, person_sheet
from referrals.files import pdf_response
from referrals.models import Bilan, BilanKind, BilanSource, FollowUp, FollowUpSituation
from referrals.models.bilan import BilanQuerySet, BilanState
from referrals.models.followup import FollowUpQuerySet
from structures.certificates import check_certificates


class BilanSerializer(serializers.ModelSerializer[Bilan]):
    """A bilan, as both structures read it."""

    referral = serializers.SlugRelatedField[Any](slug_field="reference", read_only=True)

    class Meta:
        model = Bilan
        fields = (
            "id",
            "referral",
            "kind",
            "source",
            "way",
            "state",
            "on",
            "levels_before",
            "levels_after",
            "french_oral_before",
            "french_oral_after",
            "french_written_before",
            "french_written_after",
            "hours",
            "attendance",
            "certificates",
            "obstacles_left",
            "recommended",
            "summary",
            "private_notes",
            "created_at",
            "returned_at",
        )
        read_only_fields = ("kind", "source", "state", "created_at", "returned_at")
        extra_kwargs = {"attendance": {"min_value": 0, "max_value": 100}}

    def validate_levels_before(self, levels: Any) -> dict[str, int]:
        """Levels on the axes of the scales."""
        return known_levels(levels)

    def validate_levels_after(self, levels: Any) -> dict[str, int]:
        """Levels on the axes of the scales."""
        return known_levels(levels)

    def validate_certificates(self, certificates: Any) -> list[dict[str, str]]:
        """A list of {certificate, result}, with a day (`on`) and a `name` where they are known."""
        try:
            return check_certificates(certificates)
        except ValueError as error:
            words = "Donnez une liste de {certificate, result, on, name}, chaque certification une seule fois."
            raise serializers.ValidationError(words) from error

    def validate_way(self, way: str) -> str:
        """Only a bilan received otherwise says how."""
        if way and self.instance is not None and self.instance.source != BilanSource.OTHERWISE:
            raise serializers.ValidationError("Seul un bilan reçu autrement dit comment il est parvenu.")
        return way


class NewBilan(serializers.Serializer[Any]):
    """A draft to open."""

    referral = serializers.CharField(max_length=12)
    kind = serializers.ChoiceField([(kind.value, kind.label) for kind in BilanKind if kind != BilanKind.POSITIONING])


class BilanViewSet(ByDoor, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Bilan]):
    """Bilans of the fiches that the caller's structure sent or received."""

    serializer_class = BilanSerializer
    pagination_class = KeysetPagination
    filterset_fields = ("kind", "state")
    lookup_value_converter = "uuid"

    def get_queryset(self) -> BilanQuerySet:
        return self.door.bilans().select_related("referral")

    @extend_schema(request=NewBilan, responses={201: BilanSerializer})
    def create(self, request: Request) -> Response:
        """Open a draft, prefilled; the sender may do it for a bilan received otherwise."""
        form = NewBilan(data=request.data)
        form.is_valid(raise_exception=True)
        referral = self.door.referral(form.validated_data["referral"])
        able = self.door.abilities(referral, timezone.now())
        if not (able["bilan"] or able["receive_otherwise"]):
            raise PermissionDenied
        bilan = Bilan.objects.start(referral, form.validated_data["kind"], self.door.actor, timezone.now())
        return Response(self.get_serializer(bilan).data, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Write in a draft."""
        bilan = self.door.bilan(pk)
        self.door.require("edit", bilan)
        form = self.get_serializer(bilan, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        if form.validated_data and not bilan.write(**form.validated_data):
            raise serializers.ValidationError({"state": "Ce bilan est rendu : il ne change plus."})
        return Response(self.get_serializer(bilan).data)

    @extend_schema(request=None, responses=BilanSerializer)
    @action(detail=True, methods=["post"], url_path="return")
    def hand_in(self, request: Request, pk: UUID) -> Response:
        """Return the bilan: it no longer changes."""
        bilan = self.door.bilan(pk)
        self.door.require("edit", bilan)
        if bilan.source == BilanSource.OTHERWISE and not bilan.way:
            raise serializers.ValidationError({"way": "Dites comment ce bilan vous est parvenu."})
        if bilan.state != BilanState.DRAFT or not bilan.hand_in(self.door.actor, timezone.now()):
            raise serializers.ValidationError({"state": "Ce bilan est déjà rendu."})
        return Response(self.get_serializer(bilan).data)

    def _sheet(self, pk: UUID) -> Bilan:
        bilan = self.door.bilan(pk)
        self.door.require("print", bilan)
        if bilan.state == BilanState.DRAFT:
            raise Http404
        return bilan

    @extend_schema(responses=a_file("application/pdf"))
    @action(detail=True, content_negotiation_class=FileOrProblem)
    def pdf(self, request: Request, pk: UUID) -> HttpResponse:
        """A returned bilan as both structures read it, as an accessible PDF."""
        return pdf_response(bilan_sheet(self._sheet(pk), timezone.localdate()))

    @extend_schema(responses=a_file("application/pdf"))
    @action(detail=True, url_path="person-pdf", content_negotiation_class=FileOrProblem)
    def person_pdf(self, request: Request, pk: UUID) -> HttpResponse:
        """The person's copy of a returned bilan, as an accessible PDF."""
        return pdf_response(person_sheet(self._sheet(pk)))


class FollowUpSerializer(serializers.ModelSerializer[FollowUp]):
    """A check after an exit."""

    referral = serializers.SlugRelatedField[Any](slug_field="reference", read_only=True)

    class Meta:
        model = FollowUp
        fields = (
            "id",
            "referral",
            "months",
            "due_on",
            "state",
            "asks",
            "asked_at",
            "asked_by",
            "calls",
            "last_call_at",
            "situation",
            "answered_at",
            "answered_by",
            "since",
            "note",
            "wants_call",
            "called_back_at",
        )
        read_only_fields = fields


class FollowUpInput(serializers.Serializer[Any]):
    """What a call gave: an answer, nobody, or why there will be none; or that whoever asked to be called has been."""

    outcome = serializers.ChoiceField(
        [
            ("answered", "A répondu"),
            ("no_answer", "Pas de réponse cette fois"),
            ("unreachable", "Injoignable"),
            ("refused", "Ne souhaite pas répondre"),
            ("moved", "A quitté le territoire"),
            ("called_back", "A été rappelée"),
        ]
    )
    situation = serializers.ChoiceField(FollowUpSituation.choices, required=False)
    since = serializers.DateField(required=False, allow_null=True)
    note = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=400, validators=[no_nir, no_health_detail]
    )
    wants_call = serializers.BooleanField(required=False, default=False)

    def validate_since(self, value: dt.date | None) -> dt.date | None:
        """A situation began some day up to today."""
        if value is not None and value > timezone.localdate():
            raise serializers.ValidationError("Cette date est à venir.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """An answer says the situation."""
        if attrs["outcome"] == "answered" and "situation" not in attrs:
            raise serializers.ValidationError({"situation": "Précisez la situation."})
        return attrs


class ByDueDay(KeysetPagination):
    """The checks in the order in which they are due."""

    ordering = ("due_on", "id")


class FollowUpViewSet(ByDoor, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[FollowUp]):
    """The checks after an exit of the fiches that the caller's structure sent or received."""

    serializer_class = FollowUpSerializer
    pagination_class = ByDueDay
    filterset_fields = ("state", "months", "wants_call")
    lookup_value_converter = "uuid"

    def get_queryset(self) -> FollowUpQuerySet:
        return self.door.followups().select_related("referral")

    @extend_schema(request=FollowUpInput, responses=FollowUpSerializer)
    @action(detail=True, methods=["post"])
    def record(self, request: Request, pk: UUID) -> Response:
        """Write down what a call gave."""
        followup = self.door.followup(pk)
        self.door.require("record", followup)
        form = FollowUpInput(data=request.data)
        form.is_valid(raise_exception=True)
        values, now = form.validated_data, timezone.now()
        actor, outcome = self.door.actor, values.pop("outcome")
        match outcome:
            case "answered":
                done = followup.answer(actor, now, **values)
            case "no_answer":
                done = followup.note_missed_call(actor, now, seen=followup.calls)
            case "called_back":
                done = followup.call_back(actor, now)
            case _:
                done = followup.close_without_answer(actor, now, state=outcome)
        if not done:
            raise serializers.ValidationError({"outcome": "Une réponse est déjà enregistrée."})
        return Response(self.get_serializer(followup).data)
