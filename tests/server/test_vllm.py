"""The gateway in front of real vLLM: suggestions, adapters, sampling, and what aborts."""

import math
import os
import signal
import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from feedback_store.events import EditContext
from server.config import ServerSettings
from server.engine.answer import CONVERGED
from server.engine.client import EngineClient, Sampling
from server.engine.record import EngineRecord
from server.prompts.profiles import profile_for
from tests.server.adapters import publish_adapter
from tests.server.samples import CONTEXT, suggestion
from tests.server.serving import gateway

pytestmark = pytest.mark.engine

END = 8
"""The id of <|end|> in hone-tiny's vocabulary."""
PATIENCE_MS = 10_000.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gateway's data folder, with versions under names of this module's own."""
    data = tmp_path_factory.mktemp("data")
    publish_adapter(data / "adapters", "gw-zero")
    publish_adapter(data / "adapters", "gw-strong", b=0.05)
    for number in range(1, 6):
        publish_adapter(data / "snapshots", f"rollout-gw-{number}", b=0.05, kind="snapshot")
    return data


@pytest.fixture(scope="module")
def client(vllm: EngineRecord, folder: Path) -> Iterator[httpx.Client]:
    """A gateway that uses the run's vLLM."""
    settings = ServerSettings.model_validate(
        {
            "data": {"folder": folder},
            "engine": {"managed": False, "url": vllm.url, "key": vllm.key},
            "suggest": {"holdout_share": 0.0},
        }
    )
    with gateway(settings) as running:
        running.timeout = httpx.Timeout(120.0)
        yield running


def post(client: httpx.Client, path: str, body: Any = None) -> Any:
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def prompt(vllm: EngineRecord) -> list[int]:
    """The tokens of a real edit prompt, whose answer mostly repeats it, so that drafts are made."""
    profile = profile_for("hone-tiny")
    text = profile.format.render(EditContext.model_validate(CONTEXT), profile.budget)
    asked = {"json": {"prompt": text}, "headers": {"Authorization": f"Bearer {vllm.key}"}}
    tokens = httpx.post(f"{vllm.url}/tokenize", **asked).json()["tokens"]
    assert len(tokens) > 50
    return tokens


def sample(
    client: httpx.Client, prompt: list[int], policy: str | None, **changes: Any
) -> list[dict[str, Any]]:
    """Return the answers to one prompt."""
    body = {"policy": policy, "prompts": [prompt], "stop_token_ids": [END], "max_tokens": 120}
    groups = post(client, "/v1/rollouts", body | changes)["groups"]
    assert len(groups) == 1
    return groups[0]


