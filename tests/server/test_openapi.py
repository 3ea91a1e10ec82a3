"""The OpenAPI document, and requests made from it: no 5xx, no answer that it does not know."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.server.serving import gateway, settings_for, stand_in

EXAMPLES = 15
"""Requests made up for each operation."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway for all of them."""
    folder: Path = tmp_path_factory.mktemp("openapi")
    limits = {"max_in_flight": 1000}
    with stand_in() as engine, gateway(settings_for(folder, engine.url, suggest=limits)) as client:
        yield str(client.base_url)


def test_every_operation_answers_as_the_document_says(url: str) -> None:
    document = schemathesis.openapi.from_url(f"{url}/openapi.json")
    found = list(document.get_all_operations())
    operations = [one.ok() for one in found if isinstance(one, Ok)]
    assert len(operations) == len(found) > 15
    for operation in operations:

        @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
        @given(case=operation.as_strategy())
        def holds(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)

        holds()


def test_the_document_names_what_clients_use(url: str) -> None:
    paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    assert {"/v1/hello", "/v1/suggest", "/v1/feedback", "/v1/completions"} <= set(paths)
