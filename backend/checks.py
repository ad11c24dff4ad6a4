"""What `manage.py check` says about the protection of this installation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error

from backend.environment import is_loopback

REQUIRED_MIDDLEWARE = (
    "backend.middleware.PageHeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "backend.middleware.SessionEndMiddleware",
    "backend.middleware.LoginMiddleware",
    "backend.middleware.SecondFactorMiddleware",
)


def doors_are_closed(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report a protection that someone took away from the settings."""
    found: list[CheckMessage] = [
        Error(f"{name} is missing from MIDDLEWARE", id="relais.E001")
        for name in REQUIRED_MIDDLEWARE
        if name not in settings.MIDDLEWARE
    ]
    if settings.CONTENT_SECURITY_POLICY["DIRECTIVES"].get("default-src") != ["'none'"]:
        found.append(Error("the content security policy must start from nothing", id="relais.E002"))
    if not any("Argon2" in hasher for hasher in settings.PASSWORD_HASHERS[:1]):
        found.append(Error("passwords must be hashed with Argon2", id="relais.E003"))
    if apps.is_installed("rest_framework"):
        permissions = getattr(settings, "REST_FRAMEWORK", {}).get("DEFAULT_PERMISSION_CLASSES", [])
        if not permissions or "rest_framework.permissions.AllowAny" in permissions:
            found.append(
                Error(
                    "the API must ask for a login by default",
                    hint="set REST_FRAMEWORK['DEFAULT_PERMISSION_CLASSES'], IsAuthenticated first",
                    id="relais.E004",
                )
            )
    return found


def attachments_stand_apart(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report documents kept where a web server gives files away."""
    kept = Path(settings.ATTACHMENTS_DIR).resolve()
    served = [Path(folder).resolve() for folder in (settings.STATIC_ROOT, *settings.STATICFILES_DIRS)]
    if any(kept.is_relative_to(folder) for folder in served):
        return [Error("ATTACHMENTS_DIR must stand outside the static files", id="relais.E006")]
    return []


def demo_reaches_nobody(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report a demo whose letters could leave this machine."""
    if settings.DEMO and not is_loopback(settings.EMAIL_HOST):
        return [Error("the demo must post its letters to this machine only", id="relais.E005")]
    return []


def ready_for_real_people(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report what must not be so where real people are recorded."""
    found: list[CheckMessage] = []
    if settings.DEMO:
        found.append(Error("RELAIS_DEMO is set: this is a demo, not a production", id="relais.E010"))
    elif not settings.SECOND_FACTOR_REQUIRED:
        found.append(Error("the second factor must be required", id="relais.E011"))
    return found
