"""Gateways for the end-to-end tests: on a stand-in engine, and on the run's one real vLLM."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.engine.record import EngineRecord
from tests.e2e.stack import Gateway, gateway, on_shared_engine
from tests.server.serving import ENGINE_KEY, StandIn, stand_in


@pytest.fixture
def engine() -> Iterator[StandIn]:
    """A stand-in engine with an empty history, where what a model says does not matter."""
    with stand_in() as running:
        yield running


@pytest.fixture
def running(engine: StandIn, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway on the stand-in."""
    env = {
        "HONE_SERVER_ENGINE__MANAGED": "false",
        "HONE_SERVER_ENGINE__URL": engine.url,
        "HONE_SERVER_ENGINE__KEY": ENGINE_KEY,
    }
    with gateway(tmp_path, env) as started:
        yield started


@pytest.fixture
def real(vllm: EngineRecord, vllm_env: dict[str, str], tmp_path: Path) -> Iterator[Gateway]:
    """A gateway on the run's vLLM."""
    with on_shared_engine(tmp_path, vllm, vllm_env) as started:
        yield started
