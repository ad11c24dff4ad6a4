"""Who the caller is, and in the name of which structures they may act."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from referrals.api.door import STRUCTURE_PARAMETER, ByDoor


class MembershipSerializer(serializers.Serializer[Any]):
    """A structure of the caller's, with the roles held there."""

    structure = serializers.UUIDField(source="structure_id")
    name = serializers.CharField(source="structure.name")
    roles = serializers.ListField(child=serializers.CharField())


class MeSerializer(serializers.Serializer[Any]):
    """The caller."""

    email = serializers.EmailField(source="user.email")
    structure = serializers.UUIDField(source="structure.pk", allow_null=True, default=None)
    memberships = MembershipSerializer(many=True)


class MeView(ByDoor):
    """The caller, the structure of this call, and the others to choose from."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(responses=MeSerializer, parameters=[STRUCTURE_PARAMETER])
    def get(self, request: Request) -> Response:
        """Who calls."""
        return Response(MeSerializer(self.door).data)
