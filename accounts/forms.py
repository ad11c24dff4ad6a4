"""The forms of the second factor, stricter than allauth's on one point: a code serves once."""

from __future__ import annotations

from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from django.conf import settings
from django.core.cache import cache


def _refuse_twice(user_pk: int, code: str) -> None:
    # allauth forgets a used code after one step; with the tolerance, a code lives for three.
    life = 30 * (2 * settings.MFA_TOTP_TOLERANCE + 1)
    if not cache.add(f"second-factor-used:{user_pk}:{code}", 1, timeout=life):
        raise get_adapter().validation_error("incorrect_code")


class CodeAtLoginForm(AuthenticateForm):
    """Asks for a code of the application, or a recovery code, after the password."""

    def clean_code(self) -> str:
        """Return the code. Raises `ValidationError` when it is wrong or has served."""
        code = super().clean_code()
        _refuse_twice(self.user.pk, code)
        return code


class CodeAgainForm(ReauthenticateForm):
    """Asks for a code before a page about the security of the account."""

    def clean_code(self) -> str:
        """Return the code. Raises `ValidationError` when it is wrong or has served."""
        code = super().clean_code()
        _refuse_twice(self.user.pk, code)
        return code
