"""The rules of reminders of the caller's structure, and of its actions: for managers."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from referrals.api.door import STRUCTURE_PARAMETER, ByDoor
from referrals.models import ReminderPolicy
from referrals.models.replanning import set_rule
from referrals.outlook import sentence_of
from referrals.policies import LONGEST_STOP, SPECS, PolicyKind, Rule
from structures.models import Action, Structure

ACTION_PARAMETER = OpenApiParameter(
    "action", str, description="Short name of one of the structure's actions: its own rules instead."
)


class RuleSerializer(serializers.Serializer[Any]):
    """What holds for one kind. Delays before an event are negative."""

    kind = serializers.ChoiceField(PolicyKind.choices, read_only=True)
    title = serializers.CharField(source="kind.label", read_only=True)
    sentence = serializers.SerializerMethodField()
    unit = serializers.CharField(source="spec.unit", read_only=True)
    is_on = serializers.BooleanField()
    delays = serializers.ListField(child=serializers.IntegerField(min_value=-90, max_value=365), max_length=5)
    stop_after = serializers.IntegerField(min_value=1, max_value=LONGEST_STOP)

    def get_sentence(self, rule: Rule) -> str:
        """The rule as it reads on the manager's page."""
        return sentence_of(rule)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The bounds of the kind, each with its sentence."""
        rule = Rule(self.context["kind"], attrs["is_on"], tuple(attrs["delays"]), attrs["stop_after"])
        try:
            rule.check()
        except ValidationError as error:
            raise serializers.ValidationError(error.message_dict) from error
        return {"rule": rule}


class PolicyViewSet(ByDoor, viewsets.ViewSet):
    """Read, set, or return to the usual."""

    permission_classes = (IsAuthenticated,)
    lookup_field = "kind"
    lookup_value_regex = "[a-z_]+"
    serializer_class = RuleSerializer

    def _asked(self, request: Request) -> tuple[Structure, Action | None]:
        self.door.require("manage")
        assert self.door.structure is not None  # by the role
        slug = request.query_params.get("action", "")
        return self.door.structure, self.door.action(slug) if slug else None

    def _kind(self, kind: str, action: Action | None) -> PolicyKind:
        if kind not in PolicyKind.values or (action is not None and not SPECS[PolicyKind(kind)].by_action):
            raise Http404
        return PolicyKind(kind)

    @extend_schema(
        operation_id="policies_list",
        parameters=[STRUCTURE_PARAMETER, ACTION_PARAMETER],
        responses=RuleSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Every rule that holds."""
        structure, action = self._asked(request)
        rules = ReminderPolicy.objects.rules(structure, action)
        found = [rule for rule in rules.values() if action is None or rule.spec.by_action]
        return Response(RuleSerializer(found, many=True).data)

    @extend_schema(parameters=[STRUCTURE_PARAMETER, ACTION_PARAMETER], responses=RuleSerializer)
    def retrieve(self, request: Request, kind: str) -> Response:
        """The rule that holds for one kind."""
        structure, action = self._asked(request)
        return Response(RuleSerializer(ReminderPolicy.objects.rules(structure, action)[self._kind(kind, action)]).data)

    @extend_schema(parameters=[STRUCTURE_PARAMETER, ACTION_PARAMETER], request=RuleSerializer, responses=RuleSerializer)
    def update(self, request: Request, kind: str) -> Response:
        """Set a rule; what is planned for open fiches follows."""
        structure, action = self._asked(request)
        known = self._kind(kind, action)
        serializer = RuleSerializer(data=request.data, context={"kind": known})
        serializer.is_valid(raise_exception=True)
        rule: Rule = serializer.validated_data["rule"]
        set_rule(structure, action, known, rule, timezone.now())
        return Response(RuleSerializer(rule).data)

    @extend_schema(parameters=[STRUCTURE_PARAMETER, ACTION_PARAMETER], responses={204: None})
    def destroy(self, request: Request, kind: str) -> Response:
        """Return to the usual rule, or for an action to that of its structure."""
        structure, action = self._asked(request)
        set_rule(structure, action, self._kind(kind, action), None, timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
