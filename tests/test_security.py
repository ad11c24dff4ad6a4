"""Headers, secrets, logs: what holds whatever the page."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views.debug import get_exception_reporter_filter
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from backend.cache import JSONSerializer
from backend.checks import doors_are_closed
from backend.environment import sms
from backend.logging import NoPersonalData, QuietFormatter, SilentReporter, mask

ROOT = Path(__file__).resolve().parent.parent
SECRET = "k3J-x9_Qm2Lp7Zt4Rw8Yb1Nc6Hf5Gd0Vs-Ua_Ee2Ii4Oo6Uu8Yy1"
PRODUCTION = {
    "SECRET_KEY": SECRET,
    "ALLOWED_HOSTS": "relais.exemple.fr",
    "SITE_URL": "https://relais.exemple.fr",
    "DATABASE_URL": "postgresql://relais:vF8-pq2-Lm5-Zt9@db.exemple.fr/relais",
    "EMAIL_URL": "smtp+tls://relais:mot@smtp.exemple.fr:587",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
}
DEMO = {"RELAIS_DEMO": "1", "SECRET_KEY": "demo"}


def manage(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` in a process that knows nothing but `environment`."""
    clean = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


# --- Starting -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is missing"),
        ({"SECRET_KEY": "k3J-x9_Qm2"}, "SECRET_KEY is too short"),
        ({"SECRET_KEY": "a" * 60}, "SECRET_KEY is a well-known"),
        ({"SECRET_KEY": "django-insecure-" + SECRET}, "SECRET_KEY is a well-known"),
        (
            {"SECRET_KEY": "dev-only-key-of-at-least-fifty-characters-0123456789"},
            "SECRET_KEY is a well-known",
        ),
        ({"SECRET_KEY_FALLBACKS": "court"}, "SECRET_KEY is too short"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is missing"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS must name"),
        ({"SITE_URL": ""}, "SITE_URL is missing"),
        ({"SITE_URL": "http://relais.exemple.fr"}, "SITE_URL must start with https"),
        ({"SITE_URL": "https://ailleurs.exemple.fr"}, "SITE_URL must lead to one of"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is missing"),
        ({"DATABASE_URL": "sqlite:///relais.db"}, "DATABASE_URL must start"),
        ({"DATABASE_URL": "postgresql://relais@db/relais"}, "database password"),
        ({"DATABASE_URL": "postgresql://relais:postgres@db/relais"}, "database password"),
        ({"EMAIL_URL": ""}, "EMAIL_URL is missing"),
        ({"EMAIL_URL": "smtp://relais:mot@smtp.exemple.fr"}, "password in clear"),
        ({"SMS_URL": "sms.exemple.fr"}, "SMS_URL must be like"),
        ({"SMS_URL": "http://jeton@sms.exemple.fr/"}, "token in clear"),
        ({"SMS_URL": "https://jeton@sms.exemple.fr/", "SMS_BODY": "{to}"}, "SMS_BODY must be JSON"),
        (
            {"SMS_URL": "https://jeton@sms.exemple.fr/", "SMS_BODY": '{"to": ["{to}"]}'},
            "SMS_BODY must be a JSON",
        ),
        ({"TRUSTED_PROXY_COUNT": "beaucoup"}, "TRUSTED_PROXY_COUNT must be"),
        ({"ATTACHMENT_SCANNER": "clamdscan --fdpass"}, "ATTACHMENT_SCANNER must begin with the whole path"),
        ({"ATTACHMENT_SCANNER": "/tmp"}, "ATTACHMENT_SCANNER must begin with the whole path"),
        ({"RELAIS_DEMO": "1"}, "EMAIL_URL must lead to this machine"),
    ],
)
def test_a_production_with_a_weak_or_missing_setting_does_not_start(change: dict[str, str], reason: str) -> None:
    ran = manage(PRODUCTION | change, "check")
    assert ran.returncode != 0
    assert reason in ran.stderr
    for value in change.values():
        if value and "://" not in value and len(value) > 8:
            assert value not in ran.stderr.replace(reason, "")


def test_a_production_with_strong_settings_passes_the_deployment_checks_without_a_warning() -> None:
    ran = manage(PRODUCTION, "check", "--deploy", "--fail-level", "WARNING")
    assert ran.returncode == 0, ran.stderr


def test_the_demo_starts_with_a_key_alone_and_is_not_taken_for_a_production() -> None:
    assert manage(DEMO, "check").returncode == 0
    assert "relais.E010" in manage(DEMO, "check", "--deploy").stderr


@pytest.mark.parametrize("host", ["smtp.exemple.fr", "10.0.0.1", "localhost.exemple.fr"])
def test_a_demo_that_could_write_to_a_real_association_does_not_start(host: str) -> None:
    assert "this machine" in manage(DEMO | {"EMAIL_URL": f"smtp://{host}:25"}, "check").stderr


