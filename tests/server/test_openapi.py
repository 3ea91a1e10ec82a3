"""The OpenAPI document, and requests made from it: no 5xx, no answer that it does not know."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
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


def _holds(operation: APIOperation, mode: GenerationMode, checks: list[CheckFunction]) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=checks)

    holds()


def _operations(url: str) -> list[APIOperation]:
    found = list(schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations())
    operations = [one.ok() for one in found if isinstance(one, Ok)]
    assert len(operations) == len(found) > 15
    return operations


def test_every_operation_answers_as_the_document_says(url: str) -> None:
    for operation in _operations(url):
        _holds(operation, GenerationMode.POSITIVE, CHECKS)


def test_what_the_document_does_not_allow_is_answered_as_it_says(url: str) -> None:
    """Wrong types, missing fields, numbers out of range, in whatever has a body. Not all of it is
    refused: `true` is read as 1."""
    wrongable = [one for one in _operations(url) if one.body]
    assert len(wrongable) > 10
    for operation in wrongable:
        _holds(operation, GenerationMode.NEGATIVE, CHECKS)


def test_the_document_names_what_clients_use(url: str) -> None:
    paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    assert {"/v1/hello", "/v1/suggest", "/v1/feedback", "/v1/completions"} <= set(paths)