def test_a_real_answer_parses_or_says_why(client: httpx.Client) -> None:
    answer = post(client, "/v1/suggest", suggestion(deadline_ms=PATIENCE_MS))
    assert (answer["new_region"] is None) == (answer["outcome"] is not None)
    assert answer["outcome"] != "failed", answer
    if answer["new_region"] is not None:
        assert answer["new_region"] != CONTEXT["region"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models"),
        ("POST", "/invocations"),
        ("POST", "/adapters"),
        ("DELETE", "/adapters/gw-zero"),
        ("POST", "/tokenize"),
        ("POST", "/detokenize"),
        ("POST", "/scale_elastic_ep"),
        ("GET", "/ping"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("GET", "/health/../v1/models"),
        ("GET", "//health"),
    ],
)
def test_the_key_guards_vllm(vllm: EngineRecord, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer another"}):
        answer = httpx.request(method, vllm.url + path, headers=headers)
        assert answer.status_code == httpx.codes.UNAUTHORIZED


def test_whether_vllm_lives_anybody_may_ask(vllm: EngineRecord) -> None:
    assert httpx.get(f"{vllm.url}/health").status_code == httpx.codes.OK


def test_token_ids_and_log_probs_come_in_pairs(client: httpx.Client, prompt: list[int]) -> None:
    for answer in sample(client, prompt, None, samples=4, seed=1):
        assert len(answer["token_ids"]) == len(answer["logprobs"])
        assert all(value <= 0 for value in answer["logprobs"])
        assert (answer["token_ids"][-1] == END) == (answer["finish_reason"] == "stop")


def test_sampling_with_speculation_follows_the_model(vllm: EngineRecord, prompt: list[int]) -> None:
    """The likeliest token is drawn as often as the model says, also where drafts were judged.

    vLLM 0.32 on a CPU judged drafts at a random temperature until `vllm_main` repaired it: every
    fifth sampled token was then one to which the model gives less than e^-12.
    """
    body = {
        "model": "hone-tiny",
        "prompt": prompt,
        "n": 64,
        "max_tokens": 20,
        "ignore_eos": True,
        "temperature": 1.0,
        "logprobs": 1,
        "seed": 5,
    }
    headers = {"Authorization": f"Bearer {vllm.key}"}
    answer = httpx.post(f"{vllm.url}/v1/completions", json=body, headers=headers, timeout=120.0)
    drawn: list[bool] = []
    likeliest: list[float] = []
    absurd = 0
    for choice in answer.json()["choices"]:
        found = choice["logprobs"]
        for own, top in zip(found["token_logprobs"], found["top_logprobs"], strict=True):
            highest = max(top.values())
            drawn.append(own == highest)
            likeliest.append(math.exp(highest))
            absurd += own < -12
    deviation = math.sqrt(sum(p * (1 - p) for p in likeliest))
    assert len(drawn) > 500
    assert abs(sum(drawn) - sum(likeliest)) < 4 * deviation
    assert absurd / len(drawn) < 0.02


def test_greedy_rollouts_agree_with_each_other(client: httpx.Client, prompt: list[int]) -> None:
    first, second = (
        sample(client, prompt, None, samples=1, temperature=0.0),
        sample(client, prompt, None, samples=1, temperature=0.0),
    )
    assert first[0]["token_ids"] == second[0]["token_ids"]


def test_versions_load_serve_flip_and_roll_back(client: httpx.Client, prompt: list[int]) -> None:
    base = sample(client, prompt, None, samples=1, temperature=0.0)[0]
    assert post(client, "/v1/policies", {"name": "gw-zero"})["loaded"]
    assert post(client, "/v1/policies", {"name": "gw-strong"})["loaded"]
    zero = sample(client, prompt, "gw-zero", samples=1, temperature=0.0)[0]
    strong = sample(client, prompt, "gw-strong", samples=1, temperature=0.0)[0]
    assert zero["token_ids"] == base["token_ids"]
    assert zero["logprobs"] == pytest.approx(base["logprobs"], abs=1e-3)
    gap = abs(statistics.fmean(strong["logprobs"]) - statistics.fmean(base["logprobs"]))
    assert strong["token_ids"] != base["token_ids"] or gap > 1e-3
    post(client, "/v1/policies/gw-zero/promote")
    asked = suggestion(deadline_ms=PATIENCE_MS)
    assert post(client, "/v1/suggest", asked)["policy_version"] == "gw-zero"
    verdict = {"policy": "gw-strong", "passed": True, "why": "a test", "inputs": {}}
    post(client, "/v1/policies/gw-strong/decision", verdict)
    assert post(client, "/v1/suggest", asked)["policy_version"] == "gw-strong"
    post(client, "/v1/rollback")
    assert post(client, "/v1/suggest", asked)["policy_version"] == "gw-zero"


def test_a_snapshot_serves_until_it_is_dropped(client: httpx.Client, prompt: list[int]) -> None:
    assert post(client, "/v1/snapshots", {"name": "rollout-gw-1"})["loaded"]
    assert len(sample(client, prompt, "rollout-gw-1", samples=2, max_tokens=8)) == 2
    client.delete("/v1/snapshots/rollout-gw-1").raise_for_status()
    refused = client.post(
        "/v1/rollouts", json={"policy": "rollout-gw-9", "prompts": [[9]], "samples": 1}
    )
    assert refused.status_code == httpx.codes.NOT_FOUND


def test_the_base_stays_itself_beside_four_adapters(
    client: httpx.Client, prompt: list[int]
) -> None:
    """vLLM 0.32 on a CPU gives a token without an adapter the weights in the last slot."""
    alone = sample(client, prompt, None, samples=1, temperature=0.0)[0]
    names = [f"rollout-gw-{number}" for number in range(2, 6)]
    for name in names:
        assert post(client, "/v1/snapshots", {"name": name})["loaded"]
        changed = sample(client, prompt, name, samples=1, temperature=0.0)[0]
        assert changed["logprobs"] != pytest.approx(alone["logprobs"], abs=1e-3)
    with ThreadPoolExecutor() as pool:
        busy = pool.submit(sample, client, prompt, names[0], samples=32)
        beside = []
        while not busy.done():
            beside += sample(client, prompt, None, samples=1, temperature=0.0)
    for name in names:
        client.delete(f"/v1/snapshots/{name}").raise_for_status()
    assert beside
    for answer in beside:
        assert answer["token_ids"] == alone["token_ids"]
        assert answer["logprobs"] == pytest.approx(alone["logprobs"], abs=1e-3)


def test_a_deadline_is_kept_when_the_engine_stalls(
    client: httpx.Client, vllm: EngineRecord
) -> None:
    os.killpg(vllm.pid, signal.SIGSTOP)
    try:
        answer = post(client, "/v1/suggest", suggestion(deadline_ms=300.0))
    finally:
        os.killpg(vllm.pid, signal.SIGCONT)
    assert (answer["outcome"], answer["reason"]) == ("failed", "deadline")


async def test_a_streamed_answer_is_the_same_and_ends_when_told(vllm: EngineRecord) -> None:
    engine = EngineClient(vllm.url, vllm.key)
    text = "x = 1\n" * 40  # repeats itself, as the answer does to its last token, also by drafts
    short, long = Sampling(60), Sampling(1500)
    try:
        (whole,) = await engine.complete("hone-tiny", text, short, PATIENCE_MS)
        same = await engine.complete_until("hone-tiny", text, short, PATIENCE_MS, lambda _: False)
        before = await _generated(engine, vllm)
        cut = await engine.complete_until("hone-tiny", text, long, PATIENCE_MS, bool)
        assert await _generated(engine, vllm) - before < long.max_tokens / 2
    finally:
        await engine.close()
    assert replace(same, logprobs=()) == replace(whole, logprobs=())
    assert same.logprobs == pytest.approx(whole.logprobs, abs=1e-3)
    assert cut.finish_reason == CONVERGED
    assert len(cut.logprobs) == len(cut.token_ids) > 0
    assert cut.token_ids == whole.token_ids[: len(cut.token_ids)]
    assert whole.text.startswith(cut.text)


async def _generated(engine: EngineClient, vllm: EngineRecord) -> float:
    """How many tokens vLLM has made when it has nothing left to do. It counts only while it
    computes, so it gets a token."""
    shown = {"Authorization": f"Bearer {vllm.key}"}
    async with httpx.AsyncClient(base_url=vllm.url, headers=shown) as http:
        while True:
            await engine.complete("hone-tiny", "x", Sampling(1), PATIENCE_MS)
            lines = (await http.get("/metrics")).text.splitlines()
            told = {line.split("{")[0]: float(line.split()[-1]) for line in lines if "{" in line}
            if told["vllm:num_requests_running"] == 0:
                return told["vllm:generation_tokens_total"]


def test_a_prompt_that_does_not_fit_is_a_clear_error(client: httpx.Client) -> None:
    body = {"policy": None, "prompts": [[9] * 2100], "samples": 1}
    refused = client.post("/v1/rollouts", json=body)
    assert refused.status_code in (httpx.codes.UNPROCESSABLE_ENTITY, httpx.codes.BAD_GATEWAY)
    assert "2048" in refused.json()["detail"]


def test_another_edit_is_sampled_beside_the_likeliest(client: httpx.Client) -> None:
    asked = {"deadline_ms": PATIENCE_MS, "trigger": "invoked"}
    first = post(client, "/v1/suggest", suggestion(**asked))
    assert 0.0 < first["confidence"] <= 1.0
    avoid = [first["new_region"] or CONTEXT["region"]]
    for _ in range(3):
        other = post(client, "/v1/suggest", suggestion(avoid=avoid, **asked))
        if other["new_region"] is None:
            assert other["reason"] == "no_alternative"
            assert other["detail"].startswith("8 answers: ")
            break
        assert other["new_region"] not in avoid
        avoid.append(other["new_region"])


def test_vllm_says_how_much_waits_in_it(client: httpx.Client) -> None:
    [replica] = client.get("/v1/status").json()["engine"]["replicas"]
    assert isinstance(replica["running"], int)
    assert isinstance(replica["waiting"], int)
