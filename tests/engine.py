"""The one real vLLM of a test run, on the embedded model, with the gateway's own start code.

Knows how it is started and ended. Tests that use it are marked `engine`. It is shared, so a test
loads adapters under names of its own.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.app import this_machine
from server.config import EMBEDDED_MODELS, EngineSettings
from server.engine import process
from server.engine.flags import launch
from server.engine.record import EngineRecord
from server.prompts.profiles import profile_for

START_TIMEOUT_S = 600.0
STOP_TIMEOUT_S = 20.0


@pytest.fixture(scope="session")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineRecord]:
    """A running vLLM: `url`, `key`, `pid`. Warm, so that no test pays for its first request."""
    folder: Path = tmp_path_factory.mktemp("vllm")
    settings = EngineSettings()
    model = EMBEDDED_MODELS / settings.profile
    record = process.spawn(
        launch(settings, profile_for(settings.profile), model, this_machine()),
        folder / "engine.json",
        folder / "engine.log",
    )
    try:
        ready = process.wait_ready(record, folder / "engine.log", START_TIMEOUT_S)
        asyncio.run(ready)
        asyncio.run(process.warm_up(record, settings.profile, START_TIMEOUT_S))
        yield record
    finally:
        asyncio.run(process.end(record, STOP_TIMEOUT_S))


@pytest.fixture(scope="session")
def vllm_url(vllm: EngineRecord) -> str:
    """The address of the run's vLLM; its key is `vllm.key`."""
    return vllm.url


@pytest.fixture(scope="session")
def vllm_env(vllm: EngineRecord) -> dict[str, str]:
    """What a gateway's environment needs to use the run's vLLM instead of starting one."""
    return {
        "HONE_SERVER_ENGINE__MANAGED": "false",
        "HONE_SERVER_ENGINE__URL": vllm.url,
        "HONE_SERVER_ENGINE__KEY": vllm.key,
    }
