"""Suggestions over HTTP: every path ends in an answer with a reason, and a row in the store."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from tests.server.samples import ANSWER, BETTER, event, feedback, suggestion
from tests.server.serving import StandIn, gateway, settings_for, wait_for


def ask(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    answer = client.post("/v1/suggest", json=suggestion(**changes))
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()


def rows(folder: Path, columns: str = "*") -> list[tuple[Any, ...]]:
    """Read the store of a gateway that has ended."""
    with duckdb.connect(str(folder / "store.duckdb"), read_only=True) as database:
        sql = (
            f"SELECT {columns} FROM suggestions LEFT JOIN suggestion_content USING (suggestion_id)"
        )
        return database.execute(f"{sql} ORDER BY suggestions.ingest_seq").fetchall()


def test_an_edit_is_answered_with_the_new_region(client: httpx.Client, engine: StandIn) -> None:
    engine.answer(text=ANSWER)
    answer = ask(client)
    assert (answer["new_region"], answer["outcome"], answer["reason"]) == (BETTER, None, None)
    assert answer["policy_version"] == "hone-tiny"
    asked = engine.completions()[0]["completion"]
    assert asked["temperature"] == 0.0
    assert asked["priority"] == 0
    assert asked["prompt"].endswith("<|edit|>")


@pytest.mark.parametrize(
    ("plan", "outcome", "reason"),
    [
        ({"text": ""}, "withheld", "no_edit"),
        ({"text": "<|L0|>    height=shape.height\n<|L1|>"}, "withheld", "whitespace_only"),
        ({"text": "half", "finish_reason": "length"}, "invalid", "truncated"),
        ({"text": f"{ANSWER}<|file|>other.py"}, "invalid", "unparsable"),
        ({"status": 500}, "failed", "engine_down"),
        ({"status": 400, "text": "maximum context length"}, "withheld", "prompt_too_long"),
    ],
)
def test_silence_has_a_reason(
    client: httpx.Client, engine: StandIn, plan: dict[str, Any], outcome: str, reason: str
) -> None:
    engine.answer(**plan)
    answer = ask(client)
    assert (answer["new_region"], answer["outcome"], answer["reason"]) == (None, outcome, reason)


def test_a_marker_in_the_text_never_reaches_the_engine(
    client: httpx.Client, engine: StandIn
) -> None:
    answer = ask(client, region="x = '<|end|>'\n")
    assert (answer["outcome"], answer["reason"]) == ("withheld", "sentinel")
    assert engine.completions() == []


def test_an_answer_that_comes_too_late_fails_and_keeps_its_prompt(
    engine: StandIn, tmp_path: Path
) -> None:
    with gateway(settings_for(tmp_path, engine.url)) as client:
        engine.answer(delay_s=20.0)
        started = time.monotonic()
        answer = ask(client, deadline_ms=500.0)
        assert time.monotonic() - started < 5.0
        assert (answer["outcome"], answer["reason"]) == ("failed", "deadline")
        wait_for(lambda: engine.completions()[0]["aborted"])
    ((outcome, reason, prompt, output),) = rows(
        tmp_path, "outcome, reason, prompt_token_ids, output_token_ids"
    )
    assert (outcome, reason, output) == ("failed", "deadline", None)
    assert "".join(map(chr, prompt)).endswith("<|edit|>")


def test_a_client_that_hangs_up_aborts_the_engine(engine: StandIn, tmp_path: Path) -> None:
    with gateway(settings_for(tmp_path, engine.url)) as client:
        engine.answer(delay_s=20.0)
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/suggest", json=suggestion(deadline_ms=9000.0), timeout=0.5)
        wait_for(lambda: engine.completions()[0]["aborted"], 5.0)
        wait_for(lambda: client.get("/v1/status").json()["in_flight"] == 0, 5.0)
    assert rows(tmp_path, "outcome, reason") == [("failed", "cancelled")]


def test_no_engine_is_a_quiet_failure(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "http://127.0.0.1:1")
    with gateway(settings, ready=False) as client:
        probed = client.get("/readyz")
        assert probed.status_code == httpx.codes.SERVICE_UNAVAILABLE
        [why] = probed.json()["why"]
        assert "engine" in why
        assert "127.0.0.1" not in why
        answer = ask(client)
        assert (answer["outcome"], answer["reason"]) == ("failed", "engine_down")


def test_too_many_at_once_are_refused_without_waiting(engine: StandIn, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, engine.url, suggest={"max_in_flight": 1})
    with gateway(settings) as client, ThreadPoolExecutor() as pool:
        engine.answer(text=ANSWER, delay_s=2.0)
        first = pool.submit(ask, client, deadline_ms=9000.0)
        wait_for(lambda: client.get("/v1/status").json()["in_flight"] == 1)
        refused = client.post("/v1/suggest", json=suggestion())
        assert "too many suggestions at once" in come_back(refused)
        assert not first.done()
        assert first.result()["new_region"] == BETTER
    assert sorted(rows(tmp_path, "outcome, reason"), key=str) == [
        ("failed", "overloaded"),
        (None, None),
    ]


def come_back(answer: httpx.Response) -> str:
    """Check that an answer says when to come back; return what else it says."""
    assert answer.status_code == httpx.codes.TOO_MANY_REQUESTS
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    return str(answer.json()["detail"])


def test_an_engine_that_has_no_room_is_told_like_a_gateway_that_has_none(
    engine: StandIn, tmp_path: Path
) -> None:
    with gateway(settings_for(tmp_path, engine.url)) as client:
        engine.answer(status=503, text="full")
        assert "full" in come_back(client.post("/v1/suggest", json=suggestion()))
    assert rows(tmp_path, "outcome, reason") == [("failed", "overloaded")]


def test_the_row_holds_what_training_needs(engine: StandIn, tmp_path: Path) -> None:
    with gateway(settings_for(tmp_path, engine.url)) as client:
        engine.answer(text=ANSWER)
        answer = ask(client)
    columns = (
        "suggestion_id, user_id, team, policy_version, base_model, prompt_format, profile, "
        "temperature, holdout, new_region, output_text, prompt_token_ids, output_token_ids, "
        "output_logprobs, finish_reason"
    )
    (row,) = rows(tmp_path, columns)
    assert row[:5] == (answer["suggestion_id"], "local", "local", "hone-tiny", "hone-tiny")
    assert row[5:11] == ("choice", "hone-tiny", 0.0, False, BETTER, ANSWER)
    prompt, output, logprobs, finish = row[11:]
    assert "".join(map(chr, prompt)).endswith("<|edit|>")
    assert output == [*map(ord, ANSWER), 0]
    assert (logprobs, finish) == ([-0.25] * len(output), "stop")


def test_a_holdout_is_computed_recorded_and_not_shown(engine: StandIn, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, engine.url, suggest={"holdout_share": 1.0})
    with gateway(settings) as client:
        engine.answer(text=ANSWER)
        answer = ask(client)
        assert (answer["outcome"], answer["reason"]) == ("withheld", "holdout")
        assert answer["new_region"] is None
        assert ask(client)["reason"] == "no_edit"
    assert rows(tmp_path, "holdout, reason, new_region") == [
        (True, "holdout", BETTER),
        (True, "no_edit", None),
    ]


@pytest.mark.parametrize("where", ["request", "gateway"])
def test_level_facts_keeps_no_text_and_no_tokens(
    engine: StandIn, tmp_path: Path, where: str
) -> None:
    limit = {"feedback": {"level": "facts"}} if where == "gateway" else {}
    asked = {"level": "facts"} if where == "request" else {}
    with gateway(settings_for(tmp_path, engine.url, **limit)) as client:
        engine.answer(text=ANSWER)
        ask(client, **asked)
    ((level, *content),) = rows(
        tmp_path, "level, context, new_region, output_text, prompt_token_ids, output_token_ids"
    )
    assert (level, content) == ("facts", [None] * 5)
    log = b"".join(path.read_bytes() for path in (tmp_path / "log").iterdir())
    assert b"breadth" not in log


def test_level_off_keeps_nothing(engine: StandIn, tmp_path: Path) -> None:
    with gateway(settings_for(tmp_path, engine.url)) as client:
        engine.answer(text=ANSWER)
        answer = ask(client, level="off")
        assert answer["new_region"] == BETTER
        sent = event(answer["suggestion_id"], 1, level="off")
        ack = client.post("/v1/feedback", json=feedback(sent)).json()
        assert (ack["high_water"], ack["stored"]) == (1, 0)
    assert rows(tmp_path) == []


def test_another_edit_is_sampled_and_stamped_with_its_temperature(
    engine: StandIn, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, engine.url, suggest={"holdout_share": 1.0})
    other = {"text": "<|L1|>    return height\n<|L2|>", "logprob": -1.0}
    with gateway(settings) as client:
        engine.answer(samples=[{"text": ANSWER}, other])
        answer = ask(client, avoid=[BETTER], trigger="invoked")
        assert answer["new_region"] == "    height = shape.height\n    return height\n"
        assert answer["confidence"] == pytest.approx(0.368, abs=0.001)
        asked = engine.completions()[0]["completion"]
        assert (asked["n"], asked["temperature"]) == (8, 1.0)
        engine.answer(text=ANSWER)
        answer = ask(client, avoid=[BETTER])
        assert (answer["outcome"], answer["reason"]) == ("withheld", "no_alternative")
        assert answer["detail"] == "8 answers: 8 offered already"
    assert rows(tmp_path, "temperature, holdout, reason") == [
        (1.0, False, None),
        (1.0, False, "no_alternative"),
    ]


def test_a_model_that_knows_no_instructions_says_so(client: httpx.Client, engine: StandIn) -> None:
    assert client.get("/v1/hello").json()["instructions"] is False
    answer = ask(client, instruction="make it asynchronous")
    assert (answer["outcome"], answer["reason"]) == ("withheld", "no_instructions")
    assert "instructions" in answer["detail"]
    assert engine.completions() == []


CHOICE = (
    '{"choices": [{"index": 0, "text": "x", "prompt_token_ids": [1], "token_ids": null, '
    '"logprobs": {"token_logprobs": [-1.0]}, "finish_reason": "stop"}]}'
)


@pytest.mark.parametrize("raw", [CHOICE, f"data: {CHOICE}\n\n", "{}", "[]", "7", "", "data: {"])
def test_an_engine_that_talks_nonsense_is_a_failure(
    client: httpx.Client, engine: StandIn, raw: str
) -> None:
    engine.answer(raw=raw)
    answer = client.post("/v1/suggest", json=suggestion())
    assert answer.status_code == httpx.codes.OK, answer.text
    assert (answer.json()["outcome"], answer.json()["reason"]) == ("failed", "engine_down")
