"""Type, suggestion, accept, settle, export, one training step, adapter, answers by the new one."""

from pathlib import Path

import pytest

from tests.e2e.loop import learn_once
from tests.e2e.stack import Gateway


@pytest.mark.engine
def test_the_loop_closes(real: Gateway, tmp_path: Path) -> None:
    learn_once(real, tmp_path)
