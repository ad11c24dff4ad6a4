"""The letters about accounts. Nothing is posted here: each letter is a row that the worker posts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allauth.account.app_settings import PASSWORD_RESET_TOKEN_GENERATOR
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import AccountLetter, User


def drawn(template_prefix: str, context: dict[str, Any], request: HttpRequest | None = None) -> tuple[str, str]:
    """The subject and the text of the letter of `<template_prefix>_subject.txt` and `<template_prefix>_message.txt`.

    Subjects hold no name and no address: they are read over the shoulder and kept by every server on the way.
    """
    full = {**context, "site_url": settings.SITE_URL}
    subject = " ".join(render_to_string(f"{template_prefix}_subject.txt", full).split())
    return subject, render_to_string(f"{template_prefix}_message.txt", full, request).strip() + "\n"


def write(
    template_prefix: str, to: str, context: dict[str, Any], *, request: HttpRequest | None, now: datetime
) -> AccountLetter:
    """Write a letter to the address `to`."""
    subject, body = drawn(template_prefix, context, request)
    return AccountLetter.objects.create(to=to, subject=subject, body_text=body, created_at=now, not_before=now)


def invitation(user: User, *, now: datetime) -> AccountLetter:
    """Write the letter by which a new colleague chooses a first password; its link lives as long as a reset
    link.
    """
    token = PASSWORD_RESET_TOKEN_GENERATOR().make_token(user)
    path = reverse("account_reset_password_from_key", args=[user_pk_to_url_str(user), token])
    context = {"password_url": settings.SITE_URL + path, "days": settings.PASSWORD_RESET_TIMEOUT // 86_400}
    return write("account/email/invitation", user.email, context, request=None, now=now)
