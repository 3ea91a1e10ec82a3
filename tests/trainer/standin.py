"""A gateway for tests where vLLM is absent: real HTTP, real sampling by torch, states in memory.

Knows the trainer's routes. It keeps what it was told, so that a test can ask. The real gateway
with the real vLLM runs the same cycle in tests/e2e.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from feedback_store.events import Hello, RolloutRequest, RolloutResponse
from trainer.sampler import Sampling
from trainer.torch_sampler import TorchSampler

from .made import PROFILE


@dataclass
class StandIn:
    """What the gateway knows and was told."""

    data: Path
    sampler: TorchSampler | None = None
    base_model: str = PROFILE.name
    ready: list[dict[str, Any]] = field(default_factory=list)
    """Manifests of batches that an export hands out, in order."""
    batches: dict[int, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=dict)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    failing: list[int] = field(default_factory=list)
    """Statuses that the next calls are answered with."""
    refused_by_hand: bool = False
    """Whether an administrator refuses each candidate before the gate decides."""
    samples_left: int | None = None
    """Sampling requests that are still answered; then the engine is away. None is no limit."""
    turn: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Return status and body."""
        self.calls.append(f"{method} {path}")
        if self.failing:
            return self.failing.pop(0), {"title": "no", "detail": "not now"}
        parts = path.strip("/").split("/")[1:]
        handler = getattr(self, f"_{method.lower()}_{parts[0]}")
        return handler(parts[1:], body)

    def _get_hello(self, _: list[str], __: dict[str, Any]) -> tuple[int, Any]:
        hello = Hello(
            version="0", wire_versions=(1,), policy_version=None, base_model=self.base_model,
            region_lines=10, prefix_lines=12, suffix_lines=6, recent_edits=3, feedback_level="full",  # type: ignore[arg-type]
        )  # fmt: skip
        return 200, hello.model_dump(mode="json")

    def _info(self, name: str) -> dict[str, Any]:
        return {"name": name, "status": self.policies[name], "parent": None, "loaded": True}

    def _get_policies(self, _: list[str], __: dict[str, Any]) -> tuple[int, Any]:
        return 200, [self._info(name) for name in self.policies]

    def _post_policies(self, rest: list[str], body: dict[str, Any]) -> tuple[int, Any]:
        if not rest:
            self._load("adapters", body["name"], "candidate")
            return 201, self._info(body["name"])
        name, action = rest
        if action == "decision" and self.refused_by_hand:
            self.policies[name] = "refused"
            return 409, {"detail": f"{name} is refused; only a candidate is decided on"}
        if action == "decision":
            self.decisions.append(body)
        if action == "promote" or body["passed"]:
            for other in [n for n, status in self.policies.items() if status == "live"]:
                self.policies[other] = "previous"
            self.policies[name] = "live"
        else:
            self.policies[name] = "refused"
        return 200, self._info(name)

    def _post_snapshots(self, _: list[str], body: dict[str, Any]) -> tuple[int, Any]:
        self._load("snapshots", body["name"], "snapshot")
        return 201, self._info(body["name"])

    def _delete_snapshots(self, rest: list[str], _: dict[str, Any]) -> tuple[int, Any]:
        self.policies[rest[0]] = "retired"
        return 200, self._info(rest[0])

    def _post_rollouts(self, _: list[str], body: dict[str, Any]) -> tuple[int, Any]:
        request = RolloutRequest.model_validate(body)
        assert self.sampler is not None
        if self.samples_left == 0:
            return 500, {"title": "Engine down", "detail": "the engine is away"}
        if self.samples_left is not None:
            self.samples_left -= 1
        sampling = Sampling(
            request.samples, request.max_tokens, request.temperature, 1, request.stop_token_ids
        )
        groups = self.sampler.sample(request.policy, request.prompts, sampling)
        answer = RolloutResponse(
            policy=request.policy, engine="torch", groups=tuple(tuple(group) for group in groups)
        )
        return 200, answer.model_dump(mode="json")

    def _get_batches(self, _: list[str], __: dict[str, Any]) -> tuple[int, Any]:
        return 200, list(self.batches.values())

    def _post_batches(self, rest: list[str], body: dict[str, Any]) -> tuple[int, Any]:
        if rest:
            self.batches[int(rest[0])].update(state=body["state"], policy=body["policy"])
            return 204, None
        waiting = self.ready[0]["items"] if self.ready else 0
        if waiting < body["min_items"]:
            return 200, {"reason": "too_little", "ready": waiting}
        found = self.ready.pop(0)
        number = found["number"]
        self.batches[number] = {"number": number, "items": found["items"], "state": "new"}
        return 201, found

    def _load(self, kind: str, name: str, status: str) -> None:
        if self.sampler is not None:
            self.sampler.offer(self.data / kind / name)
        self.policies[name] = status


@contextmanager
def served(stand_in: StandIn) -> Iterator[str]:
    """Serve it on a free port of loopback; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            with stand_in.turn:
                status, answer = stand_in.answer(self.command, self.path, body)
            payload = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_DELETE = _serve

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
