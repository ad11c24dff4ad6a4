"""What every test gets: real servers, and guards that turn silent faults into failures."""

import ipaddress
import os
import random
import shutil
import socket
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.db.models import QuerySet
from django.template import base as template_base
from django.template import engines
from django.test import override_settings
from playwright.sync_api import expect, sync_playwright

from tests.sms_gateway import Gateway as SmsServer
from tests.smtp_server import Inbox, SmtpServer
from tests.worker_process import CeleryProcess, environment

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LONGEST = ("test_run.py", "test_demo.py", "test_processes.py", "test_schema.py", "test_main_path.py", "test_house.py")
"""Files of tests that take more than twenty seconds, the longest first."""
BROWSER_PATIENCE = 30_000
"""Milliseconds that a page may take to show what is awaited: only a fault takes as long, on the slowest machine."""
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that fetches anything from elsewhere must fail here as it would without a network.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


# --- Servers ------------------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    """Say in one line what is missing, instead of a hundred connection errors."""
    if "DATABASE_URL" not in os.environ:
        raise pytest.UsageError("No DATABASE_URL: run ./bin/test, which starts temporary servers.")


@pytest.fixture(scope="session", autouse=True)
def redis_url(worker_id: str) -> Iterator[str]:
    """The address of a Redis database that belongs to this xdist worker alone."""
    base, _, number = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0").rpartition("/")
    offset = int(worker_id.removeprefix("gw")) + 1 if worker_id.startswith("gw") else 0
    url = f"{base}/{int(number or 0) + offset}"
    with override_settings(REDIS_URL=url, CELERY_BROKER_URL=url):
        yield url


@pytest.fixture(autouse=True)
def counters_of_this_test_alone(settings: Any) -> None:
    """Give each test its own counts of attempts and requests, in the Redis that all tests share."""
    default = settings.CACHES["default"] | {"KEY_PREFIX": f"test-{uuid.uuid4()}"}
    settings.CACHES = settings.CACHES | {"default": default}


@pytest.fixture(scope="session", autouse=True)
def plain_static_files() -> Iterator[None]:
    """Serve static files from their sources: the manifest of `collectstatic` is a thing of production."""
    storages = django_settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    with override_settings(STORAGES=storages):
        yield


@pytest.fixture(scope="session", autouse=True)
def attachments_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the documents that tests attach in a folder of their own."""
    folder = tmp_path_factory.mktemp("attachments")
    with override_settings(ATTACHMENTS_DIR=folder):
        yield folder


# --- Guard: an undefined template variable fails the test ---------------------------------------------------


def origin_of(frame: FrameType | None) -> str:
    """The file of the template node that is being rendered, found from inside the template engine."""
    while frame is not None:
        node = frame.f_locals.get("self")
        if isinstance(node, template_base.Node) and getattr(node, "origin", None):
            return str(node.origin.name)
        frame = frame.f_back
    return ""


class UndefinedVariable(str):
    """Stands where Django puts an empty text for a variable that the context does not have.

    A variable with a `default` filter has said that it may be missing; templates of other packages are not
    ours to mend. Both get the usual empty text.
    """

    def __bool__(self) -> bool:
        frame = sys._getframe(1)
        if frame.f_code is not template_base.FilterExpression.resolve.__code__:
            return False
        expression = frame.f_locals["self"]
        if any(function.__name__ in {"default", "default_if_none"} for function, _ in expression.filters):
            return False
        origin = origin_of(frame)
        ours = Path(origin).is_relative_to(ROOT) and ".venv" not in Path(origin).parts
        if ours or origin == "<unknown source>":
            pytest.fail(f"Undefined template variable « {expression.token} » in {origin}")
        return False


@pytest.fixture(scope="session", autouse=True)
def fail_on_undefined_template_variables() -> None:
    """Let Django's templates meet `UndefinedVariable`."""
    engines["django"].engine.string_if_invalid = UndefinedVariable()  # type: ignore[attr-defined] # Django engine only


# --- Guard: rows without an order ---------------------------------------------------------------------------


def _called_from_our_code(frame: FrameType) -> bool:
    path = Path(frame.f_code.co_filename)
    return path.is_relative_to(ROOT) and ".venv" not in path.parts


