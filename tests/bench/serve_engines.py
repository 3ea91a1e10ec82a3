"""Several real vLLMs at the same time, started as the gateway starts its own, for `serve_edits`.

Knows the engines' settings, an adapter that changes nothing, and vLLM's counters. Does not know
what is asked.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import psutil

from server.app import this_machine
from server.config import EMBEDDED_MODELS, EngineSettings
from server.engine import process
from server.engine.client import EngineClient
from server.engine.flags import launch
from server.engine.record import EngineRecord
from server.engine.wire import Body, Lines, Wire
from server.prompts.profile import ModelProfile
from trainer.model import load_policy, write_adapter, zero_state
from trainer.progress import Display

START_S, STOP_S = 600.0, 20.0
NO_CACHE = ("--no-enable-prefix-caching",)
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "nothing": {"speculate": False, "extra_args": NO_CACHE},
    "prefix_caching": {"speculate": False},
    "ngram": {"extra_args": NO_CACHE},
    "shipped": {},
}
ALIKE = {"kv_cache_mib": 256, "gpu_memory_share": 0.2}
"""So that all of them fit the machine."""
COUNTERS = {
    "prefix_cache_hit": ("vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total"),
    "draft_accepted": (
        "vllm:spec_decode_num_accepted_tokens_total",
        "vllm:spec_decode_num_draft_tokens_total",
    ),
}


class SaltedWire(Wire):
    """Salts whatever asks for a completion."""

    def __init__(self, record: EngineRecord, salt: str) -> None:
        super().__init__(record.url, record.key)
        self._salt = salt

    async def send(self, method: str, path: str, body: Body, timeout_s: float) -> bytes:
        """As `Wire` does."""
        return await super().send(method, path, self._salted(path, body), timeout_s)

    def stream(self, path: str, body: Body, timeout_s: float) -> Lines:
        """As `Wire` does."""
        return super().stream(path, self._salted(path, body), timeout_s)

    def _salted(self, path: str, body: Body) -> Body:
        if body is None or not path.endswith("completions"):
            return body
        return {**body, "cache_salt": self._salt}


class Salted(EngineClient):
    """A client whose prompts share the prefix cache with no other client's."""

    def __init__(self, record: EngineRecord, salt: str) -> None:
        super().__init__(record.url, record.key)
        self._wire = SaltedWire(record, salt)


class Engines:
    """All engines of a run: up within the block, and gone behind it."""

    def __init__(
        self,
        folder: Path,
        profile: ModelProfile,
        model: Path | None,
        names: Sequence[str],
        display: Display,
    ) -> None:
        self._folder, self._profile, self._names = folder, profile, names
        self._model = model or EMBEDDED_MODELS / profile.name
        self._display = display
        self._records: dict[str, EngineRecord] = {}
        self._clients: dict[tuple[str, str], Salted] = {}
        self._processes: dict[str, list[psutil.Process]] = {}

    async def __aenter__(self) -> "Engines":
        adapter = self._folder / "adapter"
        adapter.mkdir(parents=True)
        policy = load_policy(self._model, self._profile, "cpu")
        write_adapter(zero_state(policy), self._profile, adapter)
        try:
            with self._display.phase("starting engines", len(self._names)) as advance:
                for name in self._names:
                    self._records[name] = self._spawn(name)
                for name, record in self._records.items():
                    await process.wait_ready(record, self._log(name), START_S)
                    await process.warm_up(record, self._profile.name, START_S)
                    await self.client(name, "").load_adapter("adapter", adapter)
                    advance(1, name)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    def client(self, engine: str, salt: str) -> EngineClient:
        """Return the client of one engine for one way of asking."""
        if (engine, salt) not in self._clients:
            self._clients[engine, salt] = Salted(self._records[engine], salt or "none")
        return self._clients[engine, salt]

    def cpu_s(self, engine: str) -> float:
        """Return the CPU time that an engine's processes have taken so far, in seconds."""
        if engine not in self._processes:
            first = psutil.Process(self._records[engine].pid)
            self._processes[engine] = [first, *first.children(recursive=True)]
        times = [one.cpu_times() for one in self._processes[engine]]
        return sum(one.user + one.system for one in times)

    async def counters(self) -> dict[str, dict[str, float]]:
        """Return, by engine, what share caches held of prompts, and drafts got right of tokens."""
        return {name: await self._counted(record) for name, record in self._records.items()}

    async def _counted(self, record: EngineRecord) -> dict[str, float]:
        headers = {"Authorization": f"Bearer {record.key}"}
        async with httpx.AsyncClient(headers=headers, trust_env=False) as http:
            told = (await http.get(f"{record.url}/metrics")).raise_for_status()
        values = {
            line.split("{")[0]: float(line.rsplit(" ", 1)[1])
            for line in told.text.splitlines()
            if line and not line.startswith("#")
        }
        return {
            name: values[part] / values[whole]
            for name, (part, whole) in COUNTERS.items()
            if values.get(whole)
        }

    def _spawn(self, name: str) -> EngineRecord:
        profile = self._profile
        settings = EngineSettings.model_validate(
            {"profile": profile.name} | ALIKE | dict(SETTINGS[name])
        )
        command = launch(settings, profile, self._model, this_machine())
        return process.spawn(command, self._folder / f"{name}.json", self._log(name))

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    async def _end(self) -> None:
        for client in self._clients.values():
            await client.close()
        await asyncio.gather(*(process.end(one, STOP_S) for one in self._records.values()))


def device_of() -> str:
    """Say in words what the engines compute on."""
    machine = this_machine()
    if not machine.has_gpu:
        return f"CPU, {machine.cores} cores"
    import torch

    return f"CUDA, {torch.cuda.get_device_name()}"
