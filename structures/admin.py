"""Structures, their members, actions and sessions, for the support staff."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from structures.eligibility import BadCriteria, parse_criteria
from structures.models import Action, ActionChange, ChangeKind, Membership, Session, Structure
from structures.scales import scale_choices
from structures.vocabulary import HalfDay, LearnerPublic, NeedTheme, Programme, Role


def several(choices: list[tuple[str, Any]], *, required: bool = False) -> forms.TypedMultipleChoiceField:
    """Boxes to tick for an array of codes."""
    return forms.TypedMultipleChoiceField(choices=choices, required=required, widget=forms.CheckboxSelectMultiple)


def member_of(request: HttpRequest) -> User:
    """The staff member who acts: these pages open to nobody else."""
    assert isinstance(request.user, User)
    return request.user


class MembershipForm(forms.ModelForm):
    """A membership whose roles are ticked."""

    roles = several(Role.choices, required=True)

    class Meta:
        model = Membership
        fields = ["user", "structure", "roles", "is_active"]


class ActionForm(forms.ModelForm):
    """An action whose codes are ticked and whose criteria are read before they are saved."""

    themes = several(NeedTheme.choices, required=True)
    learner_publics = several(LearnerPublic.choices)
    programmes = several(Programme.choices)
    timetable = several(HalfDay.choices)
    scales = several(scale_choices())

    class Meta:
        model = Action
        fields = [field.name for field in Action._meta.fields if field.editable and field.name != "id"]

    def clean_criteria(self) -> Any:
        """Refuse criteria that cannot be read, saying which entry and which field."""
        criteria = self.cleaned_data["criteria"]
        try:
            parse_criteria([] if criteria is None else criteria)
        except BadCriteria as error:
            raise forms.ValidationError([str(fault) for fault in error.faults]) from error
        return criteria or []


class MembershipInline(admin.TabularInline):
    """The members of a structure, on its page."""

    model = Membership
    form = MembershipForm
    extra = 0
    autocomplete_fields = ["user"]


class SessionInline(admin.TabularInline):
    """The sessions of an action, on its page."""

    model = Session
    extra = 0


@admin.register(Structure)
class StructureAdmin(admin.ModelAdmin):
    """Opens and closes structures, and says who works there."""

    list_display = ["name", "short_name", "kind", "commune", "is_prescriber", "is_sensitive", "is_active"]
    list_filter = ["kind", "is_prescriber", "is_sensitive", "is_active", "source"]
    search_fields = ["name", "short_name", "source_id"]
    ordering = ["name", "id"]
    inlines = [MembershipInline]


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    """Who works where, and as what."""

    form = MembershipForm
    list_display = ["user", "structure", "roles", "is_active"]
    list_filter = ["is_active", "structure"]
    list_select_related = ["user", "structure"]
    search_fields = ["user__email", "structure__name"]
    autocomplete_fields = ["user", "structure"]


@admin.register(Action)
class ActionAdmin(admin.ModelAdmin):
    """Mends the catalogue between two loads."""

    form = ActionForm
    list_display = ["name", "structure", "shape", "is_published", "paused_until", "confirmed_on"]
    list_filter = ["is_published", "shape", "source"]
    list_select_related = ["structure"]
    search_fields = ["name", "slug", "structure__name"]
    ordering = ["name", "id"]
    autocomplete_fields = ["structure"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [SessionInline]

    def save_model(self, request: HttpRequest, obj: Action, form: ActionForm, change: bool) -> None:
        """Write it, with its line in the history."""
        user, now = member_of(request), timezone.now()
        if not change:
            super().save_model(request, obj, form, change)
            ActionChange.objects.log(obj, ChangeKind.CREATED, user, now, {}, {"name": obj.name})
            return
        obj.rewrite(user, now, **{name: form.cleaned_data[name] for name in form.changed_data})

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Write its sessions, each with its line in the history."""
        user, now = member_of(request), timezone.now()
        formset.save(commit=False)
        for session in formset.deleted_objects:
            session.remove(user, now)
        for session in formset.new_objects:
            session.add(user, now)
        for session, names in formset.changed_objects:
            session.change(user, now, **{name: getattr(session, name) for name in names})


@admin.register(Session)
class SessionAdmin(admin.ModelAdmin):
    """Dates and places."""

    def get_readonly_fields(self, request: HttpRequest, obj: Session | None = None) -> list[str]:
        """A session stays with its action: its fiches are there."""
        return ["action"] if obj else []

    def save_model(self, request: HttpRequest, obj: Session, form: Any, change: bool) -> None:
        """Write it, with its line in the history of the action."""
        user, now = member_of(request), timezone.now()
        if change:
            obj.change(user, now, **{name: form.cleaned_data[name] for name in form.changed_data})
        else:
            obj.add(user, now)

    def delete_model(self, request: HttpRequest, obj: Session) -> None:
        """Take it out, with what brings it back in the history."""
        obj.remove(member_of(request), timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        """Take several out, each with its line."""
        for session in queryset.select_related("action"):
            self.delete_model(request, session)

    list_display = ["action", "code", "starts_on", "ends_on", "places", "reserved"]
    list_select_related = ["action"]
    date_hierarchy = "starts_on"
    search_fields = ["code", "action__name"]
    autocomplete_fields = ["action"]
