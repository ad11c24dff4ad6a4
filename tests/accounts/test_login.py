"""Who gets in, and after what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.contrib.auth import get_user
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.accounts.conftest import PASSWORD, code_of

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def log_in(client: Any, email: str, password: str = PASSWORD) -> Any:
    return client.post(reverse("account_login"), {"login": email, "password": password})


def logged_in(client: Any) -> bool:
    return get_user(client).is_authenticated  # type: ignore[arg-type] # the client carries the session


# --- Passwords ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    [
        "Tr3s-solide!14",
        "123456789012345678",
        "awa.diallo@alire.example.org",
    ],
)
def test_a_password_that_is_short_or_digits_or_the_address_is_refused(user: User, password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password, user)


def test_a_password_of_fifteen_characters_passes(user: User) -> None:
    validate_password("rivière oubliée", user)


def test_passwords_are_hashed_with_argon2id(user: User) -> None:
    assert user.password.startswith("argon2$argon2id$")


def test_changing_to_a_password_of_fourteen_characters_is_refused_next_to_the_field(client: Any, user: User) -> None:
    client.force_login(user)
    data = {"oldpassword": PASSWORD, "password1": "Tr3s-solide!14", "password2": "Tr3s-solide!14"}
    page = client.post(reverse("account_change_password"), data)
    assert "15" in str(page.context["form"].errors["password1"])
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


# --- Login --------------------------------------------------------------------------------------------------


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client: Any, user: User) -> None:
    wrong = log_in(client, user.email, "pas le bon du tout")
    unknown = log_in(client, "personne@example.org", "pas le bon du tout")
    assert wrong.status_code == unknown.status_code == 200
    assert wrong.context["form"].errors == unknown.context["form"].errors


def test_the_sixth_wrong_password_in_five_minutes_closes_the_door_even_to_the_right_one(
    client: Any, user: User
) -> None:
    for _ in range(5):
        log_in(client, user.email, "pas le bon du tout")
    answer = log_in(client, user.email)
    assert "Trop d’essais" in str(answer.context["form"].errors)
    assert not logged_in(client)


def test_attempts_are_counted_across_processes(client: Any, user: User, settings: Any) -> None:
    for _ in range(5):
        log_in(Client(), user.email, "pas le bon du tout")
    settings.CACHES = dict(settings.CACHES)  # a new connection, as another worker has
    assert "Trop d’essais" in str(log_in(client, user.email).context["form"].errors)


def test_without_redis_people_log_in_and_attempts_are_still_counted(client: Any, user: User, settings: Any) -> None:
    away = settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": away}
    for _ in range(5):
        log_in(Client(), user.email, "pas le bon du tout")
    assert "Trop d’essais" in str(log_in(client, user.email).context["form"].errors)
    other = User.objects.create_user("autre@alire.example.org", PASSWORD)
    log_in(client, other.email)
    assert logged_in(client)


def test_the_case_of_the_address_does_not_matter(client: Any, user: User) -> None:
    log_in(client, "Awa.DIALLO@alire.example.org")
    assert logged_in(client)


def test_a_closed_account_does_not_get_in(client: Any, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)
    answer = log_in(client, user.email)
    assert answer.url == reverse("account_inactive")
    assert "Compte fermé" in client.get(answer.url).content.decode()
    assert not logged_in(client)


def test_nobody_can_open_an_account(client: Any, db: None) -> None:
    data = {"email": "intrus@example.org", "password1": PASSWORD, "password2": PASSWORD}
    answer = client.post(reverse("account_signup"), data)
    assert "Pas d’inscription libre" in answer.content.decode()
    assert not User.objects.exists()


def test_logging_out_needs_a_click(client: Any, user: User) -> None:
    client.force_login(user)
    assert client.get(reverse("account_logout")).status_code == 200
    assert logged_in(client)
    client.post(reverse("account_logout"))
    assert not logged_in(client)


def test_a_login_never_leads_to_another_site(client: Any, user: User) -> None:
    data = {"login": user.email, "password": PASSWORD, "next": "https://ailleurs.example.net/"}
    assert "ailleurs" not in client.post(reverse("account_login"), data).url


# --- The second factor --------------------------------------------------------------------------------------


def test_in_production_someone_without_a_second_factor_is_led_to_it_from_every_page(
    client: Any, user: User, production: Any
) -> None:
    log_in(client, user.email)
    for name in ("account_email", "account_change_password", "mfa_index"):
        assert client.get(reverse(name)).url == reverse("mfa_activate_totp")
    assert client.get(reverse(production.LOGIN_REDIRECT_URL)).url == reverse("mfa_activate_totp")


def test_in_production_the_staff_site_too_asks_for_a_second_factor(client: Any, production: Any, db: None) -> None:
    staff = User.objects.create_superuser("aide@example.org", PASSWORD)
    client.force_login(staff)
    assert client.get(reverse("admin:index")).url == reverse("mfa_activate_totp")


def test_a_program_without_a_second_factor_gets_403_in_json(client: Any, user: User, production: Any) -> None:
    production.ROOT_URLCONF = "tests.accounts.urls"
    client.force_login(user)
    answer = client.get("/api/essai/")
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")


def test_a_program_without_a_login_gets_401_in_json(client: Any, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.accounts.urls"
    answer = client.get("/api/essai/")
    assert (answer.status_code, answer.json()["status"]) == (401, 401)


def test_a_piece_of_page_after_the_end_of_the_session_leads_the_whole_page_to_the_login(
    client: Any,
) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/compte/securite/"}
    answer = client.get(reverse("mfa_index"), headers=headers)
    assert answer["HX-Redirect"] == f"{reverse('account_login')}?next=%2Fcompte%2Fsecurite%2F"


def test_a_piece_of_page_leads_the_whole_page_to_the_second_factor(client: Any, user: User, production: Any) -> None:
    client.force_login(user)
    answer = client.get(reverse("mfa_index"), headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == reverse("mfa_activate_totp")


def test_in_the_demo_the_second_factor_is_optional(client: Any, user: User) -> None:
    log_in(client, user.email)
    assert client.get(reverse("mfa_index")).status_code == 200


def test_enrolment_in_production_runs_to_its_end(client: Any, user: User, production: Any) -> None:
    log_in(client, user.email)
    page = client.get(reverse("mfa_activate_totp"))
    key = page.context["form"].secret
    assert key in page.content.decode()
    refused = client.post(reverse("mfa_activate_totp"), {"code": "000000"})
    assert "pas le bon" in str(refused.context["form"].errors)
    done = client.post(reverse("mfa_activate_totp"), {"code": code_of(key)})
    assert done.url == reverse("mfa_view_recovery_codes")
    codes = client.get(done.url).context["unused_codes"]
    assert len(codes) == 10
    assert client.get(reverse("mfa_index")).status_code == 200


def test_the_password_alone_does_not_open_an_account_with_a_second_factor(client: Any, user: User, secret: str) -> None:
    answer = log_in(client, user.email)
    assert answer.url == reverse("mfa_authenticate")
    assert not logged_in(client)
    wrong = client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert "pas le bon" in wrong.content.decode()
    assert not logged_in(client)


def test_password_then_code_open_the_account(client: Any, user: User, secret: str, production: Any) -> None:
    log_in(client, user.email)
    client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    assert logged_in(client)
    assert client.get(reverse("mfa_index")).status_code == 200


def test_a_code_serves_once_as_long_as_it_lives(user: User, secret: str) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        code = code_of(secret)
        first, second = Client(), Client()
        log_in(first, user.email)
        first.post(reverse("mfa_authenticate"), {"code": code})
        assert logged_in(first)
        clock.shift(timedelta(seconds=29))
        log_in(second, user.email)
        second.post(reverse("mfa_authenticate"), {"code": code})
        assert not logged_in(second)


def test_a_recovery_code_opens_the_account_once(client: Any, user: User, secret: str) -> None:
    rescue = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES).wrap()
    code = rescue.get_unused_codes()[0]
    log_in(client, user.email)
    client.post(reverse("mfa_authenticate"), {"code": code})
    assert logged_in(client)
    again = Client()
    log_in(again, user.email)
    again.post(reverse("mfa_authenticate"), {"code": code})
    assert not logged_in(again)


def test_the_keys_of_the_applications_are_encrypted_in_the_database(user: User, secret: str, settings: Any) -> None:
    stored = Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP)
    assert secret not in str(stored.data)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another-" * 8
    assert stored.wrap().validate_code(code_of(secret))


def test_removing_the_second_factor_asks_for_the_password_again(client: Any, user: User, secret: str) -> None:
    client.force_login(user)
    answer = client.post(reverse("mfa_deactivate_totp"))
    assert answer.url.startswith(reverse("account_reauthenticate"))
    assert Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()


# --- Sessions -----------------------------------------------------------------------------------------------


def test_an_hour_without_a_request_ends_the_session(client: Any, user: User) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        client.force_login(user)
        client.get(reverse("mfa_index"))
        clock.shift(timedelta(minutes=59))
        assert client.get(reverse("mfa_index")).status_code == 200
        clock.shift(timedelta(minutes=61))
        answer = client.get(reverse("mfa_index"))
        assert answer.url.startswith(reverse("account_login"))
        assert "Votre session est terminée" in client.get(answer.url).content.decode()


def test_twelve_hours_end_the_session_of_someone_who_never_stops(client: Any, user: User) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        client.force_login(user)
        for _ in range(24):
            assert client.get(reverse("mfa_index")).status_code == 200
            clock.shift(timedelta(minutes=30))
        assert client.get(reverse("mfa_index")).status_code == 302


def test_a_session_ends_with_the_browser(client: Any, user: User) -> None:
    log_in(client, user.email)
    assert client.session.get_expire_at_browser_close()
    cookie = client.cookies["relais-session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", "")
