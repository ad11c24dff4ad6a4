"""The guards of conftest.py must be able to fail."""

import re
import smtplib
import socket
from email.message import EmailMessage
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.mail import EmailMessage as DjangoLetter
from django.core.paginator import Paginator, UnorderedObjectListWarning
from django.db import connection
from django.template import Context, Template

from local.test import pytest_arguments
from tests.conftest import LONGEST, ROOT
from tests.smtp_server import Inbox, SmtpServer


def test_an_undefined_template_variable_fails_the_test() -> None:
    with pytest.raises(pytest.fail.Exception, match="missing"):
        Template("{{ missing }}").render(Context({}))


def test_an_undefined_attribute_with_a_filter_fails_the_test() -> None:
    with pytest.raises(pytest.fail.Exception, match=re.escape("here.missing|upper")):
        Template("{{ here.missing|upper }}").render(Context({"here": object()}))


@pytest.mark.parametrize("source", ["{{ missing|default:'none' }}", "{% if missing %}x{% else %}none{% endif %}"])
def test_a_variable_that_says_it_may_be_missing_passes(source: str) -> None:
    assert Template(source).render(Context({})) == "none"


@pytest.mark.django_db
def test_a_slice_of_unordered_rows_fails_the_test() -> None:
    with pytest.raises(pytest.fail.Exception, match="Group"):
        Group.objects.order_by()[:3]


@pytest.mark.django_db
def test_a_page_of_unordered_rows_fails_the_test() -> None:
    with pytest.raises(UnorderedObjectListWarning):
        Paginator(Group.objects.order_by(), 10).page(1)


@pytest.mark.django_db
def test_unordered_rows_come_shuffled_and_ordered_rows_do_not() -> None:
    Group.objects.bulk_create(Group(name=f"{number:03}") for number in range(100))
    names = [group.name for group in Group.objects.order_by("name")]
    assert [group.name for group in Group.objects.order_by()] != names
    assert sorted(group.name for group in Group.objects.order_by()) == names
    assert [group.name for group in Group.objects.order_by("name")[:5]] == names[:5]


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")])
def test_an_address_outside_this_machine_is_refused(family: socket.AddressFamily, host: str) -> None:
    with socket.socket(family) as outgoing, pytest.raises(pytest.fail.Exception, match="out of bounds"):
        outgoing.connect((host, 80))


def test_a_letter_of_django_arrives_by_smtp_with_its_message_id(smtp: Inbox) -> None:
    letter = DjangoLetter("Objet", "Corps", "de@example.org", ["a@example.org"], headers={"Message-ID": "<1@relais>"})
    assert letter.send() == 1
    assert smtp.message_ids() == ["<1@relais>"]
    assert smtp.to("a@example.org")[0].get_content().strip() == "Corps"
    assert smtp.to("b@example.org") == []


def test_the_smtp_server_can_refuse(smtp: Inbox, smtp_server: SmtpServer, monkeypatch: Any) -> None:
    monkeypatch.setattr(smtp_server.handler, "refusal", "451 try later")
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "de@example.org", "a@example.org", "Objet"
    with (
        smtplib.SMTP("127.0.0.1", smtp_server.port) as link,
        pytest.raises(smtplib.SMTPDataError, match="try later"),
    ):
        link.send_message(letter)
    assert smtp == []


@pytest.mark.browser
def test_the_browser_reaches_this_machine_and_nothing_else(page: Any) -> None:
    answer = page.goto("/nowhere-at-all/")
    assert answer.status == 404
    with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("http://example.org/")


@pytest.mark.parametrize(
    "given",
    [["-n", "4"], ["-n0"], ["-p", "no:xdist"], ["tests/test_guards.py"], ["tests/a.py::test_b"], ["--pdb"]],
)
def test_a_chosen_spread_or_a_chosen_test_is_left_alone(given: list[str]) -> None:
    assert pytest_arguments(given, 2) == given


def test_the_whole_suite_is_spread_over_the_cores() -> None:
    assert pytest_arguments(["-x"], 1) == ["-n", "2", "--dist", "loadscope", "--no-loadscope-reorder", "-x"]
    assert pytest_arguments([], 64)[:2] == ["-n", "8"]


def test_the_files_that_go_first_exist() -> None:
    names = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(LONGEST) <= names


@pytest.mark.django_db
def test_no_vacuum_of_a_passing_minute_changes_the_plans_of_a_test() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW autovacuum")
        assert cursor.fetchone() == ("off",)
