"""A desk for each test."""

from pathlib import Path

import pytest

from tests.e2e.editors.desk import Desk
from tests.e2e.stack import Gateway
from tests.server.serving import StandIn


@pytest.fixture
def desk(running: Gateway, engine: StandIn, tmp_path: Path) -> Desk:
    return Desk(running, engine, tmp_path / "user")
