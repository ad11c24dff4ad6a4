"""The commission de suivi over the API: its agenda as the caller may read it, decisions and tasks."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from referrals.api.door import ByDoor, FileOrProblem, KeysetPagination, a_file
from referrals.api.problems import faults_of
from referrals.files import pdf_response
from referrals.forms.commissions import DecisionForm, TaskForm
from referrals.minutes import ItemWords, chosen_structure, in_charge, minutes_sheet, read, words_for
from referrals.models import Commission, CommissionTask
from referrals.models.commission import CommissionQuerySet, CommissionTaskQuerySet
from referrals.permissions.commissions import (
    commission_of,
    commissions_of,
    item_of,
    require_to_run,
    task_of,
    tasks_of,
)


class NotedMeanwhile(exceptions.APIException):
    """Somebody noted something since the version that the caller read, or the meeting is not on."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "stale"
    default_detail = "Quelqu’un a noté autre chose entre-temps, ou la séance n’est pas ouverte : relisez la situation."


class CommissionSerializer(serializers.ModelSerializer[Commission]):
    """One commission."""

    structure = serializers.CharField(read_only=True)

    class Meta:
        model = Commission
        fields = ("id", "structure", "on", "state", "refreshed_at", "held_at", "closed_at")
        read_only_fields = fields


class TaskSerializer(serializers.ModelSerializer[CommissionTask]):
    """Something to do."""

    class Meta:
        model = CommissionTask
        fields = ("id", "what", "due_on", "done_at")
        read_only_fields = fields


class ItemTaskSerializer(serializers.Serializer[Any]):
    """Something to do, and the structure in charge as the caller may know it."""

    what = serializers.CharField(source="task.what")
    structure = serializers.CharField()
    due_on = serializers.DateField(source="task.due_on")
    done_at = serializers.DateTimeField(source="task.done_at", allow_null=True)


class ItemSerializer(serializers.Serializer[ItemWords]):
    """One situation, as the caller may read it. `kind` is `protected` where it would tell a protected structure."""

    id = serializers.UUIDField(source="item.pk")
    kind = serializers.CharField()
    title = serializers.CharField()
    reference = serializers.CharField()
    action = serializers.CharField()
    sender = serializers.CharField()
    receiver = serializers.CharField()
    step = serializers.CharField()
    days = serializers.IntegerField()
    places = serializers.ListField(child=serializers.CharField())
    decision = serializers.CharField(source="item.decision")
    version = serializers.IntegerField(source="item.version")
    tasks = ItemTaskSerializer(many=True)


class AgendaSerializer(serializers.Serializer[Any]):
    """One commission with the situations that the caller may read."""

    commission = CommissionSerializer()
    items = ItemSerializer(many=True)


class DecisionInput(serializers.Serializer[Any]):
    """What is decided of a situation, from the version that was read."""

    item = serializers.UUIDField()
    decision = serializers.CharField(max_length=2000, allow_blank=True)
    version = serializers.IntegerField(min_value=0)


class TaskInput(serializers.Serializer[Any]):
    """What is to be done; `to` is `sender`, `receiver`, `coordination`, or a participant's identifier for a need."""

    item = serializers.UUIDField()
    what = serializers.CharField(max_length=200, allow_blank=True, required=False)
    to = serializers.CharField(max_length=40)
    due_on = serializers.DateField()


class ByDay(KeysetPagination):
    """The last commissions first."""

    ordering = ("-on", "id")


class ByDueDay(KeysetPagination):
    """The soonest first."""

    ordering = ("due_on", "id")


class CommissionViewSet(ByDoor, mixins.ListModelMixin, viewsets.GenericViewSet[Commission]):
    """The commissions that the caller convenes or takes part in."""

    permission_classes = (IsAuthenticated,)
    serializer_class = CommissionSerializer
    pagination_class = ByDay
    lookup_value_converter = "uuid"

    def get_queryset(self) -> CommissionQuerySet:
        return commissions_of(self.door).select_related("structure")

    def _agenda(self, commission: Commission) -> Response:
        return Response(AgendaSerializer({"commission": commission, "items": read(self.door, commission)}).data)

    def _run(self, pk: UUID) -> Commission:
        commission = commission_of(self.door, pk)
        require_to_run(self.door, commission)
        return commission

    @extend_schema(responses=AgendaSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One commission, with the situations that the caller may read."""
        return self._agenda(commission_of(self.door, pk))

    @extend_schema(request=DecisionInput, responses=AgendaSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: UUID) -> Response:
        """Note what is decided of a situation; 409 when somebody noted something since."""
        commission = self._run(pk)
        body = DecisionInput(data=request.data)
        body.is_valid(raise_exception=True)
        row = item_of(self.door, commission, body.validated_data["item"])
        form = DecisionForm(body.validated_data, item=row)
        if not form.is_valid():
            raise faults_of(form)
        said, seen = form.cleaned_data["decision"], form.cleaned_data["version"]
        if not row.decide(said, self.door.actor, timezone.now(), seen=seen):
            raise NotedMeanwhile
        return self._agenda(commission)

    @extend_schema(request=TaskInput, responses=AgendaSerializer)
    @action(detail=True, methods=["post"], url_path="tasks")
    def give(self, request: Request, pk: UUID) -> Response:
        """Make a decision a task of a structure."""
        commission = self._run(pk)
        body = TaskInput(data=request.data)
        body.is_valid(raise_exception=True)
        asked: dict[str, Any] = body.validated_data
        row = item_of(self.door, commission, asked["item"])
        participants = list(commission.participants.order_by("name", "id"))
        today: dt.date = timezone.localdate()
        choices = in_charge(self.door, commission, words_for(self.door, row), participants)
        form = TaskForm(asked, item=row, choices=choices, today=today)
        if not form.is_valid():
            raise faults_of(form)
        data = form.cleaned_data
        structure = chosen_structure(row, data["to"], participants)
        given = row.give(structure, self.door.actor, timezone.now(), what=data["what"], due_on=data["due_on"])
        if given is None:
            raise NotedMeanwhile
        return self._agenda(commission)

    @extend_schema(responses=a_file("application/pdf"))
    @action(detail=True, content_negotiation_class=FileOrProblem)
    def pdf(self, request: Request, pk: UUID) -> HttpResponse:
        """The minutes as the caller may read them, as an accessible PDF."""
        return pdf_response(minutes_sheet(self.door, commission_of(self.door, pk)))


class TaskViewSet(ByDoor, mixins.ListModelMixin, viewsets.GenericViewSet[CommissionTask]):
    """What commissions gave the caller's structure to do."""

    permission_classes = (IsAuthenticated,)
    serializer_class = TaskSerializer
    pagination_class = ByDueDay
    lookup_value_converter = "int"

    def get_queryset(self) -> CommissionTaskQuerySet:
        return tasks_of(self.door)

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def done(self, request: Request, pk: int) -> Response:
        """Tick a task; ticking it twice changes nothing."""
        task = task_of(self.door, pk)
        task.tick(self.door.actor, timezone.now())
        return Response(self.get_serializer(task).data)
