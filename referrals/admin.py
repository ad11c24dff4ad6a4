"""The support staff's site: the case is read here, not worked on. What changes, changes through its verb.

Lists and searches hold references only: a search stands in the address, where no name may be. Free texts about a
person, the bodies of letters and the marks of signed links are shown nowhere.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from referrals.models import (
    Actor,
    Appointment,
    Bilan,
    Clarification,
    Event,
    Exit,
    FollowUp,
    Link,
    Message,
    MobilityReading,
    Need,
    Origin,
    Person,
    Positioning,
    Prediagnosis,
    Referral,
    Reminder,
    SessionReport,
)


class ReadOnlyAdmin(admin.ModelAdmin):
    """Looked at only."""

    show_full_result_count = False
    list_per_page = 50
    list_select_related: ClassVar[Any] = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes by hand."""
        return False


@admin.register(Person)
class PersonAdmin(ReadOnlyAdmin):
    """A person's file: support can correct the identity and the contacts, as a journalled verb."""

    list_display = ["id", "recorded_by", "created_at", "updated_at"]
    list_filter = ["recorded_by"]
    list_select_related = ["recorded_by"]
    search_fields = ["id__exact"]
    search_help_text = "Par identifiant. Ne cherchez jamais par nom : la recherche reste dans l’adresse de la page."
    ordering = ["-created_at", "id"]
    fields = [
        "id",
        "first_name",
        "last_name",
        "birth_date",
        "phone",
        "email",
        "contact_channel",
        "may_leave_message",
        "recorded_by",
        "created_at",
        "updated_at",
    ]
    readonly_fields = ["id", "recorded_by", "created_at", "updated_at"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """The staff's own permissions decide."""
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def save_model(self, request: HttpRequest, obj: Person, form: forms.ModelForm, change: bool) -> None:
        """Write through the verb, so that the correction is journalled."""
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        actor = Actor(user=request.user, origin=Origin.ADMIN)  # type: ignore[arg-type] # the staff is logged in
        Person.objects.get(pk=obj.pk).change(actor, timezone.now(), **values)


@admin.register(Prediagnosis)
class PrediagnosisAdmin(ReadOnlyAdmin):
    """First readings, without their notes."""

    list_display = ["id", "structure", "created_at"]
    list_select_related = ["structure"]
    fields = ["id", "structure", "author", "created_at"]


@admin.register(Need)
class NeedAdmin(ReadOnlyAdmin):
    """Needs, without the obstacle that was typed."""

    list_display = ["id", "theme", "priority", "structure", "created_at", "closed_at"]
    list_filter = ["theme"]
    list_select_related = ["structure"]
    fields = ["id", "theme", "priority", "structure", "unmatched_reason", "created_at", "closed_at"]
    ordering = ["-created_at", "id"]


@admin.register(MobilityReading)
class MobilityReadingAdmin(ReadOnlyAdmin):
    """Mobility pre-diagnoses: when and by whom, without the answers."""

    list_display = ["id", "structure", "recorded_at"]
    list_select_related = ["structure"]
    fields = ["id", "structure", "author", "recorded_at"]


@admin.register(Referral)
class ReferralAdmin(ReadOnlyAdmin):
    """Fiches: where they stand and when they moved."""

    list_display = ["reference", "state", "sender", "receiver", "action", "sent_at", "answered_at", "closed_at"]
    list_filter = ["state", "sender", "receiver"]
    list_select_related = ["sender", "receiver", "action"]
    search_fields = ["reference__iexact"]
    search_help_text = "Par référence de fiche."
    fields = [
        "reference",
        "state",
        "version",
        "sender",
        "sender_member",
        "receiver",
        "action",
        "session",
        "redirected_from",
        "reason",
        "consent_how",
        "consent_at",
        "consent_scope",
        "created_at",
        "sent_at",
        "reopened_at",
        "clock_from",
        "paused_at",
        "assigned_to",
        "answered_at",
        "waitlisted_at",
        "offered_until",
        "retractable_until",
        "accepted_at",
        "appointment_at",
        "appointment_state",
        "entered_on",
        "bilan_due_on",
        "closed_at",
    ]


class OfReferralAdmin(ReadOnlyAdmin):
    """Rows that belong to a fiche, found by its reference."""

    search_fields = ["referral__reference__iexact"]
    search_help_text = "Par référence de fiche."
    list_select_related = ["referral"]


@admin.register(Appointment)
class AppointmentAdmin(OfReferralAdmin):
    """Rendez-vous, without their place."""

    list_display = ["referral", "at", "minutes", "state", "number", "sequence"]
    list_filter = ["state", "notice"]
    fields = [
        "referral",
        "number",
        "sequence",
        "at",
        "minutes",
        "state",
        "in_calendars",
        "told_at",
        "notice",
        "created_at",
        "created_by",
        "closed_at",
        "closed_by",
    ]


@admin.register(Positioning)
class PositioningAdmin(OfReferralAdmin):
    """Positionnements, without conclusion or notes."""

    list_display = ["referral", "on", "created_at"]
    fields = ["referral", "author", "on", "created_at"]


@admin.register(Bilan)
class BilanAdmin(OfReferralAdmin):
    """Bilans, without summary or notes."""

    list_display = ["referral", "kind", "state", "source", "structure", "on", "returned_at"]
    list_filter = ["kind", "state", "source"]
    list_select_related = ["referral", "structure"]
    fields = ["referral", "kind", "state", "source", "structure", "author", "on", "created_at", "returned_at"]


@admin.register(Clarification)
class ClarificationAdmin(OfReferralAdmin):
    """Questions on a fiche: when, without what was said."""

    list_display = ["referral", "kind", "asked_at", "answered_at", "closed_at"]
    list_filter = ["kind"]
    fields = ["referral", "kind", "asked_by", "asked_at", "answered_by", "answered_at", "closed_at"]


@admin.register(SessionReport)
class SessionReportAdmin(ReadOnlyAdmin):
    """Bilans collectifs, without their comment."""

    list_display = ["session", "state", "published_at"]
    list_filter = ["state"]
    list_select_related = ["session__action"]
    fields = ["session", "state", "author", "figures", "created_at", "published_at"]


@admin.register(Exit)
class ExitAdmin(OfReferralAdmin):
    """Typed exits."""

    list_display = ["referral", "kind", "exit_class", "on", "created_at"]
    list_filter = ["exit_class", "kind"]
    fields = ["referral", "kind", "exit_class", "on", "created_at"]


@admin.register(FollowUp)
class FollowUpAdmin(OfReferralAdmin):
    """The checks after an exit, without what was answered and what opens the person's page."""

    list_display = ["referral", "months", "due_on", "state", "wants_call", "asked_by", "answered_by"]
    list_filter = ["state", "months", "wants_call"]
    fields = [
        "referral",
        "months",
        "due_on",
        "state",
        "asks",
        "asked_at",
        "asked_by",
        "calls",
        "last_call_at",
        "answered_at",
        "answered_by",
        "wants_call",
        "called_back_at",
    ]


@admin.register(Link)
class LinkAdmin(OfReferralAdmin):
    """The links that letters carried, without what opens the fiche."""

    list_display = ["referral", "structure", "created_at", "expires_at", "revoked_at", "last_used_at"]
    list_select_related = ["referral", "structure"]
    fields = ["referral", "structure", "created_at", "expires_at", "revoked_at", "last_used_at"]


@admin.register(Event)
class EventAdmin(OfReferralAdmin):
    """The journal: codes and dates, append-only."""

    list_display = ["at", "kind", "referral", "structure", "user", "origin"]
    list_filter = ["kind", "origin"]
    list_select_related = ["referral", "structure", "user"]
    fields = ["at", "kind", "referral", "structure", "user", "origin", "data"]
    ordering = ["-at", "-id"]


@admin.register(Reminder)
class ReminderAdmin(OfReferralAdmin):
    """What is due, what was done, what was dropped and why."""

    list_display = ["due_at", "kind", "referral", "state", "reason", "done_at"]
    list_filter = ["kind", "state"]
    fields = ["referral", "kind", "due_at", "planned_at", "state", "reason", "done_at"]
    ordering = ["-due_at", "id"]


@admin.register(Message)
class MessageAdmin(OfReferralAdmin):
    """Letters: where they stand. Never their body, which can hold a signed link, nor the address of a person."""

    list_display = ["letter", "channel", "referral", "to_user", "state", "not_before", "sent_at", "attempts"]
    list_filter = ["channel", "letter", "state"]
    list_select_related = ["referral", "to_user"]
    fields = [
        "letter",
        "channel",
        "referral",
        "to_user",
        "message_id",
        "state",
        "not_before",
        "created_at",
        "claimed_at",
        "sent_at",
        "attempts",
        "error",
    ]
    ordering = ["-created_at", "id"]