@pytest.fixture(scope="session", autouse=True)
def refuse_or_shuffle_unordered_rows() -> Iterator[None]:
    """The database promises no order of its own: a slice of unordered rows fails, a list is shuffled."""
    original_fetch = QuerySet._fetch_all
    original_getitem = QuerySet.__getitem__
    dice = random.Random()

    def fetch(self: QuerySet) -> None:
        fresh = self._result_cache is None
        original_fetch(self)
        if fresh and self._result_cache and not self.query.is_sliced and not self.ordered:
            dice.shuffle(self._result_cache)

    def getitem(self: QuerySet, k: Any) -> Any:
        unordered = self._result_cache is None and not self.ordered
        if unordered and _called_from_our_code(sys._getframe(1)):
            pytest.fail(f"A slice of unordered rows of {self.model.__name__}: add order_by()")
        return original_getitem(self, k)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QuerySet, "_fetch_all", fetch)
        patch.setattr(QuerySet, "__getitem__", getitem)
        yield


# --- Guard: no network --------------------------------------------------------------------------------------


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in {"", "localhost"}


@pytest.fixture(scope="session", autouse=True)
def refuse_network() -> Iterator[None]:
    """Nothing but this machine may be reached."""

    def guarded(original: Callable[..., Any]) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            if self.family in {socket.AF_INET, socket.AF_INET6} and not _is_loopback(str(address[0])):
                pytest.fail(f"A test tried to reach {address[0]}: the network is out of bounds")
            return original(self, address)

        return connect

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
        yield


# --- A real SMTP server -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def smtp_server() -> Iterator[SmtpServer]:
    """One SMTP server on a random port for the whole run."""
    server = SmtpServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def smtp(smtp_server: SmtpServer, settings: Any) -> Iterator[Inbox]:
    """Letters that Django really sent by SMTP during this test, in the order of their arrival."""
    smtp_server.inbox.clear()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = smtp_server.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    yield smtp_server.inbox
    smtp_server.inbox.clear()


@pytest.fixture
def sms_gateway(settings: Any) -> Iterator[SmsServer]:
    """A gateway for text messages, to which the settings lead."""
    server = SmsServer()
    server.start()
    settings.SMS_GATEWAY = server.settings
    yield server
    server.stop()


# --- Real Celery workers ------------------------------------------------------------------------------------


@pytest.fixture
def worker_env(
    request: pytest.FixtureRequest, transactional_db: None, redis_url: str, smtp: Inbox, smtp_server: SmtpServer
) -> dict[str, str]:
    """The environment of a process that works on this test's servers; its letters arrive in `smtp`.

    A wake that an earlier test left in the broker would take this one's letters, without its limits.
    """
    with redis.Redis.from_url(redis_url) as broker:
        broker.flushdb()
    site_url = request.getfixturevalue("live_server").url if "live_server" in request.fixturenames else ""
    return environment(redis_url, smtp_server.port, site_url)


@pytest.fixture
def celery_worker_process(worker_env: dict[str, str], tmp_path: Path) -> Iterator[CeleryProcess]:
    """One Celery worker in a process of its own, ready; `wake()` does what beat does every ten seconds."""
    processes = CeleryProcess(worker_env, tmp_path)
    try:
        processes.start()
        yield processes
    finally:
        processes.stop()


# --- A real browser -----------------------------------------------------------------------------------------


def find_chromium() -> str | None:
    """The browser to test with: CHROMIUM names it, otherwise the first one in PATH."""
    for name in (os.environ.get("CHROMIUM", ""), *CHROMIUM_NAMES):
        if name and (path := shutil.which(name)):
            return path
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Set browser tests aside where there is none; RELAIS_BROWSER=required makes that an error.

    Put the longest files first: several workers take files in this order, and end together.
    """
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
    marked = [item for item in items if item.get_closest_marker("browser")]
    if not marked or find_chromium():
        return
    if os.environ.get("RELAIS_BROWSER") == "required":
        raise pytest.UsageError("No Chromium for the browser tests: apt-get install chromium")
    config.hook.pytest_deselected(items=marked)
    items[:] = [item for item in items if not item.get_closest_marker("browser")]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say once, at the end, which tests did not run and what would make them run."""
    if find_chromium() is None:
        terminalreporter.write_line(
            "Browser tests skipped, no Chromium here: `apt-get install chromium`, or set CHROMIUM=/its/path.",
            yellow=True,
        )


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium (Playwright, synchronous). Mark the tests that use it with `browser`."""
    # Playwright's loop runs in this thread, where Django would refuse to touch the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    playwright = sync_playwright().start()
    running = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_ARGUMENTS)
    expect.set_options(timeout=BROWSER_PATIENCE)
    yield running
    running.close()
    playwright.stop()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser: Any, live_server: Any) -> Iterator[Any]:
    """A fresh page of 1280 × 800 in French, whose addresses are relative to the live server."""
    context = browser.new_context(
        base_url=live_server.url,
        locale="fr-FR",
        timezone_id="Europe/Paris",
        viewport={"width": 1280, "height": 800},
    )
    context.set_default_timeout(BROWSER_PATIENCE)
    yield context.new_page()
    context.close()
