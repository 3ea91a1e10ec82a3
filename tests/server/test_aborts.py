"""Whoever hangs up ends vLLM's work, by vLLM's own counters.

What is hung up on is asked behind more samples than vLLM works on at once, which keep it busy for a
long time, so that it cannot be through before; none may count as finished, and all must leave.
"""

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.config import ServerSettings
from server.engine.record import EngineRecord
from tests.server.samples import suggestion
from tests.server.serving import gateway, wait_for

pytestmark = pytest.mark.engine

PATIENCE_S = 120.0
PROMPT = "x = 1\n" * 40
"""Repeats itself, and so does its answer, to the last token that it may have."""
POKE = {"model": "hone-tiny", "prompt": "x", "max_tokens": 1}
SAMPLES, PROMPTS = 64, 3
CROWD = SAMPLES * PROMPTS
"""More than the 128 that vLLM works on at once on a CPU, for longer than the test takes."""
AT_ONCE = 4

Ask = tuple[str, dict[str, Any]]
EDIT: Ask = ("/v1/suggest", suggestion(deadline_ms=1000 * PATIENCE_S))
WHOLE: Ask = ("/v1/completions", {"prompt": PROMPT, "max_tokens": 400})
STREAM: Ask = ("/v1/completions", {"prompt": PROMPT, "max_tokens": 400, "stream": True})


class Counters:
    """What vLLM says of itself at /metrics."""

    def __init__(self, engine: EngineRecord) -> None:
        headers = {"Authorization": f"Bearer {engine.key}"}
        self._http = httpx.Client(base_url=engine.url, headers=headers, timeout=PATIENCE_S)
        self.pokes = 0

    def _sum(self, name: str, labels: str = "") -> int:
        text = self._http.get("/metrics").raise_for_status().text
        pattern = rf"^vllm:{name}\{{.*{labels}.*\}} (\S+)$"
        found = re.findall(pattern, text, flags=re.MULTILINE)
        assert found, f"vLLM does not count {name}"
        return int(sum(map(float, found)))

    def in_flight(self) -> int:
        """Requests that it computes or that wait for it."""
        return self._sum("num_requests_running") + self.waiting()

    def waiting(self) -> int:
        """Requests that it has no room for yet."""
        return self._sum("num_requests_waiting")

    def idle(self) -> bool:
        """Whether it has nothing to do. It counts only while it computes, so it gets a token."""
        self._http.post("/v1/completions", json=POKE).raise_for_status()
        self.pokes += 1
        return self.in_flight() == 0

    def finished(self) -> int:
        """Answers that came to their end, pokes aside."""
        ended = "|".join(f'finished_reason="{reason}"' for reason in ("stop", "length"))
        return self._sum("request_success_total", f"(?:{ended})") - self.pokes

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def counters(vllm: EngineRecord) -> Iterator[Counters]:
    found = Counters(vllm)
    wait_for(found.idle)
    yield found
    found.close()


@pytest.fixture
def url(vllm: EngineRecord, tmp_path: Path) -> Iterator[str]:
    """A gateway that uses the run's vLLM, and lets answers take their time."""
    settings = ServerSettings.model_validate(
        {
            "data": {"folder": tmp_path},
            "engine": {"managed": False, "url": vllm.url, "key": vllm.key},
            "suggest": {"holdout_share": 0.0, "max_deadline_ms": 1000 * PATIENCE_S},
        }
    )
    with gateway(settings) as client:
        yield str(client.base_url)


@contextmanager
def asking(url: str, ask: Ask, times: int) -> Iterator[Callable[[], None]]:
    """Ask so often at once, and read nothing; yield what hangs up on all of them."""
    connections = [_sent(httpx.URL(url), *ask) for _ in range(times)]

    def hang_up() -> None:
        for one in connections:
            one.close()

    try:
        yield hang_up
    finally:
        hang_up()


def _sent(url: httpx.URL, path: str, body: dict[str, Any]) -> socket.socket:
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {url.host}\r\nContent-Type: application/json\r\n"
    one = socket.create_connection((url.host, url.port or 80))
    one.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
    return one


def test_hanging_up_ends_vllms_work(vllm: EngineRecord, url: str, counters: Counters) -> None:
    headers = {"Authorization": f"Bearer {vllm.key}"}
    asked = httpx.post(f"{vllm.url}/tokenize", json={"prompt": PROMPT}, headers=headers)
    tokens = asked.raise_for_status().json()["tokens"]
    samples = {"policy": None, "prompts": [tokens] * PROMPTS, "samples": SAMPLES}
    crowd: Ask = ("/v1/rollouts", samples | {"max_tokens": 1500, "temperature": 0.01})
    before = counters.finished()
    with asking(url, crowd, 1) as end_crowd:
        wait_for(lambda: counters.in_flight() == CROWD, PATIENCE_S)
        assert counters.waiting() > AT_ONCE
        for ask in (EDIT, WHOLE, STREAM):
            with asking(url, ask, AT_ONCE) as hang_up:
                wait_for(lambda: counters.in_flight() == CROWD + AT_ONCE, PATIENCE_S)
                hang_up()
                wait_for(lambda: counters.in_flight() == CROWD, PATIENCE_S)
        end_crowd()
        wait_for(counters.idle, PATIENCE_S)
    assert counters.finished() == before
