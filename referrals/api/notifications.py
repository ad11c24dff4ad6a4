"""What was told to the caller, and how often they want letters."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from referrals.api.door import STRUCTURE_PARAMETER, ByDoor, KeysetPagination
from referrals.models import Notification
from referrals.models.notification import NotificationQuerySet
from structures.models import Membership
from structures.vocabulary import Pace, Role


class NotificationSerializer(serializers.ModelSerializer[Notification]):
    """One thing told: a reference and what happened."""

    referral = serializers.CharField(source="referral.reference")

    class Meta:
        model = Notification
        fields = ("id", "referral", "letter", "subject", "created_at", "read_at")


class NotificationViewSet(ByDoor, mixins.ListModelMixin, viewsets.GenericViewSet[Notification]):
    """What was told to the caller as a member of the structure of this call."""

    permission_classes = (IsAuthenticated,)
    serializer_class = NotificationSerializer
    pagination_class = KeysetPagination
    queryset = Notification.objects.none()
    filter_backends: Any = ()
    lookup_value_regex = r"\d{1,18}"

    def get_queryset(self) -> NotificationQuerySet:
        """Those of the door."""
        return self.door.notifications().select_related("referral")

    @extend_schema(request=None, responses=NotificationSerializer, parameters=[STRUCTURE_PARAMETER])
    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: str) -> Response:
        """Read one."""
        one = self.get_object()
        self.get_queryset().filter(pk=one.pk).mark_read(timezone.now())
        one.refresh_from_db()
        return Response(self.get_serializer(one).data)

    @extend_schema(
        operation_id="notifications_read_all", request=None, responses={204: None}, parameters=[STRUCTURE_PARAMETER]
    )
    @action(detail=False, methods=["post"], url_path="read")
    def read_all(self, request: Request) -> Response:
        """Read them all."""
        self.door.notifications().mark_read(timezone.now())
        return Response(status=204)


class LettersSerializer(serializers.Serializer[Any]):
    """How often the caller wants letters and, for a manager, the structure, with its address."""

    own = serializers.ChoiceField(Pace.choices)
    structure = serializers.ChoiceField(Pace.choices, required=False)
    email = serializers.EmailField(required=False, allow_blank=True, max_length=254)


class LettersView(ByDoor):
    """The pace of letters, in the structure of this call."""

    permission_classes = (IsAuthenticated,)

    def _place(self) -> Membership:
        place = Membership.objects.at_work().filter(user=self.door.user, structure=self.door.structure).first()
        if place is None:
            raise Http404
        return place

    def _told(self, place: Membership) -> Response:
        told = {"own": place.letters}
        if self.door.has(Role.MANAGER):
            told |= {"structure": place.structure.letters, "email": place.structure.email}
        return Response(LettersSerializer(told).data)

    @extend_schema(responses=LettersSerializer, parameters=[STRUCTURE_PARAMETER])
    def get(self, request: Request) -> Response:
        """What was chosen."""
        return self._told(self._place())

    @extend_schema(request=LettersSerializer, responses=LettersSerializer, parameters=[STRUCTURE_PARAMETER])
    def patch(self, request: Request) -> Response:
        """Choose; the structure's part is a manager's (403)."""
        place = self._place()
        given = LettersSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        chosen = given.validated_data
        if {"structure", "email"} & set(chosen):
            self.door.require("manage")
        with transaction.atomic():
            if "own" in chosen:
                place.choose_letters(chosen["own"])
            if {"structure", "email"} & set(chosen):
                structure = place.structure
                structure.choose_letters(
                    chosen.get("structure", structure.letters), chosen.get("email", structure.email)
                )
        return self._told(place)
