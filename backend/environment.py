"""Reads what the environment says, and refuses what would be unsafe to start with.

Every function is pure: given a value, it answers or raises `ImproperlyConfigured` with one sentence that
says what to change. No secret is ever repeated in the sentence.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import re
import shlex
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

MIN_SECRET_LENGTH = 50
MIN_SECRET_VARIETY = 10
MIN_DATABASE_PASSWORD = 12
MIN_TOKEN_LENGTH = 32
# Openings and words of keys that stand in documentation, examples and development files.
KNOWN_SECRETS = re.compile(
    r"^(?:dev|demo|test|local)\b|django-insecure|change-?_?me|changez|example|exemple|not-?so-?secret|your-?secret"
    r"|secret-?_?key|0123456789|azerty|qwerty",
    re.IGNORECASE,
)
KNOWN_PASSWORDS = {
    "relais",
    "postgres",
    "postgresql",
    "password",
    "motdepasse",
    "changeme",
    "secret",
    "admin",
}


def env_bool(name: str, default: bool = False) -> bool:
    """Read a yes/no variable: 1, true, yes and on are yes."""
    return os.environ.get(name, str(default)).strip().lower() in {"1", "true", "yes", "on"}


def env_list(name: str, default: str = "") -> list[str]:
    """Read a comma-separated variable."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def env_int(name: str, default: int) -> int:
    """Read a whole number. Raises `ImproperlyConfigured` for anything else."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    if not value.isdigit():
        raise ImproperlyConfigured(f"{name} must be a whole number")
    return int(value)


def is_loopback(host: str | None) -> bool:
    """Whether `host` is this very machine, by name or by number; no name is looked up."""
    if host in {"localhost", "localhost.localdomain"}:
        return True
    try:
        return ipaddress.ip_address((host or "").strip("[]")).is_loopback
    except ValueError:
        return False


def secret_key(value: str, *, demo: bool) -> str:
    """Return the key, or refuse it: missing (always), short, monotonous or well-known (outside the demo)."""
    if not value:
        raise ImproperlyConfigured("SECRET_KEY is missing: give a random value of 50 characters or more")
    if demo:
        return value
    if len(value) < MIN_SECRET_LENGTH:
        raise ImproperlyConfigured(f"SECRET_KEY is too short: {MIN_SECRET_LENGTH} characters or more, at random")
    if len(set(value)) < MIN_SECRET_VARIETY or KNOWN_SECRETS.search(value):
        raise ImproperlyConfigured("SECRET_KEY is a well-known or guessable value: draw one at random")
    return value


def allowed_hosts(hosts: list[str], *, demo: bool) -> list[str]:
    """Return the host names that are answered to. Outside the demo they must be given, without `*`."""
    if demo:
        return hosts or ["localhost", "127.0.0.1", "[::1]"]
    if not hosts:
        raise ImproperlyConfigured("ALLOWED_HOSTS is missing: the host names of this site, separated by commas")
    if any("*" in host for host in hosts):
        raise ImproperlyConfigured("ALLOWED_HOSTS must name each host: no *")
    return hosts


def site_url(value: str, hosts: list[str], *, demo: bool) -> str:
    """Return the address that letters lead to, without a final slash. Outside the demo: https and an
    allowed host.
    """
    url = (value or ("http://localhost:8000" if demo else "")).rstrip("/")
    if not url:
        raise ImproperlyConfigured("SITE_URL is missing: the https address that people type")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
        raise ImproperlyConfigured("SITE_URL must be like https://relais.exemple.fr, without a path")
    if not demo and parts.scheme != "https":
        raise ImproperlyConfigured("SITE_URL must start with https://")
    if not demo and parts.hostname not in {host.lstrip(".") for host in hosts}:
        raise ImproperlyConfigured("SITE_URL must lead to one of ALLOWED_HOSTS")
    return url


def addresses(name: str, values: list[str]) -> list[str]:
    """Return e-mail addresses, or refuse the first thing that is none, by its place alone."""
    for number, value in enumerate(values, 1):
        try:
            validate_email(value)
        except ValidationError:
            raise ImproperlyConfigured(f"{name} must hold e-mail addresses: number {number} is none") from None
    return values


def token(name: str, value: str) -> str:
    """Return a token that a program bears, or refuse a guessable one; none is allowed."""
    if value and (len(value) < MIN_TOKEN_LENGTH or len(set(value)) < MIN_SECRET_VARIETY):
        raise ImproperlyConfigured(f"{name} is too short: {MIN_TOKEN_LENGTH} characters or more, at random")
    return value


def database(url: str, *, demo: bool) -> dict[str, Any]:
    """Turn `postgresql://user:password@host:port/name?host=/socket/folder` into Django's dictionary.

    Outside the demo the address must be given, and over the network its password must be a real one; a Unix
    socket needs none, the system tells who calls.
    """
    if not url:
        if not demo:
            raise ImproperlyConfigured("DATABASE_URL is missing")
        url = "postgresql://relais@127.0.0.1:5432/relais"
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ImproperlyConfigured("DATABASE_URL must start with postgresql://")
    query = dict(parse_qsl(parts.query))
    name, user = unquote(parts.path.lstrip("/")) or "relais", unquote(parts.username or "")
    password = unquote(parts.password or "")
    host = query.pop("host", None) or unquote(parts.hostname or "")
    if not demo and not host.startswith("/"):
        weak = len(password) < MIN_DATABASE_PASSWORD or password.lower() in {*KNOWN_PASSWORDS, user, name}
        if weak:
            raise ImproperlyConfigured(
                "the database password in DATABASE_URL is missing, default or short: "
                f"{MIN_DATABASE_PASSWORD} characters or more"
            )
    port = query.pop("port", None) or str(parts.port or "")
    options = {key: query[key] for key in ("sslmode", "sslrootcert", "application_name") if key in query}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": user,
        "PASSWORD": password,
        "HOST": host,
        "PORT": port,
        "OPTIONS": options,
    }


def command(name: str, value: str) -> list[str]:
    """Split a command line into its words; empty for none. Its program must be a file that can be run, by its
    whole path.
    """
    words = shlex.split(value)
    if words and not (os.path.isabs(words[0]) and os.access(words[0], os.X_OK) and os.path.isfile(words[0])):
        raise ImproperlyConfigured(f"{name} must begin with the whole path of a program that can be run")
    return words


EMAIL_SCHEMES = {"smtp": 25, "smtps": 465, "smtp+tls": 587}


def email(url: str, *, demo: bool) -> dict[str, Any]:
    """Turn `smtp://`, `smtps://` or `smtp+tls://user:password@host:port` into Django's EMAIL_* settings.

    In the demo the server must be on this machine: a demo must be unable to write to a real association.
    """
    if not url:
        if not demo:
            raise ImproperlyConfigured("EMAIL_URL is missing: smtp+tls://user:password@host:587")
        url = "smtp://127.0.0.1:1025"
    parts = urlsplit(url)
    if parts.scheme not in EMAIL_SCHEMES or not parts.hostname:
        raise ImproperlyConfigured("EMAIL_URL must be smtp://, smtps:// or smtp+tls://user:password@host:port")
    if demo and not is_loopback(parts.hostname):
        raise ImproperlyConfigured("in the demo, EMAIL_URL must lead to this machine (127.0.0.1)")
    if not demo and parts.scheme == "smtp" and parts.username and not is_loopback(parts.hostname):
        raise ImproperlyConfigured("EMAIL_URL would send its password in clear: use smtps:// or smtp+tls://")
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or EMAIL_SCHEMES[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
    }


@dataclass(frozen=True)
class SmsGateway:
    """Where text messages are posted. `body` is the JSON that the gateway expects, with `{to}` and `{text}` in it."""

    host: str
    port: int
    path: str
    is_secure: bool
    authorization: str = field(repr=False)
    body: dict[str, Any]


LONGEST_SITE_URL = 53
"""Characters that a text message of one segment leaves to the address of the site, beside its words and its key."""

SMS_BODY = '{"to": "{to}", "text": "{text}"}'


def sms(url: str, body: str, site: str, *, demo: bool) -> SmsGateway | None:
    """Turn `https://token@host/path` and the JSON of its body into a gateway; without an address, there is none.

    A token goes as `Authorization: Bearer`, `user:password` as `Basic`. In clear only towards this machine, which is
    where the demo's must be.
    """
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
        raise ImproperlyConfigured("SMS_URL must be like https://token@host/path")
    if len(site) > LONGEST_SITE_URL:
        raise ImproperlyConfigured(f"SITE_URL is too long for text messages: {LONGEST_SITE_URL} characters at most")
    if not is_loopback(parts.hostname):
        if demo:
            raise ImproperlyConfigured("in the demo, SMS_URL must lead to this machine (127.0.0.1)")
        if parts.scheme == "http":
            raise ImproperlyConfigured("SMS_URL would send its token in clear: use https://")
    try:
        template = json.loads(body or SMS_BODY)
    except ValueError as error:
        raise ImproperlyConfigured("SMS_BODY must be JSON") from error
    if not isinstance(template, dict) or not {"{to}", "{text}"} <= _leaves(template):
        raise ImproperlyConfigured('SMS_BODY must be a JSON object with "{to}" and "{text}" among its values')
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    authorization = f"Bearer {user}" if user else ""
    if password:
        authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return SmsGateway(
        host=parts.hostname,
        port=parts.port or (443 if parts.scheme == "https" else 80),
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        is_secure=parts.scheme == "https",
        authorization=authorization,
        body=template,
    )


def _leaves(value: Any) -> set[str]:
    """The texts of a JSON value, however deep."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return set().union(*map(_leaves, value))
    return {value} if isinstance(value, str) else set()
