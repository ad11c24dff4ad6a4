"""Documents attached to fiches, over the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.core.exceptions import ValidationError
from django.http import FileResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.validators import no_health_detail, no_nir
from referrals.api.door import ByDoor, FileOrProblem, KeysetPagination, a_file
from referrals.filechecks import CONTENT_TYPES
from referrals.files import file_response
from referrals.forms.attachments import checked
from referrals.models import Attachment, AttachmentKind
from referrals.models.attachment import REFUSALS, AttachmentQuerySet


class AttachmentSerializer(serializers.ModelSerializer[Attachment]):
    """A document of a fiche; its content is at `file/`."""

    referral = serializers.SlugRelatedField[Any](slug_field="reference", read_only=True)
    structure = serializers.CharField(source="structure.name", read_only=True)

    class Meta:
        model = Attachment
        fields = ("id", "referral", "kind", "label", "file_type", "size", "sha256", "scan", "structure", "added_at")
        read_only_fields = fields


class NewAttachment(serializers.Serializer[Any]):
    """A document to attach: PDF, JPEG, PNG, ODT or DOCX, at most 10 MB."""

    referral = serializers.CharField(max_length=12)
    kind = serializers.ChoiceField(AttachmentKind.choices)
    label = serializers.CharField(  # type: ignore[assignment] # a field has an attribute of this name too
        max_length=80, required=False, default="", allow_blank=True, validators=[no_nir, no_health_detail]
    )
    file = serializers.FileField()

    def validate_file(self, file: Any) -> Any:
        """Look at what the file holds."""
        try:
            return checked(file)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages, code=error.code or "invalid") from error


class AttachmentFilter(django_filters.FilterSet):
    """What a list of documents can be narrowed by."""

    referral = django_filters.CharFilter(field_name="referral__reference")

    class Meta:
        model = Attachment
        fields = ("referral",)


class ByAddition(KeysetPagination):
    """The latest first."""

    ordering = ("-added_at", "id")


class AttachmentViewSet(ByDoor, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Attachment]):
    """Documents of the fiches that the caller's structure sent or received."""

    serializer_class = AttachmentSerializer
    pagination_class = ByAddition
    filterset_class = AttachmentFilter
    lookup_value_converter = "uuid"
    parser_classes = (MultiPartParser,)

    def get_queryset(self) -> AttachmentQuerySet:
        return self.door.attachments().select_related("referral", "structure")

    @extend_schema(request=NewAttachment, responses={201: AttachmentSerializer})
    def create(self, request: Request) -> Response:
        """Attach a document to a fiche that is not closed."""
        form = NewAttachment(data=request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        referral = self.door.referral(values.pop("referral"))
        self.door.require("attach", referral)
        try:
            attachment = Attachment.objects.attach(referral, self.door.actor, timezone.now(), **values)
        except tuple(REFUSALS) as refusal:
            raise serializers.ValidationError({"file": REFUSALS[type(refusal)]}) from refusal
        return Response(self.get_serializer(attachment).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Remove a document that the caller's structure attached."""
        attachment = self.door.attachment(pk)
        self.door.require("detach", attachment)
        attachment.detach(self.door.actor, timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=a_file(*CONTENT_TYPES.values()))
    @action(detail=True, content_negotiation_class=FileOrProblem)
    def file(self, request: Request, pk: UUID) -> FileResponse:
        """The content of a document."""
        attachment = self.door.attachment(pk)
        self.door.require("view", attachment)
        return file_response(attachment)
