"""Traces from an editor's request to the engine's, and the log: ids and facts, never code."""

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from feedback_store.events import Scope
from server.auth import KeyRing
from server.logs import REQUEST, TRACE, Json, Lines
from server.traces import trace_of
from tests.server.samples import ANSWER, suggestion
from tests.server.serving import StandIn, gateway, serve, settings_for, stand_in, wait_for

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"


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
    assert {span.trace_id.hex() for span in spans.values()} == {TRACE_ID}
    suggest, generate = spans["suggest"], spans["generate"]
    assert suggest.parent_span_id.hex() == "b7ad6b7169203331"
    assert generate.parent_span_id == suggest.span_id
    assert asked["traceparent"] == f"00-{TRACE_ID}-{generate.span_id.hex()}-01"
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
    assert asked["traceparent"] == f"00-{TRACE_ID}-{span.span_id.hex()}-01"
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


def test_a_machines_log_names_the_trace() -> None:
    token = TRACE.set(TRACE_ID)
    try:
        assert json.loads(Json().format(record("hello")))["trace_id"] == TRACE_ID
    finally:
        TRACE.reset(token)
    assert "trace_id" not in json.loads(Json().format(record("outside")))


@pytest.mark.parametrize(
    "sent", ["", "nonsense", PARENT + "\n", PARENT.upper(), f"00-{'0' * 32}-b7ad6b7169203331-01"]
)
def test_what_names_no_trace_has_none(sent: str) -> None:
    assert trace_of({"traceparent": sent}) == ""
    assert trace_of({"traceparent": PARENT}) == TRACE_ID


class Kept(logging.Handler):
    """Formats as a machine's log does, where the record was made."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(Json())
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def kept() -> Iterator[list[dict[str, Any]]]:
    """What the gateway logs."""
    handler, logger = Kept(), logging.getLogger("server")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.lines
    logger.removeHandler(handler)
    logger.setLevel(before)


def test_refused_credentials_are_in_the_log_without_them(
    engine: StandIn, tmp_path: Path, kept: list[dict[str, Any]]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    key = KeyRing(data).create("ada", "ops", [Scope.SUGGEST])
    with gateway(settings_for(data, engine.url)) as client:
        del kept[:]
        wrong = key[:-4] + "0000"
        sent = {"Authorization": f"Bearer {wrong}", "traceparent": PARENT, "X-Request-Id": "r-1"}
        client.get("/v1/hello", headers=sent)
        client.post("/v1/rollback", headers={"Authorization": f"Bearer {key}"})
        client.post("/login", data={"key": wrong})
        told = [line for line in kept if line["level"] == "warning"]
    assert [line["message"].partition(":")[0] for line in told] == [
        "refused GET /v1/hello from 127.0.0.1",
        "refused POST /v1/rollback from 127.0.0.1",
        "sign-in from 127.0.0.1 refused",
    ]
    assert (told[0]["request_id"], told[0]["trace_id"]) == ("r-1", TRACE_ID)
    assert "trace_id" not in told[1]
    for secret in (key, wrong, key.split("_")[2][:8]):
        assert secret not in json.dumps(kept)


def test_an_unmanaged_engine_that_goes_and_comes_is_in_the_log_once(
    tmp_path: Path, kept: list[dict[str, Any]]
) -> None:
    with ExitStack() as life:
        engine = life.enter_context(stand_in())
        with gateway(settings_for(tmp_path, engine.url)) as client:
            life.close()
            wait_for(lambda: client.get("/readyz").status_code == 503)
            client.post("/v1/suggest", json=suggestion())
            told = [one["message"] for one in kept if engine.url in one["message"]]
    assert told == [
        f"the engine at {engine.url} answers",
        f"no answer from the engine at {engine.url}; asking on",
    ]
