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
    # Most tests say what each question is answered; those on asking ahead switch it on.
    "HONE_LSP_SUGGEST__AHEAD": "false",
}

Launch = Callable[..., Editor]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one imaginary user."""
    folder = tmp_path_factory.mktemp("house")
    (folder / "workspace").mkdir()
    return folder


@pytest.fixture
def workspace(house: Path) -> Path:
    return house / "workspace"


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    started = StandIn()
    started.start()
    yield started
    started.stop()


@pytest.fixture
def gateway(standin: StandIn) -> Iterator[StandIn]:
    """The gateway, with nothing said and nothing seen."""
    standin.reset()
    standin.start()
    yield standin
    standin.reset()


def user(gateway: StandIn, house: Path) -> dict[str, str]:
    """A user's environment of its own, with short clocks."""
    return FAST | {
        "HONE_LSP_GATEWAY__URL": gateway.url,
        "HOME": str(house),
        "XDG_CONFIG_HOME": str(house / "config"),
        "XDG_STATE_HOME": str(house / "state"),
    }


@pytest.fixture
def launch(gateway: StandIn, tmp_path: Path) -> Iterator[Launch]:
    """Start editors for a user and a workspace of the test's own."""
    started: list[Editor] = []
    (tmp_path / "workspace").mkdir()

    def start(*flags: str, **more: str) -> Editor:
        environ = user(gateway, tmp_path) | more
        started.append(Editor(tmp_path / "workspace", environ, *flags))
        return started[-1]

    yield start
    for editor in started:
        if editor.process.poll() is None:
            editor.shutdown()
        else:
            editor.close()


@pytest.fixture(scope="module")
def running(standin: StandIn, house: Path) -> Iterator[Editor]:
    """One editor for all tests of a module that need no flags: starting takes seconds."""
    started = Editor(house / "workspace", user(standin, house))
    started.initialize()
    yield started
    started.shutdown()


@pytest.fixture
def editor(running: Editor, gateway: StandIn) -> Iterator[Editor]:
    """An editor with nothing open and nothing left over."""
    yield running
    running.close_documents()
    running.wait_delivered()
