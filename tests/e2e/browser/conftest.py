"""What every test in a browser starts from."""

from pathlib import Path

import pytest

from tests.e2e.browser.desk import Desk
from tests.e2e.stack import Gateway


@pytest.fixture
def desk(running: Gateway, tmp_path: Path) -> Desk:
    return Desk(running, tmp_path / "user")
