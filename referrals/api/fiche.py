"""A fiche as the API shows it, and how each of its verbs finds it."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers, status, viewsets
from rest_framework.response import Response

from referrals.api.door import ByDoor, KeysetPagination
from referrals.api.filters import ReferralFilter
from referrals.disclosure import is_hidden_on
from referrals.models import Appointment, Clarification, Event, Exit, Positioning, Referral
from referrals.models.referral import ReferralQuerySet
from structures.eligibility import DeclinedCriterion, closing
from structures.models import Action


class EventSerializer(serializers.ModelSerializer[Event]):
    """One line of a fiche's journal."""

    kind_label = serializers.CharField(source="get_kind_display", read_only=True)
    structure = serializers.SerializerMethodField()

    class Meta:
        model = Event
        fields = ("kind", "kind_label", "at", "structure", "origin", "data")

    def get_structure(self, event: Event) -> str | None:
        """In whose name it was done; not that of a protected structure that only redirected the fiche."""
        if event.structure is None or (event.referral is not None and is_hidden_on(event, event.referral)):
            return None
        return event.structure.name


class ExitSerializer(serializers.ModelSerializer[Exit]):
    """A typed exit."""

    class Meta:
        model = Exit
        fields = ("on", "kind", "exit_class", "is_dynamic", "note")


class PositioningSerializer(serializers.ModelSerializer[Positioning]):
    """A positionnement."""

    class Meta:
        model = Positioning
        fields = (
            "on",
            "levels",
            "french_oral",
            "french_written",
            "anlci",
            "conclusion",
            "private_notes",
            "recommended",
        )


class AppointmentSerializer(serializers.ModelSerializer[Appointment]):
    """A rendez-vous: each date that was set, and what came of it."""

    class Meta:
        model = Appointment
        fields = ("number", "sequence", "at", "minutes", "place", "state", "notice", "created_at", "closed_at")


class ReferralSerializer(serializers.ModelSerializer[Referral]):
    """A fiche, with what its reader may do to it now."""

    person = serializers.PrimaryKeyRelatedField[Any](read_only=True)
    action = serializers.SlugRelatedField[Action](slug_field="slug", read_only=True)
    sender = serializers.PrimaryKeyRelatedField[Any](read_only=True)
    sender_name = serializers.CharField(source="sender.name", read_only=True)
    receiver = serializers.PrimaryKeyRelatedField[Any](read_only=True)
    receiver_name = serializers.CharField(source="receiver.name", read_only=True)
    opened_by = serializers.PrimaryKeyRelatedField[Any](read_only=True)
    opened_after = serializers.PrimaryKeyRelatedField[Any](read_only=True)
    redirected_from = serializers.SlugRelatedField[Referral](slug_field="reference", read_only=True)
    assigned_to = serializers.SerializerMethodField()
    can = serializers.SerializerMethodField()

    class Meta:
        model = Referral
        fields: tuple[str, ...] = (
            "reference",
            "version",
            "state",
            "person",
            "action",
            "session",
            "sender",
            "sender_name",
            "receiver",
            "receiver_name",
            "motive",
            "matched",
            "consent_how",
            "consent_at",
            "consent_scope",
            "reason",
            "reason_note",
            "declined_criteria",
            "answer_note",
            "advised",
            "reopened_at",
            "reopening_note",
            "appointment_at",
            "appointment_place",
            "appointment_state",
            "unsettleable_until",
            "opened_by",
            "opened_after",
            "redirected_from",
            "created_at",
            "sent_at",
            "clock_from",
            "paused_at",
            "assigned_to",
            "answered_at",
            "retractable_until",
            "waitlisted_at",
            "offered_until",
            "entered_on",
            "bilan_due_on",
            "closed_at",
            "can",
        )

    def get_assigned_to(self, referral: Referral) -> int | None:
        """The member to whom the receiver entrusted the fiche; how a structure shares its work is its own business."""
        door = self.context["view"].door
        mine = door.structure is not None and referral.receiver_id == door.structure.pk
        return referral.assigned_to_id if mine else None

    def get_can(self, referral: Referral) -> list[str]:
        """The verbs and steps open to the caller, from the same answer as the buttons."""
        able = self.context["view"].door.abilities(referral, timezone.now())
        return sorted(name for name, yes in able.items() if yes)


class ClarificationSerializer(serializers.ModelSerializer[Clarification]):
    """A question asked before deciding, and its answer; open until it is closed."""

    class Meta:
        model = Clarification
        fields = ("kind", "question", "asked_at", "answer", "answered_at", "closed_at")


class CriterionSerializer(serializers.Serializer[Any]):
    """A condition of the action that can close it to somebody."""

    code = serializers.CharField()
    sentence = serializers.CharField()


class ReferralDetailSerializer(ReferralSerializer):
    """A fiche with its journal, its questions, its rendez-vous, its positionnement and its exit."""

    clarifications = ClarificationSerializer(many=True, read_only=True)
    conditions = serializers.SerializerMethodField()
    events = EventSerializer(many=True, read_only=True)
    positioning = PositioningSerializer(read_only=True, default=None)
    exit = ExitSerializer(read_only=True, default=None)
    appointments = AppointmentSerializer(many=True, read_only=True)

    class Meta(ReferralSerializer.Meta):
        fields = (
            *ReferralSerializer.Meta.fields,
            "clarifications",
            "conditions",
            "events",
            "appointments",
            "positioning",
            "exit",
        )

    @extend_schema_field(CriterionSerializer(many=True))
    def get_conditions(self, referral: Referral) -> list[DeclinedCriterion]:
        """The conditions of the action, whose codes say why someone is not eligible."""
        return closing(referral.action.conditions())


class OneReferral(ByDoor, viewsets.GenericViewSet[Referral]):
    """Fiches by their reference, through the door of the caller."""

    serializer_class = ReferralSerializer
    pagination_class = KeysetPagination
    filterset_class = ReferralFilter
    lookup_field = "reference"
    lookup_value_regex = "R-[0-9A-Z]+"

    def get_queryset(self) -> ReferralQuerySet:
        rows = self.door.referrals().with_everything().select_related("positioning", "redirected_from")
        return rows.prefetch_related("followups")

    def _detail(self, referral: Referral, code: int = status.HTTP_200_OK) -> Response:
        fresh = (
            self.get_queryset()
            .select_related("exit")
            .prefetch_related(
                Prefetch("events", Event.objects.told().select_related("structure").order_by("at", "id")),
                "clarifications",
                "appointments",
            )
            .get(pk=referral.pk)
        )
        return Response(ReferralDetailSerializer(fresh, context=self.get_serializer_context()).data, status=code)

    def _perform(self, what: str, form_class: type[serializers.Serializer[Any]]) -> tuple[Referral, dict[str, Any]]:
        """The fiche, and the validated body: 404, then 403, then 400."""
        referral = self.door.referral(self.kwargs["reference"])
        self.door.require(what, referral)
        form = form_class(data=self.request.data)
        form.is_valid(raise_exception=True)
        return referral, form.validated_data
