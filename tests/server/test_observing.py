"""Traces from an editor's request to the engine's, and the log: ids and facts, never code."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from server.logs import REQUEST, Json, Lines
from tests.server.samples import ANSWER, suggestion
from tests.server.serving import StandIn, gateway, serve, settings_for

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


class Collector:
    """An OpenTelemetry collector with a history."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.bodies: list[bytes] = []

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/v1/traces")
        async def take(request: Request) -> Response:
            self.bodies.append(await request.body())
            sent = ExportTraceServiceRequest.FromString(self.bodies[-1])
            for resource in sent.resource_spans:
                for scope in resource.scope_spans:
                    self.spans += scope.spans
            return Response(b"", media_type="application/x-protobuf")

        return app


@pytest.fixture
def collector() -> Iterator[tuple[Collector, str]]:
    made = Collector()
    with serve(made.app()) as url:
        yield made, url


def test_a_trace_goes_from_the_editor_to_the_engine(
    engine: StandIn, collector: tuple[Collector, str], tmp_path: Path
) -> None:
    made, url = collector
    settings = settings_for(tmp_path / "data", engine.url, observe={"traces": url})
    engine.answer(text=ANSWER)
    with gateway(settings) as client:
        client.post("/v1/suggest", json=suggestion(), headers={"traceparent": PARENT})
    [asked] = engine.completions()
    spans = {span.name: span for span in made.spans}
    assert {span.trace_id.hex() for span in spans.values()} == {TRACE}
    suggest, generate = spans["suggest"], spans["generate"]
    assert suggest.parent_span_id.hex() == "b7ad6b7169203331"
    assert generate.parent_span_id == suggest.span_id
    assert asked["traceparent"] == f"00-{TRACE}-{generate.span_id.hex()}-01"
    facts = {fact.key: fact.value.string_value for fact in generate.attributes}
    assert (facts["hone.policy"], facts["hone.outcome"]) == ("hone-tiny", "edit")
    assert not any(b"breadth" in body for body in made.bodies)


@pytest.mark.parametrize("stream", [False, True])
def test_a_completions_trace_goes_to_the_engine_too(
    engine: StandIn, collector: tuple[Collector, str], tmp_path: Path, stream: bool
) -> None:
    made, url = collector
    settings = settings_for(tmp_path / "data", engine.url, observe={"traces": url})
    engine.answer(text="breadth")
    with gateway(settings) as client:
        body = {"prompt": "breadth = ", "stream": stream}
        client.post("/v1/completions", json=body, headers={"traceparent": PARENT})
    [asked] = engine.completions()
    [span] = made.spans
    assert (span.name, span.parent_span_id.hex()) == ("complete", "b7ad6b7169203331")
    assert asked["traceparent"] == f"00-{TRACE}-{span.span_id.hex()}-01"
    facts = {fact.key: fact.value.string_value for fact in span.attributes}
    assert (facts["hone.policy"], facts["hone.reason"]) == ("hone-tiny", "")
    assert not any(b"breadth" in body for body in made.bodies)


def test_without_a_collector_there_is_nothing(engine: StandIn, tmp_path: Path) -> None:
    with gateway(settings_for(tmp_path / "data", engine.url)) as client:
        answer = client.post("/v1/suggest", json=suggestion(), headers={"traceparent": PARENT})
    assert answer.is_success
    assert engine.completions()[0]["traceparent"] == ""


def record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("server.x", logging.WARNING, "x.py", 1, message, args, None)


def test_the_log_names_the_request_in_both_forms() -> None:
    token = REQUEST.set("abc-1")
    try:
        found = json.loads(Json().format(record("two\nlines: %s", 7)))
        assert (found["message"], found["request_id"]) == ("two\nlines: 7", "abc-1")
        assert (found["level"], found["logger"]) == ("warning", "server.x")
        assert Lines().format(record("hello")).endswith("WARNING server.x hello [abc-1]")
    finally:
        REQUEST.reset(token)
    assert "request_id" not in json.loads(Json().format(record("outside")))
