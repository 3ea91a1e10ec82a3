"""The gateway as the trainer sees it: one client for all of its routes.

Knows paths, the credential and how refusals read. Does not know what the answers are used for.
Calls that change nothing, and those that are harmless when repeated, are tried again for a while
when the gateway or its engine is away.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from feedback_store.events import (
    Decision,
    Hello,
    PolicyInfo,
    RolloutRequest,
    RolloutResponse,
)
from trainer.config import GatewaySection

RETRY_STATUSES = frozenset({429, 502, 503, 504})
RETRY_FOR_S = 180.0
"""A vLLM that died is back within this, with its adapters."""
FIRST_WAIT_S = 0.5
MORE_THAN_ANY = 2**31 - 1
"""A batch that asks for so many suggestions is never made; the answer says how many there are."""
LONGEST_WAIT_S = 10.0

T = TypeVar("T")


class GatewayError(Exception):
    """The gateway refused or could not be reached; the message says what to do."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Gateway:
    """Calls the gateway. Close it, or use it as a context manager."""

    def __init__(
        self,
        settings: GatewaySection,
        sleep: Callable[[float], None] = time.sleep,
        retry_for_s: float = RETRY_FOR_S,
    ) -> None:
        transport = httpx.HTTPTransport(uds=str(settings.socket)) if settings.socket else None
        headers = {"Authorization": f"Bearer {settings.key}"} if settings.key else {}
        # trust_env off: a proxy from the environment would be a host nobody configured.
        self._http = httpx.Client(
            base_url=settings.url, headers=headers, transport=transport, trust_env=False,
            timeout=settings.timeout_s,
        )  # fmt: skip
        self._settings, self._sleep, self._retry_for_s = settings, sleep, retry_for_s

    def __enter__(self) -> "Gateway":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def hello(self) -> Hello:
        """Return what the gateway says of itself."""
        return Hello.model_validate(self._call("GET", "/v1/hello"))

    def status(self) -> dict[str, Any]:
        """Return the gateway's state and counts."""
        return self._call("GET", "/v1/status")

    def policies(self) -> list[PolicyInfo]:
        """Return all policy versions."""
        return [PolicyInfo.model_validate(found) for found in self._call("GET", "/v1/policies")]

    def live(self) -> PolicyInfo | None:
        """Return the version that answers editors; None is the base model."""
        return next((policy for policy in self.policies() if policy.status == "live"), None)

    def register(self, name: str) -> PolicyInfo:
        """Let the gateway verify and load a published adapter as a candidate."""
        return PolicyInfo.model_validate(self._call("POST", "/v1/policies", {"name": name}))

    def decide(self, decision: Decision) -> PolicyInfo:
        """Store a gate's decision; a passed candidate is live afterwards."""
        path = f"/v1/policies/{decision.policy}/decision"
        # Not repeated: a decision that arrived already would be refused as no candidate's.
        body = decision.model_dump(mode="json")
        return PolicyInfo.model_validate(self._call("POST", path, body, retry=False))

    def promote(self, name: str) -> PolicyInfo:
        """Make an untrained adapter live."""
        return PolicyInfo.model_validate(self._call("POST", f"/v1/policies/{name}/promote"))

    def load_snapshot(self, name: str) -> PolicyInfo:
        """Load a published rollout snapshot."""
        return PolicyInfo.model_validate(self._call("POST", "/v1/snapshots", {"name": name}))

    def drop_snapshot(self, name: str) -> None:
        """Unload a rollout snapshot."""
        self._call("DELETE", f"/v1/snapshots/{name}")

    def rollouts(self, request: RolloutRequest) -> RolloutResponse:
        """Sample; waits as long as the rollout timeout allows."""
        body = request.model_dump(mode="json")
        answer = self._call("POST", "/v1/rollouts", body, timeout=self._settings.rollout_timeout_s)
        return RolloutResponse.model_validate(answer)

    def batches(self) -> list[dict[str, Any]]:
        """Return all batches with their state: `new`, `offered` or `spent`."""
        return self._call("GET", "/v1/batches")

    def export_batch(self, min_items: int, max_items: int) -> dict[str, Any]:
        """Export what is ready: the manifest with `folder`, or `{"reason", "ready"}`."""
        body = {"min_items": min_items, "max_items": max_items}
        return self._call("POST", "/v1/batches", body, retry=False)

    def ready_items(self) -> int:
        """Return how many suggestions are ready for the next batch, without exporting one."""
        return int(self.export_batch(MORE_THAN_ANY, MORE_THAN_ANY).get("ready", 0))

    def set_batch_state(self, number: int, state: str, policy: str | None) -> None:
        """Say that a batch was `spent` by a policy or is `offered` again."""
        body = {"state": state, "policy": policy}
        self._call("POST", f"/v1/batches/{number}/state", body)

    def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        timeout: float | None = None,
        retry: bool = True,
    ) -> Any:
        until, wait = time.monotonic() + self._retry_for_s, FIRST_WAIT_S
        while True:
            try:
                return self._once(method, path, body, timeout)
            except GatewayError as error:
                again = error.status is None or error.status in RETRY_STATUSES
                if not (retry and again) or time.monotonic() + wait > until:
                    raise
            self._sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)

    def _once(
        self, method: str, path: str, body: dict[str, Any] | None, timeout: float | None
    ) -> Any:
        limit = timeout or self._settings.timeout_s
        try:
            response = self._http.request(method, path, json=body, timeout=limit)
        except httpx.HTTPError as error:
            where = self._settings.socket or self._settings.url
            raise GatewayError(
                f"no gateway answers at {where} ({type(error).__name__}: {error}); "
                "start hone-server or set [gateway] url"
            ) from error
        if response.is_success:
            return response.json() if response.content else None
        raise GatewayError(f"{method} {path}: {_detail(response)}", response.status_code)


def _detail(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and (body.get("detail") or body.get("title")):
        return f"{response.status_code} {body.get('detail') or body.get('title')}"
    return f"{response.status_code} {response.text[:200]}"
