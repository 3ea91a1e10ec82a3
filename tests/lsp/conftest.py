"""Real programs for the language server's tests: a stand-in gateway and an editor over stdio."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lsp.editor import Editor
from tests.lsp.standin import StandIn

FAST = {
    "HONE_LSP_SETTLING__QUIET_S": "0.4",
    "HONE_LSP_SETTLING__LONGEST_WAIT_S": "5",
    "HONE_LSP_SETTLING__HORIZONS_S": "0,0.1,0.3",
    "HONE_LSP_SUGGEST__DEADLINE_MS": "8000",
    "HONE_LSP_SUGGEST__DEBOUNCE_MS": "0",
}

Launch = Callable[..., Editor]


@pytest.fixture
def gateway() -> Iterator[StandIn]:
    standin = StandIn()
    standin.start()
    yield standin
    standin.stop()


@pytest.fixture
def environ(gateway: StandIn, tmp_path: Path) -> dict[str, str]:
    """A user's environment of its own, with short clocks."""
    return FAST | {
        "HONE_LSP_GATEWAY__URL": gateway.url,
        "HOME": str(tmp_path / "home"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def launch(workspace: Path, environ: dict[str, str]) -> Iterator[Launch]:
    """Start editors; whatever still runs at the end is shut down."""
    started: list[Editor] = []

    def start(*flags: str, **more: str) -> Editor:
        started.append(Editor(workspace, environ | more, *flags))
        return started[-1]

    yield start
    for editor in started:
        if editor.process.poll() is None:
            editor.shutdown()
        else:
            editor.close()


@pytest.fixture
def editor(launch: Launch) -> Editor:
    """An editor that has said hello."""
    started = launch()
    started.initialize()
    return started