def test_a_demo_that_could_text_somebody_does_not_start() -> None:
    assert "this machine" in manage(DEMO | {"SMS_URL": "https://jeton@sms.exemple.fr/"}, "check").stderr


def test_the_address_of_the_gateway_tells_how_to_speak_to_it_and_its_token_is_never_shown() -> None:
    bearer = sms("https://jet%40n@sms.exemple.fr:8443/v1/sms?compte=3", "", "https://relais.exemple.fr", demo=False)
    assert bearer is not None
    assert (bearer.host, bearer.port, bearer.path) == ("sms.exemple.fr", 8443, "/v1/sms?compte=3")
    assert (bearer.authorization, bearer.body) == ("Bearer jet@n", {"to": "{to}", "text": "{text}"})
    assert "jet@n" not in repr(bearer)
    basic = sms("http://nom:mot@127.0.0.1/", '{"a": [{"b": "{to}"}], "c": "{text}"}', "http://localhost", demo=True)
    assert basic is not None
    assert (basic.authorization, basic.port, basic.is_secure) == ("Basic bm9tOm1vdA==", 80, False)
    assert sms("", "", "https://relais.exemple.fr", demo=False) is None
    with pytest.raises(ImproperlyConfigured, match="too long for text messages"):
        sms("https://jeton@sms.exemple.fr/", "", "https://" + "r" * 60, demo=False)


def test_a_protection_taken_away_is_reported(settings: Any) -> None:
    assert doors_are_closed(None) == []
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.endswith("LoginMiddleware")]
    assert [error.id for error in doors_are_closed(None)] == ["relais.E001"]


def test_production_cookies_bear_the_host_prefix_and_travel_by_https_only() -> None:
    shown = manage(
        PRODUCTION,
        "shell",
        "-c",
        "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, "
        "s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_NAME, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS)",
    )
    assert "__Host-relais-session True __Host-relais-csrf True 31536000" in shown.stdout


# --- Headers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["login", "missing", "admin", "public", "api"])
def test_every_page_bears_the_protecting_headers(client: Any, settings: Any, db: None, path: str) -> None:
    settings.ROOT_URLCONF = "tests.accounts.urls"
    if path == "admin":
        client.force_login(User.objects.create_superuser("aide@example.org"))
    address = {
        "login": reverse("account_login"),
        "missing": "/nulle-part/",
        "admin": reverse("admin:index"),
        "public": "/public/abc/",
        "api": "/api/essai/",
    }[path]
    answer = client.get(address)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for directive in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "script-src 'self'"):
        assert directive in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    assert answer["Cache-Control"] == "no-store, private"
    assert answer["Referrer-Policy"] == ("strict-origin" if path in {"login", "public"} else "same-origin")


