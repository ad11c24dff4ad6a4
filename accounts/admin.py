"""Accounts and their letters, for the support staff."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone

from accounts.emails import invitation
from accounts.models import AccountLetter, User

admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    """Opens, closes and finds accounts. Passwords are neither shown nor set: a letter lets the person
    choose one.
    """

    list_display = ["email", "last_name", "first_name", "job_title", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "last_name", "first_name"]
    ordering = ["email"]
    fields = [
        "email",
        "first_name",
        "last_name",
        "job_title",
        "is_active",
        "is_staff",
        "is_superuser",
        "user_permissions",
        "last_login",
        "date_joined",
    ]
    filter_horizontal = ["user_permissions"]
    readonly_fields = ["last_login", "date_joined"]
    actions = ["invite"]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Let a superuser alone give rights: staff who could would give them to themselves."""
        rights = [] if request.user.is_superuser else ["is_staff", "is_superuser", "user_permissions"]
        return [*self.readonly_fields, *rights]

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        """Save; write the invitation of a new account."""
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        if not change:
            invitation(obj, now=timezone.now())
            messages.info(request, "Une lettre d’invitation va partir.")

    @admin.action(description="Envoyer une lettre d’invitation", permissions=["change"])
    def invite(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Write a new invitation to each active account that was chosen."""
        users = list(queryset.filter(is_active=True).order_by("pk"))
        for user in users:
            invitation(user, now=timezone.now())
        messages.info(request, f"Lettres d’invitation à envoyer\u00a0: {len(users)}.")


@admin.register(AccountLetter)
class AccountLetterAdmin(admin.ModelAdmin):
    """Whether letters leave. Their text is not shown: it can hold a link that opens the account."""

    list_display = ["subject", "to", "state", "created_at", "sent_at", "attempts", "failure"]
    list_filter = ["state"]
    ordering = ["-created_at"]
    readonly_fields = ["subject", "to", "state", "created_at", "sent_at", "attempts", "failure"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by hand."""
        return False
