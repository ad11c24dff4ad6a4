"""The OpenAPI document is true: whatever is sent, the answer is one that the document announces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from tests.api.conftest import ApiTown, token_of


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """Requests share the test's transaction: the real handler would close its connection after each."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


OPERATIONS = [
    f"{method.upper()} {path}"
    for path, methods in SchemaGenerator().get_schema(public=True)["paths"].items()
    for method in methods
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_request_breaks_the_server_nor_the_document(operation: str, town: ApiTown) -> None:
    headers = {"Authorization": token_of(town.doors["sender"].user)}
    document = schemathesis.openapi.from_wsgi("/api/v1/schema/?format=json", get_wsgi_application(), headers=headers)
    method, path = operation.split()

    @given(case=document[path][method].as_strategy())
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    def send(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=headers, checks=[not_a_server_error, response_schema_conformance])

    send()