def test_every_address_asks_for_a_login_unless_it_says_otherwise(client: Any, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.accounts.urls"
    assert client.get("/public/abc/").status_code == 200
    assert client.get(reverse("mfa_index")).url.startswith(reverse("account_login"))
    assert client.get(reverse("admin:index")).url == "/admin/login/?next=/admin/"
    assert client.get("/admin/login/?next=/admin/").url.startswith(reverse("account_login"))


@pytest.mark.django_db
def test_the_admin_is_closed_to_those_who_are_not_of_the_staff(client: Any) -> None:
    client.force_login(User.objects.create_user("awa@example.org"))
    assert client.get(reverse("admin:index")).status_code in {302, 403}
    assert client.get("/admin/login/").status_code == 403


@pytest.mark.django_db
def test_the_admin_pages_hold_no_inline_script_or_style(client: Any) -> None:
    staff = User.objects.create_superuser("aide@example.org")
    client.force_login(staff)
    for address in (
        reverse("admin:index"),
        reverse("admin:accounts_user_changelist"),
        reverse("admin:accounts_user_change", args=[staff.pk]),
        reverse("admin:accounts_accountletter_changelist"),
    ):
        page = client.get(address).content.decode()
        assert "<style" not in page
        assert ' style="' not in page
        assert "onclick=" not in page
        assert all("src=" in tag or "application/json" in tag for tag in page.split("<script")[1:])
        assert "argon2" not in page


# --- Logs ---------------------------------------------------------------------------------------------------


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the real handler writes, filter and formatter included."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(NoPersonalData())
    handler.setFormatter(QuietFormatter("{levelname} {name} {message}", style="{"))
    root = logging.getLogger()
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def test_every_handler_of_the_settings_is_masked() -> None:
    handlers = django_settings.LOGGING["handlers"].values()
    assert all(handler["filters"] == ["no_personal_data"] and handler["formatter"] == "quiet" for handler in handlers)
    assert not any("Email" in handler["class"] for handler in handlers)


def test_a_failing_view_writes_where_it_failed_and_nobody_s_data(settings: Any, log: io.StringIO) -> None:
    settings.ROOT_URLCONF = "tests.accounts.urls"
    client = Client(raise_request_exception=False)
    answer = client.post(
        "/echec/?nom=Durand",
        {"name": "Durand 06 12 34 56 78 awa@example.org"},
        headers={"user-agent": "Durand"},
    )
    assert answer.status_code == 500
    written = log.getvalue()
    assert "builtins.ValueError" in written
    assert "tests/accounts/urls.py" in written
    for private in ("Durand", "06 12", "awa@"):
        assert private not in written
        assert private not in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_faulty_row_that_postgresql_repeats_is_not_written(log: io.StringIO) -> None:
    User.objects.create_user("awa.diallo@example.org")
    try:
        with connection.cursor() as cursor:
            cursor.execute("insert into accounts_user select * from accounts_user")
    except IntegrityError:
        logging.getLogger("relais").exception("saving failed for %s", "awa.diallo@example.org")
    assert "IntegrityError" in log.getvalue()
    assert "diallo" not in log.getvalue()


def test_a_failed_task_is_described_without_its_arguments(log: io.StringIO) -> None:
    logging.getLogger("celery.app.trace").error(
        "Task %(name)s[%(id)s] raised unexpected: %(exc)s %(args)s",
        {"name": "post", "id": "1", "exc": "ValueError('Durand')", "args": "('Durand',)"},
    )
    assert "Durand" not in log.getvalue()
    assert "Task post[1]" in log.getvalue()


def test_a_signed_link_is_not_written_when_it_is_not_found(client: Any, log: io.StringIO, db: None) -> None:
    client.get("/suivi/eyJmIjoxfQ:1tDkzA:Zk3hVbq0aQ-fXl9/")
    assert "Not Found" in log.getvalue()
    assert "eyJ" not in log.getvalue()


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("sent to awa.diallo@example.org", "sent to […]"),
        ("call 06 12 34 56 78 now", "call […] now"),
        ("+33612345678", "[…]"),
        ("NIR 1 85 05 78 006 084 36", "NIR […]"),
        ("GET /personnes/?q=Durand 200", "GET /personnes/?[…] 200"),
        ("GET /fiches/R-7K2M/ 200 in 35 ms", "GET /fiches/R-7K2M/ 200 in 35 ms"),
    ],
)
def test_what_the_mask_hides_and_keeps(line: str, kept: str) -> None:
    assert mask(line) == kept


@given(st.text(max_size=300))
def test_masking_never_fails_and_masks_once_for_all(text: str) -> None:
    assert mask(mask(text)) == mask(text)


def test_an_error_report_holds_nothing_of_the_request_nor_of_the_variables() -> None:
    assert django_settings.DEFAULT_EXCEPTION_REPORTER == "backend.logging.SilentReporter"
    typed = {"name": "Durand".upper()}
    request = RequestFactory().post("/echec/?q=DURAND", typed, headers={"cookie": "x=DURAND"})
    try:
        raise ValueError(typed["name"])
    except ValueError:
        reporter = SilentReporter(request, *sys.exc_info())
    for text in (reporter.get_traceback_text(), reporter.get_traceback_html()):
        assert "ValueError" in text
        assert "DURAND" not in text


def test_an_error_report_read_in_a_browser_holds_no_markup_of_the_error() -> None:
    try:
        raise ImproperlyConfigured("<script>alert(1)</script>")
    except ImproperlyConfigured:
        reporter = SilentReporter(None, *sys.exc_info())
    assert "<script>" in reporter.get_traceback_text()
    assert "&lt;script&gt;" in reporter.get_traceback_html()
    assert "<script>" not in reporter.get_traceback_html()


def test_the_filter_of_reports_hides_what_other_tools_would_ask_for() -> None:
    request = RequestFactory().post("/", {"name": "Durand"}, headers={"cookie": "x=Durand"})
    reports = get_exception_reporter_filter(request)
    assert reports.get_post_parameters(request) == reports.get_safe_cookies(request) == {}
    assert reports.get_safe_settings() == {}
    assert set(reports.get_safe_request_meta(request)) == {"REQUEST_METHOD", "CONTENT_TYPE"}
    assert reports.get_traceback_frame_variables(request, sys._getframe()) == {}.items()


# --- The cache ----------------------------------------------------------------------------------------------


def test_the_cache_holds_json_never_pickles() -> None:
    serializer = JSONSerializer()
    assert serializer.dumps(1) == 1
    for value in (True, None, [1.5, 2.5], "mot"):
        stored = serializer.dumps(value)
        assert isinstance(stored, bytes)
        assert serializer.loads(stored) == value
    with pytest.raises(TypeError):
        serializer.dumps(object())
    with pytest.raises(ValueError, match=r"JSON|codec|Expecting"):
        serializer.loads(b"\x80\x04N.")


def test_the_cache_is_the_real_server() -> None:
    cache.set("essai", [1, 2], timeout=5)
    assert cache.get("essai") == [1, 2]
    assert cache.get("autre") is None
