"""Plain completions, as editors ask that know OpenAI's shape alone."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.serving import StandIn, gateway, settings_for, stand_in, wait_for

ASKED = {"model": "gpt-3.5-turbo-instruct", "prompt": "def f(", "max_tokens": 9, "top_p": 0.3}


def chunks(answer: httpx.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_an_answer_in_one_piece(client: httpx.Client, engine: StandIn) -> None:
    engine.answer(text="x):")
    answer = client.post("/v1/completions", json=ASKED | {"stop": "\n"})
    assert answer.is_success, answer.text
    body = answer.json()
    assert (body["model"], body["choices"][0]["text"]) == ("hone", "x):")
    assert body["system_fingerprint"] == "hone-tiny"
    assert body["choices"][0]["finish_reason"] == "stop"
    asked = engine.completions()[-1]["completion"]
    assert (asked["model"], asked["prompt"], asked["stop"]) == ("hone-tiny", "def f(", ["\n"])
    assert "top_p" not in asked


def test_an_answer_as_a_stream(client: httpx.Client, engine: StandIn) -> None:
    engine.answer(text="x):", chunk_s=0.01)
    with client.stream("POST", "/v1/completions", json=ASKED | {"stream": True}) as answer:
        found = chunks(answer)
    assert [piece["choices"][0]["text"] for piece in found] == ["x", ")", ":", ""]
    assert {piece["model"] for piece in found} == {"hone"}
    assert {piece["system_fingerprint"] for piece in found} == {"hone-tiny"}


def test_hanging_up_ends_the_work(client: httpx.Client, engine: StandIn) -> None:
    engine.answer(text="x" * 2000, chunk_s=0.01)
    with client.stream("POST", "/v1/completions", json=ASKED | {"stream": True}) as answer:
        next(answer.iter_lines())
    wait_for(lambda: in_flight(client) == 0)
    wait_for(lambda: counted(client, "completions", reason="cancelled") == 1)
    assert engine.completions()[-1]["aborted"]


@pytest.mark.parametrize("stream", [False, True])
def test_hanging_up_before_the_first_piece_ends_the_work(
    client: httpx.Client, engine: StandIn, stream: bool
) -> None:
    engine.answer(text="x", delay_s=20.0)
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/completions", json=ASKED | {"stream": stream}, timeout=0.5)
    wait_for(lambda: in_flight(client) == 0, seconds=8.0)
    assert engine.completions()[-1]["aborted"]


@pytest.fixture
def hasty(engine: StandIn, tmp_path: Path) -> Iterator[httpx.Client]:
    """A gateway that gives an answer a second."""
    soon = {"max_deadline_ms": 1000.0, "holdout_share": 0.0}
    with gateway(settings_for(tmp_path / "data", engine.url, suggest=soon)) as running:
        yield running


def test_the_deadline_is_for_the_whole_answer(hasty: httpx.Client, engine: StandIn) -> None:
    """Each of these pieces comes in time, and all of them would take 20 s."""
    for _ in range(2):
        engine.answer(text="x" * 200, chunk_s=0.1)
    begun = time.monotonic()
    answer = hasty.post("/v1/completions", json=ASKED)
    assert answer.status_code == httpx.codes.GATEWAY_TIMEOUT
    with hasty.stream("POST", "/v1/completions", json=ASKED | {"stream": True}) as streamed:
        lines = [line.removeprefix("data: ") for line in streamed.iter_lines() if line]
    assert time.monotonic() - begun < 15.0
    assert "within 1 s" in json.loads(lines[-1])["error"]["message"]
    wait_for(lambda: in_flight(hasty) == 0)
    assert [asked["aborted"] for asked in engine.completions()] == [True, True]
    assert counted(hasty, "completions", reason="deadline") == 2


def test_completions_are_counted_by_version(client: httpx.Client, engine: StandIn) -> None:
    client.post("/v1/completions", json=ASKED).raise_for_status()
    engine.answer(status=503)
    client.post("/v1/completions", json=ASKED)
    assert counted(client, "completions", policy="hone-tiny", reason="") == 1
    assert counted(client, "completions", policy="hone-tiny", reason="overloaded") == 1
    assert "hone_completion_seconds_count" in client.get("/metrics").text
    engine.answer(text="x" * 2000, chunk_s=0.05)
    with client.stream("POST", "/v1/completions", json=ASKED | {"stream": True}) as answer:
        lines = answer.iter_lines()
        next(lines)
        assert counted(client, "in_flight", replica=engine.url) == 1


def test_a_replica_that_dies_costs_no_completion(tmp_path: Path) -> None:
    with stand_in() as stays, ExitStack() as life:
        dies = life.enter_context(stand_in())
        more = {"replicas": (dies.url,)}
        with gateway(settings_for(tmp_path, stays.url, engine=more)) as client:
            wait_for(lambda: all(one["loaded"] for one in replicas(client)))
            life.close()
            for stream in (False, True) * 3:
                answer = client.post("/v1/completions", json=ASKED | {"stream": stream})
                assert answer.is_success, answer.text
            assert len(stays.completions()) == 6


@pytest.mark.parametrize(
    "raw", ["", "{}", "data: {", "data: 7", 'data: "x"', 'data: {"choices": 3}', "data: {}"]
)
def test_an_engine_that_talks_nonsense_is_a_bad_gateway(
    client: httpx.Client, engine: StandIn, raw: str
) -> None:
    engine.answer(raw=raw)
    answer = client.post("/v1/completions", json=ASKED)
    assert answer.status_code == httpx.codes.BAD_GATEWAY
    assert answer.headers["content-type"] == "application/problem+json"


def in_flight(client: httpx.Client) -> int:
    return int(client.get("/v1/status").json()["in_flight"])


def replicas(client: httpx.Client) -> list[dict[str, Any]]:
    return list(client.get("/v1/status").json()["engine"]["replicas"])


def counted(client: httpx.Client, name: str, **labels: str) -> float:
    """Return one of the gateway's counters."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    for line in client.get("/metrics").text.splitlines():
        found = re.fullmatch(rf"hone_{name}(?:_total)?\{{(.*)\}} (\S+)", line)
        if found and all(label in found[1].split(",") for label in wanted):
            return float(found[2])
    return 0.0


def test_refusals_are_problem_documents(client: httpx.Client, engine: StandIn) -> None:
    for stream in (False, True):
        engine.answer(status=503, text="full")
        answer = client.post("/v1/completions", json=ASKED | {"stream": stream})
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"]
    assert client.post("/v1/completions", json={"prompt": ""}).is_success
    refused = client.post("/v1/completions", json={"prompt": "", "max_tokens": 0})
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY


def test_the_answer_is_as_long_as_the_profile_allows(client: httpx.Client, engine: StandIn) -> None:
    assert client.post("/v1/completions", json=ASKED | {"max_tokens": 100_000}).is_success
    assert engine.completions()[-1]["completion"]["max_tokens"] == 400
    assert client.get("/v1/models").json()["data"][0]["id"] == "hone"
