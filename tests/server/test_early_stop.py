"""Answers that rewrite the region end early: what the engine is spared, and what is stored."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.config import EMBEDDED_MODELS
from tests.server.samples import suggestion
from tests.server.serving import StandIn, gateway, settings_for, stand_in, wait_for
from tests.server.test_suggest import rows

LINES = [f"    value{n} = read({n})\n" for n in range(12)]
REGION = "".join(LINES)
WANTED = "".join(["    first = read(0)\n", *LINES[1:]])
PROFILE = "hone-tiny-region"


@pytest.fixture
def engine() -> Iterator[StandIn]:
    with stand_in(PROFILE) as running:
        yield running


def rewriting(folder: Path, engine: StandIn, *, early: bool = True) -> Any:
    model = {"profile": PROFILE, "model": EMBEDDED_MODELS / "hone-tiny"}
    return gateway(settings_for(folder, engine.url, engine=model, suggest={"early_stop": early}))


def ask(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    answer = client.post(
        "/v1/suggest", json=suggestion(region=REGION, deadline_ms=9000.0, **changes)
    )
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()


def test_the_engine_stops_once_only_old_text_is_left(engine: StandIn, tmp_path: Path) -> None:
    with rewriting(tmp_path, engine) as client:
        engine.answer(text=WANTED, chunk_s=0.002)
        answer = ask(client)
        assert (answer["new_region"], answer["outcome"]) == (WANTED, None)
        wait_for(lambda: client.get("/v1/status").json()["in_flight"] == 0)
        (asked,) = engine.completions()
        assert asked["aborted"]
        assert asked["told"] < len(WANTED)
    columns = (
        "new_region, finish_reason, output_text, output_token_ids, output_logprobs, "
        "prompt_token_ids"
    )
    ((new_region, finish, said, ids, logprobs, prompt),) = rows(tmp_path, columns)
    assert (new_region, finish) == (WANTED, "converged")
    assert said == WANTED[: len("".join(["    first = read(0)\n", *LINES[1:4]]))]
    assert "".join(map(chr, ids)) == said
    assert logprobs == [-0.25] * len(ids)
    assert "".join(map(chr, prompt)).endswith("<|edit|>")


def test_an_answer_that_never_converges_is_read_to_its_end(engine: StandIn, tmp_path: Path) -> None:
    ends = "".join([*LINES[:-1], "    last = read(11)\n"])
    with rewriting(tmp_path, engine) as client:
        engine.answer(text=ends)
        assert ask(client)["new_region"] == ends
        engine.answer(text=REGION)
        assert ask(client)["reason"] == "no_edit"
        engine.answer(text="half", finish_reason="length")
        assert ask(client)["reason"] == "truncated"
        assert [asked["aborted"] for asked in engine.completions()] == [False] * 3
    found = rows(tmp_path, "finish_reason, output_text, output_token_ids")
    whole = (("stop", ends), ("stop", REGION), ("length", "half"))
    for (finish, said, ids), (expected, text) in zip(found, whole, strict=True):
        assert (finish, said) == (expected, text)
        assert ids == [*map(ord, text), *([0] if finish == "stop" else [])]


def test_a_stream_that_breaks_off_fails_with_a_reason(engine: StandIn, tmp_path: Path) -> None:
    with rewriting(tmp_path, engine) as client:
        engine.answer(text="    first", broken=True)
        answer = ask(client)
        assert (answer["outcome"], answer["reason"]) == ("failed", "engine_down")
        engine.answer(status=503)
        busy = client.post("/v1/suggest", json=suggestion(region=REGION))
        assert busy.status_code == httpx.codes.TOO_MANY_REQUESTS


def test_a_slow_stream_keeps_the_deadline(engine: StandIn, tmp_path: Path) -> None:
    with rewriting(tmp_path, engine) as client:
        engine.answer(text=WANTED, chunk_s=0.5)
        answer = client.post(
            "/v1/suggest", json=suggestion(region=REGION, deadline_ms=800.0)
        ).json()
        assert (answer["outcome"], answer["reason"]) == ("failed", "deadline")
        wait_for(lambda: engine.completions()[0]["aborted"])


def test_only_what_may_end_early_is_streamed(engine: StandIn, tmp_path: Path) -> None:
    with rewriting(tmp_path / "on", engine) as client:
        ask(client)
        ask(client, avoid=[WANTED])
    with rewriting(tmp_path / "off", engine, early=False) as client:
        ask(client)
    assert ["stream" in one["completion"] for one in engine.completions()] == [True, False, False]
    with stand_in() as writes_changes:
        early = settings_for(tmp_path / "other", writes_changes.url, suggest={"early_stop": True})
        with gateway(early) as client:
            ask(client)
        assert "stream" not in writes_changes.completions()[0]["completion"]
