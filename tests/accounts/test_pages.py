"""Every page about the account opens, in French, without anything inline."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import User
from tests.accounts.conftest import PASSWORD, code_of

OPEN = {
    "account_login": "Se connecter",
    "account_signup": "Pas d’inscription libre",
    "account_reset_password": "Recevoir le lien",
    "account_reset_password_done": "Regardez votre messagerie",
    "account_reset_password_from_key_done": "Mot de passe enregistré",
    "account_inactive": "Compte fermé",
    "account_email_verification_sent": "Regardez votre messagerie",
}
OWN = {
    "account_logout": "Rester connecté",
    "account_email": "Changer d’adresse",
    "account_change_password": "Changer de mot de passe",
    "account_reauthenticate": "donner un code de l’application",
    "mfa_reauthenticate": "donner votre mot de passe",
    "mfa_index": "Codes de secours",
    "mfa_deactivate_totp": "Désactiver",
    "mfa_view_recovery_codes": "Chaque code ouvre votre compte une fois",
    "mfa_generate_recovery_codes": "Les codes actuels ne fonctionneront plus",
}
ENGLISH = re.compile(r"\b(the|your|password|please|sign in|account)\b", re.IGNORECASE)


def words(html: str) -> str:
    """What a reader sees: neither tags nor what stands in the head."""
    body = html.split("<main", 1)[-1].split("</main>", 1)[0]
    return re.sub(r"<[^>]+>", " ", body)


def check(html: str, expected: str) -> None:
    assert expected in html
    assert not ENGLISH.search(words(html))
    assert not re.search(r"[^\s\u00a0\u202f&;][ ]?[?!;](?=\s)", words(html)), "a French mark needs its space"
    assert ' style="' not in html
    assert "<style" not in html
    assert not re.search(r"<script(?![^>]*src=)", html)


@pytest.mark.django_db
@pytest.mark.parametrize("name", OPEN)
def test_a_page_before_the_login_opens_in_french(client: Any, name: str) -> None:
    check(client.get(reverse(name)).content.decode(), OPEN[name])


@pytest.mark.parametrize("name", OWN)
def test_a_page_of_one_s_own_account_opens_in_french(client: Any, user: User, secret: str, name: str) -> None:
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    check(client.get(reverse("mfa_authenticate")).content.decode(), "code à six chiffres")
    client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    check(client.get(reverse(name)).content.decode(), OWN[name])


def test_the_enrolment_page_shows_the_square_and_the_key(client: Any, user: User) -> None:
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    page = client.get(reverse("mfa_activate_totp")).content.decode()
    check(page, "data:image/svg+xml;base64,")


def test_a_colleague_without_a_password_chooses_one(client: Any, user: User) -> None:
    user.set_unusable_password()
    user.save()
    client.force_login(user)
    assert client.get(reverse("account_change_password")).url == reverse("account_set_password")
    check(client.get(reverse("account_set_password")).content.decode(), "Enregistrer le mot de passe")


@pytest.mark.django_db
def test_a_dead_link_says_so_and_what_to_do(client: Any) -> None:
    dead = client.get(reverse("account_reset_password_from_key", args=["1", "abc-def"]))
    check(dead.content.decode(), "Demander un nouveau lien")
    confirm = client.get(reverse("account_confirm_email", args=["abc"]))
    check(confirm.content.decode(), "Ce lien n’est plus valable")


def test_the_recovery_codes_can_be_kept_in_a_file(client: Any, user: User, secret: str) -> None:
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    file = client.get(reverse("mfa_download_recovery_codes"))
    assert file["Content-Type"].startswith("text/plain")
    assert len(file.content.split()) == 10


@pytest.mark.django_db
def test_too_many_requests_are_answered_429_in_french(client: Any) -> None:
    for _ in range(10):
        client.post(reverse("account_reset_password"), {"email": "x@example.org"})
    answer = client.post(reverse("account_reset_password"), {"email": "x@example.org"})
    assert answer.status_code == 429
    check(answer.content.decode(), "Patientez quelques minutes")
