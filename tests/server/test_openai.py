"""Plain completions, as editors ask that know OpenAI's shape alone."""

import json
from typing import Any

import httpx

from tests.server.serving import StandIn, wait_for

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


def test_hanging_up_ends_the_work(client: httpx.Client, engine: StandIn) -> None:
    engine.answer(text="x" * 2000, chunk_s=0.01)
    with client.stream("POST", "/v1/completions", json=ASKED | {"stream": True}) as answer:
        next(answer.iter_lines())
    wait_for(lambda: client.get("/v1/status").json()["in_flight"] == 0)
    assert engine.completions()[-1]["aborted"]


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
