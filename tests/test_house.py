"""The house keeps its own rules: floors, sizes, names, templates, and every address behind the right door."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.template.loader import get_template
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.access_matrix import ACTORS, MATRIX, Case, sign_of
from tests.territory import a_member, a_structure

ROOT = Path(settings.BASE_DIR)
ROOMS = ("accounts", "structures", "referrals", "reporting", "worker", "backend", "local")
NAMELESS = {"utils", "helpers", "services", "misc", "common"}


def files(suffix: str, *rooms: str) -> Iterator[Path]:
    """The files of the given rooms, without migrations."""
    for room in rooms:
        for path in sorted((ROOT / room).rglob(f"*{suffix}")):
            if "migrations" not in path.parts and "__pycache__" not in path.parts:
                yield path


def test_upper_floors_import_lower_ones_and_only_worker_speaks_celery_and_smtp() -> None:
    command = (
        "import sys; from importlinter.cli import lint_imports_command as main; sys.argv = ['x', '--no-cache']; main()"
    )
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_code_files_stay_under_600_lines_and_test_files_under_1000() -> None:
    long = [path for path in files(".py", *ROOMS) if len(path.read_text().splitlines()) > 600]
    long += [path for path in files(".py", "tests") if len(path.read_text().splitlines()) > 1000]
    assert not long


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert not [path for path in files(".py", *ROOMS, "tests") if path.stem in NAMELESS]


def test_nobody_wrote_that_something_would_be_done_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    here = Path(__file__)
    places = [*files(".py", *ROOMS, "tests"), *files(".html", *ROOMS), *files(".css", *ROOMS), *files(".js", *ROOMS)]
    assert not [path for path in places if path != here and later.search(path.read_text())]


# Templates


def template_names() -> set[str]:
    """Every template of ours, by the name it is loaded with."""
    return {
        str(path.relative_to(next(parent for parent in path.parents if parent.name == "templates")))
        for suffix in (".html", ".txt")
        for path in files(suffix, *ROOMS)
        if "templates" in path.parts
    }


CALLED_BY_OTHERS = re.compile(r"^(account|mfa|allauth|admin|django|registration)/|^(40[034]|403_csrf|429|500)\.html$")
"""Templates whose names belong to Django and allauth, which load them themselves."""


def test_every_template_is_used() -> None:
    text = "\n".join(path.read_text() for suffix in (".py", ".html", ".txt") for path in files(suffix, *ROOMS))
    # A letter's name is computed: `referrals/emails/<letter>.txt`, from the name of its function.
    unused = []
    for name in sorted(template_names()):
        stem = Path(name).stem
        by_letter = "/emails/" in f"/{name}" and re.search(rf"\b{re.escape(stem)}\b", text)
        if name not in text and not by_letter and not CALLED_BY_OTHERS.match(name):
            unused.append(name)
    assert not unused


@pytest.mark.parametrize("name", sorted(template_names()))
def test_every_template_compiles(name: str) -> None:
    assert get_template(name)


# Addresses


def patterns(resolver: URLResolver, namespace: str = "") -> Iterator[str]:
    """The qualified name of every address."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from patterns(entry, inner)
        elif isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name}"


def all_addresses() -> set[str]:
    """Every address of the site by name."""
    return set(patterns(get_resolver()))


TESTED_ELSEWHERE = re.compile(r"^(account|mfa)_|^admin:")
"""The account pages: `tests/accounts`. The admin: below, as a whole."""


def test_every_address_stands_in_the_matrix() -> None:
    assert {name for name in all_addresses() if not TESTED_ELSEWHERE.match(name)} == set(MATRIX)


@pytest.mark.django_db
def test_each_actor_gets_what_the_matrix_says_at_each_address() -> None:
    case = Case()
    clients = {actor: Client() for actor in ACTORS}
    for actor, client in clients.items():
        if (user := case.users[actor]) is not None:
            client.force_login(user)
    got = dict.fromkeys(MATRIX, "")
    for name, row in MATRIX.items():
        url, body = reverse(name, kwargs=row.arguments(case)), row.body(case)
        # The API reads JSON: it would refuse a form before it asks who sends it.
        kind = {"content_type": "application/json"} if body and name.startswith("api:") else {}
        for client in clients.values():
            # Each actor meets the same case: what one does is undone before the next.
            with transaction.atomic():
                got[name] += sign_of(getattr(client, row.method)(url, body, **kind))
                transaction.set_rollback(True)
    assert got == {name: row.signs for name, row in MATRIX.items()}


@pytest.mark.django_db
def test_a_page_is_never_changed_by_reading_it() -> None:
    case = Case()
    client = Client()
    user = case.users["own prescriber"]
    assert user is not None
    client.force_login(user)
    written = re.compile(r"^\s*(INSERT|UPDATE|DELETE)\b(?!.*(django_session|accounts_user))", re.IGNORECASE)
    for name, row in MATRIX.items():
        if row.method == "get":
            with CaptureQueriesContext(connection) as queries:
                client.get(reverse(name, kwargs=row.arguments(case)))
            assert not [query["sql"] for query in queries if written.match(query["sql"])], name


@pytest.mark.django_db
def test_the_admin_opens_to_support_staff_only() -> None:
    addresses = sorted(
        {name for name in all_addresses() if re.match(r"^admin:.*_(changelist|add)$|^admin:index$", name)}
    )
    assert addresses
    professional, staff = a_member(a_structure()), a_member(a_structure(), is_staff=True, is_superuser=True)
    for name in addresses:
        assert sign_of(Client().get(reverse(name))) == "L", name
        for user, expected in ((professional, "34L"), (staff, ".3")):
            client = Client()
            client.force_login(user)
            assert sign_of(client.get(reverse(name))) in expected, (name, user)
