"""The address that watchers call."""

import pytest
from django.db import connection
from django.test import Client


@pytest.mark.django_db
def test_a_site_whose_database_does_not_answer_says_503_without_the_cause(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '1ms'")
        with pytest.raises(Exception, match="statement timeout"):
            cursor.execute("SELECT pg_sleep(1)")
    # The transaction is broken: the next question to the database fails.
    answer = client.get("/sante")
    assert answer.status_code == 503
    assert "timeout" not in answer.text


@pytest.mark.django_db
def test_a_healthy_site_answers_a_stranger(client: Client) -> None:
    answer = client.get("/sante")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert "no-store" in answer["Cache-Control"]
