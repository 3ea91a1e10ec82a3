"""Fixtures of the gateway's tests: a stand-in engine, and a gateway in front of it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.server.serving import StandIn, gateway, settings_for, stand_in


@pytest.fixture
def engine() -> Iterator[StandIn]:
    """A stand-in engine with an empty history."""
    with stand_in() as running:
        yield running


@pytest.fixture
def client(engine: StandIn, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a ready gateway without keys, holdout or adapters."""
    with gateway(settings_for(tmp_path / "data", engine.url)) as running:
        yield running
