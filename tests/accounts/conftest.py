"""What the tests about accounts share."""

from __future__ import annotations

import time
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value

from accounts.models import User

PASSWORD = "une phrase assez longue 47"


@pytest.fixture
def user(db: None) -> User:
    """A colleague without a second factor."""
    return User.objects.create_user("awa.diallo@alire.example.org", PASSWORD, first_name="Awa", last_name="Diallo")


@pytest.fixture
def production(settings: Any) -> Any:
    """The rules that hold where real people are recorded."""
    settings.SECOND_FACTOR_REQUIRED = True
    return settings


def code_of(secret: str) -> str:
    """The six digits that an authenticator application would show now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


@pytest.fixture
def secret(user: User) -> str:
    """Give the colleague an authenticator application; return its key."""
    key = generate_totp_secret()
    TOTP.activate(user, key)
    RecoveryCodes.activate(user)
    return key
