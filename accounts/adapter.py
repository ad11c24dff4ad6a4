"""How allauth behaves here: nobody signs up, letters become rows, factors are stored encrypted."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any
from urllib.parse import quote

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context as allauth_context
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.emails import write
from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):
    """Accounts by invitation; letters are written to the database and posted by the worker."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "Cette adresse et ce mot de passe ne vont pas ensemble.",
        "too_many_login_attempts": (
            "Trop d’essais\u00a0: patientez cinq minutes, ou demandez un nouveau mot de passe."
        ),
        "rate_limited": "Trop de demandes en peu de temps\u00a0: patientez quelques minutes.",
        "incorrect_code": "Ce code n’est pas le bon, ou il a déjà servi.",
        "enter_current_password": "Ce n’est pas votre mot de passe actuel.",
        "invalid_password_reset": "Ce lien n’est plus valable.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: a manager or the support staff opens accounts."""
        return False

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Open the session; accounts created in bulk skip `User.save` and are vouched for here."""
        if isinstance(user, User):
            user.vouch_for_address()
        super().login(request, user)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Spare someone who has just logged in the same password twice while setting up the second factor.

        A login counts for the five minutes that a repeated password counts for; other pages about the
        security of the account ask again in any case.
        """
        required = super().is_reauthentication_required(app=app, **kwargs)
        request = allauth_context.request
        if not required or app != "allauth.mfa":
            return required
        records = get_authentication_records(request, request.user)
        return not records or time.time() - records[-1]["at"] > settings.ACCOUNT_REAUTHENTICATION_TIMEOUT

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write the letter as an `AccountLetter`, to be posted by the worker."""
        write(template_prefix, email, context, request=allauth_context.request, now=timezone.now())

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the link of the letter, at the address of the site and not at the one the request claims."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return settings.SITE_URL + path.replace("UID-KEY", quote(key))

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        """Return the link of the letter, at the address of the site."""
        return settings.SITE_URL + reverse("account_confirm_email", args=[emailconfirmation.key])


def _cipher() -> MultiFernet:
    """Keys drawn from SECRET_KEY and its predecessors: the first encrypts, all of them decrypt."""
    return MultiFernet(
        [
            Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"relais.second-factor:" + key.encode()).digest()))
            for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        ]
    )


class SecondFactorAdapter(DefaultMFAAdapter):
    """Keeps the secrets of the authenticator applications encrypted: a copy of the database is not enough
    to log in.
    """

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "Ce code n’est pas le bon, ou il a déjà servi.",
    }

    def encrypt(self, text: str) -> str:
        """Encrypt a secret for the database."""
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Read a secret back. Raises `cryptography.fernet.InvalidToken` when no known key made it."""
        return _cipher().decrypt(encrypted_text.encode()).decode()
